"""The campaign runner: same results for any division of the work, nothing lost by a kill, loud when it must be."""

from __future__ import annotations

import fcntl
import io
import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_stage import BLOCKS, FIELDS, fake_job

import nqe_core.campaign
from nqe_core.atomic_files import is_abandoned
from nqe_core.campaign import DONE, FAILED, RESUMABLE, Options, _Member, run
from nqe_core.crew import MPICH_UNDER_SLURM, Claims, Interrupted, Interruption
from nqe_core.errors import InputError
from nqe_core.jobs import NUMERICAL_ERRORS, Checkpoint, SampleFailure, allowed_failures, attempt
from nqe_core.parts import Busy, PartFolder
from nqe_core.progress import Progress
from nqe_core.storage import ChunkReader


def options(**changes) -> Options:
    return Options(**{"log": io.StringIO(), **changes})


def checksum(path) -> str:
    with ChunkReader(path, "fake", FIELDS) as reader:
        reader.verify()
        return reader.attributes["content_sha256"]


@pytest.fixture(scope="module")
def reference(tmp_path_factory) -> str:
    """content_sha256 of an undisturbed run of the default job."""
    path = tmp_path_factory.mktemp("reference") / "0000.h5"
    assert run(fake_job(), path, options()) == DONE
    return checksum(path)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


# --- one process ----------------------------------------------------------------------------------------------------


def test_a_run_leaves_its_file_and_nothing_else(tmp_path):
    assert run(fake_job(), tmp_path / "0000.h5", options()) == DONE
    assert [entry.name for entry in tmp_path.iterdir()] == ["0000.h5"]
    with ChunkReader(tmp_path / "0000.h5", "fake", FIELDS) as reader:
        assert reader.samples.tolist() == list(range(12))
        assert reader.attributes["parameters"] == {"per_unit": 1, "fail": []}


@pytest.mark.parametrize("flush_seconds", [1e-9, 60.0])
def test_flushing_often_changes_nothing(tmp_path, reference, flush_seconds):
    assert run(fake_job(), tmp_path / "0000.h5", options(flush_seconds=flush_seconds)) == DONE
    assert checksum(tmp_path / "0000.h5") == reference


@pytest.mark.parametrize("per_unit", [1, 4])
@pytest.mark.parametrize("at", [2, 9, 30, 47])
def test_a_run_interrupted_anywhere_continues_bit_by_bit(tmp_path, monkeypatch, per_unit, at):
    """A signal at any look-up, in the middle of a unit too."""
    whole, output = tmp_path / "whole.h5", tmp_path / "0000.h5"
    run(fake_job(per_unit=per_unit), whole, options())
    computed = count_computed(monkeypatch)
    looks = iter(range(1000))
    with monkeypatch.context() as patch:
        patch.setattr(Claims, "live", lambda self: next(looks) == at and os.kill(os.getpid(), signal.SIGTERM))
        assert run(fake_job(per_unit=per_unit), output, options()) == RESUMABLE
    assert not output.exists()
    assert len(computed) <= at + 1  # it stopped there
    assert run(fake_job(per_unit=per_unit), output, options()) == DONE
    assert checksum(output) == checksum(whole)
    assert [entry.name for entry in tmp_path.iterdir() if "0000" in entry.name] == ["0000.h5"]
    # nothing twice, nothing left out
    assert len(set(computed)) == len(computed) == 12 * BLOCKS


def count_computed(monkeypatch) -> list:
    """Addresses of the random streams drawn from, that is, blocks computed."""
    import fake_stage

    drawn, draw = [], fake_stage.random_stream
    monkeypatch.setattr(fake_stage, "random_stream", lambda *address: drawn.append(address) or draw(*address))
    return drawn


def stopping(job, at: int, error: BaseException):
    """The job, which ends with an error at one sample."""
    compute = job.compute

    def rows(unit, checkpoint, pause):
        if unit.start == at:
            raise error
        yield from compute(unit, checkpoint, pause)

    job.compute = rows
    return job


