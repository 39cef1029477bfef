"""Pairs within reach of each other: cell sort and half Verlet list, in any dimension.

Particles are sorted by cell at every build, so that a cell's members are contiguous in memory and the list's indices
stay close together. All index arithmetic is unsigned: a signed index would be tested for Python's wraparound at every
access, which also keeps the compiler from vectorising.
"""

import numpy as np

from nqe_core.kernels.disk_cache import njit
from nqe_core.kernels.lanes import absolute, append_negative, eight, load_eight, rounded
from nqe_core.kernels.pair_potential import inverse_lambda_squared

ONE = np.uint64(1)
LONGEST_ROW = np.uint64(2048)  # partners of one particle; the force kernel's scratch is this long
EIGHT = np.uint64(8)
CELLS_AWAY = 2  # cells are half as wide as the reach: fewer candidates than one cell of full width on either side
ROUNDING = 1e-9  # margin of squared distances to cells: a particle on a face may be sorted to either side
# below this number of cells a side, neighbouring cells repeat and all pairs are searched instead
FEWEST_CELLS = 2 * CELLS_AWAY + 1


@njit(cache=True, fastmath=False, error_model="numpy")
def cells_per_side(box, reach):
    """Number of cells along each edge, at least reach / CELLS_AWAY wide; 1 when there would be too few."""
    n = int(CELLS_AWAY * box[0] / reach)
    return np.uint64(n) if n >= FEWEST_CELLS else np.uint64(1)


@njit(cache=True, fastmath=False, error_model="numpy")
def sort_by_cell(x, box, n_cells):
    """Wrap particles into the box (in place) and order them by cell.

    Parameters
    ----------
    x : ndarray, shape=(N*d,)
        Positions, changed in place.
    box : tuple of d floats
    n_cells : uint64
        Cells along each edge.

    Returns
    -------
    order : ndarray of uint32, shape=(N,)
        Particle at each place of the sorted order.
    cell_start : ndarray of uint32, shape=(n_cells^d + 1,)
        Where each cell's members begin in the sorted order.
    """
    d = np.uint64(len(box))
    n = np.uint64(x.size) // d
    m = np.uint64(n_cells)
    total = ONE
    for _ in range(d):
        total *= m
    cell = np.empty(n, np.uint32)
    cell_start = np.zeros(total + ONE, np.uint32)
    for i in range(n):
        index = np.uint64(0)
        for a in range(d):
            t = x[i * d + a]
            t -= box[0] * np.floor(t / box[0])
            if t >= box[0]:
                t = 0.0
            x[i * d + a] = t
            c = np.uint64(t / box[0] * m)
            index = index * m + min(c, m - ONE)
        cell[i] = index
        cell_start[index + ONE] += np.uint32(1)
    for c in range(total):
        cell_start[c + ONE] += cell_start[c]
    filled = cell_start.copy()
    order = np.empty(n, np.uint32)
    for i in range(n):
        c = np.uint64(cell[i])
        order[np.uint64(filled[c])] = i
        filled[c] += np.uint32(1)
    return order, cell_start


@njit(cache=True, fastmath=False, error_model="numpy")
def permute(values, order, width):
    """Reorder rows of `width` numbers of a flat array, in place."""
    old = values.copy()
    w = np.uint64(width)
    for k in range(np.uint64(order.size)):
        for a in range(w):
            values[k * w + a] = old[np.uint64(order[k]) * w + a]


