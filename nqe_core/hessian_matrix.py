"""The Hessian M of the potential energy as a matrix, and its translations."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse

from nqe_core.interactions import Interactions
from nqe_core.kernels.bond_rows import inverse_blocks
from nqe_core.kernels.fields import subtract_mean, to_sphere


def hessian(interactions: Interactions) -> sparse.csr_matrix:
    """M = d2U/dx dx (Eq. 2), the sum over bonds of 4 g'' x x + 2 g' I on the diagonal blocks, minus that off them.

    Parameters
    ----------
    interactions : Interactions

    Returns
    -------
    scipy.sparse.csr_matrix, shape=(N*d, N*d)
        In units of energy / length^2; row i d + a belongs to coordinate a of particle i.
    """
    d = interactions.dimension
    outer = 4.0 * interactions.g2[:, None, None] * interactions.vectors[:, :, None] * interactions.vectors[:, None, :]
    outer[:, np.arange(d), np.arange(d)] += 2.0 * interactions.g1[:, None]
    blocks = np.concatenate([interactions.diagonal_blocks(), -outer, -outer])
    n = interactions.n_particles
    everyone = np.arange(n)
    rows = np.concatenate([everyone, interactions.i, interactions.j]).astype(np.int64)
    columns = np.concatenate([everyone, interactions.j, interactions.i]).astype(np.int64)
    order = np.argsort(rows * n + columns)  # every pair is there once: sorted by blocks there is nothing to add up
    start = np.zeros(n + 1, dtype=np.int32)
    np.cumsum(np.bincount(rows, minlength=n), out=start[1:])
    shape = (interactions.size, interactions.size)
    return sparse.bsr_matrix((blocks[order], columns[order].astype(np.int32), start), shape=shape).tocsr()


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


def block_jacobi(interactions: Interactions) -> np.ndarray:
    """Inverses of the Hessian's diagonal blocks (`bond_rows.inverse_blocks`), flat (N*d*d,), in the order of the rows."""
    return inverse_blocks(interactions.rows, interactions.box)