def interrupt(job, output, after: int) -> None:
    """Run until `after` rows are written aside."""
    assert run(stopping(job, after, Interrupted("test")), output, options()) == RESUMABLE


def test_finished_samples_are_not_computed_again(tmp_path, monkeypatch, reference):
    interrupt(fake_job(), tmp_path / "0000.h5", after=7)
    computed = count_computed(monkeypatch)
    assert run(fake_job(), tmp_path / "0000.h5", options()) == DONE
    assert {address[3] for address in computed} == {7, 8, 9, 10, 11}
    assert checksum(tmp_path / "0000.h5") == reference


def test_rows_of_other_parameters_are_not_reused(tmp_path):
    output, clean = tmp_path / "0000.h5", tmp_path / "clean.h5"
    interrupt(fake_job(seed=6), output, after=7)
    assert run(fake_job(seed=5), output, options()) == DONE
    run(fake_job(seed=5), clean, options())
    assert checksum(output) == checksum(clean)
    assert not output.with_name("0000.h5.parts").exists()


@pytest.mark.parametrize("key", ["parameters", "inputs", "version", "model_parameters", "algorithm"])
def test_the_fingerprint_sees_every_input(key):
    job, other = fake_job(), fake_job()
    other.attributes[key] = {"changed": 1}
    assert job.fingerprint == fake_job().fingerprint != other.fingerprint


def test_a_damaged_part_is_computed_again(tmp_path, reference):
    output = tmp_path / "0000.h5"
    interrupt(fake_job(), output, after=7)
    (part,) = output.with_name("0000.h5.parts").glob("part.*.h5")
    part.write_bytes(part.read_bytes()[:-300])
    assert run(fake_job(), output, options()) == DONE
    assert checksum(output) == reference


def test_a_damaged_checkpoint_is_not_used(tmp_path):
    output, clean = tmp_path / "0000.h5", tmp_path / "clean.h5"
    run(fake_job(per_unit=12), clean, options())
    job = fake_job(per_unit=12)
    compute = job.compute

    def rows(unit, checkpoint, pause):
        for count, found in enumerate(compute(unit, checkpoint, pause)):
            if count == 30:
                raise Interrupted("test")
            yield found

    job.compute = rows
    assert run(job, output, options()) == RESUMABLE
    (checkpoint,) = output.with_name("0000.h5.parts").glob("unit.*.npz")
    checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
    assert run(fake_job(per_unit=12), output, options()) == DONE
    assert checksum(output) == checksum(clean)


def test_a_checkpoint_ahead_of_its_rows_is_not_used(tmp_path):
    """The part file with a walker's first rows is lost, its checkpoint is not."""
    output, clean = tmp_path / "0000.h5", tmp_path / "clean.h5"
    run(fake_job(per_unit=12), clean, options())
    folder = PartFolder(output, fake_job(per_unit=12))
    folder.create()
    found = list(fake_job(per_unit=12).compute(range(12), None, lambda: None))[:30]
    folder.write_checkpoint(range(12), [one for one in found if isinstance(one, Checkpoint)][-1])
    folder.leave("")
    assert run(fake_job(per_unit=12), output, options()) == DONE
    assert checksum(output) == checksum(clean)


def test_a_bug_is_not_a_failed_sample_and_keeps_what_is_done(tmp_path, reference):
    with pytest.raises(TypeError, match="a bug"):
        run(fake_job(broken_at=8), tmp_path / "0000.h5", options())
    assert not (tmp_path / "0000.h5").exists()
    log = io.StringIO()
    assert run(fake_job(), tmp_path / "0000.h5", options(log=log)) == DONE
    assert "8/12 samples are done already" in log.getvalue()
    assert checksum(tmp_path / "0000.h5") == reference


DAMAGED = InputError("liquid.h5: damaged")


