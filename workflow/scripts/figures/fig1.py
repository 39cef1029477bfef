"""Fig. 1: harmonic modes hybridise with another soft spot (a) or with a phonon (c); quartic modes do not (b, d)."""

import selection
import style
import vectorfield
from campaign_data import as_list, read_samples
from entry import run
from vectorfield import Field

from nqe_core.errors import InputError

PAIR_STAGES = ("inherent_state", "harmonic", "quartic", "second_quartic")
FRACTION = 0.001  # of the components, as in the paper's panels (a) and (b)


def draw(observables, models, inherent_state, harmonic, quartic, second_quartic, pdf, png, caption=None):
    """Draw Fig. 1 from the tables and from chunks: the pair in 3D, the phonon in 2D (or the other where one is missing)."""
    samples = read_samples(observables, models)
    files = (inherent_state, harmonic, quartic, second_quartic)
    paths = {stage: as_list(chunks) for stage, chunks in zip(PAIR_STAGES, files, strict=True)}
    pair_row, pair, pair_searched = _pair(samples, paths)
    phonon_row, phonon, phonon_searched = _phonon(samples, paths)

    made, axes = style.field_panels(2.7, 2, 2)
    titles = (r"harmonic mode $\hat\psi$", r"quartic modes $\hat\pi_4$", r"harmonic mode $\hat\psi$",
              r"quartic mode $\hat\pi_4$")  # fmt: skip
    shown = _draw_pair(axes[0], pair)
    _draw_phonon(axes[1], phonon)
    for panel, letter in zip(axes.flat, "abcd", strict=True):
        style.panel_letter(panel, letter)
    for panel, title in zip(axes.flat, titles, strict=True):
        panel.set_title(title, fontsize=8.5)
    style.save(made, pdf, png)
    style.write_caption(
        caption or png,
        "Figure 1. Quartic modes are indifferent to hybridisation.",
        _pair_text(pair_row, pair_searched),
        shown,
        _phonon_text(phonon_row, phonon_searched),
        "Fields are scaled such that the quartic mode's largest component has the same size in both; boxes are periodic "
        "and shifted to centre the soft spot.",
    )


def _pair_text(row, searched: int) -> str:
    rule = f"two quartic modes that overlap by less than {selection.NEARLY_ORTHOGONAL}"
    rule = (
        f"Rule: the most even pair of the samples with {rule}; {row['qualified']} of n = {searched} searched"
        if row["qualified"]
        else f"None of n = {searched} searched has {rule}: shown is the sample where they differ most"
    )
    return (
        f"(a) Harmonic mode of {_name(row)} that hybridises two soft spots, and (b) the two quartic modes behind it (first "
        f"red, overlap with the harmonic mode {row['overlap_quartic']:.2f}; second, found from the difference of the "
        f"two, purple, overlap {abs(row['overlap_harmonic']):.2f}; overlap of the two quartic modes "
        f"{abs(row['overlap_first']):.2f}). {rule}."
    )


def _phonon_text(row, searched: int) -> str:
    rule = f"an overlap between {selection.SIZABLE_OVERLAP} and {selection.CLEARLY_MIXED}"
    rule = (
        f"Rule: largest ratio of the two N e of the samples with {rule}; {row['qualified']} of n = {searched} searched"
        if row["qualified"]
        else f"None of n = {searched} searched has {rule}: shown is the sample with the largest ratio of the two N e"
    )
    return (
        f"(c) Harmonic mode of {_name(row)} hybridised with a phonon (N e = {row['participants_harmonic']:.0f}) and (d) "
        f"its quartic mode (N e = {row['participants_quartic']:.0f}, overlap "
        f"{1 - row['harmonic_quartic_mismatch']:.2f}). {rule}."
    )


def _pair(samples, paths):
    """Row, fields and number of searched samples of the hybridised pair, in 3D if there is one."""
    second = selection.second_modes(paths["second_quartic"])
    for dimension in (3, 2):
        usable = selection.available(samples, paths, dimension).merge(second, on=["ensemble", "sample"])
        if len(usable):
            row = selection.hybridised_pair(usable)
            return row, selection.read(row, paths), len(usable)
    raise InputError("figure 1 needs finished samples with harmonic, quartic and second quartic modes; none were given")


def _phonon(samples, paths):
    """Row, fields and number of searched samples of the mode hybridised with a phonon, in 2D if there is one."""
    paths = {stage: files for stage, files in paths.items() if stage != "second_quartic"}
    for dimension in (2, 3):
        usable = selection.available(samples, paths, dimension)
        if len(usable):
            row = selection.hybridised_with_phonon(usable)
            return row, selection.read(row, paths), len(usable)
    raise InputError("figure 1 needs finished samples with harmonic and quartic modes; none were given")


def _name(row) -> str:
    return f"sample {row['sample']} of {row['ensemble']}"


def _draw_pair(axes, spot) -> str:
    first, psi = spot.modes["quartic"], spot.modes["harmonic"]
    fraction = FRACTION if spot.positions.shape[1] == 3 else 1.0
    psi = vectorfield.aligned(psi, first)
    second = vectorfield.aligned(spot.modes["second_quartic"], psi)
    places = vectorfield.centred(spot.positions, spot.box_length, psi)
    scaled = [vectorfield.scaled_at(mode, psi) for mode in (first, second)]
    longest = max(vectorfield.largest_size(field) for field in (psi, *scaled))
    vectorfield.draw(axes[0], places, spot.box_length, [Field(psi, style.FIELD_BLUE, fraction)], longest)
    fields = [Field(scaled[0], style.FIELD_RED, fraction), Field(scaled[1], style.FIELD_PURPLE, fraction)]
    vectorfield.draw(axes[1], places, spot.box_length, fields, longest)
    return f"The largest {vectorfield.shown_fraction(psi, fraction)} of the displacements of each mode are shown."


def _draw_phonon(axes, spot) -> None:
    mode = spot.modes["quartic"]
    psi = vectorfield.aligned(spot.modes["harmonic"], mode)
    fraction = 1.0 if spot.positions.shape[1] == 2 else 0.02
    places = vectorfield.centred(spot.positions, spot.box_length, mode)
    scaled = vectorfield.scaled_at(mode, psi)
    longest = max(vectorfield.largest_size(field) for field in (psi, scaled))
    vectorfield.draw(axes[0], places, spot.box_length, [Field(psi, style.FIELD_BLUE, fraction)], longest)
    vectorfield.draw(axes[1], places, spot.box_length, [Field(scaled, style.FIELD_RED, fraction)], longest)


if "snakemake" in globals():
    run(draw, globals()["snakemake"])
