"""Files of samples: written whole or not at all, read a row at a time, checked on every read.

Each file is HDF5 with the sample as the leading axis (see `nqe_core.file_schema`). Rows of modes are stored as one HDF5
chunk each, with a checksum (fletcher32) that HDF5 verifies whenever the row is read, so that a rank can work on one
sample of a large file without loading the others. The SHA-256 of the content, over all datasets but `seconds`, is an
attribute; it depends on the values only, not on who computed them, in how many parts, or when.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np

from nqe_core.atomic_files import ContentChecksum, check_input, written_aside
from nqe_core.configuration import Configuration
from nqe_core.errors import InputError
from nqe_core.file_schema import SCHEMA_VERSION, Field, stage_fields
from nqe_core.models import Model

# attributes without which nothing can be made of a file
NEEDED = (
    "stage", "model", "model_parameters", "ensemble", "n_particles", "temperature", "root_seed", "content_sha256",
    "schema_version",
)  # fmt: skip

BLOCK_BYTES = 2**20  # of rows that are written by one call of HDF5: a call for each row takes twice as long
ROWS_KEPT = 0  # by HDF5, which would keep 8 MB of rows of every dataset: each is read or written once


class StorageError(InputError):
    """A file is missing, damaged, or not the one that was asked for."""


def _create(file: h5py.File, field: Field, n_samples: int) -> h5py.Dataset:
    shape = (n_samples, *field.shape)
    if field.kind == "text":
        # HDF5 has no checksum for strings of variable length; content_sha256 covers them
        return file.create_dataset(field.name, shape, dtype=h5py.string_dtype())
    chunk = (1, *field.shape) if field.shape else (n_samples,)
    return file.create_dataset(field.name, shape, dtype=field.dtype, chunks=chunk, fletcher32=True)


class _Column:
    """Rows of one dataset on their way into the file: numbers all at once, arrays in blocks.

    Parameters
    ----------
    file : h5py.File
    field : Field
    n_samples : int
    """

    def __init__(self, file: h5py.File, field: Field, n_samples: int) -> None:
        self.field, self._dataset = field, _create(file, field, n_samples)
        length = rows_of_block(field.shape, field.dtype) if field.shape else n_samples
        self._block = np.empty((min(length, n_samples), *field.shape), object if field.kind == "text" else field.dtype)
        self._written = self._waiting = 0

    def add(self, value: object) -> None:
        """The next row."""
        if np.shape(value) != self.field.shape:
            raise ValueError(f"{self.field.name}: shape {np.shape(value)} of a row, must be {self.field.shape}")
        if self._waiting == len(self._block):
            self.flush()
        self._block[self._waiting] = value
        self._waiting += 1

    def flush(self) -> None:
        """Write what is waiting."""
        if self._waiting:
            end = self._written + self._waiting
            self._dataset[self._written : end] = self._block[: self._waiting]
            self._written, self._waiting = end, 0


def rows_of_block(shape: tuple[int, ...], dtype: str | np.dtype) -> int:
    """Rows of that shape which are written by one call of HDF5."""
    return max(1, BLOCK_BYTES // max(1, math.prod(shape) * np.dtype(dtype).itemsize))


@contextmanager
def _new_file(path: Path) -> Iterator[h5py.File]:
    """An empty HDF5 file; what the disk refuses is an OSError in a few words, whatever HDF5 was doing then."""
    try:
        # file locks fail on some network file systems, and nobody else knows this name
        with h5py.File(path, "w", locking=False, rdcc_nbytes=ROWS_KEPT) as file:
            yield file
    except (RuntimeError, OSError) as error:
        found = re.search(r"errno = (\d+)", str(error))
        if (number := int(found[1]) if found else getattr(error, "errno", None)) is None:
            raise
        raise OSError(number, os.strerror(number), getattr(error, "filename", None) or str(path)) from None


def write_stage_file(
    path: Path, fields: Sequence[Field], attributes: dict, rows: Iterable[dict], n_samples: int
) -> str:
    """Write one file; it appears under its name only when it is complete.

    Parameters
    ----------
    path : Path
        The file; an older one is replaced.
    fields : sequence of Field
        The datasets.
    attributes : dict
        Numbers and strings; mappings are stored as JSON.
    rows : iterable of dict
        One mapping of field name to value per sample, in order. May be a generator: a block of rows is in memory at a time.
    n_samples : int
        S, the number of rows.

    Returns
    -------
    str
        content_sha256.
    """
    checksum = ContentChecksum(fields)
    with written_aside(path) as aside, _new_file(aside) as file:
        columns = [_Column(file, field, n_samples) for field in fields]
        count = 0
        for row in rows:
            count += 1
            if count > n_samples:
                continue  # counted, for the message
            for column in columns:
                column.add(row[column.field.name])
            checksum.add(row)
        if count != n_samples:
            raise ValueError(f"{path}: {count} rows for {n_samples} samples")
        for column in columns:
            column.flush()
        for key, value in attributes.items():
            file.attrs[key] = json.dumps(value, sort_keys=True) if isinstance(value, dict) else value
        file.attrs["schema_version"] = SCHEMA_VERSION
        file.attrs["content_sha256"] = checksum.hexdigest()
    return checksum.hexdigest()


class ChunkReader:
    """Lazy reader of one file: rows by sample number, columns of numbers; nothing is read before it is asked for.

    Parameters
    ----------
    path : Path
        The file.
    stage : str or tuple of str, optional
        The stage or stages that it must come from.
    fields : tuple of Field, optional
        Datasets that it must hold; by default those of its stage.

    Raises
    ------
    StorageError
        In one line: missing, empty, not HDF5, truncated, another stage or schema, missing dataset, wrong shape.
    """

    def __init__(
        self, path: Path, stage: str | tuple[str, ...] | None = None, fields: tuple[Field, ...] | None = None
    ) -> None:
        self.path = Path(path)
        self._file = self._open()
        self._numbers: dict[str, np.ndarray] = {}
        self._arrays: dict[str, h5py.Dataset] = {}
        try:
            self.attributes = self._read_attributes(stage)
            self.samples = self._dataset("sample")[()]
            self._index = {int(sample): index for index, sample in enumerate(self.samples)}
            self.fields = self._check_fields(fields)
        except StorageError:
            self.close()
            raise
        except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
            # what a flipped bit between the data does
            self.close()
            raise self._unreadable(error) from None
        except BaseException:
            self.close()
            raise

    def _open(self) -> h5py.File:
        try:
            check_input(self.path)
        except InputError as error:
            raise StorageError(str(error)) from None
        if self.path.stat().st_size == 0:
            raise StorageError(f"{self.path}: the file is empty")
        with open(self.path, "rb") as stream:
            if stream.read(8) != b"\x89HDF\r\n\x1a\n":
                raise StorageError(f"{self.path}: not an HDF5 file")
        try:
            return h5py.File(self.path, "r", locking=False, rdcc_nbytes=ROWS_KEPT)
        except OSError as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: Exception) -> StorageError:
        text = " ".join(str(error).split())
        if "truncated" in text or "eof" in text.lower():
            return StorageError(f"{self.path}: the HDF5 file is truncated")
        return StorageError(f"{self.path}: the HDF5 file is damaged ({text[:160]})")

    def _read_attributes(self, stage: str | tuple[str, ...] | None) -> dict:
        attributes = {key: value.item() if hasattr(value, "item") else value for key, value in self._file.attrs.items()}
        for key in NEEDED:
            if key not in attributes:
                raise StorageError(f"{self.path}: attribute {key!r} is missing, not a file written by nqe")
        if attributes["schema_version"] != SCHEMA_VERSION:
            found = attributes["schema_version"]
            raise StorageError(f"{self.path}: schema version {found}, this version of nqe reads {SCHEMA_VERSION}")
        wanted = (stage,) if isinstance(stage, str) else stage
        if wanted and attributes["stage"] not in wanted:
            raise StorageError(
                f"{self.path}: holds stage {attributes['stage']!r}, but {' or '.join(wanted)} is needed here"
            )
        for key in ("model_parameters", "parameters", "inputs"):
            attributes[key] = json.loads(attributes.get(key, "{}"))
            if not isinstance(attributes[key], dict):
                raise StorageError(f"{self.path}: attribute {key!r} is not a JSON object")
        return attributes

    def _dataset(self, name: str) -> h5py.Dataset:
        found = self._file.get(name)
        if not isinstance(found, h5py.Dataset):
            raise StorageError(f"{self.path}: dataset {name!r} is missing")
        return found

    def _check_fields(self, fields: tuple[Field, ...] | None) -> tuple[Field, ...]:
        if fields is None:
            n_modes = self._dataset("eigenvalues").shape[-1] if self.stage == "harmonic" else 1
            fields = stage_fields(self.stage, int(self.attributes["n_particles"]), self.model.dimension, n_modes)
        for field in fields:
            expected = (len(self.samples), *field.shape)
            if self._dataset(field.name).shape != expected:
                shape = self._dataset(field.name).shape
                raise StorageError(f"{self.path}: dataset {field.name!r} has shape {shape}, must be {expected}")
        if len(self._index) != len(self.samples):
            raise StorageError(f"{self.path}: a sample appears twice")
        return fields

    def __enter__(self) -> ChunkReader:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def stage(self) -> str:
        return self.attributes["stage"]

    @cached_property
    def model(self) -> Model:
        """The model that the file's samples were made with."""
        return Model.from_parameters(self.attributes["model"], self.attributes["model_parameters"])

    def row_shape(self, name: str) -> tuple[int, ...]:
        """Shape of one sample's value of a dataset."""
        return self._dataset(name).shape[1:]

    def column(self, name: str) -> np.ndarray:
        """All samples' values of one dataset (meant for numbers and `failure`, not for modes)."""
        dataset = self._dataset(name)
        try:
            return dataset.asstr()[()] if h5py.check_string_dtype(dataset.dtype) else dataset[()]
        except (OSError, RuntimeError) as error:
            raise self._unreadable(error) from None

    def row(self, sample: int, *names: str) -> dict:
        """Values of one sample: the named datasets, or all."""
        if sample not in self._index:
            raise StorageError(f"{self.path}: sample {sample} is missing")
        index = self._index[sample]
        return {name: self._value(name, index) for name in names or [field.name for field in self.fields]}

    def _value(self, name: str, index: int) -> object:
        """One sample's value. Numbers are read for all samples at once, and kept: HDF5 takes as long for one."""
        if name not in self._numbers and name not in self._arrays:
            dataset = self._dataset(name)
            if dataset.ndim == 1:
                self._numbers[name] = self.column(name)
            else:
                self._arrays[name] = dataset
        if name in self._numbers:
            return self._numbers[name][index]
        try:
            return self._arrays[name][index]
        except (OSError, RuntimeError) as error:
            raise self._unreadable(error) from None

    def rows(self) -> Iterator[dict]:
        """All rows, one at a time."""
        for sample in self.samples:
            yield self.row(int(sample))

    def configuration(self, sample: int) -> Configuration:
        """The particles of one sample (stages liquid and inherent_state)."""
        try:
            return Configuration(**self.row(sample, "positions", "diameters", "box_length"))
        except StorageError:
            raise
        except InputError as error:
            raise StorageError(f"{self.path}: sample {sample}: {error}") from None

    def verify(self) -> None:
        """Read every byte and compare with the checksums; `StorageError` when something changed."""
        checksum = ContentChecksum(self.fields)
        for row in self.rows():
            checksum.add(row)
        if checksum.hexdigest() != self.attributes["content_sha256"]:
            raise StorageError(f"{self.path}: content does not match its content_sha256")


def check_same_samples(readers: Sequence[ChunkReader]) -> None:
    """Raise `StorageError` unless all files hold the same samples of the same ensemble and model.

    Where one file was computed from the stage of another, it must have been from that very file: other glasses can have
    the same name and numbers.
    """
    first = readers[0]
    for other in readers[1:]:
        for key in ("ensemble", "model", "model_parameters", "n_particles"):
            if other.attributes[key] != first.attributes[key]:
                raise StorageError(f"{other.path}: {key} differs from that of {first.path}")
        if not np.array_equal(other.samples, first.samples):
            raise StorageError(
                f"{other.path}: holds samples {_span(other.samples)}, but {first.path} holds {_span(first.samples)}"
            )
    given = {reader.stage: reader for reader in readers}
    for reader in readers:
        for stage, checksum in reader.attributes.get("inputs", {}).items():
            if stage in given and given[stage].attributes["content_sha256"] != checksum:
                raise StorageError(
                    f"{reader.path}: was computed from another file of stage {stage} than {given[stage].path}"
                )


def _span(samples: np.ndarray) -> str:
    return f"{samples.min()}..{samples.max()} ({len(samples)})" if len(samples) else "none"
