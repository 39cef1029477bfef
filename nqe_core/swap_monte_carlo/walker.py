"""What all samplers share: the walker's arrays, its proposals of swaps, and the run from tuning to result."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import numpy as np

from nqe_core.configuration import Configuration
from nqe_core.energy import potential_energy
from nqe_core.errors import InputError
from nqe_core.kernels import monte_carlo as kernel
from nqe_core.kernels.monte_carlo_lists import empty_lists
from nqe_core.models import Model

SIZE_WINDOW = 0.2  # polydisperse sizes are only exchanged when they differ by less: others are nearly always refused
SHAKE = 0.01  # of the smallest diameter: how far positions move, each way, when two particles are at one place
WIDE_ENTRIES = np.uint64(64)  # first guess of a particle's neighbours in the wide list, which grows by itself


@dataclass(frozen=True, eq=False)
class MonteCarloResult:
    """What a run leaves behind.

    Parameters
    ----------
    configuration : Configuration
        The last state; positions are not always wrapped into the box.
    energy : float
        Its potential energy per particle.
    displacement_acceptance, swap_acceptance : float
        Accepted share of the attempts after tuning; NaN where there was no attempt.
    step : float
        Half-width of the displacement cube, or the time step of a hybrid sampler.
    energies : ndarray, shape=(n_cycles,)
        Energy per particle after each cycle of displacements and swaps.
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
    if model.two_sizes:
        n_small = int(np.searchsorted(sizes, sizes[-1]))
        small = np.arange(sizes.size) < n_small
        return np.where(small, n_small, 0), np.where(small, sizes.size - n_small, n_small)
    first = np.searchsorted(sizes, sizes - window, side="left")
    return first, np.searchsorted(sizes, sizes + window, side="right") - first


def energy_and_start(
    configuration: Configuration, model: Model, rng: np.random.Generator
) -> tuple[float, Configuration]:
    """U and the configuration; when U is not finite (two particles at one place), those of shaken positions."""
    energy = potential_energy(configuration, model)
    if not math.isfinite(energy):
        shake = SHAKE * configuration.diameters.min() * (2.0 * rng.random(configuration.positions.shape) - 1.0)
        configuration = replace(configuration, positions=configuration.positions + shake)
        energy = potential_energy(configuration, model)
        if not math.isfinite(energy):
            raise InputError(f"the potential energy of the start is {energy}, must be finite")
    return energy, configuration


def spatial_order(configuration: Configuration) -> np.ndarray:
    """Particles in the order of cubes of about ten: neighbours in space become neighbours in memory."""
    cubes = max(1, int((configuration.n_particles / 10) ** (1 / configuration.dimension)))
    cell = np.floor(configuration.wrapped().positions / configuration.box_length * cubes)
    return np.lexsort(cell.T)


class Walker(ABC):
    """One walker: the arrays of the kernels, and the map from their order back to the caller's.

    Parameters
    ----------
    configuration, model, temperature
        Where it starts and what it samples. Particles may overlap, even sit at one place.
    rng : numpy.random.Generator
        Seeds the walker's own generator.
    swap_fraction : float
        Share of swaps among the attempts.
    step : float
        Half-width of the displacement cube, or time step.
    size_window : float
        See `partner_ranges`.
    """

    sweeps_per_cycle: int
    first_gain: float  # how hard the first cycle of a run steers the step towards the wanted acceptance

    def __init__(
        self, configuration: Configuration, model: Model, temperature: float, rng: np.random.Generator,
        swap_fraction: float, step: float, size_window: float = SIZE_WINDOW,
    ) -> None:  # fmt: skip
        self.model, self.temperature, self.swap_fraction = model, float(temperature), swap_fraction
        energy, configuration = energy_and_start(configuration, model, rng)
        self.box, self.n = configuration.box, configuration.n_particles
        self.order = spatial_order(configuration)
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
        self.progress = np.array([energy, step, 0.0, kernel.HUGE, abs(energy), 0.0])
        # registers: the compiler would not load an array ahead of a branch
        self.potential = tuple(model.potential) if isinstance(model.potential, np.ndarray) else model.potential
        largest = float(diameters.max())
        # lambda_ij as a function of one size peaks at 1 / (2 n_a)
        self.widest = min(largest, 0.5 / model.nonadditivity) if model.nonadditivity > 0 else largest
        self.largest_range = model.cutoff * largest
        n = np.uint64(self.n)
        self.lists = empty_lists(n, np.uint64(model.dimension), WIDE_ENTRIES * n)

    @abstractmethod
    def attempts(self, sweeps: int) -> tuple[int, int]:
        """Displacements (or trajectories) and swaps that a cycle of `sweeps` sweeps attempts."""

    @abstractmethod
    def run(self, sweeps: int, gains: np.ndarray) -> np.ndarray:
        """Cycles of `sweeps` sweeps, one for each gain.

        Returns
        -------
        trace : ndarray, shape=(n_cycles, 3)
            Energy after each cycle, accepted displacements (or trajectories), accepted swaps.
        """

    def configuration(self) -> Configuration:
        """The present state, in the caller's order."""
        positions, diameters = np.empty((self.n, self.model.dimension)), np.empty(self.n)
        positions[self.order] = self.arrays.x.reshape(positions.shape)
        diameters[self.order] = self.arrays.diameters
        return Configuration(positions, diameters, self.box[0])


def sample(walker: Walker, sweeps: int, tune: bool) -> MonteCarloResult:
    """Run a walker; with `tune`, its step is steered during the first half, with decreasing force, and then frozen."""
    whole, rest = divmod(sweeps, walker.sweeps_per_cycle)
    tuned = (whole + 1) // 2 if tune else 0
    gains = np.zeros(whole)
    gains[:tuned] = walker.first_gain / np.sqrt(1.0 + np.arange(tuned))
    trace = walker.run(walker.sweeps_per_cycle, gains)
    attempts = (whole - tuned) * np.array(walker.attempts(walker.sweeps_per_cycle))
    if rest:
        trace = np.vstack([trace, walker.run(rest, np.zeros(1))])
        attempts += walker.attempts(rest)
    accepted = trace[tuned:, 1:].sum(axis=0)
    final = walker.configuration()
    return MonteCarloResult(
        configuration=final,
        energy=potential_energy(final, walker.model) / walker.n,
        displacement_acceptance=float(accepted[0] / attempts[0]) if attempts[0] else math.nan,
        swap_acceptance=float(accepted[1] / attempts[1]) if attempts[1] else math.nan,
        step=float(walker.progress[kernel.STEP]),
        energies=trace[:, 0] / walker.n,
        sweeps=sweeps,
    )
