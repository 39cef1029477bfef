"""Equilibrium liquids by Monte Carlo with displacements and size swaps.

One call serves every sampler in `SAMPLERS`: `metropolis` is the classical one and the reference, `hybrid` moves all
particles at once along short trajectories of molecular dynamics. Both sample the same distribution exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from nqe_core.configuration import Configuration
from nqe_core.energy import check_fits
from nqe_core.errors import InputError
from nqe_core.models import Model
from nqe_core.swap_monte_carlo.hybrid import run_hybrid, sweeps_of_trajectory, time_steps
from nqe_core.swap_monte_carlo.metropolis import SWEEPS_PER_CYCLE, run_metropolis
from nqe_core.swap_monte_carlo.walker import MonteCarloResult

__all__ = [
    "SAMPLERS", "MonteCarloResult", "Sampler", "check_sampler", "check_share", "check_temperature", "equilibrate",
    "initial_configuration", "moves_something", "sweeps_per_cycle",
]  # fmt: skip

OVERLAP_TEMPERATURE, OVERLAP_SWEEPS = 2.0, 50  # of the short run that pushes random positions apart
LONG_WAVES = {2: 0.06, 3: 0.09, 4: 0.14}  # S(k) of a start at small k, by dimension: that of the IPL liquids at T = 2

# A sampler takes (configuration, model, temperature, sweeps, rng, swap_fraction, step, tune), checked by `equilibrate`
Sampler = Callable[..., MonteCarloResult]
SAMPLERS: dict[str, Sampler] = {"metropolis": run_metropolis, "hybrid": run_hybrid}


def check_temperature(temperature: float, name: str = "temperature") -> None:
    """Refuse a temperature that no liquid has."""
    if not (math.isfinite(temperature) and temperature > 0):
        raise InputError(f"{name} is {temperature!r}, must be positive and finite")


def check_share(swap_fraction: float, model: Model) -> None:
    """Refuse a share of swap moves outside [0, 1), and any of a model whose pairs attract."""
    if not 0 <= swap_fraction < 1:
        raise InputError(f"swap_fraction is {swap_fraction!r}, must be in [0, 1)")
    if swap_fraction > 0 and not model.repulsive:
        raise InputError(f"swap_fraction is {swap_fraction!r}, must be 0 for model {model.name!r}, whose pairs attract")


def check_sampler(sampler: str) -> None:
    """Refuse the name of a sampler that there is not."""
    if sampler not in SAMPLERS:
        raise InputError(f"unknown sampler {sampler!r} (known: {', '.join(SAMPLERS)})")


def moves_something(sampler: str, sweeps: int, swap_fraction: float) -> bool:
    """Whether particles can move in so many sweeps: the hybrid sampler makes no trajectory of less than a time step."""
    return sampler != "hybrid" or time_steps(sweeps, swap_fraction) > 0


def sweeps_per_cycle(sampler: str, n_particles: int, swap_fraction: float) -> int:
    """Sweeps of one cycle of displacements and swaps: the step is tuned between cycles, never within one."""
    check_sampler(sampler)
    return sweeps_of_trajectory(n_particles, swap_fraction) if sampler == "hybrid" else SWEEPS_PER_CYCLE


def equilibrate(
    configuration: Configuration, model: Model, temperature: float, sweeps: int, rng: np.random.Generator | int,
    swap_fraction: float = 0.2, step: float | None = None, tune: bool = True, sampler: str = "metropolis",
) -> MonteCarloResult:  # fmt: skip
    """Sample the canonical distribution exp(-U / T) over positions and over assignments of the given sizes.

    Parameters
    ----------
    configuration : Configuration
        Where to start; particles may overlap. The hybrid sampler then moves single particles first, at T, for sweeps
        that come on top, until no pair's energy exceeds both 100 T and 100 (200 sweeps at most). When two particles are
        at one place, all positions are shaken by a hundredth of the smallest diameter.
    model : Model
    temperature : float
        T, in the energy unit of the potential.
    sweeps : int
        Of N attempted moves each; the hybrid sampler counts a time step as N attempted displacements.
    rng : numpy.random.Generator or int
        The result is a function of its state, or of the seed, and of the other arguments.
    swap_fraction : float, in [0, 1)
        Share of the attempts that exchange two particles' sizes; 0 keeps every particle's own.
    step : float, optional
        Half-width of the displacement cube, or time step, to start with (`MonteCarloResult.step` of a run before).
    tune : bool
        Adapt the step during the first half of the sweeps. Moves while tuning only nearly sample the distribution:
        tune while equilibrating, not while keeping samples.
    sampler : str
        Key in `SAMPLERS`.

    Raises
    ------
    InputError
        A box too small, a temperature that is not positive, a swap fraction outside [0, 1) or of a model whose pairs
        attract, an unknown sampler.
    ArithmeticError
        So many particles in one place that a neighbour list has no room for them.
    """
    check_fits(configuration, model)
    check_temperature(temperature)
    if int(sweeps) != sweeps or sweeps < 0:
        raise InputError(f"sweeps is {sweeps!r}, must be a whole number, zero or more")
    check_share(swap_fraction, model)
    if step is not None and not (math.isfinite(step) and step > 0):
        raise InputError(f"step is {step!r}, must be positive")
    check_sampler(sampler)
    generator = np.random.default_rng(rng)
    return SAMPLERS[sampler](configuration, model, temperature, int(sweeps), generator, swap_fraction, step, tune)


def even_points(n: int, dimension: int, rng: np.random.Generator, long_waves: float = 0.0) -> np.ndarray:
    """Random points in the unit cube, shape (n, d), whose structure factor is `long_waves` at all small wave numbers.

    A Kronecker sequence of low discrepancy, x_i = i a mod 1 with a_k = g^-k and g^(d+1) = g + 1 (g is the golden ratio in
    one dimension), at a random place; each point then moves by up to half of the mean distance. Points are the same
    number in any part of volume one, nearly: S = 0. Of m such points a random n have S = 1 - n / m.
    """
    g = max(np.roots([1.0, *[0.0] * (dimension - 1), -1.0, -1.0]).real)
    m = round(n / (1.0 - long_waves))
    kept = rng.choice(m, n, replace=False)
    x = rng.random(dimension) + np.outer(kept, g ** -np.arange(1.0, dimension + 1))
    x += (rng.random((n, dimension)) - 0.5) / m ** (1 / dimension)
    return x % 1.0


def initial_configuration(model: Model, n_particles: int, rng: np.random.Generator | int) -> Configuration:
    """Random positions with a liquid's long waves and random sizes, with the overlaps pushed apart.

    A liquid's long waves, because moves of a sampler take L^2 to carry mass across the box: after independent positions
    (S = 1) density still fluctuates too much over long distances when places have been forgotten many times, after even
    ones (S = 0) too little.

    A few sweeps at high temperature do the rest: a move never cares how large the energies are, so that the r^-10 cores
    are as good a start as any.

    Parameters
    ----------
    model : Model
    n_particles : int
    rng : numpy.random.Generator or int
        The result is a function of its state, or of the seed.

    Raises
    ------
    InputError
        A box too small for the model's range.
    """
    model.check_particles(n_particles)
    rng, n_particles = np.random.default_rng(rng), int(n_particles)
    box_length = model.box_length(n_particles)
    positions = box_length * even_points(n_particles, model.dimension, rng, LONG_WAVES[model.dimension])
    start = Configuration(positions, model.draw_diameters(n_particles, rng), box_length)
    result = equilibrate(start, model, OVERLAP_TEMPERATURE, OVERLAP_SWEEPS, rng, swap_fraction=0.0, tune=False)
    return result.configuration.wrapped()