def test_a_wrong_input_leaves_nothing_of_short_work(tmp_path):
    with pytest.raises(InputError, match="damaged"):
        run(stopping(fake_job(), 8, DAMAGED), tmp_path / "0000.h5", options())
    assert list(tmp_path.iterdir()) == []


def test_rows_written_aside_before_a_wrong_input_wait_for_the_right_one(tmp_path, reference):
    with pytest.raises(InputError, match="damaged"):
        run(stopping(fake_job(), 8, DAMAGED), tmp_path / "0000.h5", options(flush_seconds=1e-9))
    log = io.StringIO()
    assert run(fake_job(), tmp_path / "0000.h5", options(log=log)) == DONE
    assert "8/12 samples are done already" in log.getvalue()
    assert checksum(tmp_path / "0000.h5") == reference


def test_a_folder_is_cleared_unless_rows_or_checkpoints_are_in_it(tmp_path):
    for name in ("part.host-1-abc-0.2.h5", "unit.0.npz", "lock"):
        folder = PartFolder(tmp_path / "0000.h5", fake_job())
        (folder.path / "run.1").mkdir(parents=True)
        (folder.path / name).touch()
        folder.clear()
        assert folder.path.exists() == (name != "lock")
        if name != "lock":
            (folder.path / name).unlink()
            (folder.path / "run.1").rmdir()


def test_a_second_writer_is_kept_out(tmp_path):
    folder = PartFolder(tmp_path / "0000.h5", fake_job())
    folder.create()
    log = io.StringIO()
    assert run(fake_job(), tmp_path / "0000.h5", options(log=log, wait_seconds=0)) == RESUMABLE
    assert f"another process (process {os.getpid()}" in log.getvalue()
    assert log.getvalue().endswith("try again later\n")
    with pytest.raises(Busy):
        PartFolder(tmp_path / "0000.h5", fake_job()).create()
    folder.leave("")
    assert run(fake_job(), tmp_path / "0000.h5", options()) == DONE


def test_a_second_writer_waits_for_the_first(tmp_path, mpiexec, fake_command, reference):
    """Who waited finds the other's file and leaves it, all its ranks too; or, if the other left nothing, makes it."""
    output = tmp_path / "0000.h5"
    first = start(fake_command, output, "--sleep", 0.8, "--flush-seconds", 0.1)
    wait_for_parts(tmp_path, 1)
    status, log = finish(start([mpiexec, "-n", 2, *fake_command], output, "--ranks", 2, "--wait-seconds", 60))
    assert status == 0, log
    assert "is writing it; waiting for it, 60 s at most" in log
    assert "the other process has finished it" in log and "12 samples" not in log
    assert finish(first)[0] == 0
    assert checksum(output) == reference
    assert [entry.name for entry in tmp_path.iterdir()] == ["0000.h5"]


def test_who_waited_for_a_writer_of_another_job_makes_its_own_file(tmp_path, monkeypatch, reference):
    output = tmp_path / "0000.h5"
    other, looks = PartFolder(output, fake_job(seed=6)), itertools.count()
    other.create()

    def leave_later(_) -> None:
        if next(looks) == 3:
            other.leave("")
            run(fake_job(seed=6), output, options())

    with monkeypatch.context() as patch:
        patch.setattr(time, "sleep", leave_later)
        log = io.StringIO()
        assert run(fake_job(), output, options(log=log)) == DONE
    assert "waiting for it" in log.getvalue() and "has finished it" not in log.getvalue()
    assert checksum(output) == reference


def test_a_signal_ends_the_waiting(tmp_path, monkeypatch):
    folder = PartFolder(tmp_path / "0000.h5", fake_job())
    folder.create()
    monkeypatch.setattr(time, "sleep", lambda _: os.kill(os.getpid(), signal.SIGTERM))
    assert run(fake_job(), tmp_path / "0000.h5", options()) == RESUMABLE
    folder.leave("")


