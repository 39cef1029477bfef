"""Small glasses: a short hot liquid from random positions, then its inherent state."""

from dataclasses import dataclass

import numpy as np

from nqe_core import MODELS, Configuration, Interactions, Model, QuenchResult, quench
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
