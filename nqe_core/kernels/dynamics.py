"""Time steps over all particles: FIRE's damped dynamics and velocity Verlet, with their own neighbour lists.

State lives in flat arrays that the kernels re-sort by cell at every list build, all of them together; `identity`
remembers who is who.
"""

import numpy as np

from nqe_core.kernels.disk_cache import njit
from nqe_core.kernels.forces import force_scratch, pair_forces
from nqe_core.kernels.mended_lists import add_mended_forces, build_mendable, mend
from nqe_core.kernels.neighbors import ONE

# FIRE 2.0 (Guenole et al., Comput. Mater. Sci. 175, 109584 (2020)), Table 1 of that paper; the time steps are
# measured for these models: stable below 2 / omega_max = 0.06
FIRE_GROW, FIRE_SHRINK = 1.1, 0.5
FIRE_ALPHA, FIRE_ALPHA_SHRINK = 0.25, 0.99
FIRE_DELAY = 20
LONGEST_MOVE = 0.1  # of any component in one FIRE step: a start with overlapping cores must not explode
# entries of FIRE's state vector
TIME_STEP, MIXING, STEPS_DOWNHILL = 0, 1, 2


@njit(cache=True, fastmath=False, error_model="numpy")
def build(x, v, diameters, identity, box, cutoff, nonadditivity, skin):
    """Re-sort all arrays by cell (in place) and list the pairs; returns the list and the positions it was built at.

    Raises
    ------
    ArithmeticError
        Here and in all that builds lists: when a particle has more partners than a row has room for (`half_list`).
    """
    pairs = build_mendable(x, v, diameters, identity, box, cutoff, nonadditivity, skin)
    return pairs.start, pairs.partner, pairs.inverse_lambda2, pairs.reference


