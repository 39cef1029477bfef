"""Files that appear whole or not at all, and the checksum of what they hold."""

from __future__ import annotations

import hashlib
import itertools
import os
import socket
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from nqe_core.errors import InputError, in_one_line
from nqe_core.file_schema import UNREPRODUCIBLE, Field

_serial = itertools.count()
_token = uuid.uuid4().hex[:8]

LONG_SILENT = 3600.0  # seconds; no write takes as long
ROWS_AT_ONCE = 500  # whose numbers are turned into bytes together


def check_input(path: Path) -> None:
    """Raise `InputError` unless `path` is a file that can be read."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder, must be a file")
    if not path.is_file():
        raise InputError(f"{path}: {'is no ordinary file' if path.exists() else 'no such file'}")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: may not be read")


def check_output(path: Path, inputs: Iterable[Path] = (), ending: str = "") -> None:
    """Raise `InputError` where nothing may be written, before anything is computed.

    Parameters
    ----------
    path : Path
        The file to be; an ordinary one that is there will be replaced.
    inputs : iterable of Path
        Files that it is made from.
    ending : str
        What its name must end in.
    """
    if path.is_dir():
        raise InputError(f"output {path}: is a folder, must be a file")
    if path.exists() and not path.is_file():
        raise InputError(f"output {path}: is no ordinary file")
    if ending and path.suffix != ending:
        raise InputError(f"output {path}: must end in {ending}")
    for given in inputs:
        if given.exists() and path.exists() and given.samefile(path):
            raise InputError(f"output {path}: is one of the files that are read")
    check_folder(path.parent)


def check_folder(path: Path) -> None:
    """Raise `InputError` unless `path` is a folder that may be written in, or can be made."""
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not there.is_dir():
        raise InputError(f"output {path}: {there} is not a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"output {path}: nothing may be written in {there}")


def own_name() -> str:
    """A name that no other process uses for its files, on any node, nor a later one with the same number."""
    return f"{socket.gethostname()}-{os.getpid()}-{_token}-{next(_serial)}"


def is_abandoned(aside: Path) -> bool:
    """Whether the writer of a temporary file is gone: its process is no more, or, on another host, it is long silent."""
    host, process, _, _ = aside.name.removesuffix(".tmp").rsplit("-", 3)
    try:
        if not host.endswith(f".{socket.gethostname()}"):
            return time.time() - aside.stat().st_mtime > LONG_SILENT
        os.kill(int(process), 0)
    except (ProcessLookupError, FileNotFoundError):
        return True
    except PermissionError:
        return False  # somebody else's process
    return False


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Yield a temporary file in the same folder that replaces `path` once it is complete and on the disk.

    It is there, empty, with the mode that files of this user have: some libraries would give their own. What the disk
    refuses is said of `path`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{own_name()}.tmp")
    try:
        aside.touch()
        yield aside
        with open(aside, "rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(aside, path)
        sync_folder(path.parent)
    except OSError as error:
        if error.errno is None:
            raise OSError(f"{path}: {in_one_line(error)}") from None
        if error.filename is None or str(error.filename) == str(aside):
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from None
        raise
    finally:
        aside.unlink(missing_ok=True)


class ContentChecksum:
    """SHA-256 of rows, dataset by dataset, so that rows can stream past one at a time.

    Parameters
    ----------
    fields : tuple of Field
        All but `seconds` count.
    """

    def __init__(self, fields: Sequence[Field]) -> None:
        self._fields = [field for field in fields if not field.name.startswith(UNREPRODUCIBLE)]
        self._digests = {field.name: hashlib.sha256() for field in self._fields}
        # numbers wait for each other: one by one, turning them into bytes takes ten times as long as their checksum
        self._waiting: dict[str, list] = {field.name: [] for field in self._fields if not field.shape}
        self._rows_waiting = 0

    def add(self, row: dict) -> None:
        """The next row."""
        for field in self._fields:
            value = row[field.name]
            if field.shape:
                self._digests[field.name].update(np.ascontiguousarray(value, dtype=field.dtype).data)
            else:
                self._waiting[field.name].append(value)
        self._rows_waiting += 1
        if self._rows_waiting == ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        for field in self._fields:
            if not field.shape:
                values = self._waiting[field.name]
                self._digests[field.name].update(
                    b"".join(str(value).encode() + b"\0" for value in values)
                    if field.kind == "text"
                    else np.array(values, dtype=field.dtype).data
                )
                values.clear()
        self._rows_waiting = 0

    def hexdigest(self) -> str:
        """The checksum of all rows so far."""
        self._flush()
        total = hashlib.sha256()
        for field in sorted(self._fields, key=lambda field: field.name):
            total.update(f"{field.name} {field.kind} {field.shape} {self._digests[field.name].hexdigest()}\n".encode())
        return total.hexdigest()
