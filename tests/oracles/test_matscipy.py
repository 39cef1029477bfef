"""matscipy's inverse power law: energy, forces, pressure and Hessian of the polydisperse and the binary model."""

import numpy as np
import pytest

from nqe_core import Interactions, forces, hessian, mismatch_force, potential_energy, pressure

polydisperse = pytest.importorskip("matscipy.calculators.polydisperse")
ase = pytest.importorskip("ase")

# epsilon, cutoff, n_a, q, smallest and largest size; its potential is the same form for both models
PARAMETERS = {"poly3d": (1.0, 1.4, 0.1, 3, 1.0, 2.22), "ipl3d": (1.0, 1.48, 1.0 / 24.0, 3, 1.0, 1.4)}
CASES = [("poly3d", 300), ("ipl3d", 200)]


@pytest.fixture(params=CASES, ids=lambda case: case[0])
def pair(request, shaken):
    """(configuration, model, atoms): one system for both codes."""
    name, n_particles = request.param
    configuration, model = shaken(name, n_particles)
    atoms = ase.Atoms(
        "H" * n_particles, positions=configuration.positions, cell=[configuration.box_length] * 3, pbc=True
    )
    atoms.set_array("size", configuration.diameters)
    atoms.calc = polydisperse.Polydisperse(polydisperse.InversePowerLawPotential(*PARAMETERS[name]))
    return configuration, model, atoms


def test_coefficients(pair):
    _, model, atoms = pair
    np.testing.assert_allclose(model.potential[1:], atoms.calc.f.get_coeffs(), rtol=1e-14)


def test_energy_forces_and_pressure(pair):
    configuration, model, atoms = pair
    assert potential_energy(configuration, model) == pytest.approx(atoms.get_potential_energy(), rel=1e-12)
    wanted = atoms.get_forces()
    np.testing.assert_allclose(forces(configuration, model), wanted, rtol=0, atol=1e-11 * np.abs(wanted).max())
    assert pressure(configuration, model) == pytest.approx(-atoms.get_stress()[:3].mean(), rel=1e-12)


def test_hessian(pair):
    configuration, model, atoms = pair
    wanted = atoms.calc.get_hessian(atoms, "sparse").toarray()
    found = hessian(Interactions.of(configuration, model)).toarray()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * np.abs(wanted).max())


def test_nonaffine_forces(pair):
    """Theirs are the forces of an affine strain, ours the derivative of the gradient: opposite signs."""
    configuration, model, atoms = pair
    theirs = atoms.calc.get_property("nonaffine_forces", atoms)
    bonds = Interactions.of(configuration, model)
    found = mismatch_force(bonds, "pure_xy")
    wanted = -0.5 * (theirs[..., 0, 0] - theirs[..., 1, 1])
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-11 * np.abs(found).max())
