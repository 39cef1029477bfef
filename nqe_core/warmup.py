"""Compile every kernel once, by running each stage on one small sample in 2, 3 and 4 dimensions."""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

from nqe_core import stages
from nqe_core.campaign import Options, run
from nqe_core.equilibration import Protocol, equilibrate_job
from nqe_core.models import MODELS

# small boxes that hold the range of the potential: each dimension, and both kinds of sizes
SIZES = {"ipl2d": 64, "ipl3d": 100, "poly3d": 200, "ipl4d": 400}


@contextmanager
def _quiet_options():
    import io

    yield Options(max_failed_fraction=1.0, log=io.StringIO())


def compile_kernels(log: TextIO) -> None:
    """Run all stages of one sample per model; numba keeps what it compiles beside the package.

    Parameters
    ----------
    log : TextIO
        Gets a line per model.
    """
    for name, at_least in SIZES.items():
        started = time.monotonic()
        n_particles = max(at_least, MODELS[name].minimum_particles())
        with TemporaryDirectory() as folder:
            run_all_stages(Path(folder), name, n_particles)
        print(f"warmup {name}: {time.monotonic() - started:.1f} s", file=log, flush=True)


def run_all_stages(folder: Path, model: str, n_particles: int, n_samples: int = 1, burn_in: int = 20) -> None:
    """Every stage, with every solver that jobs may ask for, of a few samples.

    Parameters
    ----------
    folder : Path
        Where the files go, named by stage.
    model : str
        Key in `MODELS`.
    n_particles, n_samples, burn_in : int
    """
    files = {stage: folder / f"{stage}.h5" for stage in ("liquid", "inherent_state", "harmonic", "quartic", "cubic")}
    protocol = Protocol(MODELS[model], "warmup", n_particles, 2.0, burn_in, 0, 0.2, 1, 0)
    with _quiet_options() as options:
        run(equilibrate_job(protocol, 0, n_samples), files["liquid"], options)
        run(stages.quench_job(files["liquid"], 1e-9, "cool", 10.0), folder / "cooled.h5", options)
        run(stages.quench_job(files["liquid"], 1e-11), files["inherent_state"], options)
        state = files["inherent_state"]
        run(stages.harmonic_job(state), files["harmonic"], options)
        run(stages.quartic_job(state, files["harmonic"], "macopt"), folder / "macopt.h5", options)
        run(stages.quartic_job(state, files["harmonic"]), files["quartic"], options)
        run(stages.second_quartic_job(state, files["harmonic"], files["quartic"]), folder / "second.h5", options)
        run(stages.cubic_job(state, files["quartic"], "nonaffine"), files["cubic"], options)
        run(stages.observables_job(*files.values()), folder / "observables.parquet", options)
