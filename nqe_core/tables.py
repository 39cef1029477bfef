"""Tables of observables: Parquet files with one row per sample, written whole or not at all."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as compute
import pyarrow.csv as comma_separated
import pyarrow.parquet as parquet

from nqe_core.atomic_files import ContentChecksum, check_input, written_aside
from nqe_core.errors import InputError
from nqe_core.file_schema import SCHEMA_VERSION, UNREPRODUCIBLE, Field
from nqe_core.storage import ChunkReader, StorageError

OWN_SECONDS = "seconds_observables"

ROWS_AT_ONCE = 500  # are Python's objects, four times as large as the numbers in them

NUMBER = re.compile(r"\s*[-+]?\d.*$")  # what differs between failures of the same kind

_TYPES = {"float": pa.float64(), "int": pa.int64(), "bool": pa.bool_(), "text": pa.string()}


def write_table(path: Path, fields: Sequence[Field], attributes: dict, rows: Iterable[dict]) -> str:
    """Write rows of numbers.

    Parameters
    ----------
    path : Path
        The file; an older one is replaced.
    fields : sequence of Field
        The columns, in order.
    attributes : dict
        Stored as JSON under the key `nqe` of the table's metadata, with the checksum of the content.
    rows : iterable of dict
        One per sample.

    Returns
    -------
    str
        content_sha256, over all columns but the seconds.
    """
    checksum = ContentChecksum(fields)
    batches, left = [], iter(rows)
    while some := list(islice(left, ROWS_AT_ONCE)):
        for row in some:
            checksum.add(row)
        batches.append(_batch(fields, some))
    table = pa.Table.from_batches(batches or [_batch(fields, [])]).combine_chunks()
    header = {**attributes, "schema_version": SCHEMA_VERSION, "content_sha256": checksum.hexdigest()}
    write_parquet(path, table.replace_schema_metadata({"nqe": json.dumps(header, sort_keys=True)}))
    return checksum.hexdigest()


def _batch(fields: Sequence[Field], rows: Sequence[dict]) -> pa.RecordBatch:
    names = [OWN_SECONDS if field.name == UNREPRODUCIBLE else field.name for field in fields]
    return pa.RecordBatch.from_arrays([_column(field, [row[field.name] for row in rows]) for field in fields], names)


def _column(field: Field, values: list) -> pa.Array:
    """What `pyarrow.array` makes of the values, without loading pandas for it: a third of a second of every job."""
    if field.kind == "text":
        texts = [value.encode() for value in values]
        ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
        return pa.StringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(b"".join(texts)))
    numbers = np.array(values, field.dtype)
    stored = np.packbits(numbers, bitorder="little") if field.kind == "bool" else numbers
    return pa.Array.from_buffers(_TYPES[field.kind], len(numbers), [None, pa.py_buffer(stored)])


def write_parquet(path: Path, table: pa.Table) -> None:
    """Write a table as it is."""
    with written_aside(path) as aside:
        parquet.write_table(table, aside, write_page_checksum=True)


def write_csv(path: Path, table: pa.Table) -> None:
    """Write a table as comma separated text, with the names of the columns in the first line."""
    with written_aside(path) as aside:
        comma_separated.write_csv(table, aside)


def read_table(path: Path) -> pa.Table:
    """Read a table whole; `StorageError` in one line when it is missing, damaged or not a table of observables."""
    path = Path(path)
    try:
        check_input(path)
        table = parquet.ParquetFile(path, page_checksum_verification=True).read()
        names = table.column_names
    except InputError as error:
        raise StorageError(str(error)) from None
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        text = " ".join(str(error).split())[:160]
        raise StorageError(f"{path}: not a readable Parquet file ({text})") from None
    for name in ("ensemble", "sample", "failure"):
        if name not in names:
            raise StorageError(f"{path}: column {name!r} is missing, not a table of observables")
    _check_samples(path, table)
    return table


def _check_samples(path: Path, table: pa.Table) -> None:
    """Samples must be numbers from 0 on, ensembles names, and failures words or nothing."""
    if not pa.types.is_integer(table.schema.field("sample").type) or table["sample"].null_count:
        raise StorageError(f"{path}: column 'sample' must hold whole numbers")
    if len(table) and compute.min(table["sample"]).as_py() < 0:
        raise StorageError(f"{path}: column 'sample' is negative somewhere")
    for name in ("ensemble", "failure"):
        kind = table.schema.field(name).type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)):
            raise StorageError(f"{path}: column {name!r} must hold text")
    if table["ensemble"].null_count:
        raise StorageError(f"{path}: column 'ensemble' is empty somewhere")


def table_attributes(table: pa.Table) -> dict:
    """What `write_table` stored about the rows; empty for gathered tables. `ValueError` where that is not readable."""
    found = json.loads((table.schema.metadata or {}).get(b"nqe", b"{}"))
    if not isinstance(found, dict):
        raise ValueError("the table's metadata are not a JSON object")
    return found


def verify_table(path: Path) -> pa.Table:
    """Read a table and compare it with its checksum; `StorageError` when something changed."""
    table = read_table(path)
    try:
        expected = table_attributes(table).get("content_sha256")
        changed = expected is not None and content_checksum(table) != expected
    except (ValueError, TypeError) as error:  # neither JSON nor text any more, or numbers that are missing
        raise StorageError(f"{path}: damaged ({error})") from None
    if changed:
        raise StorageError(f"{path}: content does not match its content_sha256")
    return table


def content_checksum(table: pa.Table) -> str:
    """SHA-256 of a table's content, computed as `write_table` does."""
    kinds = {str(arrow): kind for kind, arrow in _TYPES.items()}
    # other writers' strings have other types; they cannot match the checksum anyway
    fields = [Field(c.name, kinds.get(str(c.type), "text")) for c in table.schema if c.name != OWN_SECONDS]
    checksum = ContentChecksum(fields)
    for row in table.to_pylist():
        checksum.add(row)
    return checksum.hexdigest()


