"""Compiled kernels on disk belong to the sources that there are now, those of the kernels they call included."""

import itertools
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numba
import pytest
from numba.core import caching

import nqe_core
from nqe_core.kernels import disk_cache

CALLEE = """
from nqe_core.kernels.disk_cache import njit

@njit(cache=True, fastmath=False, error_model="numpy")
def answer(x):
    return x + {value}
"""
CALLER = """
from nqe_core.kernels.disk_cache import njit
from nqe_core.kernels.callee import answer

@njit(cache=True, fastmath=False, error_model="numpy")
def ask(x):
    return 2 * answer(x)
"""
PROGRAM = """
from nqe_core.kernels.caller import ask
print(ask(1), sum(ask.stats.cache_hits.values()))
"""


@pytest.fixture
def package(tmp_path) -> Path:
    """A copy of nqe_core with two kernels more, one of which calls the other."""
    kernels = tmp_path / "nqe_core" / "kernels"
    kernels.mkdir(parents=True)
    home = Path(nqe_core.__file__).parent
    for name in ("__init__.py", "folder_lock.py", "kernels/__init__.py", "kernels/disk_cache.py"):
        shutil.copy(home / name, tmp_path / "nqe_core" / name)
    (kernels / "caller.py").write_text(CALLER)
    (kernels / "callee.py").write_text(CALLEE.format(value=1))
    return tmp_path


def run(folder: Path, **environment: str) -> str:
    """Result, and how many kernels were found compiled."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=folder, env={**os.environ, "PYTHONPATH": str(folder), **environment},
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip


@pytest.mark.parametrize("folder", ["", "elsewhere"])
def test_a_kernel_is_compiled_again_when_one_that_it_calls_has_changed(package, folder):
    environment = {"NUMBA_CACHE_DIR": str(package / folder)} if folder else {"NUMBA_CACHE_DIR": ""}
    assert run(package, **environment) == "4 0"
    assert run(package, **environment) == "4 1"
    (package / "nqe_core/kernels/callee.py").write_text(CALLEE.format(value=2))
    assert run(package, **environment) == "6 0"
    assert run(package, **environment) == "6 1"
    kept = package / folder if folder else package / "nqe_core/kernels/__pycache__"
    assert list(kept.rglob("caller.ask-*.nbi"))


def files_of_a_kernel(folder: Path, stamp: bytes | None = None):
    return caching.IndexDataCacheFile(str(folder), "kernel-1.py3", stamp or disk_cache.sources_digest())


STEPS = ("_load_index", "_save_index", "_save_data")


class Turns:
    """Two writers, each of whose three steps on the disk waits for its place in the order "AABABB", say."""

    def __init__(self, order: str) -> None:
        self.order, self.done, self.changed = order, 0, threading.Condition()

    def writer(self, folder: Path, name: str) -> threading.Thread:
        files = files_of_a_kernel(folder)
        for step in STEPS:
            setattr(files, step, self.in_turn(name, getattr(files, step)))
        return threading.Thread(target=files.save, args=(name, f"code for {name}"), daemon=True)

    def in_turn(self, name: str, step):
        def waiting(*arguments):
            with self.changed:
                assert self.changed.wait_for(lambda: self.order[self.done] == name, timeout=30)
                found = step(*arguments)
                self.done += 1
                self.changed.notify_all()
                return found

        return waiting


@pytest.mark.parametrize("order", sorted({"".join(order) for order in itertools.permutations("AAABBB")}))
def test_two_processes_that_compile_for_other_arguments_do_not_mix_them_up(tmp_path, monkeypatch, order):
    """Where there are no locks; at most an entry is lost, and compiled again."""
    monkeypatch.setattr("fcntl.flock", lambda *_: (_ for _ in ()).throw(OSError("no locks")))
    turns = Turns(order)
    writers = [turns.writer(tmp_path, name) for name in "AB"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert turns.done == len(order)
    after = files_of_a_kernel(tmp_path)
    found = [after.load(name) for name in "AB"]
    assert found[0] in ("code for A", None) and found[1] in ("code for B", None) and found != [None, None]


def test_with_locks_no_entry_is_lost(tmp_path, monkeypatch):
    one, load, others = files_of_a_kernel(tmp_path), caching.IndexDataCacheFile._load_index, []

    def interrupted():
        found = load(one)
        others.append(threading.Thread(target=files_of_a_kernel(tmp_path).save, args=("B", "code for B")))
        others[0].start()
        others[0].join(0.3)
        assert others[0].is_alive()  # it waits
        return found

    monkeypatch.setattr(one, "_load_index", interrupted)
    one.save("A", "code for A")
    others[0].join()
    after = files_of_a_kernel(tmp_path)
    assert [after.load(name) for name in "AB"] == ["code for A", "code for B"]


def test_code_of_older_sources_is_removed(tmp_path):
    for name in ("kernel-1.py3.1.nbc", "kernel-1.py3.0123456789abcdef.nbc", "kernel-10.py3.1.nbc", "other.nbc"):
        (tmp_path / name).write_bytes(b"old")
    files_of_a_kernel(tmp_path, b"older sources").flush()
    files = files_of_a_kernel(tmp_path)
    for dimension in ("3D", "4D", "3D"):
        files.save(dimension, f"code for {dimension}")
    assert [files.load(dimension) for dimension in ("3D", "4D")] == ["code for 3D", "code for 4D"]
    kept = {path.name for path in tmp_path.glob("*.nbc")}
    assert {"kernel-10.py3.1.nbc", "other.nbc"} < kept and len(kept) == 4
    assert files_of_a_kernel(tmp_path, b"other sources").load("3D") is None


def test_every_kernel_takes_njit_from_here():
    kernels = [path.read_text() for path in disk_cache.KERNELS.glob("*.py")]
    compiled = [source for source in kernels if "@njit" in source]
    assert len(compiled) > 15
    assert all("from nqe_core.kernels.disk_cache import njit\n" in source for source in compiled)


def test_functions_of_others_are_left_to_numba():
    places = [place for place in caching.CacheImpl._locator_classes if place.__name__ == "ForKernels"]
    assert places == caching.CacheImpl._locator_classes[: len(places)] and places
    assert all(place.from_function(run, __file__) is None for place in places)


def test_files_of_others_are_named_by_numba(tmp_path):
    files_of_a_kernel(tmp_path, b"their own stamp").save("3D", "code")
    assert {path.name for path in tmp_path.iterdir()} == {"kernel-1.py3.nbi", "kernel-1.py3.1.nbc"}


def test_a_numba_without_this_place_is_said(monkeypatch):
    monkeypatch.delattr(caching.CacheImpl, "_locator_classes")
    with pytest.warns(RuntimeWarning, match=rf"numba {numba.__version__} does not let nqe_core look after"):
        disk_cache.compare_all_sources()
    monkeypatch.undo()
    monkeypatch.setattr(caching, "IndexDataCacheFile", object)
    with pytest.warns(RuntimeWarning, match="does not let nqe_core look after"):
        disk_cache.compare_all_sources()
