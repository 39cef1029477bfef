"""Samplers that start from overlapping particles: they end in the liquid, and the energy they report is its energy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nqe_core.configuration import Configuration
from nqe_core.energy import potential_energy
from nqe_core.errors import InputError
from nqe_core.kernels import monte_carlo as kernel
from nqe_core.models import MODELS, get_model
from nqe_core.swap_monte_carlo import SAMPLERS, equilibrate, initial_configuration
from nqe_core.swap_monte_carlo.hybrid import OVERLAP, HybridWalker, largest_pair_energy, without_overlaps
from nqe_core.swap_monte_carlo.metropolis import MetropolisWalker
from nqe_core.swap_monte_carlo.replica_exchange import Ladder

WALKERS = {"metropolis": MetropolisWalker, "hybrid": HybridWalker}
SIZES = {"ipl2d": 64, "ipl3d": 256, "ipl4d": 260, "poly3d": 256}
TOLERANCE = 1e-10  # of a running energy, a few cycles old at most
LIQUID_ENERGY = 9.01  # of the 3D mixture at T = 2, as in test_monte_carlo


def liquid(name: str = "ipl3d", seed: int = 3) -> tuple:
    model = MODELS[name]
    return model, initial_configuration(model, SIZES[name], np.random.default_rng(seed))


def with_pair(start: Configuration, distance: float) -> Configuration:
    """The same with one pair of particles that far apart."""
    positions = start.positions.copy()
    positions[1] = positions[0]
    positions[1, 0] += distance
    return replace(start, positions=positions)


def random_positions(start: Configuration, rng: np.random.Generator) -> Configuration:
    return replace(start, positions=start.box_length * rng.random(start.positions.shape))


@pytest.mark.parametrize("swap_fraction", [0.0, 0.2])
@pytest.mark.parametrize("distance", [0.0, 1e-31, 2e-3, 0.03, 0.3])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_energy_after_every_cycle_is_that_of_the_state(sampler, distance, swap_fraction):
    model, start = liquid()
    walker = WALKERS[sampler](with_pair(start, distance), model, 2.0, np.random.default_rng(4), swap_fraction)
    for _ in range(15):
        trace = walker.run(walker.sweeps_per_cycle, np.zeros(1))
        energy = potential_energy(walker.configuration(), model)
        assert trace[0, kernel.TRACE_ENERGY] == pytest.approx(energy, rel=TOLERANCE)
        assert walker.progress[kernel.ENERGY] == trace[0, kernel.TRACE_ENERGY]
    assert energy < 13 * walker.n


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_pair_at_one_place_comes_apart_in_an_attractive_liquid_too(sampler):
    """Lennard-Jones energies at r = 0 are not even infinite, but infinity minus infinity."""
    model = get_model("kob_andersen")
    start = initial_configuration(model, 1000, np.random.default_rng(3))
    result = equilibrate(with_pair(start, 0.0), model, 1.0, 400, 4, swap_fraction=0.0, sampler=sampler)
    assert np.isfinite(result.energies).all()
    assert result.energies[-1] == pytest.approx(result.energy, rel=TOLERANCE)
    assert -8.0 < result.energy < -4.0


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("seed", range(4))
def test_random_positions_end_in_the_liquid(seed, sampler):
    model, start = liquid()
    rng = np.random.default_rng(seed)
    start = random_positions(start, rng)
    assert potential_energy(start, model) > 1e5 * start.n_particles
    result = equilibrate(start, model, 2.0, 4000, rng, sampler=sampler)
    assert result.energies[-1] == pytest.approx(result.energy, rel=TOLERANCE)
    late = result.energies[result.energies.size // 2 :]
    assert np.mean(late) == pytest.approx(LIQUID_ENERGY, abs=0.3)  # forty values that scatter by 0.3: within 0.1
    # steps of the liquid, not of the overlaps
    low, high = {"metropolis": (0.1, 0.14), "hybrid": (0.012, 0.03)}[sampler]
    assert low < result.step < high


@pytest.mark.parametrize("name", ["ipl2d", "ipl4d", "poly3d"])
@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_random_positions_need_no_tuning(name, temperature):
    """Overlaps are gone before the first trajectory, which is accepted with the usual step."""
    model, start = liquid(name)
    start = random_positions(start, np.random.default_rng(5))
    result = equilibrate(start, model, temperature, 1500, 6, step=0.01, tune=False, sampler="hybrid")
    assert result.displacement_acceptance > 0.6
    assert result.energies[0] < 30.0
    assert result.energies[-1] < 15.0
    assert np.array_equal(np.sort(result.configuration.diameters), np.sort(start.diameters))


@pytest.mark.parametrize("name", MODELS)
def test_other_starts_are_left_alone(name):
    """No sweeps, no random numbers but the seed of the walker's own: results are the same as without the check."""
    model, start = liquid(name)
    rng, twin = np.random.default_rng(7), np.random.default_rng(7)
    for temperature in (0.05, 2.0):
        walker = HybridWalker(start, model, temperature, rng, 0.2)
        assert np.array_equal(walker.configuration().positions, start.positions)
        twin.integers(0, 2**64 - 1, size=4, dtype=np.uint64, endpoint=True)
        assert rng.bit_generator.state == twin.bit_generator.state


