"""Compiled kernels: arrays in, arrays out; no files, no configuration, no classes.

One source serves every dimension: each kernel takes the periodic box as a tuple of `d` lengths, and numba knows a
tuple's length when it compiles, so that loops over the Cartesian components are unrolled for d = 2, 3 and 4 alike.
"""

from nqe_core.kernels.disk_cache import compare_all_sources

compare_all_sources()
