"""Reference data: packed tables keep what matters, merge by root seed, and refuse what does not fit together."""

import json
import shutil
import subprocess
import sys
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from nqe_core import packed_tables, reference, tables
from nqe_core.ensembles import Ensemble, read_sheet
from nqe_core.errors import InputError
from nqe_core.file_schema import SCHEMA_VERSION, Field
from nqe_core.models import MODELS
from nqe_core.storage import StorageError

FIELDS = (Field("ensemble", "text"), Field("model", "text"), Field("sample", "int"), Field("walker", "int"),
          Field("failure", "text"), Field("parent_temperature"), Field("box_length"), Field("harmonic_stiffness"),
          Field("quartic_stiffness"), Field("harmonic_eigenvalue_2"), Field("harmonic_quartic_mismatch"),
          Field("quartic_converged", "bool"), Field("seconds"))  # fmt: skip
PARAMETERS = {"number_density": 0.82}


def chunk(path, samples, seed=7, commit="abc", parameters=None, ensemble="glass", failing=()):
    """A chunk's table as `nqe observables` writes it."""
    rng = np.random.default_rng(samples.start)
    attributes = {"ensemble": ensemble, "model": "ipl3d", "model_parameters": parameters or PARAMETERS,
                  "n_particles": 256, "temperature": 2.0, "root_seed": seed, "version": "0.1",
                  "git_commit": commit}  # fmt: skip
    rows = []
    for sample in samples:
        kappa = rng.random()
        row = {"ensemble": ensemble, "model": "ipl3d", "sample": sample, "walker": sample // 2, "failure": "",
               "parent_temperature": 0.35, "box_length": 6.1, "harmonic_stiffness": kappa * (1 - 1e-7),
               "quartic_stiffness": kappa, "harmonic_eigenvalue_2": rng.random(), "quartic_converged": True,
               "harmonic_quartic_mismatch": rng.random() * 1e-9, "seconds": 0.1}  # fmt: skip
        rows.append(row | ({"failure": "quench not converged: 1e-9"} if sample in failing else {}))
    tables.write_table(path, FIELDS, attributes, rows)
    return path


def packed(folder, samples=range(8), **how):
    path = folder / "glass.parquet"
    packed_tables.pack_tables([chunk(folder / "chunk.parquet", samples, **how)], path)
    return path


