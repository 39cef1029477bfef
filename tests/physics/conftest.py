"""Fixtures of the physics tests; each glass is made once per session."""

import numpy as np
import pytest
from small_glasses import SIZES, Glass, make_glass

from nqe_core import lowest_modes


@pytest.fixture(scope="session")
def glasses():
    """`glasses(name, seed=0)`: a small glass of that model, the same object at every call."""
    made = {}

    def get(name: str, seed: int = 0, n_particles: int | None = None) -> Glass:
        key = (name, seed, n_particles or SIZES[name])
        if key not in made:
            made[key] = make_glass(name, key[2], seed)
        return made[key]

    return get


@pytest.fixture(params=SIZES)
def glass(request, glasses) -> Glass:
    """One glass of every model in turn."""
    return glasses(request.param)


@pytest.fixture(scope="session")
def harmonic_mode(glasses):
    """`harmonic_mode(name, seed=0)`: lowest harmonic mode of that glass."""
    made = {}

    def get(name: str, seed: int = 0) -> np.ndarray:
        if (name, seed) not in made:
            made[name, seed] = lowest_modes(glasses(name, seed).interactions).modes[0]
        return made[name, seed]

    return get


@pytest.fixture
def unit_field():
    """`unit_field(n_particles, dimension, seed)`: a random field of unit norm without translation."""

    def get(n_particles: int, dimension: int, seed: int = 0) -> np.ndarray:
        z = np.random.default_rng(seed).standard_normal((n_particles, dimension))
        z -= z.mean(axis=0)
        return z / np.linalg.norm(z)

    return get
