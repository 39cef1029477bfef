"""Neighbour lists that are mended where a few particles have gone far, instead of being made anew for all.

In a quench a handful of particles moves on while the others hardly stir: without this, 99 of 100 lists are made because
of less than one particle in a hundred. A list is complete as long as no particle is farther than half the skin from its
reference, the place where its partners were looked for. Those that are get a new reference, and pairs that are not yet
listed go to a short list beside the large one.
"""

from collections import namedtuple

import numpy as np

from nqe_core.kernels.disk_cache import njit
from nqe_core.kernels.neighbors import (
    CELLS_AWAY,
    ONE,
    cells_per_side,
    half_list,
    permute,
    sort_by_cell,
)
from nqe_core.kernels.pair_potential import inverse_lambda_squared, phi1

TWO = np.uint64(2)
PAIRS_TO_SPARE = 2  # one pair for so many particles may be found later before a new list is due
# and so many particles, and one in so many, be mended: a new list costs as much as that
FEWEST, LARGEST_SHARE = 8, 30
MEND_FROM = 0.4  # of the skin; who has gone that far when another passes one half is mended along
NOBODY = np.uint32(0xFFFFFFFF)

# The list of `neighbors.half_list`; positions where each particle's partners were looked for; the cells of that time.
# Pairs found later: first, second, 1 / lambda^2; `count` of them, and of particles mended. Chains tell who is in them:
# `pair_head` of a particle leads to 2 k for the first and 2 k + 1 for the second of pair k, and on by `pair_next`. Those
# with a new reference hang in chains of the cells where it is: `cell_head`, `next_in_cell`, and `cell_of` each.
MendedList = namedtuple(
    "MendedList",
    "start partner inverse_lambda2 reference cell_start n_cells first second scale count pair_head pair_next cell_head"
    " next_in_cell cell_of",
)


@njit(cache=True, fastmath=False, error_model="numpy")
def build_mendable(x, v, diameters, identity, box, cutoff, nonadditivity, skin):
    """Re-sort all arrays by cell (in place) and list the pairs closer than cutoff * lambda + skin; errors of `half_list`."""
    d = len(box)
    n_cells = cells_per_side(box, cutoff * diameters.max() + skin)
    order, cell_start = sort_by_cell(x, box, n_cells)
    permute(x, order, d)
    permute(v, order, d)
    permute(diameters, order, 1)
    permute(identity, order, 1)
    start, partner, inverse_lambda2 = half_list(x, diameters, box, cell_start, n_cells, cutoff, nonadditivity, skin)
    n = diameters.size
    room = 64 + n // PAIRS_TO_SPARE
    return MendedList(
        start, partner, inverse_lambda2, x.copy(), cell_start, n_cells, np.empty(room, np.uint32),
        np.empty(room, np.uint32), np.empty(room), np.zeros(2, np.uint64), np.full(n, NOBODY, np.uint32),
        np.empty(2 * room, np.uint32), np.full(cell_start.size - 1, NOBODY, np.uint32), np.empty(n, np.uint32),
        np.full(n, NOBODY, np.uint32),
    )  # fmt: skip


@njit(cache=True, fastmath=False, error_model="numpy")
def _is_listed(pairs, i, j):
    # cells beyond an end of the box come first in memory: the row may belong to either particle
    for row, other in ((i, j), (j, i)):
        for k in range(np.uint64(pairs.start[row]), np.uint64(pairs.start[row + ONE])):
            if np.uint64(pairs.partner[k]) == other:
                return True
    link = pairs.pair_head[i]
    while link != NOBODY:
        k = np.uint64(link) // TWO
        if np.uint64(pairs.first[k]) == j or np.uint64(pairs.second[k]) == j:
            return True
        link = pairs.pair_next[link]
    return False


@njit(cache=True, fastmath=False, error_model="numpy")
def _meet(pairs, i, j, diameters, box, search):
    """List the pair if it is within reach and not listed; False when there is no room for it."""
    cutoff, nonadditivity, skin = search
    d = np.uint64(len(box))
    s = 0.0
    for a in range(d):
        t = pairs.reference[i * d + a] - pairs.reference[j * d + a]
        t -= box[0] * np.rint(t / box[0])
        s += t * t
    scale = inverse_lambda_squared(diameters[i], diameters[j], nonadditivity)
    reach = cutoff / np.sqrt(scale) + skin
    if i == j or s >= reach * reach or _is_listed(pairs, i, j):
        return True
    place = pairs.count[0]
    if place == np.uint64(pairs.first.size):
        return False
    pairs.first[place], pairs.second[place], pairs.scale[place] = i, j, scale
    for particle, link in ((i, TWO * place), (j, TWO * place + ONE)):
        pairs.pair_next[link] = pairs.pair_head[particle]
        pairs.pair_head[particle] = link
    pairs.count[0] = place + ONE
    return True


