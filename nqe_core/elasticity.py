"""Athermal elasticity: shear-strain coupling, non-affine velocities and the shear modulus.

A strain moves every particle affinely, x -> exp(gamma E) x, with E = e_a e_b^T for simple shear in the plane (a, b) and
E = diag(1/2, -1/2) in that plane for pure shear. Both keep the volume: linear pure shear, 1 + gamma E, would not, and
would give G + p/2.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from nqe_core.errors import InputError, check_tolerance
from nqe_core.interactions import Interactions
from nqe_core.kernels import contractions
from nqe_core.linear_response import solve_directly, solve_together
from nqe_core.rattlers import backbone_of

SOLVE_TOLERANCE = 1e-8  # relative residual of M.v = -Xi
# The modulus is stationary in the velocities: its error is of second order in theirs, so this is still ten digits
MODULUS_TOLERANCE = 1e-5
AXES = "xyzw"


def shear_strains(dimension: int) -> tuple[str, ...]:
    """Names of the shear strains: simple and pure in every coordinate plane.

    Parameters
    ----------
    dimension : int
        d, one of 2, 3, 4.

    Returns
    -------
    tuple of str
        Such as ("simple_xy", "pure_xy") in two dimensions.
    """
    planes = combinations(AXES[:dimension], 2)
    return tuple(f"{kind}_{a}{b}" for a, b in planes for kind in ("simple", "pure"))


def strain_generator(dimension: int, strain: str) -> np.ndarray:
    """E of a named strain, shape=(d, d)."""
    if strain not in shear_strains(dimension):
        raise InputError(
            f"unknown strain {strain!r} in {dimension} dimensions (known: {', '.join(shear_strains(dimension))})"
        )
    kind, plane = strain.split("_")
    a, b = (AXES.index(axis) for axis in plane)
    generator = np.zeros((dimension, dimension))
    if kind == "simple":
        generator[a, b] = 1.0
    else:
        generator[a, a], generator[b, b] = 0.5, -0.5
    return generator


def _affine(interactions: Interactions, strain: str) -> tuple[float, np.ndarray]:
    """Second derivatives of the energy: twice in the strain, and in the strain and every place."""
    generator = strain_generator(interactions.dimension, strain)
    field = np.empty(interactions.size)
    curvature = contractions.affine_derivatives(
        interactions.i, interactions.j, interactions.vectors.reshape(-1), interactions.g1, interactions.g2,
        generator.reshape(-1), (generator @ generator).reshape(-1), field, interactions.box,
    )  # fmt: skip
    return curvature, field.reshape(interactions.n_particles, -1)


def mismatch_force(interactions: Interactions, strain: str) -> np.ndarray:
    """Xi = d2U / dgamma dx (after Eq. 29), per bond 4 g'' (x.delta) x + 2 g' delta, with delta = E x.

    Parameters
    ----------
    interactions : Interactions
    strain : str
        One of `shear_strains`.

    Returns
    -------
    ndarray, shape=(N, d)
        In units of energy / length; minus the forces that an affine strain brings about, per strain.

    Raises
    ------
    InputError
        Unknown strain.
    """
    return _affine(interactions, strain)[1]


def shear_strain_coupling(interactions: Interactions, z: np.ndarray, strain: str = "simple_xy") -> float:
    """nu(z) = Xi.z / (z.z)^(1/2) (after Eq. 29), how a mode couples to a strain; the sign is that of z.

    Parameters
    ----------
    interactions : Interactions
    z : ndarray, shape=(N, d)
        Of any norm.
    strain : str
        One of `shear_strains`; the tables of observables have that of the default.

    Returns
    -------
    float
        In units of energy / length (`Units.shear_strain_coupling`).

    Raises
    ------
    InputError
        Unknown strain, or a field of the wrong shape.
    """
    field = interactions.field(z)
    return float(np.vdot(mismatch_force(interactions, strain), field)) / float(np.sum(np.square(field))) ** 0.5


def affine_modulus(interactions: Interactions, strain: str) -> float:
    """Born term, d2U/dgamma2 / V of an affine deformation: sum 4 g'' (x.delta)^2 + 2 g' (delta.delta + x.E^2 x)."""
    return _affine(interactions, strain)[0] / interactions.volume


