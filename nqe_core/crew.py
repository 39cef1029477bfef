"""The processes that share one job: their number, messages and signs of life, and how they share out units of work.

The only module that knows MPI, which is loaded for more than one rank only.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path

from nqe_core.errors import InputError

SIGN_OF_LIFE = 5.0  # seconds between touches of a rank's file
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)  # USR1: what batch systems send before the time limit
START_WITHIN = 900.0  # seconds for MPI to connect the ranks; at thousands of them it takes a minute
SETTLE_WITHIN = 10.0  # seconds for the last messages to leave
LAST_LOOKS = 10  # of which one is enough, once the connections are there
LAST_WORDS = 0.5  # seconds for the launcher to pass on what was said before it ends all
UNDERSTOOD = "understood"  # the answer to the plan, and to the answers
LOOK_EVERY = 0.02  # seconds between looks at messages while waiting
LOOK_BRIEFLY = 0.005  # between the last ones, when everything else waits for them


class Interrupted(Exception):
    """The job is to stop and be resumed later."""


class Interruption:
    """Remember a request to stop; `received` is looked at between samples and between blocks of long loops."""

    def __init__(self) -> None:
        self.received = ""
        self._before: dict = {}

    def __enter__(self) -> Interruption:
        self._before = {number: signal.signal(number, self._remember) for number in SIGNALS}
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _remember(self, number: int, _) -> None:
        self.received = signal.Signals(number).name


def launched_processes(environment: Mapping[str, str] = os.environ) -> int:
    """How many processes an MPI launcher says it started; 1 without a launcher.

    SLURM_NTASKS alone says nothing: a batch script has it too, although it runs once. SLURM_STEP_NUM_TASKS is set by
    srun only.
    """
    sizes = [environment.get(name, "") for name in ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS")]
    known = [int(size) for size in sizes if size.isdigit()]
    rank = environment.get("PMIX_RANK", "")  # PMIx tells the rank only
    return max([1, *known, int(rank) + 1 if rank.isdigit() else 1])


def check_launcher(ranks: int, environment: Mapping[str, str] = os.environ) -> None:
    """Refuse to run as one of several processes that know nothing of each other."""
    if ranks < 1:
        raise InputError(f"--ranks is {ranks}, must be at least 1")
    started = launched_processes(environment)
    if ranks == 1 and started > 1:
        raise InputError(
            f"started as one of {started} processes, but --ranks is 1: each would write the same file; "
            f"pass --ranks {started} or start a single process"
        )


# what MPICH is told under srun --mpi=pmi2, for a plan and a report of each rank that need no fast network
MPICH_UNDER_SLURM = {
    # It speaks PMI-1 to SLURM's pmi2 plugin, in lines of text, and of a line longer than 1024 bytes the plugin reads 1024
    # and takes them for the whole. Over UCX, the default, a node publishes 4096 bytes, an address and what happened to
    # lie behind it in memory, in lines that are mostly shorter, because zeros are compressed, but sometimes not: then the
    # start dies with "value not properly terminated in client request". Over OFI it is one line of 65 bytes.
    "MPIR_CVAR_CH4_NETMOD": "ofi",
    # It names the memory that a node's ranks share after the job and the step, and leaves it there when they are killed.
    # A requeued job has the same number: on the same node its ranks would find that memory, and wait in it for ever.
    "MPIR_CVAR_NOLOCAL": "1",
}


def prefer_plain_connections(environment: MutableMapping[str, str] = os.environ) -> None:
    """Have MPICH connect the ranks of a SLURM job in the way that cannot fail; before MPI is loaded.

    Choices made by the user stay.
    """
    if "PMI_FD" in environment and "SLURM_STEP_ID" in environment:
        for name, value in MPICH_UNDER_SLURM.items():
            environment.setdefault(name, value)


def check_size(ranks: int, size: int) -> None:
    """Refuse a launcher that did not connect the processes (N copies of size 1) or started another number."""
    if size != ranks:
        raise InputError(
            f"--ranks is {ranks}, but MPI connects {size} process{'es' if size > 1 else ''}: start with "
            f"'mpiexec -n {ranks}' (or 'srun --mpi=pmi2 -n {ranks}') of the MPI that mpi4py was built for"
        )


def shares(n_units: int, ranks: int) -> list[range]:
    """Blocks of units, large ones first, that ranks claim one after another.

    Small blocks at the end keep all ranks busy until the last one; few blocks keep the file system quiet.
    """
    blocks, start = [], 0
    while start < n_units:
        length = max(1, (n_units - start) // (2 * ranks)) if ranks > 1 else n_units
        blocks.append(range(start, min(start + length, n_units)))
        start += length
    return blocks


class Claims:
    """First come, first served, by files that only one process can create.

    A counter in MPI memory would live on one rank, which answers between two of its samples only and takes the counter
    with it when it dies. Creating a file exclusively is atomic on shared file systems and takes a millisecond.

    Parameters
    ----------
    folder : Path
        Folder of this run.
    rank : int
    shared : bool
        False for a single rank, who need not ask.
    """

    def __init__(self, folder: Path, rank: int, shared: bool) -> None:
        self.folder, self.rank, self.shared = folder, rank, shared
        self._touched = self._looked = 0.0
        self._stopped = False

    def claim(self, block: int) -> bool:
        """True when this rank is the first to ask for the block."""
        if not self.shared:
            return True
        try:
            os.close(os.open(self.folder / f"block.{block}", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return False
        except FileNotFoundError:
            raise Interrupted("rank 0 has left") from None
        return True

    def live(self) -> None:
        """Show the other ranks that this one lives."""
        if self.shared and time.monotonic() - self._touched > SIGN_OF_LIFE:
            self._touched = time.monotonic()
            with suppress(FileNotFoundError):  # before the start, and after rank 0 has left
                (self.folder / f"alive.{self.rank}").touch()

    def stop_all(self) -> None:
        """Ask all ranks to stop; a launcher may have told one of them only."""
        if self.shared:
            with suppress(FileNotFoundError):
                (self.folder / "stop").touch()

    def stopped(self) -> bool:
        """Whether another rank asked to stop; looks once a second."""
        if self.shared and not self._stopped and time.monotonic() - self._looked > 1.0:
            self._looked = time.monotonic()
            self._stopped = (self.folder / "stop").exists()
        return self._stopped


class Watch:
    """Notices when a rank shows no sign of life.

    Parameters
    ----------
    folder : Path
        Folder of this run.
    patience : float
        Seconds; longer than any sample takes.
    """

    def __init__(self, folder: Path, patience: float) -> None:
        self.folder, self.patience = folder, patience
        self._seen: dict[int, tuple[float, float]] = {}

    def silent(self, rank: int) -> bool:
        """True when the rank's file has not changed for too long. Clocks of two nodes are never compared."""
        try:
            stamp = (self.folder / f"alive.{rank}").stat().st_mtime
        except OSError:
            stamp = 0.0
        now = time.monotonic()
        if rank not in self._seen or self._seen[rank][0] != stamp:
            self._seen[rank] = (stamp, now)
        return now - self._seen[rank][1] > self.patience


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """End this process, and say on stderr where it hung, when something takes longer.

    By a thread that needs nothing of the interpreter: while MPI connects, in C, nobody looks at signals.
    """
    faulthandler.dump_traceback_later(seconds, exit=True, file=sys.__stderr__)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