def gather_tables(paths: Sequence[Path], output: Path) -> pa.Table:
    """Concatenate tables, sorted by ensemble and sample; columns that some lack are filled with nulls.

    Raises
    ------
    InputError
        A sample appears twice, or one is missing between the first (0) and the last.
    """
    if not paths:
        raise InputError("nothing to gather")
    tables = [read_table(path).replace_schema_metadata(None) for path in paths]
    owner: dict[tuple[str, int], Path] = {}
    for path, table in zip(paths, tables, strict=True):
        for key in zip(table["ensemble"].to_pylist(), table["sample"].to_pylist(), strict=True):
            if key in owner:
                raise InputError(f"{path}: sample {key[1]} of {key[0]} is already in {owner[key]}")
            owner[key] = path
    for ensemble in sorted({name for name, _ in owner}):
        found = {sample for name, sample in owner if name == ensemble}
        if missing := sorted(set(range(max(found) + 1)) - found):
            raise InputError(f"{ensemble}: {len(missing)} samples are missing, the first is {missing[0]}")
    if not owner:
        raise InputError(f"{paths[0]}{' ...' if len(paths) > 1 else ''}: no sample to gather")
    merged = sorted_by_sample(one_below_the_other(tables))
    write_parquet(output, merged)
    return merged


def concatenated(paths: Sequence[Path]) -> pa.Table:
    """Tables one after the other, whatever samples they hold; columns that some lack are filled with nulls."""
    return one_below_the_other([read_table(path).replace_schema_metadata(None) for path in paths])


def numbers_of(paths: Sequence[Path]) -> pa.Table:
    """Files of stage double_wells, which has numbers only, as one table: a row for each sample, its ensemble first."""
    tables = []
    for path in paths:
        with ChunkReader(path, "double_wells") as reader:
            rows, name = list(reader.rows()), reader.attributes["ensemble"]
            columns = [_column(field, [row[field.name] for row in rows]) for field in reader.fields]
            names = [field.name for field in reader.fields]
            tables.append(pa.Table.from_arrays([pa.array([name] * len(rows)), *columns], ["ensemble", *names]))
    return one_below_the_other(tables)


def one_below_the_other(tables: Sequence[pa.Table]) -> pa.Table:
    """One table out of several, with nulls in columns that some lack; `InputError` where types of columns differ."""
    try:
        return pa.concat_tables(tables, promote_options="default")
    except pa.ArrowException as error:
        raise InputError(f"the tables' columns do not fit together ({' '.join(str(error).split())})") from None


def sorted_by_sample(table: pa.Table) -> pa.Table:
    """By ensemble, then by sample."""
    return table.sort_by([("ensemble", "ascending"), ("sample", "ascending")])


def same_content(one: pa.Table, other: pa.Table) -> bool:
    """Whether two tables hold the same columns with the same values to the last bit, missing numbers included.

    CPU times aside: what is made again has others, and is the same.
    """
    if not one.schema.equals(other.schema):
        return False
    names = [name for name in one.column_names if not name.startswith(f"{UNREPRODUCIBLE}_")]
    return all(_bits(one[name]).equals(_bits(other[name])) for name in names)


def _bits(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece; floats as integers, for NaN is not equal to itself."""
    whole = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    return whole.view(pa.int64()) if whole.type == pa.float64() else whole


def count_failures(table: pa.Table) -> dict[str, tuple[int, dict[str, int]]]:
    """Ensemble -> number of samples, and number of failed ones by reason (without its numbers)."""
    counts: dict[str, tuple[int, dict[str, int]]] = {}
    for ensemble, failure in zip(table["ensemble"].to_pylist(), table["failure"].to_pylist(), strict=True):
        total, reasons = counts.get(ensemble, (0, {}))
        if failure:
            kind = NUMBER.sub("", failure.removeprefix("upstream: ").split(":")[0])
            reasons[kind] = reasons.get(kind, 0) + 1
        counts[ensemble] = (total + 1, reasons)
    return counts
