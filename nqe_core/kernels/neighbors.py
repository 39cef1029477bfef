"""Pairs within reach of each other: cell sort and half Verlet list, in any dimension.

Particles are sorted by cell at every build, so that a cell's members are contiguous in memory and the list's indices
stay close together. All index arithmetic is unsigned: a signed index would be tested for Python's wraparound at every
access, which also keeps the compiler from vectorising.
"""

import numpy as np
from numba import njit

from nqe_core.kernels.pair_potential import inverse_lambda_squared

ONE = np.uint64(1)
LONGEST_ROW = np.uint64(2048)  # partners of one particle; the force kernel's scratch is this long
FEWEST_CELLS = 3  # below this number of cells a side, neighbouring cells repeat and all pairs are searched instead


@njit(cache=True, error_model="numpy")
def cells_per_side(box, reach):
    """Number of cells along each edge, at least `reach` wide; 1 when there would be fewer than three."""
    n = int(box[0] / reach)
    return np.uint64(n) if n >= FEWEST_CELLS else np.uint64(1)


@njit(cache=True, error_model="numpy")
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


@njit(cache=True, error_model="numpy")
def permute(values, order, width):
    """Reorder rows of `width` numbers of a flat array, in place."""
    old = values.copy()
    w = np.uint64(width)
    for k in range(np.uint64(order.size)):
        for a in range(w):
            values[k * w + a] = old[np.uint64(order[k]) * w + a]


@njit(cache=True, error_model="numpy")
def forward_cells(box, n_cells):
    """For every cell, itself and half of its neighbours, and the periodic shift of each.

    Returns
    -------
    neighbour : ndarray of uint32, shape=(n_cells^d * n_stencil,)
    shift : ndarray, shape=(n_cells^d * n_stencil * d,)
        What to add to a neighbour cell's positions.
    n_stencil : uint64
        (3^d + 1) / 2.
    """
    d = len(box)
    m = int(n_cells)
    n_stencil = (3**d + 1) // 2
    total = m**d
    neighbour = np.empty(total * n_stencil, np.uint32)
    shift = np.zeros(total * n_stencil * d)
    for c in range(total):
        for k in range(n_stencil):
            # offsets are numbered in base 3; the upper half of the numbers is one of each pair of opposite offsets
            code, rest, index, place = k + 3**d // 2, c, 0, 1
            for a in range(d - 1, -1, -1):
                here = rest % m + code % 3 - 1
                rest, code = rest // m, code // 3
                if here < 0:
                    here += m
                    shift[(c * n_stencil + k) * d + a] = -box[0]
                elif here >= m:
                    here -= m
                    shift[(c * n_stencil + k) * d + a] = box[0]
                index += here * place
                place *= m
            neighbour[c * n_stencil + k] = index
    return neighbour, shift, np.uint64(n_stencil)


@njit(cache=True, error_model="numpy")
def _grown(values, needed):
    if needed <= np.uint64(values.size):
        return values
    bigger = np.empty(max(needed, np.uint64(2) * np.uint64(values.size)), values.dtype)
    bigger[: values.size] = values
    return bigger


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
    """
    d = np.uint64(len(box))
    n = np.uint64(diameters.size)
    L = box[0]
    per_L = 1.0 / L
    all_pairs = n_cells == 1
    start = np.zeros(n + ONE, np.uint32)
    partner = np.empty(np.uint64(24) * n, np.uint32)
    neighbour, shift, n_stencil = forward_cells(box, n_cells)
    # component by component, so that a cell's members are read as vectors
    columns = np.empty(n * d)
    for i in range(n):
        for a in range(d):
            columns[a * n + i] = x[i * d + a]
    excess = np.empty(n)
    at = np.empty(len(box))
    p = np.uint64(0)
    for c in range(np.uint64(cell_start.size) - ONE):
        for i in range(np.uint64(cell_start[c]), np.uint64(cell_start[c + ONE])):
            partner = _grown(partner, p + n)
            size_i = diameters[i]
            for k in range(ONE if all_pairs else n_stencil):
                other = np.uint64(neighbour[c * n_stencil + k])
                first = i + ONE if k == np.uint64(0) else np.uint64(cell_start[other])
                last = np.uint64(cell_start[other + ONE])
                for a in range(d):
                    at[a] = x[i * d + a] - shift[(c * n_stencil + k) * d + a]
                for q in range(last - first):
                    size_j = diameters[first + q]
                    lam = 0.5 * (size_i + size_j) * (1.0 - nonadditivity * abs(size_i - size_j))
                    reach = cutoff * lam + skin
                    excess[q] = -reach * reach
                for a in range(d):
                    here = at[a]
                    offset = a * n + first
                    if all_pairs:
                        for q in range(last - first):
                            t = here - columns[offset + q]
                            t -= L * np.rint(t * per_L)
                            excess[q] += t * t
                    else:
                        for q in range(last - first):
                            t = here - columns[offset + q]
                            excess[q] += t * t
                # branch-free append: the slot is overwritten until a pair is kept
                for q in range(last - first):
                    partner[p] = first + q
                    p += np.uint64(excess[q] < 0.0)
            start[i + ONE] = p
            if p - np.uint64(start[i]) > LONGEST_ROW:
                raise ValueError("a particle has more than 2048 partners: the configuration has collapsed")
    partner = partner[:p].copy()
    inverse_lambda2 = np.empty(p)
    for i in range(n):
        for q in range(np.uint64(start[i]), np.uint64(start[i + ONE])):
            inverse_lambda2[q] = inverse_lambda_squared(diameters[i], diameters[np.uint64(partner[q])], nonadditivity)
    return start, partner, inverse_lambda2
