"""L-BFGS on the unit sphere for ln E4, ln E3 and ln C, compiled as a whole.

Step by step what `sphere_minimizer.lbfgs` does with any objective and metric; here are the three functions over bond rows,
and a polynomial of M and its inverse diagonal blocks as the metric.
"""

from collections import namedtuple

import numpy as np

from nqe_core.kernels.bond_rows import (
    add_product_of_lanes,
    cubic_field,
    cubic_scalars,
    pair_spread_field,
    pair_spread_scalars,
    quartic_field,
    quartic_scalars,
    work_space,
)
from nqe_core.kernels.disk_cache import njit
from nqe_core.kernels.fields import to_sphere
from nqe_core.kernels.lanes import load, pack, store, unpack, width, zero

QUARTIC, CUBIC, PSEUDOHARMONIC = 4, 3, 2
# inverse diagonal blocks of M, (N*d*d,); degree of the polynomial, and the part of the spectrum of both that it inverts
Metric = namedtuple("Metric", "blocks degree low high")
# an energy may be infinite and is compared with what is not: of fast arithmetic only what keeps that
FAST = {"reassoc", "contract", "arcp", "nsz"}


@njit(cache=True, fastmath=FAST, error_model="numpy", inline="always")
def _energy(kind, rows, z, work, box):
    """ln E (ln C) at z, and kappa and chi, tau or D, which `_gradient` needs."""
    if kind == QUARTIC:
        kappa, other = quartic_scalars(rows, z, work, box)
        value = 2.0 * np.log(kappa) - np.log(other) if kappa > 0.0 and other > 0.0 else np.inf
    elif kind == PSEUDOHARMONIC:
        kappa, other = pair_spread_scalars(rows, z, work, box)
        value = 2.0 * np.log(kappa) - np.log(other) if kappa > 0.0 and other > 0.0 else np.inf
    else:
        kappa, other = cubic_scalars(rows, z, work, box)
        value = 3.0 * np.log(kappa) - 2.0 * np.log(abs(other)) if kappa > 0.0 and other != 0.0 else np.inf
    return value, kappa, other


@njit(cache=True, fastmath=FAST, error_model="numpy", inline="always")
def _gradient(kind, rows, kappa, other, out, work, box):
    """grad ln E at the z of `_energy`."""
    if kind == QUARTIC:
        quartic_field(rows, 4.0 / kappa, -4.0 / other, out, work, box)
    elif kind == PSEUDOHARMONIC:
        pair_spread_field(rows, 4.0 / kappa, -4.0 / other, out, work, box)
    else:
        cubic_field(rows, 6.0 / kappa, -6.0 / other, out, work, box)


@njit(cache=True, fastmath=FAST, error_model="numpy", inline="always")
def _dot(a, b):
    s = 0.0
    for k in range(a.size):
        s += a[k] * b[k]
    return s


@njit(cache=True, fastmath=FAST, error_model="numpy", inline="always")
def direction(steps, changes, images, rho, alpha, stored, newest, scale, g, image, p):
    """p = H g by the two-loop recursion; P acts on g minus a sum of changes, all of whose images are known."""
    m, n = steps.shape
    q = g.copy()
    p[:] = image
    for back in range(stored):
        k = (newest - back) % m
        s = 0.0
        for c in range(n):
            s += steps[k, c] * q[c]
        alpha[k] = rho[k] * s
        for c in range(n):
            q[c] -= alpha[k] * changes[k, c]
            p[c] -= alpha[k] * images[k, c]
    for c in range(n):
        p[c] *= scale
    for back in range(stored - 1, -1, -1):
        k = (newest - back) % m
        s = 0.0
        for c in range(n):
            s += changes[k, c] * p[c]
        for c in range(n):
            p[c] += (alpha[k] - rho[k] * s) * steps[k, c]


