"""Hybrid Monte Carlo: collective displacements along trajectories of molecular dynamics, accepted as a whole.

S. Duane et al., Phys. Lett. B 195, 216 (1987): fresh Maxwell-Boltzmann velocities, a stretch of velocity Verlet, and a
Metropolis test on the total energy. Velocity Verlet is reversible and preserves phase-space volume, so the test makes
the sampling exact whatever the time step; a long step only costs acceptance.
"""

import numpy as np
from numba import njit

from nqe_core.kernels.dynamics import build, moved_too_far
from nqe_core.kernels.forces import force_scratch, pair_forces, pair_sums
from nqe_core.kernels.monte_carlo import ENERGY, FARTHEST, HUGE, STEP, swap
from nqe_core.kernels.monte_carlo_lists import list_wide


@njit(cache=True, fastmath=True, error_model="numpy")
def half_kick(v, f, dt):
    """v += f dt / 2, at unit mass; returns the kinetic energy after it."""
    kinetic = 0.0
    for k in range(np.uint64(v.size)):
        v[k] += 0.5 * dt * f[k]
        kinetic += v[k] * v[k]
    return 0.5 * kinetic


@njit(cache=True, error_model="numpy")
def trajectory(position, diameters, box, potential, nonadditivity, skin, energy, temperature, steps, dt, noise, chance):
    """`steps` of velocity Verlet from random velocities, kept or not.

    Parameters
    ----------
    position : ndarray, shape=(N*d,)
        Replaced by the end of the trajectory, inside the box, when it is accepted.
    energy : float
        U at `position`.
    noise : ndarray, shape=(N*d,)
        Standard normal numbers: the velocities in units of sqrt(T).
    chance : float
        Uniform in [0, 1).

    Returns
    -------
    accepted : bool
    probability : float
        That of being accepted.
    energy : float
        U of what `position` is now.
    """
    d = np.uint64(len(box))
    cutoff = np.sqrt(potential[0])
    # the list builder re-sorts everything in place: work on copies
    x, size, v = position.copy(), diameters.copy(), np.sqrt(temperature) * noise
    identity = np.arange(diameters.size).astype(np.uint32)
    start, partner, inverse_lambda2, built = build(x, v, size, identity, box, cutoff, nonadditivity, skin)
    f, scratch = np.empty(x.size), force_scratch(box, diameters.size)
    pair_forces(x, start, partner, inverse_lambda2, box, potential, f, scratch)
    before = energy + 0.5 * np.sum(v * v)
    kinetic = 0.0
    for _ in range(steps):
        half_kick(v, f, dt)
        x += dt * v
        if moved_too_far(x, built, box, skin):
            start, partner, inverse_lambda2, built = build(x, v, size, identity, box, cutoff, nonadditivity, skin)
        pair_forces(x, start, partner, inverse_lambda2, box, potential, f, scratch)
        kinetic = half_kick(v, f, dt)
    after = pair_sums(x, start, partner, inverse_lambda2, box, potential)[0]
    change = after + kinetic - before
    probability = 1.0 if change <= 0.0 else np.exp(-change / temperature)
    # a diverged trajectory is not a number and fails the comparison
    if not chance < probability:
        return False, probability if probability >= 0.0 else 0.0, energy
    for i in range(np.uint64(identity.size)):
        for a in range(d):
            position[np.uint64(identity[i]) * d + a] = x[i * d + a]
    return True, probability, after


@njit(cache=True, error_model="numpy")
def hybrid_cycle(
    walker, progress, lists, box, potential, potential_array, nonadditivity, skin, widest, largest_range, temperature,
    steps, swaps, noise, chance,
):  # fmt: skip
    """One trajectory of `steps` steps and then `swaps` attempted swaps; `progress[STEP]` is the time step.

    Returns
    -------
    lists : Lists
    moved : bool
    probability : float
    exchanged : int
    """
    moved, probability, exchanged = False, 0.0, 0
    if steps > 0:
        moved, probability, progress[ENERGY] = trajectory(
            walker.x, walker.diameters, box, potential_array, nonadditivity, skin, progress[ENERGY], temperature,
            steps, progress[STEP], noise, chance,
        )  # fmt: skip
    if swaps > 0:
        lists = list_wide(walker.x, box, largest_range, lists)
        exchanged = swap(
            walker, progress, lists, box, potential, nonadditivity, widest, largest_range, temperature, swaps
        )
    progress[FARTHEST] = HUGE
    return lists, moved, probability, exchanged
