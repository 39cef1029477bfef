"""Unfinished work on disk: rows that are done, checkpoints of units that are not, and who has claimed what.

Everything of one output file lies in the folder `{output}.parts` beside it until the output is complete. Files have
names of their own (host, process, serial number) and appear by renaming, so that a writer that should be dead, on a
node that came back, say, cannot damage the rows of the one that replaced it.
"""

from __future__ import annotations

import errno
import fcntl
import io
import os
import shutil
import socket
import zipfile
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import numpy as np

from nqe_core.atomic_files import is_abandoned, own_name, written_aside
from nqe_core.jobs import Checkpoint, Job
from nqe_core.storage import ChunkReader, StorageError, write_stage_file

OPEN_PARTS = 64  # part files held open while merging; systems allow a process about a thousand


class Busy(Exception):
    """Another process is writing the same output."""


class PartFolder:
    """The parts of one output file.

    Parameters
    ----------
    output : Path
        The file to be.
    job : Job
        What its rows are.
    """

    def __init__(self, output: Path, job: Job) -> None:
        self.output = Path(output)
        self.path = self.output.with_name(self.output.name + ".parts")
        self.job = job
        self.locked = True
        self._lock = None

    def create(self) -> None:
        """Make the folder and keep other processes of this file system out; `Busy` when one is there already."""
        while self._lock is None:  # again when another process, done, removes the folder or the lock at this moment
            self.path.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                self._lock = self._locked(open(self.path / "lock", "a+"))  # noqa: SIM115 - held until the end
        self._lock.truncate(0)
        self._lock.write(f"process {os.getpid()} on {socket.gethostname()}")
        self._lock.flush()
        remove_abandoned(self.output.parent.glob(f".{self.output.name}.*.tmp"))

    def _locked(self, stream: TextIO) -> TextIO | None:
        """The lock file, locked; None when it is not the one of that name any more."""
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                stream.seek(0)
                owner = stream.read().strip() or "unknown"
                stream.close()
                raise Busy(f"{self.output}: another process ({owner}) is writing it") from None
            self.locked = False  # no locks on this file system: own names and renames still keep files whole
            return stream
        if os.fstat(stream.fileno()).st_nlink == 0:
            stream.close()
            return None
        return stream

    @property
    def failed(self) -> Path:
        """Where the rows go when too many samples have failed."""
        return self.output.with_name(f"{self.output.stem}.failed{self.output.suffix}")

    def completed(self) -> bool:
        """Whether the output is there and of this very job: another process may have finished it."""
        try:
            if self.output.suffix == ".parquet":
                from nqe_core.tables import read_table, table_attributes

                table = read_table(self.output)
                attributes, samples = table_attributes(table), table["sample"].to_pylist()
            else:
                with ChunkReader(self.output, self.job.stage, self.job.fields) as reader:
                    attributes, samples = reader.attributes, reader.samples.tolist()
        except StorageError:
            return False
        return tuple(samples) == self.job.samples and self.job.made(attributes)

    def scan(self) -> tuple[dict[int, Path], list[Path]]:
        """What an earlier, interrupted run of the same job left.

        Returns
        -------
        rows : dict
            Sample -> part file that holds it.
        useless : list of Path
            Part files that are damaged, or of other parameters, inputs or version.
        """
        useless: list[Path] = []
        rows = dict.fromkeys(self.job.samples, self.failed) if self._failed_alike() else {}
        for path in sorted(self.path.glob("part.*.h5")):
            try:
                with ChunkReader(path, self.job.stage, self.job.fields) as part:
                    if part.attributes.get("fingerprint") != self.job.fingerprint:
                        raise StorageError("of another job")
                    part.verify()
                    rows.update({int(sample): path for sample in part.samples})
            except StorageError:
                useless.append(path)
        return rows, useless

    def _failed_alike(self) -> bool:
        """Whether the rows that were refused are those of this job and this very code: they would come out the same."""
        try:
            with ChunkReader(self.failed, self.job.stage, self.job.fields) as rows:
                made = rows.attributes
                alike = tuple(rows.samples.tolist()) == self.job.samples and self.job.made(made)
                if alike:
                    rows.verify()
                return alike and made.get("git_commit") == self.job.attributes.get("git_commit")
        except StorageError:  # none, damaged, or a table
            return False

    def write_rows(self, rows: list[dict]) -> Path:
        """Write finished rows aside."""
        path = self.path / f"part.{own_name()}.{len(rows)}.h5"
        attributes = {**self.job.attributes, "fingerprint": self.job.fingerprint}
        write_stage_file(path, self.job.fields, attributes, rows, len(rows))
        return path

    def count_rows(self, ignored: Iterable[Path]) -> int:
        """Rows in all part files, from their names."""
        skip = {path.name for path in ignored}
        return sum(int(path.name.split(".")[-2]) for path in self.path.glob("part.*.h5") if path.name not in skip)

    def write_checkpoint(self, unit: range, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint of a unit."""
        buffer = io.BytesIO()
        np.savez(buffer, fingerprint=self.job.fingerprint, next_sample=checkpoint.next_sample, **checkpoint.values)
        with written_aside(self.path / f"unit.{unit.start}.npz") as aside:
            aside.write_bytes(buffer.getvalue())

    def remove_checkpoint(self, unit: range) -> None:
        """Forget the checkpoint of a finished unit."""
        (self.path / f"unit.{unit.start}.npz").unlink(missing_ok=True)

    def read_checkpoint(self, unit: range) -> Checkpoint | None:
        """The checkpoint of a unit; None when there is none that fits."""
        path = self.path / f"unit.{unit.start}.npz"
        if not path.exists():
            return None
        try:
            with np.load(path, allow_pickle=False) as archive:
                values = {name: archive[name] for name in archive.files}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        if str(values.pop("fingerprint", "")) != self.job.fingerprint:
            return None
        values = {name: value.item() if value.ndim == 0 else value for name, value in values.items()}
        return Checkpoint(values.pop("next_sample"), values)

    def failures(self, owners: dict[int, Path]) -> list[str]:
        """Reasons of the samples that failed, in order of the samples."""
        reasons: dict[int, str] = {}
        for path in sorted(set(owners.values())):
            with ChunkReader(path, self.job.stage, self.job.fields) as part:
                found = dict(zip(part.samples.tolist(), part.column("failure"), strict=True))
            reasons.update({sample: reason for sample, reason in found.items() if owners.get(sample) == path})
        return [reasons[sample] for sample in self.job.samples if reasons[sample]]

    def merged(self, owners: dict[int, Path]) -> Iterator[dict]:
        """All rows in order; holds one row, and a few open files, at a time."""
        readers: OrderedDict[Path, ChunkReader] = OrderedDict()
        try:
            for sample in self.job.samples:
                path = owners[sample]
                if path not in readers:
                    if len(readers) == OPEN_PARTS:
                        readers.popitem(last=False)[1].close()
                    readers[path] = ChunkReader(path, self.job.stage, self.job.fields)
                readers.move_to_end(path)
                yield readers[path].row(sample)
        finally:
            for reader in readers.values():
                reader.close()

    def remove(self, known: Iterable[Path]) -> None:
        """Remove the files of this job, now that its output is complete."""
        for path in known:
            if path != self.failed:
                path.unlink(missing_ok=True)
        for path in self.path.glob("unit.*.npz"):
            path.unlink(missing_ok=True)
        remove_abandoned(self.path.glob(".*.tmp"))

    def clear(self) -> None:
        """Remove the folder at once, whoever works in it, unless finished rows or checkpoints are kept there."""
        if not [*self.path.glob("part.*.h5"), *self.path.glob("unit.*.npz")]:
            shutil.rmtree(self.path, ignore_errors=True)

    def leave(self, run: str) -> None:
        """End a run of that name and let others in; removes the folder when nothing is kept in it."""
        if self._lock is None:
            return  # somebody else's
        for path in self.path.glob("run.*" if self.locked else f"run.{run}"):
            shutil.rmtree(path, ignore_errors=True)
        (self.path / "lock").unlink(missing_ok=True)
        self._lock.close()  # first: NFS keeps a file that is removed while it is open, and with it the folder
        self._lock = None
        with suppress(OSError):  # parts are kept, or another process still writes
            self.path.rmdir()


def remove_abandoned(paths: Iterable[Path]) -> None:
    """Remove what killed writers left."""
    for path in paths:
        if is_abandoned(path):
            path.unlink(missing_ok=True)