@njit(cache=True, fastmath=False, error_model="numpy")
def forward_rows(row, box, n_cells, base, shift, offset):
    """Rows of cells along the last axis that a row of cells searches: itself, and half of those around it.

    Parameters
    ----------
    row : int
        Number of the row, of n_cells^(d-1).
    base : ndarray of uint64, shape=(n_rows,)
        Written: the first cell of each row found; the row itself comes first.
    shift : ndarray, shape=(n_rows*d,)
        Written: what to add to the positions there.
    offset : ndarray of uint64, shape=(n_rows*d,)
        Written: cells away along each axis but the last, plus CELLS_AWAY.
    """
    d = len(box)
    m = int(n_cells)
    side = 2 * CELLS_AWAY + 1
    middle = side ** (d - 1) // 2
    for k in range(base.size):
        # offsets are numbered in base `side`; the upper half of the numbers is one of each pair of opposite offsets
        code, rest, index, place = k + middle, row, 0, 1
        for a in range(d - 2, -1, -1):
            here = rest % m + code % side - CELLS_AWAY
            offset[k * d + a] = np.uint64(code % side)
            rest, code = rest // m, code // side
            shift[k * d + a] = 0.0
            if here < 0:
                here += m
                shift[k * d + a] = -box[0]
            elif here >= m:
                here -= m
                shift[k * d + a] = box[0]
            index += here * place
            place *= m
        base[k] = np.uint64(index * m)
        shift[k * d + d - 1] = 0.0


@njit(cache=True, fastmath=False, error_model="numpy", inline="always")
def _gaps(x, i, cell, box, m, gap2):
    """Squared distance of particle i from the cells -CELLS_AWAY..CELLS_AWAY away along each axis; (d * side,)."""
    d, side = np.uint64(len(box)), np.uint64(2 * CELLS_AWAY + 1)
    edge = box[0] / m
    rest = cell
    for b in range(d):
        a = d - ONE - b
        inside = x[i * d + a] - edge * (rest % m)
        rest = rest // m
        gap2[a * side + np.uint64(CELLS_AWAY)] = 0.0
        for away in range(CELLS_AWAY):
            below, above = inside + away * edge, (away + 1) * edge - inside
            gap2[a * side + np.uint64(CELLS_AWAY - 1 - away)] = below * below
            gap2[a * side + np.uint64(CELLS_AWAY + 1 + away)] = above * above


@njit(cache=True, fastmath=False, error_model="numpy")
def _grown(values, needed):
    if needed <= np.uint64(values.size):
        return values
    bigger = np.empty(max(needed, np.uint64(2) * np.uint64(values.size)), values.dtype)
    bigger[: values.size] = values
    return bigger


