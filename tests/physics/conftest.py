"""Small glasses, made once per session: a short hot liquid from random positions, then its inherent state."""

from dataclasses import dataclass

import numpy as np
import pytest

from nqe_core import MODELS, Configuration, Interactions, Model, QuenchResult, lowest_modes, quench
from nqe_core.molecular_dynamics import LangevinDynamics

TEMPERATURE = 2.0
LIQUID_STEPS = 600  # 2.4 time units: enough to forget the random start, which is all the tests need
SIZES = {"ipl2d": 256, "ipl3d": 300, "ipl4d": 300, "poly3d": 300}


@dataclass(frozen=True)
class Glass:
    model: Model
    liquid: Configuration
    quenched: QuenchResult
    interactions: Interactions

    @property
    def configuration(self) -> Configuration:
        return self.quenched.configuration


def random_positions(model: Model, n_particles: int, seed: int) -> Configuration:
    """Uniform random positions: overlapping cores and all."""
    rng = np.random.default_rng([seed, n_particles])
    length = model.box_length(n_particles)
    return Configuration(
        rng.random((n_particles, model.dimension)) * length, model.draw_diameters(n_particles, rng), length
    )


def make_glass(name: str, n_particles: int, seed: int) -> Glass:
    model = MODELS[name]
    start = quench(random_positions(model, n_particles, seed), model, tolerance=1e-2, polish=False).configuration
    dynamics = LangevinDynamics(start, model, TEMPERATURE, np.random.default_rng([seed, n_particles, 1]))
    dynamics.run(LIQUID_STEPS, TEMPERATURE)
    liquid = dynamics.configuration
    quenched = quench(liquid, model)
    assert quenched.converged
    return Glass(model, liquid, quenched, Interactions.of(quenched.configuration, model))


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
