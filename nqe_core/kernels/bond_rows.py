"""The contractions of `contractions` once more, as fast as they get: for the solvers, which need them by the thousand.

Here particles are numbered by cell and bonds come in rows, all bonds of one first particle together: its components and
what it receives stay in registers, and partners are near in memory. Fields are flat, (N*d,), in this order of particles.
"""

from collections import namedtuple

import numpy as np

from nqe_core.kernels.disk_cache import njit
from nqe_core.kernels.lanes import load, pack, store, total, unpack, width
from nqe_core.kernels.neighbors import LONGEST_ROW, ONE

# start, partner: the bonds of particle i are start[i]..start[i+1]-1; vectors: rows for lanes, (B*width,)
Rows = namedtuple("Rows", "start partner vectors g1 g2 g3 g4")
# a field and a result in rows for lanes, those of a block's bonds, and two numbers for every bond
Work = namedtuple("Work", "z out z_ij u v")
BLOCK = np.uint64(512)  # bonds whose z_ij stay in the first-level cache
SOFTEST_BLOCK = 1e-3  # pivots below this share of the mean stiffness belong to rattlers


@njit(cache=True, fastmath=False, error_model="numpy")
def work_space(rows, box):
    """Work space of all functions here."""
    w, bonds = width(box), rows.g1.size
    n = np.uint64(rows.start.size - 1) * w
    return Work(np.empty(n), np.empty(n), np.empty((BLOCK + LONGEST_ROW) * w), np.empty(bonds), np.empty(bonds))


@njit(cache=True, fastmath=True, error_model="numpy", inline="always")
def add_product_of_lanes(rows, factor, z, out, box):
    """out += factor M.z, both in rows for lanes."""
    w = width(box)
    along, across = 4.0 * factor, 2.0 * factor
    for i in range(np.uint64(rows.start.size - 1)):
        z_i, o_i = load(z, i * w, box), load(out, i * w, box)
        for k in range(np.uint64(rows.start[i]), np.uint64(rows.start[i + ONE])):
            j = np.uint64(rows.partner[k]) * w
            x, z_ij = load(rows.vectors, k * w, box), z_i - load(z, j, box)
            t = x * (along * rows.g2[k] * total(x * z_ij)) + z_ij * (across * rows.g1[k])
            o_i += t
            store(out, j, load(out, j, box) - t)
        store(out, i * w, o_i)


@njit(cache=True, fastmath=True, error_model="numpy", inline="always")
def product(rows, z, out, work, box):
    """out = M.z"""
    pack(z, work.z, box)
    work.out[:] = 0.0
    add_product_of_lanes(rows, 1.0, work.z, work.out, box)
    unpack(work.out, out, box)


@njit(cache=True, fastmath=True, error_model="numpy", inline="always")
def stretch(rows, z, work, box):
    """u = 2 x.z_ij and v = 2 z_ij.z_ij of every bond, into `work`."""
    d, w = np.uint64(len(box)), width(box)
    n = np.uint64(rows.start.size - 1)
    pack(z, work.z, box)
    low = np.uint64(0)
    while low < n:
        base = np.uint64(rows.start[low])
        high = low + ONE
        while high < n and np.uint64(rows.start[high + ONE]) - base <= BLOCK:
            high += ONE
        # a particle's components at once, into the first-level cache; then eight bonds at once
        for i in range(low, high):
            z_i = load(work.z, i * w, box)
            for k in range(np.uint64(rows.start[i]), np.uint64(rows.start[i + ONE])):
                store(work.z_ij, (k - base) * w, z_i - load(work.z, np.uint64(rows.partner[k]) * w, box))
        for k in range(np.uint64(rows.start[high]) - base):
            b, c = 0.0, 0.0
            for a in range(d):
                b += rows.vectors[(base + k) * w + a] * work.z_ij[k * w + a]
                c += work.z_ij[k * w + a] * work.z_ij[k * w + a]
            work.u[base + k], work.v[base + k] = 2.0 * b, 2.0 * c
        low = high


@njit(cache=True, fastmath=True, error_model="numpy", inline="always")
def _spread(rows, out, work, box):
    """out = sum over bonds of u x + v z_ij, added to the first particle and subtracted from the second."""
    w = width(box)
    work.out[:] = 0.0
    for i in range(np.uint64(rows.start.size - 1)):
        z_i, o_i = load(work.z, i * w, box), load(work.out, i * w, box)
        for k in range(np.uint64(rows.start[i]), np.uint64(rows.start[i + ONE])):
            j = np.uint64(rows.partner[k]) * w
            t = load(rows.vectors, k * w, box) * work.u[k] + (z_i - load(work.z, j, box)) * work.v[k]
            o_i += t
            store(work.out, j, load(work.out, j, box) - t)
        store(work.out, i * w, o_i)
    unpack(work.out, out, box)


@njit(cache=True, fastmath=True, error_model="numpy", inline="always")
def quartic_scalars(rows, z, work, box):
    """M:zz and U4:zzzz; leaves in `work` what `quartic_field` needs."""
    stretch(rows, z, work, box)
    m, t = 0.0, 0.0
    for k in range(np.uint64(rows.g1.size)):
        u, v = work.u[k], work.v[k]
        u2 = u * u
        m += rows.g2[k] * u2 + rows.g1[k] * v
        t += rows.g4[k] * u2 * u2 + 6.0 * rows.g3[k] * u2 * v + 3.0 * rows.g2[k] * v * v
    return m, t


