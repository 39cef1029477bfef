"""Which samples the vector-field figures show, by stated rules, and their fields from the stored chunks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from campaign_data import as_list
from laws import low_frequency

from nqe_core import storage
from nqe_core.errors import InputError

NEARLY_ORTHOGONAL = 0.3  # largest |pi4a . pi4b| of two quartic modes that count as different soft spots
SIZABLE_OVERLAP = 0.6  # smallest |psi . pi4| of a harmonic mode that still carries its soft spot
CLEARLY_MIXED = 0.95  # largest |psi . pi4| of a harmonic mode that counts as hybridised

Indices = dict[str, pd.DataFrame]  # stage -> which samples are stored, and where (`index`)


@dataclass(frozen=True)
class SoftSpot:
    """Fields of one sample: positions (N, d), box length, and one mode (N, d) for each stage that was read."""

    ensemble: str
    sample: int
    positions: np.ndarray
    box_length: float
    modes: dict[str, np.ndarray]


@dataclass(frozen=True)
class Choice:
    """A sample chosen by a rule.

    Parameters
    ----------
    row : Series
        Its row of the table.
    spot : SoftSpot
        Its fields.
    searched : int
        Number of samples that the rule looked at.
    rank : int
        Its place among them; above 1 where the fields of the better ones are not kept.
    """

    row: pd.Series
    spot: SoftSpot
    searched: int
    rank: int

    @property
    def remark(self) -> str:
        """What a caption says when the first sample by the rule could not be shown."""
        return f" Number {self.rank} by this rule: fields are kept of some samples only." if self.rank > 1 else ""


def index(paths, stage: str) -> pd.DataFrame:
    """Stored samples of one stage: columns ensemble, root_seed, sample, path."""
    tables = [pd.DataFrame(columns=["ensemble", "root_seed", "sample", "path"])]
    for path in as_list(paths):
        with storage.ChunkReader(path, stage) as chunk:
            own = {"ensemble": chunk.attributes["ensemble"], "root_seed": str(chunk.attributes.get("root_seed", ""))}
            tables.append(pd.DataFrame({**own, "sample": chunk.column("sample"), "path": path}))
    return pd.concat(tables[1:] or tables, ignore_index=True)


def address(table: pd.DataFrame | pd.Series) -> list[str]:
    """Columns that tell samples apart; only merged tables hold several root seeds."""
    return [name for name in ("ensemble", "root_seed", "sample") if name in table]


def indices(paths: Mapping[str, list[str]]) -> Indices:
    """Stored samples of every stage in `paths`; each file is opened once, so make this once and pass it on."""
    return {stage: index(files, stage) for stage, files in paths.items()}


def at_hand(samples: pd.DataFrame, stored: Indices) -> pd.DataFrame:
    """The samples whose fields of every stage are stored, in their order."""
    for places in stored.values():
        samples = samples.merge(places[address(samples)], on=address(samples))
    return samples


def choose(ranking: pd.DataFrame, stored: Indices) -> Choice | None:
    """The first sample of a ranking whose fields are at hand, or None."""
    ranking = ranking.assign(rank=np.arange(1, len(ranking) + 1))
    found = at_hand(ranking, stored)
    if found.empty:
        return None
    row = found.iloc[0]
    return Choice(row, read(row, stored), len(ranking), int(row["rank"]))


def fine_in(samples: pd.DataFrame, dimension: int) -> pd.DataFrame:
    """Fine samples of one dimension."""
    return samples[samples["fine"] & (samples["dimension"] == dimension)]


def read(row: pd.Series, stored: Indices) -> SoftSpot:
    """Fields of one sample of a table, from the chunks of the stages in `stored` (inherent_state among them)."""
    found = {}
    for stage, places in stored.items():
        for name in address(row):
            places = places[places[name] == row[name]]
        if places.empty:
            raise InputError(f"no {stage} of sample {row['sample']} of {row['ensemble']} among the chunks given")
        with storage.ChunkReader(places.iloc[0]["path"], stage) as chunk:
            names = ("positions", "box_length") if stage == "inherent_state" else ("modes",)
            found[stage] = chunk.row(int(row["sample"]), *names)
    state = found.pop("inherent_state")
    positions = np.asarray(state["positions"])
    # the harmonic stage keeps k modes a sample: the lowest is the first
    modes = {stage: fields["modes"].reshape(-1, *positions.shape)[0] for stage, fields in found.items()}
    return SoftSpot(row["ensemble"], int(row["sample"]), positions, float(state["box_length"]), modes)


def with_second_modes(samples: pd.DataFrame, paths) -> pd.DataFrame:
    """The samples that have a second quartic mode, with its overlaps overlap_harmonic and overlap_first.

    The overlaps come from the chunks, or, in the reference tables, from their columns second_overlap_*.
    """
    columns = {"second_overlap_harmonic": "overlap_harmonic", "second_overlap_first": "overlap_first"}
    if set(columns) <= set(samples):
        return samples.dropna(subset=list(columns)).rename(columns=columns)
    return samples.merge(second_modes(paths), on=["ensemble", "sample"])


def second_modes(paths) -> pd.DataFrame:
    """Overlaps of the second quartic modes with the harmonic mode and with the first: one row a sample."""
    names = ["sample", "failure", "converged", "overlap_harmonic", "overlap_first"]
    tables = [pd.DataFrame(columns=["ensemble", *names])]
    for path in as_list(paths):
        with storage.ChunkReader(path, "second_quartic") as chunk:
            columns = {name: chunk.column(name) for name in names}
            tables.append(pd.DataFrame({"ensemble": chunk.attributes["ensemble"], **columns}))
    table = pd.concat(tables[1:] or tables, ignore_index=True)
    return table[(table["failure"] == "") & table["converged"].astype(bool)].drop(columns=["failure", "converged"])


def hybridised_pairs(samples: pd.DataFrame) -> pd.DataFrame:
    """Fig. 1(a, b): samples with second quartic modes, first the one whose harmonic mode is most evenly two soft spots.

    By falling min(|psi.pi4a|, |psi.pi4b|) among the samples with |pi4a.pi4b| < `NEARLY_ORTHOGONAL`; then the others, the
    most different quartic modes first, to six digits (packed tables keep seven). Rows have these overlaps as
    overlap_quartic, overlap_harmonic and overlap_first, and `qualified`, the number of samples with nearly orthogonal modes.
    """
    between = samples["overlap_first"].abs()
    apart = between < NEARLY_ORTHOGONAL
    both = samples.assign(overlap_quartic=1 - samples["harmonic_quartic_mismatch"], qualified=int(apart.sum()))
    evenness = np.minimum(both["overlap_quartic"], both["overlap_harmonic"].abs())
    return both.assign(order=np.where(apart, -evenness, between.round(6))).sort_values("order", kind="stable")


def hybridised_with_phonon(samples: pd.DataFrame) -> pd.DataFrame:
    """Fig. 1(c, d): first the sample whose harmonic mode is spread widest beyond the soft spot that it still carries.

    By falling ratio of N e of the harmonic mode to N e of its quartic mode among the samples with |psi.pi4| between
    `SIZABLE_OVERLAP` and `CLEARLY_MIXED`, then the same of the others. Rows have the number of the former as `qualified`.
    """
    overlap = 1 - samples["harmonic_quartic_mismatch"]
    mixed = (overlap > SIZABLE_OVERLAP) & (overlap < CLEARLY_MIXED)
    ratio = samples["participants_harmonic"] / samples["participants_quartic"]
    ranked = samples.assign(qualified=int(mixed.sum()), mixed=mixed, ratio=ratio)
    return ranked.sort_values(["mixed", "ratio"], ascending=False, kind="stable")


def softest(samples: pd.DataFrame) -> pd.DataFrame:
    """Fig. 3: first the sample with the lowest quartic mode."""
    return samples.sort_values("quartic_frequency", kind="stable")


def representative_difference(samples: pd.DataFrame) -> pd.DataFrame:
    """Fig. 6: first the sample with the median ratio |Delta| / omega_4^2 (Eq. 18), of the low-frequency samples.

    Low frequency is what Eqs. 15 and 16 are measured on (`laws.low_frequency`); all samples where there is none. Rows have
    the number of those of low frequency as `qualified`.
    """
    low = low_frequency(samples)
    soft = low if len(low) else samples
    ratio = np.sqrt(2 * soft["harmonic_quartic_mismatch"].clip(lower=0)) / soft["quartic_stiffness"]
    distance = (ratio.rank(method="first") - (len(soft) + 1) / 2).abs()
    return soft.assign(distance=distance, qualified=len(low)).sort_values("distance", kind="stable")
