"""The C yardstick, compiled on first use with the machine's own compiler and called through ctypes."""

from __future__ import annotations

import ctypes
import subprocess
from functools import cache
from pathlib import Path

import numpy as np

SOURCE = Path(__file__).with_name("reference_kernels.c")
FLAGS = ("-O3", "-march=native", "-ffast-math", "-shared", "-fPIC")


@cache
def library(dimension: int, folder: Path) -> ctypes.CDLL:
    """The shared library for one dimension."""
    target = folder / f"reference_kernels_{dimension}d.so"
    subprocess.run(["gcc", *FLAGS, f"-DD={dimension}", str(SOURCE), "-o", str(target), "-lm"], check=True)
    loaded = ctypes.CDLL(str(target))
    for name in ("cubic", "quartic"):
        getattr(loaded, name).restype = ctypes.c_double
    return loaded


def call(function, *arguments) -> float | None:
    """Call with arrays as pointers, ints as int64 and floats as doubles."""
    converted = []
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            converted.append(argument.ctypes.data_as(ctypes.c_void_p))
        elif isinstance(argument, float):
            converted.append(ctypes.c_double(argument))
        else:
            converted.append(ctypes.c_int64(argument))
    return function(*converted)
