"""Metropolis moves at constant volume: displacements of one particle, exchanges of the sizes of two.

A cycle is a number of displacements, particle after particle, and then a number of swaps while all positions stand
still. Every single move obeys detailed balance with respect to exp(-U / T), so any fixed sequence of them leaves that
distribution unchanged.

The energy is carried along, by the changes that moves bring. After an overlap the changes were so large that what is
left of their sum is rounding: `settle` computes it anew then, and now and then in any case.
"""

from collections import namedtuple

import numpy as np

from nqe_core.kernels.disk_cache import njit
from nqe_core.kernels.monte_carlo_lists import LANES, ONE, SHELLS, list_wide, select_pairs, sort_by_distance
from nqe_core.kernels.pair_potential import inverse_lambda_squared, phi

HUGE = 1e300  # instead of infinity, which fast arithmetic does not promise to respect

# What a walker carries from move to move. The N sizes are slots, in ascending order, and swaps exchange their owners:
# slot s belongs to particle owner[s] and may be exchanged with the partner_count[s] slots from partner_first[s] on.
# `generator`: state of the random numbers, 4 words. `particle_energy` is only valid during a row of swaps.
Walker = namedtuple("Walker", "x diameters owner partner_first partner_count generator particle_energy")
# entries of the array `progress` that goes with it
# (FARTHEST: longest displacement since the pair list was made; LARGEST: largest absolute energy since it was last
# computed anew, CYCLES ago)
ENERGY, STEP, NEXT_PARTICLE, FARTHEST, LARGEST, CYCLES = 0, 1, 2, 3, 4, 5
# The running energy is computed anew after so many cycles, or as soon as it is so much smaller than it was, and replaced
# when it is off by more than such a part: less is usual rounding, which is kept so that results do not depend on it
OLD, FALLEN, ROUNDING = 25, 1e3, 1e-10
# columns of the trace, a row a cycle
TRACE_ENERGY, TRACE_DISPLACEMENTS, TRACE_SWAPS = 0, 1, 2


@njit(cache=True, fastmath=False, error_model="numpy")
def uniform(generator):
    """Next number in [0, 1): xoshiro256++ of Blackman and Vigna (2019), its upper 53 bits.

    numba can call numpy's generators too, at nine times the cost, which a displacement would notice.
    """
    s = generator
    t = s[0] + s[3]
    result = ((t << np.uint64(23)) | (t >> np.uint64(41))) + s[0]
    t = s[1] << np.uint64(17)
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= t
    s[3] = (s[3] << np.uint64(45)) | (s[3] >> np.uint64(19))
    return np.float64(result >> np.uint64(11)) * 2.0**-53


@njit(cache=True, fastmath=True, error_model="numpy")
def energy_change(i, trial, x, box, potential, pair, scale, start, stop):
    """U(x_i -> trial) - U, over a padded row of the pair list."""
    d = np.uint64(len(box))
    change = 0.0
    for block in range(start, stop, LANES):
        for q in range(LANES):
            k = np.uint64(pair[block + q])
            old, new = 0.0, 0.0
            for a in range(d):
                t = x[i * d + a] - x[k * d + a]
                t -= box[a] * np.rint(t / box[a])
                old += t * t
                t = trial[a] - x[k * d + a]
                t -= box[a] * np.rint(t / box[a])
                new += t * t
            w = scale[block + q]
            old *= w
            new *= w
            gained = phi(new, w, potential) if new < potential[0] else 0.0
            lost = phi(old, w, potential) if old < potential[0] else 0.0
            change += gained - lost
    return change


@njit(cache=True, fastmath=True, error_model="numpy")
def moved_squared(i, point, reference, d):
    """Squared distance of `point` from where particle i was in `reference`."""
    s = 0.0
    for a in range(d):
        t = point[a] - reference[i * d + a]
        s += t * t
    return s


@njit(cache=True, fastmath=True, error_model="numpy")
def refresh_pairs(walker, lists, box, potential, nonadditivity, skins, largest_range):
    """New pair list at the present positions and sizes; a new search only when the wide list may miss a pair."""
    x = walker.x
    pair_skin, wide_skin = skins
    farthest = 0.0
    d = np.uint64(len(box))
    for i in range(np.uint64(walker.diameters.size)):
        farthest = max(farthest, moved_squared(i, x[i * d : i * d + d], lists.wide_reference, d))
    # until the pair list expires every pair may come closer by its skin, on top of what has happened since the search
    if 2.0 * np.sqrt(farthest) + pair_skin > wide_skin:
        lists = list_wide(x, box, largest_range + wide_skin, lists)
    cutoff = np.sqrt(potential[0])
    select_pairs(x, walker.diameters, box, cutoff, nonadditivity, largest_range / cutoff, pair_skin, lists)
    return lists