@njit(cache=True, fastmath=True, error_model="numpy", inline="always")
def _append_near(columns, stride, at, size, first, last, search, box, partner, p):
    """Append all of first..last-1 within reach of a point; `search` is (cutoff, nonadditivity, skin, images or not)."""
    d = np.uint64(len(box))
    cutoff, nonadditivity, skin, images = search
    here = eight(size)
    for block in range((last - first + EIGHT - ONE) // EIGHT):
        k = first + block * EIGHT
        size_j = load_eight(columns, d * stride + k)
        lam = (here + size_j) * 0.5
        reach = (lam - lam * absolute(here - size_j) * nonadditivity) * cutoff + eight(skin)
        excess = reach * reach * -1.0
        for a in range(d):
            t = eight(at[a]) - load_eight(columns, a * stride + k)
            if images:
                t -= rounded(t * (1.0 / box[0])) * box[0]
            excess += t * t
        p += append_negative(excess, k, last, partner, p)
    return p


@njit(cache=True, fastmath=True, error_model="numpy")
def half_list(x, diameters, box, cell_start, n_cells, cutoff, nonadditivity, skin):
    """Every pair closer than cutoff * lambda_ij + skin, once, grouped by its first particle.

    Parameters
    ----------
    x : ndarray, shape=(N*d,)
        Positions inside the box, sorted by cell (`sort_by_cell`, `permute`).
    diameters : ndarray, shape=(N,)
        In the same order.
    box : tuple of d floats
    cell_start, n_cells
        From `sort_by_cell`.
    cutoff, nonadditivity, skin : float

    Returns
    -------
    start : ndarray of uint32, shape=(N+1,)
        Particle i's partners are `partner[start[i]:start[i+1]]`.
    partner : ndarray of uint32, shape=(n_pairs,)
    inverse_lambda2 : ndarray, shape=(n_pairs,)
        1 / lambda_ij^2.

    Raises
    ------
    ArithmeticError
        When a row would be longer than LONGEST_ROW.
    """
    d = np.uint64(len(box))
    n = np.uint64(diameters.size)
    L = box[0]
    m = np.uint64(n_cells)
    side, middle = np.uint64(2 * CELLS_AWAY + 1), np.uint64(CELLS_AWAY)
    # shifts make the images of neighbouring cells nearest ones; without cells each pair looks for its own
    search = (cutoff, nonadditivity, skin, m == ONE)
    # no lambda is larger than the mean of its diameters
    farthest2 = (cutoff * diameters.max() + skin) ** 2 * (1.0 + ROUNDING)
    start = np.zeros(n + ONE, np.uint32)
    partner = np.empty(np.uint64(24) * n + EIGHT, np.uint32)
    # component by component, so that a cell's members are read as vectors, eight at a time and so beyond the end
    stride = n + EIGHT
    columns = np.zeros(stride * (d + ONE))
    for i in range(n):
        for a in range(d):
            columns[a * stride + i] = x[i * d + a]
        columns[d * stride + i] = diameters[i]
    at, gap2 = np.empty(len(box)), np.zeros(len(box) * (2 * CELLS_AWAY + 1))
    n_rows = ((2 * CELLS_AWAY + 1) ** (len(box) - 1) + 1) // 2 if m > ONE else 1
    base, shift = np.zeros(n_rows, np.uint64), np.zeros(n_rows * len(box))
    offset = np.full(n_rows * len(box), middle)
    p = np.uint64(0)
    for c in range(np.uint64(cell_start.size) - ONE):
        column = c % m
        if column == np.uint64(0) and m > ONE:
            forward_rows(c // m, box, m, base, shift, offset)
        for i in range(np.uint64(cell_start[c]), np.uint64(cell_start[c + ONE])):
            partner = _grown(partner, p + n + EIGHT)
            if m > ONE:
                _gaps(x, i, c, box, m, gap2)
            for k in range(np.uint64(n_rows)):
                room2 = farthest2
                for a in range(d - ONE):
                    room2 -= gap2[a * side + offset[k * d + a]]
                    at[a] = x[i * d + a] - shift[k * d + a]
                if room2 < 0.0:
                    continue
                at[d - ONE] = x[i * d + d - ONE]
                # the outermost cells of the row only when they are near enough
                last_axis = (d - ONE) * side
                back = middle - np.uint64(gap2[last_axis] > room2)
                ahead = middle - np.uint64(gap2[last_axis + side - ONE] > room2)
                row = base[k]
                first = i + ONE if k == np.uint64(0) else np.uint64(cell_start[row + max(column, back) - back])
                last = np.uint64(cell_start[row + min(column + ahead + ONE, m)])
                p = _append_near(columns, stride, at, diameters[i], first, last, search, box, partner, p)
                if m == ONE:
                    continue
                # the part of the row beyond an end of the box; the row itself is only searched forwards
                if column + ahead >= m:
                    first, last = np.uint64(cell_start[row]), np.uint64(cell_start[row + column + ahead + ONE - m])
                    at[d - ONE] -= L
                elif column < back and k > np.uint64(0):
                    first, last = np.uint64(cell_start[row + m + column - back]), np.uint64(cell_start[row + m])
                    at[d - ONE] += L
                else:
                    continue
                p = _append_near(columns, stride, at, diameters[i], first, last, search, box, partner, p)
            start[i + ONE] = p
            if p - np.uint64(start[i]) > LONGEST_ROW:
                # an error of numbers, as of one sample: others of its chunk go on
                raise ArithmeticError("more than 2048 partners in a row: collapsed configuration, or cutoff too wide")
    partner = partner[:p].copy()
    inverse_lambda2 = np.empty(p)
    for i in range(n):
        for q in range(np.uint64(start[i]), np.uint64(start[i + ONE])):
            inverse_lambda2[q] = inverse_lambda_squared(diameters[i], diameters[np.uint64(partner[q])], nonadditivity)
    return start, partner, inverse_lambda2
