"""Neighbour lists for Monte Carlo: each particle's neighbours in three forms, in any dimension.

    wide    everything that may come within reach during many moves, whatever the sizes become; searched by cells
    pair    the part of it that can interact at the present sizes, with 1 / lambda_ij^2: read by displacements
    near    the part of it that could interact at some size, nearest first: read by swaps, while positions stand still

Only the first costs a search. Rows of the second and third are padded to whole blocks of `LANES` entries that do not
interact, so that the compiler turns one block into one pass of the vector unit.
"""

from collections import namedtuple

import numpy as np

from nqe_core.kernels.disk_cache import njit

ONE = np.uint64(1)
LANES = np.uint64(8)
SHELLS = np.uint64(32)  # resolution of the order by distance
FAR = 1e30  # squared distance, or 1 / lambda^2, of a padding entry: beyond every cutoff, and its fifth power is finite
FINEST_SEARCH = 4  # cells tried: down to this fraction of the search radius
# What the search costs, in ns: a candidate for each particle, and a candidate and a visited cell for each cell
CHECK, GATHER, VISIT = 1.5, 2.0, 5.0

# *_start[i], *_stop[i]: the row of particle i; *_reference: positions when the list was made
Lists = namedtuple(
    "Lists",
    "wide wide_start wide_stop wide_reference pair pair_scale pair_start pair_reference near near_r2 near_start",
)


@njit(cache=True, fastmath=False, error_model="numpy")
def empty_lists(n, d, capacity):
    """Lists of `n` particles in `d` dimensions with room for `capacity` wide entries in all."""
    room = capacity + LANES * n
    return Lists(
        np.empty(capacity, np.uint32), np.zeros(n, np.uint64), np.zeros(n, np.uint64), np.zeros(n * d),
        np.empty(room, np.uint32), np.empty(room), np.zeros(n + ONE, np.uint64), np.zeros(n * d),
        np.empty(room, np.uint32), np.empty(room), np.zeros(n + ONE, np.uint64),
    )  # fmt: skip


@njit(cache=True, fastmath=False, error_model="numpy")
def search_grid(box, radius, n):
    """Cells a side, and how many cells away to look, that make the search cheapest; (1, 0) is all pairs."""
    d = len(box)
    best_cells, best_reach, best_cost = 1, 0, CHECK * n
    for m in range(3, int(FINEST_SEARCH * box[0] / radius) + 1):
        reach = int(np.ceil(radius * m / box[0]))
        visited = (2.0 * reach + 1.0) ** d
        if 2 * reach + 1 > m:
            continue
        members = n / float(m) ** d
        cost = visited * members * CHECK + (visited * members * GATHER + visited * VISIT) / members
        if cost < best_cost:
            best_cells, best_reach, best_cost = m, reach, cost
    return np.uint64(best_cells), np.uint64(best_reach)


@njit(cache=True, fastmath=True, error_model="numpy")
def sort_into_cells(x, box, m):
    """Members of each of the m^d cells: `order[start[c]:start[c+1]]`."""
    d = np.uint64(len(box))
    n = np.uint64(x.size) // d
    total = ONE
    for _ in range(d):
        total *= m
    cell = np.empty(n, np.uint64)
    start = np.zeros(total + ONE, np.uint64)
    for i in range(n):
        index = np.uint64(0)
        for a in range(d):
            t = x[i * d + a] / box[a]
            # rounding may give 1 exactly
            index = index * m + min(np.uint64((t - np.floor(t)) * m), m - ONE)
        cell[i] = index
        start[index + ONE] += ONE
    for c in range(total):
        start[c + ONE] += start[c]
    filled = start.copy()
    order = np.empty(n, np.uint32)
    for i in range(n):
        order[filled[cell[i]]] = i
        filled[cell[i]] += ONE
    return order, start


@njit(cache=True, fastmath=False, error_model="numpy")
def stencil_offsets(d, m, reach):
    """Offsets, modulo m, of all cells within `reach` of a cell along every axis; shape=(n_offsets*d,)."""
    width = np.uint64(2) * reach + ONE
    total = ONE
    for _ in range(d):
        total *= width
    offsets = np.empty(total * d, np.uint64)
    for k in range(total):
        code = k
        for a in range(d):
            offsets[k * d + a] = (code % width + m - reach) % m
            code //= width
    return offsets


