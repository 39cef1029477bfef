"""The end of a quench: L-BFGS on the potential energy, once the basin is decided."""

import numpy as np
from numba import njit

from nqe_core.kernels.dynamics import build, moved_too_far
from nqe_core.kernels.forces import force_scratch, pair_forces
from nqe_core.kernels.lbfgs import first_loop, second_loop

MEMORY = 7  # longer ones save evaluations, but not time
FIRST_SCALE = 1.0 / 400.0  # step per gradient before any curvature is known; lambda_max is about 1200
LONGEST_MOVE = 0.05  # of any component: the quadratic model is not believed further out
BACKTRACKS = 8
LEAST_GAIN = 0.02  # of the energy that the slope at the start promises


@njit(cache=True, fastmath=True, error_model="numpy")
def lbfgs_block(x, diameters, identity, box, potential, nonadditivity, skin, evaluations, target):
    """Up to `evaluations` L-BFGS steps on U, judged by gradients alone (energies are level at this depth).

    Returns
    -------
    made : int
        Force evaluations.
    gradient : float
        sqrt(sum f_i^2 / N).
    failed : bool
        No step along the direction gained energy; x is where the last step left it.
    """
    d = len(box)
    size = x.size
    n = size // d
    cutoff = np.sqrt(potential[0])
    start, partner, inverse_lambda2, x_built = build(
        x, np.zeros(size), diameters, identity, box, cutoff, nonadditivity, diameters.max(), skin
    )
    scratch = force_scratch(box, diameters.size)
    f, f_old, p = np.empty(size), np.empty(size), np.empty(size)
    steps, changes = np.empty((MEMORY, size)), np.empty((MEMORY, size))
    rho, alpha = np.zeros(MEMORY), np.zeros(MEMORY)
    stored, newest = 0, -1
    pair_forces(x, start, partner, inverse_lambda2, box, potential, f, scratch)
    gradient = np.sqrt((f * f).sum() / n)
    scale = FIRST_SCALE
    made = 1
    while made < evaluations and gradient > target:
        p[:] = f
        first_loop(steps, changes, rho, alpha, stored, newest, p)
        p *= scale
        second_loop(steps, changes, rho, alpha, stored, newest, p)
        longest = np.abs(p).max()
        if longest > LONGEST_MOVE:
            p *= LONGEST_MOVE / longest
        f_old[:] = f
        slope_old = (f_old * p).sum()
        for _ in range(BACKTRACKS):
            x += p
            pair_forces(x, start, partner, inverse_lambda2, box, potential, f, scratch)
            made += 1
            slope = (f * p).sum()
            # energy gained by the trapezoid rule: exact for a parabola, and blind to the rounding of U
            if slope_old + slope > LEAST_GAIN * slope_old:
                break
            x -= p
            shrink = max(0.1, slope_old / (slope_old - slope))
            p *= shrink
            slope_old *= shrink
        else:
            return made, gradient, True
        gradient = np.sqrt((f * f).sum() / n)
        f_old -= f
        sy = (p * f_old).sum()
        if moved_too_far(x, x_built, box, skin) or not np.isfinite(gradient):
            return made, gradient, False
        if sy <= 0.0:
            # negative curvature along the step: what was learned does not describe this place
            stored, scale = 0, FIRST_SCALE
            continue
        newest = (newest + 1) % MEMORY
        steps[newest] = p
        changes[newest] = f_old
        rho[newest] = 1.0 / sy
        stored = min(stored + 1, MEMORY)
        scale = sy / (f_old * f_old).sum()
    return made, gradient, False
