"""Fig. 9: supporting data on the coefficients of cubic and quartic modes (Appendix E)."""

from itertools import cycle

import laws
import numpy as np
import style
from campaign_data import choose, counts, label, read_samples
from entry import run

from nqe_core import statistics

LEAST_OF_A_SIZE = 200  # samples of a box size that has a running median of its own
FLOOR = 1e-3  # of the median: smaller values are not on the axes
COUPLINGS = {"|nu_3|": "cubic_shear_strain_coupling", "chi_3": "cubic_quartic_coefficient"}  # panels (b), (c)
SIZE_MARKERS = "os^Dv"  # small boxes first


def draw(observables, models, pdf, png, caption=None):
    """Draw Fig. 9 from the tables of the IPL ensembles of every dimension."""
    samples = read_samples(observables, models)
    chosen = choose(samples, "figure 9", family="IPL")
    dimensions = sorted(chosen["dimension"].unique())
    main = 3 if 3 in dimensions else dimensions[0]
    part = chosen[chosen["dimension"] == main]
    made, axes = style.figure(style.DOUBLE, 4.3, 2, 3)
    (a, b, c), (d, e, f) = axes
    frequency = part["quartic_frequency"]
    style.histogram(made, a, frequency, part["quartic_force_magnitude"])
    _label(a, r"$\omega_4/\omega_0$", r"$|U^{(4)}\,\vdots\,\hat\pi_4\hat\pi_4\hat\pi_4|/\chi_4$")
    _medians(b, chosen, "cubic_shear_strain_coupling", r"$|\nu_3|$  $(m c_T^2/a_0)$", "lower left")
    _medians(c, chosen, "cubic_quartic_coefficient", r"$\chi_3$  $(m c_T^2/a_0^4)$")
    _cubic_bound(d, chosen)
    square = part["quartic_cubic_coefficient"] ** 2
    product = part["quartic_stiffness"] * part["quartic_quartic_coefficient"]
    style.histogram(made, e, product, square)
    _bound(e)
    _label(e, r"$\kappa_4\chi_4$  $(m^2 c_T^4/a_0^6)$", r"$\tau_4^2$  $(m^2 c_T^4/a_0^6)$")
    style.histogram(made, f, frequency, part["quartic_quartic_coefficient"])
    _label(f, r"$\omega_4/\omega_0$", r"$\chi_4$  $(m c_T^2/a_0^4)$")
    for panel, letter in zip(axes.flat, "abcdef", strict=True):
        style.panel_letter(panel, letter)
    style.save(made, pdf, png)
    style.write_caption(
        caption or png,
        "Figure 9. Coefficients of cubic and quartic modes.",
        "(a) Size of the field U4:pi4pi4pi4/chi4. (b) Shear-strain coupling and (c) quartic coefficient of cubic modes "
        "against their frequency: samples as points (where there are many, every k-th), running medians with 95 % "
        f"bootstrap intervals, of each N with {LEAST_OF_A_SIZE} samples (circles, squares, triangles, from pale to "
        "dark: growing N) or, where none has as many, of all. Exponents of omega_3 over the softer half of every N: "
        f"{_exponents(chosen)}. {_below_axes(chosen)}(d) tau^2 against kappa chi of cubic modes in every dimension "
        "(points and running medians; line: the bound tau^2 = 3 kappa chi) and (e) of quartic modes. (f) Quartic "
        f"coefficient of quartic modes. Histograms (a, e, f): {main}D IPL, n = {len(part)} "
        f"({'; '.join(label(rows) for _, rows in part.groupby('ensemble'))}); colour: samples in a bin.",
        counts(samples, chosen),
    )


def _exponents(chosen) -> str:
    parts = []
    for symbol, column in COUPLINGS.items():
        values = [f"{laws.exponent_text(laws.softer_exponent(rows, 'cubic', column))} ({dimension:.0f}D)"
                  for dimension, rows in chosen.groupby("dimension")]  # fmt: skip
        parts.append(f"{symbol} {', '.join(values)}")
    return "; ".join(parts)


