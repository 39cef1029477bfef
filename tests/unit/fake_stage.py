"""A stage whose samples cost nothing, run through the real campaign runner: as a module, and as a command."""

from __future__ import annotations

import argparse
import errno
import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from nqe_core.campaign import Options, run
from nqe_core.ensembles import random_stream, walkers
from nqe_core.errors import InputError
from nqe_core.file_schema import COMMON, Field
from nqe_core.jobs import Checkpoint, Job, SampleFailure, attempt, job_attributes
from nqe_core.models import MODELS

FIELDS = (*COMMON, Field("field", "float", (5, 3)), Field("steps", "int"), Field("good", "bool"))

BLOCKS = 4  # per sample


def fake_job(
    n_samples: int = 12,
    per_unit: int = 1,
    sleep: float = 0.0,
    fail: tuple[int, ...] = (),
    upstream: tuple[int, ...] = (),
    seed: int = 5,
    kill_at: int = -1,
    broken_at: int = -1,
) -> Job:
    """Random fields by address; each sample builds on the unit's previous one, like a walker's.

    `kill_at` ends the process as a kernel would that runs out of memory, `broken_at` raises a programming error.
    """

    def rows(unit: range, checkpoint: Checkpoint | None, pause) -> Iterator[dict | Checkpoint]:
        sample, block, total = unit.start, 0, np.zeros((5, 3))
        if checkpoint is not None:
            sample, block, total = (checkpoint.values[name] for name in ("sample", "block", "total"))
        while sample < unit.stop:
            while block < BLOCKS:
                time.sleep(sleep / BLOCKS)
                pause()
                total = total + random_stream(seed, "fake", "liquid", sample, block).standard_normal((5, 3))
                block += 1
                yield Checkpoint(sample, {"sample": sample, "block": block, "total": total})
            if sample == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            if sample == broken_at:
                raise TypeError("a bug")
            yield attempt(FIELDS, sample, ["lost"] if sample in upstream else [], partial(values, sample, total))
            sample, block = sample + 1, 0
            yield Checkpoint(sample, {"sample": sample, "block": block, "total": total})

    def values(sample: int, total: np.ndarray) -> dict:
        if sample in fail:
            raise SampleFailure(f"too soft: {sample}")
        return {"field": total, "steps": sample * BLOCKS, "good": True}

    model = MODELS["ipl3d"]
    source = {
        "model": model.name,
        "model_parameters": model.parameters(),
        "ensemble": "fake",
        "n_particles": 5,
        "temperature": 2.0,
        "root_seed": seed,
    }
    attributes = job_attributes("fake", source, "none", {"per_unit": per_unit, "fail": list(fail)}, {})
    return Job("fake", FIELDS, attributes, walkers(range(n_samples), per_unit), rows)


def no_locks(*_) -> None:
    raise OSError(errno.ENOLCK, "no locks here")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("output", type=Path)
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--flush-seconds", type=float, default=60.0)
    parser.add_argument("--n-samples", type=int, default=12)
    parser.add_argument("--per-unit", type=int, default=1)
    parser.add_argument("--sleep", type=float, default=0.0)
    parser.add_argument("--wait-seconds", type=float, default=0.0)
    parser.add_argument("--patience", type=float, default=600.0)
    parser.add_argument("--kill-at", type=int, default=-1)
    parser.add_argument("--broken-at", type=int, default=-1)
    parser.add_argument("--no-locks", action="store_true")
    options = parser.parse_args()
    if options.no_locks:
        fcntl.flock = no_locks
    job = fake_job(
        options.n_samples, options.per_unit, options.sleep, kill_at=options.kill_at, broken_at=options.broken_at
    )
    try:
        how = Options(
            ranks=options.ranks,
            flush_seconds=options.flush_seconds,
            wait_seconds=options.wait_seconds,
            patience=options.patience,
        )
        return run(job, options.output, how)
    except InputError as error:
        print(f"nqe: error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
