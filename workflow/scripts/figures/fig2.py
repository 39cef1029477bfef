"""Fig. 2: the quartic expansion coefficient chi_4 depends on the localisation N e_4 alone."""

import style
from campaign_data import choose, counts, read_samples, thinned
from entry import run
from laws import exponent_text
from matplotlib.lines import Line2D

from nqe_core import statistics

POINTS_SHOWN = 1500  # per ensemble: enough to fill the panel, few enough to tell temperatures apart


def draw(observables, models, pdf, png, caption=None):
    """Draw Fig. 2 from the tables of the POLY ensembles."""
    samples = read_samples(observables, models)
    chosen = choose(samples, "figure 2", family="POLY")
    colours = style.temperature_colours(chosen["parent_temperature"].unique())
    sizes = sorted(chosen["n_particles"].unique())
    markers = {size: style.MARKERS[k % len(style.MARKERS)] for k, size in enumerate(sizes)}
    made, axes = style.figure(style.SINGLE, 2.8)
    panel = axes[0][0]
    # the coldest glasses last: there are fewest of them
    for temperature in sorted(colours, reverse=True):
        for size, marker in markers.items():
            part = chosen[(chosen["parent_temperature"] == temperature) & (chosen["n_particles"] == size)]
            if len(part):
                part = thinned(part, POINTS_SHOWN)
                style.scatter(
                    panel, part["participants_quartic"], part["quartic_quartic_coefficient"], colours[temperature],
                    marker, hollow=size != sizes[0],
                )  # fmt: skip
    law = statistics.median_power_law(
        chosen["participants_quartic"], chosen["quartic_quartic_coefficient"], blocks=chosen["block"]
    )
    _finish(panel, chosen)
    _name(panel, colours, markers)
    style.save(made, pdf, png)
    style.write_caption(
        caption or png,
        "Figure 2. The quartic expansion coefficient follows the localisation.",
        "Quartic modes of the polydisperse model at several parent temperatures T_p and sizes. Dashed: slope -1. "
        f"Fitted exponent of the median over all: {exponent_text(law.exponent)}.",
        f"Of each ensemble at most {POINTS_SHOWN} samples are drawn, the softer the more of them."
        if len(chosen) > POINTS_SHOWN
        else "",
        counts(samples, chosen),
    )


def _finish(panel, chosen) -> None:
    x, y = chosen["participants_quartic"], chosen["quartic_quartic_coefficient"]
    style.logarithmic(panel)
    low, high = style.limits(x)
    panel.set_xlim(low, high)
    panel.set_ylim(*style.limits(y, 0.12))
    style.label_narrow_axis(panel.xaxis, low, high)
    # above nearly all points, so that the line does not hide them
    anchor = (float(x.median()), 1.15 * float((y * x).quantile(0.98)) / float(x.median()))
    style.guide(panel, (x.quantile(0.02), x.quantile(0.98)), anchor, -1, r"$(N e_4)^{-1}$", shift=(6, 4))
    panel.set_xlabel(r"$N e_4$")
    panel.set_ylabel(r"$\chi_4$  $(m c_T^2/a_0^4)$")


def _name(panel, colours: dict[float, str], markers: dict[int, str]) -> None:
    """Temperatures by colour in the free corner below the points, sizes by shape in the one above."""
    temperatures = [Line2D([], [], color=colour, marker="o", ls="", ms=4, label=f"$T_p$ = {temperature:g}")
                    for temperature, colour in sorted(colours.items(), reverse=True)]  # fmt: skip
    smallest = min(markers)
    sizes = [Line2D([], [], color=style.GREY, marker=marker, ls="", ms=4, label=f"$N$ = {size:.0f}",
                    mfc=None if size == smallest else "none") for size, marker in markers.items()]  # fmt: skip
    panel.add_artist(panel.legend(handles=temperatures, loc="lower left"))
    panel.legend(handles=sizes, loc="upper right")


if "snakemake" in globals():
    run(draw, globals()["snakemake"])
