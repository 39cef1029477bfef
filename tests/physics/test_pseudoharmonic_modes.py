"""Pseudo-harmonic modes: they minimise (M:zz)^2 / sum (z_ij.z_ij)^2 and are nearly the quartic modes of the same spots."""

import numpy as np
import pytest
from small_glasses import SIZES

from nqe_core import find_pseudoharmonic_mode, find_quartic_mode, hessian, stiffness


@pytest.fixture(scope="session")
def pseudoharmonic(glasses, harmonic_mode):
    """`pseudoharmonic(name, seed=0)`: the mode downhill of the lowest harmonic one."""
    known = {}

    def get(name, seed=0):
        if (name, seed) not in known:
            known[name, seed] = find_pseudoharmonic_mode(glasses(name, seed).interactions, harmonic_mode(name, seed))
        return known[name, seed]

    return get


def spread(bonds, z):
    """sum over interacting pairs of (z_ij.z_ij)^2 and its gradient over four, by numpy alone."""
    z_ij = z[bonds.i] - z[bonds.j]
    c = np.einsum("ka,ka->k", z_ij, z_ij)
    field = np.zeros_like(z)
    np.add.at(field, bonds.i, c[:, None] * z_ij)
    np.subtract.at(field, bonds.j, c[:, None] * z_ij)
    return float(np.sum(c**2)), field


def cost(bonds, z):
    return float(z.ravel() @ (hessian(bonds) @ z.ravel())) ** 2 / spread(bonds, z)[0]


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("seed", range(3))
def test_mode_solves_its_equation(glasses, pseudoharmonic, name, seed):
    """M.z = (kappa / D) F, with M a matrix and the sums over pairs by numpy."""
    bonds, mode = glasses(name, seed).interactions, pseudoharmonic(name, seed)
    z = mode.mode
    assert mode.converged
    left = (hessian(bonds) @ z.ravel()).reshape(z.shape)
    d, field = spread(bonds, z)
    residual = np.linalg.norm(left - stiffness(bonds, z) / d * field) / np.linalg.norm(left)
    assert residual <= 1e-8
    assert mode.residual == pytest.approx(residual, abs=1e-11)


@pytest.mark.parametrize("name", SIZES)
def test_mode_is_a_minimum(glasses, harmonic_mode, pseudoharmonic, unit_field, name):
    bonds, z = glasses(name).interactions, pseudoharmonic(name).mode
    least = cost(bonds, z)
    assert least < cost(bonds, harmonic_mode(name))
    for seed in range(5):
        assert cost(bonds, z + 0.02 * unit_field(*z.shape, seed)) > least


@pytest.mark.parametrize("name", SIZES)
def test_minimisers_agree(glasses, harmonic_mode, pseudoharmonic, name):
    """The conjugate gradient takes other steps; in these glasses it comes to the same minimum."""
    other = find_pseudoharmonic_mode(glasses(name).interactions, harmonic_mode(name), method="macopt")
    assert other.converged
    assert 1.0 - abs(np.vdot(other.mode, pseudoharmonic(name).mode)) < 1e-6


@pytest.mark.parametrize("name", SIZES)
def test_quartic_mode_of_the_same_spot_is_near(glasses, pseudoharmonic, name):
    """The two cost functions have minima side by side: from one mode the other is a short way downhill."""
    bonds, mode = glasses(name).interactions, pseudoharmonic(name)
    quartic = find_quartic_mode(bonds, mode.mode)
    assert quartic.converged
    assert abs(np.vdot(quartic.mode, mode.mode)) > 0.9
    # neither knows the other's cost function: each is the lower one in its own
    assert cost(bonds, mode.mode) < cost(bonds, quartic.mode)
