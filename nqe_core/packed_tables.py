"""Packed tables of observables: one compressed Parquet file per ensemble and batch, kept in the repository.

A batch is what one campaign made of an ensemble with one root seed. Batches of several root seeds merge into one table.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as compute
import pyarrow.parquet as parquet

from nqe_core.atomic_files import written_aside
from nqe_core.errors import InputError
from nqe_core.file_schema import SCHEMA_VERSION
from nqe_core.storage import StorageError
from nqe_core.tables import count_failures, one_below_the_other, read_table, table_attributes, verify_table

SEED = "root_seed"  # column that tells the samples of several batches apart; text, since seeds have any size

# Numbers whose small differences are measured (1 - kappa_2/kappa_4 goes below 1e-6) or which are compared exactly keep
# double precision; the others' seven digits are far more than samples scatter.
EXACT = re.compile(r".*(stiffness|eigenvalue(_\d+)?|box_length|parent_temperature)")

_SAME = ("ensemble", "model", "model_parameters", "n_particles", "temperature", SEED, "schema_version")


def pack_tables(paths: Sequence[Path], output: Path, extra: Mapping[str, Mapping[int, float]] | None = None) -> dict:
    """Pack the chunk tables of one ensemble, as many as there are.

    Parameters
    ----------
    paths : sequence of Path
        Files of `nqe observables`: of one ensemble and root seed.
    output : Path
        The packed table; sorted by sample, with the root seed as a column.
    extra : mapping, optional
        Further columns: name -> sample -> value; null for other samples.

    Returns
    -------
    dict
        Provenance: root_seed, model_parameters, samples, failed (reason -> number), builds (version and commit ->
        number of samples).

    Raises
    ------
    InputError
        The tables are not of one ensemble, one root seed and this schema version, or a sample appears twice.
    StorageError
        A table is damaged.
    """
    if not paths:
        raise InputError("nothing to pack")
    tables = [verify_table(path) for path in paths]
    headers = [_header(path, table) for path, table in zip(paths, tables, strict=True)]
    for path, header in zip(paths, headers, strict=True):
        _check_same(path, header, paths[0], headers[0])
    table = one_below_the_other([part.replace_schema_metadata(None) for part in tables])
    table = table.sort_by("sample")
    samples = table["sample"].to_pylist()
    if twice := [sample for sample, count in Counter(samples).items() if count > 1]:
        raise InputError(f"{paths[0].parent}: sample {twice[0]} appears twice")
    for name, values in (extra or {}).items():
        table = table.append_column(name, pa.array([values.get(sample) for sample in samples], pa.float64()))
    table = table.append_column(SEED, pa.array([str(headers[0][SEED])] * len(samples)))
    kept = {key: str(headers[0][key]) if key == SEED else headers[0][key] for key in _SAME}
    _write_packed(output, table, kept)
    builds = Counter()
    for part, header in zip(tables, headers, strict=True):
        builds[f"{header['version']} {header['git_commit']}"] += len(part)
    return {
        SEED: str(headers[0][SEED]),
        "model_parameters": headers[0]["model_parameters"],
        "samples": len(samples),
        "failed": dict(count_failures(table)[headers[0]["ensemble"]][1]),
        "builds": dict(builds),
    }


def _header(path: Path, table: pa.Table) -> dict:
    try:
        header = table_attributes(table)
    except ValueError as error:
        raise StorageError(f"{path}: damaged ({error})") from None
    if missing := [key for key in _SAME if key not in header]:
        raise StorageError(f"{path}: {missing[0]!r} is not stored, not a table of `nqe observables`")
    if header["schema_version"] != SCHEMA_VERSION:
        raise InputError(
            f"{path}: schema version {header['schema_version']}, this version of nqe reads {SCHEMA_VERSION}"
        )
    return header


def _check_same(path: Path, header: dict, first: Path, first_header: dict, but: tuple[str, ...] = ()) -> None:
    for key in _SAME:
        if key not in but and header[key] != first_header[key]:
            raise InputError(f"{path}: {key} is {header[key]}, but {first_header[key]} in {first}")


def _write_packed(output: Path, table: pa.Table, header: dict) -> None:
    columns = [
        compute.cast(table[name], pa.float32()) if kind == pa.float64() and not EXACT.fullmatch(name) else table[name]
        for name, kind in zip(table.column_names, table.schema.types, strict=True)
    ]
    packed = pa.table(dict(zip(table.column_names, columns, strict=True)))
    packed = packed.replace_schema_metadata({"nqe": json.dumps({"packed": True, **header}, sort_keys=True)})
    numbers = [field.name for field in packed.schema if pa.types.is_floating(field.type)]
    with written_aside(output) as aside:
        # equal bytes of neighbouring numbers side by side compress best
        parquet.write_table(packed, aside, compression="zstd", compression_level=19, write_page_checksum=True,
                            use_byte_stream_split=numbers,
                            use_dictionary=[name for name in packed.column_names if name not in numbers])  # fmt: skip


def check_disjoint(paths: Sequence[Path]) -> list[pa.Table]:
    """Read packed tables that can be merged: batches of one or several ensembles.

    Raises
    ------
    InputError
        A table is not a packed one or has another schema version, an ensemble's batches differ in their model, or a
        sample (of one ensemble and root seed) appears twice.
    """
    tables = [read_table(path) for path in paths]
    owner: dict[tuple[str, str, int], Path] = {}
    first: dict[str, tuple[Path, dict]] = {}
    for path, table in zip(paths, tables, strict=True):
        header = _header(path, table)
        if not header.get("packed"):
            raise InputError(f"{path}: not a packed table")
        _check_same(path, header, *first.setdefault(header["ensemble"], (path, header)), but=(SEED,))
        for sample in table["sample"].to_pylist():
            key = (header["ensemble"], header[SEED], sample)
            if key in owner:
                raise InputError(f"{path}: sample {sample} of {key[0]} with root seed {key[1]} is also in {owner[key]}")
            owner[key] = path
    return tables


def merge_tables(paths: Sequence[Path], output: Path) -> pa.Table:
    """One table, in double precision, from packed tables; refuses what `check_disjoint` refuses."""
    if not paths:
        raise InputError("nothing to merge")
    tables = check_disjoint(paths)
    merged = one_below_the_other([_in_full(table) for table in tables])
    merged = merged.sort_by([(name, "ascending") for name in ("ensemble", SEED, "sample")])
    with written_aside(output) as aside:
        parquet.write_table(merged, aside, write_page_checksum=True)
    return merged


def _in_full(table: pa.Table) -> pa.Table:
    schema = [pa.field(c.name, pa.float64() if pa.types.is_floating(c.type) else c.type) for c in table.schema]
    return table.replace_schema_metadata(None).cast(pa.schema(schema))
