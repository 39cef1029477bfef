"""Fixtures that several tests share."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# ranks and tests are the parallelism, here as in production
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

TESTS = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def mpiexec() -> str:
    """The mpiexec of this environment; tests that need one are skipped without."""
    pytest.importorskip("mpi4py")
    beside = Path(sys.executable).with_name("mpiexec")
    found = str(beside) if beside.exists() else shutil.which("mpiexec")
    if found is None:
        pytest.skip("no mpiexec")
    return found


@pytest.fixture(scope="session")
def fake_command() -> list[str]:
    """Command that runs a cheap stage through the campaign runner; see tests/unit/fake_stage.py."""
    return [sys.executable, str(TESTS / "unit" / "fake_stage.py")]


@pytest.fixture
def nqe():
    """Run the command `nqe` in a process of its own and return it with its output as text."""

    def run(*arguments: object, **options) -> subprocess.CompletedProcess:
        command = [sys.executable, "-c", "import sys; from nqe_core.cli import main; sys.exit(main())"]
        command += [str(argument) for argument in arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)

    return run


@pytest.fixture(autouse=True)
def without_waiting_for_the_disk(monkeypatch):
    """No test survives a power cut, and waiting for the disk would be half of their time."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