def _solve(interactions: Interactions, forces: np.ndarray, tolerance: float) -> np.ndarray:
    """M^+ f of several fields, shape=(n, N, d): a factorisation in 2D, conjugate gradients otherwise."""
    if interactions.dimension == 2:
        return solve_directly(interactions, forces)
    return solve_together(interactions, forces, tolerance)


def nonaffine_velocities(interactions: Interactions, tolerance: float = SOLVE_TOLERANCE) -> np.ndarray:
    """dx/dgamma at mechanical equilibrium, -M^+ Xi, for every strain of `shear_strains`; rattlers have none.

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
    InputError
        Tolerance not between 0 and 1.
    ArithmeticError
        In 2D, when M is not positive definite; in 3D and 4D, when the solver meets a direction of negative curvature;
        in a packing of which nothing is jammed.
    """
    check_tolerance(tolerance)
    every = shear_strains(interactions.dimension)
    backbone, kept = backbone_of(interactions)
    velocities = np.zeros((len(every), interactions.n_particles, interactions.dimension))
    forces = np.stack([mismatch_force(backbone, strain) for strain in every])
    velocities[:, kept] = _velocities(backbone, forces, tolerance)
    return velocities


def _independent(dimension: int) -> tuple[str, ...]:
    """Strains of which the others are differences: pure shear in the plane of a and b is that of x and b, less x and a."""
    return tuple(s for s in shear_strains(dimension) if s.startswith("simple") or s.startswith(f"pure_{AXES[0]}"))


def _of_every_strain(dimension: int, independent: np.ndarray) -> np.ndarray:
    """What depends linearly on E, for `shear_strains`, from what it is for the independent ones."""
    found = dict(zip(_independent(dimension), independent, strict=True))
    for strain in shear_strains(dimension):
        if strain not in found:
            a, b = tuple(strain.removeprefix("pure_"))
            found[strain] = found[f"pure_{AXES[0]}{b}"] - found[f"pure_{AXES[0]}{a}"]
    return np.stack([found[strain] for strain in shear_strains(dimension)])


def _velocities(interactions: Interactions, mismatch_forces: np.ndarray, tolerance: float) -> np.ndarray:
    strains = shear_strains(interactions.dimension)
    independent = [strains.index(strain) for strain in _independent(interactions.dimension)]
    return _of_every_strain(interactions.dimension, -_solve(interactions, mismatch_forces[independent], tolerance))


def shear_moduli(interactions: Interactions, velocities: np.ndarray | None = None) -> np.ndarray:
    """Athermal shear modulus of every strain: Born term plus (2 Xi.v + v.M.v) / V at the non-affine velocity.

    At v = -M^+ Xi the second term is -Xi.M^+.Xi; in this form it is stationary there. Rattlers bear nothing.

    Parameters
    ----------
    interactions : Interactions
        Of an inherent state.
    velocities : ndarray, shape=(n_strains, N, d), optional
        From `nonaffine_velocities`, if they are known already.

    Returns
    -------
    ndarray, shape=(n_strains,)
        In units of energy / length^d, in the order of `shear_strains`.

    Raises
    ------
    ArithmeticError
        When M is not positive definite, or nothing is jammed.
    """
    interactions, kept = backbone_of(interactions)
    affine = [_affine(interactions, strain) for strain in shear_strains(interactions.dimension)]
    born, mismatch_forces = np.array([curvature for curvature, _ in affine]), np.stack([field for _, field in affine])
    if velocities is None:
        velocities = _velocities(interactions, mismatch_forces, MODULUS_TOLERANCE)
    else:
        velocities = np.asarray(velocities)[:, kept]
    pairs = zip(mismatch_forces, velocities, strict=True)
    return (born + np.array([_relaxation(interactions, *pair) for pair in pairs])) / interactions.volume


def _relaxation(interactions: Interactions, force: np.ndarray, velocity: np.ndarray) -> float:
    """2 Xi.v + v.M.v"""
    return 2.0 * float(np.vdot(force, velocity)) + float(np.vdot(velocity, interactions.hessian_product(velocity)))


def shear_modulus(interactions: Interactions) -> float:
    """G, the mean of `shear_moduli` over all strains, in units of energy / length^d; errors as of that.

    Parameters
    ----------
    interactions : Interactions
        Of an inherent state.
    """
    return float(shear_moduli(interactions).mean())
