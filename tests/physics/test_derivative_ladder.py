"""U, forces, M.z, U3:zz, U4:zzz and their scalars: each rung against differences of the one below, and Eq. C2."""

import brute_force
import numpy as np
import pytest

from nqe_core import (
    Configuration,
    Interactions,
    cubic_coefficient,
    forces,
    hessian,
    participation_ratio,
    potential_energy,
    quartic_coefficient,
    stiffness,
)
from nqe_core.mode_energies import CubicEnergy, PseudoharmonicEnergy, QuarticEnergy


def displaced(glass, z, h):
    c = glass.liquid
    return Configuration(c.positions + h * z, c.diameters, c.box_length)


@pytest.fixture
def liquid(glass):
    """The bonds of the hot liquid: forces do not vanish there, so that every term of every formula counts."""
    return Interactions.of(glass.liquid, glass.model)


@pytest.fixture
def z(glass, unit_field):
    return unit_field(glass.liquid.n_particles, glass.model.dimension, seed=11)


def close(found, wanted, share):
    """Difference of two fields, against the size of the field."""
    return np.linalg.norm(found - wanted) <= share * np.linalg.norm(wanted)


def difference(function, h):
    """Central difference at 0, with the h^2 error taken out."""
    coarse = (function(2 * h) - function(-2 * h)) / (4 * h)
    fine = (function(h) - function(-h)) / (2 * h)
    return fine + (fine - coarse) / 3.0


def test_forces_are_minus_the_slope_of_the_energy(glass, z):
    # U ~ 2e3 has 13 digits after the point at most: with h = 1e-3 the slope keeps ten
    slope = difference(lambda h: potential_energy(displaced(glass, z, h), glass.model), 1e-3)
    assert slope == pytest.approx(-np.sum(forces(glass.liquid, glass.model) * z), rel=1e-8)


