"""Folders in which the workflow is run, and the finished tiny campaign that several tests look at."""

from __future__ import annotations

import fcntl

import pytest
from workflow_runs import Workdir, new_workdir


@pytest.fixture
def workdir(tmp_path) -> Workdir:
    """An empty folder with the shipped configuration."""
    return new_workdir(tmp_path)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory, worker_id) -> Workdir:
    """The finished tiny campaign; made once per test session, also when several workers share it."""
    base = tmp_path_factory.getbasetemp()
    path = (base if worker_id == "master" else base.parent) / "tiny_campaign"
    with open(f"{path}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (path / "finished").exists():
            workdir = new_workdir(path)
            run = workdir.snakemake("--config", "campaign=tiny", timeout=1200)
            assert run.status == 0, run.text[-6000:]
            (path / "finished").touch()
    return Workdir(path)