def test_a_lock_that_was_removed_meanwhile_is_not_taken(tmp_path, monkeypatch):
    """Its holder leaves between this process' opening and locking: a third would find no lock."""
    import nqe_core.parts

    folders = [PartFolder(tmp_path / "0000.h5", fake_job()) for _ in range(3)]
    folders[0].create()
    flock = fcntl.flock
    with monkeypatch.context() as patch:

        def leave_first(*arguments) -> None:
            folders[0].leave("")
            flock(*arguments)

        patch.setattr(nqe_core.parts.fcntl, "flock", leave_first)
        folders[1].create()
    with pytest.raises(Busy):
        folders[2].create()
    folders[1].leave("")
    assert list(tmp_path.iterdir()) == []


def test_two_writers_without_locks_both_end_with_a_whole_file(tmp_path, fake_command, reference):
    """A file system without locks, and a job that was started twice."""
    output = tmp_path / "0000.h5"
    both = [
        start(fake_command, output, "--sleep", sleep, "--flush-seconds", 0.1, "--no-locks") for sleep in (0.1, 0.13)
    ]
    ends = [finish(process) for process in both]
    assert {status for status, _ in ends} <= {DONE, RESUMABLE}, ends
    assert DONE in {status for status, _ in ends}
    assert checksum(output) == reference
    assert [entry.name for entry in tmp_path.iterdir()] == ["0000.h5"]


@pytest.mark.parametrize("ended_by_a_signal", [False, True])
def test_who_was_overtaken_by_another_writer_leaves_nothing(tmp_path, reference, ended_by_a_signal):
    """The other one has written the file and removed the parts that both knew, while this one still computes."""
    job, output = fake_job(), tmp_path / "0000.h5"
    compute = job.compute
    interrupt(fake_job(), output, after=7)

    def rows(unit, checkpoint, pause):
        if unit.start == 11:
            assert run(fake_job(), tmp_path / "other" / "0000.h5", options()) == DONE
            (tmp_path / "other" / "0000.h5").rename(output)
            for part in (tmp_path / "0000.h5.parts").glob("part.*"):
                part.unlink()
            if ended_by_a_signal:
                raise Interrupted("test")
        yield from compute(unit, checkpoint, pause)

    job.compute = rows
    log = io.StringIO()
    assert run(job, output, options(log=log)) == DONE
    assert "the other process has finished it" in log.getvalue()
    assert checksum(output) == reference
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["0000.h5", "other"]


def test_who_is_overtaken_while_merging_leaves_nothing(tmp_path, monkeypatch, reference):
    """The parts were there a moment ago."""
    import nqe_core.campaign

    member = nqe_core.campaign._Member
    output, write = tmp_path / "0000.h5", member.write

    def overtaken(runner, path, rows):
        monkeypatch.undo()
        assert run(fake_job(), tmp_path / "other" / "0000.h5", options()) == DONE
        (tmp_path / "other" / "0000.h5").rename(output)
        for part in (tmp_path / "0000.h5.parts").glob("part.*"):
            part.unlink()
        write(runner, path, rows)

    monkeypatch.setattr(member, "write", overtaken)
    log = io.StringIO()
    assert run(fake_job(), output, options(log=log)) == DONE
    assert "the other process has finished it" in log.getvalue()
    assert checksum(output) == reference
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["0000.h5", "other"]


def test_an_open_lock_does_not_keep_the_folder(tmp_path, monkeypatch):
    """NFS renames a file that is removed while a process has it open, and the folder is not empty then."""
    folder = PartFolder(tmp_path / "0000.h5", fake_job())
    folder.create()
    rmdir = Path.rmdir
    lock = folder._lock
    monkeypatch.setattr(Path, "rmdir", lambda path: rmdir(path) if lock.closed else path.joinpath(".nfs1").touch())
    folder.leave("")
    assert list(tmp_path.iterdir()) == []


