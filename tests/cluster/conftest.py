"""The undisturbed campaign that disturbed ones are compared with, and the SLURM that they run on."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from cluster_runs import LAB, Campaign, environment


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory) -> Campaign:
    """The campaign as it should be: one process, no interruption."""
    campaign = Campaign.create(tmp_path_factory.mktemp("undisturbed"))
    campaign.finish()
    return campaign


@pytest.fixture
def campaign(tmp_path) -> Campaign:
    """The same campaign, not yet run."""
    return Campaign.create(tmp_path)


@pytest.fixture(scope="session")
def slurm():
    """A SLURM of four nodes with two cores each; one that runs already is used, and left running."""
    if os.geteuid() != 0:
        pytest.skip("the emulated SLURM needs root")
    for program in ("slurmctld", "slurmd", "munged", "srun"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (packages slurm-wlm and munge)")
    if os.environ.get("PYTEST_XDIST_WORKER", "gw0") != "gw0":
        pytest.skip("one emulated SLURM per machine: run the cluster tests with -n 0")
    started = subprocess.run([LAB, "start", "4", "2"], env=environment(), capture_output=True, text=True, check=False)
    assert started.returncode == 0, started.stdout + started.stderr
    yield
    if "runs already" not in started.stdout:
        subprocess.run([LAB, "stop"], env=environment(), check=True)
