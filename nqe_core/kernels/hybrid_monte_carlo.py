"""Hybrid Monte Carlo: collective displacements along trajectories of molecular dynamics, accepted as a whole.

S. Duane et al., Phys. Lett. B 195, 216 (1987): fresh Maxwell-Boltzmann velocities, a stretch of dynamics, and a
Metropolis test on the total energy. The dynamics is the minimum-norm integrator of second order with two forces a step
(I. P. Omelyan, I. M. Mryglod and R. Folk, Comput. Phys. Commun. 151, 272 (2003)): with as many forces and short steps its
energy errors are a third of velocity Verlet's. It is reversible and preserves phase-space
volume, so the test makes the sampling exact whatever the time step; a long step only costs acceptance.
"""

import numpy as np

from nqe_core.kernels.disk_cache import njit
from nqe_core.kernels.dynamics import build, moved_too_far
from nqe_core.kernels.forces import force_scratch, pair_forces, pair_sums
from nqe_core.kernels.monte_carlo import ENERGY, FARTHEST, HUGE, STEP, doubtful, settle, swap
from nqe_core.kernels.monte_carlo_lists import list_wide
from nqe_core.kernels.pair_potential import phi

# share of a step that positions drift before its first force, and after its second
DRIFT = 0.1931833275037836


@njit(cache=True, fastmath=True, error_model="numpy")
def advance(x, v, dt):
    """x += v dt: a drift; with velocities and forces, at unit mass, a kick."""
    for k in range(np.uint64(x.size)):
        x[k] += dt * v[k]


@njit(cache=True, fastmath=False, error_model="numpy")
def hardest_pair(x, start, partner, inverse_lambda2, box, potential):
    """The largest pair energy; `HUGE` when it is not a number."""
    d = np.uint64(len(box))
    hardest = 0.0
    for i in range(np.uint64(start.size) - np.uint64(1)):
        for k in range(np.uint64(start[i]), np.uint64(start[i + np.uint64(1)])):
            s = 0.0
            for a in range(d):
                t = x[i * d + a] - x[np.uint64(partner[k]) * d + a]
                t -= box[a] * np.rint(t / box[a])
                s += t * t
            w = inverse_lambda2[k]
            if s * w < potential[0]:
                energy = phi(s * w, w, potential)
                hardest = max(hardest, energy if energy < HUGE else HUGE)
    return hardest


@njit(cache=True, fastmath=False, error_model="numpy")
def trajectory(position, diameters, box, potential, nonadditivity, skin, energy, temperature, steps, dt, noise, chance):
    """`steps` time steps, of two forces each, from random velocities, kept or not.

    Parameters
    ----------
    position : ndarray, shape=(N*d,)
        Replaced by the end of the trajectory, inside the box, when it is accepted.
    energy : float
        U at `position`, which has no overlap: its rounding must be small against T.
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

    Raises
    ------
    ArithmeticError
        As of `build`.
    """
    d = np.uint64(len(box))
    cutoff = np.sqrt(potential[0])
    # the list builder re-sorts everything in place: work on copies
    x, size, v = position.copy(), diameters.copy(), np.sqrt(temperature) * noise
    identity = np.arange(diameters.size).astype(np.uint32)
    start, partner, inverse_lambda2, built = build(x, v, size, identity, box, cutoff, nonadditivity, skin)
    f, scratch = np.empty(x.size), force_scratch(box, diameters.size)
    before = energy + 0.5 * np.sum(v * v)
    advance(x, v, DRIFT * dt)
    for force in range(2 * steps):
        if moved_too_far(x, built, box, skin):
            start, partner, inverse_lambda2, built = build(x, v, size, identity, box, cutoff, nonadditivity, skin)
        pair_forces(x, start, partner, inverse_lambda2, box, potential, f, scratch)
        advance(v, f, 0.5 * dt)
        if force % 2 == 0:
            advance(x, v, (1.0 - 2.0 * DRIFT) * dt)
        elif force < 2 * steps - 1:
            advance(x, v, 2.0 * DRIFT * dt)
    advance(x, v, DRIFT * dt)
    if moved_too_far(x, built, box, skin):
        start, partner, inverse_lambda2, built = build(x, v, size, identity, box, cutoff, nonadditivity, skin)
    after = pair_sums(x, start, partner, inverse_lambda2, box, potential)[0]
    change = after + 0.5 * np.sum(v * v) - before
    probability = 1.0 if change <= 0.0 else np.exp(-change / temperature)
    # a diverged trajectory is not a number and fails the comparison
    if not chance < probability:
        return False, probability if probability >= 0.0 else 0.0, energy
    for i in range(np.uint64(identity.size)):
        for a in range(d):
            position[np.uint64(identity[i]) * d + a] = x[i * d + a]
    return True, probability, after


@njit(cache=True, fastmath=False, error_model="numpy")
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
    # ... so that what is recorded, and what the next trajectory starts from, is the energy
    if doubtful(progress, walker.diameters.size, temperature):
        lists = list_wide(walker.x, box, largest_range, lists)
        settle(walker, progress, lists, box, potential, nonadditivity, temperature)
    progress[FARTHEST] = HUGE
    return lists, moved, probability, exchanged
