"""Quartic, cubic and pseudo-harmonic modes: local minima of functions of a displacement field's direction.

Quartic and cubic modes minimise the quartic and cubic energy (Eqs. 12 and 31). Pseudo-harmonic modes (Richard et al.,
Phys. Rev. Lett. 126, 015501 (2021)) need the Hessian only; they minimise C = (M:zz)^2 / sum_pairs (z_ij.z_ij)^2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nqe_core.errors import InputError, check_tolerance
from nqe_core.hessian_matrix import block_jacobi, without_translation
from nqe_core.interactions import Interactions
from nqe_core.kernels import sphere_lbfgs
from nqe_core.kernels.lbfgs import apply_block_diagonal
from nqe_core.kernels.sphere_lbfgs import Metric
from nqe_core.linear_response import Factorised
from nqe_core.mode_energies import CubicEnergy, ModeEnergy, PseudoharmonicEnergy, QuarticEnergy
from nqe_core.sphere_minimizer import RULES, SphereMinimum, lbfgs, macopt

TOLERANCE = 1e-8  # relative residual of Eq. 8 and Eq. 26
MAX_ITERATIONS = 20_000
METHODS = ("lbfgs", "macopt")
LEAST_INTERNAL = 1e-10  # share of a start that is not translation; below it float64 has no direction left

# Steps of the Chebyshev iteration that stand for M^-1, and the ratio of the ends of the spectrum (of M and its diagonal
# blocks) that they invert. Odd: then the polynomial is positive everywhere, whatever the spectrum. An evaluation of E4
# costs as much as two products with M, so a dozen of these, which save nine evaluations of ten, are the cheapest; in 2D
# more, since frequencies fall faster with the size of the box than soft spots' in 3D do.
POLYNOMIAL = {2: (31, 3000.0), 3: (11, 250.0), 4: (11, 250.0)}
SPECTRUM_TOP = 2.4  # 2.25 in 3D, 2.36 in 4D; 2 without pre-stress
MEMORY = 5  # pairs kept with that metric

Preconditioner = Callable[[np.ndarray], np.ndarray] | Metric


@dataclass(frozen=True, eq=False)
class NonlinearMode:
    """A quartic, cubic or pseudo-harmonic mode.

    Parameters
    ----------
    mode : ndarray, shape=(N, d)
        Unit norm, no translation; oriented along the field it was started from.
    stiffness, cubic_coefficient, quartic_coefficient : float
        kappa, tau, chi (Eqs. 11, 28, 10).
    participation_ratio : float
        e (Eq. 14).
    residual : float
        |M.z - c U:z..| / |M.z| of Eq. 8 or Eq. 26, or of the like equation of pseudo-harmonic modes.
    iterations, evaluations : int
        Of the minimisation, and of its energy.
    converged : bool
        |M.z - c U:z..| is at most the tolerance times kappa. As kappa <= |M.z|, `residual` is then below the tolerance, too;
        the other way round it need not be.
    method : {"lbfgs", "macopt"}
    """

    mode: np.ndarray
    stiffness: float
    cubic_coefficient: float
    quartic_coefficient: float
    participation_ratio: float
    residual: float
    iterations: int
    evaluations: int
    converged: bool
    method: str


def stiffness(interactions: Interactions, z: np.ndarray) -> float:
    """kappa(z) = M:zz / z.z (Eq. 11)."""
    z = np.asarray(z, dtype=np.float64)  # squares of small integers overflow
    return interactions.cubic_scalars(z)[0] / float(np.sum(np.square(z)))


def cubic_coefficient(interactions: Interactions, z: np.ndarray) -> float:
    """tau(z) = U3:zzz / (z.z)^(3/2) (Eq. 28)."""
    z = np.asarray(z, dtype=np.float64)
    return interactions.cubic_scalars(z)[1] / float(np.sum(np.square(z))) ** 1.5


def quartic_coefficient(interactions: Interactions, z: np.ndarray) -> float:
    """chi(z) = U4:zzzz / (z.z)^2 (Eq. 10)."""
    z = np.asarray(z, dtype=np.float64)
    return interactions.quartic_scalars(z)[1] / float(np.sum(np.square(z))) ** 2


def participation_ratio(z: np.ndarray) -> float:
    """e(z) = (sum_i z_i.z_i)^2 / (N sum_i (z_i.z_i)^2) (Eq. 14); `z` has shape (N, d)."""
    if np.ndim(z) != 2:
        raise InputError(f"a displacement field has shape {np.shape(z)}, must be (N, d)")
    z = np.asarray(z, dtype=np.float64)
    weight = np.einsum("ia,ia->i", z, z)
    return float(weight.sum() ** 2 / (weight.size * np.sum(weight**2)))


def preconditioner(interactions: Interactions, kind: str = "auto") -> Preconditioner:
    """The metric of the L-BFGS, to be made once for several minimisations in one glass.

    The polynomial, which is "auto", saves nearly as many iterations as a factorisation, and costs no fill. The diagonal
    blocks alone are the reference.

    Parameters
    ----------
    interactions : Interactions
        Of an inherent state.
    kind : {"auto", "polynomial", "factorised", "block_jacobi"}
        A polynomial of M, near M^+; M^+ itself; the inverses of M's diagonal blocks.

    Returns
    -------
    Metric or callable
        The polynomial's blocks and range, for the compiled minimiser, or a function that multiplies a gradient.

    Raises
    ------
    InputError
        Unknown kind.
    """
    if kind == "auto":
        kind = "polynomial"
    if kind == "factorised":
        return Factorised(interactions)
    if kind not in ("polynomial", "block_jacobi"):
        raise InputError(f"unknown preconditioner {kind!r} (known: auto, factorised, polynomial, block_jacobi)")
    blocks, box = block_jacobi(interactions), interactions.box
    if kind == "polynomial":
        degree, ratio = POLYNOMIAL[interactions.dimension]
        return Metric(blocks, degree, SPECTRUM_TOP / ratio, SPECTRUM_TOP)

    def apply(g: np.ndarray) -> np.ndarray:
        # gradients do not see the translation that this adds, and the projection to the sphere removes it
        g = interactions.to_rows(g)
        out = np.empty_like(g)
        apply_block_diagonal(blocks, g, out, box)
        return interactions.from_rows(out)

    return apply


def _minimize(
    energy: ModeEnergy,
    start: np.ndarray,
    method: str,
    tolerance: float,
    max_iterations: int,
    metric: Preconditioner | None,
) -> SphereMinimum:
    interactions = energy.interactions
    check_tolerance(tolerance)
    z = interactions.field(start)
    internal = np.linalg.norm(without_translation(z, interactions.dimension))
    # rounding leaves a little of a pure translation behind: a direction made of noise
    if not np.isfinite(z).all() or internal <= LEAST_INTERNAL * np.linalg.norm(z):
        raise InputError("the start of a minimisation is not finite or a pure translation")
    z = energy.project(z)
    # |M.z| >= kappa, so this bound on the gradient keeps the residual relative to |M.z| below the tolerance
    bound = tolerance * energy.order
    if method == "macopt":
        return macopt(energy, z, bound, max_iterations)
    if method != "lbfgs":
        raise InputError(f"unknown method {method!r} (known: {', '.join(METHODS)})")
    metric = metric or preconditioner(interactions)
    if not isinstance(metric, Metric):
        return lbfgs(energy, z, metric, bound, max_iterations)
    if metric.blocks.size != interactions.size * interactions.dimension:  # compiled code would read beyond its end
        raise InputError("the metric is of a glass of another size or dimension")
    point, value, norm, iterations, evaluations = sphere_lbfgs.minimize(
        interactions.rows, energy.compiled, interactions.to_rows(z), metric, bound, max_iterations, MEMORY, RULES,
        energy.rounding, interactions.box,
    )  # fmt: skip
    return SphereMinimum(interactions.from_rows(point), value, norm, iterations, evaluations, bool(norm <= bound))


def _describe(energy: ModeEnergy, found: SphereMinimum, start: np.ndarray, method: str) -> NonlinearMode:
    interactions = energy.interactions
    z = found.point
    if z @ interactions.field(start) < 0.0:
        z = -z
    kappa, tau = interactions.cubic_scalars(z)
    chi = interactions.quartic_scalars(z)[1]
    linear = np.linalg.norm(interactions.hessian_product(z))
    residual = np.linalg.norm(energy.defect(z, kappa)) / linear
    mode = z.reshape(interactions.n_particles, interactions.dimension)
    return NonlinearMode(
        mode=mode, stiffness=kappa, cubic_coefficient=tau, quartic_coefficient=chi,
        participation_ratio=participation_ratio(mode), residual=float(residual), iterations=found.iterations,
        evaluations=found.evaluations, converged=found.converged, method=method,
    )  # fmt: skip


def find_quartic_mode(
    interactions: Interactions,
    start: np.ndarray,
    *,
    method: str = "lbfgs",
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
    metric: Preconditioner | None = None,
) -> NonlinearMode:
    """The quartic mode downhill of a start: a local minimum of E4 (Eq. 12), which solves Eq. 8.

    Parameters
    ----------
    interactions : Interactions
        Of an inherent state.
    start : ndarray, shape=(N, d)
        Any field; the paper uses the lowest harmonic mode.
    method : {"lbfgs", "macopt"}
        "macopt" is the paper's conjugate gradient.
    tolerance : float
        On the relative residual of Eq. 8.
    max_iterations : int
        After which the minimisation gives up; the result then says `converged=False`.
    metric : Metric or callable, optional
        From `preconditioner`, to share one between several minimisations; "macopt" has none and ignores it.

    Returns
    -------
    NonlinearMode

    Raises
    ------
    InputError
        Start of the wrong shape, not finite, or a translation; unknown method; tolerance not between 0 and 1.
    """
    energy = QuarticEnergy(interactions)
    found = _minimize(energy, start, method, tolerance, max_iterations, metric)
    return _describe(energy, found, start, method)


def find_cubic_mode(
    interactions: Interactions,
    start: np.ndarray,
    *,
    method: str = "lbfgs",
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
    metric: Preconditioner | None = None,
) -> NonlinearMode:
    """The cubic mode downhill of a start: a local minimum of E3 (Eq. 31), which solves Eq. 26.

    Parameters, result and errors as of `find_quartic_mode`, with Eq. 26 for Eq. 8; the paper starts from the quartic mode.
    """
    energy = CubicEnergy(interactions)
    found = _minimize(energy, start, method, tolerance, max_iterations, metric)
    return _describe(energy, found, start, method)


def find_pseudoharmonic_mode(
    interactions: Interactions,
    start: np.ndarray,
    *,
    method: str = "lbfgs",
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
    metric: Preconditioner | None = None,
) -> NonlinearMode:
    """The pseudo-harmonic mode downhill of a start: a local minimum of C(z) = (M:zz)^2 / sum_pairs (z_ij.z_ij)^2.

    It represents a soft spot by the Hessian alone; the sum runs over the interacting pairs. Parameters, result and errors
    as of `find_quartic_mode`; the coefficients of the result are those of the potential, as for the other modes.
    """
    energy = PseudoharmonicEnergy(interactions)
    found = _minimize(energy, start, method, tolerance, max_iterations, metric)
    return _describe(energy, found, start, method)


def find_cubic_mode_from(
    interactions: Interactions,
    starts: np.ndarray,
    *,
    method: str = "lbfgs",
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
    metric: Preconditioner | None = None,
) -> tuple[NonlinearMode, int]:
    """The softest converged cubic mode of several starts, and which start led to it (Appendix B, POLY).

    Parameters
    ----------
    interactions : Interactions
        Of an inherent state.
    starts : ndarray, shape=(m, N, d)
    method, tolerance, max_iterations, metric
        Of every minimisation, as of `find_cubic_mode`.

    Returns
    -------
    mode : NonlinearMode
        Lowest stiffness among the converged ones; if none converged, the first start's result.
    start : int
        Index into `starts`.

    Raises
    ------
    InputError
        No start at all, or as of `find_cubic_mode`.
    """
    if not len(starts):
        raise InputError("there is no start to find a cubic mode from")
    if method == "lbfgs":
        metric = metric or preconditioner(interactions)
    found = [
        find_cubic_mode(
            interactions, start, method=method, tolerance=tolerance, max_iterations=max_iterations, metric=metric
        )
        for start in starts
    ]
    converged = [k for k, mode in enumerate(found) if mode.converged]
    best = min(converged, key=lambda k: found[k].stiffness) if converged else 0
    return found[best], best
