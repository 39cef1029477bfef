"""The profile that asks `sacct`, on a SLURM with accounting: it notices what happens to jobs, and uses the account."""

from __future__ import annotations

import os
import signal

import pytest
from cluster_runs import Campaign, ranks_in, sheet_row
from slurm_jobs import (
    ask,
    dead,
    resources,
    running_jobs,
    stage_log,
    wait_for_end_of,
    wait_for_ranks,
    wait_for_state,
    wait_for_success,
)

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.usefixtures("slurm_with_accounting")]

PROFILE = "profiles/slurm-accounting"
ACCOUNT = "physics"  # not root's default
CHUNKS = ("0000", "0001")


def name_the_account(campaign: Campaign) -> None:
    """As a user does it, in the marked block of the profile."""
    settings = campaign.path / PROFILE / "config.yaml"
    shipped = settings.read_text()
    settings.write_text(shipped.replace(f"# slurm_account: {ACCOUNT}", f"slurm_account: {ACCOUNT}"))
    assert settings.read_text() != shipped


def break_squeue(campaign: Campaign) -> None:
    """From now on it answers nothing to Snakemake, so that only `sacct` can have told the states of jobs."""
    program = campaign.path / "bin" / "squeue"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)


def recorded(campaign: Campaign) -> list[list[str]]:
    """Id, state and account of every job of the campaign, in the order of submission."""
    jobs = [job.split("|") for job in ask("sacct", "-XnPD", "-o", "JobIDRaw,State,Account,WorkDir").splitlines()]
    return sorted((job[:3] for job in jobs if job[3] == str(campaign.path)), key=lambda job: int(job[0]))


def test_jobs_of_a_dead_node_and_of_a_killed_rank_are_noticed_by_sacct_and_continued(tmp_path):
    campaign, here = (Campaign.create(tmp_path / name, rows=sheet_row(per_chunk=6)) for name in ("cluster", "here"))
    name_the_account(campaign)
    campaign.hold("saved")
    break_squeue(campaign)
    targets = [campaign.target("liquid", chunk) for chunk in CHUNKS]
    with campaign.drive(*targets, *resources(2, nodes=1), profile=PROFILE) as run:
        ranks = wait_for_ranks(campaign, 4)
        lost, broken = running_jobs(campaign)
        with dead(ask("squeue", "-h", "-j", lost, "-o", "%N"), "fail"):
            wait_for_state(lost, "NODE_FAIL")
            os.kill(next(rank for rank in ranks_in(campaign.path) if rank in ranks), signal.SIGKILL)  # of the other job
            wait_for_state(broken, "FAILED")
            wait_for_end_of(campaign, ranks)
            campaign.release()
            said = wait_for_success(campaign, run)
    assert f"SLURM-job '{lost}' failed due to a node failure, SLURM status is: 'NODE_FAIL'" in said
    assert f"SLURM-job '{broken}' failed, SLURM status is: 'FAILED'" in said
    assert "status command is not 'sacct'" not in said
    assert all(" 2/6 samples are done already" in stage_log(campaign, chunk) for chunk in CHUNKS)
    first, again = recorded(campaign)[:2], recorded(campaign)[2:]
    assert sorted(first) == sorted([[lost, "NODE_FAIL", ACCOUNT], [broken, "FAILED", ACCOUNT]])
    assert [job[1:] for job in again] == [["COMPLETED", ACCOUNT]] * 2
    here.finish()
    campaign.check(here)