def test_files_of_killed_writers_are_removed_and_those_of_living_ones_kept(tmp_path):
    host = socket.gethostname()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    names = {f".0000.h5.{host}-{dead.pid}-abc-0.tmp": True, f".0000.h5.{host}-{os.getpid()}-abc-0.tmp": False,
             ".0000.h5.elsewhere-1-1-abc-0.tmp": False}  # fmt: skip
    for name in names:
        (tmp_path / name).write_text("half a file")
    assert {name: is_abandoned(tmp_path / name) for name in names} == names
    os.utime(tmp_path / ".0000.h5.elsewhere-1-1-abc-0.tmp", (0, 0))
    assert is_abandoned(tmp_path / ".0000.h5.elsewhere-1-1-abc-0.tmp")
    assert run(fake_job(), tmp_path / "0000.h5", options()) == DONE
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [f".0000.h5.{host}-{os.getpid()}-abc-0.tmp", "0000.h5"]


def test_many_parts_are_merged_with_few_open_files(tmp_path, monkeypatch, reference):
    import nqe_core.parts
    import nqe_core.worker

    monkeypatch.setattr(nqe_core.parts, "OPEN_PARTS", 3)
    monkeypatch.setattr(nqe_core.worker, "ROW_MEMORY", 1)  # a part file per row
    written, write = [], PartFolder.write_rows
    monkeypatch.setattr(PartFolder, "write_rows", lambda self, rows: written.append(len(rows)) or write(self, rows))
    assert run(fake_job(), tmp_path / "0000.h5", options()) == DONE
    assert written == [1] * 12
    assert checksum(tmp_path / "0000.h5") == reference


def test_rows_in_memory_are_bounded_however_fast_they_come(tmp_path, monkeypatch, reference):
    import nqe_core.worker

    row = 5 * 3 * 8 + 5 * 8 + 6 * nqe_core.worker.VALUE_OVERHEAD
    monkeypatch.setattr(nqe_core.worker, "ROW_MEMORY", 4.5 * row)
    written, write = [], PartFolder.write_rows
    monkeypatch.setattr(PartFolder, "write_rows", lambda self, rows: written.append(len(rows)) or write(self, rows))
    assert run(fake_job(), tmp_path / "0000.h5", options(flush_seconds=1e9)) == DONE
    assert written == [5, 5, 2]
    assert checksum(tmp_path / "0000.h5") == reference


# --- failures -------------------------------------------------------------------------------------------------------


def test_few_failures_are_rows(tmp_path):
    log = io.StringIO()
    output = tmp_path / "0000.h5"
    assert run(fake_job(fail=(3,)), output, options(max_failed_fraction=0.1, log=log)) == DONE
    with ChunkReader(output, "fake", FIELDS) as reader:
        assert reader.row(3, "failure")["failure"] == "too soft: 3"
        assert np.isnan(reader.row(3, "field")["field"]).all()
        assert [name for name in reader.column("failure") if name] == ["too soft: 3"]
    assert "12 samples, 1 failed" in log.getvalue()


def test_many_failures_fail_the_job_and_lie_aside(tmp_path):
    log = io.StringIO()
    output = tmp_path / "0000.h5"
    assert run(fake_job(fail=(3, 5, 6)), output, options(max_failed_fraction=0.1, log=log)) == FAILED
    assert [entry.name for entry in tmp_path.iterdir()] == ["0000.failed.h5"]
    last = log.getvalue().splitlines()[-1]
    assert "3 of 12 samples failed, the first because: too soft: 3; see" in last
    # after a remedy the file aside is outdated
    assert run(fake_job(), output, options()) == DONE
    assert [entry.name for entry in tmp_path.iterdir()] == ["0000.h5"]


