"""Chebyshev filter of the Hessian: amplifies the low end of its spectrum without factorising anything."""

import numpy as np
from numba import njit

from nqe_core.kernels.contractions import hessian_product
from nqe_core.kernels.fields import subtract_mean


@njit(cache=True, fastmath=True, error_model="numpy")
def filtered(first, second, vectors, g1, g2, z, degree, low, high, box):
    """T_degree(A) z, where A maps the unwanted part of the spectrum, [low, high], to [-1, 1].

    Eigenvalues below `low` land below -1, where |T_degree| grows exponentially. `degree` should be even, so that the
    amplification is positive.
    """
    centre, half = 0.5 * (low + high), 0.5 * (high - low)
    t_old = z.copy()
    # translations have eigenvalue zero and would be amplified most
    subtract_mean(t_old, box)
    t = np.empty(z.size)
    product = np.empty(z.size)
    hessian_product(first, second, vectors, g1, g2, t_old, t, box)
    for k in range(z.size):
        t[k] = (t[k] - centre * t_old[k]) / half
    for _ in range(degree - 1):
        hessian_product(first, second, vectors, g1, g2, t, product, box)
        for k in range(z.size):
            # T_{m+1} = 2 A T_m - T_{m-1}, written over the oldest
            t_old[k] = 2.0 / half * (product[k] - centre * t[k]) - t_old[k]
        t_old, t = t, t_old
    subtract_mean(t, box)
    return t