@njit(cache=True, fastmath=False, error_model="numpy")
def _cell(pairs, x, i, box, away):
    """The cell of a place, or one that is away from it by a number with digits 0..2 CELLS_AWAY for each axis."""
    d, m, side = np.uint64(len(box)), np.uint64(pairs.n_cells), np.uint64(2 * CELLS_AWAY + 1)
    cell = np.uint64(0)
    for a in range(d):
        t = x[i * d + a] / box[0]
        here = min(np.uint64((t - np.floor(t)) * m), m - ONE)
        cell = cell * m + (here + away % side + m - np.uint64(CELLS_AWAY)) % m
        away //= side
    return cell


@njit(cache=True, fastmath=False, error_model="numpy")
def _move_reference(pairs, i, x, box):
    """Give particle i its present place as reference, and its chain."""
    d, side = np.uint64(len(box)), np.uint64(2 * CELLS_AWAY + 1)
    cell = pairs.cell_of[i]
    if cell != NOBODY:
        if pairs.cell_head[cell] == i:
            pairs.cell_head[cell] = pairs.next_in_cell[i]
        else:
            k = pairs.cell_head[cell]
            while pairs.next_in_cell[k] != i:
                k = pairs.next_in_cell[k]
            pairs.next_in_cell[k] = pairs.next_in_cell[i]
    for a in range(d):
        pairs.reference[i * d + a] = x[i * d + a]
    middle = side**d // TWO
    cell = _cell(pairs, x, i, box, middle) if pairs.n_cells > ONE else np.uint64(0)
    pairs.next_in_cell[i] = pairs.cell_head[cell]
    pairs.cell_head[cell] = i
    pairs.cell_of[i] = cell


@njit(cache=True, fastmath=False, error_model="numpy")
def _mend_one(pairs, i, x, diameters, box, search):
    """Look for particle i's partners where it is now; False when there is no room for them."""
    d = len(box)
    _move_reference(pairs, i, x, box)
    around = (2 * CELLS_AWAY + 1) ** d if pairs.n_cells > ONE else 1
    for away in range(np.uint64(around)):
        cell = _cell(pairs, x, i, box, away) if around > 1 else np.uint64(0)
        for j in range(np.uint64(pairs.cell_start[cell]), np.uint64(pairs.cell_start[cell + ONE])):
            if pairs.cell_of[j] == NOBODY and not _meet(pairs, i, j, diameters, box, search):
                return False
        j = pairs.cell_head[cell]
        while j != NOBODY:
            if not _meet(pairs, i, np.uint64(j), diameters, box, search):
                return False
            j = pairs.next_in_cell[j]
    return True


@njit(cache=True, fastmath=False, error_model="numpy")
def mend(pairs, x, diameters, box, cutoff, nonadditivity, skin):
    """Bring a list up to date for all who have gone far; False when a new one is due."""
    d = np.uint64(len(box))
    far2 = (MEND_FROM * skin) ** 2
    search = (cutoff, nonadditivity, skin)
    most = np.uint64(FEWEST + diameters.size // LARGEST_SHARE)
    for i in range(np.uint64(diameters.size)):
        s = 0.0
        for a in range(d):
            t = x[i * d + a] - pairs.reference[i * d + a]
            s += t * t
        if s > far2:
            pairs.count[1] += ONE
            if pairs.count[1] > most or not _mend_one(pairs, i, x, diameters, box, search):
                return False
    return True


@njit(cache=True, fastmath=False, error_model="numpy")
def add_mended_forces(pairs, x, box, potential, f):
    """Add to f the forces of the pairs that were found later."""
    d = np.uint64(len(box))
    for k in range(pairs.count[0]):
        i, j, scale = np.uint64(pairs.first[k]), np.uint64(pairs.second[k]), pairs.scale[k]
        s = 0.0
        for a in range(d):
            t = x[i * d + a] - x[j * d + a]
            t -= box[0] * np.rint(t / box[0])
            s += t * t
        y = s * scale
        if y < potential[0]:
            g = -2.0 * scale * phi1(y, scale, potential)
            for a in range(d):
                t = x[i * d + a] - x[j * d + a]
                t -= box[0] * np.rint(t / box[0])
                f[i * d + a] += g * t
                f[j * d + a] -= g * t
