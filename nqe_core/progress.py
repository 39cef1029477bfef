"""Progress of a job: one line per flush on stderr, rewritten in place on a terminal."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TextIO

from nqe_core.jobs import Job

VERBS = {"liquid": "equilibrate", "inherent_state": "quench"}


class Progress:
    """Tells how far a job is.

    Parameters
    ----------
    job : Job
    output : Path
        Its name without suffix is the chunk.
    log : TextIO
        Where lines go.
    """

    def __init__(self, job: Job, output: Path, log: TextIO) -> None:
        ensemble = job.attributes.get("ensemble", "")
        read = job.attributes.get("parameters", {}).get("preparation") == "read"
        verb = "read" if read else VERBS.get(job.stage, job.stage)
        self.title = " ".join([verb, str(ensemble), Path(output).stem])
        self.total = len(job.samples)
        self.log = log
        self._started, self._before = time.monotonic(), 0

    def start(self, done: int) -> None:
        """Begin with `done` samples from an earlier run."""
        self._started, self._before = time.monotonic(), done
        if done:
            self._line(f"{done}/{self.total} samples are done already")

    def show(self, done: int) -> None:
        """Say how many samples are done, how fast, and how long the rest takes at that pace."""
        elapsed = max(time.monotonic() - self._started, 1e-9)
        rate = (done - self._before) / elapsed
        left = f"{(self.total - done) / rate:.0f} s left" if rate > 0 else "time left unknown"
        self._line(f"{done}/{self.total} samples, {rate:.2g} samples/s, {left}")

    def end(self, text: str) -> None:
        """The last line."""
        self._line(f"{text} ({time.monotonic() - self._started:.1f} s)", last=True)

    def _line(self, text: str, last: bool = False) -> None:
        terminal = self.log.isatty()
        self.log.write(f"\r{self.title}: {text}\x1b[K" if terminal else f"{self.title}: {text}\n")
        if last and terminal:
            self.log.write("\n")
        self.log.flush()
