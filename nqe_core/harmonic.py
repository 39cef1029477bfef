"""The lowest harmonic (normal) modes of an inherent state, translations left out (Eq. 7)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse.linalg as sparse_linalg

from nqe_core.errors import InputError
from nqe_core.hessian_matrix import hessian, normalized, without_translation
from nqe_core.interactions import Interactions
from nqe_core.kernels.chebyshev import filtered, multiplied
from nqe_core.linear_response import Factorised
from nqe_core.models import most_modes
from nqe_core.rattlers import check_rattlers

METHODS = ("auto", "chebyshev", "factorised", "arpack")
TRIED = METHODS[1:]  # what one of them cannot do is left to the next

RESIDUAL_TOLERANCE = 1e-6  # |M.psi - lambda psi| / |lambda|; the eigenvalue's own error is its square
ARPACK_TOLERANCE = 1e-13
# On the eigenvalue of the filter, which leaves residuals of M two decades below RESIDUAL_TOLERANCE; but in units of an
# eigenvalue that is a hundred times lower than usual they are a hundred times larger: the softest of all samples are done
# again with ARPACK_TOLERANCE when a residual is DOUBTFUL.
FILTER_TOLERANCE, DOUBTFUL = 1e-10, 1e-7
# Largest eigenvalue over the transverse stiffness c_T^2 / a^2 of these models: sets where the filter's window ends,
# at a few times the first phonon band, (2 pi c_T / L)^2. Only speed depends on it.
STIFFEST_OVER_TRANSVERSE = 80.0
WINDOW_OVER_FIRST_PHONON = 2.5
# Degree of the filter, even, in units of 2 sqrt(high / low): fewer products with M each, but more filters. Products that
# a mode takes, 3D N = 2048 and 8192: 1071 and 1512 at 1.5, 795 and 1176 at 0.75, 703 and 1008 at 0.5, where ARPACK's own
# work and the residuals have grown.
FILTER_DEGREE = 0.75
WIDEST_WINDOW = 0.2  # of the largest eigenvalue: a wider one would leave the filter nothing to suppress
BOUND_MARGIN = 1.05  # the filter explodes above the largest eigenvalue, so that must be a bound, not an estimate
SEED = 20200130


@dataclass(frozen=True, eq=False)
class HarmonicModes:
    """Lowest normal modes.

    Parameters
    ----------
    eigenvalues : ndarray, shape=(k,)
        omega_l^2 in ascending order.
    modes : ndarray, shape=(k, N, d)
        Orthonormal, without translation; the component of largest magnitude is positive.
    residuals : ndarray, shape=(k,)
        |M.psi - lambda psi| / |lambda|.
    converged : bool
        All residuals are small.
    method : {"chebyshev", "factorised", "arpack"}
        The solver that found them, which need not be the one that was asked for.
    """

    eigenvalues: np.ndarray
    modes: np.ndarray
    residuals: np.ndarray
    converged: bool
    method: str


def solvers(method: str, dimension: int) -> tuple[str, ...]:
    """The solvers behind a method, in the order in which they are tried.

    Parameters
    ----------
    method : {"auto", "chebyshev", "factorised", "arpack"}
    dimension : int

    Raises
    ------
    InputError
        Unknown method.
    """
    if method not in METHODS:
        raise InputError(f"unknown method {method!r} (known: {', '.join(METHODS)})")
    first = method if method != "auto" else "factorised" if dimension == 2 else "chebyshev"
    return TRIED[TRIED.index(first) :]


def lowest_modes(interactions: Interactions, n_modes: int = 1, method: str = "auto", seed: int = SEED) -> HarmonicModes:
    """The `n_modes` lowest non-translational modes, negative eigenvalues first where M has any.

    Parameters
    ----------
    interactions : Interactions
    n_modes : int
    method : {"auto", "chebyshev", "factorised", "arpack"}
        "arpack" is the paper's method, on M itself; "factorised" inverts M once (cheap in 2D), and leaves an M with
        negative eigenvalues to "arpack"; "chebyshev" filters with a polynomial of M and factorises nothing, but leaves
        it to "factorised" to find a large share of all modes. "auto" takes the last in 3D and 4D, the second in 2D.
    seed : int
        Of the random field that the iteration starts from; fixed, since results must not depend on who asks.

    Returns
    -------
    HarmonicModes

    Raises
    ------
    InputError
        Unknown method, or more modes than there are.
    ArithmeticError
        There are rattlers, or the solver failed or found fewer modes than it was asked for.
    """
    most = most_modes(interactions.n_particles, interactions.dimension)
    if not 1 <= n_modes <= most or n_modes != int(n_modes):
        raise InputError(f"n_modes is {n_modes}, must be a whole number between 1 and {most}")
    n_modes = int(n_modes)
    first = solvers(method, interactions.dimension)[0]
    check_rattlers(interactions)
    solver = {"chebyshev": _chebyshev, "factorised": _factorised, "arpack": _arpack}[first]
    start = _start_vector(interactions, seed)
    found = _rayleigh_ritz(interactions, *solver(interactions, n_modes, start))
    if first == "chebyshev" and not found.residuals.max() <= DOUBTFUL:
        return _rayleigh_ritz(interactions, *_chebyshev(interactions, n_modes, start, ARPACK_TOLERANCE))
    return found


def _start_vector(interactions: Interactions, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(interactions.size)


def _eigenvectors(operator: sparse_linalg.LinearOperator, n_modes: int, **options: Any) -> np.ndarray:
    """Extreme eigenvectors of an operator, by ARPACK; `ArithmeticError` when it does not find them all."""
    try:
        return sparse_linalg.eigsh(operator, k=n_modes, **options)[1]
    except sparse_linalg.ArpackNoConvergence as stuck:
        vectors = stuck.eigenvectors
        if vectors.shape[1] < n_modes:
            raise ArithmeticError(f"ARPACK found {vectors.shape[1]} of {n_modes} modes") from None
        return vectors
    except sparse_linalg.ArpackError as error:
        raise ArithmeticError(str(error)) from None


def _largest(
    operator: sparse_linalg.LinearOperator, n_modes: int, start: np.ndarray, which: str, tolerance: float
) -> np.ndarray:
    """Eigenvectors of the largest eigenvalues of an operator."""
    ncv = min(max(3 * n_modes + 10, 12), operator.shape[0] - 1)
    return _eigenvectors(operator, n_modes, which=which, v0=start, ncv=ncv, tol=tolerance)


def _operator(interactions: Interactions, apply: Callable[[np.ndarray], np.ndarray]) -> sparse_linalg.LinearOperator:
    return sparse_linalg.LinearOperator((interactions.size,) * 2, matvec=apply, dtype=np.float64)


def largest_eigenvalue_bound(interactions: Interactions) -> float:
    """An upper bound of M's spectrum, a few per cent above its largest eigenvalue; `ArithmeticError` if it is not found."""
    rows, box = interactions.rows, interactions.box
    operator = _operator(interactions, lambda z: multiplied(rows, np.ascontiguousarray(z.reshape(-1)), box))
    start = interactions.to_rows(_start_vector(interactions, SEED))
    try:
        top = sparse_linalg.eigsh(operator, k=1, which="LA", v0=start, tol=1e-2, return_eigenvectors=False)
    except sparse_linalg.ArpackError as error:
        raise ArithmeticError(f"the largest eigenvalue was not found: {error}") from None
    return BOUND_MARGIN * float(top[0])


