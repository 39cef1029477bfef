"""Small shaken glasses for comparisons with other people's codes: forces do not vanish, and no two particles touch."""

import numpy as np
import pytest

from nqe_core import MODELS, Configuration, quench


@pytest.fixture(scope="session")
def shaken():
    """`shaken(name, n_particles, seed=0)`: (configuration, model), an inherent state with noise of a tenth on top."""
    made = {}

    def get(name: str, n_particles: int, seed: int = 0):
        if (name, n_particles, seed) not in made:
            model = MODELS[name]
            rng = np.random.default_rng([seed, n_particles])
            length = model.box_length(n_particles)
            positions = rng.random((n_particles, model.dimension)) * length
            start = Configuration(positions, model.draw_diameters(n_particles, rng), length)
            calm = quench(start, model, tolerance=1e-6).configuration
            noise = rng.uniform(-0.1, 0.1, positions.shape)
            made[name, n_particles, seed] = Configuration(calm.positions + noise, calm.diameters, length), model
        return made[name, n_particles, seed]

    return get
