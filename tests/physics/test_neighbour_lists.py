"""Neighbour lists against all pairs and all images, and what energies must not depend on."""

import math
from dataclasses import replace

import brute_force
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nqe_core import MODELS, Configuration, Interactions, force_ratio, forces, potential_energy, pressure, quench
from nqe_core.configuration import minimum_image
from nqe_core.energy import PairList, _longest_row
from nqe_core.kernels.neighbors import cells_per_side

# particles enough for cells, and so few that all pairs are searched
WITH_CELLS = {"ipl2d": 300, "ipl3d": 700, "ipl4d": 1350, "poly3d": 900}
ALL_PAIRS = {"ipl2d": 20, "ipl3d": 100, "ipl4d": 260, "poly3d": 200}


def gas(name, n_particles, seed=0, smallest_gap=0.75):
    """Positions without close pairs, up to two boxes outside the box; energies of order one."""
    model = MODELS[name]
    rng = np.random.default_rng([seed, n_particles])
    length = model.box_length(n_particles)
    side = int(np.ceil(n_particles ** (1 / model.dimension)))
    lattice = np.stack(np.meshgrid(*[np.arange(side)] * model.dimension), axis=-1).reshape(-1, model.dimension)
    lattice = lattice[rng.permutation(len(lattice))[:n_particles]] * (length / side)
    jitter = rng.uniform(-0.5, 0.5, lattice.shape) * (length / side) * (1 - smallest_gap)
    images = length * rng.integers(-2, 3, lattice.shape)
    return Configuration(lattice + jitter + images, model.draw_diameters(n_particles, rng), length), model


def listed(pairs: PairList) -> set:
    """Pairs of the list as sorted tuples of original indices; every pair at most once."""
    first = pairs.order[np.repeat(np.arange(pairs.order.size), np.diff(pairs.start.astype(np.int64)))]
    second = pairs.order[pairs.partner]
    found = [tuple(sorted(pair)) for pair in zip(first.tolist(), second.tolist(), strict=True)]
    assert len(found) == len(set(found))
    return set(found)


def expected(configuration, model, skin):
    """All pairs whose nearest images are closer than x_c lambda_ij + skin."""
    i, j = np.triu_indices(configuration.n_particles, 1)
    x = minimum_image(configuration.positions[i] - configuration.positions[j], configuration.box_length)
    lam = brute_force.pair_lambda(configuration.diameters[i], configuration.diameters[j], model.nonadditivity)
    near = np.linalg.norm(x, axis=1) < model.cutoff * lam + skin
    return set(zip(i[near].tolist(), j[near].tolist(), strict=True))


@pytest.mark.parametrize("skin", [0.0, 0.05])
@pytest.mark.parametrize(
    ("name", "n_particles"), [(n, k) for sizes in (WITH_CELLS, ALL_PAIRS) for n, k in sizes.items()]
)
def test_lists_every_pair_once(name, n_particles, skin):
    configuration, model = gas(name, n_particles)
    n_cells = cells_per_side(configuration.box, model.cutoff * configuration.diameters.max() + skin)
    assert (n_cells > 1) == (n_particles == WITH_CELLS[name])
    pairs = PairList.of(configuration, model, skin)
    assert listed(pairs) == expected(configuration, model, skin)
    first = pairs.order[np.repeat(np.arange(pairs.order.size), np.diff(pairs.start.astype(np.int64)))]
    a, b = configuration.diameters[first], configuration.diameters[pairs.order[pairs.partner]]
    np.testing.assert_allclose(
        pairs.inverse_lambda2, brute_force.pair_lambda(a, b, model.nonadditivity) ** -2.0, rtol=1e-14
    )


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    dimension=st.sampled_from([2, 3, 4]),
    n_particles=st.integers(2, 120),
    skin=st.floats(0.0, 1.0),
    widths=st.floats(2.0, 5.5),
    seed=st.integers(0, 10_000),
)
def test_any_box_any_skin(dimension, n_particles, skin, widths, seed):
    """Random points in a box of any width from two cutoffs on, some on the box's faces."""
    model = MODELS[f"ipl{dimension}d"]
    rng = np.random.default_rng(seed)
    diameters = rng.choice([1.0, 1.4], n_particles)
    length = widths * model.cutoff * diameters.max() * (1 + 1e-12)
    positions = rng.random((n_particles, dimension)) * length
    on_a_face = rng.random(positions.shape) < 0.1
    positions[on_a_face] = rng.choice([0.0, length, -1e-17, np.nextafter(length, 0)], on_a_face.sum())
    configuration = Configuration(positions, diameters, length)
    assert listed(PairList.of(configuration, model, skin)) == expected(configuration, model, skin)


@pytest.mark.parametrize(
    ("name", "n_particles"), [(n, k) for sizes in (WITH_CELLS, ALL_PAIRS) for n, k in sizes.items()]
)
def test_energy_forces_and_pressure_are_the_sums_over_all_pairs(name, n_particles):
    configuration, model = gas(name, n_particles)
    pairs = brute_force.Pairs(configuration.positions, configuration.diameters, configuration.box_length, model)
    gradient = pairs.gradient()
    assert potential_energy(configuration, model) == pytest.approx(pairs.energy(), rel=1e-12)
    np.testing.assert_allclose(forces(configuration, model), -gradient, rtol=0, atol=1e-11 * np.abs(gradient).max())
    virial = pairs.pair_virial() / (model.dimension * configuration.volume)
    assert pressure(configuration, model) == pytest.approx(virial, rel=1e-12)
    r = np.linalg.norm(pairs.vectors(), axis=1)
    pair_forces = brute_force.pair_energy(r / pairs.lam, model.cutoff, 1) / pairs.lam
    ratio = np.sqrt(np.sum(gradient**2) / np.sum(pair_forces**2))
    assert force_ratio(configuration, model) == pytest.approx(ratio, rel=1e-10)


