"""Compiled kernels on disk belong to the sources that there are now, those of the kernels they call included."""

import os
import shutil
import subprocess
import sys
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
    for name in ("__init__.py", "kernels/__init__.py", "kernels/disk_cache.py"):
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


def test_every_kernel_takes_njit_from_here():
    kernels = [path.read_text() for path in disk_cache.KERNELS.glob("*.py")]
    compiled = [source for source in kernels if "@njit" in source]
    assert len(compiled) > 15
    assert all("from nqe_core.kernels.disk_cache import njit\n" in source for source in compiled)


def test_functions_of_others_are_left_to_numba():
    places = [place for place in caching.CacheImpl._locator_classes if place.__name__ == "ForKernels"]
    assert places == caching.CacheImpl._locator_classes[: len(places)] and places
    assert all(place.from_function(run, __file__) is None for place in places)


def test_a_numba_without_this_place_is_said(monkeypatch):
    monkeypatch.delattr(caching.CacheImpl, "_locator_classes")
    with pytest.warns(RuntimeWarning, match=rf"numba {numba.__version__} does not let nqe_core look after"):
        disk_cache.compare_all_sources()
