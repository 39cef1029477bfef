"""Forces, energy and virial over a half Verlet list."""

import numpy as np
from numba import njit

from nqe_core.kernels.neighbors import ONE
from nqe_core.kernels.pair_potential import phi, phi1

# Pairs handled at a time: their separations stay in the first-level cache. A constant, since the compiler only
# vectorises a flat scratch array whose component offset it knows.
CAPACITY = np.uint64(2048)
ROWS = np.uint64(32)


@njit(cache=True, error_model="numpy")
def force_scratch(box):
    """Work space of `pair_forces`."""
    return np.empty(np.uint64(len(box)) * CAPACITY)


@njit(cache=True, fastmath=True, error_model="numpy", inline="always")
def pair_forces(x, start, partner, inverse_lambda2, box, potential, f, scratch):
    """Forces on all particles, f_i = -dU/dx_i.

    Blocks of pairs go through three phases: gather separations, turn them into forces (the phase that the compiler
    vectorises), scatter to both particles.

    Parameters
    ----------
    x : ndarray, shape=(N*d,)
    start, partner, inverse_lambda2
        From `neighbors.half_list`.
    box : tuple of d floats
    potential : ndarray, shape=(5,)
    f : ndarray, shape=(N*d,)
        Overwritten with the forces.
    scratch : ndarray
        From `force_scratch`.
    """
    d = np.uint64(len(box))
    n = np.uint64(start.size) - ONE
    L = box[0]
    per_L = 1.0 / L
    cutoff2 = potential[0]
    for k in range(n * d):
        f[k] = 0.0
    low = np.uint64(0)
    while low < n:
        base = np.uint64(start[low])
        high = low + ONE
        while high < n and high - low < ROWS and np.uint64(start[high + ONE]) - base <= CAPACITY:
            high += ONE
        m = np.uint64(start[high]) - base
        for a in range(d):
            for i in range(low, high):
                x_i = x[i * d + a]
                for k in range(np.uint64(start[i]) - base, np.uint64(start[i + ONE]) - base):
                    scratch[a * CAPACITY + k] = x_i - x[np.uint64(partner[base + k]) * d + a]
        for k in range(m):
            s = 0.0
            for a in range(d):
                t = scratch[a * CAPACITY + k]
                t -= L * np.rint(t * per_L)
                scratch[a * CAPACITY + k] = t
                s += t * t
            w = inverse_lambda2[base + k]
            y = s * w
            g = -2.0 * w * phi1(y, potential)
            g = g if y < cutoff2 else 0.0
            for a in range(d):
                scratch[a * CAPACITY + k] *= g
        for a in range(d):
            for i in range(low, high):
                total = 0.0
                for k in range(np.uint64(start[i]) - base, np.uint64(start[i + ONE]) - base):
                    t = scratch[a * CAPACITY + k]
                    total += t
                    f[np.uint64(partner[base + k]) * d + a] -= t
                f[i * d + a] += total
        low = high


@njit(cache=True, error_model="numpy")
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
                g1 = w * phi1(y, potential)
                energy += phi(y, potential)
                virial -= 2.0 * g1 * s
                force2 += 4.0 * g1 * g1 * s
    return energy, virial, force2
