"""Replica exchange against what it must not change: the weights of states, and each rung's liquid."""

import itertools
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from nqe_core.configuration import Configuration
from nqe_core.energy import potential_energy
from nqe_core.errors import InputError
from nqe_core.kernels.monte_carlo import ENERGY, STEP
from nqe_core.models import MODELS
from nqe_core.swap_monte_carlo import equilibrate, initial_configuration
from nqe_core.swap_monte_carlo.hybrid import HybridWalker
from nqe_core.swap_monte_carlo.replica_exchange import Ladder
from nqe_core.swap_monte_carlo.walker import sample

LEAST_P = 1e-4  # as in test_monte_carlo
TEMPERATURES = (1.0, 1.25, 1.6, 2.0)


def pairs_at(distances) -> list[Configuration]:
    """Two particles at each of these distances."""
    model = MODELS["ipl2d"]
    box_length = 2.0 * model.largest_range + 0.1
    places = [[[0.0, 0.0], [distance, 0.0]] for distance in distances]
    return [Configuration(np.array(place) + 1.0, [1.0, 1.4], box_length) for place in places]


def test_frozen_states_stand_on_the_rungs_with_their_weight():
    """Without other moves the exchanges alone walk over all 4! assignments of states to temperatures."""
    model, rng = MODELS["ipl2d"], np.random.default_rng(2)
    starts = pairs_at((0.95, 1.0, 1.05, 1.12))
    ladder = Ladder([HybridWalker(s, model, t, rng, 0.0) for s, t in zip(starts, TEMPERATURES, strict=True)], rng)
    energies = np.array([potential_energy(start, model) for start in starts])
    states = list(itertools.permutations(range(4)))
    weights = np.exp([-sum(energies[list(state)] / np.array(TEMPERATURES)) for state in states])
    assert weights.max() / weights.min() > 4.0  # not trivial
    visits, count = Counter(), 4000
    for _ in range(count):
        found, replicas = ladder.run(12, cycles=0)  # enough for the next visit to be independent
        visits[tuple(replicas[-1])] += 1
        assert np.array_equal(found[-1], energies[replicas[-1]])
    observed = [visits[state] for state in states]
    assert stats.chisquare(observed, count * weights / weights.sum()).pvalue > LEAST_P
    # a temperature that is off by a third would be seen
    wrong = np.exp([-sum(energies[list(state)] / np.array(TEMPERATURES) ** 1.5) for state in states])
    assert stats.chisquare(observed, count * wrong / wrong.sum()).pvalue < LEAST_P


def test_walkers_carry_temperature_and_step_of_their_rung():
    model, rng = MODELS["ipl2d"], np.random.default_rng(3)
    starts = pairs_at((0.95, 1.0, 1.05, 1.12))
    walkers = [HybridWalker(s, model, t, rng, 0.0, step=0.01 * t) for s, t in zip(starts, TEMPERATURES, strict=True)]
    ladder = Ladder(walkers, rng)
    ladder.run(101, cycles=0)
    assert ladder.attempts.tolist() == [51, 50, 51]
    assert (ladder.accepted > 0).all()
    assert (ladder.accepted < ladder.attempts).any()
    assert sorted(ladder.replica) == [0, 1, 2, 3]
    for index, temperature in zip(ladder.replica, TEMPERATURES, strict=True):
        assert walkers[index].temperature == temperature
        assert walkers[index].progress[STEP] == 0.01 * temperature


def test_every_rung_keeps_its_liquid():
    """Energies on the rungs of a ladder, against those of walkers that never exchange."""
    model, rng, n = MODELS["ipl2d"], np.random.default_rng(4), 40
    first = initial_configuration(model, n, rng)
    walkers, alone = [], []
    for temperature in (1.6, 1.9, 2.2):
        run = equilibrate(first, model, temperature, 1500, rng, sampler="hybrid")
        walkers.append(HybridWalker(run.configuration, model, temperature, rng, 0.2, run.step))
        alone.append(
            sample(HybridWalker(run.configuration, model, temperature, rng, 0.2, run.step), 40_000, tune=False)
        )
    ladder = Ladder(walkers, rng)
    energies, _ = ladder.run(800)
    assert (ladder.accepted / ladder.attempts > 0.2).all()
    for rung, single in enumerate(alone):
        assert stats.ks_2samp(energies[::4, rung] / n, single.energies[::4]).pvalue > LEAST_P
    # ... and the energy that each walker carries is that of its state
    for walker in walkers:
        assert walker.progress[ENERGY] == pytest.approx(potential_energy(walker.configuration(), model), rel=1e-9)


def test_wrong_ladders_are_refused():
    model, rng = MODELS["ipl2d"], np.random.default_rng(5)
    one, two = (HybridWalker(start, model, 1.0, rng, 0.0) for start in pairs_at((1.0, 1.1)))
    with pytest.raises(InputError, match="must be two or more, ascending"):
        Ladder([one, two], rng)
    with pytest.raises(InputError, match="must be two or more"):
        Ladder([one], rng)
    start = pairs_at((1.2,))[0]
    other = HybridWalker(Configuration(start.positions, [1.0, 1.3], start.box_length), model, 2.0, rng, 0.0)
    with pytest.raises(InputError, match="one set of sizes"):
        Ladder([one, other], rng)
