"""Conjugate gradients on the Hessian with its diagonal blocks as preconditioner, compiled."""

import numpy as np

from nqe_core.kernels.bond_rows import product, work_space
from nqe_core.kernels.disk_cache import njit
from nqe_core.kernels.fields import subtract_mean
from nqe_core.kernels.lbfgs import apply_block_diagonal


@njit(cache=True, fastmath=True, error_model="numpy", inline="always")
def solve(rows, blocks, rhs, tolerance, max_iterations, box):
    """M^+ rhs for a balanced right-hand side (no net force).

    Parameters
    ----------
    rows : Rows
    blocks : ndarray, shape=(N*d*d,)
        Inverses of the diagonal blocks.
    rhs : ndarray, shape=(N*d,)
        Particles in the order of `rows`, as in `blocks` and the result.
    tolerance : float
        On the residual's norm relative to that of `rhs`.

    Returns
    -------
    x : ndarray, shape=(N*d,)
        Without translation.
    iterations : int
        -1 when a direction of negative curvature was met, `max_iterations` when it did not converge.
    """
    x = np.zeros(rhs.size)
    r = rhs.copy()
    subtract_mean(r, box)
    s, q, work = np.empty(rhs.size), np.empty(rhs.size), work_space(rows, box)
    goal = tolerance * tolerance * (r * r).sum()
    apply_block_diagonal(blocks, r, s, box)
    subtract_mean(s, box)
    p = s.copy()
    rho = (r * s).sum()
    norm2, iterations = 0.0, 0
    for k in range(r.size):
        norm2 += r[k] * r[k]
    while norm2 > goal and iterations < max_iterations:
        product(rows, p, q, work, box)
        curvature = 0.0
        for k in range(p.size):
            curvature += p[k] * q[k]
        if curvature <= 0.0:
            iterations = -1
            break
        iterations += 1
        alpha = rho / curvature
        norm2 = 0.0
        for k in range(x.size):
            x[k] += alpha * p[k]
            r[k] -= alpha * q[k]
            norm2 += r[k] * r[k]
        apply_block_diagonal(blocks, r, s, box)
        subtract_mean(s, box)
        rho_new = 0.0
        for k in range(r.size):
            rho_new += r[k] * s[k]
        beta = rho_new / rho
        rho = rho_new
        for k in range(p.size):
            p[k] = s[k] + beta * p[k]
    subtract_mean(x, box)
    return x, iterations
