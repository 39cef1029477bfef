"""Measures what a sample of each ensemble costs, stage by stage, and writes the table behind `nqe cost`.

    python benchmarks/cost.py config/campaigns/paper.tsv --samples 3 --output nqe_core/cost.csv

Runs the commands of the campaign on a few samples of every ensemble, with short liquids: these are counted per sweep and
cooling per time step. Times are the CPU times that the files hold, memory is each process's largest.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np

from nqe_core.cost import Measurement
from nqe_core.ensembles import Ensemble, read_sheet
from nqe_core.storage import ChunkReader
from nqe_core.tables import OWN_SECONDS, read_table

BURN_IN, SPACING = 1000, 200  # sweeps
RATE = 0.125  # from T = 1 in 2000 steps of 0.004
STEPS = 2000


def run(*arguments: str) -> float:
    """Run a stage; returns the largest resident size of its process in MB."""
    process = subprocess.Popen([Path(sys.executable).with_name("nqe"), *arguments], stderr=subprocess.PIPE, text=True)
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"cost: error: nqe {' '.join(arguments[:2])}: {said.strip().splitlines()[-1]}")
    return usage.ru_maxrss / 1024


def spent(path: Path, stage: str) -> np.ndarray:
    """CPU seconds of every sample but the first, whose liquid has the burn-in and which loads the compiled kernels."""
    if stage == "observables":
        return np.array(read_table(path)[OWN_SECONDS].to_pylist())[1:]
    with ChunkReader(path, stage) as reader:
        return reader.column("seconds")[1:]


def measure(row: Ensemble, samples: int, folder: Path) -> list[Measurement]:
    """One line per stage of one ensemble."""
    made, files = [], {}

    def add(stage: str, seconds: np.ndarray, memory: float, unit: str = "sample") -> None:
        mean = float(f"{seconds.mean():.4g}")
        made.append(
            Measurement(
                stage, row.model, row.n_particles, row.parent_temperature, mean, unit, round(memory), seconds.size
            )
        )

    def stage(name: str, command: str, inputs: tuple[str, ...], *options: str) -> None:
        files[name] = str(folder / f"{name}{'.parquet' if name == 'observables' else '.h5'}")
        memory = run(command, *(files[one] for one in inputs), *options, "--output", files[name])
        add(name, spent(Path(files[name]), name), memory)

    files["liquid"] = str(folder / "liquid.h5")
    memory = run(
        "equilibrate", "--model", row.model, "--ensemble", "cost", "--n-particles", str(row.n_particles),
        "--temperature", str(row.parent_temperature), "--first-sample", "0", "--n-samples", str(samples),
        "--samples-per-walker", str(samples), "--burn-in", str(BURN_IN), "--spacing", str(SPACING),
        "--swap-fraction", str(row.swap_fraction), "--sampler", "hybrid", "--root-seed", "1", "--output",
        files["liquid"],
    )  # fmt: skip
    add("liquid", spent(Path(files["liquid"]), "liquid") / SPACING, memory, "sweep")
    stage("inherent_state", "quench", ("liquid",))
    if row.preparation == "cool":
        cooled = folder / "cooled.h5"
        memory = run("quench", files["liquid"], "--preparation", "cool", "--cooling-rate", str(RATE),
                     "--cooling-start", "1.0", "--output", str(cooled))  # fmt: skip
        more = spent(cooled, "inherent_state") - spent(Path(files["inherent_state"]), "inherent_state").mean()
        add("cooling", more / STEPS, memory, "step")
    stage("harmonic", "harmonic", ("inherent_state",))
    stage("quartic", "quartic", ("inherent_state", "harmonic"))
    starts = "nonaffine" if row.model.startswith("poly") else "quartic"
    stage("cubic", "cubic", ("inherent_state", "quartic"), "--starts", starts)
    stage("observables", "observables", ("liquid", "inherent_state", "harmonic", "quartic", "cubic"))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--samples", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("results/bench/cost.csv"))
    options = parser.parse_args()
    options.output.parent.mkdir(parents=True, exist_ok=True)
    lines: list[Measurement] = []
    for row in read_sheet(options.sheet):
        with tempfile.TemporaryDirectory() as folder:
            lines += measure(row, options.samples + 1, Path(folder))
        print(row.ensemble, *(f"{line.stage} {line.seconds} s" for line in lines if line.n_particles == row.n_particles
                              and line.model == row.model and line.parent_temperature == row.parent_temperature),
              sep=", ", flush=True)  # fmt: skip
    aside = options.output.with_suffix(".part")
    with aside.open("w", newline="") as file:
        table = csv.DictWriter(file, [field.name for field in fields(Measurement)], lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(line) for line in lines)
    aside.replace(options.output)


if __name__ == "__main__":
    main()
