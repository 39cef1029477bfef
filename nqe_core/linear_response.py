"""What forces do to a glass, M^+ f, for several fields of forces at once and to any accuracy.

Conjugate gradients in single precision do five fields in 3D for little more than what one costs in double precision
(`kernels/field_solver.py`), and leave a residual of 1e-5. That residual, taken in double precision, is the next
right-hand side: so each round brings five digits. Where this fails, conjugate gradients in double precision decide.
"""

from __future__ import annotations

import math

import numpy as np

from nqe_core.hessian_matrix import block_jacobi
from nqe_core.interactions import Interactions
from nqe_core.kernels import linear_solver
from nqe_core.kernels.field_lanes import FIELDS, WIDTH
from nqe_core.kernels.field_solver import Singles, solve_fields

LEAST_IN_SINGLE = 3e-6  # relative residual that single precision can be asked for
MOST_ROUNDS = 6
SAFETY = 0.3  # the solver's own residual runs a little ahead of the true one


def solve_together(interactions: Interactions, forces: np.ndarray, tolerance: float) -> np.ndarray:
    """M^+ f of every field, without translation, in three or four dimensions.

    Parameters
    ----------
    interactions : Interactions
    forces : ndarray, shape=(n, N, d)
        The mean of each field does not count.
    tolerance : float
        Norm of each residual relative to that of its field.

    Returns
    -------
    ndarray, shape=(n, N, d)

    Raises
    ------
    ArithmeticError
        When M is not positive definite.
    """
    forces = forces - forces.mean(axis=1, keepdims=True)
    singles = _Singles(interactions)
    together = FIELDS[interactions.dimension]
    parts = [_refined(singles, forces[k : k + together], tolerance) for k in range(0, len(forces), together)]
    return np.concatenate(parts)


class _Singles:
    """One glass in single precision: stiffnesses in units of their mean."""

    def __init__(self, interactions: Interactions) -> None:
        rows, d = interactions.rows, interactions.dimension
        self.interactions, self.blocks = interactions, block_jacobi(interactions)
        inverse = self.blocks.reshape(-1, d, d)
        self.softness = float(np.trace(inverse, axis1=1, axis2=2).mean() / d)
        cyclic = np.zeros((interactions.n_particles, d, 4), dtype=np.float32)
        for c in range(d):
            for a in range(d):
                cyclic[:, c, a] = inverse[:, a, (a + c) % d] / self.softness
        vectors = np.zeros((interactions.n_bonds, 4), dtype=np.float32)
        vectors[:] = rows.vectors.reshape(interactions.n_bonds, -1)
        along, across = ((factor * g * self.softness).astype(np.float32) for factor, g in ((4, rows.g2), (2, rows.g1)))
        self.bonds = Singles(rows.start, rows.partner, vectors.ravel(), along, across, cyclic.ravel())

    def solve(self, forces: np.ndarray, tolerance: float) -> np.ndarray | None:
        """M^+ f in single precision; None when that did not work."""
        glass, (number, n, d) = self.interactions, forces.shape
        sizes = np.sqrt(np.einsum("fia,fia->f", forces, forces) / (n * d))
        sizes[sizes == 0.0] = 1.0
        together = FIELDS[d]
        rows = np.zeros((n, WIDTH), dtype=np.float32)
        columns = rows[:, : together * d].reshape(n, d, together)
        columns[:, :, :number] = (forces[:, glass.order] / sizes[:, None, None]).transpose(1, 2, 0)
        most = 20 * glass.size
        solved, iterations = solve_fields(self.bonds, rows.ravel(), tolerance, most, glass.box)
        if not 0 <= iterations < most:
            return None
        found = np.empty_like(forces)
        columns = solved.reshape(n, WIDTH)[:, : together * d].reshape(n, d, together)
        found[:, glass.order] = columns[:, :, :number].transpose(2, 0, 1) * (sizes * self.softness)[:, None, None]
        return found - found.mean(axis=1, keepdims=True)


def _refined(singles: _Singles, forces: np.ndarray, tolerance: float) -> np.ndarray:
    """M^+ f of as many fields as fit into a register, in rounds."""
    norms = _norms(forces)
    found, residuals, left = np.zeros_like(forces), forces, 1.0
    for _ in range(MOST_ROUNDS):
        wanted = SAFETY * tolerance / left
        # as many equal rounds as it takes
        rounds = max(1, math.ceil(math.log(wanted) / math.log(LEAST_IN_SINGLE)))
        step = singles.solve(residuals, wanted ** (1 / rounds))
        if step is None:
            break
        found += step
        residuals = forces - np.stack([singles.interactions.hessian_product(field) for field in found])
        before, left = left, float((_norms(residuals) / norms).max())
        if left <= tolerance:
            return found
        if not left < 0.1 * before:
            break
    return np.stack([_in_double(singles, f, tolerance) for f in forces])


def _norms(fields: np.ndarray) -> np.ndarray:
    """Norm of every field; 1 for zeros, which nothing needs to be done for."""
    norms = np.sqrt(np.einsum("fia,fia->f", fields, fields))
    return np.where(norms > 0.0, norms, 1.0)


def _in_double(singles: _Singles, f: np.ndarray, tolerance: float) -> np.ndarray:
    """M^+ f by conjugate gradients in double precision."""
    glass = singles.interactions
    most = 20 * glass.size
    solution, iterations = linear_solver.solve(glass.rows, singles.blocks, glass.to_rows(f), tolerance, most, glass.box)
    if not 0 <= iterations < most:
        raise ArithmeticError("conjugate gradients on M did not converge: M is not positive definite")
    return glass.from_rows(solution).reshape(f.shape)