def test_a_refused_job_computes_nothing_twice(tmp_path, monkeypatch):
    """Retries end at once, and where more failures are allowed the rows are there already."""
    output, log = tmp_path / "0000.h5", io.StringIO()
    few, many = options(max_failed_fraction=0.1, log=log), options(max_failed_fraction=0.3)
    assert run(fake_job(fail=(3, 5, 6)), output, few) == FAILED

    def never(*_):
        raise AssertionError("computed again")

    job = replace(fake_job(fail=(3, 5, 6)), compute=never)
    assert run(job, output, few) == FAILED
    assert "3 of 12 samples failed" in log.getvalue().splitlines()[-1] and "of an earlier run" in log.getvalue()
    assert [entry.name for entry in tmp_path.iterdir()] == ["0000.failed.h5"]
    # other code may do better
    better = replace(fake_job(fail=(3, 5, 6)), compute=fake_job().compute)
    newer = replace(better, attributes={**better.attributes, "git_commit": "newer"})
    assert run(newer, tmp_path / "0000.h5", few) == DONE and "of an earlier run" not in log.getvalue().splitlines()[-1]
    output.unlink()
    assert run(fake_job(fail=(3, 5, 6)), output, few) == FAILED
    assert run(job, output, many) == DONE
    assert [entry.name for entry in tmp_path.iterdir()] == ["0000.h5"]
    with ChunkReader(output, "fake", FIELDS) as reader:
        assert len([name for name in reader.column("failure") if name]) == 3


@pytest.mark.parametrize(
    ("n_samples", "share", "allowed"),
    [
        (1, 0.05, 0),  # all of them
        (2, 0.05, 1),
        (3, 0.05, 1),  # two would be the majority
        (12, 0.05, 2),
        (59, 0.05, 2),
        (60, 0.05, 3),
        (2000, 0.05, 100),
        (12, 0.5, 6),
        (12, 1.0, 12),
        (1, 1.0, 1),
        (2000, 1e-4, 2),
        (2000, 0.0, 0),  # not one
    ],
)
def test_one_or_two_failures_do_not_fail_a_small_job(n_samples, share, allowed):
    assert allowed_failures(n_samples, share) == allowed


def test_a_small_job_may_have_two_failures_but_none_when_none_are_allowed(tmp_path):
    assert run(fake_job(fail=(3, 5)), tmp_path / "0000.h5", options()) == DONE
    assert run(fake_job(fail=(3,)), tmp_path / "0001.h5", options(max_failed_fraction=0.0)) == FAILED


def test_upstream_failures_do_not_fail_the_job_again(tmp_path):
    log = io.StringIO()
    assert run(fake_job(upstream=tuple(range(12))), tmp_path / "0000.h5", options(log=log)) == DONE
    assert "12 samples, 0 failed, 12 failed upstream" in log.getvalue()


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (SampleFailure("quench not converged"), "quench not converged"),
        (np.linalg.LinAlgError("Singular\nmatrix"), "LinAlgError: Singular matrix"),
        (FloatingPointError("overflow"), "FloatingPointError: overflow"),
    ],
)
def test_numerical_errors_become_rows(error, says):
    def compute():
        raise error

    row = attempt(FIELDS, 4, [], compute)
    assert (row["sample"], row["failure"]) == (4, says)
    assert np.isnan(row["field"]).all()


@pytest.mark.parametrize(
    "error", [TypeError, KeyError, ValueError, RuntimeError, NotImplementedError, MemoryError, InputError]
)
def test_other_errors_do_not(error):
    def compute():
        raise error("a bug")

    assert not issubclass(error, NUMERICAL_ERRORS)
    with pytest.raises(error):
        attempt(FIELDS, 4, [], compute)


def test_a_value_that_is_not_finite_fails_the_sample():
    row = attempt(FIELDS, 0, [], lambda: {"field": np.full((5, 3), np.inf), "steps": 1, "good": True})
    assert row["failure"] == "field is not finite"


@pytest.mark.parametrize(("failures", "says"), [(["", "x"], "upstream: x"), (["upstream: y", "z"], "upstream: y")])
def test_upstream_failures_are_passed_on_and_marked_once(failures, says):
    assert attempt(FIELDS, 0, failures, lambda: pytest.fail("must not be computed"))["failure"] == says


# --- progress -------------------------------------------------------------------------------------------------------


