"""Minimise a scale-invariant function of a displacement field on the unit sphere.

The minimiser does not know what it minimises: an objective gives a value and a tangent gradient, a preconditioner
gives a metric. Two methods: L-BFGS with backtracking (the default), and a conjugate gradient whose line search finds
the zero of the slope by gradients alone, after MacKay's macopt, which the paper used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from nqe_core.kernels.lbfgs import first_loop, second_loop

MEMORY = 10
LONGEST_ROTATION = 0.3  # norm of one step on the unit sphere, before anything is known of the basin's width
SUFFICIENT_DECREASE = 1e-4
CURVATURE = 0.9
LEVEL = 1e-11  # values closer than this are equal for a float64 logarithm; the slope then decides alone
BACKTRACKS = 25

# MacKay's macopt: a step is kept if the slope changes sign within it, else it grows by the first factor (moving
# forward) or shrinks by the second (moving back)
MACOPT_FORWARD, MACOPT_BACK, MACOPT_TRIES = 2.0, 0.25, 30
MACOPT_FIRST_STEP = 0.01


class Objective(Protocol):
    """A function on the sphere; `z` is flat, of unit norm and without translation."""

    def value(self, z: np.ndarray) -> float:
        """The function at z; inf where it is not defined."""

    def gradient(self, z: np.ndarray) -> np.ndarray:
        """Its gradient, tangent to the sphere, at the z of the last call of `value`."""

    def project(self, z: np.ndarray) -> np.ndarray:
        """Back to the sphere: the field that stands for the same direction."""


@dataclass(frozen=True)
class SphereMinimum:
    """Where a minimisation ended.

    Parameters
    ----------
    point : ndarray, shape=(N*d,)
    value : float
    gradient_norm : float
    iterations, evaluations : int
    converged : bool
        The gradient's norm is at most what was asked for.
    """

    point: np.ndarray
    value: float
    gradient_norm: float
    iterations: int
    evaluations: int
    converged: bool


def lbfgs(
    objective: Objective,
    start: np.ndarray,
    precondition: Callable[[np.ndarray], np.ndarray],
    tolerance: float,
    max_iterations: int,
) -> SphereMinimum:
    """Limited-memory BFGS with a preconditioner as its initial metric.

    Parameters
    ----------
    objective : Objective
    start : ndarray, shape=(N*d,)
        Unit norm, no translation.
    precondition : callable
        g -> P g, an approximation of the inverse Hessian up to a factor.
    tolerance : float
        On the norm of the gradient.
    """
    n = start.size
    steps, changes = np.empty((MEMORY, n)), np.empty((MEMORY, n))
    rho, alpha = np.zeros(MEMORY), np.zeros(MEMORY)
    stored, newest, scale = 0, -1, 0.0
    z = start
    value = objective.value(z)
    if not np.isfinite(value):
        return SphereMinimum(z, value, np.inf, 0, 1, False)
    g = objective.gradient(z)
    norm, evaluations, iteration = float(np.linalg.norm(g)), 1, 0
    while norm > tolerance and iteration < max_iterations:
        iteration += 1
        p = g.copy()
        first_loop(steps, changes, rho, alpha, stored, newest, p)
        p = precondition(p)
        p *= -(scale if stored else 0.1 / np.linalg.norm(p))
        if stored:
            p *= -1.0
            second_loop(steps, changes, rho, alpha, stored, newest, p)
            p *= -1.0
        p -= (p @ z) * z
        slope = float(g @ p)
        length = float(np.linalg.norm(p))
        if slope >= 0.0:
            if stored == 0:
                break
            stored = 0
            continue
        first = min(1.0, LONGEST_ROTATION / length)
        accepted, made = _backtrack(objective, z, p, value, slope, first)
        evaluations += made
        if accepted is None:
            if stored == 0:
                break
            stored = 0
            continue
        z_new, value, g_new = accepted
        step, change = z_new - z, g_new - g
        curvature = float(step @ change)
        if curvature > 0.0:
            newest = (newest + 1) % MEMORY
            steps[newest], changes[newest], rho[newest] = step, change, 1.0 / curvature
            stored = min(stored + 1, MEMORY)
            scale = curvature / float(change @ precondition(change))
        z, g = z_new, g_new
        norm = float(np.linalg.norm(g))
    return SphereMinimum(z, value, norm, iteration, evaluations, norm <= tolerance)


def _backtrack(objective, z, p, value, slope, step):
    """Shorten the step until it gains enough; returns ((z, value, gradient) or None, evaluations)."""
    for trial in range(1, BACKTRACKS + 1):
        z_new = objective.project(z + step * p)
        value_new = objective.value(z_new)
        if value_new <= value + SUFFICIENT_DECREASE * step * slope:
            return (z_new, value_new, objective.gradient(z_new)), trial
        if abs(value_new - value) <= LEVEL:
            g_new = objective.gradient(z_new)
            if abs(g_new @ p) <= CURVATURE * abs(slope):
                return (z_new, value_new, g_new), trial
        # minimum of the parabola through both values and the slope, kept inside a safe bracket
        rise = value_new - value - step * slope
        ideal = -0.5 * slope * step * step / rise if np.isfinite(rise) and rise > 0 else 0.0
        step = min(max(ideal, 0.1 * step), 0.5 * step)
    return None, BACKTRACKS


def macopt(objective: Objective, start: np.ndarray, tolerance: float, max_iterations: int) -> SphereMinimum:
    """Polak-Ribiere conjugate gradient with the variable kept normalised (Appendix B of the paper).

    The line search brackets the zero of the slope and interpolates linearly, without ever looking at values, as
    MacKay's macopt does.
    """
    z = start
    value = objective.value(z)
    if not np.isfinite(value):
        return SphereMinimum(z, value, np.inf, 0, 1, False)
    g = objective.gradient(z)
    h = p = -g
    evaluations, last_step = 1, MACOPT_FIRST_STEP
    norm, iteration = float(np.linalg.norm(g)), 0
    while norm > tolerance and iteration < max_iterations:
        iteration += 1
        if p @ g >= 0.0:
            p = h = -g
        z, moved, made = _zero_slope(objective, z, p, last_step / norm)
        evaluations += made
        last_step = max(moved * norm, 1e-300)
        value = objective.value(z)
        g_new = objective.gradient(z)
        evaluations += 1
        if not np.isfinite(value) or moved == 0.0:
            break
        beta = max(0.0, float((g_new - g) @ g_new) / (norm * norm))
        h = -g_new + beta * h
        p = h - (h @ z) * z
        g, norm = g_new, float(np.linalg.norm(g_new))
    return SphereMinimum(z, value, norm, iteration, evaluations, norm <= tolerance)


def _zero_slope(objective, z, p, step):
    """Where the slope along p vanishes: bracket by growing or shrinking the step, then interpolate once."""

    def slope(s: float) -> float:
        point = objective.project(z + s * p)
        return float(objective.gradient(point) @ p) if np.isfinite(objective.value(point)) else np.inf

    step = min(step, LONGEST_ROTATION / float(np.linalg.norm(p)))
    here = slope(step)
    low, low_slope, high, high_slope = 0.0, 0.0, step, here
    made = 1
    while made < MACOPT_TRIES:
        if here < 0.0:
            low, low_slope = step, here
            step *= MACOPT_FORWARD
        else:
            high, high_slope = step, here
            if low_slope < 0.0:
                break
            step *= MACOPT_BACK
        here = slope(step)
        made += 1
        if (here < 0.0) != (high_slope < 0.0) or (low_slope < 0.0 <= here):
            if here < 0.0:
                low, low_slope = step, here
            else:
                high, high_slope = step, here
            break
    if not (low_slope < 0.0 <= high_slope) or not np.isfinite(high_slope):
        chosen = low
    else:
        chosen = low + (high - low) * (-low_slope) / (high_slope - low_slope)
    return objective.project(z + chosen * p), chosen, made
