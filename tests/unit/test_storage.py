"""Files of samples: what is written comes back, and whatever is wrong with a file is said in one line."""

from __future__ import annotations

import hashlib
import os
import stat

import h5py
import numpy as np
import pytest

from nqe_core.atomic_files import ContentChecksum, written_aside
from nqe_core.errors import InputError
from nqe_core.file_schema import HDF5_STAGES, UNITS, missing_row, stage_fields
from nqe_core.models import MODELS
from nqe_core.storage import ChunkReader, StorageError, check_same_samples, write_stage_file

N, D = 6, 2


def attributes(stage: str = "liquid", **changes) -> dict:
    parameters = MODELS["ipl2d"].parameters()
    base = {
        "stage": stage, "model": "ipl2d", "model_parameters": parameters, "ensemble": "small", "n_particles": N,
        "temperature": 2.0, "root_seed": 1, "units": UNITS, "algorithm": "test", "parameters": {"a": 1}, "inputs": {},
        "version": "0", "git_commit": "unknown",
    }  # fmt: skip
    return {**base, **changes}


def random_row(stage: str, sample: int, seed: int = 0) -> dict:
    rng = np.random.default_rng([seed, sample])
    row = {}
    for field in stage_fields(stage, N, D):
        draw = {"float": rng.standard_normal(field.shape), "int": rng.integers(0, 9, field.shape)}
        row[field.name] = draw.get(field.kind, True if field.kind == "bool" else "")
    if stage in ("liquid", "inherent_state"):
        row.update(diameters=np.full(N, 1.0), box_length=9.0)
    return {**row, "sample": sample, "failure": ""}


def write(path, stage="liquid", samples=range(3, 7), rows=None, **changes):
    fields = stage_fields(stage, N, D)
    rows = [random_row(stage, sample) for sample in samples] if rows is None else rows
    write_stage_file(path, fields, attributes(stage, **changes), rows, len(rows))
    return path


@pytest.mark.parametrize("stage", HDF5_STAGES)
def test_rows_come_back_bit_by_bit(tmp_path, stage):
    path = write(tmp_path / "0000.h5", stage)
    with ChunkReader(path, stage) as reader:
        assert reader.samples.tolist() == [3, 4, 5, 6]
        assert reader.model == MODELS["ipl2d"]
        assert reader.attributes["parameters"] == {"a": 1}
        for sample in (6, 3):
            expected = random_row(stage, sample)
            found = reader.row(sample)
            assert found.keys() == expected.keys()
            for name, value in expected.items():
                assert np.array_equal(found[name], value), name
        reader.verify()
    assert [entry.name for entry in tmp_path.iterdir()] == ["0000.h5"]


def test_checksum_depends_on_values_but_not_on_seconds(tmp_path):
    def checksum(name, **changes):
        rows = [{**random_row("liquid", sample), **changes} for sample in (0, 1)]
        with ChunkReader(write(tmp_path / name, rows=rows)) as reader:
            return reader.attributes["content_sha256"]

    assert checksum("a.h5", seconds=1.0) == checksum("b.h5", seconds=2.0)
    assert checksum("c.h5", energy=1.0) != checksum("d.h5", energy=np.nextafter(1.0, 2.0))
    assert checksum("e.h5", failure="x") != checksum("f.h5", failure="y")


@pytest.mark.parametrize("n_rows", [0, 1, 2, 3, 7])
def test_checksum_is_that_of_each_column_s_bytes_one_after_another(monkeypatch, n_rows):
    monkeypatch.setattr("nqe_core.atomic_files.ROWS_AT_ONCE", 3)
    rows = [{**random_row("quartic", sample), "failure": f"reason {sample}"} for sample in range(n_rows)]
    fields = [field for field in stage_fields("quartic", N, D) if field.name != "seconds"]
    total = hashlib.sha256()
    for field in sorted(fields, key=lambda field: field.name):
        if field.kind == "text":
            column = b"".join(row[field.name].encode() + b"\0" for row in rows)
        else:
            column = b"".join(np.asarray(row[field.name], field.dtype).tobytes() for row in rows)
        total.update(f"{field.name} {field.kind} {field.shape} {hashlib.sha256(column).hexdigest()}\n".encode())
    checksum = ContentChecksum(stage_fields("quartic", N, D))
    for row in rows:
        checksum.add(row)
    assert checksum.hexdigest() == total.hexdigest()