@njit(cache=True, fastmath=True, error_model="numpy")
def displace(walker, progress, lists, box, potential, nonadditivity, skins, largest_range, temperature, attempts):
    """Attempts to displace one particle after the other, uniformly in a cube of half-width `step`.

    Returns
    -------
    lists : Lists
    accepted : int
    """
    x, generator = walker.x, walker.generator
    d = np.uint64(len(box))
    n = np.uint64(walker.diameters.size)
    trial = np.empty(d)
    step = progress[STEP]
    skin = skins[0]
    i = np.uint64(progress[NEXT_PARTICLE])
    accepted = 0
    for _ in range(attempts):
        for a in range(d):
            trial[a] = x[i * d + a] + step * (2.0 * uniform(generator) - 1.0)
        chance = uniform(generator)
        # a pair that is not listed may have come closer by what both of its particles have moved
        moved = np.sqrt(moved_squared(i, trial, lists.pair_reference, d))
        if moved + progress[FARTHEST] > skin:
            lists = refresh_pairs(walker, lists, box, potential, nonadditivity, skins, largest_range)
            progress[FARTHEST] = 0.0
            moved = np.sqrt(moved_squared(i, trial, lists.pair_reference, d))
        change = energy_change(
            i, trial, x, box, potential, lists.pair, lists.pair_scale, lists.pair_start[i], lists.pair_start[i + ONE]
        )
        if change <= 0.0 or chance < np.exp(-change / temperature):
            for a in range(d):
                x[i * d + a] = trial[a]
            progress[ENERGY] += change
            accepted += 1
            progress[FARTHEST] = max(progress[FARTHEST], moved)
        i = i + ONE if i + ONE < n else np.uint64(0)
    progress[NEXT_PARTICLE] = i
    return lists, accepted


@njit(cache=True, fastmath=True, error_model="numpy")
def energy_at_size(i, diameter, diameters, potential, nonadditivity, widest, resolution, limit, near, near_r2, start):
    """Energy of particle i if it had that diameter.

    The sum runs outwards, and all its terms are positive: it stops beyond the range of the largest pair, or when it
    exceeds `limit` (and then what is returned does too, which is all that matters).
    """
    # lambda is concave in the partner's size; `widest` is where it peaks, or the largest size there is
    reach2 = potential[0] / inverse_lambda_squared(diameter, max(diameter, widest), nonadditivity)
    energy = 0.0
    for block in range(start[i], start[i + ONE], LANES):
        # rows are sorted to the width of a shell only
        if near_r2[block] - resolution > reach2 or energy > limit:
            break
        for q in range(LANES):
            w = inverse_lambda_squared(diameter, diameters[np.uint64(near[block + q])], nonadditivity)
            y = near_r2[block + q] * w
            energy += phi(y, w, potential) if y < potential[0] else 0.0
    return energy


@njit(cache=True, fastmath=True, error_model="numpy")
def resize(i, old, new, diameters, particle_energy, potential, nonadditivity, widest, resolution, lists):
    """Account for the new size of particle i in its neighbours' energies."""
    larger = max(old, new)
    reach2 = potential[0] / inverse_lambda_squared(larger, max(larger, widest), nonadditivity)
    for q in range(lists.near_start[i], lists.near_start[i + ONE]):
        if lists.near_r2[q] - resolution > reach2:
            break
        k = np.uint64(lists.near[q])
        w_before = inverse_lambda_squared(old, diameters[k], nonadditivity)
        w_after = inverse_lambda_squared(new, diameters[k], nonadditivity)
        before, after = lists.near_r2[q] * w_before, lists.near_r2[q] * w_after
        if min(before, after) < potential[0]:
            change = phi(after, w_after, potential) if after < potential[0] else 0.0
            change -= phi(before, w_before, potential) if before < potential[0] else 0.0
            particle_energy[k] += change


