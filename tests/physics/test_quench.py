"""Inherent states: mechanical equilibrium, the same minimum as other minimisers', and honest failures."""

import brute_force
import numpy as np
import pytest
import scipy.optimize
from small_glasses import SIZES, random_positions

from nqe_core import MODELS, Configuration, Interactions, forces, potential_energy, quench
from nqe_core.configuration import minimum_image
from nqe_core.fire import FORCE_TOLERANCE

SAMPLES = 4


def distance(one, other):
    """Largest difference of two configurations' coordinates, up to a uniform translation."""
    x = minimum_image(one.positions - other.positions, one.box_length)
    x -= x[0]
    x = minimum_image(x, one.box_length)
    return np.abs(x - x.mean(axis=0)).max()


def test_ends_in_mechanical_equilibrium(glass):
    result = glass.quenched
    c = result.configuration
    assert result.converged
    assert result.force_ratio <= FORCE_TOLERANCE
    pairs = brute_force.Pairs(c.positions, c.diameters, c.box_length, glass.model)
    r = np.linalg.norm(pairs.vectors(), axis=1)
    pair_forces = brute_force.pair_energy(r / pairs.lam, glass.model.cutoff, 1) / pairs.lam
    ratio = np.linalg.norm(pairs.gradient()) / np.linalg.norm(pair_forces)
    # both sums round differently, at about 1e-13 of a pair force per particle
    assert ratio == pytest.approx(result.force_ratio, abs=1e-12)
    assert result.energy == pytest.approx(pairs.energy() / pairs.n, rel=1e-12)
    assert result.pressure == pytest.approx(pairs.pair_virial() / (c.dimension * c.volume), rel=1e-12)
    # a minimum, not a saddle: d zero modes of translation, everything else stiff
    eigenvalues = np.linalg.eigvalsh(pairs.hessian())
    assert np.abs(eigenvalues[: c.dimension]).max() < 1e-9
    assert eigenvalues[c.dimension] > 1e-3


def test_goes_downhill_and_keeps_the_particles(glass):
    liquid, result = glass.liquid, glass.quenched
    assert result.energy < potential_energy(liquid, glass.model) / liquid.n_particles
    assert result.energy == pytest.approx(potential_energy(result.configuration, glass.model) / liquid.n_particles)
    np.testing.assert_array_equal(result.configuration.diameters, liquid.diameters)
    assert result.configuration.box_length == liquid.box_length
    # particle i is still particle i: most move by less than a diameter on the way down
    moved = minimum_image(result.configuration.positions - liquid.positions, liquid.box_length)
    assert np.median(np.linalg.norm(moved, axis=1)) < 1.0
    # forces sum to zero, so that the centre of mass stays
    np.testing.assert_allclose(moved.mean(axis=0), 0.0, atol=1e-9)


def test_an_inherent_state_stays_where_it_is(glass):
    again = quench(glass.configuration, glass.model)
    assert again.converged
    assert distance(again.configuration, glass.configuration) < 1e-9
    assert again.energy == pytest.approx(glass.quenched.energy, rel=1e-14)


def test_same_call_same_bits(glass):
    again = quench(glass.liquid, glass.model)
    np.testing.assert_array_equal(again.configuration.positions, glass.configuration.positions)
    assert again.force_evaluations == glass.quenched.force_evaluations


@pytest.mark.parametrize("name", ["ipl2d", "ipl3d", "poly3d"])
def test_same_minimum_as_a_trust_region_method(glasses, name):
    """Started near by: SciPy's trust-exact, with the dense Hessian of the brute-force code."""
    glass = glasses(name, n_particles={"ipl2d": 100, "ipl3d": 80, "poly3d": 140}[name])
    c, model = glass.configuration, glass.model
    noise = np.random.default_rng(8).normal(scale=0.01, size=c.positions.shape)
    start = c.positions + noise - noise.mean(axis=0)
    pairs = brute_force.Pairs(start, c.diameters, c.box_length, model, slack=0.05)
    (n, d), springs = start.shape, np.kron(np.full((len(start), len(start)), 1.0 / len(start)), np.eye(start.shape[1]))

    def centre(x):
        return (x.reshape(n, d) - pairs.inside).mean(axis=0)

    # springs hold the centre of mass where forces leave it: trust-exact may never return from a singular Hessian
    # (scipy issue 12513), which that of the translations is
    found = scipy.optimize.minimize(
        lambda x: pairs.energy(x.reshape(n, d)) + 0.5 * n * np.sum(centre(x) ** 2), pairs.inside.ravel(),
        jac=lambda x: (pairs.gradient(x.reshape(n, d)) + centre(x)).ravel(),
        hess=lambda x: pairs.hessian(x.reshape(n, d)) + springs, method="trust-exact", options={"gtol": 1e-9},
    )  # fmt: skip
    other = Configuration(found.x.reshape(n, d), c.diameters, c.box_length)
    ours = quench(Configuration(start, c.diameters, c.box_length), model)
    assert ours.converged
    assert ours.energy == pytest.approx(found.fun / c.n_particles, rel=1e-13)
    # gradient 1e-9 over the softest stiffness
    assert distance(ours.configuration, other) < 1e-8
    assert distance(ours.configuration, c) < 1e-8


