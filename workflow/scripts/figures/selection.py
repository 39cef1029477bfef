"""Which samples the vector-field figures show, by stated rules, and their fields from the stored chunks."""

from __future__ import annotations

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


@dataclass(frozen=True)
class SoftSpot:
    """Fields of one sample: positions (N, d), box length, and one mode (N, d) for each stage that was read."""

    ensemble: str
    sample: int
    positions: np.ndarray
    box_length: float
    modes: dict[str, np.ndarray]


def index(paths, stage: str) -> pd.DataFrame:
    """Stored samples of one stage: columns ensemble, sample, path."""
    tables = [pd.DataFrame(columns=["ensemble", "sample", "path"])]
    for path in as_list(paths):
        with storage.ChunkReader(path, stage) as chunk:
            samples = {"ensemble": chunk.attributes["ensemble"], "sample": chunk.column("sample"), "path": path}
            tables.append(pd.DataFrame(samples))
    return pd.concat(tables[1:] or tables, ignore_index=True)


def available(samples: pd.DataFrame, paths: dict[str, list[str]], dimension: int) -> pd.DataFrame:
    """Fine samples in one dimension whose fields of every stage in `paths` are at hand."""
    chosen = samples[samples["fine"] & (samples["dimension"] == dimension)]
    for stage, files in paths.items():
        chosen = chosen.merge(index(files, stage)[["ensemble", "sample"]], on=["ensemble", "sample"])
    return chosen


def read(row: pd.Series, paths: dict[str, list[str]]) -> SoftSpot:
    """Fields of one sample of a table, from the chunks of the stages in `paths` (inherent_state among them)."""
    found = {}
    for stage, files in paths.items():
        places = index(files, stage)
        places = places[(places["ensemble"] == row["ensemble"]) & (places["sample"] == row["sample"])]
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


def hybridised_pair(samples: pd.DataFrame) -> pd.Series:
    """Fig. 1(a, b): of samples with second quartic modes, the one whose harmonic mode is most evenly two soft spots.

    Largest min(|psi.pi4a|, |psi.pi4b|) among the samples with |pi4a.pi4b| < `NEARLY_ORTHOGONAL`; where there is none,
    the two most different quartic modes. The row has these overlaps as overlap_quartic, overlap_harmonic and
    overlap_first, and `qualified`, the number of samples with nearly orthogonal modes.
    """
    between = samples["overlap_first"].abs()
    both = samples.assign(
        overlap_quartic=1 - samples["harmonic_quartic_mismatch"], qualified=int((between < NEARLY_ORTHOGONAL).sum())
    )
    apart = both[between < NEARLY_ORTHOGONAL]
    if apart.empty:
        return both.loc[between.idxmin()]
    return apart.loc[np.minimum(apart["overlap_quartic"], apart["overlap_harmonic"].abs()).idxmax()]


def hybridised_with_phonon(samples: pd.DataFrame) -> pd.Series:
    """Fig. 1(c, d): the sample whose harmonic mode is spread widest beyond the soft spot that it still carries.

    Largest ratio of N e of the harmonic mode to N e of its quartic mode among the samples with |psi.pi4| between
    `SIZABLE_OVERLAP` and `CLEARLY_MIXED` (among all when there is none). The row has their number as `qualified`.
    """
    overlap = 1 - samples["harmonic_quartic_mismatch"]
    mixed = samples[(overlap > SIZABLE_OVERLAP) & (overlap < CLEARLY_MIXED)]
    mixed = (mixed if len(mixed) else samples).assign(qualified=len(mixed))
    return mixed.loc[(mixed["participants_harmonic"] / mixed["participants_quartic"]).idxmax()]


def softest(samples: pd.DataFrame) -> pd.Series:
    """Fig. 3: the sample with the lowest quartic mode."""
    return samples.loc[samples["quartic_frequency"].idxmin()]


def representative_difference(samples: pd.DataFrame) -> pd.Series:
    """Fig. 6: the sample with the median ratio |Delta| / omega_4^2 (Eq. 18) among the low-frequency samples.

    Low frequency is what Eqs. 15 and 16 are measured on (`laws.low_frequency`); all samples where there is none.
    """
    low = low_frequency(samples)
    soft = low if len(low) else samples
    ratio = np.sqrt(2 * soft["harmonic_quartic_mismatch"].clip(lower=0)) / soft["quartic_stiffness"]
    return soft.loc[(ratio.rank(method="first") - (len(soft) + 1) / 2).abs().idxmin()]