def _below_axes(chosen) -> str:
    """What (b) and (c) leave out."""
    parts = []
    for letter, column in zip("bc", COUPLINGS.values(), strict=True):
        values = chosen[column].abs()
        if few := int((values <= FLOOR * values[values > 0].median()).sum()):
            parts.append(f"{few} in ({letter})")
    return f"Samples below the axis: {', '.join(parts)}. " if parts else ""


def _label(panel, x: str, y: str) -> None:
    panel.set_xlabel(x)
    panel.set_ylabel(y)


def _by_dimension(panel, chosen, x, y, legend: str | None, by_size: bool = False) -> None:
    """Points and running medians of each dimension, or of each N of each dimension."""
    xs, ys = [], []
    for dimension, rows in chosen.groupby("dimension"):
        colour = style.DIMENSION_COLOURS[int(dimension)]
        horizontal, vertical = x(rows).to_numpy(), y(rows).to_numpy()
        thin = max(1, len(rows) // 1000)  # enough to show the spread
        style.scatter(panel, horizontal[::thin], vertical[::thin], colour, size=2.0, alpha=0.3)
        # at one frequency large boxes have other coefficients than small ones: a median of all would follow the sizes
        sizes = sorted(rows["n_particles"].unique()) if by_size else [None]
        sizes = [size for size in sizes if (rows["n_particles"] == size).sum() >= LEAST_OF_A_SIZE] or [None]
        for marker, shade, size in zip(cycle(SIZE_MARKERS), style.shades(colour, len(sizes)), sizes, strict=False):
            of_size = np.ones(len(rows), dtype=bool) if size is None else (rows["n_particles"] == size).to_numpy()
            curve = statistics.running_median(
                horizontal[of_size], vertical[of_size], bins=8 if by_size else 12, blocks=rows["block"][of_size]
            )
            errors = np.abs(np.stack([curve.median - curve.low, curve.high - curve.median]))
            panel.errorbar(curve.x, curve.median, errors, color=shade, marker=marker, ms=3, lw=0.9, mec=colour, mew=0.4,
                           elinewidth=0.8, label=f"{dimension}D" if size == sizes[-1] else None, zorder=4)  # fmt: skip
        xs.append(horizontal)
        ys.append(vertical)
    style.logarithmic(panel)
    spread = np.concatenate(ys)
    spread = spread[np.isfinite(spread) & (spread > 0)]
    # a coupling can happen to be almost zero: such a sample must not stretch the axis over many decades
    floor = np.median(spread) * FLOOR if len(spread) else 0
    style.fit_axes(panel, xs, [spread[spread > floor]])
    if legend:
        panel.legend(loc=legend, handlelength=1.2)


def _medians(panel, chosen, column: str, y_label: str, legend: str | None = None) -> None:
    _by_dimension(
        panel, chosen, lambda rows: rows["cubic_frequency"], lambda rows: rows[column].abs(), legend, by_size=True
    )
    _label(panel, r"$\omega_3/\omega_0$", y_label)


def _cubic_bound(panel, chosen) -> None:
    _by_dimension(
        panel, chosen, lambda rows: rows["cubic_stiffness"] * rows["cubic_quartic_coefficient"],
        lambda rows: rows["cubic_cubic_coefficient"] ** 2, "lower right",
    )  # fmt: skip
    _bound(panel)
    _label(panel, r"$\kappa_3\chi_3$  $(m^2 c_T^4/a_0^6)$", r"$\tau_3^2$  $(m^2 c_T^4/a_0^6)$")


def _bound(panel) -> None:
    """The line tau^2 = 3 kappa chi across the panel."""
    x, y = panel.get_xlim(), panel.get_ylim()
    y = y[0], max(y[1], 4 * x[1])
    panel.plot(x, 3 * np.array(x), color=style.BLACK, lw=0.9, zorder=5)
    # at the left, where the line runs above all points
    place = x[0] * (x[1] / x[0]) ** 0.22
    panel.annotate(r"$3\kappa\chi$", (place, 3 * place), xytext=(-3, 5), textcoords="offset points", ha="right",
                   fontsize=7.5)  # fmt: skip
    panel.set_xlim(x)
    panel.set_ylim(y)


if "snakemake" in globals():
    run(draw, globals()["snakemake"])
