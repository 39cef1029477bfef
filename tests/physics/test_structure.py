"""Crystals are told from glasses by their structure factor."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from nqe_core import MODELS, Configuration, initial_configuration, quench
from nqe_core.structure import (
    CRYSTAL_PEAK,
    FEWEST_TO_JUDGE,
    FIRST_WAVE_NUMBER,
    LAST_WAVE_NUMBER,
    is_crystalline,
    structure_peak,
)


def lattice(dimension: int, cells: int, rng, disturbance: float = 0.03) -> Configuration:
    """Face-centred cubic in 3D and its likes: the points of a cubic grid whose coordinates add up to an even number."""
    points = np.array([p for p in product(range(2 * cells), repeat=dimension) if sum(p) % 2 == 0], dtype=float)
    spacing = 2.0 ** (-0.5)
    box_length = 2 * cells * spacing
    positions = points * spacing + rng.normal(0.0, disturbance, points.shape)
    return Configuration(np.mod(positions, box_length), np.ones(len(points)), box_length)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("model", "n"), [("ipl2d", 400), ("ipl3d", 500), ("ipl4d", 500)])
def test_peak_equals_the_sum_over_particles(model, n, seed):
    liquid = initial_configuration(MODELS[model], n, np.random.default_rng(seed))
    dimension = liquid.positions.shape[1]
    per_side = n ** (1 / dimension)
    highest = int(LAST_WAVE_NUMBER * per_side)
    waves = np.array(list(product(range(-highest, highest + 1), repeat=dimension)))
    length = np.linalg.norm(waves, axis=1)
    waves = waves[(length >= FIRST_WAVE_NUMBER * per_side) & (length <= LAST_WAVE_NUMBER * per_side)]
    phases = np.exp(2j * np.pi / liquid.box_length * liquid.positions @ waves.T)
    exact = (np.abs(phases.sum(axis=0)) ** 2 / n).max()
    assert structure_peak(liquid) == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize(("dimension", "cells"), [(2, 15), (3, 5), (4, 4)])
def test_a_lattice_is_a_crystal(dimension, cells):
    crystal = lattice(dimension, cells, np.random.default_rng(1))
    n = crystal.n_particles
    peak = structure_peak(crystal)
    assert 0.7 * n < peak <= n
    assert is_crystalline(peak, n)


def test_a_tenth_of_a_large_sample_is_what_counts():
    assert not is_crystalline(0.9 * 0.1**2 * 32768, 32768)
    assert is_crystalline(1.1 * 0.1**2 * 32768, 32768)
    assert not is_crystalline(99.0, 6400) and is_crystalline(101.0, 6400)
    assert is_crystalline(33.0, 64)


def test_half_a_crystal_is_found():
    rng = np.random.default_rng(2)
    crystal = lattice(3, 8, rng)  # 2048 particles
    molten = rng.random(crystal.positions.shape) * crystal.box_length
    half = (crystal.positions[:, 0] < crystal.box_length / 2)[:, np.newaxis]
    mixed = Configuration(np.where(half, crystal.positions, molten), crystal.diameters, crystal.box_length)
    peak = structure_peak(mixed)
    assert 0.15 < peak / mixed.n_particles < 0.35
    assert is_crystalline(peak, mixed.n_particles)


@pytest.mark.parametrize(("model", "n"), [("ipl2d", 400), ("ipl3d", 500), ("ipl4d", 500), ("poly3d", 500)])
def test_a_glass_is_none(model, n):
    start = initial_configuration(MODELS[model], n, np.random.default_rng(3))
    peak = structure_peak(quench(start, MODELS[model]).configuration)
    assert 5 < peak < 0.6 * CRYSTAL_PEAK
    assert not is_crystalline(peak, n)


@pytest.mark.parametrize("n", [16, 25, 36])
def test_so_few_particles_are_not_judged(n):
    """A third of all glasses of 16 particles reach half of N, as lattices do."""
    model, peaks = MODELS["ipl2d"], []
    for seed in range(30):
        start = initial_configuration(model, n, np.random.default_rng(seed))
        peaks.append(structure_peak(quench(start, model).configuration))
    assert not any(is_crystalline(peak, n) for peak in peaks)
    if n == 16:
        assert max(peaks) > 0.5 * n
    assert not is_crystalline(n, n)


def test_all_that_are_larger_are_judged():
    n = FEWEST_TO_JUDGE
    assert not is_crystalline(n - 1, n - 1)
    assert is_crystalline(0.51 * n, n) and not is_crystalline(0.49 * n, n)


def test_a_crystal_stays_one_when_it_is_quenched():
    """All particles alike at the model's density: what a sample that crystallised would look like."""
    model = MODELS["ipl3d"]
    crystal = lattice(3, 5, np.random.default_rng(4))
    box_length = model.box_length(crystal.n_particles)
    scale = box_length / crystal.box_length
    start = Configuration(crystal.positions * scale, np.full(crystal.n_particles, 1.0), box_length)
    state = quench(start, model).configuration
    assert is_crystalline(structure_peak(state), state.n_particles)
