#!/usr/bin/env python3
"""How much of its ranks' time each stage uses: run as `mpiexec -n 2 python benchmarks/rank_efficiency.py FOLDER`.

Makes one chunk of 3D glasses with all ranks, stage after stage, and compares the CPU time that the samples took with
that of the ranks, once with the busiest of them (what another rank would have to wait for) and once with the clock.
On a machine that others use too, trust the first; alone on it, both. Then all of it once more, in the same processes:
what the first pass needed for loading the program, a fixed cost of each job, is not in the second.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from mpi4py import MPI

from nqe_core.cli import main as nqe
from nqe_core.storage import ChunkReader

STAGES = ("liquid", "inherent_state", "harmonic", "quartic", "cubic", "observables")


def arguments(stage: str, folder: Path, options: argparse.Namespace) -> list[str]:
    """Arguments of `nqe` for one stage."""
    file = {name: str(folder / f"{name}.{'parquet' if name == 'observables' else 'h5'}") for name in STAGES}
    commands = {
        "liquid": [
            "equilibrate", "--model", "ipl3d", "--ensemble", "efficiency", "--n-particles", str(options.n_particles),
            "--temperature", "2.0", "--first-sample", "0", "--n-samples", str(options.samples),
            "--samples-per-walker", "2", "--burn-in", "500", "--spacing", "300", "--swap-fraction", "0.2",
            "--root-seed", "1",
        ],
        "inherent_state": ["quench", file["liquid"]],
        "harmonic": ["harmonic", file["inherent_state"]],
        "quartic": ["quartic", file["inherent_state"], file["harmonic"]],
        "cubic": ["cubic", file["inherent_state"], file["quartic"]],
        "observables": ["observables", *(file[name] for name in STAGES[:-1])],
    }  # fmt: skip
    return [*commands[stage], "--output", file[stage], "--ranks", str(MPI.COMM_WORLD.size)]


def sample_seconds(stage: str, folder: Path) -> float:
    """CPU seconds of all samples of a stage."""
    if stage == "observables":
        import pyarrow.parquet as parquet

        column = parquet.read_table(folder / "observables.parquet", columns=["seconds_observables"]).column(0)
        return sum(column.to_pylist())
    with ChunkReader(folder / f"{stage}.h5", stage) as reader:
        return float(reader.column("seconds").sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the chunk goes; must be empty")
    parser.add_argument("--n-particles", type=int, default=2048)
    parser.add_argument("--samples", type=int, default=40)
    options = parser.parse_args()
    if MPI.COMM_WORLD.rank == 0:
        print("| pass | stage | work, s | busiest rank, s | speed-up | by the clock, s | speed-up |")
        print("|---|---|---|---|---|---|---|")
    for name in ("with loading", "without"):
        for stage in STAGES:
            print_row(name, stage, options.folder / name.replace(" ", "_"), options)


def print_row(name: str, stage: str, folder: Path, options: argparse.Namespace) -> None:
    """Run a stage on all ranks and say what it took."""
    crew = MPI.COMM_WORLD
    cpu, clock = time.process_time(), time.monotonic()
    if status := nqe(arguments(stage, folder, options)):
        raise SystemExit(status)
    busiest = crew.allreduce(time.process_time() - cpu, MPI.MAX)
    clock = crew.allreduce(time.monotonic() - clock, MPI.MAX)
    if crew.rank == 0:
        work = sample_seconds(stage, folder)
        cells = (f"{work:.2f}", f"{busiest:.2f}", f"{work / busiest:.2f}", f"{clock:.1f}", f"{work / clock:.2f}")
        print("|", " | ".join((name, stage, *cells)), "|", flush=True)


if __name__ == "__main__":
    main()
