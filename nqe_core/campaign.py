"""Running a job: one process or many MPI ranks, resumption, the merge into one file, the exit status.

Whoever computes a row, its values are the same; so ranks take units of work as they come, and the rows are put in
order at the end.
"""

from __future__ import annotations

import sys
import time
import traceback
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from nqe_core.crew import LOOK_EVERY, UNDERSTOOD, Claims, Crew, Interrupted, Interruption, Watch
from nqe_core.errors import DONE, FAILED, MISUSED, RESUMABLE, InputError, in_one_line
from nqe_core.jobs import Job, allowed_failures
from nqe_core.parts import Busy, PartFolder
from nqe_core.progress import Progress
from nqe_core.storage import StorageError, write_stage_file
from nqe_core.worker import Plan, Report, Worker

PATIENCE = 1800.0  # seconds without a sign of life after which a rank counts as dead; no sample takes as long
STOP_WITHIN = 12.0  # seconds that rank 0 waits for the others' last rows after a signal
WAIT_FOR_WRITER = 600.0  # seconds: another process that writes the same file is mostly about to end, or to be ended


@dataclass(frozen=True)
class Options:
    """How to run, as opposed to what.

    Parameters
    ----------
    ranks : int
        MPI ranks that must be there.
    flush_seconds : float
        Finished rows are written aside at the latest after this time.
    max_failed_fraction : float
        Share of this stage's own failures (not those passed on from earlier stages) above which the job fails, if they
        are more than two or the majority (`allowed_failures`).
    wait_seconds : float
        How long another process that writes the same file is waited for; at most half of `patience`, because the other
        ranks hear nothing meanwhile.
    patience : float
        See `PATIENCE`.
    log : TextIO
        Where progress goes.
    """

    ranks: int = 1
    flush_seconds: float = 60.0
    max_failed_fraction: float = 0.05
    wait_seconds: float = WAIT_FOR_WRITER
    patience: float = PATIENCE
    log: TextIO = field(default_factory=lambda: sys.stderr)

    def __post_init__(self) -> None:
        if not self.flush_seconds > 0:
            raise InputError(f"--flush-seconds is {self.flush_seconds}, must be positive")
        if not 0 <= self.max_failed_fraction <= 1:
            raise InputError(f"--max-failed-fraction is {self.max_failed_fraction}, must be between 0 and 1")
        if not self.wait_seconds >= 0:
            raise InputError(f"--wait-seconds is {self.wait_seconds}, must be 0 or more")


def run(job: Job, output: Path, options: Options | None = None) -> int:
    """Compute all rows of a job that are not yet done, and write its file.

    Parameters
    ----------
    job : Job
        The same on every rank.
    output : Path
        HDF5, or Parquet for the table of observables.
    options : Options, optional

    Returns
    -------
    int
        Exit status: `DONE`, `FAILED` (too many samples failed; their file is {output stem}.failed), or `RESUMABLE`
        (interrupted; the same command continues).
    """
    options = options or Options()
    crew = Crew(options.ranks)
    with Interruption() as interruption:
        member = _Member(job, Path(output), options, crew, interruption)
        try:
            status = member.lead() if crew.rank == 0 else member.follow()
            crew.settle()
            return status
        except BaseException as error:
            # a wrong input ends short work with nothing left behind; rows that were written aside before it was met are
            # good, and wait there for the input to be made whole
            if not isinstance(error, InputError):
                with suppress(Exception):
                    member.worker.save()
            if crew.size > 1:  # the others would wait for this rank
                if isinstance(error, InputError):
                    member.folder.clear()  # nobody leaves a run that is aborted
                if isinstance(error, (InputError, OSError, MemoryError)):
                    print(f"nqe: error: {in_one_line(error)}", file=sys.stderr)
                else:
                    print(traceback.format_exc(), end="", file=sys.stderr)  # all at once
                crew.abort(MISUSED if isinstance(error, InputError) else FAILED)
            raise
        finally:
            member.folder.leave(member.name)


