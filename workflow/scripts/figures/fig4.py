"""Fig. 4: every harmonic mode has a quartic mode of similar frequency and participation."""

import style
from campaign_data import choose, counts, read_samples, thinned
from entry import run
from matplotlib.lines import Line2D

POINTS_SHOWN = 1500  # per box size: enough to fill the panel, few enough to tell sizes apart


def draw(observables, models, pdf, png, caption=None):
    """Draw Fig. 4 from the tables of the IPL ensembles in 3D and 2D."""
    samples = read_samples(observables, models)
    chosen = choose(samples, "figure 4", family="IPL", dimensions=(2, 3))
    dimensions = [d for d in (3, 2) if (chosen["dimension"] == d).any()]
    made, groups = style.groups_of_panels(style.DOUBLE, 3.4, 1, len(dimensions), 1)
    for (group, (panel,)), letter, dimension in zip(groups, "ab", dimensions, strict=True):
        part = chosen[chosen["dimension"] == dimension]
        group.legend(handles=_draw_panel(panel, part), loc="outside lower center", ncols=3)
        style.panel_letter(panel, letter)
        panel.set_title(f"{dimension}D IPL")
    style.save(made, pdf, png)
    style.write_caption(
        caption or png,
        "Figure 4. Harmonic and quartic modes have similar frequencies and participation.",
        f"Number of participating particles N e against frequency in {' and '.join(f'{d}D' for d in dimensions)}: "
        "harmonic modes (open) and quartic modes (filled) for every box size N. Vertical lines: lowest transverse "
        "phonon, 2 pi c_T / L, of the box size in the same colour.",
        f"Of each size at most {POINTS_SHOWN} samples are drawn, the softer the more of them."
        if len(chosen) > POINTS_SHOWN
        else "",
        counts(samples, chosen),
    )


def _draw_panel(panel, part) -> list:
    """Draw one dimension; returns the handles of its legend."""
    looks = style.series_style(part["n_particles"].unique())
    handles = []
    for size, (colour, marker) in looks.items():
        rows = part[part["n_particles"] == size]
        panel.axvline(rows["phonon_frequency"].iloc[0], color=colour, lw=2.2, alpha=0.45, zorder=1)
        rows = thinned(rows, POINTS_SHOWN)
        style.scatter(
            panel, rows["harmonic_frequency"], rows["participants_harmonic"], colour, marker, 5, hollow=True, zorder=3
        )
        style.scatter(panel, rows["quartic_frequency"], rows["participants_quartic"], colour, marker, 2.5, zorder=4)
        handles.append(Line2D([], [], color=colour, marker=marker, ls="", ms=4, label=f"$N$ = {size:.0f}"))
    handles += [
        Line2D([], [], color=style.GREY, marker="o", mfc="none", ls="", ms=4, label=r"harmonic $\hat\psi$"),
        Line2D([], [], color=style.GREY, marker="o", ls="", ms=3, label=r"quartic $\hat\pi_4$"),
        Line2D([], [], color=style.GREY, lw=2.2, alpha=0.5, label="first phonon"),
    ]
    style.logarithmic(panel)
    style.fit_axes(panel, [part["harmonic_frequency"], part["quartic_frequency"], part["phonon_frequency"]],
                   [part["participants_harmonic"], part["participants_quartic"]])  # fmt: skip
    panel.set_xlabel(r"$\omega/\omega_0$")
    panel.set_ylabel(r"$N e$")
    return handles


if "snakemake" in globals():
    run(draw, globals()["snakemake"])