@pytest.mark.parametrize("name", SIZES)
def test_polish_changes_the_speed_only(glasses, name):
    """Newton's method at the end reaches the inherent state that FIRE alone reaches, with fewer evaluations."""
    saved = 0
    for seed in range(SAMPLES):
        glass = glasses(name, seed)
        by_fire = quench(glass.liquid, glass.model, polish=False)
        assert by_fire.converged
        assert distance(by_fire.configuration, glass.configuration) < 1e-7
        saved += by_fire.force_evaluations - glass.quenched.force_evaluations
    assert saved > 0


@pytest.mark.parametrize("polish", [True, False])
@pytest.mark.parametrize("name", SIZES)
def test_random_positions_with_overlapping_cores(name, polish):
    model = MODELS[name]
    start = random_positions(model, SIZES[name], seed=21)
    result = quench(start, model, polish=polish)
    assert result.converged
    assert np.isfinite(result.configuration.positions).all()
    assert (result.configuration.positions >= 0).all()
    assert (result.configuration.positions < start.box_length).all()


@pytest.mark.parametrize("budget", [1, 10, 200])
def test_too_few_evaluations_are_reported(glasses, budget):
    glass = glasses("ipl3d")
    result = quench(glass.liquid, glass.model, max_evaluations=budget)
    assert not result.converged
    assert result.force_evaluations <= budget
    assert result.force_ratio > FORCE_TOLERANCE
    assert result.energy <= potential_energy(glass.liquid, glass.model) / glass.liquid.n_particles + 1e-9


def test_tolerance_is_what_it_says(glasses):
    glass = glasses("ipl3d")
    before = np.inf
    for tolerance in (1e-2, 1e-4, 1e-8):
        result = quench(glass.liquid, glass.model, tolerance=tolerance)
        assert result.converged
        assert result.force_ratio <= tolerance < before
        before = result.force_ratio


def test_two_particles_at_one_point_are_a_failure_not_a_crash(glasses):
    c, model = glasses("ipl3d").configuration, glasses("ipl3d").model
    positions = c.positions.copy()
    positions[1] = positions[0]
    result = quench(Configuration(positions, c.diameters, c.box_length), model)
    assert not result.converged
    assert np.isnan(result.energy)


def test_two_particles_push_each_other_out_of_reach():
    """The whole potential in one pair: they stop where the force ends."""
    model = MODELS["ipl2d"]
    start = Configuration(np.array([[5.0, 5.0], [5.6, 5.8]]), np.array([1.0, 1.4]), 12.0)
    result = quench(start, model)
    assert result.converged
    assert result.energy == pytest.approx(0.0, abs=1e-12)
    x = result.configuration.positions
    assert np.linalg.norm(x[1] - x[0]) >= 1.18 * model.cutoff * (1 - 1e-3)


def test_input_is_left_alone_and_the_clock_is_heard(glasses):
    glass = glasses("ipl2d")
    before = glass.liquid.positions.copy()
    calls = []
    quench(glass.liquid, glass.model, between_blocks=lambda: calls.append(1))
    np.testing.assert_array_equal(glass.liquid.positions, before)
    assert len(calls) >= 2

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quench(glass.liquid, glass.model, between_blocks=stop)


@pytest.mark.parametrize(
    ("name", "energy", "pressure", "neighbours"), [("ipl2d", 3.946, 19.69, 6.53), ("ipl3d", 5.788, 18.90, 16.6)]
)
def test_inherent_states_look_like_those_of_large_systems(glasses, name, energy, pressure, neighbours):
    """Means over a few small samples, loosely: the reference values are of N = 2000-4000 and long equilibrations."""
    samples = [glasses(name, seed) for seed in range(SAMPLES)]
    bonds = [2.0 * Interactions.of(g.configuration, g.model).n_bonds / g.configuration.n_particles for g in samples]
    # one sample of this size scatters by about 0.03, 0.1 and 0.05
    assert np.mean([g.quenched.energy for g in samples]) == pytest.approx(energy, abs=0.06)
    assert np.mean([g.quenched.pressure for g in samples]) == pytest.approx(pressure, abs=0.25)
    assert np.mean(bonds) == pytest.approx(neighbours, abs=0.25)


def test_liquid_is_not_in_equilibrium(glass):
    """The fixture's liquid does exert forces: the tests above start from something."""
    assert np.abs(forces(glass.liquid, glass.model)).max() > 10.0
