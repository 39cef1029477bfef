"""Conjugate gradients on the Hessian for several right-hand sides at once, in single precision.

The answer is good to six digits; who needs more solves for what is left in double precision (`nqe_core.linear_response`).
Fields are rows of `field_lanes`, flat (N*16,), and particles are in the order of the bond rows.
"""

from collections import namedtuple

import numpy as np

from nqe_core.kernels.disk_cache import njit
from nqe_core.kernels.field_lanes import WIDTH, fields, load, nothing, spread, store, turned
from nqe_core.kernels.neighbors import ONE

# As `bond_rows.Rows`, in float32: vectors (B*4,), along = 4 g'' and across = 2 g' of every bond. blocks: inverses of the
# diagonal blocks by cyclic diagonals, (N*d*4,): of particle i, entry [a, (a + c) % d] at (i d + c) 4 + a.
Singles = namedtuple("Singles", "start partner vectors along across blocks")
ROW, VECTOR = np.uint64(WIDTH), np.uint64(4)
BLOCK = np.uint64(64)  # particles whose contributions to a sum are added up in single precision


@njit(cache=True, fastmath=True, error_model="numpy", inline="always")
def product_of_fields(bonds, z, out, box):
    """out = M.z of every field."""
    for k in range(np.uint64(out.size)):
        out[k] = np.float32(0.0)
    for i in range(np.uint64(bonds.start.size) - ONE):
        z_i, o_i = load(z, i * ROW), load(out, i * ROW)
        for k in range(np.uint64(bonds.start[i]), np.uint64(bonds.start[i + ONE])):
            j = np.uint64(bonds.partner[k]) * ROW
            x, z_ij = spread(bonds.vectors, k * VECTOR, box), z_i - load(z, j)
            t = x * z_ij
            along = t
            for _ in range(len(box) - 1):
                t = turned(t, box)
                along += t
            t = x * along * bonds.along[k] + z_ij * bonds.across[k]
            o_i += t
            store(out, j, load(out, j) - t)
        store(out, i * ROW, o_i)


@njit(cache=True, fastmath=False, error_model="numpy", inline="always")
def _add(lanes, scratch, sums):
    """Add sixteen numbers to sums in double precision."""
    store(scratch, np.uint64(0), lanes)
    for k in range(ROW):
        sums[k] += scratch[k]


@njit(cache=True, fastmath=False, error_model="numpy", inline="always")
def _fold(sums, per_field, box):
    """Sums over components, one number for every field."""
    number = fields(box)
    for f in range(number):
        per_field[f] = 0.0
        for a in range(np.uint64(len(box))):
            per_field[f] += sums[a * number + f]


@njit(cache=True, fastmath=False, error_model="numpy", inline="always")
def _unfold(per_field, scratch, box):
    """Each field's number in all of its places."""
    number = fields(box)
    for k in range(ROW):
        scratch[k] = per_field[k % number] if k < number * np.uint64(len(box)) else 0.0
    return load(scratch, np.uint64(0))


@njit(cache=True, fastmath=True, error_model="numpy")
def solve_fields(bonds, rhs, tolerance, max_iterations, box):
    """M^+ rhs of balanced right-hand sides (no net force).

    Parameters
    ----------
    bonds : Singles
    rhs : ndarray of float32, shape=(N*16,)
        Numbers far from the ends of single precision; a field of zeros is solved by zeros.
    tolerance : float
        On the norm of every field's residual relative to that of its right-hand side. The true residuals stay above some
        4e-6, where they are rounding.
    max_iterations : int

    Returns
    -------
    x : ndarray of float32, shape=(N*16,)
    iterations : int
        -1 when a direction of negative curvature was met, `max_iterations` when it did not converge.
    """
    n, d, number = np.uint64(bonds.start.size) - ONE, np.uint64(len(box)), fields(box)
    x, r, s = np.zeros_like(rhs), rhs.copy(), np.empty_like(rhs)
    p, q = np.zeros_like(rhs), np.zeros_like(rhs)
    scratch = np.empty(WIDTH, np.float32)
    sum_rs, sum_rr, sum_s, sum_pq = np.zeros(WIDTH), np.zeros(WIDTH), np.zeros(WIDTH), np.zeros(WIDTH)
    goal, norm2, rho, rho_old, factor = (
        np.zeros(number), np.zeros(number), np.zeros(number), np.zeros(number), np.zeros(number)
    )  # fmt: skip
    iterations = 0
    while True:
        # one step along p, the preconditioned residual, and all sums of both
        step = _unfold(factor, scratch, box)
        sum_rs[:], sum_rr[:], sum_s[:] = 0.0, 0.0, 0.0
        low = np.uint64(0)
        while low < n:
            high = min(low + BLOCK, n)
            rs, rr, ss = nothing(), nothing(), nothing()
            for i in range(low, high):
                row = i * ROW
                store(x, row, load(x, row) + step * load(p, row))
                r_i = load(r, row) - step * load(q, row)
                store(r, row, r_i)
                s_i, t = spread(bonds.blocks, i * d * VECTOR, box) * r_i, r_i
                for c in range(ONE, d):
                    t = turned(t, box)
                    s_i += spread(bonds.blocks, (i * d + c) * VECTOR, box) * t
                store(s, row, s_i)
                rs += r_i * s_i
                rr += r_i * r_i
                ss += s_i
            _add(rs, scratch, sum_rs)
            _add(rr, scratch, sum_rr)
            _add(ss, scratch, sum_s)
            low = high
        rho_old[:] = rho
        _fold(sum_rs, rho, box)
        _fold(sum_rr, norm2, box)
        if iterations == 0:
            goal[:] = tolerance * tolerance * norm2
        left = False
        for f in range(number):
            left = left or norm2[f] > goal[f]
            factor[f] = rho[f] / rho_old[f] if norm2[f] > goal[f] and iterations > 0 else 0.0
        if not left or iterations >= max_iterations:
            return x, iterations
        # the next direction, without translation, which the diagonal blocks have brought in
        beta = _unfold(factor, scratch, box)
        for k in range(ROW):
            scratch[k] = sum_s[k] / n
        mean = load(scratch, np.uint64(0))
        for i in range(n):
            store(p, i * ROW, load(s, i * ROW) - mean + beta * load(p, i * ROW))
        product_of_fields(bonds, p, q, box)
        iterations += 1
        sum_pq[:] = 0.0
        low = np.uint64(0)
        while low < n:
            high = min(low + BLOCK, n)
            pq = nothing()
            for i in range(low, high):
                pq += load(p, i * ROW) * load(q, i * ROW)
            _add(pq, scratch, sum_pq)
            low = high
        _fold(sum_pq, factor, box)
        for f in range(number):
            # solved fields stand still while the others go on
            if norm2[f] <= goal[f]:
                factor[f] = 0.0
            elif factor[f] > 0.0:
                factor[f] = rho[f] / factor[f]
            else:
                return x, -1
