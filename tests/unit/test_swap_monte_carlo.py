"""Inputs of the samplers, their random numbers and proposal ranges."""

from __future__ import annotations

import numpy as np
import pytest

from nqe_core.configuration import Configuration
from nqe_core.errors import InputError
from nqe_core.kernels.monte_carlo import uniform
from nqe_core.models import MODELS
from nqe_core.swap_monte_carlo import equilibrate, initial_configuration
from nqe_core.swap_monte_carlo.walker import partner_ranges


def test_random_numbers_are_xoshiro256plusplus():
    """First outputs from the state 1, 2, 3, 4, as the authors' C code gives them."""
    state = np.array([1, 2, 3, 4], np.uint64)
    published = [41943041, 58720359, 3588806011781223, 3591011842654386, 9228616714210784205, 9973669472204895162]
    assert [uniform(state) for _ in published] == [(value >> 11) * 2.0**-53 for value in published]


@pytest.mark.parametrize("name", MODELS)
def test_proposals_are_symmetric(name):
    """Slot t may be the partner of s exactly when s may be that of t, and binary partners differ in size."""
    model = MODELS[name]
    sizes = np.sort(model.draw_diameters(301, np.random.default_rng(1)))
    first, count = partner_ranges(sizes, model, 0.2)
    slots = np.arange(sizes.size)
    may = (slots >= first[:, None]) & (slots < (first + count)[:, None])
    assert np.array_equal(may, may.T)
    if model.size_distribution == "binary":
        assert np.array_equal(may, sizes[:, None] != sizes)
    else:
        assert np.array_equal(may, abs(sizes[:, None] - sizes) <= 0.2)


@pytest.mark.parametrize("name", MODELS)
def test_initial_configuration_has_no_overlaps(name):
    model = MODELS[name]
    n = max(300, model.minimum_particles())
    start = initial_configuration(model, n, np.random.default_rng(2))
    assert start.n_particles == n
    assert start.box_length == model.box_length(n)
    assert (start.positions >= 0).all() and (start.positions < start.box_length).all()
    run = equilibrate(start, model, 2.0, 1, np.random.default_rng(2))
    assert run.energies[0] < 60


def test_initial_configuration_depends_on_the_stream_alone():
    model = MODELS["ipl2d"]
    first, again, other = (initial_configuration(model, 64, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.positions, again.positions)
    assert not np.array_equal(first.positions, other.positions)


def test_no_sweeps_change_nothing():
    model = MODELS["ipl2d"]
    start = initial_configuration(model, 64, np.random.default_rng(1))
    run = equilibrate(start, model, 2.0, 0, np.random.default_rng(1))
    assert np.array_equal(run.configuration.positions, start.positions)
    assert run.energies.size == 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"temperature": -1.0}, "temperature is -1.0"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"sweeps": -1}, "sweeps is -1"),
        ({"sweeps": 1.5}, "sweeps is 1.5"),
        ({"swap_fraction": 1.0}, "swap_fraction is 1.0"),
        ({"swap_fraction": -0.1}, "swap_fraction is -0.1"),
        ({"step": 0.0}, "step is 0.0"),
        ({"sampler": "guess"}, "unknown sampler 'guess'"),
        ({"model": MODELS["ipl3d"]}, "2 dimensions"),
    ],
)
def test_bad_input_is_named(changed, message):
    model = MODELS["ipl2d"]
    start = initial_configuration(model, 64, np.random.default_rng(1))
    good = {"configuration": start, "model": model, "temperature": 1.0, "sweeps": 5, "rng": np.random.default_rng(1)}
    with pytest.raises(InputError, match=message):
        equilibrate(**{**good, **changed})


def test_too_few_particles():
    with pytest.raises(InputError, match="n_particles is 10, too small"):
        initial_configuration(MODELS["ipl3d"], 10, np.random.default_rng(1))


def test_equal_sizes_have_nothing_to_swap():
    model = MODELS["ipl2d"]
    rng = np.random.default_rng(1)
    start = initial_configuration(model, 64, rng)
    same = Configuration(start.positions, np.ones(64), start.box_length)
    with pytest.raises(InputError, match="nothing to swap"):
        equilibrate(same, model, 2.0, 5, rng)
    assert equilibrate(same, model, 2.0, 5, rng, swap_fraction=0.0).energy > 0