class Crew:
    """The ranks of this run and what they say to each other; a single process has nobody to talk to.

    Parameters
    ----------
    ranks : int
        MPI ranks that must be there.
    start_within : float
        Seconds after which a start that hangs fails, rather than hold the nodes until the time limit.
    """

    def __init__(self, ranks: int, start_within: float = START_WITHIN) -> None:
        check_launcher(ranks)
        self._comm = None
        self._sent: list = []
        self.rank, self.size = 0, 1
        if ranks > 1:
            prefer_plain_connections()
            try:
                import mpi4py

                mpi4py.rc.threads = False
                with at_most(start_within):
                    from mpi4py import MPI
            except (ImportError, RuntimeError) as error:
                raise InputError(f"--ranks {ranks} needs mpi4py and an MPI library ({error})") from None
            check_size(ranks, MPI.COMM_WORLD.size)
            self._comm = MPI.COMM_WORLD
            self.rank, self.size = self._comm.rank, self._comm.size

    def tell(self, rank: int, message: object) -> None:
        """Send without waiting for the other to listen."""
        self._sent.append(self._comm.isend(message, dest=rank))

    def tell_all(self, message: object) -> None:
        """Send to everybody else."""
        for rank in range(self.size):
            if rank != self.rank:
                self.tell(rank, message)

    def deliver(self, message: object) -> None:
        """Send to everybody else, and stay: a network's messages need their sender's look, and a rank at work has none."""
        self.tell_all(message)
        waiting, deadline = set(range(self.size)) - {self.rank}, time.monotonic() + SETTLE_WITHIN
        while waiting and time.monotonic() < deadline:
            waiting -= {rank for rank in waiting if self.heard(rank) is not None}
            time.sleep(LOOK_EVERY)
        self.tell_all(UNDERSTOOD)
        for _ in range(LAST_LOOKS if self.size > 1 else 0):
            self._comm.iprobe()
            time.sleep(LOOK_BRIEFLY)

    def heard(self, rank: int) -> object | None:
        """The message of a rank, if there is one."""
        return self._comm.recv(source=rank) if self._comm.iprobe(source=rank) else None

    def settle(self) -> None:
        """Let the last messages leave before their buffers go."""
        deadline = time.monotonic() + SETTLE_WITHIN
        while any(not request.Test() for request in self._sent) and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY)

    def abort(self, status: int) -> None:
        """End all ranks at once; returns only where there is one."""
        if self._comm is not None:
            sys.stderr.flush()
            time.sleep(LAST_WORDS)
            self._comm.Abort(status)
