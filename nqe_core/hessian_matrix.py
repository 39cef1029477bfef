"""The Hessian M of the potential energy as a matrix, its translations, and its pseudo-inverse."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sparse
import scipy.sparse.linalg as sparse_linalg

from nqe_core.interactions import Interactions
from nqe_core.kernels.bond_rows import inverse_blocks
from nqe_core.kernels.fields import subtract_mean, to_sphere


def hessian(interactions: Interactions) -> sparse.csr_matrix:
    """M = d2U/dx dx (Eq. 2), the sum over bonds of 4 g'' x x + 2 g' I on the diagonal blocks, minus that off them.

    Returns
    -------
    scipy.sparse.csr_matrix, shape=(N*d, N*d)
    """
    d = interactions.dimension
    outer = 4.0 * interactions.g2[:, None, None] * interactions.vectors[:, :, None] * interactions.vectors[:, None, :]
    outer[:, np.arange(d), np.arange(d)] += 2.0 * interactions.g1[:, None]
    blocks = np.concatenate([interactions.diagonal_blocks(), -outer, -outer])
    everyone = np.arange(interactions.n_particles)
    rows = np.concatenate([everyone, interactions.i, interactions.j]).astype(np.int64)
    columns = np.concatenate([everyone, interactions.j, interactions.i]).astype(np.int64)
    component = np.arange(d)
    row = rows[:, None, None] * d + component[None, :, None] + 0 * component[None, None, :]
    column = columns[:, None, None] * d + component[None, None, :] + 0 * component[None, :, None]
    shape = (interactions.size, interactions.size)
    return sparse.csr_matrix((blocks.ravel(), (row.ravel(), column.ravel())), shape=shape)


def without_translation(z: np.ndarray, dimension: int) -> np.ndarray:
    """The field minus its mean over particles; same shape as `z`."""
    field = np.array(z, dtype=np.float64, order="C")
    subtract_mean(field.reshape(-1), (0.0,) * dimension)
    return field


def normalized(z: np.ndarray, dimension: int) -> np.ndarray:
    """The field without its translation and with unit norm.

    The cost functions do not see a uniform translation but stiffness and coefficients do, through the norm.
    """
    field = np.array(z, dtype=np.float64, order="C")
    to_sphere(field.reshape(-1), (0.0,) * dimension)
    return field


def pseudo_inverse(interactions: Interactions) -> Callable[[np.ndarray], np.ndarray]:
    """Factorise M once and return the map f -> M^+ f.

    Translations cost nothing in energy, so M is singular. One particle is pinned (its rows and columns removed), the
    rest is factorised, and the mean is subtracted before and after: M^+ = P S P exactly, with no shift.

    SuperLU's symmetric mode with minimum degree on A^T + A keeps a symmetric matrix' fill low; scipy's default column
    ordering is two to three times slower here.
    """
    d = interactions.dimension
    free = hessian(interactions)[d:, d:].tocsc()
    factor = sparse_linalg.splu(
        free, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
    )

    def apply(f: np.ndarray) -> np.ndarray:
        balanced = without_translation(f, d).reshape(-1)
        solution = np.zeros(interactions.size)
        solution[d:] = factor.solve(balanced[d:])
        return without_translation(solution, d).reshape(f.shape)

    return apply


def block_jacobi(interactions: Interactions) -> np.ndarray:
    """Inverses of the Hessian's diagonal blocks (`bond_rows.inverse_blocks`), flat (N*d*d,), in the order of the rows."""
    return inverse_blocks(interactions.rows, interactions.box)
