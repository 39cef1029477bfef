"""Compiled kernels: arrays in, arrays out; no files, no configuration, no classes.

One source serves every dimension: each kernel takes the periodic box as a tuple of `d` lengths, and numba knows a
tuple's length when it compiles, so that loops over the Cartesian components are unrolled for d = 2, 3 and 4 alike.
"""
