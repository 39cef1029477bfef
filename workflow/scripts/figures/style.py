"""How every figure looks: widths of a journal's columns, colours that colour-blind readers can tell apart, captions."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm, to_hex, to_rgb
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter

SINGLE, DOUBLE = 3.4, 7.0  # widths in inches
RESOLUTION = 300

# Okabe and Ito's palette
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, RED, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY = "#6E6E6E"
# stronger tones for arrows, which fade with depth
FIELD_BLUE, FIELD_RED, FIELD_PURPLE = "#2166AC", "#C4161C", "#7B3294"

SERIES = (RED, BLUE, GREEN, PURPLE, ORANGE, SKY)
MARKERS = ("o", "s", "^", "D", "v", "P")
DIMENSION_COLOURS = {2: ORANGE, 3: BLUE, 4: GREEN}
COUNTS_MAP = "viridis"
RASTER_ABOVE = 2000  # points: a vector scatter larger than this is drawn as pixels inside the PDF

RC = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.labelsize": 8.5,
    "axes.titlesize": 8,
    "legend.fontsize": 7,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "mathtext.fontset": "dejavusans",
    "axes.linewidth": 0.6,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "xtick.minor.size": 1.6,
    "ytick.minor.size": 1.6,
    "lines.linewidth": 1.0,
    "lines.markersize": 3.5,
    "legend.frameon": True,
    "legend.framealpha": 0.75,
    "legend.edgecolor": "none",
    "legend.fancybox": False,
    "legend.handletextpad": 0.4,
    "legend.borderaxespad": 0.4,
    "legend.labelspacing": 0.3,
    "figure.dpi": 150,
    "savefig.dpi": RESOLUTION,
    "pdf.fonttype": 42,
}


def figure(width: float, height: float, rows: int = 1, columns: int = 1, **options):
    """A figure of `rows` x `columns` panels in the house style, `width` and `height` in inches."""
    plt.rcParams.update(RC)
    made, axes = plt.subplots(rows, columns, figsize=(width, height), squeeze=False, layout="constrained", **options)
    return made, axes


def groups_of_panels(width: float, height: float, rows: int, columns: int, panels: int):
    """A figure of rows x columns groups, each with its own row of `panels` and room for a legend of its own.

    Returns the figure and a list of (group, axes), group by group.
    """
    plt.rcParams.update(RC)
    made = plt.figure(figsize=(width, height), layout="constrained")
    groups = np.ravel(made.subfigures(rows, columns, squeeze=False))
    return made, [(group, group.subplots(1, panels, squeeze=False)[0]) for group in groups]


def field_panels(side: float, rows: int, columns: int, below: float = 0.0):
    """Square panels for vector fields, `side` inches wide, each with room for a title above and a line `below` it."""
    plt.rcParams.update(RC)
    head, gap = 0.24, 0.06
    width, height = columns * (side + gap) + gap, rows * (side + head + below) + gap
    made = plt.figure(figsize=(width, height))
    axes = np.empty((rows, columns), dtype=object)
    for row in range(rows):
        for column in range(columns):
            left, bottom = gap + column * (side + gap), height - (row + 1) * (side + head + below) + below
            axes[row, column] = made.add_axes((left / width, bottom / height, side / width, side / height))
    return made, axes


def panel_letter(axes, letter: str, inside: bool = False) -> None:
    """Write "(a)" at the panel's upper left corner, above it or inside."""
    place = dict(xy=(0, 1), xycoords="axes fraction", textcoords="offset points", fontsize=9, fontweight="bold")
    if inside:
        axes.annotate(f"({letter})", xytext=(4, -4), va="top", ha="left", **place)
    else:
        axes.annotate(f"({letter})", xytext=(0, 3), va="bottom", ha="left", **place)


def logarithmic(axes, x: bool = True, y: bool = True) -> None:
    """Logarithmic axes without labels on the minor ticks."""
    for wanted, axis, scale in ((x, axes.xaxis, axes.set_xscale), (y, axes.yaxis, axes.set_yscale)):
        if wanted:
            scale("log")
            axis.set_minor_locator(LogLocator(subs=np.arange(2, 10), numticks=50))
            axis.set_minor_formatter(NullFormatter())


