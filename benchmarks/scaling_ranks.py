#!/usr/bin/env python3
"""What more ranks would give: the campaign's sharing of work, replayed with the measured CPU times of real samples.

    python benchmarks/scaling_ranks.py results/demo --samples 2000 --ranks 2 4 16 64 512

Each stage's `seconds` (CPU time of a sample) are drawn with replacement for a chunk of `--samples` samples and dealt to
the ranks by the very rule that the campaign uses (`nqe_core.crew.shares`: blocks that shrink, first come, first
served). Efficiency is work / (ranks * time of the last rank), once for the sharing alone and once with what a job costs
before and after (`--overhead`: imports, opening files, merging).
"""

from __future__ import annotations

import argparse
import heapq
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nqe_core.crew import shares
from nqe_core.storage import ChunkReader

STAGES = ("liquid", "inherent_state", "harmonic", "quartic", "cubic")
CLAIM_SECONDS = 2e-3  # creating one file exclusively; local disks take 0.05 ms, network file systems some ms
DRAWS = 5  # chunks drawn for each number; the mean is reported


@dataclass(frozen=True)
class Measured:
    """CPU seconds of one stage of one ensemble, per unit of work (a walker in the liquid, else a sample)."""

    ensemble: str
    stage: str
    seconds: np.ndarray
    samples_per_unit: int


def measured(folder: Path) -> list[Measured]:
    """Everything that a results folder knows about its CPU times."""
    found = []
    for ensemble in sorted(path for path in folder.iterdir() if (path / "liquid").is_dir()):
        for stage in STAGES:
            columns, per_unit = [], 1
            for path in sorted((ensemble / stage).glob("[0-9]*.h5")):
                with ChunkReader(path, stage) as reader:
                    columns.append(reader.column("seconds"))
                    per_unit = int(reader.attributes["parameters"].get("samples_per_walker", 1))
            if columns:
                seconds = np.concatenate(columns)
                whole = len(seconds) // per_unit * per_unit
                units = seconds[:whole].reshape(-1, per_unit).sum(axis=1)
                found.append(Measured(ensemble.name, stage, units, per_unit))
    return found


def last_rank(units: np.ndarray, ranks: int) -> float:
    """Seconds until the last of the ranks has nothing left to claim, shape=(units,) seconds of each unit."""
    free = [(0.0, rank) for rank in range(ranks)]
    for block in shares(len(units), ranks):
        now, rank = heapq.heappop(free)
        heapq.heappush(free, (now + CLAIM_SECONDS + units[block.start : block.stop].sum(), rank))
    return max(now for now, _ in free)


def efficiencies(entry: Measured, samples: int, ranks: int, overhead: float) -> tuple[float, float]:
    """Work / (ranks * time), without and with the overhead of a job."""
    rng = np.random.default_rng(ranks)
    bare = whole = 0.0
    for _ in range(DRAWS):
        units = rng.choice(entry.seconds, max(1, samples // entry.samples_per_unit))
        time = last_rank(units, ranks)
        bare += units.sum() / (ranks * time) / DRAWS
        whole += units.sum() / (ranks * (time + overhead)) / DRAWS
    return bare, whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+", help="results/{campaign} with measured chunks")
    parser.add_argument("--samples", type=int, default=2000, help="samples of the chunk that is simulated")
    parser.add_argument("--ranks", type=int, nargs="+", default=[2, 4, 16, 64, 512])
    parser.add_argument("--overhead", type=float, default=3.0, help="seconds of a job outside its samples")
    options = parser.parse_args()
    columns = [f"{ranks} ranks" for ranks in options.ranks]
    print("| ensemble | stage | measured | s a sample | slowest / mean |", " | ".join(columns), "|")
    print("|---|---|---|---|---|", "|".join("---" for _ in columns), "|")
    for folder in options.results:
        for entry in measured(folder):
            pairs = [efficiencies(entry, options.samples, ranks, options.overhead) for ranks in options.ranks]
            cells = [f"{100 * bare:.0f} % ({100 * whole:.0f} %)" for bare, whole in pairs]
            mean = entry.seconds.mean()
            print(
                f"| {entry.ensemble} | {entry.stage} | {len(entry.seconds) * entry.samples_per_unit} "
                f"| {mean / entry.samples_per_unit:.3g} | {entry.seconds.max() / mean:.1f} |",
                " | ".join(cells), "|",
            )  # fmt: skip


if __name__ == "__main__":
    main()
