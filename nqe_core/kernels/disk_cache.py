"""Kernels that numba keeps on disk are those of the present sources, and of the arguments that they were compiled for.

Numba itself compares a kernel with the file it stands in. Kernels call and inline those of other files: after an update
that changed only such a file, the old code would go on being used, silently. And numba numbers the files of a kernel's
code, one for each kind of arguments: two processes that compile the kernel at the same time, for 3D and for 4D say, may
both take the same number, and one is then given the other's code, for good. So kernels take `njit` from here. (Not by
importing their package: who only reads a sheet should not wait for numba.)
"""

import hashlib
import warnings
from functools import cache
from pathlib import Path

import numba
from numba import njit
from numba.core import caching

from nqe_core.folder_lock import alone_in

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
    """Have numba ask for `sources_digest` where it looks for kernels, and name their files by what they are compiled for.

    For functions of others nothing changes.

    Warns
    -----
    RuntimeWarning
        Numba has no such place any more.
    """
    try:
        known = caching.CacheImpl._locator_classes  # there is no public way for one package alone
        backed_by_file = caching._SourceFileBackedLocatorMixin
        named_by_key = _named_by_key(caching.IndexDataCacheFile)
    except AttributeError:
        warnings.warn(
            f"numba {numba.__version__} does not let nqe_core look after its kernels on disk: "
            f"after an update, delete {KERNELS / '__pycache__'}",
            RuntimeWarning,
            stacklevel=2,
        )
        return
    known[:0] = [_for_kernels(locator) for locator in known if issubclass(locator, backed_by_file)]
    caching.IndexDataCacheFile = named_by_key


def _for_kernels(locator: type) -> type:
    """One of numba's ways to find a place for a function on disk, for kernels alone."""

    class ForKernels(locator):
        @classmethod
        def from_function(cls, py_func, py_file):
            return super().from_function(py_func, py_file) if Path(py_file).resolve().parent == KERNELS else None

        def get_source_stamp(self):
            return sources_digest()

    return ForKernels


def _named_by_key(files: type) -> type:
    """Numba's index and files of one function; those of kernels have names that no other kind of arguments can have."""
    if not all(hasattr(files, name) for name in ("_load_index", "_save_index", "_save_data", "_dump", "_data_name")):
        raise AttributeError("numba keeps its files in another way")

    class NamedByKey(files):
        def save(self, key, data):
            if self._source_stamp != sources_digest():
                return super().save(key, data)
            folder, base = Path(self._cache_path), self._index_name.removesuffix(".nbi")
            name = f"{base}.{hashlib.sha256(self._source_stamp + self._dump(key)).hexdigest()[:16]}.nbc"
            # the code first: an index never names what is not there yet, or what is older than itself; without locks an
            # entry may be lost, and is compiled again
            with alone_in(folder):
                self._save_data(name, data)
                overloads = self._load_index()
                if not overloads and Path(self._index_path).exists():  # of older sources, and so is what it names
                    for path in folder.glob(f"{base}.*.nbc"):
                        if path.name != name:
                            path.unlink(missing_ok=True)
                self._save_index({**overloads, key: name})
            return None

    return NamedByKey


compare_all_sources()
