"""Athermal elasticity: shear-strain coupling, non-affine velocities and the shear modulus.

A strain moves every particle affinely, x -> exp(gamma E) x, with E = e_a e_b^T for simple shear in the plane (a, b) and
E = diag(1/2, -1/2) in that plane for pure shear. Both keep the volume: linear pure shear, 1 + gamma E, would not, and
would give G + p/2.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np

from nqe_core.errors import InputError
from nqe_core.hessian_matrix import block_jacobi, pseudo_inverse
from nqe_core.interactions import Interactions
from nqe_core.kernels import linear_solver

SOLVE_TOLERANCE = 1e-8  # relative residual of M.v = -Xi
# The modulus is stationary in the velocities: its error is of second order in theirs, so this is still ten digits
MODULUS_TOLERANCE = 1e-6
AXES = "xyzw"


def STRAINS(dimension: int) -> tuple[str, ...]:
    """Names of the shear strains: simple and pure in every coordinate plane."""
    planes = combinations(AXES[:dimension], 2)
    return tuple(f"{kind}_{a}{b}" for a, b in planes for kind in ("simple", "pure"))


def strain_generator(dimension: int, strain: str) -> np.ndarray:
    """E of a named strain, shape=(d, d)."""
    if strain not in STRAINS(dimension):
        raise InputError(
            f"unknown strain {strain!r} in {dimension} dimensions (known: {', '.join(STRAINS(dimension))})"
        )
    kind, plane = strain.split("_")
    a, b = (AXES.index(axis) for axis in plane)
    generator = np.zeros((dimension, dimension))
    if kind == "simple":
        generator[a, b] = 1.0
    else:
        generator[a, a], generator[b, b] = 0.5, -0.5
    return generator


def _affine(interactions: Interactions, strain: str) -> tuple[np.ndarray, np.ndarray]:
    """Affine displacement of each bond, shape=(B, d), and x . E^2 x, shape=(B,)."""
    generator = strain_generator(interactions.dimension, strain)
    delta = interactions.vectors @ generator.T
    second = np.einsum("ka,ka->k", interactions.vectors, interactions.vectors @ (generator @ generator).T)
    return delta, second


def shear_strain_coupling(interactions: Interactions, strain: str) -> np.ndarray:
    """Xi = d2U / dgamma dx (after Eq. 29), per bond 4 g'' (x.delta) x + 2 g' delta.

    Returns
    -------
    ndarray, shape=(N, d)
        Contract with a mode for its nu.
    """
    delta, _ = _affine(interactions, strain)
    along = np.einsum("ka,ka->k", interactions.vectors, delta)
    bond = 4.0 * (interactions.g2 * along)[:, None] * interactions.vectors + 2.0 * interactions.g1[:, None] * delta
    field = np.empty((interactions.n_particles, interactions.dimension))
    for a in range(interactions.dimension):
        field[:, a] = np.bincount(interactions.i, bond[:, a], interactions.n_particles)
        field[:, a] -= np.bincount(interactions.j, bond[:, a], interactions.n_particles)
    return field


def affine_modulus(interactions: Interactions, strain: str) -> float:
    """Born term, d2U/dgamma2 / V of an affine deformation: sum 4 g'' (x.delta)^2 + 2 g' (delta.delta + x.E^2 x)."""
    delta, second = _affine(interactions, strain)
    along = np.einsum("ka,ka->k", interactions.vectors, delta)
    curvature = 4.0 * interactions.g2 * along**2
    curvature += 2.0 * interactions.g1 * (np.einsum("ka,ka->k", delta, delta) + second)
    return float(curvature.sum() / interactions.volume)


def _solver(interactions: Interactions, tolerance: float) -> Callable[[np.ndarray], np.ndarray]:
    """f -> M^+ f: a factorisation in 2D, preconditioned conjugate gradients otherwise."""
    if interactions.dimension == 2:
        return pseudo_inverse(interactions)
    rows, blocks = interactions.rows, block_jacobi(interactions)
    most = 20 * interactions.size

    def solve(f: np.ndarray) -> np.ndarray:
        solution, iterations = linear_solver.solve(
            rows, blocks, interactions.to_rows(f), tolerance, most, interactions.box
        )
        if not 0 <= iterations < most:
            raise ArithmeticError("conjugate gradients on M did not converge: M is not positive definite")
        return interactions.from_rows(solution).reshape(f.shape)

    return solve


def nonaffine_velocities(interactions: Interactions, tolerance: float = SOLVE_TOLERANCE) -> np.ndarray:
    """dx/dgamma at mechanical equilibrium, -M^+ Xi, for every strain of `STRAINS`.

    Parameters
    ----------
    interactions : Interactions
    tolerance : float
        Relative residual of each solve in three and four dimensions; two are solved directly.

    Returns
    -------
    ndarray, shape=(n_strains, N, d)

    Raises
    ------
    ArithmeticError
        When M is not positive definite.
    """
    return _velocities(interactions, _couplings(interactions), tolerance)


def _for_each_strain(dimension: int, linear: Callable[[str], np.ndarray]) -> np.ndarray:
    """What depends linearly on E, stacked over `STRAINS`: computed for the independent ones alone.

    Pure shear in the plane of a and b is that of x and b, less that of x and a.
    """
    found: dict[str, np.ndarray] = {}
    for strain in STRAINS(dimension):
        kind, plane = strain.split("_")
        first, second = (found.get(f"pure_{AXES[0]}{axis}") for axis in plane)
        # those of the planes with x come before the others
        if kind == "pure" and first is not None and second is not None:
            found[strain] = second - first
        else:
            found[strain] = linear(strain)
    return np.stack(list(found.values()))


def _couplings(interactions: Interactions) -> np.ndarray:
    return _for_each_strain(interactions.dimension, lambda strain: shear_strain_coupling(interactions, strain))


def _velocities(interactions: Interactions, couplings: np.ndarray, tolerance: float) -> np.ndarray:
    solve, strains = _solver(interactions, tolerance), STRAINS(interactions.dimension)
    return _for_each_strain(interactions.dimension, lambda strain: -solve(couplings[strains.index(strain)]))


def shear_moduli(interactions: Interactions, velocities: np.ndarray | None = None) -> np.ndarray:
    """Athermal shear modulus of every strain: Born term plus (2 Xi.v + v.M.v) / V at the non-affine velocity.

    At v = -M^+ Xi the second term is -Xi.M^+.Xi; in this form it is stationary there.

    Returns
    -------
    ndarray, shape=(n_strains,)
    """
    couplings = _couplings(interactions)
    if velocities is None:
        velocities = _velocities(interactions, couplings, MODULUS_TOLERANCE)
    strains = STRAINS(interactions.dimension)
    born = np.array([affine_modulus(interactions, strain) for strain in strains])
    pairs = zip(couplings, velocities, strict=True)
    return born + np.array([_relaxation(interactions, *pair) for pair in pairs]) / interactions.volume


def _relaxation(interactions: Interactions, coupling: np.ndarray, velocity: np.ndarray) -> float:
    """2 Xi.v + v.M.v"""
    return 2.0 * float(np.vdot(coupling, velocity)) + float(np.vdot(velocity, interactions.hessian_product(velocity)))


def shear_modulus(interactions: Interactions) -> float:
    """G, the mean over all shear strains."""
    return float(shear_moduli(interactions).mean())
