"""A campaign on a SLURM of four nodes: every figure, the same bits as on one machine, and what clusters do to jobs."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest
from cluster_runs import STAGES, Campaign, environment, wait_until
from slurm_jobs import (
    PATIENCE,
    ask,
    dead,
    resources,
    running_job,
    stage_log,
    start_again,
    wait_for_end_of,
    wait_for_ranks,
    wait_for_state,
    wait_for_success,
)

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.usefixtures("slurm")]

# every model, hence every figure, with as few samples as they can be drawn from
MINIATURE = "\n".join([
    "ipl2d_n64\tipl2d\t64\t2.0\t4\t1\t4\t1\tquench\t0\t0\t200\t100",
    "ipl3d_n256\tipl3d\t256\t2.0\t4\t2\t4\t1\tquench\t0\t0.2\t100\t50",
    "ipl4d_n300\tipl4d\t300\t2.0\t2\t1\t2\t1\tcool\t0.5\t0.2\t50\t50",
    "poly3d_n150_t130\tpoly3d\t150\t1.3\t4\t2\t4\t1\tquench\t0\t0.2\t100\t50",
])  # fmt: skip
FIGURES = [f"fig{number}" for number in range(1, 10)]
ONE_JOB_PER_CHUNK = [f"{rule}=chunk" for rule in (*STAGES, "observables")]
ONE_JOB_FOR_RESULTS = [f"{rule}=results" for rule in ("gather", "fig1", "scorecard")]


def test_a_whole_campaign_with_every_figure_and_the_same_bits_as_here(tmp_path):
    cluster = Campaign.create(tmp_path / "cluster", "miniature", MINIATURE)
    # a group asks for the cores of all jobs that could run side by side, but not for more than --cores
    groups = ("--cores", 2, "--groups", *ONE_JOB_PER_CHUNK, *ONE_JOB_FOR_RESULTS)
    products = [str(cluster.results.relative_to(cluster.path) / name) for name in ("figures/fig1.pdf", "scorecard.md")]
    with cluster.drive(*products, *groups) as run:
        assert run.wait(timeout=2 * PATIENCE) == 0, cluster.log("driver").read_text()[-4000:]
    # every picture a job of its own would only take time; the cluster's data serve them all
    with cluster.drive("--cores", 2, profile="profiles/local", log="pictures") as run:
        wait_for_success(cluster, run, "pictures")
    for name in (*FIGURES, "predictions"):
        assert (cluster.results / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    # four ranks on nodes of two cores each
    jobs = ask("squeue", "-h", "-t", "COMPLETED", "-o", "%D %C %Z %k").splitlines()
    spread = [job.split()[:2] for job in jobs if f"{cluster.path} rule_chunk_" in job]
    assert len(spread) >= 4 and all(int(nodes) >= 2 and int(cores) >= 4 for nodes, cores in spread), jobs
    here = Campaign.create(tmp_path / "here", "miniature", MINIATURE)
    here.finish()
    second = cluster.checksums().keys() - here.checksums().keys()
    assert all("second_quartic" in name for name in second)
    for name in second:
        (cluster.results / name).unlink()
    cluster.check(here)


def test_a_wrong_launcher_is_refused(campaign):
    def srun(kind: str, ranks: int) -> str:
        command = ["srun", "-n", "2", f"--mpi={kind}", "nqe", *campaign.command("liquid"), "--ranks", str(ranks)]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode != 0
        return done.stderr

    assert "MPI connects 1 process" in srun("none", 2)
    assert "started as one of 2 processes, but --ranks is 1" in srun("pmi2", 1)
    assert not campaign.results.exists() or not campaign.kept()


def test_a_killed_rank_ends_its_job_and_the_retry_continues(campaign, undisturbed):
    campaign.hold("saved")
    with campaign.drive(campaign.target("liquid"), *resources(2)) as run:
        ranks = wait_for_ranks(campaign, 2)
        os.kill(ranks[0], signal.SIGKILL)
        wait_for_end_of(campaign, ranks)  # the other one too
        campaign.release()
        assert "Trying to restart job" in wait_for_success(campaign, run)
    assert " 2/12 samples are done already" in stage_log(campaign)
    campaign.check(undisturbed)


def test_a_job_at_its_time_limit_saves_and_is_continued_with_more(campaign, undisturbed):
    campaign.hold()
    with campaign.drive(campaign.target("liquid"), *resources(2, nodes=2, runtime="20 if attempt == 1 else 30")) as run:
        ranks, job = wait_for_ranks(campaign, 2), running_job(campaign)
        ask("scontrol", "update", f"JobId={job}", "EndTime=now")  # twenty minutes have passed
        wait_for_state(job, "TIMEOUT")
        wait_for_end_of(campaign, ranks)
        assert campaign.kept() == 2
        campaign.release()
        said = wait_for_success(campaign, run)
    assert "runtime=20" in said and "runtime=30" in said
    assert " 2/12 samples are done already" in stage_log(campaign)
    campaign.check(undisturbed)


def test_a_job_that_needs_more_memory_gets_it(campaign, undisturbed):
    campaign.hold()  # as long as SLURM needs to notice
    with campaign.drive(campaign.target("liquid"), *resources(2, memory="60 if attempt == 1 else 800")) as run:
        wait_until(lambda: "mem_mb_per_cpu=800" in campaign.log("driver").read_text(), PATIENCE, "the second attempt")
        campaign.release()
        assert "mem_mb_per_cpu=60" in wait_for_success(campaign, run)
    campaign.check(undisturbed)


def test_ctrl_c_saves_and_the_same_command_continues(campaign, undisturbed):
    target = campaign.target("liquid")
    campaign.hold()
    with campaign.drive(target, *resources(2)) as run:
        ranks, job = wait_for_ranks(campaign, 2), running_job(campaign)
        run.send_signal(signal.SIGINT)
        assert run.wait(timeout=PATIENCE) != 0
    wait_for_end_of(campaign, ranks)
    wait_for_state(job, "CANCELLED")
    assert campaign.kept() == 2
    campaign.release()
    with campaign.drive(target, *resources(3)) as run:
        wait_for_success(campaign, run)
    assert " 2/12 samples are done already" in stage_log(campaign)
    campaign.check(undisturbed)


def test_the_successor_of_a_killed_driver_waits_for_the_job_that_still_runs(campaign, undisturbed):
    target = campaign.target("liquid")
    campaign.hold()
    with campaign.drive(target, *resources(2), log="first"):
        wait_for_ranks(campaign, 2)
        job = running_job(campaign)
    subprocess.run(campaign.snakemake("--unlock"), cwd=campaign.path, env=environment(), check=True)
    with campaign.drive(target, *resources(2), "--retries", 0, log="second") as run:
        wait_until(lambda: "is writing it; waiting for it" in stage_log(campaign), PATIENCE, "the second job")
        campaign.release()
        wait_for_success(campaign, run, "second")
    assert "the other process has finished it" in stage_log(campaign)
    wait_for_state(job, "COMPLETED")
    campaign.check(undisturbed)


def test_a_dead_node_s_job_starts_again_and_its_zombie_harms_nothing(campaign, undisturbed):
    campaign.hold("saved")
    with campaign.drive(campaign.target("liquid"), *resources(2, nodes=1)) as run:
        zombies, job = wait_for_ranks(campaign, 2), running_job(campaign)
        # the lock of a dead node will be gone as well
        (campaign.file("liquid").with_name("0000.h5.parts") / "lock").unlink()
        with dead(ask("squeue", "-h", "-j", job, "-o", "%N"), "cut"):
            start_again(job)
            wait_for_ranks(campaign, 4)  # the second attempt beside the first
            campaign.release()  # from here both write
            wait_for_success(campaign, run)
        wait_for_end_of(campaign, zombies)
    campaign.check(undisturbed)


def test_a_requeued_job_starts_again_on_the_node_that_it_has_left(campaign, undisturbed):
    campaign.hold()
    with campaign.drive(campaign.target("liquid"), *resources(2, slurm_extra="'--nodelist=node2'")) as run:
        ranks, job = wait_for_ranks(campaign, 2), running_job(campaign)
        ask("scontrol", "requeue", job)
        wait_for_end_of(campaign, ranks)
        assert campaign.kept() == 2
        campaign.release()
        start_again(job)
        assert "Trying to restart job" not in wait_for_success(campaign, run)  # SLURM's doing alone
    assert " 2/12 samples are done already" in stage_log(campaign)
    campaign.check(undisturbed)


def test_a_preempted_job_saves_and_continues_later(campaign, undisturbed):
    options = (*resources(2), "--default-resources", "slurm_partition=low", "mem_mb=1000", "runtime=10")
    campaign.hold()
    with campaign.drive(campaign.target("liquid"), *options) as run:
        ranks = wait_for_ranks(campaign, 2)
        urgent = ask(
            "sbatch", "--parsable", "-p", "main", "-N", 4, "--exclusive", "-o", "/dev/null", "--wrap", "sleep 1"
        )
        wait_for_end_of(campaign, ranks)
        assert campaign.kept() == 2
        campaign.release()
        wait_for_state(urgent, "COMPLETED")
        wait_for_success(campaign, run)
    assert " 2/12 samples are done already" in stage_log(campaign)
    campaign.check(undisturbed)
