"""A chunk of ten thousand small glasses through every stage: does memory stay flat, and does any sample fail?

    python benchmarks/soak.py FOLDER [--samples 10000] [--n-particles 64] [--model ipl2d]

Prints per stage: seconds, failed samples with their reasons, and the resident size of the process (MB) at tenths of its
run. Stages that FOLDER holds already are not repeated.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

TENTHS = np.linspace(0.1, 1.0, 10)
STATES = ("liquid", "inherent_state", "harmonic", "quartic", "cubic")


def commands(folder: Path, options: argparse.Namespace) -> dict[str, list[str]]:
    """Arguments of `nqe` by stage."""
    file = {stage: str(folder / f"{stage}.h5") for stage in STATES}
    glass = file["inherent_state"]
    made = {
        "liquid": [
            "equilibrate", "--model", options.model, "--ensemble", "soak", "--n-particles", str(options.n_particles),
            "--temperature", "2.0", "--first-sample", "0", "--n-samples", str(options.samples),
            "--samples-per-walker", "10", "--burn-in", "200", "--spacing", "20", "--swap-fraction", "0.2",
            "--root-seed", "1",
        ],
        "inherent_state": ["quench", file["liquid"]],
        "harmonic": ["harmonic", glass],
        "quartic": ["quartic", glass, file["harmonic"]],
        "cubic": ["cubic", glass, file["quartic"]],
        "observables": ["observables", *file.values()],
    }  # fmt: skip
    outputs = {**file, "observables": str(folder / "observables.parquet")}
    return {stage: [*arguments, "--output", outputs[stage]] for stage, arguments in made.items()}


def resident(pid: int) -> float | None:
    """Resident size of a process in MB, while it lives."""
    try:
        return int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        return None


def watch(arguments: list[str]) -> tuple[float, list[float], str]:
    """Run a stage; its seconds, its sizes in regular intervals, and its last line."""
    program = Path(sys.executable).with_name("nqe")
    started, sizes = time.monotonic(), []
    process = subprocess.Popen([program, *arguments], stderr=subprocess.PIPE, text=True)
    while process.poll() is None:
        if size := resident(process.pid):
            sizes.append(size)
        time.sleep(0.2)
    said = process.stderr.read().strip().splitlines()
    if process.returncode:
        raise SystemExit(f"soak: error: nqe {arguments[0]}: {said[-1]}")
    return time.monotonic() - started, sizes, said[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--n-particles", type=int, default=64)
    parser.add_argument("--model", default="ipl2d")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    print("| stage | s |", *(f"{tenth:.0%} |" for tenth in TENTHS), "said |")
    for stage, arguments in commands(options.folder, options).items():
        if Path(arguments[-1]).exists():
            continue
        seconds, sizes, said = watch(arguments)
        at = [sizes[round(tenth * (len(sizes) - 1))] for tenth in TENTHS]
        print(f"| {stage} | {seconds:.0f} |", *(f"{size:.0f} |" for size in at), said, "|", flush=True)


if __name__ == "__main__":
    main()