def test_particles_at_one_place_are_not_in_equilibrium():
    configuration, model = gas("ipl2d", ALL_PAIRS["ipl2d"])
    positions = configuration.positions.copy()
    positions[1] = positions[0]
    assert force_ratio(Configuration(positions, configuration.diameters, configuration.box_length), model) == math.inf


@pytest.mark.parametrize("function", [potential_energy, force_ratio, Interactions.of, quench], ids=lambda f: f.__name__)
def test_a_collapsed_configuration_is_a_numerical_error(function):
    """One sample fails, not its chunk (`jobs.NUMERICAL_ERRORS`)."""
    model, n, rng = MODELS["ipl2d"], 2200, np.random.default_rng(3)
    crowd = Configuration(0.1 + 0.1 * rng.random((n, 2)), np.ones(n), model.box_length(n))
    with pytest.raises(ArithmeticError, match="more than 2048 partners"):
        function(crowd, model)


@pytest.mark.parametrize("name", ["ipl2d", "ipl3d", "ipl4d"])
def test_no_row_is_expected_shorter_than_it_is(name):
    """Many partners each, one size: the longest row is what is expected at most, give or take what chance does."""
    model = replace(MODELS[name], cutoff={2: 8.0, 3: 3.5, 4: 2.2}[MODELS[name].dimension], largest_diameter=1.0)
    n = math.ceil(3.0**model.dimension * model.cutoff**model.dimension * model.number_density)
    box_length, rng = model.box_length(n), np.random.default_rng(6)
    gas = Configuration(box_length * rng.random((n, model.dimension)), np.ones(n), box_length)
    expected = _longest_row(gas, model, model.cutoff)
    longest = np.diff(PairList.of(gas, model).start.astype(int)).max()
    assert 0.95 * expected < longest < expected + 5.0 * np.sqrt(expected)


def test_bonds_are_the_interacting_pairs(glass):
    """Interactions lists exactly the pairs within the cutoff, with x_ij = x_i - x_j of the nearest images."""
    c, bonds = glass.configuration, glass.interactions
    found = {tuple(sorted(pair)) for pair in zip(bonds.i.tolist(), bonds.j.tolist(), strict=True)}
    assert len(found) == bonds.n_bonds
    assert found == expected(c, glass.model, 0.0)
    x = minimum_image(c.positions[bonds.i] - c.positions[bonds.j], c.box_length)
    np.testing.assert_array_equal(bonds.vectors, x)
    assert np.abs(bonds.vectors).max() <= 0.5 * c.box_length


def test_order_of_particles_does_not_matter(glass):
    c, model = glass.liquid, glass.model
    shuffle = np.random.default_rng(3).permutation(c.n_particles)
    other = Configuration(c.positions[shuffle], c.diameters[shuffle], c.box_length)
    f = forces(c, model)
    np.testing.assert_allclose(forces(other, model), f[shuffle], rtol=0, atol=1e-12 * np.abs(f).max())
    assert potential_energy(other, model) == pytest.approx(potential_energy(c, model), rel=1e-13)


def transformed(c, kind):
    """The same glass, looked at differently; returns it and the matrix that turns vectors."""
    d = c.dimension
    rng = np.random.default_rng(4)
    turn = np.eye(d)
    positions = c.positions
    if kind == "images":
        positions = positions + c.box_length * rng.integers(-3, 4, positions.shape)
    elif kind == "translation":
        positions = positions + rng.uniform(-20, 20, d)
    elif kind == "quarter turn":
        turn[:2, :2] = [[0.0, -1.0], [1.0, 0.0]]
    elif kind == "mirror":
        turn[0, 0] = -1.0
    elif kind == "swapped axes":
        turn = turn[::-1]
    return Configuration(positions @ turn.T, c.diameters, c.box_length), turn


@pytest.mark.parametrize("kind", ["images", "translation", "quarter turn", "mirror", "swapped axes"])
def test_symmetries_of_the_periodic_cube(glass, kind):
    c, model = glass.liquid, glass.model
    other, turn = transformed(c, kind)
    # coordinates of up to 3 L lose a digit or so against those inside the box
    assert potential_energy(other, model) == pytest.approx(potential_energy(c, model), rel=1e-12)
    assert pressure(other, model) == pytest.approx(pressure(c, model), rel=1e-12)
    f = forces(c, model)
    np.testing.assert_allclose(forces(other, model), f @ turn.T, rtol=0, atol=1e-11 * np.abs(f).max())
    assert Interactions.of(other, model).n_bonds == Interactions.of(c, model).n_bonds


def test_wrapping_puts_everyone_in_the_box():
    model = MODELS["ipl2d"]
    length = model.box_length(40)
    positions = np.random.default_rng(0).uniform(-3 * length, 3 * length, (40, 2))
    positions[0] = [-1e-18, length]  # a tiny negative coordinate plus L rounds to L itself
    inside = Configuration(positions, np.ones(40), length).wrapped().positions
    assert (inside >= 0).all()
    assert (inside < length).all()
    moved = (positions - inside) / length
    np.testing.assert_allclose(moved, np.rint(moved), atol=1e-12)
