"""The processes that share one job: their number, their signs of life, and how they share out the units of work."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from pathlib import Path

from nqe_core.errors import InputError

SIGN_OF_LIFE = 5.0  # seconds between touches of a rank's file
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)  # USR1: what batch systems send before the time limit


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
