"""What tests ask of SLURM, and wait for, while a campaign's jobs run on it."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator

import yaml
from cluster_runs import LAB, ROOT, Campaign, environment, ranks_in, wait_until

PATIENCE = 300  # seconds; alone on two cores a test takes a tenth of it
LAUNCHER = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())["set-resources"]["liquid"]["mpi"]


def ask(*command: object) -> str:
    """What a command of SLURM says; a question that a busy controller leaves unanswered is asked again."""
    arguments, asks = [str(part) for part in command], command[0] in ("squeue", "sacct")
    for attempts_left in (2, 1, 0):
        done = subprocess.run(arguments, env=environment(), capture_output=True, text=True, timeout=150, check=False)
        if done.returncode == 0 or not asks or not attempts_left:
            break
        time.sleep(2)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def resources(tasks: int, runtime: str = "10", memory: str = "800", **others: object) -> list[str]:
    """What the stage under attack asks for; replaces the profile's block."""
    asked = {"mpi": f"'{LAUNCHER}'", "tasks": tasks, "runtime": runtime, "mem_mb_per_cpu": memory, **others}
    return ["--set-resources", *(f"liquid:{key}={value}" for key, value in asked.items())]


def jobs_of(campaign: Campaign, *states: str) -> list[str]:
    """Ids of the campaign's jobs in these states, whoever else uses the cluster."""
    jobs = ask("squeue", "-h", "-t", ",".join(states), "-o", "%i %Z").splitlines()
    return [job.split()[0] for job in jobs if job.split()[1] == str(campaign.path)]


def running_jobs(campaign: Campaign) -> list[str]:
    """Ids of the campaign's running jobs."""
    return jobs_of(campaign, "RUNNING")


def cancel_jobs(campaign: Campaign) -> None:
    """End what a failed test has left on a SLURM, where one runs."""
    if (
        shutil.which("squeue")
        and subprocess.run(("squeue", "-h"), env=environment(), capture_output=True).returncode == 0
    ):
        for job in jobs_of(campaign, "PENDING", "CONFIGURING", "RUNNING"):
            ask("scancel", job)
            wait_until(lambda job=job: job not in jobs_of(campaign, "RUNNING", "COMPLETING"), PATIENCE, f"{job} to end")


def running_job(campaign: Campaign) -> str:
    """Id of the campaign's only running job."""
    (job,) = running_jobs(campaign)
    return job


def wait_for_ranks(campaign: Campaign, number: int) -> list[int]:
    """Process ids of the stage's ranks, once each has finished a sample and waits (see `Campaign.hold`).

    All of them must have got work: none may wait for a message of one that works.
    """
    return wait_until(lambda: campaign.held(number), PATIENCE, f"{number} ranks; see {campaign.log('driver')}")


def wait_for_state(job: str, state: str) -> None:
    """Until SLURM says so of a job."""
    wait_until(lambda: ask("squeue", "-h", "-j", job, "-t", "all", "-o", "%T") == state, PATIENCE, f"{job} {state}")


def start_again(job: str) -> None:
    """Let a requeued job start soon, and not after the two minutes that SLURM would wait.

    Not at once: a node refuses a credential made in the second in which it revoked the job's last one ("Killing
    non-startable batch JobId: Job credential revoked", eight times of eight), and the job has failed.
    """
    wait_for_state(job, "PENDING")
    ask("scontrol", "update", f"JobId={job}", "StartTime=now+2seconds")


@contextlib.contextmanager
def dead(node: str, how: str) -> Iterator[None]:
    """A node that is down, by the lab's command `cut` or `fail`; up again in the end, also for tests that come later."""
    subprocess.run([LAB, how, node], env=environment(), check=True)
    try:
        ask("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=dead")
        yield
    finally:
        subprocess.run([LAB, "restore", node], env=environment(), check=True)


def wait_for_end_of(campaign: Campaign, ranks: list[int]) -> None:
    """Until none of these ranks is there any more."""
    wait_until(lambda: not set(ranks) & set(ranks_in(campaign.path)), PATIENCE, "the ranks to leave")


def wait_for_success(campaign: Campaign, run: subprocess.Popen, log: str = "driver") -> str:
    """What Snakemake has said, once it is done."""
    assert run.wait(timeout=PATIENCE) == 0, campaign.log(log).read_text()[-3000:]
    return campaign.log(log).read_text()


def stage_log(campaign: Campaign, chunk: str = "0000") -> str:
    """What the last attempt of the stage has said; nothing while Snakemake has removed the log of the one before."""
    log = campaign.results / "logs" / "liquid" / "victim" / f"{chunk}.log"
    try:
        return log.read_text()
    except FileNotFoundError:
        return ""
