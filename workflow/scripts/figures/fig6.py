"""Fig. 6: what hybridises with a soft spot, seen in Delta = pi4 - psi: other soft spots in 3D, phonons in 2D."""

import selection
import style
import vectorfield
from campaign_data import as_list, counts, read_samples
from entry import run
from laws import LOW_FREQUENCY
from matplotlib.lines import Line2D
from vectorfield import Field
from view import Scene
from view import write as write_view

from nqe_core.errors import InputError

TITLE = "Figure 6. The difference between quartic and harmonic mode shows what hybridises."
# shares of the displacements that are drawn, as in the paper's caption: (Delta, pi4)
FRACTIONS = {3: (0.02, 0.02), 2: (1.0, 0.014)}


def draw(observables, models, inherent_state, harmonic, quartic, pdf, png, caption=None, view=None):
    """Draw Fig. 6 from the tables and from chunks, in 3D (a) and in 2D (b)."""
    samples = read_samples(observables, models)
    paths = {"inherent_state": as_list(inherent_state), "harmonic": as_list(harmonic), "quartic": as_list(quartic)}
    stored = selection.indices(paths)
    shown = []
    for dimension in (3, 2):
        fine = selection.fine_in(samples, dimension)
        choice = selection.choose(selection.representative_difference(fine), stored) if len(fine) else None
        if choice:
            shown.append((choice, counts(samples, fine)))
    if not shown:
        raise InputError("figure 6 needs finished samples with harmonic and quartic modes in 3D or 2D; none were given")

    made, axes = style.field_panels(3.2, 1, len(shown), below=0.25)
    sentences, scenes = [], []
    for panel, letter, (choice, counted) in zip(axes[0], "ab", shown, strict=False):
        spot = choice.spot
        scenes.append(_scene(spot))
        fields = [field for _, field in scenes[-1].fields]
        vectorfield.draw(panel, scenes[-1].places, spot.box_length, fields, vectorfield.largest_size(fields[1].vectors))
        style.panel_letter(panel, letter)
        panel.set_title(f"{spot.positions.shape[1]}D IPL, $N$ = {len(spot.positions)}")
        sentences.append(f"{_describe(letter, choice)} {counted}")
    handles = [
        Line2D([], [], color=style.FIELD_BLUE, lw=2, label=r"$\Delta=\hat\pi_4-\hat\psi$ (scaled)"),
        Line2D([], [], color=style.FIELD_RED, lw=2, label=r"$\hat\pi_4$"),
    ]
    made.legend(handles=handles, loc="lower center", ncols=2)
    style.save(made, pdf, png)
    texts = (
        "Delta = pi4 - psi in blue, scaled such that its largest component in the core matches that of the quartic mode "
        "pi4, in red.", *sentences,
        "Rule: the sample with the median of the ratio of the size of Delta to omega_4^2 (Eq. 18) among those with omega_4 "
        f"below its median and below {LOW_FREQUENCY} of the first phonon frequency.",
    )  # fmt: skip
    style.write_caption(caption or png, TITLE, *texts)
    if view:
        write_view(view, TITLE, " ".join(texts), scenes)


def _scene(spot) -> Scene:
    mode = spot.modes["quartic"]
    difference = mode - vectorfield.aligned(spot.modes["harmonic"], mode)
    scaled = vectorfield.scaled_at_core(difference, mode)
    shares = FRACTIONS[spot.positions.shape[1]]
    places = vectorfield.centred(spot.positions, spot.box_length, mode)
    fields = [("Delta, scaled", Field(scaled, style.FIELD_BLUE, shares[0])),
              ("quartic mode", Field(mode, style.FIELD_RED, shares[1]))]  # fmt: skip
    return Scene(f"{spot.positions.shape[1]}D", places, spot.box_length, fields)


def _describe(letter, choice) -> str:
    row, spot = choice.row, choice.spot
    dimension = spot.positions.shape[1]
    shares = [
        vectorfield.shown_fraction(field, share)
        for field, share in zip((spot.modes["harmonic"], spot.modes["quartic"]), FRACTIONS[dimension], strict=True)
    ]
    return (
        f"({letter}) {dimension}D, sample {row['sample']} of {row['ensemble']}: the largest {shares[0]} of Delta and "
        f"{shares[1]} of pi4 are shown; size of Delta {(2 * row['harmonic_quartic_mismatch']) ** 0.5:.2g}."
        f"{choice.remark}{'' if row['qualified'] else ' No sample is of so low a frequency: the median of all.'}"
    )


if "snakemake" in globals():
    run(draw, globals()["snakemake"])