class _Member:
    """One rank's part in one run."""

    def __init__(self, job: Job, output: Path, options: Options, crew: Crew, interruption: Interruption) -> None:
        self.job, self.output, self.options, self.crew, self.interruption = job, output, options, crew, interruption
        self.folder = PartFolder(output, job)
        self.progress = Progress(job, output, options.log)
        self.useless: list[Path] = []
        self.join("")

    def join(self, name: str) -> None:
        """Enter the folder of a run."""
        self.name = name
        folder = self.folder.path / f"run.{name}"
        self.claims = Claims(folder, self.crew.rank, self.crew.size > 1)
        self.watch = Watch(folder, self.options.patience)
        self.worker = Worker(
            self.folder, self.claims, self.interruption, self.crew.size, self.options.flush_seconds, self.flushed
        )

    def flushed(self) -> None:
        """Rank 0 tells how far everybody is."""
        if self.crew.rank == 0:
            self.progress.show(self.folder.count_rows(self.useless))

    def follow(self) -> int:
        """Ranks 1, 2, ...: work, report to rank 0, and wait for its verdict."""
        plan = self.listen()
        if plan.verdict is not None:
            return plan.verdict
        self.join(plan.run)
        self.crew.tell(0, UNDERSTOOD)
        self.listen()
        self.crew.tell(0, self.worker.work(plan))
        return self.listen()

    def listen(self) -> object:
        """Wait for rank 0, but not for ever."""
        while (message := self.crew.heard(0)) is None:
            self.claims.live()
            if self.watch.silent(0):
                self.give_up(0)
            time.sleep(LOOK_EVERY)
        return message

    def give_up(self, rank: int) -> None:
        """End a run that a dead rank would keep waiting; what is on disk is reused."""
        self.say(f"rank {rank} shows no sign of life; the next run resumes")
        self.crew.abort(RESUMABLE)

    def lead(self) -> int:
        """Rank 0: plan, work, collect the others' reports, merge, and tell them the exit status."""
        if (verdict := self.enter()) is not None:
            self.crew.tell_all(Plan("", verdict=verdict))
            return verdict
        owners, plan = self.plan()
        self.crew.deliver(plan)
        self.join(plan.run)
        reports = [self.worker.work(plan), *self.collect()]
        for path, samples in (part for report in reports for part in report.parts):
            owners.update(dict.fromkeys(samples, path))
        interrupted = next((report.interrupted for report in reports if report.interrupted), "")
        try:
            status = self.finish(owners, interrupted)
        except Interrupted as reason:
            status = self.resumable(str(reason))
        except StorageError:
            if all(path.exists() for path in set(owners.values())):
                raise
            status = self.finish(owners, interrupted)  # another process has finished, and has just removed the parts
        self.crew.tell_all(status)
        return status

    def enter(self) -> int | None:
        """Keep other writers out, after the one who is there; gives the exit status when that leaves nothing to do."""
        deadline = None
        while True:
            try:
                self.folder.create()
            except Busy as error:
                patience = min(self.options.wait_seconds, self.options.patience / 2)
                if deadline is None:
                    deadline = time.monotonic() + patience
                    self.say(f"{error}; waiting for it, {patience:.0f} s at most")
                if self.interruption.received or time.monotonic() > deadline:
                    self.say(f"{error}; try again later")
                    return RESUMABLE
                time.sleep(LOOK_EVERY)
                continue
            if deadline is not None and self.folder.completed():
                self.say(f"{self.output}: the other process has finished it")
                return DONE
            return None

    def say(self, text: str) -> None:
        """A line in the log."""
        print(f"nqe: {text}", file=self.options.log, flush=True)

    def plan(self) -> tuple[dict[int, Path], Plan]:
        """Find what is done already; what is not, is the plan."""
        owners, self.useless = self.folder.scan()
        units = tuple(unit for unit in self.job.units if any(sample not in owners for sample in unit))
        done = frozenset(sample for unit in units for sample in unit if sample in owners)
        name = uuid.uuid4().hex[:12]
        if self.crew.size > 1:
            (self.folder.path / f"run.{name}").mkdir()
        self.progress.start(len(owners))
        return owners, Plan(name, units, done)

    def collect(self) -> list[Report]:
        """The others' reports; after a signal only those that come soon."""
        waiting, reports, deadline = set(range(1, self.crew.size)), [], None
        shown = time.monotonic()
        while waiting:
            self.claims.live()
            for rank in sorted(waiting):
                if isinstance(report := self.crew.heard(rank), Report):
                    reports.append(report)
                    waiting.discard(rank)
                elif self.watch.silent(rank):
                    self.give_up(rank)
            interrupted = self.interruption.received or self.worker.report.interrupted
            if interrupted or any(report.interrupted for report in reports):
                self.claims.stop_all()
                deadline = deadline or time.monotonic() + STOP_WITHIN
                if waiting and time.monotonic() > deadline:
                    self.resumable(interrupted or "signal")
                    self.crew.abort(RESUMABLE)
            if time.monotonic() - shown > self.options.flush_seconds:
                shown = time.monotonic()
                self.flushed()
            time.sleep(LOOK_EVERY)
        return reports

    def resumable(self, reason: str) -> int:
        """Say what an interrupted run leaves to the next."""
        done = self.folder.count_rows(self.useless)
        self.progress.end(f"interrupted ({reason}); {done}/{len(self.job.samples)} samples are kept for the next run")
        return RESUMABLE

    def finish(self, owners: dict[int, Path], interrupted: str) -> int:
        """Merge the parts into the output when all rows are there."""
        missing = [sample for sample in self.job.samples if sample not in owners]
        overtaken = not all(path.exists() for path in set(owners.values()))
        if overtaken and self.folder.completed():
            # a job that SLURM started again while this one lived on: nobody will come back for what this one kept
            self.folder.remove({*owners.values(), *self.useless})
            self.say(f"{self.output}: the other process has finished it")
            return DONE
        if missing and interrupted:
            return self.resumable(interrupted)
        if missing:
            raise RuntimeError(f"{len(missing)} samples have no rows, the first is {missing[0]}")
        if overtaken:
            return self.resumable("another process has removed parts")
        failures = self.folder.failures(owners)
        own = [reason for reason in failures if not reason.startswith("upstream: ")]
        refused = len(own) > allowed_failures(len(self.job.samples), self.options.max_failed_fraction)
        failed = self.folder.failed
        self.write(failed if refused else self.output, self.watched(self.folder.merged(owners)))
        self.folder.remove({*owners.values(), *self.useless})
        if not refused:
            failed.unlink(missing_ok=True)
        count = len(self.job.samples)
        if refused:
            again = " (of an earlier run; without this file they are made again)" if failed in owners.values() else ""
            self.progress.end(f"{len(own)} of {count} samples failed, the first because: {own[0]}; see {failed}{again}")
            return FAILED
        self.progress.end(f"{count} samples, {len(own)} failed, {len(failures) - len(own)} failed upstream")
        return DONE

    def watched(self, rows: Iterable[dict]) -> Iterator[dict]:
        """Rows on their way into the file; a signal stops them."""
        for row in rows:
            if self.interruption.received:
                raise Interrupted(self.interruption.received)
            self.claims.live()
            yield row

    def write(self, path: Path, rows: Iterator[dict]) -> None:
        """Write the merged rows in the format of the output's suffix."""
        if path.suffix == ".parquet":
            from nqe_core.tables import write_table

            write_table(path, self.job.fields, self.job.attributes, rows)
        else:
            write_stage_file(path, self.job.fields, self.job.attributes, rows, len(self.job.samples))
