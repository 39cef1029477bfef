"""What forces do to a glass, M^+ f, for several fields of forces at once and to any accuracy.

Conjugate gradients in single precision do five fields in 3D for little more than what one costs in double precision
(`kernels/field_solver.py`), and leave a residual of 1e-5. That residual, taken in double precision, is the next
right-hand side: so each round brings five digits. Where this fails, conjugate gradients in double precision decide.

In 2D the factors of M cost less. They also say how many negative eigenvalues M has, by Sylvester's law of inertia: as many
as there are negative pivots.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import scipy.sparse as sparse
import scipy.sparse.linalg as sparse_linalg

from nqe_core.hessian_matrix import block_jacobi, hessian, without_translation
from nqe_core.interactions import Interactions
from nqe_core.kernels import linear_solver
from nqe_core.kernels.chebyshev import multiplied
from nqe_core.kernels.field_lanes import FIELDS, WIDTH
from nqe_core.kernels.field_solver import Singles, solve_fields
from nqe_core.rattlers import check_rattlers

LEAST_IN_SINGLE = 3e-6  # relative residual that single precision can be asked for
MOST_ROUNDS = 6
MOST_PRODUCTS = 20  # with M, for each degree of freedom
MOST_AT_SADDLE = 20_000  # in all: some hundreds are enough near a saddle, and what is far from one must not take hours
SAFETY = 0.3  # the solver's own residual runs a little ahead of the true one


def symmetric_factors(matrix: sparse.csc_matrix) -> sparse_linalg.SuperLU:
    """Factors of a symmetric matrix, pivots on its diagonal.

    SuperLU's symmetric mode with minimum degree on A^T + A keeps a symmetric matrix' fill low; scipy's default column
    ordering is two to three times slower here.

    Raises
    ------
    ArithmeticError
        When the matrix is singular.
    """
    try:
        return sparse_linalg.splu(
            matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
        )
    except RuntimeError as error:  # what SuperLU calls it
        raise ArithmeticError(f"a factorisation met a singular matrix ({error})") from None


def negative_pivots(factors: sparse_linalg.SuperLU) -> int:
    """Number of negative eigenvalues of a matrix, from its `symmetric_factors`.

    Raises
    ------
    ArithmeticError
        When the factorisation had to pivot off the diagonal, which leaves the signs without meaning.
    """
    if not np.array_equal(factors.perm_r, factors.perm_c):
        raise ArithmeticError("the factorisation pivoted off the diagonal: its signs say nothing")
    return int(np.count_nonzero(factors.U.diagonal() < 0.0))


class Factorised:
    """The map f -> M^+ f by factors of M, made once.

    Translations cost nothing in energy, so M is singular. One particle is pinned (its rows and columns removed), the
    rest is factorised, and the mean is subtracted before and after: M^+ = P S P exactly, with no shift. The number of
    negative eigenvalues stays the same.

    Raises
    ------
    ArithmeticError
        When there are rattlers: M then has more zero modes than translations.
    """

    def __init__(self, interactions: Interactions) -> None:
        check_rattlers(interactions)
        self.dimension, self.size = interactions.dimension, interactions.size
        self.factors = symmetric_factors(hessian(interactions)[self.dimension :, self.dimension :].tocsc())

    def __call__(self, f: np.ndarray) -> np.ndarray:
        balanced = without_translation(f, self.dimension).reshape(-1)
        solution = np.zeros(self.size)
        solution[self.dimension :] = self.factors.solve(balanced[self.dimension :])
        return without_translation(solution, self.dimension).reshape(f.shape)

    @cached_property
    def negative_eigenvalues(self) -> int:
        """How many M has; `ArithmeticError` when the factors cannot tell."""
        return negative_pivots(self.factors)


def solve_directly(interactions: Interactions, forces: np.ndarray) -> np.ndarray:
    """M^+ f of every field by factors of M; arguments, result and errors as for `solve_together`, in any dimension."""
    inverse = Factorised(interactions)
    if negative := inverse.negative_eigenvalues:
        raise ArithmeticError(f"M is not positive definite, not a minimum: {negative} negative eigenvalues")
    return np.stack([inverse(f) for f in forces])


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


def solve_at_saddle(interactions: Interactions, force: np.ndarray, tolerance: float) -> np.ndarray:
    """M^+ f where M may have negative eigenvalues, in any dimension, without factors of M.

    The minimum residual method (Paige and Saunders 1975), with the inverse diagonal blocks of M as preconditioner.

    Parameters
    ----------
    interactions : Interactions
        Anywhere; near a saddle, if Newton's method is to go there.
    force : ndarray, shape=(N, d)
        Its mean does not count.
    tolerance : float
        Norm of the residual relative to that of `force`.

    Returns
    -------
    ndarray, shape=(N, d)
        Without translation.

    Raises
    ------
    ArithmeticError
        The residual stayed larger: M is close to singular, or has many negative eigenvalues.
    """
    size, d, rows, box = interactions.size, interactions.dimension, interactions.rows, interactions.box
    blocks = block_jacobi(interactions).reshape(-1, d, d)

    def product(z: np.ndarray) -> np.ndarray:
        return multiplied(rows, np.ascontiguousarray(z.reshape(-1)), box)

    def inverse_of_blocks(z: np.ndarray) -> np.ndarray:
        balanced = without_translation(z, d).reshape(-1, d)
        return without_translation(np.einsum("iab,ib->ia", blocks, balanced), d).reshape(-1)

    operator, preconditioner = (
        sparse_linalg.LinearOperator((size, size), matvec=apply, dtype=np.float64)
        for apply in (product, inverse_of_blocks)
    )
    residual = interactions.to_rows(without_translation(force, d))
    found, left = np.zeros(size), float(np.linalg.norm(residual))
    goal, before = tolerance * left, math.inf
    most = min(MOST_PRODUCTS * size, MOST_AT_SADDLE // MOST_ROUNDS)
    for _ in range(MOST_ROUNDS):
        if not left < 0.5 * before:  # which is never true of what is not a number
            break
        # its own tolerance is relative to |M| |z|; it also stops where |M r| is as small against |M| |r|, as it is where
        # only the softest directions are left
        own = 1e-6 * tolerance
        try:
            step, _ = sparse_linalg.minres(operator, residual, M=preconditioner, rtol=own, maxiter=most)
        except ValueError as error:  # what it calls rounding in its preconditioner
            raise ArithmeticError(f"the minimum residual method failed: {error}") from None
        found += without_translation(step, d)
        residual = residual - product(step)
        before, left = left, float(np.linalg.norm(residual))
        if left <= goal:
            return without_translation(interactions.from_rows(found), d).reshape(force.shape)
    raise ArithmeticError("the minimum residual method did not converge: no saddle is near, or M is close to singular")


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
        most = MOST_PRODUCTS * glass.size
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
    most = MOST_PRODUCTS * glass.size
    solution, iterations = linear_solver.solve(glass.rows, singles.blocks, glass.to_rows(f), tolerance, most, glass.box)
    if not 0 <= iterations < most:
        raise ArithmeticError("conjugate gradients on M did not converge: M is not positive definite")
    return glass.from_rows(solution).reshape(f.shape)
