"""Equilibrium liquids by Monte Carlo with displacements and size swaps.

The same call serves every sampler in `SAMPLERS`; `metropolis`, the classical one, is the reference.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nqe_core.configuration import Configuration
from nqe_core.energy import check_fits, potential_energy
from nqe_core.errors import InputError
from nqe_core.kernels import monte_carlo as kernel
from nqe_core.kernels.monte_carlo_lists import empty_lists, list_wide
from nqe_core.models import Model

SWEEPS_PER_CYCLE = 10  # displacements and swaps alternate in blocks of this many sweeps: sorting neighbours pays off
TARGET_ACCEPTANCE = 0.4  # of displacements
FIRST_STEP = 0.1  # half-width of the displacement cube before tuning
# Beyond the range of the potential, in the length unit of the models: how far the pair list and the wide list look
PAIR_SKIN, WIDE_SKIN = 0.8, 1.6
SIZE_WINDOW = 0.2  # polydisperse sizes are only exchanged when they differ by less: others are nearly always refused
SECONDS_PER_CALL = 0.5  # the compiled loop returns this often, so that signals are heard; no result depends on it
OVERLAP_TEMPERATURE, OVERLAP_SWEEPS = 5.0, 20  # of the short run that pushes random positions apart


@dataclass(frozen=True)
class MonteCarloResult:
    """What a run leaves behind.

    Parameters
    ----------
    configuration : Configuration
        The last state; positions are not wrapped into the box.
    energy : float
        Its potential energy per particle.
    displacement_acceptance, swap_acceptance : float
        Accepted share of the attempts after tuning; NaN where there was no attempt.
    step : float
        Half-width of the displacement cube.
    energies : ndarray, shape=(n_cycles,)
        Energy per particle after each cycle of `SWEEPS_PER_CYCLE` sweeps.
    sweeps : int
        Sweeps made, of N attempted moves each.
    """

    configuration: Configuration
    energy: float
    displacement_acceptance: float
    swap_acceptance: float
    step: float
    energies: np.ndarray
    sweeps: int


def partner_ranges(sizes: np.ndarray, model: Model, window: float) -> tuple[np.ndarray, np.ndarray]:
    """Which slots each slot may be exchanged with: first and number.

    Parameters
    ----------
    sizes : ndarray, shape=(N,)
        Diameters in ascending order, one per slot.
    model : Model
        A binary mixture proposes unlike pairs only.
    window : float
        Largest difference of exchanged sizes, for a continuous distribution.
    """
    if sizes[0] == sizes[-1]:
        raise InputError("all diameters are equal, so there is nothing to swap: use swap_fraction 0")
    if model.size_distribution == "binary":
        n_small = int(np.searchsorted(sizes, sizes[-1]))
        small = np.arange(sizes.size) < n_small
        return np.where(small, n_small, 0), np.where(small, sizes.size - n_small, n_small)
    first = np.searchsorted(sizes, sizes - window, side="left")
    return first, np.searchsorted(sizes, sizes + window, side="right") - first


class MetropolisWalker:
    """One walker: the arrays of the kernels, and the map from their order back to the caller's.

    Parameters
    ----------
    configuration, model, temperature
        Where it starts and what it samples.
    rng : numpy.random.Generator
        Seeds the walker's own generator.
    swap_fraction : float
        Share of swaps among the attempts.
    step : float or None
        Half-width of the displacement cube, None for the default.
    """

    def __init__(
        self, configuration: Configuration, model: Model, temperature: float, rng: np.random.Generator,
        swap_fraction: float, step: float | None, size_window: float = SIZE_WINDOW,
        skins: tuple[float, float] = (PAIR_SKIN, WIDE_SKIN),
    ) -> None:  # fmt: skip
        self.model, self.temperature, self.swap_fraction, self.skins = model, float(temperature), swap_fraction, skins
        self.box, self.n = configuration.box, configuration.n_particles
        self.order = _spatial_order(configuration)
        diameters = configuration.diameters[self.order]
        owner = np.argsort(diameters, kind="stable").astype(np.uint64)
        first = count = np.zeros(self.n, np.int64)
        if swap_fraction > 0:
            first, count = partner_ranges(diameters[owner], model, size_window)
        self.arrays = kernel.Walker(
            configuration.positions[self.order].ravel(), diameters, owner, first.astype(np.uint64),
            count.astype(np.uint64), rng.integers(0, 2**64 - 1, size=4, dtype=np.uint64, endpoint=True),
            np.zeros(self.n),
        )  # fmt: skip
        longest = 0.5 * skins[0] / math.sqrt(model.dimension)
        energy = potential_energy(configuration, model)
        self.progress = np.array([energy, min(FIRST_STEP if step is None else step, longest), 0.0, kernel.HUGE])
        self.potential = tuple(model.potential)  # registers: the compiler would not load an array ahead of a branch
        largest = float(diameters.max())
        # lambda_ij as a function of one size peaks at 1 / (2 n_a)
        self.widest = min(largest, 0.5 / model.nonadditivity) if model.nonadditivity > 0 else largest
        self.largest_range = model.cutoff * largest
        self.lists = list_wide(
            self.arrays.x, self.box, self.largest_range + skins[1],
            empty_lists(np.uint64(self.n), np.uint64(model.dimension), np.uint64(64 * self.n)),
        )  # fmt: skip

    def run(self, sweeps: int, gains: np.ndarray) -> np.ndarray:
        """Cycles of `sweeps` sweeps, one for each gain; returns the kernel's trace, a row a cycle."""
        swaps = round(self.swap_fraction * sweeps * self.n)
        trace = np.empty((gains.size, 3))
        done, block = 0, 1
        while done < gains.size:
            now = slice(done, min(done + block, gains.size))
            started = time.perf_counter()
            self.lists = kernel.run_cycles(
                self.arrays, self.progress, self.lists, self.box, self.potential, self.model.nonadditivity,
                self.skins, self.widest, self.largest_range, self.temperature, sweeps * self.n - swaps, swaps,
                TARGET_ACCEPTANCE, gains[now], trace[now],
            )  # fmt: skip
            done = now.stop
            faster = SECONDS_PER_CALL / max(time.perf_counter() - started, 1e-9)
            block = max(1, int(block * min(2.0, faster)))
        return trace

    def configuration(self) -> Configuration:
        """The present state, in the caller's order."""
        positions, diameters = np.empty((self.n, self.model.dimension)), np.empty(self.n)
        positions[self.order] = self.arrays.x.reshape(positions.shape)
        diameters[self.order] = self.arrays.diameters
        return Configuration(positions, diameters, self.box[0])