def test_a_density_so_high_that_pairs_stay_hard_is_sampled_all_the_same():
    """At five times the density pairs of 200 T belong to the liquid: nothing hangs or is refused."""
    model = MODELS["ipl3d"]
    start = initial_configuration(model, 500, np.random.default_rng(3))
    squeeze = 0.6
    dense = Configuration(squeeze * start.positions, start.diameters, squeeze * start.box_length)
    pushed = without_overlaps(dense, model, 2.0, np.random.default_rng(4))
    assert largest_pair_energy(pushed, model) > 2.0 * OVERLAP
    result = equilibrate(dense, model, 2.0, 1000, 4, sampler="hybrid")
    assert result.energies[-1] == pytest.approx(result.energy, rel=TOLERANCE)
    assert result.displacement_acceptance > 0.3


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_what_is_off_by_more_than_rounding_is_put_right(sampler, name):
    model, start = liquid(name)
    walker = WALKERS[sampler](start, model, 2.0, np.random.default_rng(4), 0.2)
    for swap_fraction, wrong in ((0.2, 5.0), (0.0, -1e-3), (0.2, np.nan), (0.2, 1e30), (0.0, -np.inf)):
        walker.swap_fraction = swap_fraction
        walker.progress[kernel.ENERGY] += wrong
        walker.run(walker.sweeps_per_cycle, np.zeros(kernel.OLD))
        energy = potential_energy(walker.configuration(), model)
        assert walker.progress[kernel.ENERGY] == pytest.approx(energy, rel=TOLERANCE)


def test_rounding_is_kept():
    """The running energy of a liquid is not replaced by one that differs in its last digits only."""
    model, start = liquid()
    walker = MetropolisWalker(start, model, 2.0, np.random.default_rng(4), 0.2)
    energy = potential_energy(start, model)

    def settled(running: float) -> float:
        walker.progress[kernel.ENERGY] = running
        kernel.settle(
            walker.arrays, walker.progress, walker.lists, walker.box, walker.potential, model.nonadditivity, 2.0
        )
        return walker.progress[kernel.ENERGY]

    assert settled(energy * (1 + 3e-12)) == energy * (1 + 3e-12)
    assert settled(energy * (1 + 1e-8)) == pytest.approx(energy, rel=1e-12)


@pytest.mark.parametrize("distance", [0.003, 0.03])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_replicas_exchange_by_their_energies(sampler, distance):
    model, start = liquid("ipl2d")
    rng, temperatures = np.random.default_rng(8), (1.8, 2.0, 2.2)
    start = equilibrate(start, model, 2.0, 500, rng).configuration
    starts = (start, with_pair(start, distance), start)
    walkers = [WALKERS[sampler](s, model, t, rng, 0.2) for s, t in zip(starts, temperatures, strict=True)]
    ladder = Ladder(walkers, rng)
    energies, _ = ladder.run(60)
    for rung, index in enumerate(ladder.replica):
        energy = potential_energy(walkers[index].configuration(), model)
        assert walkers[index].progress[kernel.ENERGY] == pytest.approx(energy, rel=TOLERANCE)
        assert energies[-1, rung] == walkers[index].progress[kernel.ENERGY]
    # U scatters by 5 % of what it is: every walker comes by
    assert (ladder.accepted > 0.2 * ladder.attempts).all()


def test_an_energy_that_stays_infinite_is_named():
    """Far outside the box, where a hundredth of a diameter is less than the spacing of numbers."""
    model, start = liquid()
    far = replace(with_pair(start, 0.0), positions=with_pair(start, 0.0).positions + 1e18)
    for sampler in SAMPLERS:
        with pytest.raises(InputError, match="the potential energy of the start is"):
            equilibrate(far, model, 2.0, 10, 4, sampler=sampler)