def label_narrow_axis(axis, low: float, high: float, most: int = 4) -> None:
    """Plain numbers as ticks of a log axis that spans too little for powers of ten alone; at most `most` of them."""
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    if sum(low <= 10.0**power <= high for power in powers) >= 3 or low < 1e-4 or high > 5e4:
        return
    if high < 3 * low:
        ticks = MaxNLocator(most, steps=[1, 2, 5, 10]).tick_values(low, high)
        _set_ticks(axis, [tick for tick in ticks if low <= tick <= high])
        return
    for leading in ((1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        ticks = [m * 10.0**power for power in powers for m in leading if low <= m * 10.0**power <= high]
        # labels closer than a seventh of the axis would touch
        apart = all(b > a * (high / low) ** 0.15 for a, b in pairwise(ticks))
        if len(ticks) <= most and apart:
            break
    _set_ticks(axis, ticks)


def _set_ticks(axis, ticks) -> None:
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def limits(values: np.ndarray, margin: float = 0.06) -> tuple[float, float]:
    """Limits of a logarithmic axis that hold all positive values, with a margin on both sides."""
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values) & (values > 0)]
    if len(values) == 0:
        return 0.1, 10.0
    low, high = np.log10(values.min()), np.log10(values.max())
    pad = max(margin * (high - low), 0.08)
    return 10 ** (low - pad), 10 ** (high + pad)


def guide(axes, x: tuple[float, float], anchor: tuple[float, float], slope: float, text: str, shift=(3, 0)) -> None:
    """Dashed straight line of a power law through `anchor` between two abscissae, its slope written beside its end."""
    ends = np.array(x, dtype=float)
    heights = anchor[1] * (ends / anchor[0]) ** slope
    axes.plot(ends, heights, color=BLACK, lw=0.9, ls=(0, (4, 2)), zorder=5)
    middle = np.sqrt(ends[0] * ends[1])
    axes.annotate(
        text, (middle, anchor[1] * (middle / anchor[0]) ** slope), xytext=shift, textcoords="offset points",
        fontsize=8, zorder=6,
    )  # fmt: skip


