"""The warm-up leaves nothing to compile for a campaign's first jobs, and no process behind."""

from __future__ import annotations

import signal
import subprocess
import sys

from nqe_core.models import MODELS
from nqe_core.warmup import GROUPS, SIZES

# In a process of its own: kernels that other tests have compiled are none of the warm-up's doing.
PROGRAM = """
import gc, io, sys
from pathlib import Path

from numba.core.dispatcher import Dispatcher

import nqe_core.warmup as warmup
from nqe_core.campaign import Options, run
from nqe_core.equilibration import Protocol, equilibrate_job
from nqe_core.models import MODELS
from nqe_core.swap_monte_carlo import SAMPLERS

def compiled():
    kernels = [kernel for kernel in gc.get_objects() if isinstance(kernel, Dispatcher)]
    return {(kernel.py_func.__qualname__, str(types)) for kernel in kernels for types in kernel.signatures}

folder = Path(sys.argv[1])
failures = warmup.run_all_stages(folder, "ipl2d", 64)
assert not failures, failures
before = compiled()
assert before
for sampler in SAMPLERS:
    protocol = Protocol(MODELS["ipl2d"], "first", 100, 1.5, 20, 10, 0.2, 2, 1, sampler)
    with equilibrate_job(protocol, 0, 2) as job:
        run(job, folder / f"{sampler}.h5", Options(log=io.StringIO()))
print(*sorted(compiled() - before), sep="\\n")
"""


def test_liquids_after_the_warmup_compile_nothing(tmp_path):
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stdout.strip()


def test_every_model_is_warmed_up_once():
    assert sorted(name for group in GROUPS for name in group) == sorted(SIZES) == sorted(MODELS)


KILLED = """
import os, signal, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from nqe_core.warmup import end_with_parent

pool = ProcessPoolExecutor(2, mp_context=get_context("spawn"), initializer=end_with_parent)
for started in [pool.submit(time.sleep, 1), pool.submit(time.sleep, 1)]:
    started.result()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_workers_end_when_their_parent_is_killed():
    # waits for all that hold the output open, the workers too
    done = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