@njit(cache=True, fastmath=False, error_model="numpy")
def gather_candidates(cell, m, offsets, order, start, x, box, candidate, position):
    """Members of all cells around a cell; `position` holds their coordinates, axis by axis."""
    d = np.uint64(len(box))
    n = np.uint64(candidate.size)
    here = np.empty(d, np.uint64)
    rest = cell
    for a in range(d):
        here[d - ONE - a] = rest % m
        rest //= m
    found = np.uint64(0)
    for k in range(np.uint64(offsets.size) // d):
        index = np.uint64(0)
        for a in range(d):
            c = here[a] + offsets[k * d + a]
            index = index * m + (c - m if c >= m else c)
        for q in range(start[index], start[index + ONE]):
            j = np.uint64(order[q])
            candidate[found] = j
            for a in range(d):
                position[a * n + found] = x[j * d + a]
            found += ONE
    return found


@njit(cache=True, fastmath=True, error_model="numpy")
def distances_squared(i, found, x, box, position, r2):
    """r^2 (minimum image) from particle i to every candidate."""
    d = np.uint64(len(box))
    n = np.uint64(r2.size)
    for q in range(found):
        s = 0.0
        for a in range(d):
            t = position[a * n + q] - x[i * d + a]
            t -= box[a] * np.rint(t / box[a])
            s += t * t
        r2[q] = s


@njit(cache=True, fastmath=False, error_model="numpy")
def list_wide(x, box, radius, lists):
    """Search all neighbours closer than `radius`; returns the lists, which are new and larger when they overflowed."""
    d = np.uint64(len(box))
    n = np.uint64(x.size) // d
    m, reach = search_grid(box, radius, n)
    order, start = sort_into_cells(x, box, m)
    candidate, position, r2 = np.empty(n, np.uint32), np.empty(n * d), np.empty(n)
    offsets = stencil_offsets(d, m, reach)
    radius2 = radius * radius
    filled = np.uint64(0)
    for c in range(np.uint64(start.size) - ONE):
        if start[c] == start[c + ONE]:
            continue
        found = gather_candidates(c, m, offsets, order, start, x, box, candidate, position)
        for q in range(start[c], start[c + ONE]):
            i = np.uint64(order[q])
            if filled + found > np.uint64(lists.wide.size):
                larger = empty_lists(n, d, np.uint64(2) * np.uint64(lists.wide.size) + found)
                larger.wide[:filled] = lists.wide[:filled]
                larger.wide_start[:] = lists.wide_start
                larger.wide_stop[:] = lists.wide_stop
                lists = larger
            distances_squared(i, found, x, box, position, r2)
            lists.wide_start[i] = filled
            for k in range(found):
                # branch-free append: the slot is overwritten until an entry is kept
                lists.wide[filled] = candidate[k]
                filled += np.uint64((r2[k] < radius2) & (candidate[k] != i))
            lists.wide_stop[i] = filled
    lists.wide_reference[:] = x
    return lists


@njit(cache=True, fastmath=True, error_model="numpy")
def row_distances(i, x, box, wide, start, stop, r2):
    """r^2 from particle i to every neighbour in its row of the wide list."""
    d = np.uint64(len(box))
    for q in range(stop - start):
        k = np.uint64(wide[start + q])
        s = 0.0
        for a in range(d):
            t = x[k * d + a] - x[i * d + a]
            t -= box[a] * np.rint(t / box[a])
            s += t * t
        r2[q] = s


@njit(cache=True, fastmath=False, error_model="numpy")
def row_within(i, x, box, radius2, lists, member, r2):
    """Neighbours of particle i closer than a radius, from the wide list, and their r^2; returns how many."""
    wide, start, stop = lists.wide, lists.wide_start[i], lists.wide_stop[i]
    row_distances(i, x, box, wide, start, stop, r2)
    found = np.uint64(0)
    for q in range(stop - start):
        # branch-free: the slot is overwritten until an entry is kept
        s = r2[q]
        member[found] = wide[start + q]
        r2[found] = s
        found += np.uint64(s < radius2)
    return found


@njit(cache=True, fastmath=False, error_model="numpy")
def pad_row(entry, value, first, filled):
    """Complete a row to whole blocks with entries that are too far to interact; returns its new end."""
    while (filled - first) % LANES != np.uint64(0):
        entry[filled] = entry[filled - ONE]
        value[filled] = FAR
        filled += ONE
    return filled


@njit(cache=True, fastmath=True, error_model="numpy")
def row_scales(i, found, member, diameters, cutoff, nonadditivity, skin, scale, reach2):
    """1 / lambda_ij^2 and the squared list radius of every member of a row."""
    for q in range(found):
        a, b = diameters[i], diameters[np.uint64(member[q])]
        lam = 0.5 * (a + b) * (1.0 - nonadditivity * abs(a - b))
        scale[q] = 1.0 / (lam * lam)
        reach = cutoff * lam + skin
        reach2[q] = reach * reach


@njit(cache=True, fastmath=False, error_model="numpy")
def select_pairs(x, diameters, box, cutoff, nonadditivity, largest, skin, lists):
    """From the wide list, the pairs closer than cutoff * lambda_ij + skin."""
    n = np.uint64(diameters.size)
    pair, pair_scale = lists.pair, lists.pair_scale
    member, r2, scale, reach2 = np.empty(n, np.uint32), np.empty(n), np.empty(n), np.empty(n)
    filled = np.uint64(0)
    for i in range(n):
        first = filled
        found = row_within(i, x, box, (cutoff * largest + skin) ** 2, lists, member, r2)
        row_scales(i, found, member, diameters, cutoff, nonadditivity, skin, scale, reach2)
        for q in range(found):
            pair[filled] = member[q]
            pair_scale[filled] = scale[q]
            filled += np.uint64(r2[q] < reach2[q])
        filled = pad_row(pair, pair_scale, first, filled)
        lists.pair_start[i + ONE] = filled
    lists.pair_reference[:] = x


@njit(cache=True, fastmath=False, error_model="numpy")
def sort_by_distance(x, box, radius, lists):
    """From the wide list, everything closer than `radius`, ordered by shells of equal width in r^2."""
    n = np.uint64(lists.wide_start.size)
    near, near_r2 = lists.near, lists.near_r2
    member, r2, shell = np.empty(n, np.uint32), np.empty(n), np.empty(n, np.uint64)
    place = np.zeros(SHELLS, np.uint64)
    per_shell = SHELLS / (radius * radius)
    filled = np.uint64(0)
    for i in range(n):
        found = row_within(i, x, box, radius * radius, lists, member, r2)
        place[:] = np.uint64(0)
        for q in range(found):
            shell[q] = min(np.uint64(r2[q] * per_shell), SHELLS - ONE)
            place[shell[q]] += ONE
        first = filled
        for k in range(SHELLS):
            here = place[k]
            place[k] = filled
            filled += here
        for q in range(found):
            to = place[shell[q]]
            near[to] = member[q]
            near_r2[to] = r2[q]
            place[shell[q]] = to + ONE
        filled = pad_row(near, near_r2, first, filled)
        lists.near_start[i + ONE] = filled