@njit(cache=True, fastmath=True, error_model="numpy")
def farthest_move(x, x_built, box):
    """The longest way that a particle went since the list was built."""
    d = np.uint64(len(box))
    farthest2 = 0.0
    for i in range(np.uint64(x.size) // d):
        s = 0.0
        for a in range(d):
            t = x[i * d + a] - x_built[i * d + a]
            s += t * t
        farthest2 = max(farthest2, s)
    return np.sqrt(farthest2)


@njit(cache=True, fastmath=False, error_model="numpy")
def moved_too_far(x, x_built, box, skin):
    """True when some particle moved more than half the skin since the list was built."""
    # a position that is not a number compares as near: it will be found in the forces
    return farthest_move(x, x_built, box) > 0.5 * skin


@njit(cache=True, fastmath=True, error_model="numpy")
def fire_block(x, v, diameters, identity, box, potential, nonadditivity, skin, state, steps, target, longest_step):
    """Up to `steps` steps of FIRE 2.0.

    Parameters
    ----------
    x, v : ndarray, shape=(N*d,)
        Positions and velocities, changed and re-sorted in place.
    diameters, identity : ndarray, shape=(N,)
        Re-sorted along.
    skin : float
    state : ndarray, shape=(3,)
        Time step, mixing parameter and steps downhill; kept between blocks.
    target : float
        Stop when sqrt(sum f_i^2 / N) is at most this.
    longest_step : float
        Cap of the time step.

    Returns
    -------
    evaluations : int
        Force evaluations made.
    gradient : float
        sqrt(sum f_i^2 / N) at the last evaluation.
    """
    d = np.uint64(len(box))
    size = np.uint64(x.size)
    cutoff = np.sqrt(potential[0])
    pairs = build_mendable(x, v, diameters, identity, box, cutoff, nonadditivity, skin)
    scratch = force_scratch(box, diameters.size)
    f = np.empty(x.size)
    gradient = np.inf
    for step in range(steps):
        if farthest_move(x, pairs.reference, box) > 0.5 * skin and not mend(
            pairs, x, diameters, box, cutoff, nonadditivity, skin
        ):
            pairs = build_mendable(x, v, diameters, identity, box, cutoff, nonadditivity, skin)
        pair_forces(x, pairs.start, pairs.partner, pairs.inverse_lambda2, box, potential, f, scratch)
        add_mended_forces(pairs, x, box, potential, f)
        power, f2 = 0.0, 0.0
        for k in range(size):
            power += f[k] * v[k]
            f2 += f[k] * f[k]
        gradient = np.sqrt(f2 / (size // d))
        if gradient <= target:
            return step + 1, gradient
        if power > 0.0:
            state[STEPS_DOWNHILL] += 1
            if state[STEPS_DOWNHILL] > FIRE_DELAY:
                state[TIME_STEP] = min(state[TIME_STEP] * FIRE_GROW, longest_step)
                state[MIXING] *= FIRE_ALPHA_SHRINK
        else:
            state[STEPS_DOWNHILL] = 0
            state[TIME_STEP] = max(state[TIME_STEP] * FIRE_SHRINK, 0.02 * longest_step)
            state[MIXING] = FIRE_ALPHA
            # half a step back corrects the uphill motion, then the particles start from rest
            for k in range(size):
                x[k] -= 0.5 * state[TIME_STEP] * v[k]
                v[k] = 0.0
        dt = state[TIME_STEP]
        v2 = 0.0
        for k in range(size):
            v[k] += dt * f[k]
            v2 += v[k] * v[k]
        mix = state[MIXING]
        along = mix * np.sqrt(v2 / f2)
        fastest = 0.0
        for k in range(size):
            v[k] = (1.0 - mix) * v[k] + along * f[k]
            fastest = max(fastest, abs(v[k]))
        if fastest * dt > LONGEST_MOVE:
            slow_down = LONGEST_MOVE / (fastest * dt)
            for k in range(size):
                v[k] *= slow_down
        for k in range(size):
            x[k] += dt * v[k]
    return steps, gradient


@njit(cache=True, fastmath=True, error_model="numpy")
def verlet_block(
    x, v, diameters, identity, box, potential, nonadditivity, skin, steps, dt, interval, keep, kick, noise
):
    """`steps` of velocity Verlet at unit mass; arrays are changed and re-sorted in place.

    Parameters
    ----------
    interval : int
        Thermostat after every `interval` steps: v = keep v + kick noise. No thermostat without `keep`.
    keep, kick : ndarray, shape=(n_updates,)
        With keep = exp(-friction t) and kick = sqrt(T (1 - keep^2)) this is the exact Ornstein-Uhlenbeck update.
    noise : ndarray, shape=(n_updates*N*d,)
        Standard normal numbers.

    Returns
    -------
    builds : int
        Neighbour lists made.
    """
    size = np.uint64(x.size)
    cutoff = np.sqrt(potential[0])
    start, partner, inverse_lambda2, x_built = build(x, v, diameters, identity, box, cutoff, nonadditivity, skin)
    scratch = force_scratch(box, diameters.size)
    f = np.empty(x.size)
    pair_forces(x, start, partner, inverse_lambda2, box, potential, f, scratch)
    builds = 1
    updates = np.uint64(0)
    for step in range(steps):
        for k in range(size):
            v[k] += 0.5 * dt * f[k]
            x[k] += dt * v[k]
        if moved_too_far(x, x_built, box, skin):
            # half-kicked velocities are sorted along; the old forces are not needed any more
            start, partner, inverse_lambda2, x_built = build(
                x, v, diameters, identity, box, cutoff, nonadditivity, skin
            )
            builds += 1
        pair_forces(x, start, partner, inverse_lambda2, box, potential, f, scratch)
        for k in range(size):
            v[k] += 0.5 * dt * f[k]
        if (step + 1) % interval == 0 and updates < np.uint64(keep.size):
            for k in range(size):
                v[k] = keep[updates] * v[k] + kick[updates] * noise[updates * size + k]
            updates += ONE
    return builds
