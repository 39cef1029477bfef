"""One rank at work: units of work one after another, finished rows written aside in time, ears open for signals."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from nqe_core.crew import Claims, Interrupted, Interruption, shares
from nqe_core.jobs import Checkpoint
from nqe_core.parts import PartFolder

ROW_MEMORY = 24e6  # bytes of finished rows after which they are written aside, however short the time
VALUE_OVERHEAD = 120  # bytes of a number or array in a row beside its data: for small glasses more than these


@dataclass(frozen=True)
class Plan:
    """What is to be done in this run.

    Parameters
    ----------
    run : str
        Name of this run, of its folder of claims.
    units : tuple of range
        Units that lack rows.
    done : frozenset of int
        Samples of these units whose rows an earlier run has finished.
    verdict : int, optional
        Exit status of a run in which nothing is to be done.
    """

    run: str
    units: tuple[range, ...] = ()
    done: frozenset[int] = frozenset()
    verdict: int | None = None


@dataclass
class Report:
    """What a rank did: its part files with their samples, and what interrupted it."""

    parts: list[tuple[Path, list[int]]] = field(default_factory=list)
    interrupted: str = ""


class Worker:
    """Computes rows.

    Parameters
    ----------
    folder : PartFolder
        Where rows go, and whose job is done.
    claims : Claims
        How units are shared with other ranks.
    interruption : Interruption
    size : int
        Number of ranks.
    flush_seconds : float
        Finished rows are written aside at the latest after this time.
    flushed : callable
        Called after each flush.
    """

    def __init__(
        self, folder: PartFolder, claims: Claims, interruption: Interruption, size: int, flush_seconds: float,
        flushed: Callable[[], None],
    ) -> None:  # fmt: skip
        self.folder, self.claims, self.interruption, self.size = folder, claims, interruption, size
        self.flush_seconds, self.flushed = flush_seconds, flushed
        self.report = Report()
        self._rows: list[dict] = []
        self._bytes = 0
        self._checkpoints: dict[range, Checkpoint] = {}
        self._finished: list[range] = []  # units whose checkpoints are of no use once their rows are on the disk
        self._last = time.monotonic()

    def work(self, plan: Plan) -> Report:
        """Do units of work as long as there are any, or until a signal comes."""
        try:
            for number, block in enumerate(shares(len(plan.units), self.size)):
                if self.claims.claim(number):
                    for index in block:
                        self._do(plan.units[index], plan.done)
        except Interrupted as reason:
            self.report.interrupted = str(reason)
            self.claims.stop_all()
        self.save()
        return self.report

    def _do(self, unit: range, done: frozenset[int]) -> None:
        """Compute the rows of one unit that are not yet done."""
        self.pause()
        checkpoint = self.folder.read_checkpoint(unit)
        # a checkpoint is ahead of the rows when a part file was lost
        if checkpoint is not None and not done.issuperset(range(unit.start, checkpoint.next_sample)):
            checkpoint = None
        for found in self.folder.job.compute(unit, checkpoint, self.pause):
            if isinstance(found, Checkpoint):
                self._checkpoints[unit] = found
            elif found["sample"] not in done:
                self._rows.append(found)
                self._bytes += sum(VALUE_OVERHEAD + getattr(value, "nbytes", 8) for value in found.values())
            self.pause()
        if self._checkpoints.pop(unit, None) is not None:
            self._finished.append(unit)

    def pause(self) -> None:
        """Look up from the work: stop, flush, show life. Long loops of the physics call it too."""
        if self.interruption.received or self.claims.stopped():
            raise Interrupted(self.interruption.received or "another rank was interrupted")
        self.claims.live()
        if time.monotonic() - self._last > self.flush_seconds or self._bytes > ROW_MEMORY:
            self.flush()

    def flush(self) -> None:
        """Write aside what there is, and tell."""
        self.save()
        self.flushed()

    def save(self) -> None:
        """Write finished rows aside, and then the checkpoints that build on them."""
        if self._rows:
            path = self.folder.write_rows(self._rows)
            self.report.parts.append((path, [int(row["sample"]) for row in self._rows]))
            self._rows, self._bytes = [], 0
        for unit, checkpoint in self._checkpoints.items():
            self.folder.write_checkpoint(unit, checkpoint)
        while self._finished:
            self.folder.remove_checkpoint(self._finished.pop())
        self._last = time.monotonic()
