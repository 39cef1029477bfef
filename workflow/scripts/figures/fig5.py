"""Fig. 5: harmonic modes converge to quartic modes, in energy (Eq. 15) and structure (Eq. 16), as omega -> 0."""

import laws
import numpy as np
import style
from campaign_data import choose, counts, read_samples
from entry import run

from nqe_core import statistics

QUANTITIES = {
    "energy_difference": (r"$(\omega_4^2-\omega_2^2)/\omega_4^2$", r"$f(L)$"),
    "harmonic_quartic_mismatch": (r"$1-|\hat\pi_4\cdot\hat\psi|$", r"$g(L)$"),
}


def draw(observables, models, pdf, png, caption=None):
    """Draw Fig. 5 from the tables of the IPL ensembles in 3D (a-d) and 2D (e-h)."""
    samples = read_samples(observables, models)
    chosen = choose(samples, "figure 5", family="IPL", dimensions=(2, 3))
    dimensions = [d for d in (3, 2) if (chosen["dimension"] == d).any()]
    made, groups = style.groups_of_panels(style.DOUBLE, 2.15 * len(dimensions), len(dimensions), 1, 4)
    fits, below = [], []
    for (group, panels), letters, dimension in zip(groups, ("abcd", "efgh"), dimensions, strict=False):
        part = chosen[chosen["dimension"] == dimension]
        for k, column in enumerate(QUANTITIES):
            _draw_medians(panels[k], part, column)
            growth = _draw_prefactors(panels[2 + k], part, column)
            fits.append(_fit_text(dimension, part, column, growth))
        below.append(_below_cut(dimension, part))
        handles, labels = panels[0].get_legend_handles_labels()
        group.legend(handles, [f"{dimension}D, {text}" for text in labels], loc="outside upper right", ncols=4)
        for panel, letter in zip(panels, letters, strict=True):
            style.panel_letter(panel, letter)
    style.save(made, pdf, png)
    style.write_caption(
        caption or png,
        "Figure 5. Harmonic modes converge to quartic modes in the limit of low frequencies.",
        "Running medians of the relative difference in energy (Eq. 15) and of the difference in structure (Eq. 16) in "
        f"{' (first row) and '.join(f'{d}D' for d in dimensions)}, with 95 % bootstrap intervals; dashed: slopes 2 and 4. "
        f"Prefactors f(L), g(L): medians of the ratio to the law over samples with omega_4 below its median and "
        f"below {laws.LOW_FREQUENCY} of the first phonon frequency, with 95 % intervals; dashed in 2D: slopes 2 "
        "and 4. Exponents fitted below that cut: "
        + "; ".join(fits) + ". " + " ".join(below),
        counts(samples, chosen),
    )  # fmt: skip


def _draw_medians(panel, part, column) -> None:
    exponent = laws.CONVERGENCE[column][0]
    ends, heights = [], []
    for size, (colour, marker) in style.series_style(part["n_particles"].unique()).items():
        rows = part[part["n_particles"] == size]
        curve = statistics.running_median(rows["quartic_frequency"], rows[column], blocks=rows["block"])
        errors = np.abs(np.stack([curve.median - curve.low, curve.high - curve.median]))
        panel.errorbar(
            curve.x, curve.median, errors, color=colour, marker=marker, ms=3, ls="-", lw=0.6, elinewidth=0.7,
            label=f"$N$ = {size:.0f}",
        )  # fmt: skip
        ends.append(curve.x)
        heights.append(curve.median)
    panel.set_xlabel(r"$\omega_4/\omega_0$")
    panel.set_ylabel(QUANTITIES[column][0])
    x, y = np.concatenate(ends), np.concatenate(heights)
    if len(x) == 0:
        style.note(panel, "too few samples")
        return
    style.logarithmic(panel)
    low = laws.low_frequency(part)
    if len(low):
        ratio = float((low[column] / low["quartic_frequency"] ** exponent).quantile(0.1))
        right = float(low["quartic_frequency"].max())
        left = max(float(x.min()), right / 2.5)
        style.guide(panel, (left, right), (right, 0.3 * ratio * right**exponent), exponent, rf"$\omega^{exponent}$",
                    shift=(5, -9))  # fmt: skip
        y = np.append(y, 0.15 * ratio * left**exponent)
    style.fit_axes(panel, [x], [y])


def _draw_prefactors(panel, part, column):
    """Prefactors against L; returns the fitted exponent of L."""
    _, slope = laws.CONVERGENCE[column]
    lengths, values = laws.convergence_prefactors(part, column)
    looks = list(style.series_style(part["n_particles"].unique()).values())
    known = [(length, value, look) for length, value, look in zip(lengths, values, looks, strict=True) if value.known]
    for length, value, (colour, marker) in known:
        error = [[max(value.value - value.low, 0)], [max(value.high - value.value, 0)]]
        panel.errorbar(length, value.value, error, color=colour, marker=marker, ms=4, elinewidth=0.8)
    panel.set_xlabel(r"$L/a_0$")
    panel.set_ylabel(QUANTITIES[column][1])
    if not known:
        style.note(panel, "too few samples\nat low frequency")
        panel.tick_params(labelleft=False, labelbottom=False)
        return statistics.size_exponent(lengths, values)
    style.logarithmic(panel)
    heights = np.array([value.value for _, value, _ in known])
    x = np.array([length for length, _, _ in known])
    bars = np.array([edge for _, value, _ in known for edge in (value.low, value.high)])
    if part["dimension"].iloc[0] == 2 and len(known) > 1:
        anchor = (np.exp(np.log(x).mean()), np.exp(np.log(heights).mean()) * 1.7)
        style.guide(panel, (x.min(), x.max()), anchor, slope, rf"$L^{slope}$", shift=(-14, 6))
        bars = np.append(bars, anchor[1] * (x / anchor[0]) ** slope)
    style.fit_axes(panel, [x], [heights, bars], margin=0.25)
    return statistics.size_exponent(lengths, values)


def _fit_text(dimension, part, column, growth) -> str:
    name, symbol = ("energy", "f") if column == "energy_difference" else ("structure", "g")
    fitted = laws.convergence_exponent(part, column).exponent
    return (
        f"{dimension}D {name} omega_4^({laws.exponent_text(fitted)}), n = {fitted.count}, "
        f"{symbol}(L) L^({laws.exponent_text(growth)})"
    )


def _below_cut(dimension, part) -> str:
    """How many samples a box size has for its prefactors: few have none."""
    low = laws.low_frequency(part)["n_particles"]
    numbers = ", ".join(f"{(low == size).sum()} (N = {size:.0f})" for size in sorted(part["n_particles"].unique()))
    return f"Samples below the cut in {dimension}D: {numbers}; fewer than {statistics.LEAST_SAMPLES} give no prefactor."


if "snakemake" in globals():
    run(draw, globals()["snakemake"])