def _spatial_order(configuration: Configuration) -> np.ndarray:
    """Particles in the order of cubes of about ten: neighbours in space become neighbours in memory."""
    cubes = max(1, int((configuration.n_particles / 10) ** (1 / configuration.dimension)))
    cell = np.floor(configuration.wrapped().positions / configuration.box_length * cubes)
    return np.lexsort(cell.T)


def metropolis(
    configuration: Configuration, model: Model, temperature: float, sweeps: int, rng: np.random.Generator,
    swap_fraction: float, step: float | None, tune: bool,
) -> MonteCarloResult:  # fmt: skip
    """Displacements and swaps; see `equilibrate`."""
    walker = MetropolisWalker(configuration, model, temperature, rng, swap_fraction, step)
    whole, rest = divmod(sweeps, SWEEPS_PER_CYCLE)
    # the step is steered with decreasing force during the first half, and then stays what it is
    tuned = (whole + 1) // 2 if tune else 0
    gains = np.zeros(whole)
    gains[:tuned] = 2.0 / np.sqrt(1.0 + np.arange(tuned))
    trace = walker.run(SWEEPS_PER_CYCLE, gains)
    if rest:
        trace = np.vstack([trace, walker.run(rest, np.zeros(1))])
    kept = trace[tuned:, 1:].sum(axis=0)
    n = configuration.n_particles
    attempts = (sweeps - tuned * SWEEPS_PER_CYCLE) * n
    swaps = round(swap_fraction * SWEEPS_PER_CYCLE * n) * (whole - tuned) + round(swap_fraction * rest * n)
    final = walker.configuration()
    return MonteCarloResult(
        configuration=final,
        energy=potential_energy(final, model) / n,
        displacement_acceptance=kept[0] / (attempts - swaps) if attempts > swaps else math.nan,
        swap_acceptance=kept[1] / swaps if swaps else math.nan,
        step=float(walker.progress[kernel.STEP]),
        energies=trace[:, 0] / n,
        sweeps=sweeps,
    )


