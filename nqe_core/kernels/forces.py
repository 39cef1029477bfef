"""Forces, energy and virial over a half Verlet list."""

from collections import namedtuple

import numpy as np

from nqe_core.kernels.disk_cache import njit
from nqe_core.kernels.lanes import load, pack, rounded, store, unpack, width
from nqe_core.kernels.neighbors import LONGEST_ROW, ONE
from nqe_core.kernels.pair_potential import phi, phi1

BLOCK = np.uint64(512)  # pairs handled at a time: their separations stay in the first-level cache

# Work space of `pair_forces`: positions and forces in rows for lanes, separations and force factors of a block
Scratch = namedtuple("Scratch", "x f separation factor")


@njit(cache=True, fastmath=False, error_model="numpy")
def force_scratch(box, n_particles):
    """Work space for that many particles."""
    w = width(box)
    room = LONGEST_ROW + BLOCK
    return Scratch(
        np.empty(np.uint64(n_particles) * w), np.empty(np.uint64(n_particles) * w), np.empty(room * w), np.empty(room)
    )


@njit(cache=True, fastmath=True, error_model="numpy", inline="always")
def pair_forces(x, start, partner, inverse_lambda2, box, potential, f, scratch):
    """Forces on all particles, f_i = -dU/dx_i.

    Blocks of pairs go through three phases: separations, a particle's components at once; their factors -2 g'(s), eight
    pairs at once; the forces of both particles, components at once again.

    Parameters
    ----------
    x : ndarray, shape=(N*d,)
    start, partner, inverse_lambda2
        From `neighbors.half_list`.
    box : tuple of d floats
    potential : ndarray, shape=(5,), or tuple
        Of `Model.potential`; the square of the cutoff comes first.
    f : ndarray, shape=(N*d,)
        Overwritten with the forces.
    scratch : Scratch
        From `force_scratch`.
    """
    d, w = np.uint64(len(box)), width(box)
    n = np.uint64(start.size) - ONE
    L = box[0]
    per_L = 1.0 / L
    cutoff2 = potential[0]
    separation, factor = scratch.separation, scratch.factor
    pack(x, scratch.x, box)
    scratch.f[:] = 0.0
    low = np.uint64(0)
    while low < n:
        base = np.uint64(start[low])
        high = low + ONE
        while high < n and np.uint64(start[high + ONE]) - base <= BLOCK:
            high += ONE
        for i in range(low, high):
            x_i = load(scratch.x, i * w, box)
            for k in range(np.uint64(start[i]) - base, np.uint64(start[i + ONE]) - base):
                t = x_i - load(scratch.x, np.uint64(partner[base + k]) * w, box)
                store(separation, k * w, t - rounded(t * per_L) * L)
        for k in range(np.uint64(start[high]) - base):
            s = 0.0
            for a in range(d):
                s += separation[k * w + a] * separation[k * w + a]
            scale = inverse_lambda2[base + k]
            y = s * scale
            g = -2.0 * scale * phi1(y, scale, potential)
            factor[k] = g if y < cutoff2 else 0.0
        for i in range(low, high):
            f_i = load(scratch.f, i * w, box)
            for k in range(np.uint64(start[i]) - base, np.uint64(start[i + ONE]) - base):
                t = load(separation, k * w, box) * factor[k]
                j = np.uint64(partner[base + k]) * w
                f_i += t
                store(scratch.f, j, load(scratch.f, j, box) - t)
            store(scratch.f, i * w, f_i)
        low = high
    unpack(scratch.f, f, box)


@njit(cache=True, fastmath=False, error_model="numpy")
def pair_sums(x, start, partner, inverse_lambda2, box, potential):
    """Potential energy, virial sum_pairs x_ij . f_ij, and sum of squared pair forces."""
    d = np.uint64(len(box))
    L = box[0]
    energy, virial, force2 = 0.0, 0.0, 0.0
    for i in range(np.uint64(start.size) - ONE):
        for k in range(np.uint64(start[i]), np.uint64(start[i + ONE])):
            j = np.uint64(partner[k])
            s = 0.0
            for a in range(d):
                t = x[i * d + a] - x[j * d + a]
                t -= L * np.rint(t / L)
                s += t * t
            w = inverse_lambda2[k]
            y = s * w
            if y < potential[0]:
                g1 = w * phi1(y, w, potential)
                energy += phi(y, w, potential)
                virial -= 2.0 * g1 * s
                force2 += 4.0 * g1 * g1 * s
    return energy, virial, force2