@njit(cache=True, fastmath=True, error_model="numpy")
def swap(walker, progress, lists, box, potential, nonadditivity, widest, largest_range, temperature, attempts):
    """Attempts to exchange the sizes of two particles.

    Slot s is drawn uniformly and its partner uniformly from a fixed range of slots: the two are proposed equally
    often before and after the exchange, since neither draw looks at who owns them.

    Returns
    -------
    accepted : int
    """
    diameters, owner, own = walker.diameters, walker.owner, walker.particle_energy
    generator = walker.generator
    n = np.uint64(diameters.size)
    near, near_r2, start = lists.near, lists.near_r2, lists.near_start
    resolution = largest_range * largest_range / SHELLS
    sort_by_distance(walker.x, box, largest_range, lists)
    for i in range(n):
        own[i] = energy_at_size(
            i, diameters[i], diameters, potential, nonadditivity, widest, resolution, HUGE, near, near_r2, start
        )
    accepted = 0
    for _ in range(attempts):
        s = np.uint64(uniform(generator) * n)
        t = walker.partner_first[s] + np.uint64(uniform(generator) * walker.partner_count[s])
        chance = 1.0 - uniform(generator)
        if s == t:
            continue
        if diameters[owner[s]] > diameters[owner[t]]:
            s, t = t, s
        # i grows, which costs most: its energy alone nearly always decides
        i, j = owner[s], owner[t]
        small, large = diameters[i], diameters[j]
        limit = own[i] + own[j] - temperature * np.log(chance)
        # both sizes are exchanged before either sum, so that the pair ij itself, which does not change, cancels
        diameters[i], diameters[j] = large, small
        grown = energy_at_size(
            i, large, diameters, potential, nonadditivity, widest, resolution, limit, near, near_r2, start
        )
        shrunk = HUGE
        if grown <= limit:
            shrunk = energy_at_size(
                j, small, diameters, potential, nonadditivity, widest, resolution, limit - grown, near, near_r2, start
            )
        if grown + shrunk <= limit:
            progress[ENERGY] += grown + shrunk - own[i] - own[j]
            resize(i, small, large, diameters, own, potential, nonadditivity, widest, resolution, lists)
            resize(j, large, small, diameters, own, potential, nonadditivity, widest, resolution, lists)
            own[i], own[j] = grown, shrunk
            owner[s], owner[t] = j, i
            accepted += 1
        else:
            diameters[i], diameters[j] = small, large
    if accepted > 0:
        progress[FARTHEST] = HUGE  # sizes have changed: the pair list is void
    return accepted


@njit(cache=True, fastmath=False, error_model="numpy")
def total_energy(x, diameters, box, potential, nonadditivity, lists):
    """U of the present positions and sizes, over the wide list."""
    d = np.uint64(len(box))
    energy = 0.0
    for i in range(np.uint64(diameters.size)):
        for q in range(lists.wide_start[i], lists.wide_stop[i]):
            k = np.uint64(lists.wide[q])
            if k > i:
                s = 0.0
                for a in range(d):
                    t = x[i * d + a] - x[k * d + a]
                    t -= box[a] * np.rint(t / box[a])
                    s += t * t
                w = inverse_lambda_squared(diameters[i], diameters[k], nonadditivity)
                y = s * w
                energy += phi(y, w, potential) if y < potential[0] else 0.0
    return energy


# the next two must see what is not a number: no fast arithmetic


@njit(cache=True, fastmath=False, error_model="numpy")
def doubtful(progress, n, temperature):
    """After a cycle: whether the running energy has to be computed anew."""
    size = abs(progress[ENERGY])
    progress[CYCLES] += 1.0
    if progress[CYCLES] < OLD and progress[LARGEST] <= FALLEN * (size + n * temperature):
        progress[LARGEST] = max(progress[LARGEST], size)
        return False
    return True


@njit(cache=True, fastmath=False, error_model="numpy")
def settle(walker, progress, lists, box, potential, nonadditivity, temperature):
    """Compute the energy anew, and replace the running one by it when that is off by more than rounding.

    The wide list must hold every pair that interacts.
    """
    energy = total_energy(walker.x, walker.diameters, box, potential, nonadditivity, lists)
    if not abs(progress[ENERGY] - energy) <= ROUNDING * (abs(energy) + walker.diameters.size * temperature):
        progress[ENERGY] = energy
    progress[LARGEST], progress[CYCLES] = abs(energy), 0.0


@njit(cache=True, fastmath=False, error_model="numpy")
def run_cycles(
    walker, progress, lists, box, potential, nonadditivity, skins, widest, largest_range, temperature,
    displacements, swaps, target, gains, trace,
):  # fmt: skip
    """One cycle for every row of `trace`.

    Parameters
    ----------
    displacements, swaps : int
        Attempts in each cycle.
    target : float
        Acceptance of displacements that the step is steered to.
    gains : ndarray, shape=(n_cycles,)
        How far each cycle corrects the logarithm of the step; zeros leave it alone.
    trace : ndarray, shape=(n_cycles, 3)
        Filled with the energy after each cycle and the accepted moves of both kinds.
    """
    longest_step = 0.5 * skins[0] / np.sqrt(len(box))  # longer ones would use up a list in a few moves
    for cycle in range(trace.shape[0]):
        lists, moved = displace(
            walker, progress, lists, box, potential, nonadditivity, skins, largest_range, temperature, displacements
        )
        exchanged = 0
        if swaps > 0:
            exchanged = swap(
                walker, progress, lists, box, potential, nonadditivity, widest, largest_range, temperature, swaps
            )
        if gains[cycle] > 0.0:
            correction = np.exp(gains[cycle] * (moved / max(displacements, 1) - target))
            progress[STEP] = min(progress[STEP] * correction, longest_step)
        if doubtful(progress, walker.diameters.size, temperature):
            settle(walker, progress, lists, box, potential, nonadditivity, temperature)
        trace[cycle, TRACE_ENERGY] = progress[ENERGY]
        trace[cycle, TRACE_DISPLACEMENTS] = moved
        trace[cycle, TRACE_SWAPS] = exchanged
    return lists