def _chebyshev(
    interactions: Interactions, n_modes: int, start: np.ndarray, tolerance: float = FILTER_TOLERANCE
) -> tuple[np.ndarray, str]:
    """ARPACK on a polynomial of M; like all solvers, the eigenvectors as columns and the name of who found them."""
    high = largest_eigenvalue_bound(interactions)
    spacing2 = (interactions.volume / interactions.n_particles) ** (2.0 / interactions.dimension)
    first_phonon = high / STIFFEST_OVER_TRANSVERSE * spacing2 * (2.0 * np.pi / interactions.box_length) ** 2
    low = min(WINDOW_OVER_FIRST_PHONON * first_phonon * (1.0 + n_modes / 12.0), WIDEST_WINDOW * high)
    while low <= WIDEST_WINDOW * high:
        found = _largest(_filter(interactions, low, high), n_modes, interactions.to_rows(start), "LA", tolerance)
        vectors = np.stack([interactions.from_rows(v) for v in found.T], axis=1)
        # inside [low, high] the filter oscillates and orders nothing: all the modes must lie below it
        if max(interactions.cubic_scalars(v)[0] / float(v @ v) for v in vectors.T) < low:
            return vectors, "chebyshev"
        low *= 2.0
    return _factorised(interactions, n_modes, start)


