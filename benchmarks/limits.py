"""Rows with a limit instead of a reference: memory of a process at work, and what starting one takes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from timing import Row

NQE = str(Path(sys.executable).with_name("nqe"))
HELP_LIMIT, STAGE_LIMIT = 1.0, 3.0  # seconds
MEMORY_LIMITS = ((2048, 300.0), (32768, 1024.0))  # particles, MiB


def limits(folder: Path, n: int) -> list[Row]:
    """Memory, and start-up; the latter by the clock, which is what somebody waits for."""
    made = [_memory(folder, particles, limit) for particles, limit in MEMORY_LIMITS]
    made.append(_limited("start-up, nqe --help", [_clock([NQE, "--help"]) for _ in range(n + 1)][1:], HELP_LIMIT))
    passes = [_stages() for _ in range(n + 1)][1:]  # the first one warms the caches
    for stage in passes[0]:
        made.append(_limited(f"fixed cost of a stage: {stage}", [times[stage] for times in passes], STAGE_LIMIT))
    return made


def _limited(name: str, times: list[float], limit: float) -> Row:
    took = float(np.median(times))
    return Row(name, took, limit, limit / took, ">= 1", "s", len(times))


def _clock(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def _stages() -> dict[str, float]:
    """Seconds by the clock of each stage for one glass of 64 particles, whose physics takes a few hundredths of one."""
    times = {}
    with tempfile.TemporaryDirectory() as folder:
        files = {}

        def stage(name: str, command: str, inputs: tuple[str, ...], *options: str) -> None:
            files[name] = str(Path(folder) / f"{name}{'.parquet' if name == 'observables' else '.h5'}")
            arguments = [command, *(files[one] for one in inputs), *options, "--output", files[name]]
            times[command] = _clock([NQE, *arguments])

        stage("liquid", "equilibrate", (), "--model", "ipl2d", "--ensemble", "fixed", "--n-particles", "64",
              "--temperature", "2", "--first-sample", "0", "--n-samples", "1", "--samples-per-walker", "1",
              "--burn-in", "20", "--spacing", "0", "--swap-fraction", "0.2", "--root-seed", "1")  # fmt: skip
        stage("inherent_state", "quench", ("liquid",))
        stage("harmonic", "harmonic", ("inherent_state",))
        stage("quartic", "quartic", ("inherent_state", "harmonic"))
        stage("cubic", "cubic", ("inherent_state", "quartic"))
        stage("observables", "observables", ("liquid", "inherent_state", "harmonic", "quartic", "cubic"))
    return times


def _memory(folder: Path, particles: int, limit: float) -> Row:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; "
        "from glasses import glass; from rows import _modes; from nqe_core.interactions import Interactions; "
        "from nqe_core.models import get_model; model = get_model('ipl3d'); "
        f"_modes(Interactions.of(glass(Path(sys.argv[2]), 'ipl3d', {particles}, 0), model), 'auto', 'lbfgs'); "
        # the peak that getrusage knows is that of the process that was forked, if it was larger
        "print(int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]) / 1024)"
    )
    command = [sys.executable, "-c", code, str(Path(__file__).parent), str(folder)]
    used = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return Row(f"memory, modes ipl3d N={particles}", used, limit, limit / used, ">= 1", "MiB", 1)