def test_progress_is_one_line_per_flush(tmp_path):
    log = io.StringIO()
    run(fake_job(n_samples=3), tmp_path / "0007.h5", options(flush_seconds=1e-9, log=log))
    lines = log.getvalue().splitlines()
    assert any(line.startswith("fake fake 0007: 2/3 samples, ") and line.endswith("s left") for line in lines)
    assert lines[-1].startswith("fake fake 0007: 3 samples, 0 failed")
    assert "\r" not in log.getvalue()


@pytest.mark.parametrize(("preparation", "verb"), [("read", "read"), ("quench", "quench"), ("cool", "quench")])
def test_glasses_that_are_read_are_not_called_quenched(tmp_path, preparation, verb):
    job = fake_job()
    read = replace(
        job, stage="inherent_state", attributes={**job.attributes, "parameters": {"preparation": preparation}}
    )
    assert Progress(read, tmp_path / "back.h5", io.StringIO()).title == f"{verb} fake back"


def test_progress_rewrites_a_line_on_a_terminal(tmp_path):
    log = Terminal()
    run(fake_job(n_samples=3), tmp_path / "0007.h5", options(log=log))
    assert log.getvalue().count("\n") == 1
    assert log.getvalue().startswith("\r")


# --- ranks ----------------------------------------------------------------------------------------------------------


