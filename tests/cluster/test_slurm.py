"""A campaign on a SLURM of four nodes: every figure, the same bits as on one machine, and what clusters do to jobs."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from cluster_runs import LAB, ROOT, STAGES, Campaign, environment, ranks_in, wait_until

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
ONE_JOB_FOR_ALL_PICTURES = [
    f"{rule}=pictures" for rule in (*FIGURES, "predictions", "table1", "table2", "scorecard", "gather")
]

PATIENCE = 300  # seconds; alone on two cores a test takes a tenth of it
LAUNCHER = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())["set-resources"]["liquid"]["mpi"]


def ask(*command: object) -> str:
    """What a command of SLURM says."""
    arguments = [str(part) for part in command]
    done = subprocess.run(arguments, env=environment(), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def resources(tasks: int, runtime: str = "10", memory: str = "800", **others: object) -> list[str]:
    """What the stage under attack asks for; replaces the profile's block."""
    asked = {"mpi": f"'{LAUNCHER}'", "tasks": tasks, "runtime": runtime, "mem_mb_per_cpu": memory, **others}
    return ["--set-resources", *(f"liquid:{key}={value}" for key, value in asked.items())]


def running_job(campaign: Campaign) -> str:
    """Id of the campaign's running job, whoever else uses the cluster."""
    jobs = ask("squeue", "-h", "-t", "RUNNING", "-o", "%i %Z").splitlines()
    return next(job.split()[0] for job in jobs if job.split()[1] == str(campaign.path))


def wait_for_ranks(campaign: Campaign, number: int) -> list[int]:
    """Process ids of the stage's ranks, once each has finished a few samples (it starts in 1 s, a sample takes 0.5)."""

    def busy() -> list[int]:
        found = ranks_in(campaign.path)
        return found if len(found) == number and all(cpu_seconds(pid) > 2.5 for pid in found) else []

    return wait_until(busy, PATIENCE, f"{number} ranks at work; see {campaign.log('driver')}")


def cpu_seconds(pid: int) -> float:
    """Of one process; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def frozen(processes: list[int]) -> Iterator[None]:
    """Slow ranks without the heat: they stand still while SLURM's clock runs."""
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in processes:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                continue


def resumed(campaign: Campaign) -> bool:
    """Whether the last attempt found rows of an earlier one."""
    text = (campaign.results / "logs" / "liquid" / "victim" / "0000.log").read_text()
    return "samples are done already" in text