# A sampler takes (configuration, model, temperature, sweeps, rng, swap_fraction, step, tune), checked by `equilibrate`
Sampler = Callable[..., MonteCarloResult]
SAMPLERS: dict[str, Sampler] = {"metropolis": metropolis}


def equilibrate(
    configuration: Configuration, model: Model, temperature: float, sweeps: int, rng: np.random.Generator,
    swap_fraction: float = 0.2, step: float | None = None, tune: bool = True, sampler: str = "metropolis",
) -> MonteCarloResult:  # fmt: skip
    """Sample the canonical distribution exp(-U / T) over positions and over assignments of the given sizes.

    Parameters
    ----------
    configuration : Configuration
        Where to start.
    model : Model
    temperature : float
        T, in the energy unit of the potential.
    sweeps : int
        Of N attempted moves each.
    rng : numpy.random.Generator
        The result is a function of its state and of the other arguments.
    swap_fraction : float, in [0, 1)
        Share of the attempts that exchange two particles' sizes; 0 keeps every particle's own.
    step : float, optional
        Half-width of the displacement cube to start with (`MonteCarloResult.step` of a run before).
    tune : bool
        Adapt the step during the first half of the sweeps. Moves while tuning only nearly sample the distribution:
        tune while equilibrating, not while keeping samples.
    sampler : str
        Key in `SAMPLERS`.

    Raises
    ------
    InputError
        A box too small, a temperature that is not positive, a swap fraction outside [0, 1), an unknown sampler.
    """
    check_fits(configuration, model)
    if not (math.isfinite(temperature) and temperature > 0):
        raise InputError(f"temperature is {temperature!r}, must be positive")
    if int(sweeps) != sweeps or sweeps < 0:
        raise InputError(f"sweeps is {sweeps!r}, must be a whole number, zero or more")
    if not 0 <= swap_fraction < 1:
        raise InputError(f"swap_fraction is {swap_fraction!r}, must be in [0, 1)")
    if step is not None and not (math.isfinite(step) and step > 0):
        raise InputError(f"step is {step!r}, must be positive")
    if sampler not in SAMPLERS:
        raise InputError(f"unknown sampler {sampler!r} (known: {', '.join(SAMPLERS)})")
    return SAMPLERS[sampler](configuration, model, temperature, int(sweeps), rng, swap_fraction, step, tune)


def initial_configuration(model: Model, n_particles: int, rng: np.random.Generator) -> Configuration:
    """Random positions and sizes, with the overlaps pushed apart.

    A few sweeps at high temperature do it: a move never cares how large the energies are, so that the r^-10 cores
    of random positions are as good a start as any.
    """
    model.check_particles(n_particles)
    box_length = model.box_length(n_particles)
    positions = rng.random((n_particles, model.dimension)) * box_length
    start = Configuration(positions, model.draw_diameters(n_particles, rng), box_length)
    result = equilibrate(start, model, OVERLAP_TEMPERATURE, OVERLAP_SWEEPS, rng, swap_fraction=0.0, tune=False)
    return result.configuration.wrapped()
