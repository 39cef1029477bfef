"""Fig. 3: for the softest sample of all, the harmonic and the quartic mode are nearly the same field."""

import selection
import style
import vectorfield
from campaign_data import as_list, counts, read_samples
from entry import run
from vectorfield import Field
from view import Scene
from view import write as write_view

from nqe_core.errors import InputError

TITLE = "Figure 3. Harmonic and quartic mode of the softest sample."
FRACTION = {2: 1.0, 3: 0.02}  # share of the displacements that is drawn


def draw(observables, models, inherent_state, harmonic, quartic, pdf, png, caption=None, view=None):
    """Draw Fig. 3 from the tables and from chunks, in 3D (a, b) and in 2D (c, d)."""
    samples = read_samples(observables, models)
    paths = {"inherent_state": as_list(inherent_state), "harmonic": as_list(harmonic), "quartic": as_list(quartic)}
    stored = selection.indices(paths)
    rankings = [selection.softest(selection.fine_in(samples, dimension)) for dimension in (3, 2)]
    choices = [(ranking, selection.choose(ranking, stored)) for ranking in rankings]
    rows = [(ranking, choice) for ranking, choice in choices if choice]
    if not rows:
        raise InputError("figure 3 needs finished samples with harmonic and quartic modes in 3D or 2D; none were given")

    made, axes = style.field_panels(2.6, len(rows), 2, below=0.28)
    sentences, scenes = [], []
    for panels, letters, (ranking, choice) in zip(axes, ("ab", "cd"), rows, strict=False):
        scenes.append(_scene(choice.spot))
        _draw_row(panels, letters, choice.row, scenes[-1])
        sentences.append(_describe(letters, choice) + counts(samples, ranking))
    style.save(made, pdf, png)
    sentences.append(
        "Shown is the sample with the lowest quartic mode of the ensembles that are counted here. Boxes are periodic "
        "and shifted to centre it."
    )
    style.write_caption(caption or png, TITLE, *sentences)
    if view:
        write_view(view, TITLE, " ".join(sentences), scenes)


def _scene(spot) -> Scene:
    mode, dimension = spot.modes["quartic"], spot.positions.shape[1]
    psi = vectorfield.aligned(spot.modes["harmonic"], mode)
    fields = [("harmonic mode", Field(psi, style.FIELD_BLUE, FRACTION[dimension])),
              ("quartic mode", Field(mode, style.FIELD_RED, FRACTION[dimension]))]  # fmt: skip
    places = vectorfield.centred(spot.positions, spot.box_length, mode)
    return Scene(f"{dimension}D", places, spot.box_length, fields)


def _draw_row(panels, letters: str, row, scene: Scene) -> None:
    longest = vectorfield.longest_arrow([field.vectors for _, field in scene.fields])
    for panel, (_, field) in zip(panels, scene.fields, strict=True):
        vectorfield.draw(panel, scene.places, scene.box_length, [field], longest)
    for panel, letter, symbol, frequency in (
        (panels[0], letters[0], r"\hat\psi", f"\\omega_2 = {row['harmonic_frequency']:.3f}"),
        (panels[1], letters[1], r"\hat\pi_4", f"\\omega_4 = {row['quartic_frequency']:.3f}"),
    ):
        style.panel_letter(panel, letter)
        panel.set_title(f"${symbol}$   ${frequency}\\,\\omega_0$", fontsize=8.5)
    panels[0].text(
        1.01, -0.01, differences(row), transform=panels[0].transAxes, ha="center", va="top", fontsize=8, clip_on=False
    )


def differences(row) -> str:
    """Both differences of a sample's harmonic and quartic mode, as the paper prints them."""
    return (
        rf"$(\omega_4^2-\omega_2^2)/\omega_4^2$ = {100 * row['energy_difference']:.2g} %,   "
        rf"$1-|\hat\psi\cdot\hat\pi_4|$ = {style.power_of_ten(row['harmonic_quartic_mismatch'])}"
    )


def _describe(letters, choice) -> str:
    row, spot = choice.row, choice.spot
    share = vectorfield.shown_fraction(spot.modes["quartic"], FRACTION[spot.positions.shape[1]])
    return (
        f"({letters[0]}) Harmonic and ({letters[1]}) quartic mode in {spot.positions.shape[1]}D (sample "
        f"{row['sample']} of {row['ensemble']}; {share} of the displacements shown): relative difference of stiffness "
        f"{100 * row['energy_difference']:.2g} %, of structure {row['harmonic_quartic_mismatch']:.2g}.{choice.remark} "
    )


if "snakemake" in globals():
    run(draw, globals()["snakemake"])
