"""How ranks find each other, share out units of work, notice a silent one and hear signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from nqe_core.crew import (
    Claims,
    Interruption,
    Watch,
    check_launcher,
    launched_processes,
    prefer_plain_connections,
    shares,
)
from nqe_core.errors import InputError


@pytest.mark.parametrize(("n_units", "ranks"), [(0, 2), (1, 4), (7, 2), (1000, 48), (5, 1)])
def test_shares_hold_every_unit_once_and_shrink(n_units, ranks):
    blocks = shares(n_units, ranks)
    assert [unit for block in blocks for unit in block] == list(range(n_units))
    lengths = [len(block) for block in blocks]
    assert lengths == sorted(lengths, reverse=True)
    if ranks > 1 and n_units:
        assert lengths[-1] == 1
        assert lengths[0] <= max(1, n_units // (2 * ranks))


def test_a_block_is_claimed_once(tmp_path):
    ranks = [Claims(tmp_path, rank, shared=True) for rank in range(3)]
    won = [(rank.rank, block) for block in range(4) for rank in ranks if rank.claim(block)]
    assert won == [(0, block) for block in range(4)]


def test_a_silent_rank_is_noticed_and_a_living_one_is_not(tmp_path):
    watch = Watch(tmp_path, patience=0.2)
    alive = Claims(tmp_path, 1, shared=True)
    assert not watch.silent(1)
    assert not watch.silent(2)
    for step in range(4):
        time.sleep(0.1)
        os.utime(tmp_path / "alive.1", (step, step)) if step else alive.live()
        assert not watch.silent(1)
    assert watch.silent(2)
    time.sleep(0.25)
    assert watch.silent(1)


@pytest.mark.parametrize(
    ("environment", "processes"),
    [
        ({}, 1),
        ({"PMI_SIZE": "4", "PMI_RANK": "0"}, 4),
        ({"OMPI_COMM_WORLD_SIZE": "3"}, 3),
        ({"PMIX_RANK": "2"}, 3),
        ({"SLURM_STEP_NUM_TASKS": "8", "SLURM_NTASKS": "8"}, 8),
        ({"SLURM_NTASKS": "8"}, 1),  # a batch script, which runs once
        ({"PMI_SIZE": "1"}, 1),
    ],
)
def test_launchers_are_recognised(environment, processes):
    assert launched_processes(environment) == processes
    if processes > 1:
        with pytest.raises(InputError, match=f"one of {processes} processes, but --ranks is 1"):
            check_launcher(1, environment)
    else:
        check_launcher(1, environment)


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"PMI_FD": "7", "SLURM_STEP_ID": "0"}, ("ofi", "1")),  # srun --mpi=pmi2
        ({"PMI_FD": "7"}, (None, None)),  # mpiexec, which reads lines of any length
        ({"SLURM_STEP_ID": "0"}, (None, None)),  # srun --mpi=none or pmix
        ({"PMI_FD": "7", "SLURM_STEP_ID": "0", "MPIR_CVAR_CH4_NETMOD": "ucx"}, ("ucx", "1")),  # somebody's choice
    ],
)
def test_mpich_is_told_how_to_connect_under_slurm_only(environment, told):
    prefer_plain_connections(environment)
    assert tuple(environment.get(name) for name in ("MPIR_CVAR_CH4_NETMOD", "MPIR_CVAR_NOLOCAL")) == told


def test_handlers_are_put_back():
    before = signal.getsignal(signal.SIGTERM)
    with Interruption() as interruption:
        os.kill(os.getpid(), signal.SIGTERM)
        assert interruption.received == "SIGTERM"
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_start_that_hangs_ends_and_says_where(tmp_path):
    hanging = tmp_path / "mpi4py"
    hanging.mkdir()
    (hanging / "__init__.py").write_text("class rc: pass\n")
    # as MPI_Init does it: in C, where no signal is looked at
    (hanging / "MPI.py").write_text("import ctypes\nctypes.PyDLL(None).sleep(60)\n")
    code = "from nqe_core.crew import Crew; Crew(2, start_within=0.5)"
    started = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True,
        timeout=50, check=False,
    )  # fmt: skip
    assert time.monotonic() - started < 30
    assert ended.returncode == 1
    assert ended.stderr.startswith("Timeout (0:00:00.5")
    assert "nqe_core/crew.py" in ended.stderr


def test_a_start_in_time_is_left_alone(tmp_path):
    ready = tmp_path / "mpi4py"
    ready.mkdir()
    (ready / "__init__.py").write_text("class rc: pass\n")
    (ready / "MPI.py").write_text("class COMM_WORLD: rank, size = 1, 2\n")
    code = (
        "import time; from nqe_core.crew import Crew; crew = Crew(2, start_within=1); time.sleep(1.5); print(crew.rank)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout.strip()) == (0, "1"), ended.stderr
