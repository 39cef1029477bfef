"""Fig. 3: for the softest sample of all, the harmonic and the quartic mode are nearly the same field."""

import selection
import style
import vectorfield
from campaign_data import as_list, counts, read_samples
from entry import run
from vectorfield import Field

from nqe_core.errors import InputError

FRACTION = {2: 1.0, 3: 0.02}  # share of the displacements that is drawn


def draw(observables, models, inherent_state, harmonic, quartic, pdf, png, caption=None):
    """Draw Fig. 3 from the tables and from chunks, in 3D (a, b) and in 2D (c, d)."""
    samples = read_samples(observables, models)
    paths = {"inherent_state": as_list(inherent_state), "harmonic": as_list(harmonic), "quartic": as_list(quartic)}
    rows = []
    for dimension in (3, 2):
        usable = selection.available(samples, paths, dimension)
        if len(usable):
            row = selection.softest(usable)
            rows.append((row, selection.read(row, paths), usable))
    if not rows:
        raise InputError("figure 3 needs finished samples with harmonic and quartic modes in 3D or 2D; none were given")

    made, axes = style.field_panels(2.6, len(rows), 2, below=0.28)
    sentences = []
    for panels, letters, (row, spot, usable) in zip(axes, ("ab", "cd"), rows, strict=False):
        _draw_row(panels, letters, row, spot)
        sentences.append(_describe(letters, row, spot, usable, samples))
    style.save(made, pdf, png)
    style.write_caption(
        caption or png, "Figure 3. Harmonic and quartic mode of the softest sample.", *sentences,
        "The softest sample is the one with the lowest quartic mode. Boxes are periodic and shifted to centre it.",
    )  # fmt: skip


def _draw_row(panels, letters: str, row, spot) -> None:
    mode = spot.modes["quartic"]
    psi = vectorfield.aligned(spot.modes["harmonic"], mode)
    fraction = FRACTION[spot.positions.shape[1]]
    places = vectorfield.centred(spot.positions, spot.box_length, mode)
    longest = max(vectorfield.largest_size(mode), vectorfield.largest_size(psi))
    vectorfield.draw(panels[0], places, spot.box_length, [Field(psi, style.FIELD_BLUE, fraction)], longest)
    vectorfield.draw(panels[1], places, spot.box_length, [Field(mode, style.FIELD_RED, fraction)], longest)
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


def _describe(letters, row, spot, usable, samples) -> str:
    share = vectorfield.shown_fraction(spot.modes["quartic"], FRACTION[spot.positions.shape[1]])
    return (
        f"({letters[0]}) Harmonic and ({letters[1]}) quartic mode in {spot.positions.shape[1]}D (sample {row['sample']} "
        f"of {row['ensemble']}; {share} of the displacements shown): relative difference of stiffness "
        f"{100 * row['energy_difference']:.2g} %, of structure {row['harmonic_quartic_mismatch']:.2g}. "
        + counts(samples, usable)
    )


if "snakemake" in globals():
    run(draw, globals()["snakemake"])
