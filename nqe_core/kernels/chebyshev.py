"""Chebyshev filter of the Hessian: amplifies the low end of its spectrum without factorising anything."""

import numpy as np

from nqe_core.kernels.bond_rows import add_product_of_lanes, product, work_space
from nqe_core.kernels.disk_cache import njit
from nqe_core.kernels.fields import subtract_mean
from nqe_core.kernels.lanes import pack, unpack, width


@njit(cache=True, fastmath=True, error_model="numpy")
def filtered(rows, z, degree, low, high, box):
    """T_degree(A) z, where A maps the unwanted part of the spectrum, [low, high], to [-1, 1].

    Eigenvalues below `low` land below -1, where |T_degree| grows exponentially. `degree` should be even, so that the
    amplification is positive. Particles in the order of `rows`.
    """
    centre, half = 0.5 * (low + high), 0.5 * (high - low)
    result = z.copy()
    # translations have eigenvalue zero and would be amplified most
    subtract_mean(result, box)
    n = np.uint64(rows.start.size - 1) * width(box)
    t_old, t = np.empty(n), np.empty(n)
    pack(result, t_old, box)
    for k in range(n):
        t[k] = -centre / half * t_old[k]
    add_product_of_lanes(rows, 1.0 / half, t_old, t, box)
    for _ in range(degree - 1):
        # T_{m+1} = 2 A T_m - T_{m-1}, written over the oldest
        for k in range(n):
            t_old[k] = -2.0 * centre / half * t[k] - t_old[k]
        add_product_of_lanes(rows, 2.0 / half, t, t_old, box)
        t_old, t = t, t_old
    unpack(t, result, box)
    subtract_mean(result, box)
    return result


@njit(cache=True, fastmath=True, error_model="numpy")
def multiplied(rows, z, box):
    """M.z, particles in the order of `rows`."""
    result = np.empty(z.size)
    product(rows, z, result, work_space(rows, box), box)
    return result
