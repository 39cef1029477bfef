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
FIRST_ROTATION = 0.1  # norm of the very first step
LONGEST_ROTATION = 0.3  # norm of any step on the unit sphere: further out the model of the basin is not believed
SUFFICIENT_DECREASE = 1e-4
CURVATURE = 0.9
# Values closer than this, or than the objective's noise, are equal for a float64 logarithm; the slope then decides alone
LEVEL = 1e-11
BACKTRACKS = 25
RULES = (FIRST_ROTATION, LONGEST_ROTATION, SUFFICIENT_DECREASE, CURVATURE, LEVEL, BACKTRACKS)  # for the compiled twin

# MacKay's macopt: the trial step grows by the first factor while the slope is downhill at its end, shrinks by the
# second while it is uphill; the next line starts from the step found, stretched; a larger beta restarts
MACOPT_FORWARD, MACOPT_BACK, MACOPT_TRIES = 2.0, 0.5, 40
MACOPT_STRETCH = 1.25
MACOPT_LARGEST_BETA = 4.0
MACOPT_FIRST_STEP = 0.01


class Objective(Protocol):
    """A function on the sphere; `z` is flat, of unit norm and without translation."""

    def value(self, z: np.ndarray) -> float:
        """The function at z; inf where it is not defined."""

    def gradient(self, z: np.ndarray) -> np.ndarray:
        """Its gradient, tangent to the sphere, at the z of the last call of `value`."""

    def noise(self) -> float:
        """How far the last value may be off by rounding."""

    def project(self, z: np.ndarray) -> np.ndarray:
        """Back to the sphere: the field that stands for the same direction."""


@dataclass(frozen=True, eq=False)
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
        p *= scale if stored else FIRST_ROTATION / np.linalg.norm(p)
        second_loop(steps, changes, rho, alpha, stored, newest, p)
        np.negative(p, out=p)
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
        place = (newest + 1) % MEMORY
        step = np.subtract(z_new, z, out=steps[place])
        change = np.subtract(g_new, g, out=changes[place])
        curvature = float(step @ change)
        if curvature > 0.0:
            newest, rho[place] = place, 1.0 / curvature
            stored = min(stored + 1, MEMORY)
            scale = curvature / float(change @ precondition(change))
        else:
            # the oldest pair's place was written over
            stored = min(stored, MEMORY - 1)
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
        if np.isfinite(value_new) and abs(value_new - value) <= max(LEVEL, objective.noise()):
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

    The line search brackets the zero of the slope without ever looking at values and interpolates position and gradient
    linearly between the two ends, as MacKay's macopt does: two evaluations an iteration.
    """
    z = objective.project(start)
    g, evaluations = _gradient(objective, z), 1
    norm, iteration, trial = float(np.linalg.norm(g)), 0, MACOPT_FIRST_STEP
    true_gradient = True
    p = -g
    while np.isfinite(norm) and iteration < max_iterations:
        if norm <= tolerance or p @ g >= 0.0:
            if true_gradient:
                if norm <= tolerance:
                    break
            else:
                # interpolated gradients steer, but only a true one may say that the search has ended
                g, true_gradient = _gradient(objective, z), True
                evaluations += 1
            norm, trial, p = float(np.linalg.norm(g)), MACOPT_FIRST_STEP, -g
            if norm <= tolerance:
                break
        iteration += 1
        moved, g_new, made = _zero_slope(objective, z, p, trial / norm)
        evaluations += made
        if g_new is None:
            break
        z = objective.project(z + moved * p)
        g_new -= (g_new @ z) * z
        trial = moved * MACOPT_STRETCH * norm
        beta = float((g_new - g) @ g_new) / (norm * norm)
        g, norm, true_gradient = g_new, float(np.linalg.norm(g_new)), False
        p = -g if beta > MACOPT_LARGEST_BETA else beta * p - g
        p -= (p @ z) * z
    value = objective.value(z)
    return SphereMinimum(z, value, norm, iteration, evaluations, bool(true_gradient and norm <= tolerance))


def _gradient(objective: Objective, z: np.ndarray) -> np.ndarray:
    """Gradient at a point on the sphere, nan where the objective is not defined."""
    return objective.gradient(z) if np.isfinite(objective.value(z)) else np.full_like(z, np.nan)


def _zero_slope(objective, z, p, x):
    """Bracket the zero of the slope along p, from the trial step x.

    Returns the step, the gradient there (None: nowhere defined), and the evaluations made.
    """
    x = min(x, LONGEST_ROTATION / float(np.linalg.norm(p)))

    def probe(step: float) -> tuple[float, np.ndarray]:
        point = objective.project(z + step * p)
        gradient = _gradient(objective, point)
        slope = float(gradient @ p)
        return (slope, gradient) if np.isfinite(slope) else (np.inf, gradient)

    s, g_x = probe(x)
    factor = MACOPT_FORWARD if s < 0.0 else MACOPT_BACK
    for made in range(2, MACOPT_TRIES):
        y = x * factor
        t, g_y = probe(y)
        if (t < 0.0) != (s < 0.0):
            if np.isinf(s) or np.isinf(t):
                # one end lies where the energy is not defined: keep the other
                return (x, g_x, made) if np.isfinite(s) else (y, g_y, made)
            weight = abs(s) / (abs(s) + abs(t))
            return weight * y + (1.0 - weight) * x, weight * g_y + (1.0 - weight) * g_x, made
        x, s, g_x = y, t, g_y
    return (x, g_x, made) if np.isfinite(s) else (0.0, None, made)