def test_every_force_component(glass):
    """Not only along one field: some particles, each component by itself."""
    f = forces(glass.liquid, glass.model)
    for i in (0, glass.liquid.n_particles // 2):
        for a in range(glass.model.dimension):
            z = np.zeros_like(f)
            z[i, a] = 1.0
            slope = difference(lambda h, z=z: potential_energy(displaced(glass, z, h), glass.model), 1e-4)
            assert slope == pytest.approx(-f[i, a], abs=1e-7 * np.abs(f).max())


def test_hessian_is_the_slope_of_the_forces(glass, liquid, z):
    slope = difference(lambda h: -forces(displaced(glass, z, h), glass.model), 1e-4)
    assert close(liquid.hessian_product(z), slope, 1e-9)


def same_bonds(glass, z, h):
    """True when no pair crosses the cutoff: g'''' jumps there, and the third derivative has a kink."""
    sets = [Interactions.of(displaced(glass, z, t), glass.model) for t in (-h, 0.0, h)]
    pairs = [set(zip(np.minimum(b.i, b.j).tolist(), np.maximum(b.i, b.j).tolist(), strict=True)) for b in sets]
    return pairs[0] == pairs[1] == pairs[2]


def quiet_step(glass, z, h):
    """The largest step below `h` over which no pair crosses the cutoff (2 h is the widest point of `difference`)."""
    while not same_bonds(glass, z, 2 * h):
        h /= 2
    # rounding over h must stay small enough for the tolerance below
    assert h > 2e-6
    return h


def test_cubic_field_is_the_slope_of_the_hessian(glass, liquid, z):
    h = quiet_step(glass, z, 1e-4)
    slope = difference(lambda t: Interactions.of(displaced(glass, z, t), glass.model).hessian_product(z), h)
    assert close(liquid.cubic_field(z), slope, 1e-7)


def test_quartic_field_is_the_slope_of_the_cubic_field(glass, liquid, z):
    h = quiet_step(glass, z, 1e-4)
    slope = difference(lambda t: Interactions.of(displaced(glass, z, t), glass.model).cubic_field(z), h)
    assert close(liquid.quartic_field(z), slope, 1e-7)


def test_scalars_are_contractions_of_the_fields(liquid, z):
    kappa, tau = liquid.cubic_scalars(z)
    kappa_again, chi = liquid.quartic_scalars(z)
    assert kappa == pytest.approx(np.sum(liquid.hessian_product(z) * z), rel=1e-12)
    assert kappa_again == pytest.approx(kappa, rel=1e-12)
    size = np.linalg.norm(liquid.cubic_field(z))  # tau may nearly vanish by symmetry
    assert tau == pytest.approx(np.sum(liquid.cubic_field(z) * z), abs=1e-12 * size)
    assert chi == pytest.approx(np.sum(liquid.quartic_field(z) * z), rel=1e-12)


def test_weighted_fields_are_the_sums_they_say(liquid, z):
    m, u3, u4 = liquid.hessian_product(z), liquid.cubic_field(z), liquid.quartic_field(z)
    assert close(liquid.cubic_field(z, 0.7, -1.3), 0.7 * m - 1.3 * u3, 1e-13)
    assert close(liquid.quartic_field(z, 0.7, -1.3), 0.7 * m - 1.3 * u4, 1e-13)


def test_quartic_coefficient_is_equation_c2(glass, unit_field):
    """chi of the paper's Appendix C, with phi' to phi'''' in r and the bonds found by brute force."""
    c, model = glass.configuration, glass.model
    z = unit_field(c.n_particles, c.dimension, seed=2)
    pairs = brute_force.Pairs(c.positions, c.diameters, c.box_length, model)
    x = pairs.vectors()
    r = np.linalg.norm(x, axis=1)
    p1, p2, p3, p4 = (brute_force.pair_energy(r / pairs.lam, model.cutoff, k) / pairs.lam**k for k in (1, 2, 3, 4))
    z_ij = z[pairs.i] - z[pairs.j]
    xz, zz = np.einsum("ka,ka->k", x, z_ij), np.einsum("ka,ka->k", z_ij, z_ij)
    first = (p4 / r**4 - 6 * p3 / r**5 + 15 * p2 / r**6 - 15 * p1 / r**7) * xz**4
    second = 6 * (p3 / r**3 - 3 * p2 / r**4 + 3 * p1 / r**5) * xz**2 * zz
    third = 3 * (p2 / r**2 - p1 / r**3) * zz**2
    assert quartic_coefficient(glass.interactions, z) == pytest.approx(np.sum(first + second + third), rel=1e-12)


def test_hessian_matrix(glass, liquid, z):
    matrix = hessian(liquid)
    assert close((matrix @ z.ravel()).reshape(z.shape), liquid.hessian_product(z), 1e-13)
    dense = matrix.toarray()
    largest = np.abs(dense).max()
    # (a b) c and (b a) c: symmetric to the last digit but one
    np.testing.assert_allclose(dense, dense.T, rtol=0, atol=1e-15 * largest)
    d = glass.model.dimension
    blocks = np.array([dense[d * i : d * i + d, d * i : d * i + d] for i in range(liquid.n_particles)])
    np.testing.assert_array_equal(blocks, liquid.diagonal_blocks())
    c = glass.liquid
    other = brute_force.Pairs(c.positions, c.diameters, c.box_length, glass.model).hessian()
    np.testing.assert_allclose(dense, other, rtol=0, atol=1e-12 * largest)


def test_translations_cost_nothing(liquid, glass, z):
    """M, U3 and U4 of a uniform field vanish, and adding one to z changes no contraction but through the norm."""
    shift = np.random.default_rng(1).standard_normal(glass.model.dimension)
    uniform = np.tile(shift, (liquid.n_particles, 1))
    for field in (liquid.hessian_product, liquid.cubic_field, liquid.quartic_field):
        # z_ij of a uniform field is zero exactly, and so are the sums
        assert not field(uniform).any()
        moved = field(z + 0.3 * uniform)
        assert close(moved, field(z), 1e-11)
    for scalars in (liquid.cubic_scalars, liquid.quartic_scalars):
        np.testing.assert_allclose(scalars(z + 0.3 * uniform), scalars(z), rtol=1e-10)


def test_fields_do_not_move_the_centre(liquid, z):
    """Newton's third law, order by order: every field sums to zero over the particles."""
    for field in (liquid.hessian_product, liquid.cubic_field, liquid.quartic_field):
        out = field(z)
        assert np.abs(out.sum(axis=0)).max() < 1e-12 * np.abs(out).sum()


def test_coefficients_do_not_know_the_norm(glass, unit_field):
    bonds = glass.interactions
    z = unit_field(bonds.n_particles, bonds.dimension, seed=4)
    for coefficient in (stiffness, cubic_coefficient, quartic_coefficient):
        for scale in (1e-6, 3.0, 1e5):
            assert coefficient(bonds, scale * z) == pytest.approx(coefficient(bonds, z), rel=1e-12)
    assert cubic_coefficient(bonds, -z) == pytest.approx(-cubic_coefficient(bonds, z), rel=1e-12)
    assert quartic_coefficient(bonds, -z) == pytest.approx(quartic_coefficient(bonds, z), rel=1e-12)


@pytest.mark.parametrize("energy_of", [QuarticEnergy, CubicEnergy, PseudoharmonicEnergy])
def test_gradients_of_the_mode_energies(glass, harmonic_mode, unit_field, energy_of):
    """grad ln E4, grad ln E3 and grad ln C at |z| = 1, in every direction: scale-free functions have no slope along z."""
    bonds = glass.interactions
    noise = unit_field(bonds.n_particles, bonds.dimension, seed=6)
    z = harmonic_mode(glass.model.name) + 0.1 * noise
    z = ((z - z.mean(axis=0)) / np.linalg.norm(z - z.mean(axis=0))).ravel()
    energy = energy_of(bonds)
    energy.value(z)
    gradient = energy.gradient(z)
    assert abs(gradient @ z) < 1e-12 * np.linalg.norm(gradient)
    for seed in range(3):
        w = unit_field(bonds.n_particles, bonds.dimension, seed=seed).ravel()
        slope = difference(lambda h, w=w: energy.value(z + h * w), 1e-4)
        assert slope == pytest.approx(gradient @ w, abs=1e-8 * np.linalg.norm(gradient))


@pytest.mark.parametrize("energy_of", [QuarticEnergy, CubicEnergy, PseudoharmonicEnergy])
def test_mode_energies_do_not_know_norm_or_translation(glass, harmonic_mode, energy_of):
    energy, z = energy_of(glass.interactions), harmonic_mode(glass.model.name)
    value = energy.value(z.ravel())
    uniform = np.full_like(z, 0.2).ravel()
    assert energy.value(7.0 * z.ravel()) == pytest.approx(value, abs=1e-11)
    assert energy.value(z.ravel() + uniform) == pytest.approx(value, abs=1e-10)
    assert energy.value(-z.ravel()) == pytest.approx(value, abs=1e-12)


def test_participation_ratio_limits():
    """1 for a field equal everywhere, 1/N for one particle, m/N for m of them."""
    z = np.ones((50, 3))
    assert participation_ratio(z) == pytest.approx(1.0, rel=1e-14)
    for m in (1, 7):
        z = np.zeros((50, 3))
        z[:m, 1] = -2.0
        assert participation_ratio(z) == pytest.approx(m / 50, rel=1e-14)


def test_fields_of_small_integers_do_not_overflow(liquid, glass):
    """Their squares would: a field of 200s in 16 bits had a negative participation ratio."""
    z = np.random.default_rng(5).integers(-200, 200, glass.liquid.positions.shape)
    for number in (stiffness, cubic_coefficient, quartic_coefficient):
        assert number(liquid, z.astype(np.int16)) == number(liquid, z.astype(float))
    assert participation_ratio(z.astype(np.int16)) == participation_ratio(z.astype(float))