@pytest.mark.parametrize("n_rows", [0, 1, 11])
def test_a_table_holds_what_pyarrow_makes_of_the_values(tmp_path, n_rows):
    kinds = {"text": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
    values = {
        "text": [["", "Änderung", "x" * 300][k % 3] for k in range(n_rows)],
        "int": [np.int64(k - 5) for k in range(n_rows)],
        "float": [np.nan if k == 3 else np.array(k / 7) for k in range(n_rows)],
        "bool": [k % 3 == 0 for k in range(n_rows)],
    }
    rows = [{kind: column[k] for kind, column in values.items()} for k in range(n_rows)]
    path = tmp_path / "table.parquet"
    tables.write_table(path, [Field(kind, kind) for kind in kinds], {}, rows)
    found = parquet.read_table(path)
    for kind, arrow in kinds.items():
        plain = [value.item() if isinstance(value, np.ndarray | np.generic) else value for value in values[kind]]
        expected = pa.array(plain, arrow)
        assert found[kind].combine_chunks().to_pandas().equals(expected.to_pandas()) and found[kind].type == arrow
        assert found[kind].null_count == 0


def test_writing_a_table_does_not_load_pandas(tmp_path):
    program = (
        "import sys, pathlib, nqe_core.tables as tables; from nqe_core.file_schema import Field\n"
        "tables.write_table(pathlib.Path(sys.argv[1]), [Field('a'), Field('b', 'text')], {}, [{'a': 1.0, 'b': ''}])\n"
        "sys.exit('pandas' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "t.parquet")], check=True)


def test_packing_loses_nothing_that_matters(tmp_path):
    paths = [chunk(tmp_path / f"{k}.parquet", range(6 * k, 6 * k + 6)) for k in (1, 0)]
    packed_tables.pack_tables(paths, tmp_path / "packed.parquet")
    before = pd.concat([pd.read_parquet(path) for path in reversed(paths)], ignore_index=True)
    merged = tmp_path / "merged.parquet"
    packed_tables.merge_tables([tmp_path / "packed.parquet"], merged)
    after = pd.read_parquet(merged)
    assert after["sample"].tolist() == list(range(12)) and (after["root_seed"] == "7").all()
    exact = ("harmonic_stiffness", "quartic_stiffness", "harmonic_eigenvalue_2", "box_length", "parent_temperature")
    for name in exact:
        assert (after[name] == before[name]).all()  # exact: the difference of stiffnesses is what Fig. 5 shows
    difference = 1 - after["harmonic_stiffness"] / after["quartic_stiffness"]
    assert difference.to_numpy() == pytest.approx(1e-7, rel=1e-6)
    assert after["harmonic_quartic_mismatch"].to_numpy() == pytest.approx(before["harmonic_quartic_mismatch"], rel=1e-7)
    assert after["quartic_converged"].all() and after["harmonic_quartic_mismatch"].dtype == float


def test_packed_tables_are_small(tmp_path):
    path = packed(tmp_path, range(2000))
    # three random doubles that stay exact and a float in each row; the rest compresses to nearly nothing
    assert path.stat().st_size < 2000 * 33 < (tmp_path / "chunk.parquet").stat().st_size


def test_provenance_counts_samples_failures_and_builds(tmp_path):
    paths = [
        chunk(tmp_path / "1.parquet", range(7, 9), commit="def"),
        chunk(tmp_path / "0.parquet", range(2, 7), failing=(3, 4)),
    ]
    found = packed_tables.pack_tables(paths, tmp_path / "glass.parquet", {"second_overlap_first": {5: 0.5}})
    assert found == {"root_seed": "7", "model_parameters": PARAMETERS, "samples": 7,
                     "failed": {"quench not converged": 2}, "builds": {"0.1 abc": 5, "0.1 def": 2}}  # fmt: skip
    table = pd.read_parquet(tmp_path / "glass.parquet")
    assert table["sample"].tolist() == list(range(2, 9))
    assert table["second_overlap_first"][3] == 0.5 and table["second_overlap_first"].notna().sum() == 1


def test_batches_of_several_seeds_and_ensembles_merge(tmp_path):
    paths = [packed(tmp_path / str(seed), seed=seed) for seed in (2**70, 1)]
    paths.append(packed(tmp_path / "other", ensemble="aged", parameters={"number_density": 0.9}))
    packed_tables.merge_tables(paths, tmp_path / "all.parquet")
    merged = pd.read_parquet(tmp_path / "all.parquet")
    addresses = list(zip(merged["ensemble"], merged["root_seed"], merged["sample"], strict=True))
    batches = (("aged", "7"), ("glass", "1"), ("glass", str(2**70)))
    assert addresses == [(*batch, sample) for batch in batches for sample in range(8)]


def refused(paths, tmp_path):
    with pytest.raises((InputError, StorageError)) as error:
        packed_tables.merge_tables(paths, tmp_path / "all.parquet")
    assert "\n" not in str(error.value) and not (tmp_path / "all.parquet").exists()
    return str(error.value)


def test_a_sample_that_two_batches_have_is_refused(tmp_path):
    paths = [packed(tmp_path / "a", range(8)), packed(tmp_path / "b", range(6, 9))]
    assert "sample 6 of glass with root seed 7 is also in" in refused(paths, tmp_path)


def test_columns_of_other_types_are_refused(tmp_path, monkeypatch):
    def retyped(path):
        table = parquet.read_table(path)
        place = table.column_names.index("walker")
        header = {k: v for k, v in tables.table_attributes(table).items() if k != "content_sha256"}
        changed = table.set_column(place, "walker", pa.array(["x"] * len(table)))
        parquet.write_table(changed.replace_schema_metadata({"nqe": json.dumps(header)}), path)
        return path

    mine = packed(tmp_path / "a")
    assert "columns do not fit together" in refused([mine, retyped(packed(tmp_path / "b", seed=8))], tmp_path)
    chunks = [chunk(tmp_path / "0.parquet", range(2)), retyped(chunk(tmp_path / "1.parquet", range(2, 4)))]
    with pytest.raises(InputError, match="columns do not fit together"):
        packed_tables.pack_tables(chunks, tmp_path / "glass.parquet")


def test_other_models_and_tables_that_are_not_packed_are_refused(tmp_path):
    mine = packed(tmp_path / "a")
    other = packed(tmp_path / "b", seed=8, parameters={"number_density": 0.9})
    assert "model_parameters is {'number_density': 0.9}, but" in refused([mine, other], tmp_path)
    assert "not a packed table" in refused([tmp_path / "a/chunk.parquet"], tmp_path)
    parquet.write_table(parquet.read_table(mine).replace_schema_metadata(None), tmp_path / "bare.parquet")
    assert "'ensemble' is not stored" in refused([tmp_path / "bare.parquet"], tmp_path)


def test_other_schema_versions_are_refused(tmp_path, monkeypatch):
    old = packed(tmp_path / "old")
    monkeypatch.setattr(packed_tables, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    assert f"schema version {SCHEMA_VERSION}, this version of nqe reads {SCHEMA_VERSION + 1}" in refused(
        [old], tmp_path
    )


def test_chunks_of_several_seeds_are_not_one_batch(tmp_path):
    paths = [chunk(tmp_path / f"{seed}.parquet", range(4), seed=seed) for seed in (1, 2)]
    with pytest.raises(InputError, match="root_seed is 2, but 1 in"):
        packed_tables.pack_tables(paths, tmp_path / "glass.parquet")


def test_doubled_samples_and_changed_numbers_are_not_packed(tmp_path):
    paths = [chunk(tmp_path / f"{start}.parquet", range(start, start + 4)) for start in (0, 3)]
    with pytest.raises(InputError, match="sample 3 appears twice"):
        packed_tables.pack_tables(paths, tmp_path / "glass.parquet")
    table = parquet.read_table(paths[0])
    parquet.write_table(table.set_column(table.column_names.index("box_length"), "box_length", [[6.2] * 4]), paths[0])
    with pytest.raises(StorageError, match="does not match its content_sha256"):
        packed_tables.pack_tables(paths[:1], tmp_path / "glass.parquet")
    assert not (tmp_path / "glass.parquet").exists()


ROW = Ensemble("glass", "ipl3d", 256, 2.0, 8, 2, 4, 1, "quench", 0.0, 0.2, 10, 10)


def batch(folder, name, row=ROW, samples=8, schema=SCHEMA_VERSION):
    content = {"schema_version": schema, "ensembles": {row.ensemble: {"sheet_row": asdict(row), "samples": samples}}}
    (folder / name / "fields").mkdir(parents=True)
    (folder / name / "fields" / "glass_quartic.h5").write_bytes(b"fields")
    packed_tables.pack_tables([chunk(folder / "chunk", range(samples))], folder / name / "glass.parquet")
    reference.write_provenance(folder / name, content)


def test_sheet_of_all_batches(tmp_path):
    batch(tmp_path, "a", samples=5)
    batch(tmp_path, "b", replace(ROW, n_samples=100, samples_per_chunk=20))
    batch(tmp_path, ".new_batch")  # of a packing that was killed
    found = reference.batches(tmp_path)
    rows = reference.merged_rows(found)
    assert [row.n_samples for row in rows] == [13]
    # a batch that is just being packed comes last, and shall leave the sheet that is read later
    assert reference.merged_rows(dict(reversed(found.items()))) == rows
    reference.write_sheet(tmp_path / "campaign.tsv", rows)
    assert read_sheet(tmp_path / "campaign.tsv", MODELS) == tuple(rows)


def test_batches_that_prepared_their_glasses_differently_are_refused(tmp_path):
    batch(tmp_path, "a")
    batch(tmp_path, "b", replace(ROW, burn_in=21))
    with pytest.raises(InputError, match="batch b: burn_in of glass is 21, but 10 in batch a"):
        reference.merged_rows(reference.batches(tmp_path))
    batch(tmp_path / "other", "a")
    batch(tmp_path / "other", "b", replace(ROW, swap_fraction=0.1))
    with pytest.raises(InputError, match=r"batch b: swap_fraction of glass is 0.1, but 0.2 in batch a"):
        reference.merged_rows(reference.batches(tmp_path / "other"))


def test_batches_may_count_in_relaxation_times_that_were_measured_anew(tmp_path):
    batch(tmp_path, "a", replace(ROW, burn_in=13, spacing=6))
    batch(tmp_path, "b", replace(ROW, burn_in=9, spacing=7))
    (row,) = reference.merged_rows(reference.batches(tmp_path))
    assert (row.burn_in, row.spacing, row.n_samples) == (9, 6, 16)


@pytest.mark.parametrize("newer", [-1, 1])
def test_provenance_of_another_schema_is_refused(tmp_path, newer):
    batch(tmp_path, "a", schema=SCHEMA_VERSION + newer)
    with pytest.raises(InputError, match="this version of nqe reads"):
        reference.batches(tmp_path)
    (tmp_path / "a" / "provenance.json").write_text("{")
    with pytest.raises(InputError, match="not a batch's provenance"):
        reference.batches(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [("sha256", None), ("sha256", []), ("ensembles", None), ("ensembles", []), ("ensembles", {"a": {}})],
)
def test_provenance_that_lacks_something_is_refused_in_one_line(tmp_path, key, value):
    path = tmp_path / "one" / reference.PROVENANCE
    batch(tmp_path, "one")
    content = json.loads(path.read_text())
    content.pop(key)
    path.write_text(json.dumps(content if value is None else {**content, key: value}))
    with pytest.raises(InputError, match="not a batch's provenance"):
        reference.batches(tmp_path)


@pytest.mark.parametrize("name", ["glass.parquet", "fields/glass_quartic.h5"])
def test_changed_and_missing_files_are_found(tmp_path, name):
    batch(tmp_path, "a")
    reference.check_files(tmp_path)
    path = tmp_path / "a" / name
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"x")
    with pytest.raises(InputError, match="is not the file that"):
        reference.check_files(tmp_path)
    path.unlink()
    with pytest.raises(InputError, match="is missing"):
        reference.check_files(tmp_path)


@pytest.mark.parametrize("name", ["a/more.parquet", "a/fields/more_quartic.h5", "b/glass.parquet"])
def test_files_that_no_provenance_names_are_found(tmp_path, name):
    """Figures would read them all the same."""
    batch(tmp_path, "a")
    (tmp_path / ".new_batch").mkdir()
    shutil.copy(tmp_path / "a/glass.parquet", tmp_path / ".new_batch")  # being packed: nobody reads it
    reference.check_files(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    shutil.copy(tmp_path / "a/glass.parquet", tmp_path / name)
    with pytest.raises(InputError, match=f"{name}: no provenance.json of a batch names this file"):
        reference.check_files(tmp_path)


def test_provenance_names_what_it_was_made_with(tmp_path):
    found = packed_tables.pack_tables([chunk(tmp_path / "0.parquet", range(5))], tmp_path / "glass.parquet")
    content = json.loads(json.dumps(reference.provenance("mine", {"glass": ROW}, {"glass": found})))
    assert content["campaign"] == "mine" and content["root_seed"] == "7"
    assert (
        content["ensembles"]["glass"]["sheet_row"]["n_samples"] == 8 and content["ensembles"]["glass"]["samples"] == 5
    )
    for name in ("python 3", "numpy ", "numba "):
        assert name in reference.package_versions()
