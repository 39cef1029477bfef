"""Fig. 6: what hybridises with a soft spot, seen in Delta = pi4 - psi: other soft spots in 3D, phonons in 2D."""

import selection
import style
import vectorfield
from campaign_data import as_list, counts, read_samples
from entry import run
from laws import LOW_FREQUENCY
from matplotlib.lines import Line2D
from vectorfield import Field

from nqe_core.errors import InputError

# shares of the displacements that are drawn, as in the paper's caption: (Delta, pi4)
FRACTIONS = {3: (0.02, 0.02), 2: (1.0, 0.014)}


def draw(observables, models, inherent_state, harmonic, quartic, pdf, png, caption=None):
    """Draw Fig. 6 from the tables and from chunks, in 3D (a) and in 2D (b)."""
    samples = read_samples(observables, models)
    paths = {"inherent_state": as_list(inherent_state), "harmonic": as_list(harmonic), "quartic": as_list(quartic)}
    shown = []
    for dimension in (3, 2):
        usable = selection.available(samples, paths, dimension)
        if len(usable):
            row = selection.representative_difference(usable)
            shown.append((row, selection.read(row, paths), usable))
    if not shown:
        raise InputError("figure 6 needs finished samples with harmonic and quartic modes in 3D or 2D; none were given")

    made, axes = style.field_panels(3.2, 1, len(shown), below=0.25)
    sentences = []
    for panel, letter, (row, spot, usable) in zip(axes[0], "ab", shown, strict=False):
        _draw_panel(panel, spot)
        style.panel_letter(panel, letter)
        panel.set_title(f"{spot.positions.shape[1]}D IPL, $N$ = {len(spot.positions)}")
        sentences.append(_describe(letter, row, spot, usable, samples))
    handles = [
        Line2D([], [], color=style.FIELD_BLUE, lw=2, label=r"$\Delta=\hat\pi_4-\hat\psi$ (scaled)"),
        Line2D([], [], color=style.FIELD_RED, lw=2, label=r"$\hat\pi_4$"),
    ]
    made.legend(handles=handles, loc="lower center", ncols=2)
    style.save(made, pdf, png)
    style.write_caption(
        caption or png, "Figure 6. The difference between quartic and harmonic mode shows what hybridises.",
        "Delta = pi4 - psi in blue, scaled such that its largest component in the core matches that of the quartic mode "
        "pi4, in red.", *sentences,
        "Rule: the sample with the median of the ratio of the size of Delta to omega_4^2 (Eq. 18) among those with omega_4 "
        f"below its median and below {LOW_FREQUENCY} of the first phonon frequency.",
    )  # fmt: skip


def _draw_panel(panel, spot) -> None:
    mode = spot.modes["quartic"]
    difference = mode - vectorfield.aligned(spot.modes["harmonic"], mode)
    scaled = vectorfield.scaled_at_core(difference, mode)
    shares = FRACTIONS[spot.positions.shape[1]]
    places = vectorfield.centred(spot.positions, spot.box_length, mode)
    fields = [Field(scaled, style.FIELD_BLUE, shares[0]), Field(mode, style.FIELD_RED, shares[1])]
    vectorfield.draw(panel, places, spot.box_length, fields, vectorfield.largest_size(mode))


def _describe(letter, row, spot, usable, samples) -> str:
    dimension = spot.positions.shape[1]
    shares = [
        vectorfield.shown_fraction(field, share)
        for field, share in zip((spot.modes["harmonic"], spot.modes["quartic"]), FRACTIONS[dimension], strict=True)
    ]
    return (
        f"({letter}) {dimension}D, sample {row['sample']} of {row['ensemble']}: the largest {shares[0]} of Delta and "
        f"{shares[1]} of pi4 are shown; size of Delta {(2 * row['harmonic_quartic_mismatch']) ** 0.5:.2g}. "
        + counts(samples, usable)
    )


if "snakemake" in globals():
    run(draw, globals()["snakemake"])
