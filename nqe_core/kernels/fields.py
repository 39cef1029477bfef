"""Translation and norm of displacement fields, stored flat, (N*d,)."""

import numpy as np

from nqe_core.kernels.disk_cache import njit


@njit(cache=True, fastmath=True, error_model="numpy", inline="always")
def subtract_mean(z, box):
    """Remove the uniform translation, in place."""
    d = np.uint64(len(box))
    n = np.uint64(z.size) // d
    for a in range(d):
        s = 0.0
        for i in range(n):
            s += z[i * d + a]
        s /= n
        for i in range(n):
            z[i * d + a] -= s


@njit(cache=True, fastmath=True, error_model="numpy", inline="always")
def to_sphere(z, box):
    """Remove the translation and scale to unit norm, in place."""
    d = np.uint64(len(box))
    n = np.uint64(z.size) // d
    mean = np.zeros(len(box))
    for i in range(n):
        for a in range(d):
            mean[a] += z[i * d + a]
    s = 0.0
    for a in range(d):
        mean[a] /= n
    for i in range(n):
        for a in range(d):
            z[i * d + a] -= mean[a]
            s += z[i * d + a] * z[i * d + a]
    s = 1.0 / np.sqrt(s)
    for k in range(z.size):
        z[k] *= s
