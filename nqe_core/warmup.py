"""Compile every kernel once, by running each stage on one small sample in 2, 3 and 4 dimensions."""

from __future__ import annotations

import io
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context, parent_process
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TextIO

from nqe_core import stages
from nqe_core.campaign import Options, run
from nqe_core.double_well_stage import double_wells_job
from nqe_core.equilibration import Protocol, equilibrate_job
from nqe_core.jobs import Job
from nqe_core.models import MODELS
from nqe_core.swap_monte_carlo import SAMPLERS
from nqe_core.tables import read_table

# small boxes that hold the range of the potential: each dimension, and both kinds of sizes
SIZES = {"ipl2d": 64, "ipl3d": 100, "poly3d": 200, "ipl4d": 400}
# One process each: kernels of another dimension are others, those of another mixture in 3D are the same. Longest first.
GROUPS = (("ipl3d", "poly3d"), ("ipl4d",), ("ipl2d",))


def compile_kernels(log: TextIO, processes: int | None = None) -> None:
    """Run all stages of one sample per model; numba keeps what it compiles beside the package.

    Parameters
    ----------
    log : TextIO
        Gets a line per model.
    processes : int, optional
        Side by side; as many as this process may use cores, if not given.
    """
    cores = processes or len(os.sched_getaffinity(0))
    # fresh processes: one that was forked would share files and threads of this one
    fresh = get_context("spawn")
    with ProcessPoolExecutor(min(cores, len(GROUPS)), mp_context=fresh, initializer=end_with_parent) as pool:
        for done in as_completed([pool.submit(_compile_for, models) for models in GROUPS]):
            print(*done.result(), sep="\n", file=log, flush=True)


def end_with_parent() -> None:
    """Make this worker process end when the one that started it does, also when that one is killed.

    Without this it waits for ever for work: the other workers hold its queue open.
    """
    parent = parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    Thread(target=wait, daemon=True).start()


def _compile_for(models: tuple[str, ...]) -> list[str]:
    """What there is to say of each model."""
    lines = []
    for name in models:
        started = time.monotonic()
        n_particles = max(SIZES[name], MODELS[name].minimum_particles())
        with TemporaryDirectory() as folder:
            failures = run_all_stages(Path(folder), name, n_particles)
        # later stages compile nothing for a sample that failed
        note = f" (incomplete: {failures[0]})" if failures else ""
        lines.append(f"warmup {name}: {time.monotonic() - started:.1f} s{note}")
    return lines


def run_all_stages(folder: Path, model: str, n_particles: int, n_samples: int = 1, burn_in: int = 20) -> list[str]:
    """Every stage of a few samples, with each sampler, minimiser and preparation.

    Parameters
    ----------
    folder : Path
        Where the files go, named by stage.
    model : str
        Key in `MODELS`.
    n_particles, n_samples, burn_in : int

    Returns
    -------
    list of str
        Reasons of the samples that failed.
    """
    options = Options(max_failed_fraction=1.0, log=io.StringIO())

    def made(name: str, job: Job) -> Path:
        with job:
            run(job, folder / name, options)
        return folder / name

    for sampler in sorted(SAMPLERS, reverse=True):  # the samples of the last one, the hybrid, go on
        protocol = Protocol(MODELS[model], "warmup", n_particles, 2.0, burn_in, 0, 0.2, 1, 0, sampler)
        liquid = made(f"liquid_{sampler}.h5", equilibrate_job(protocol, 0, n_samples))
    made("cooled.h5", stages.quench_job(liquid, 1e-9, "cool", 10.0))
    state = made("inherent_state.h5", stages.quench_job(liquid, 1e-11))
    harmonic = made("harmonic.h5", stages.harmonic_job(state))
    made("macopt.h5", stages.quartic_job(state, harmonic, "macopt"))
    quartic = made("quartic.h5", stages.quartic_job(state, harmonic))
    made("second_quartic.h5", stages.second_quartic_job(state, harmonic, quartic))
    made("cubic_macopt.h5", stages.cubic_job(state, quartic, "quartic", "macopt"))
    cubic = made("cubic.h5", stages.cubic_job(state, quartic, "nonaffine"))
    made("double_wells.h5", double_wells_job(state, cubic))
    table = made("observables.parquet", stages.observables_job(liquid, state, harmonic, quartic, cubic))
    return [reason for reason in read_table(table)["failure"].to_pylist() if reason]
