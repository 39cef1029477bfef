"""Liquids and glasses to measure on, made once and kept under results/bench/."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nqe_core.configuration import Configuration
from nqe_core.fire import quench
from nqe_core.models import Model, get_model
from nqe_core.molecular_dynamics import LangevinDynamics
from nqe_core.swap_monte_carlo import initial_configuration

EQUILIBRATION_STEPS = 1000
TEMPERATURE = {"ipl2d": 2.0, "ipl3d": 2.0, "ipl4d": 2.0, "poly3d": 1.3}


def liquid(folder: Path, model_name: str, n_particles: int, seed: int) -> Configuration:
    """A liquid at the model's parent temperature."""
    path = folder / f"liquid_{model_name}_{n_particles}_{seed}.npz"
    model = get_model(model_name)
    if not path.exists():
        rng = np.random.default_rng([seed, n_particles, model.dimension])
        temperature = TEMPERATURE[model_name]
        # without overlaps, or the first steps would fling particles apart
        start = quench(initial_configuration(model, n_particles, rng), model, tolerance=1e-3, polish=False)
        dynamics = LangevinDynamics(start.configuration, model, temperature, rng)
        dynamics.run(EQUILIBRATION_STEPS, temperature)
        made = dynamics.configuration
        np.savez(path, positions=made.positions, diameters=made.diameters, box_length=made.box_length)
    stored = np.load(path)
    return Configuration(stored["positions"], stored["diameters"], float(stored["box_length"]))


def glass(folder: Path, model_name: str, n_particles: int, seed: int) -> Configuration:
    """The inherent state of `liquid`."""
    path = folder / f"glass_{model_name}_{n_particles}_{seed}.npz"
    if not path.exists():
        made = quench(liquid(folder, model_name, n_particles, seed), get_model(model_name)).configuration
        np.savez(path, positions=made.positions, diameters=made.diameters, box_length=made.box_length)
    stored = np.load(path)
    return Configuration(stored["positions"], stored["diameters"], float(stored["box_length"]))


def short_glass(model: Model, n_particles: int, seed: int) -> Configuration:
    """The inherent state of a liquid that has just forgotten its random start; nothing is kept."""
    rng = np.random.default_rng([seed, n_particles, model.dimension])
    dynamics = LangevinDynamics(initial_configuration(model, n_particles, rng), model, 2.0, rng)
    dynamics.run(500, 2.0)
    return quench(dynamics.configuration, model).configuration
