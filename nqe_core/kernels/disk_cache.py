"""Kernels that numba keeps on disk are compiled again when the source of any kernel has changed.

Numba itself compares a kernel with the file it stands in. Kernels call and inline those of other files: after an update
that changed only such a file, the old code would go on being used, silently. So kernels take `njit` from here. (Not by
importing their package: who only reads a sheet should not wait for numba.)
"""

import hashlib
import warnings
from functools import cache
from pathlib import Path

import numba
from numba import njit
from numba.core import caching

__all__ = ["compare_all_sources", "njit", "sources_digest"]

KERNELS = Path(__file__).resolve().parent


@cache
def sources_digest() -> bytes:
    """Checksum of the sources of all kernels, as they are when this process asks first."""
    digest = hashlib.sha256()
    for path in sorted(KERNELS.glob("*.py")):
        digest.update(f"{path.name}:{path.stat().st_size}:".encode())
        digest.update(path.read_bytes())
    return digest.digest()


def compare_all_sources() -> None:
    """Have numba ask for `sources_digest` where it looks for kernels; for functions of others nothing changes.

    Warns
    -----
    RuntimeWarning
        Numba has no such place any more.
    """
    try:
        known = caching.CacheImpl._locator_classes  # there is no public way for one package alone
        backed_by_file = caching._SourceFileBackedLocatorMixin
    except AttributeError:
        warnings.warn(
            f"numba {numba.__version__} does not let nqe_core look after its kernels on disk: "
            f"after an update, delete {KERNELS / '__pycache__'}",
            RuntimeWarning,
            stacklevel=2,
        )
        return
    known[:0] = [_for_kernels(locator) for locator in known if issubclass(locator, backed_by_file)]


def _for_kernels(locator: type) -> type:
    """One of numba's ways to find a place for a function on disk, for kernels alone."""

    class ForKernels(locator):
        @classmethod
        def from_function(cls, py_func, py_file):
            return super().from_function(py_func, py_file) if Path(py_file).resolve().parent == KERNELS else None

        def get_source_stamp(self):
            return sources_digest()

    return ForKernels


compare_all_sources()
