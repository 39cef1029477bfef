"""The undisturbed campaign that disturbed ones are compared with, and the SLURM that they run on."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from cluster_runs import LAB, Campaign, environment
from slurm_jobs import ask, cancel_jobs


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory) -> Campaign:
    """The campaign as it should be: one process, no interruption."""
    campaign = Campaign.create(tmp_path_factory.mktemp("undisturbed"))
    campaign.finish()
    return campaign


@pytest.fixture
def campaign(tmp_path) -> Iterator[Campaign]:
    """The same campaign, not yet run; of its jobs none outlives the test, which would take nodes from the next."""
    campaign = Campaign.create(tmp_path)
    yield campaign
    cancel_jobs(campaign)


@contextlib.contextmanager
def emulated_slurm(*options: str) -> Iterator[None]:
    """A SLURM of four nodes with two cores each; one that runs already is used, and left running."""
    if os.geteuid() != 0:
        pytest.skip("the emulated SLURM needs root")
    programs = dict.fromkeys(("slurmctld", "slurmd", "munged", "srun"), "slurm-wlm and munge")
    if "accounting" in options:
        programs |= dict.fromkeys(("slurmdbd", "mariadbd"), "slurmdbd and mariadb-server")
    for program, packages in programs.items():
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (packages {packages})")
    if os.environ.get("PYTEST_XDIST_WORKER", "gw0") != "gw0":
        pytest.skip("one emulated SLURM per machine: run the cluster tests with -n 0")
    command = [LAB, "start", "4", "2", *options]
    started = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    try:  # a start that has failed leaves daemons behind, too
        assert started.returncode == 0, started.stdout + started.stderr
        yield
    finally:
        if "runs already" not in started.stdout:
            subprocess.run([LAB, "stop"], env=environment(), check=True)


@pytest.fixture(scope="module")
def slurm() -> Iterator[None]:
    """One without accounting: `sacct` knows nothing."""
    with emulated_slurm():
        yield


@pytest.fixture(scope="module")
def slurm_with_accounting() -> Iterator[None]:
    """One with slurmdbd, after the other has stopped: a machine plays one SLURM at a time."""
    with emulated_slurm("accounting"):
        if "accounting_storage/slurmdbd" not in ask("scontrol", "show", "config"):
            pytest.skip("the SLURM that runs already has no accounting (tests/cluster/lab start 4 2 accounting)")
        yield