def _filter(interactions: Interactions, low: float, high: float) -> sparse_linalg.LinearOperator:
    """Polynomial of M that grows below `low` and stays within [-1, 1] up to `high`; fields in the order of the rows."""
    degree = 2 * int(np.ceil(FILTER_DEGREE * np.sqrt(high / low)))
    rows, box = interactions.rows, interactions.box

    def apply(z: np.ndarray) -> np.ndarray:
        return filtered(rows, np.ascontiguousarray(z.reshape(-1)), degree, low, high, box)

    return _operator(interactions, apply)


def _factorised(interactions: Interactions, n_modes: int, start: np.ndarray) -> tuple[np.ndarray, str]:
    """ARPACK on M^+, whose largest eigenvalues belong to the lowest modes of a minimum.

    They do not where M has negative eigenvalues, of which the lowest is small in M^+: ARPACK on M finds those.
    """
    inverse = Factorised(interactions)
    if not _positive_definite(inverse):
        return _arpack(interactions, n_modes, start)
    operator = _operator(interactions, lambda z: inverse(z.reshape(-1)))
    return _largest(operator, n_modes, start, "LM", ARPACK_TOLERANCE), "factorised"


def _positive_definite(inverse: Factorised) -> bool:
    try:
        return inverse.negative_eigenvalues == 0
    except ArithmeticError:  # a pivot was zero: not known to be
        return False


def _arpack(interactions: Interactions, n_modes: int, start: np.ndarray) -> tuple[np.ndarray, str]:
    """ARPACK on M itself, asking for the smallest.

    The translations are moved to the top of the spectrum. At zero they would be d-fold degenerate, and a Krylov space
    sees one of d equal eigenvalues: asking for d more modes and dropping the translations can lose a mode.
    """
    matrix, top, size = hessian(interactions), largest_eigenvalue_bound(interactions), interactions.size

    def apply(z: np.ndarray) -> np.ndarray:
        z = z.reshape(-1)
        return matrix @ z + top * (z - without_translation(z, interactions.dimension))

    ncv, most = min(max(2 * n_modes + 18, 24), size), 100 * size
    operator = _operator(interactions, apply)
    return _eigenvectors(operator, n_modes, which="SA", v0=start, ncv=ncv, maxiter=most, tol=1e-12), "arpack"


def _rayleigh_ritz(interactions: Interactions, vectors: np.ndarray, method: str) -> HarmonicModes:
    """Orthonormal eigenvectors of M in the span of `vectors`, with residuals and signs."""
    d = interactions.dimension
    basis, _ = np.linalg.qr(np.stack([without_translation(v, d) for v in vectors.T], axis=1))
    products = np.stack([interactions.hessian_product(np.ascontiguousarray(q)) for q in basis.T], axis=1)
    eigenvalues, rotation = np.linalg.eigh(basis.T @ products)
    modes = (basis @ rotation).T
    residuals = np.empty(eigenvalues.size)
    for k in range(eigenvalues.size):
        psi = normalized(modes[k], d)
        psi *= np.sign(psi[np.argmax(np.abs(psi))])
        modes[k] = psi
        product = interactions.hessian_product(psi)
        eigenvalues[k] = psi @ product
        residuals[k] = np.linalg.norm(product - eigenvalues[k] * psi) / abs(eigenvalues[k])
    shape = (eigenvalues.size, interactions.n_particles, d)
    return HarmonicModes(
        eigenvalues, modes.reshape(shape), residuals, bool((residuals <= RESIDUAL_TOLERANCE).all()), method
    )