@njit(cache=True, fastmath=True, error_model="numpy", inline="always")
def quartic_field(rows, weight2, weight4, out, work, box):
    """out = weight2 M.z + weight4 U4:zzz at the z of `quartic_scalars`, once."""
    for k in range(np.uint64(rows.g1.size)):
        u, v = work.u[k], work.v[k]
        u2 = u * u
        work.u[k] = 2.0 * u * (weight2 * rows.g2[k] + weight4 * (rows.g4[k] * u2 + 3.0 * rows.g3[k] * v))
        work.v[k] = 2.0 * weight2 * rows.g1[k] + 6.0 * weight4 * (rows.g3[k] * u2 + rows.g2[k] * v)
    _spread(rows, out, work, box)


@njit(cache=True, fastmath=True, error_model="numpy", inline="always")
def pair_spread_scalars(rows, z, work, box):
    """M:zz and D = sum over pairs of (z_ij.z_ij)^2; leaves in `work` what `pair_spread_field` needs."""
    stretch(rows, z, work, box)
    m, t = 0.0, 0.0
    for k in range(np.uint64(rows.g1.size)):
        u, v = work.u[k], work.v[k]
        m += rows.g2[k] * u * u + rows.g1[k] * v
        t += 0.25 * v * v
    return m, t


@njit(cache=True, fastmath=True, error_model="numpy", inline="always")
def pair_spread_field(rows, weight2, weight4, out, work, box):
    """out = weight2 M.z + weight4 F with F_i = sum_j (z_ij.z_ij) z_ij, at the z of `pair_spread_scalars`, once."""
    for k in range(np.uint64(rows.g1.size)):
        u, v = work.u[k], work.v[k]
        work.u[k] = 2.0 * weight2 * rows.g2[k] * u
        work.v[k] = 2.0 * weight2 * rows.g1[k] + 0.5 * weight4 * v
    _spread(rows, out, work, box)


@njit(cache=True, fastmath=True, error_model="numpy", inline="always")
def cubic_scalars(rows, z, work, box):
    """M:zz and U3:zzz; leaves in `work` what `cubic_field` needs."""
    stretch(rows, z, work, box)
    m, t = 0.0, 0.0
    for k in range(np.uint64(rows.g1.size)):
        u, v = work.u[k], work.v[k]
        m += rows.g2[k] * u * u + rows.g1[k] * v
        t += u * (rows.g3[k] * u * u + 3.0 * rows.g2[k] * v)
    return m, t


@njit(cache=True, fastmath=True, error_model="numpy", inline="always")
def cubic_field(rows, weight2, weight3, out, work, box):
    """out = weight2 M.z + weight3 U3:zz at the z of `cubic_scalars`, once."""
    for k in range(np.uint64(rows.g1.size)):
        u, v = work.u[k], work.v[k]
        work.u[k] = 2.0 * weight2 * rows.g2[k] * u + 2.0 * weight3 * (rows.g3[k] * u * u + rows.g2[k] * v)
        work.v[k] = 2.0 * weight2 * rows.g1[k] + 4.0 * weight3 * rows.g2[k] * u
    _spread(rows, out, work, box)


@njit(cache=True, fastmath=False, error_model="numpy")
def inverse_blocks(rows, box):
    """Inverses of the diagonal blocks of M, a cheap preconditioner; flat, (N*d*d,).

    A block that is not safely positive definite (a rattler: a particle with too few neighbours) is taken for the mean
    stiffness. No fastmath: kernels and Python call this, and both must get the same bits.
    """
    d = np.uint64(len(box))
    w = width(box)
    n = np.uint64(rows.start.size) - ONE
    blocks = np.zeros(n * d * d)
    for i in range(n):
        for k in range(np.uint64(rows.start[i]), np.uint64(rows.start[i + ONE])):
            j = np.uint64(rows.partner[k])
            for a in range(d):
                for b in range(a + ONE):  # the factorisation reads no more
                    m = 4.0 * rows.g2[k] * rows.vectors[k * w + a] * rows.vectors[k * w + b]
                    if a == b:
                        m += 2.0 * rows.g1[k]
                    blocks[(i * d + a) * d + b] += m
                    blocks[(j * d + a) * d + b] += m
    mean = 0.0
    for i in range(n):
        for a in range(d):
            mean += blocks[(i * d + a) * d + a]
    mean /= n * d
    lower, inverse = np.zeros((len(box), len(box))), np.zeros((len(box), len(box)))
    for i in range(n):
        # Cholesky factor, its inverse, and their product
        safe = True
        for a in range(d):
            for b in range(a + ONE):
                s = blocks[(i * d + a) * d + b]
                for c in range(b):
                    s -= lower[a, c] * lower[b, c]
                if a == b:
                    safe = safe and s > SOFTEST_BLOCK * mean
                    lower[a, a] = np.sqrt(max(s, SOFTEST_BLOCK * mean))
                else:
                    lower[a, b] = s / lower[b, b]
        for a in range(d):
            inverse[a, a] = 1.0 / lower[a, a]
            for b in range(a):
                s = 0.0
                for c in range(b, a):
                    s -= lower[a, c] * inverse[c, b]
                inverse[a, b] = s / lower[a, a]
        for a in range(d):
            for b in range(d):
                s = 0.0
                for c in range(max(a, b), d):
                    s += inverse[c, a] * inverse[c, b]
                blocks[(i * d + a) * d + b] = s if safe else (1.0 / mean if a == b else 0.0)
    return blocks