@njit(cache=True, fastmath=FAST, error_model="numpy", inline="always")
def _columns(blocks, box):
    """The columns of the blocks in rows for lanes, (N*d*width,)."""
    d, w = np.uint64(len(box)), width(box)
    columns = np.zeros(np.uint64(blocks.size) // d * w)
    for i in range(np.uint64(blocks.size) // (d * d)):
        for a in range(d):
            for b in range(d):
                columns[(i * d + b) * w + a] = blocks[(i * d + a) * d + b]
    return columns


@njit(cache=True, fastmath=FAST, error_model="numpy", inline="always")
def _precondition(rows, metric, columns, g, out, space, box):
    """out = P g, with P an approximation of M^+: some steps of the Chebyshev iteration for M out = g.

    A polynomial of fixed degree in M and its diagonal blocks (Saad, Iterative Methods for Sparse Linear Systems,
    Algorithm 12.1), so P is symmetric and the same for all g.
    """
    d, w = np.uint64(len(box)), width(box)
    r, direction, solution = space
    theta, delta = 0.5 * (metric.high + metric.low), 0.5 * (metric.high - metric.low)
    rho = delta / theta
    keep, take = 0.0, 1.0 / theta
    pack(g, r, box)
    direction[:] = 0.0
    solution[:] = 0.0
    for step in range(metric.degree):
        if step > 0:
            add_product_of_lanes(rows, -1.0, direction, r, box)
            rho_old, rho = rho, 1.0 / (2.0 * theta / delta - rho)
            keep, take = rho * rho_old, 2.0 * rho / delta
        for i in range(np.uint64(g.size) // d):
            s = zero(box)
            for b in range(d):
                s += load(columns, (i * d + b) * w, box) * r[i * w + b]
            s = load(direction, i * w, box) * keep + s * take
            store(direction, i * w, s)
            store(solution, i * w, load(solution, i * w, box) + s)
    unpack(solution, out, box)


@njit(cache=True, fastmath=FAST, error_model="numpy")
def minimize(rows, kind, start, metric, tolerance, max_iterations, memory, rules, rounding, box):
    """Limited-memory BFGS from `start`.

    Parameters
    ----------
    rows : Rows
    kind : {QUARTIC, CUBIC, PSEUDOHARMONIC}
    start : ndarray, shape=(N*d,)
        On the sphere, particles in the order of `rows`.
    metric : Metric
    tolerance : float
        On the norm of the gradient.
    max_iterations, memory : int
    rules : tuple
        (first rotation, longest rotation, sufficient decrease, curvature, level, backtracks) of `sphere_minimizer`.
    rounding : float
        Error of ln E times kappa.

    Returns
    -------
    z : ndarray, shape=(N*d,)
    value, norm : float
        ln E and the norm of its gradient there.
    iterations, evaluations : int
    """
    first_rotation, longest_rotation, sufficient_decrease, curvature_rule, level, backtracks = rules
    n = start.size
    work, columns = work_space(rows, box), _columns(metric.blocks, box)
    space = (np.empty_like(work.z), np.empty_like(work.z), np.empty_like(work.z))
    # pairs of steps and changes of the gradient, and P times the latter
    steps, changes, images = np.empty((memory, n)), np.empty((memory, n)), np.empty((memory, n))
    rho, alpha = np.zeros(memory), np.zeros(memory)
    stored, newest, scale = 0, -1, 1.0
    z, z_new, g, g_new = start.copy(), start.copy(), np.empty(n), np.empty(n)
    image, image_new, p = np.empty(n), np.empty(n), np.zeros(n)
    value, norm, slope, step = np.inf, np.inf, -1.0, 0.0
    evaluations, iteration = 0, 0
    while True:
        # the first time with a step of zero: the start is evaluated
        accepted = False
        for _ in range(backtracks):
            for k in range(n):
                z_new[k] = z[k] + step * p[k]
            to_sphere(z_new, box)
            value_new, kappa, other = _energy(kind, rows, z_new, work, box)
            evaluations += 1
            enough = value_new <= value + sufficient_decrease * step * slope
            same = np.isfinite(value_new) and abs(value_new - value) <= max(level, rounding / kappa)
            if enough or same:
                _gradient(kind, rows, kappa, other, g_new, work, box)
                accepted = enough or abs(_dot(g_new, p)) <= curvature_rule * abs(slope)
                if accepted:
                    break
            # minimum of the parabola through both values and the slope, kept inside a safe bracket
            rise = value_new - value - step * slope
            ideal = -0.5 * slope * step * step / rise if np.isfinite(rise) and rise > 0.0 else 0.0
            step = min(max(ideal, 0.1 * step), 0.5 * step)
        if accepted:
            if not np.isfinite(value_new):
                return z, value_new, np.inf, iteration, evaluations
            _precondition(rows, metric, columns, g_new, image_new, space, box)
            if iteration > 0:
                place = (newest + 1) % memory
                for k in range(n):
                    steps[place, k] = z_new[k] - z[k]
                    changes[place, k] = g_new[k] - g[k]
                    images[place, k] = image_new[k] - image[k]
                curvature = _dot(steps[place], changes[place])
                if curvature > 0.0:
                    newest, rho[place] = place, 1.0 / curvature
                    stored = min(stored + 1, memory)
                    scale = curvature / _dot(changes[place], images[place])
                else:
                    # the oldest pair's place was written over
                    stored = min(stored, memory - 1)
            value = value_new
            z, z_new, g, g_new, image, image_new = z_new, z, g_new, g, image_new, image
            norm = np.sqrt(_dot(g, g))
        elif stored == 0:
            break
        else:
            stored = 0
        while True:
            if norm <= tolerance or iteration >= max_iterations:
                return z, value, norm, iteration, evaluations
            iteration += 1
            direction(steps, changes, images, rho, alpha, stored, newest, scale, g, image, p)
            if stored == 0:
                factor = first_rotation / np.sqrt(_dot(p, p))
                for k in range(n):
                    p[k] *= factor
            along = _dot(p, z)
            for k in range(n):
                p[k] = along * z[k] - p[k]
            slope = _dot(g, p)
            if slope < 0.0:
                break
            if stored == 0:
                return z, value, norm, iteration, evaluations
            stored = 0
        step = min(1.0, longest_rotation / np.sqrt(_dot(p, p)))
    return z, value, norm, iteration, evaluations
