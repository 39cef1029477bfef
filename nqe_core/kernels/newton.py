"""The end of a quench: Newton's method on the potential energy, each step found by conjugate gradients on M.

A product with M costs less than the forces, and its bonds are those within the cutoff alone, without the list's skin.
Newton's method is only for places that belong to one minimum beyond doubt. In large systems some particles still have
to leave a saddle when the typical force is small already: there M has directions of negative curvature, which
conjugate gradients find, and the way down from there is left to others.
"""

import numpy as np

from nqe_core.kernels.bond_rows import Rows, inverse_blocks
from nqe_core.kernels.disk_cache import njit
from nqe_core.kernels.dynamics import build, moved_too_far
from nqe_core.kernels.forces import force_scratch, pair_forces
from nqe_core.kernels.lanes import width
from nqe_core.kernels.linear_solver import solve
from nqe_core.kernels.neighbors import ONE
from nqe_core.kernels.pair_potential import phi1, phi2

MOST_STEPS = 30
MOST_PRODUCTS = 5000  # for one step; the largest boxes of Table I need 700
ROUGH = 0.1  # residual of a step relative to the forces, at first
SHARPENING = 10.0  # the residual relative to the typical force itself: steps converge faster than linearly
BEYOND = 0.3  # of the target: no step is solved for better than that
LEAST_GAIN = 0.5  # of the energy that the parabola promises


@njit(cache=True, fastmath=True, error_model="numpy")
def bond_rows(x, start, partner, inverse_lambda2, box, potential, rows):
    """Fill the rows with the pairs of a list that interact; g' and g'' alone. Returns how many there are."""
    d, w = np.uint64(len(box)), width(box)
    L = box[0]
    used = np.uint64(0)
    rows.start[0] = 0
    for i in range(np.uint64(start.size) - ONE):
        for k in range(np.uint64(start[i]), np.uint64(start[i + ONE])):
            j = np.uint64(partner[k])
            s = 0.0
            for a in range(d):
                t = x[i * d + a] - x[j * d + a]
                t -= L * np.rint(t / L)
                # overwritten by the next pair when this one is out of reach
                rows.vectors[used * w + a] = t
                s += t * t
            scale = inverse_lambda2[k]
            y = s * scale
            if y < potential[0]:
                rows.partner[used] = partner[k]
                rows.g1[used] = scale * phi1(y, scale, potential)
                rows.g2[used] = scale * scale * phi2(y, scale, potential)
                used += ONE
        rows.start[i + ONE] = used
    return used


@njit(cache=True, fastmath=True, error_model="numpy")
def newton_descent(x, v, diameters, identity, box, potential, nonadditivity, skin, target):
    """Newton steps on U until the target is met; without a change when the minimum is in doubt on the way there.

    It is when M has a direction of negative curvature, and when a step does not gain what the parabola promises or goes
    further than that can be believed. Gains are judged by the forces at a step's ends: energies are level at this depth.

    Parameters
    ----------
    x : ndarray, shape=(N*d,)
        Positions, changed and re-sorted in place.
    v, diameters, identity : ndarray
        Re-sorted along; the velocities are for who goes on from here.
    target : float
        For sqrt(sum f_i^2 / N).

    Returns
    -------
    made : int
        Evaluations of the forces and products with M.
    gradient : float
        sqrt(sum f_i^2 / N) where it has come to, or was when it gave up.
    reached : bool

    Raises
    ------
    ArithmeticError
        As of `build`.
    """
    d = len(box)
    size = x.size
    n = size // d
    cutoff = np.sqrt(potential[0])
    start, partner, inverse_lambda2, x_built = build(x, v, diameters, identity, box, cutoff, nonadditivity, skin)
    pairs = partner.size
    w = np.int64(width(box))
    unused = np.empty(0)
    room = Rows(np.empty(n + 1, np.uint32), np.empty(pairs, np.uint32), np.zeros(pairs * w), np.empty(pairs),
                np.empty(pairs), unused, unused)  # fmt: skip
    scratch = force_scratch(box, diameters.size)
    f, f_old = np.empty(size), np.empty(size)
    pair_forces(x, start, partner, inverse_lambda2, box, potential, f, scratch)
    gradient = np.sqrt((f * f).sum() / n)
    made = 1
    for _ in range(MOST_STEPS):
        if gradient <= target:
            return made, gradient, True
        used = bond_rows(x, start, partner, inverse_lambda2, box, potential, room)
        rows = Rows(room.start, room.partner[:used], room.vectors[: used * w], room.g1[:used], room.g2[:used], unused,
                    unused)  # fmt: skip
        tolerance = max(min(ROUGH, SHARPENING * gradient), BEYOND * target / gradient)
        p, products = solve(rows, inverse_blocks(rows, box), f, tolerance, MOST_PRODUCTS, box)
        if not 0 < products < MOST_PRODUCTS:
            break
        made += products
        x += p
        if moved_too_far(x, x_built, box, skin):
            break
        f_old[:] = f
        pair_forces(x, start, partner, inverse_lambda2, box, potential, f, scratch)
        made += 1
        # energy gained by the trapezoid rule: exact for a parabola, at whose end forces vanish, and blind to U's rounding
        promised = 0.5 * (f_old * p).sum()
        gained = promised + 0.5 * (f * p).sum()
        if not gained > LEAST_GAIN * promised:
            break
        gradient = np.sqrt((f * f).sum() / n)
    x[:] = x_built
    return made, gradient, False
