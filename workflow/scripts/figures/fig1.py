"""Fig. 1: harmonic modes hybridise with another soft spot (a) or with a phonon (c); quartic modes do not (b, d)."""

import selection
import style
import vectorfield
from campaign_data import as_list, read_samples
from entry import run
from vectorfield import Field
from view import Scene
from view import write as write_view

from nqe_core.errors import InputError

PAIR_STAGES = ("inherent_state", "harmonic", "quartic", "second_quartic")
TITLE = "Figure 1. Quartic modes are indifferent to hybridisation."
FRACTION = 0.001  # of the components, as in the paper's panels (a) and (b)


def draw(observables, models, inherent_state, harmonic, quartic, second_quartic, pdf, png, caption=None, view=None):
    """Draw Fig. 1 from the tables and from chunks: the pair in 3D, the phonon in 2D (or the other where one is missing)."""
    samples = read_samples(observables, models)
    files = (inherent_state, harmonic, quartic, second_quartic)
    paths = {stage: as_list(chunks) for stage, chunks in zip(PAIR_STAGES, files, strict=True)}
    stored = selection.indices(paths)
    pair, phonon = _pair(samples, paths["second_quartic"], stored), _phonon(samples, stored)

    made, axes = style.field_panels(2.7, 2, 2)
    titles = (rf"harmonic mode $\hat\psi$, {_box(pair.spot)}", r"quartic modes $\hat\pi_4$",
              rf"harmonic mode $\hat\psi$, {_box(phonon.spot)}", r"quartic mode $\hat\pi_4$")  # fmt: skip
    scenes = [_pair_scene(pair.spot), _phonon_scene(phonon.spot)]
    for panels, scene in zip(axes, scenes, strict=True):
        _draw_row(panels, scene)
    share = vectorfield.shown_fraction(pair.spot.modes["harmonic"], scenes[0].fields[0][1].fraction)
    for panel, letter in zip(axes.flat, "abcd", strict=True):
        style.panel_letter(panel, letter)
    for panel, title in zip(axes.flat, titles, strict=True):
        panel.set_title(title, fontsize=8.5)
    style.save(made, pdf, png)
    texts = (
        _pair_text(pair),
        f"The largest {share} of the displacements of each mode are shown.",
        _phonon_text(phonon),
        "Fields are scaled such that the quartic mode's largest component has the same size in both; boxes are periodic "
        "and shifted to centre the soft spot.",
    )
    style.write_caption(caption or png, TITLE, *texts)
    if view:
        write_view(view, TITLE, " ".join(texts), scenes)


def _pair_text(choice) -> str:
    row, searched = choice.row, choice.searched
    rule = f"two quartic modes that overlap by less than {selection.NEARLY_ORTHOGONAL}"
    rule = (
        f"Rule: the most even pair of the samples with {rule}; {row['qualified']} of n = {searched} searched"
        if row["qualified"]
        else f"None of n = {searched} searched has {rule}: shown is the sample where they differ most"
    )
    shown = ("that hybridises two soft spots, and (b) the two quartic modes behind it" if row["qualified"]
             else "and (b) the two quartic modes found from it")  # fmt: skip
    return (
        f"(a) Harmonic mode of {_name(row)} {shown} (first "
        f"red, overlap with the harmonic mode {row['overlap_quartic']:.2f}; second, found from the difference of the "
        f"two, purple, overlap {abs(row['overlap_harmonic']):.2f}; overlap of the two quartic modes "
        f"{abs(row['overlap_first']):.2f}). {rule}.{choice.remark}"
    )


def _phonon_text(choice) -> str:
    row, searched = choice.row, choice.searched
    rule = f"an overlap between {selection.SIZABLE_OVERLAP} and {selection.CLEARLY_MIXED}"
    rule = (
        f"Rule: largest ratio of the two N e of the samples with {rule}; {row['qualified']} of n = {searched} searched"
        if row["qualified"]
        else f"None of n = {searched} searched has {rule}: shown is the sample with the largest ratio of the two N e"
    )
    return (
        f"(c) Harmonic mode of {_name(row)} hybridised with a phonon (N e = {row['participants_harmonic']:.0f}) and (d) "
        f"its quartic mode (N e = {row['participants_quartic']:.0f}, overlap "
        f"{1 - row['harmonic_quartic_mismatch']:.2f}). {rule}.{choice.remark}"
    )


def _pair(samples, second_quartic, stored):
    """The hybridised pair, in 3D if there is one."""
    for dimension in (3, 2):
        searched = selection.with_second_modes(selection.fine_in(samples, dimension), second_quartic)
        if choice := selection.choose(selection.hybridised_pairs(searched), stored):
            return choice
    raise InputError("figure 1 needs finished samples with harmonic, quartic and second quartic modes; none were given")


def _phonon(samples, stored):
    """The mode hybridised with a phonon, in 2D if there is one."""
    stored = {stage: places for stage, places in stored.items() if stage != "second_quartic"}
    for dimension in (2, 3):
        ranking = selection.hybridised_with_phonon(selection.fine_in(samples, dimension))
        if choice := selection.choose(ranking, stored):
            return choice
    raise InputError("figure 1 needs finished samples with harmonic and quartic modes; none were given")


def _box(spot) -> str:
    n_particles, dimension = spot.positions.shape
    return f"{dimension}D, $N$ = {n_particles}"


def _name(row) -> str:
    return f"sample {row['sample']} of {row['ensemble']}"


def _pair_scene(spot) -> Scene:
    first, psi = spot.modes["quartic"], spot.modes["harmonic"]
    fraction = FRACTION if spot.positions.shape[1] == 3 else 1.0
    psi = vectorfield.aligned(psi, first)
    second = vectorfield.aligned(spot.modes["second_quartic"], psi)
    fields = [("harmonic mode", Field(psi, style.FIELD_BLUE, fraction))]
    for name, mode, colour in (("first quartic mode", first, style.FIELD_RED),
                               ("second quartic mode", second, style.FIELD_PURPLE)):  # fmt: skip
        fields.append((name, Field(vectorfield.scaled_at(mode, psi), colour, fraction)))
    places = vectorfield.centred(spot.positions, spot.box_length, psi)
    return Scene("two soft spots", places, spot.box_length, fields)


def _phonon_scene(spot) -> Scene:
    mode = spot.modes["quartic"]
    psi = vectorfield.aligned(spot.modes["harmonic"], mode)
    fraction = 1.0 if spot.positions.shape[1] == 2 else 0.02
    quartic = Field(vectorfield.scaled_at(mode, psi), style.FIELD_RED, fraction)
    fields = [("harmonic mode", Field(psi, style.FIELD_BLUE, fraction)), ("quartic mode", quartic)]
    places = vectorfield.centred(spot.positions, spot.box_length, mode)
    return Scene("soft spot and phonon", places, spot.box_length, fields)


def _draw_row(axes, scene: Scene) -> None:
    """The harmonic mode in the left panel and the quartic ones in the right, to one scale."""
    fields = [field for _, field in scene.fields]
    longest = vectorfield.longest_arrow([field.vectors for field in fields])
    vectorfield.draw(axes[0], scene.places, scene.box_length, fields[:1], longest)
    vectorfield.draw(axes[1], scene.places, scene.box_length, fields[1:], longest)


if "snakemake" in globals():
    run(draw, globals()["snakemake"])