def test_failed_row_says_why_and_is_missing_otherwise(tmp_path):
    fields = stage_fields("inherent_state", N, D)
    path = write(tmp_path / "0000.h5", "inherent_state", rows=[missing_row(fields, 0, "quench\nnot converged")])
    with ChunkReader(path, "inherent_state") as reader:
        row = reader.row(0)
    assert row["failure"] == "quench not converged"
    assert np.isnan(row["positions"]).all()
    assert np.isnan(row["energy"])
    assert row["iterations"] == -1
    assert not row["converged"]


def test_reading_one_row_does_not_read_the_others(tmp_path):
    path = write(tmp_path / "0000.h5", "quartic")
    with h5py.File(path) as file:
        offset = file["modes"].id.get_chunk_info(2).byte_offset
        assert file["modes"].chunks == (1, N, D)
    damage(path, offset)
    with ChunkReader(path, "quartic") as reader:
        reader.row(3)
        reader.row(6)
        with pytest.raises(StorageError, match="damaged"):
            reader.row(5)
        with pytest.raises(StorageError, match="damaged"):
            reader.verify()


def damage(path, offset):
    with open(path, "rb+") as stream:
        stream.seek(offset)
        byte = stream.read(1)[0]
        stream.seek(offset)
        stream.write(bytes([byte ^ 0xFF]))


def test_verify_notices_a_changed_failure_text(tmp_path):
    path = write(tmp_path / "0000.h5")
    with h5py.File(path, "r+") as file:
        file["failure"][1] = "no longer what was written"
    with ChunkReader(path) as reader, pytest.raises(StorageError, match="content_sha256"):
        reader.verify()


def test_a_crash_while_writing_leaves_the_old_file_and_nothing_else(tmp_path):
    path = write(tmp_path / "0000.h5")
    before = path.read_bytes()

    def rows():
        yield random_row("liquid", 0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_stage_file(path, stage_fields("liquid", N, D), attributes(), rows(), 2)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["0000.h5"]


# what h5py says when the disk is full, but for the addresses
DISK_FULL = (
    "Can't synchronously write data (file write failed: time = Sun Oct 12\n, filename = 'x', file descriptor = 5, "
    "errno = 28, error message = 'No space left on device', buf = 0x55d0, total write size = 96)"
)


@pytest.mark.parametrize("error", [OSError(28, DISK_FULL), OSError(DISK_FULL), RuntimeError(DISK_FULL)])
def test_a_full_disk_is_one_line_that_names_the_file(tmp_path, monkeypatch, error):
    def refuse(*_):
        raise error

    monkeypatch.setattr("nqe_core.storage._Column.flush", refuse)
    with pytest.raises(OSError) as caught:  # noqa: PT011 - what it says follows
        write(tmp_path / "0000.h5")
    assert str(caught.value) == f"[Errno 28] No space left on device: '{tmp_path / '0000.h5'}'"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            OSError(28, "Error writing bytes to file. Detail: [errno 28]"),
            "[Errno 28] No space left on device: '{path}'",
        ),
        (OSError("no more\n  of it"), "{path}: no more of it"),
        (OSError(2, "No such file or directory", "other.xyz"), "[Errno 2] No such file or directory: 'other.xyz'"),
    ],
)
def test_what_a_disk_refuses_is_said_of_the_file_to_be(tmp_path, error, says):
    path = tmp_path / "table.csv"
    with pytest.raises(OSError) as caught, written_aside(path):  # noqa: PT011 - what it says follows
        raise error
    assert str(caught.value) == says.format(path=path)
    with pytest.raises(OSError) as caught, written_aside(path) as aside:  # noqa: PT011
        raise OSError(28, "No space left on device", str(aside))
    assert str(caught.value) == f"[Errno 28] No space left on device: '{path}'"
    assert list(tmp_path.iterdir()) == []


def test_files_have_the_mode_that_is_asked_for_whoever_writes_them(tmp_path):
    """GSD's own would be 0640."""
    before = os.umask(0o027)
    try:
        for mask, mode in ((0o022, 0o644), (0o007, 0o660)):
            os.umask(mask)
            with written_aside(tmp_path / "a.gsd") as aside:
                os.close(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640))
            assert stat.S_IMODE((tmp_path / "a.gsd").stat().st_mode) == mode
    finally:
        os.umask(before)


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    steps, replace = [], os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: steps.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    monkeypatch.setattr(os, "replace", lambda old, new: steps.append("renamed") or replace(old, new))
    write(tmp_path / "0000.h5")
    aside, renamed, folder = steps
    assert aside.startswith(f"{tmp_path}/.0000.h5.")
    assert renamed == "renamed"
    assert folder == str(tmp_path)


