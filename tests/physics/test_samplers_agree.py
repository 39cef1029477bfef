"""Two samplers that share no move but the swap give one liquid: energy, virial pressure and pair distribution."""

from __future__ import annotations

import numpy as np
import pytest

from nqe_core.configuration import minimum_image
from nqe_core.energy import pressure
from nqe_core.models import MODELS
from nqe_core.swap_monte_carlo import equilibrate, initial_configuration

WALKERS, STATES, N = 8, 12, 200
BINS = np.linspace(0.7, 2.6, 39)


def pair_histogram(configuration) -> np.ndarray:
    """Number of pairs in each bin of the distance, per particle."""
    positions, n = configuration.positions, configuration.n_particles
    separation = minimum_image(positions[:, np.newaxis] - positions, configuration.box_length)
    distance = np.sqrt((separation**2).sum(axis=2))[np.triu_indices(n, 1)]
    return np.histogram(distance, BINS)[0] / n


def walk(model, temperature: float, sampler: str, spacing: int, rng) -> np.ndarray:
    """Averages over one walker: energy, pressure, pair distribution."""
    run = equilibrate(initial_configuration(model, N, rng), model, max(1.0, temperature), 500, rng, sampler=sampler)
    run = equilibrate(run.configuration, model, temperature, 8 * spacing, rng, step=run.step, sampler=sampler)
    found = []
    for _ in range(STATES):
        run = equilibrate(
            run.configuration, model, temperature, spacing, rng, step=run.step, tune=False, sampler=sampler
        )
        found.append([run.energies.mean(), pressure(run.configuration, model), *pair_histogram(run.configuration)])
    return np.mean(found, axis=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "temperature", "spacing"),
    # spacing of the order of the slower sampler's relaxation time (docs/samplers.md)
    [("ipl2d", 2.0, 300), ("ipl3d", 2.0, 160), ("poly3d", 0.9, 500)],
)
def test_samplers_give_one_liquid(name, temperature, spacing):
    model, rng = MODELS[name], np.random.default_rng(20)
    found = {
        sampler: np.array([walk(model, temperature, sampler, spacing, rng) for _ in range(WALKERS)])
        for sampler in ("metropolis", "hybrid")
    }
    means = {sampler: walkers.mean(axis=0) for sampler, walkers in found.items()}
    variance = sum(walkers.var(axis=0, ddof=1) / WALKERS for walkers in found.values())
    difference = means["hybrid"] - means["metropolis"]
    # walkers are independent: Student's t with about 14 degrees of freedom
    energy, virial = difference[:2] / np.sqrt(variance[:2])
    assert abs(energy) < 4.5
    assert abs(virial) < 4.5
    # the heat capacity per particle is above 1: a temperature that is off by a tenth would show
    assert 4.5 * variance[0] ** 0.5 < 0.1 * temperature
    occupied = means["hybrid"][2:] > 0.02
    assert occupied.sum() > 25
    score = difference[2:][occupied] ** 2 / variance[2:][occupied]
    # neighbouring bins are correlated: the mean of squared t's, expected 1.17, may scatter like that of 10 of them
    assert score.mean() < 1.17 + 5 * 1.17 * np.sqrt(2 / 10)
