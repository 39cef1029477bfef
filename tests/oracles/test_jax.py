"""Automatic differentiation of the potential energy: M.z, U3:zz and U4:zzz without any formula for them."""

import numpy as np
import pytest

from nqe_core import Interactions, forces, potential_energy

jax = pytest.importorskip("jax")
jax.config.update("jax_enable_x64", True)
jnp = jax.numpy


def energy_function(configuration, model):
    """U of the positions, over all pairs with nearest images and the potential in r."""
    i, j = np.triu_indices(configuration.n_particles, 1)
    a, b = configuration.diameters[i], configuration.diameters[j]
    lam = 0.5 * (a + b) * (1.0 - model.nonadditivity * np.abs(a - b))
    c = [float(value) for value in model.potential[1:]]
    length = configuration.box_length

    def energy(positions):
        x = positions[i] - positions[j]
        x = x - length * jax.lax.stop_gradient(jnp.rint(x / length))
        r = jnp.sqrt(jnp.sum(x * x, axis=1)) / lam
        phi = r**-10.0 + c[0] + c[1] * r**2 + c[2] * r**4 + c[3] * r**6
        return jnp.sum(jnp.where(r < model.cutoff, phi, 0.0))

    return energy


def along(function, z):
    """x -> d/dt function(x + t z) at t = 0."""
    return lambda x: jax.jvp(function, (x,), (z,))[1]


@pytest.mark.parametrize(("name", "n_particles"), [("ipl2d", 40), ("ipl3d", 70), ("ipl4d", 240), ("poly3d", 140)])
def test_fields_are_derivatives_of_the_energy(shaken, name, n_particles):
    configuration, model = shaken(name, n_particles)
    energy = energy_function(configuration, model)
    x = jnp.asarray(configuration.positions)
    z = np.random.default_rng(1).standard_normal(configuration.positions.shape)
    z /= np.linalg.norm(z)
    gradient = jax.grad(energy)
    second = along(gradient, z)
    third = along(second, z)
    fourth = along(third, z)
    everything = jax.jit(lambda p: (energy(p), gradient(p), second(p), third(p), fourth(p)))
    value, first, *fields = (np.asarray(part) for part in everything(x))

    assert potential_energy(configuration, model) == pytest.approx(float(value), rel=1e-13)
    np.testing.assert_allclose(forces(configuration, model), -first, rtol=0, atol=1e-12 * np.abs(first).max())
    bonds = Interactions.of(configuration, model)
    ours = (bonds.hessian_product(z), bonds.cubic_field(z), bonds.quartic_field(z))
    for found, wanted in zip(ours, fields, strict=True):
        assert np.linalg.norm(found - wanted) < 1e-12 * np.linalg.norm(wanted)
    assert bonds.cubic_scalars(z)[1] == pytest.approx(np.sum(fields[1] * z), abs=1e-12 * np.linalg.norm(fields[1]))
    assert bonds.quartic_scalars(z)[1] == pytest.approx(np.sum(fields[2] * z), rel=1e-11)