@pytest.mark.parametrize("rows", [[random_row("liquid", 0)], [random_row("liquid", 0)] * 3])
def test_wrong_number_of_rows_is_never_written(tmp_path, rows):
    with pytest.raises((ValueError, IndexError)):
        write_stage_file(tmp_path / "0000.h5", stage_fields("liquid", N, D), attributes(), rows, 2)
    assert list(tmp_path.iterdir()) == []


def truncate(path):
    path.write_bytes(path.read_bytes()[:-200])


def no_signature(path):
    path.write_text("energy,pressure\n1,2\n")


def empty(path):
    path.write_bytes(b"")


def without_dataset(path):
    with h5py.File(path, "r+") as file:
        del file["diameters"]


def group_instead(path):
    with h5py.File(path, "r+") as file:
        del file["positions"]
        file.create_group("positions")


def wrong_shape(path):
    with h5py.File(path, "r+") as file:
        del file["energy"]
        file["energy"] = np.zeros(2)


def without_attribute(path):
    with h5py.File(path, "r+") as file:
        del file.attrs["model"]


def without_seed(path):
    with h5py.File(path, "r+") as file:
        del file.attrs["root_seed"]


def list_of_parameters(path):
    with h5py.File(path, "r+") as file:
        file.attrs["model_parameters"] = "[]"


def folder(path):
    path.unlink()
    path.mkdir()


def other_schema(path):
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = 99


def twice(path):
    with h5py.File(path, "r+") as file:
        file["sample"][1] = 3


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda path: path.unlink(), "no such file"),
        (empty, "the file is empty"),
        (no_signature, "not an HDF5 file"),
        (truncate, "truncated"),
        (without_dataset, "dataset 'diameters' is missing"),
        (group_instead, "dataset 'positions' is missing"),
        (wrong_shape, r"dataset 'energy' has shape \(2,\), must be \(4,\)"),
        (without_attribute, "attribute 'model' is missing"),
        (without_seed, "attribute 'root_seed' is missing"),
        (list_of_parameters, "attribute 'model_parameters' is not a JSON object"),
        (folder, "is a folder, must be a file"),
        (other_schema, "schema version 99"),
        (twice, "a sample appears twice"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path, spoil, says):
    path = write(tmp_path / "0000.h5")
    spoil(path)
    with pytest.raises(InputError, match=says) as caught:
        ChunkReader(path, "liquid")
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_file_of_another_stage_is_refused(tmp_path):
    path = write(tmp_path / "0000.h5", "liquid")
    with pytest.raises(StorageError, match="holds stage 'liquid', but harmonic is needed here"):
        ChunkReader(path, "harmonic")


def test_a_position_that_is_not_a_number_is_refused(tmp_path):
    row = random_row("liquid", 0)
    row["positions"][4, 1] = np.nan
    path = write(tmp_path / "0000.h5", rows=[row])
    with ChunkReader(path) as reader, pytest.raises(StorageError, match=r"sample 0: the position of particle 4 is not"):
        reader.configuration(0)


def test_a_sample_that_is_not_there_is_named(tmp_path):
    with ChunkReader(write(tmp_path / "0000.h5")) as reader, pytest.raises(StorageError, match="sample 7 is missing"):
        reader.row(7)


def test_modes_of_another_glass_of_the_same_name_are_refused(tmp_path):
    rows = [random_row("inherent_state", sample) for sample in range(3, 7)]
    rows[0]["positions"] = rows[0]["positions"] + 1e-3
    first = write(tmp_path / "a.h5", "inherent_state")
    other = write(tmp_path / "b.h5", "inherent_state", rows=rows)
    with ChunkReader(first) as one, ChunkReader(other) as two:
        assert one.attributes["content_sha256"] != two.attributes["content_sha256"]
        inputs = {"inherent_state": one.attributes["content_sha256"]}
        with ChunkReader(write(tmp_path / "c.h5", "harmonic", inputs=inputs)) as modes:
            check_same_samples([one, modes])
            with pytest.raises(
                StorageError, match=r"c\.h5: was computed from another file of stage inherent_state than .*b\.h5"
            ):
                check_same_samples([two, modes])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"samples": range(4, 8)}, r"holds samples 4\.\.7 \(4\), but .* holds 3\.\.6"),
        ({"ensemble": "other"}, "ensemble differs"),
    ],
)
def test_inputs_that_do_not_belong_together_are_refused(tmp_path, changes, says):
    first, second = write(tmp_path / "a.h5"), write(tmp_path / "b.h5", "quartic", **changes)
    with ChunkReader(first) as one, ChunkReader(second) as other, pytest.raises(StorageError, match=says):
        check_same_samples([one, other])
