"""Limited-memory BFGS direction: the two-loop recursion (Nocedal and Wright, Algorithm 7.4), compiled."""

import numpy as np

from nqe_core.kernels.disk_cache import njit


@njit(cache=True, fastmath=True, error_model="numpy", inline="always")
def apply_block_diagonal(blocks, g, out, box):
    """out = P g for P made of one d x d block per particle."""
    d = np.uint64(len(box))
    for i in range(np.uint64(g.size) // d):
        for a in range(d):
            s = 0.0
            for b in range(d):
                s += blocks[(i * d + a) * d + b] * g[i * d + b]
            out[i * d + a] = s


@njit(cache=True, fastmath=True, error_model="numpy", inline="always")
def first_loop(steps, changes, rho, alpha, stored, newest, q):
    """Downward sweep of the recursion, newest pair first; q is overwritten.

    Parameters
    ----------
    steps, changes : ndarray, shape=(m, n)
        s_k = x_{k+1} - x_k and y_k = g_{k+1} - g_k, a ring buffer.
    rho : ndarray, shape=(m,)
        1 / (s_k . y_k).
    alpha : ndarray, shape=(m,)
        Written, for `second_loop`.
    stored, newest : int
        Pairs in use, and the place of the newest.
    q : ndarray, shape=(n,)
        The gradient on entry.
    """
    m, n = steps.shape
    for back in range(stored):
        k = (newest - back) % m
        s = 0.0
        for c in range(n):
            s += steps[k, c] * q[c]
        alpha[k] = rho[k] * s
        for c in range(n):
            q[c] -= alpha[k] * changes[k, c]


@njit(cache=True, fastmath=True, error_model="numpy", inline="always")
def second_loop(steps, changes, rho, alpha, stored, newest, r):
    """Upward sweep, oldest pair first; r = H_0 q on entry and H g on return."""
    m, n = steps.shape
    for back in range(stored - 1, -1, -1):
        k = (newest - back) % m
        s = 0.0
        for c in range(n):
            s += changes[k, c] * r[c]
        beta = rho[k] * s
        for c in range(n):
            r[c] += (alpha[k] - beta) * steps[k, c]