def looks(count: int) -> list[tuple[str, str]]:
    """So many different pairs of colour and marker: after each round of colours the markers move on by one."""
    return [(SERIES[k % len(SERIES)], MARKERS[(k + k // len(SERIES)) % len(MARKERS)]) for k in range(count)]


def series_style(keys) -> dict:
    """Colour and marker of each member of a sorted series (box sizes, say)."""
    order = sorted(keys)
    return dict(zip(order, looks(len(order)), strict=True))


def temperature_colours(temperatures) -> dict[float, str]:
    """Colour of each parent temperature: from blue (deeply supercooled) over green to red (high), as in the paper.

    More than six are shades from dark violet over green to yellow, whose order colour-blind readers see, too.
    """
    order = sorted(temperatures)
    palette = {1: [RED], 2: [BLUE, RED], 3: [BLUE, GREEN, RED]}.get(len(order))
    palette = palette or [BLUE, SKY, GREEN, ORANGE, RED, PURPLE][: len(order)]
    if len(order) > len(palette):
        # its end is too pale on white
        palette = [to_hex(colour) for colour in plt.get_cmap(COUNTS_MAP)(np.linspace(0, 0.93, len(order)))]
    return dict(zip(order, palette, strict=True))


def shades(colour: str, count: int) -> list[tuple[float, float, float]]:
    """A colour in so many strengths, from pale to its own."""
    strengths = np.linspace(0.45, 1.0, count) if count > 1 else [1.0]
    return [tuple(1.0 - strength * (1.0 - np.array(to_rgb(colour)))) for strength in strengths]


def scatter(axes, x, y, colour, marker="o", size=4.0, label=None, hollow=False, zorder=2, alpha=0.8):
    """Points, drawn as pixels inside the PDF when there are many."""
    many = len(x) > RASTER_ABOVE
    faces = {"facecolors": "none", "edgecolors": colour, "linewidths": 0.5} if hollow else {
        "color": colour, "linewidths": 0}  # fmt: skip
    size = size if len(x) < 500 else size * 0.6 if not many else size * 0.3
    return axes.scatter(
        x, y, s=size * 2, marker=marker, label=label, rasterized=many, zorder=zorder, alpha=alpha, **faces
    )


def histogram(made, axes, x, y, log_x: bool = True, log_y: bool = True) -> int:
    """2D histogram with a logarithmic colour bar; returns the number of samples that a logarithmic axis cannot show.

    The number of bins grows with the number of samples, so that a small campaign gives a coarse but readable picture.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    shown = np.isfinite(x) & np.isfinite(y) & ((x > 0) | (not log_x)) & ((y > 0) | (not log_y))
    outside, x, y = int((~shown).sum()), x[shown], y[shown]
    if len(x) == 0:
        note(axes, "no samples")
        return outside
    logarithmic(axes, log_x, log_y)
    bins = int(np.clip(1.5 * np.sqrt(len(x)), 12, 70))
    edges = [_edges(values, log, bins) for values, log in ((x, log_x), (y, log_y))]
    counts, *_ = np.histogram2d(x, y, edges)
    norm = LogNorm(1, max(10.0, counts.max()))
    mesh = axes.pcolormesh(*edges, np.ma.masked_equal(counts.T, 0), norm=norm, cmap=COUNTS_MAP, rasterized=bins > 40)
    bar = made.colorbar(mesh, ax=axes, pad=0.02, aspect=25)
    bar.set_label("samples", fontsize=7.5, labelpad=1)
    bar.ax.tick_params(labelsize=7)
    for values, log, axis in ((edges[0], log_x, axes.xaxis), (edges[1], log_y, axes.yaxis)):
        if log:
            label_narrow_axis(axis, values[0], values[-1])
    return outside


def _edges(values: np.ndarray, log: bool, bins: int) -> np.ndarray:
    if log:
        return np.geomspace(*limits(values), bins + 1)
    low, high = values.min(), values.max()
    pad = 0.06 * (high - low) or 1.0
    return np.linspace(low - pad, high + pad, bins + 1)


def fit_axes(axes, x: list, y: list, margin: float = 0.06) -> None:
    """Limits of logarithmic axes that hold all of the values, narrow ones with plain tick labels."""
    x_limits = limits(np.concatenate([np.ravel(values) for values in x]), margin)
    low, high = limits(np.concatenate([np.ravel(values) for values in y]), margin)
    axes.set_xlim(*x_limits)
    axes.set_ylim(low, high)
    label_narrow_axis(axes.xaxis, *x_limits)
    label_narrow_axis(axes.yaxis, low, high)


def note(axes, text: str) -> None:
    """A word in an empty panel on why it is empty."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY, fontsize=7.5)


def power_of_ten(value: float, digits: int = 2) -> str:
    """A number as the paper prints it: 3.6e-6 becomes 3.6 x 10^-6 in mathematical type."""
    if not np.isfinite(value) or value == 0 or 0.01 <= abs(value) < 1000:
        return f"{value:.{digits}g}"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return rf"${mantissa}\times10^{{{int(exponent)}}}$"


def save(made, pdf: str | Path, png: str | Path) -> None:
    """Write the figure as vector PDF and as PNG, without a date so that equal data give equal files."""
    for path, extra in ((pdf, {"metadata": {"CreationDate": None}}), (png, {"metadata": {"Software": None}})):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        made.savefig(path, dpi=RESOLUTION, **extra)
    plt.close(made)


def write_caption(path: str | Path, title: str, *sentences: str) -> None:
    """Caption of a figure for the report (reStructuredText): a bold title, then sentences.

    `path` may be that of the picture: the caption then goes beside it.
    """
    path = Path(path).with_suffix(".rst") if Path(path).suffix == ".png" else Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    body = " ".join(sentence.strip() for sentence in sentences if sentence)
    # a bar or an asterisk in running text is markup in reStructuredText
    body = body.replace("|", r"\|").replace("*", r"\*")
    path.write_text(f"**{title}** {body}\n", encoding="utf-8")
