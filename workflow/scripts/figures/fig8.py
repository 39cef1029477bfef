"""Fig. 8: cubic modes of the polydisperse glasses follow tau_3^2 ~ kappa_3 chi_3; few exceed the bound of Eq. 32."""

import laws
import numpy as np
import style
from campaign_data import choose, counts, read_samples
from entry import run

from nqe_core import statistics

# tau of the sketched potentials in units of sqrt(kappa chi): a second well from sqrt(8/3) on, deeper above the bound
SKETCHES = ((1.2, "one well"), (1.68, "below"), (np.sqrt(3.0), "at the bound"), (1.79, "above"))
MARKERS = ("o", "^", "s", "D", "v", "P")  # from hot to cold: temperatures can be told without colours


def draw(observables, models, pdf, png, caption=None):
    """Draw Fig. 8 from the tables of the POLY ensembles, those of the largest N of each T_p."""
    samples = read_samples(observables, models)
    chosen = laws.largest_boxes(choose(samples, "figure 8", family="POLY"))
    colours = style.temperature_colours(chosen["parent_temperature"].unique())
    made, axes = style.figure(style.SINGLE, 3.35)
    panel = axes[0][0]
    sentences = []
    mixed = chosen["n_particles"].nunique() > 1
    for k, temperature in enumerate(sorted(colours, reverse=True)):
        part = chosen[chosen["parent_temperature"] == temperature]
        share = laws.above_bound(part)
        size = f"{part['n_particles'].iloc[0]:.0f}"
        product = part["cubic_stiffness"] * part["cubic_quartic_coefficient"]
        label = (
            f"$T_p$ = {temperature:g}{f', $N$ = {size}' if mixed else ''}: {100 * share.value:.1f} % of {share.count}"
        )
        style.scatter(
            panel, product, part["cubic_cubic_coefficient"].abs(), colours[temperature],
            MARKERS[k % len(MARKERS)], label=label, hollow=k > 0,
        )  # fmt: skip
        sentences.append(
            f"T_p = {temperature:g}, N = {size}: {100 * share.value:.1f} % (95 % interval {100 * share.low:.1f} to "
            f"{100 * share.high:.1f} %, n = {share.count})"
        )
    _finish(panel, chosen)
    style.save(made, pdf, png)
    sizes = ", ".join(f"{size:.0f}" for size in sorted(chosen["n_particles"].unique()))
    style.write_caption(
        caption or png,
        "Figure 8. Cubic modes and the bound of a symmetric double well.",
        f"Cubic expansion coefficient against the product of stiffness and quartic coefficient, POLY, N = {sizes}. Line: "
        "the bound tau^2 = 3 kappa chi (Eq. 32); the sketches show the potential along a mode with one well, and with two "
        f"below, at and above it. Shares with two wells, tau^2 > 8 kappa chi / 3: {_two_wells(chosen)}. Legend: shares "
        "above the bound, and of how many samples. Above the bound: " + "; ".join(sentences) + " (Wilson intervals).",
        counts(samples, chosen),
    )


def _two_wells(chosen) -> str:
    parts = []
    for temperature, part in sorted(chosen.groupby("parent_temperature"), reverse=True):
        share = statistics.proportion(part["cubic_asymmetry"] > 8 / 9, part["block"])
        parts.append(f"{100 * share.value:.1f} % at T_p = {temperature:g}")
    return ", ".join(parts)


def _finish(panel, chosen) -> None:
    product = (chosen["cubic_stiffness"] * chosen["cubic_quartic_coefficient"]).to_numpy()
    low, high = style.limits(product, 0.1)
    bound = np.array([low, high])
    panel.plot(bound, np.sqrt(3 * bound), color=style.BLACK, lw=1.0, zorder=1)
    style.logarithmic(panel)
    panel.set_xlim(low, high)
    # room for the sketches above the bound on the left and for the legend below it on the right
    values = chosen["cubic_cubic_coefficient"].abs()
    bottom = min(values.quantile(0.002), np.sqrt(3 * low))
    panel.set_ylim(bottom * 0.45, np.sqrt(3 * high) * 3.2)
    style.label_narrow_axis(panel.xaxis, low, high)
    panel.set_xlabel(r"$\kappa_3\chi_3$  $(m^2 c_T^4/a_0^6)$")
    panel.set_ylabel(r"$|\tau_3|$  $(m c_T^2/a_0^3)$")
    panel.legend(loc="lower right", markerscale=1.6, title="above the bound", title_fontsize="small", alignment="left")
    place = low**0.25 * high**0.75  # few modes exceed the bound there, and the sketches are to the left
    panel.annotate(
        r"$\tau_3^2 = 3\kappa_3\chi_3$", (place, np.sqrt(3 * place)), xytext=(-6, 10), textcoords="offset points",
        fontsize=8, ha="right",
    )  # fmt: skip
    _sketches(panel)


def _sketches(panel) -> None:
    """Potentials U(s) = kappa s^2/2 - tau s^3/6 + chi s^4/24 with kappa = chi = 1, in the upper left corner."""
    s = np.linspace(-1.35, 4.6, 200)
    for place, (tau, name) in enumerate(SKETCHES):
        inset = panel.inset_axes([0.02 + 0.19 * place, 0.80, 0.15, 0.14])
        inset.plot(s, s**2 / 2 - tau * s**3 / 6 + s**4 / 24, color=style.BLACK, lw=0.9)
        inset.plot([0], [0], "o", ms=2.5, color=style.RED)
        inset.axhline(0, color="0.6", lw=0.4, ls=":")
        inset.set_ylim(-0.5, 0.9)
        inset.set_axis_off()
        inset.set_title(name, fontsize=6.5, pad=1)


if "snakemake" in globals():
    run(draw, globals()["snakemake"])