# not by default: pmi2 start-up fails now and then (slurm 22.05 with mpich 5), and two retries do not always mend it
@pytest.mark.disturbance
def test_a_whole_campaign_with_every_figure_and_the_same_bits_as_here(tmp_path):
    cluster = Campaign.create(tmp_path / "cluster", "miniature", MINIATURE)
    # a group asks for the cores of all jobs that could run side by side, but not for more than --cores
    groups = ("--cores", 2, "--groups", *ONE_JOB_PER_CHUNK, *ONE_JOB_FOR_ALL_PICTURES)
    with cluster.drive(*groups) as run:
        assert run.wait(timeout=2 * PATIENCE) == 0, cluster.log("driver").read_text()[-4000:]
    for name in (*FIGURES, "predictions"):
        assert (cluster.results / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    # four ranks on nodes of two cores each
    jobs = ask("squeue", "-h", "-t", "COMPLETED", "-o", "%D %C %Z %k").splitlines()
    spread = [job.split()[:2] for job in jobs if f"{cluster.path} rule_chunk_" in job]
    assert len(spread) >= 4 and all(int(nodes) >= 2 and int(cores) >= 4 for nodes, cores in spread), jobs
    here = Campaign.create(tmp_path / "here", "miniature", MINIATURE)
    here.finish(alone=True)
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


@pytest.mark.disturbance
def test_a_killed_rank_ends_its_job_and_the_retry_continues(campaign, undisturbed):
    with campaign.drive(campaign.target("liquid"), *resources(2)) as run:
        os.kill(wait_for_ranks(campaign, 2)[0], signal.SIGKILL)
        assert run.wait(timeout=PATIENCE) == 0, campaign.log("driver").read_text()[-3000:]
    assert "Trying to restart job" in campaign.log("driver").read_text()
    campaign.check(undisturbed)


@pytest.mark.disturbance
def test_a_job_at_its_time_limit_saves_and_is_continued_with_more(campaign, undisturbed):
    with campaign.drive(campaign.target("liquid"), *resources(2, runtime="1 if attempt == 1 else 10")) as run:
        ranks = wait_for_ranks(campaign, 2)
        job = running_job(campaign)
        with frozen(ranks):
            wait_until(
                lambda: ask("squeue", "-h", "-j", job, "-t", "all", "-o", "%T") != "RUNNING", PATIENCE, "the limit"
            )
        assert run.wait(timeout=PATIENCE) == 0, campaign.log("driver").read_text()[-3000:]
    assert ask("squeue", "-h", "-j", job, "-t", "all", "-o", "%T") == "TIMEOUT"
    assert resumed(campaign)
    campaign.check(undisturbed)


@pytest.mark.disturbance
def test_a_job_that_needs_more_memory_gets_it(campaign, undisturbed):
    memory = "60 if attempt == 1 else 800"
    with campaign.drive(campaign.target("liquid"), *resources(2, memory=memory)) as run:
        assert run.wait(timeout=PATIENCE) == 0, campaign.log("driver").read_text()[-3000:]
    said = campaign.log("driver").read_text()
    assert "mem_mb_per_cpu=60" in said and "mem_mb_per_cpu=800" in said
    campaign.check(undisturbed)


@pytest.mark.disturbance
def test_ctrl_c_saves_and_the_same_command_continues(campaign, undisturbed):
    target = campaign.target("liquid")
    with campaign.drive(target, *resources(2)) as run:
        wait_for_ranks(campaign, 2)
        job = running_job(campaign)
        run.send_signal(signal.SIGINT)
        assert run.wait(timeout=60) != 0
    wait_until(lambda: not ranks_in(campaign.path), 30, "the ranks to save and leave")
    assert ask("squeue", "-h", "-j", job, "-t", "all", "-o", "%T") == "CANCELLED"
    assert campaign.kept() > 0
    with campaign.drive(target, *resources(3)) as run:
        assert run.wait(timeout=PATIENCE) == 0, campaign.log("driver").read_text()[-3000:]
    assert resumed(campaign)
    campaign.check(undisturbed)


@pytest.mark.disturbance
def test_a_killed_driver_and_its_successor_do_not_write_over_each_other(campaign, undisturbed):
    target = campaign.target("liquid")
    with campaign.drive(target, *resources(2), log="first"):
        ranks = wait_for_ranks(campaign, 2)
        job = running_job(campaign)
    subprocess.run(campaign.snakemake("--unlock"), cwd=campaign.path, env=environment(), check=True)
    with frozen(ranks), campaign.drive(target, *resources(2), "--retries", 0, log="second") as run:
        assert run.wait(timeout=PATIENCE) != 0
    said = (campaign.results / "logs" / "liquid" / "victim" / "0000.log").read_text()
    assert "is writing it; try again later" in said
    wait_until(
        lambda: ask("squeue", "-h", "-j", job, "-t", "all", "-o", "%T") == "COMPLETED", PATIENCE, "the first job"
    )
    campaign.check(undisturbed)


@pytest.mark.disturbance
def test_a_dead_node_s_job_starts_again_and_its_zombie_harms_nothing(campaign, undisturbed):
    with campaign.drive(campaign.target("liquid"), *resources(2, nodes=1)) as run:
        zombies = wait_for_ranks(campaign, 2)
        job = running_job(campaign)
        node = ask("squeue", "-h", "-j", job, "-o", "%N")
        with frozen(zombies):
            subprocess.run([LAB, "cut", node], env=environment(), check=True)
            # the lock of a dead node is gone as well
            (campaign.file("liquid").with_name("0000.h5.parts") / "lock").unlink()
            ask("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=dead")
            wait_until(lambda: "PENDING" in ask("squeue", "-h", "-j", job, "-o", "%T"), PATIENCE, "the requeue")
            ask("scontrol", "update", f"JobId={job}", "StartTime=now")  # else after two minutes
            wait_until(lambda: len(ranks_in(campaign.path)) == 4, PATIENCE, "the second attempt beside the first")
        # from here both write
        assert run.wait(timeout=PATIENCE) == 0, campaign.log("driver").read_text()[-3000:]
        subprocess.run([LAB, "restore", node], env=environment(), check=True)
        wait_until(lambda: not ranks_in(campaign.path), PATIENCE, "the end of the zombies")
    campaign.check(undisturbed)
