"""`nqe` whose ranks a test can stop at work, however fast or busy the machine is: the real program with one addition.

While the file `hold` lies in the working directory a rank that has finished a sample does not begin the next. It makes
the file `held.{process id}` and waits, looking up for signals as it does in its work. If `hold` says "saved" it writes
its rows aside first; else they are in memory only, until a signal makes it save them.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from nqe_core.cli import main
from nqe_core.worker import Worker

HOLD, EVERY = Path("hold"), 0.05

_do = Worker._do


def wait_before(worker: Worker, unit: range, done: frozenset[int]) -> None:
    """One unit of work, when nothing holds the rank."""
    started = bool(worker.report.parts or worker._rows)
    if started and HOLD.exists():
        if HOLD.read_text() == "saved":
            worker.save()
        Path(f"held.{os.getpid()}").touch()
        while HOLD.exists():
            worker.pause()
            time.sleep(EVERY)
    _do(worker, unit, done)


if __name__ == "__main__":
    Worker._do = wait_before
    sys.exit(main())