def start(command, *arguments):
    return subprocess.Popen(
        [*map(str, command), *map(str, arguments)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def finish(process) -> tuple[int, str]:
    _, log = process.communicate(timeout=60)
    return process.returncode, log


@pytest.mark.parametrize("per_unit", [1, 3])
def test_two_ranks_give_the_same_file_as_one(tmp_path, mpiexec, fake_command, per_unit):
    output, alone = tmp_path / "0000.h5", tmp_path / "alone.h5"
    run(fake_job(per_unit=per_unit), alone, options())
    status, log = finish(
        start([mpiexec, "-n", 2, *fake_command], output, "--ranks", 2, "--per-unit", per_unit, "--sleep", 0.02)
    )
    assert status == 0, log
    assert checksum(output) == checksum(alone)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["0000.h5", "alone.h5"]


def test_all_ranks_work_when_messages_go_through_a_network(tmp_path, mpiexec, fake_command, monkeypatch):
    """Where MPI needs attention to deliver the plan, which rank 0, at work itself, does not pay."""
    for name, value in MPICH_UNDER_SLURM.items():
        monkeypatch.setenv(name, value)
    process = start([mpiexec, "-n", 2, *fake_command], tmp_path / "0000.h5", "--ranks", 2, "--sleep", 0.2,
                    "--flush-seconds", 0.05)  # fmt: skip
    writers: set[str] = set()
    while len(writers) < 2 and process.poll() is None:
        writers |= {path.name.rsplit("-", 2)[0] for path in tmp_path.glob("*.parts/part.*.h5")}
        time.sleep(0.02)
    status, log = finish(process)
    assert status == 0, log
    assert len(writers) == 2


@pytest.mark.parametrize(
    ("launcher", "ranks", "says"),
    [
        ([], 3, "--ranks is 3, but MPI connects 1 process"),
        (["-n", 2], 1, "started as one of 2 processes, but --ranks is 1"),
        (["-n", 2], 3, "--ranks is 3, but MPI connects 2 processes"),
    ],
)
def test_a_wrong_launcher_is_refused_and_nothing_is_written(tmp_path, mpiexec, fake_command, launcher, ranks, says):
    command = [mpiexec, *launcher, *fake_command] if launcher else fake_command
    status, log = finish(start(command, tmp_path / "0000.h5", "--ranks", ranks))
    assert status == 2
    assert f"nqe: error: {says}" in log
    assert "Traceback" not in log
    assert list(tmp_path.iterdir()) == []


def wait_for_parts(folder, count: int) -> None:
    deadline = time.monotonic() + 30
    while len(list(folder.glob("*.parts/part.*.h5"))) < count:
        assert time.monotonic() < deadline, "no part file appeared"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_ends_the_run_soon_and_the_next_one_continues(tmp_path, fake_command, number):
    output = tmp_path / "0000.h5"
    many = fake_job(100)
    process = start(fake_command, output, "--n-samples", 100, "--sleep", 0.4, "--flush-seconds", 0.2)
    wait_for_parts(tmp_path, 1)
    process.send_signal(number)
    status, log = finish(process)  # all of them would take 40 s
    assert status == 75
    (kept,) = re.findall(rf"interrupted \({number.name}\); (\d+)/100 samples are kept", log)
    assert 0 < int(kept) < 50
    whole = tmp_path / "whole.h5"
    assert run(fake_job(100), whole, options()) == DONE
    assert run(many, output, options()) == DONE
    assert checksum(output) == checksum(whole)


def test_a_kill_is_survived_with_another_number_of_ranks(tmp_path, mpiexec, fake_command, reference):
    output = tmp_path / "0000.h5"
    status, _ = finish(
        start([mpiexec, "-n", 2, *fake_command], output, "--ranks", 2, "--sleep", 0.1, "--flush-seconds", 0.05,
              "--kill-at", 7)
    )  # fmt: skip
    assert status != 0
    assert not output.exists()
    log = io.StringIO()
    assert run(fake_job(), output, options(log=log)) == DONE
    assert "samples are done already" in log.getvalue()
    assert checksum(output) == reference
    assert [entry.name for entry in tmp_path.iterdir()] == ["0000.h5"]


class Silent:
    """Two ranks, of which the other never says a word."""

    rank, size = 0, 2

    def heard(self, rank: int) -> None:
        return None

    def abort(self, status: int) -> None:
        raise SystemExit(status)


def waiting_for_the_silent(tmp_path, **changes) -> tuple[int, str]:
    """Exit status and log of a rank 0 that waits for the other's report."""
    log, interruption = io.StringIO(), Interruption()
    interruption.received = changes.pop("signal", "")
    member = _Member(fake_job(), tmp_path / "0000.h5", options(log=log, **changes), Silent(), interruption)
    member.folder.create()
    (member.folder.path / "run.").mkdir()
    with pytest.raises(SystemExit) as end:
        member.collect()
    assert (tmp_path / "0000.h5.parts" / "run." / "stop").exists() == bool(interruption.received)
    return end.value.code, log.getvalue()


def test_a_rank_without_a_sign_of_life_ends_the_run(tmp_path):
    status, log = waiting_for_the_silent(tmp_path, patience=0.1)
    assert (status, log) == (RESUMABLE, "nqe: rank 1 shows no sign of life; the next run resumes\n")


def test_after_a_signal_silent_ranks_are_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(nqe_core.campaign, "STOP_WITHIN", 0.1)
    status, log = waiting_for_the_silent(tmp_path, signal="SIGTERM")
    assert status == RESUMABLE and "interrupted (SIGTERM); 0/12 samples are kept for the next run" in log


def test_a_bug_on_one_rank_ends_all(tmp_path, mpiexec, fake_command):
    process = start([mpiexec, "-n", 2, *fake_command], tmp_path / "0000.h5", "--ranks", 2, "--broken-at", 9)
    status, log = finish(process)
    assert status == 1
    assert "TypeError: a bug" in log


def test_options_are_checked():
    with pytest.raises(InputError, match="--flush-seconds is 0"):
        Options(flush_seconds=0)
    with pytest.raises(InputError, match="--max-failed-fraction is 2"):
        Options(max_failed_fraction=2)


def test_the_runner_does_not_load_mpi_for_one_rank(tmp_path):
    code = (
        "import sys; sys.argv = ['x', sys.argv[1]]; sys.path.insert(0, 'tests/unit'); import fake_stage; "
        "fake_stage.main(); print('mpi4py' in sys.modules)"
    )
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    shown = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "0000.h5")], capture_output=True, text=True, check=True, cwd=root
    )
    assert shown.stdout.strip() == "False"
