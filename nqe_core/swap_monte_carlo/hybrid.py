"""The hybrid sampler: all particles moved at once along a trajectory, then sizes exchanged with positions frozen."""

from __future__ import annotations

import numpy as np

from nqe_core.configuration import Configuration
from nqe_core.energy import PairList
from nqe_core.kernels.hybrid_monte_carlo import hardest_pair, hybrid_cycle
from nqe_core.kernels.monte_carlo import ENERGY, STEP, TRACE_DISPLACEMENTS, TRACE_ENERGY, TRACE_SWAPS
from nqe_core.models import Model
from nqe_core.swap_monte_carlo.metropolis import MetropolisWalker
from nqe_core.swap_monte_carlo.walker import MonteCarloResult, Walker, sample

# Time steps, of two forces each, of one trajectory, for up to so many particles: they should cross their cages before
# their velocities are drawn anew. More particles take shorter steps, as N^(-1/4), and more of them.
TRAJECTORY_STEPS, FEW = 20, 2048
TARGET_ACCEPTANCE = 0.75  # of trajectories
FIRST_TIME_STEP, LONGEST_TIME_STEP = 0.012, 0.04  # before tuning, for 500 particles; upper limit of tuning
SETTLED = 3  # crossings of the wanted acceptance after which tuned steps are averaged
SKIN = 0.45  # of the pair list during a trajectory
# No time step follows two particles that overlap: beyond this pair energy, in units of T or, below 1, of the potential,
# single particles are moved first, for no more than so many blocks of sweeps. Starts by `initial_configuration` and hot
# liquids have pair energies up to 40.
OVERLAP, MOST_BLOCKS = 100.0, 20


class HybridWalker(Walker):
    """A walker whose `step` is the time step of its trajectories.

    When particles overlap at the start, they are first pushed apart (`without_overlaps`), with random numbers from
    `rng` that other starts do not draw.

    Parameters
    ----------
    trajectory_steps : int, optional
        Time steps of a trajectory, each with two evaluations of the forces; by default `steps_of_trajectory(N)`.
    target : float
        Acceptance of trajectories that tuning steers to.
    skin : float
        Of the pair list during a trajectory.
    **options
        As for `Walker`.
    """

    first_gain = 1.0  # a cycle is only one trajectory

    def __init__(
        self, configuration: Configuration, model: Model, temperature: float, rng: np.random.Generator,
        swap_fraction: float, step: float | None = None, trajectory_steps: int | None = None,
        target: float = TARGET_ACCEPTANCE, skin: float = SKIN, **options,
    ) -> None:  # fmt: skip
        configuration = without_overlaps(configuration, model, temperature, rng)
        if step is None:
            # the error of a trajectory's energy grows as dt^2 sqrt(N)
            step = FIRST_TIME_STEP * (500.0 / configuration.n_particles) ** 0.25
        super().__init__(configuration, model, temperature, rng, swap_fraction, step, **options)
        self.rng, self.target, self.skin = rng, target, skin
        self.sweeps_per_cycle = sweeps_of_trajectory(configuration.n_particles, swap_fraction, trajectory_steps)

    def attempts(self, sweeps: int) -> tuple[int, int]:
        return int(self.time_steps(sweeps) > 0), round(self.swap_fraction * sweeps * self.n)

    def time_steps(self, sweeps: int) -> int:
        """Time steps in a cycle of `sweeps` sweeps."""
        return time_steps(sweeps, self.swap_fraction)

    def run(self, sweeps: int, gains: np.ndarray) -> np.ndarray:
        """As for `Walker`; how hard a positive gain steers follows from the acceptance itself.

        Steering weakens only when the acceptance crosses its target (H. Kesten, Ann. Math. Stat. 29, 41, 1958): a walker
        that comes from a hot start with steps that are far too short has few trajectories to find the right one. The step
        that stays is the geometric mean of those since the third crossing (B. T. Polyak and A. B. Juditsky, SIAM J.
        Control Optim. 30, 838, 1992): a last one that happens to be too long would be refused until the end.
        """
        swaps, steps = self.attempts(sweeps)[1], self.time_steps(sweeps)
        trace, crossings, before = np.empty((gains.size, 3)), 0, 0.0
        settled: list[float] = []
        for cycle, gain in enumerate(gains):
            noise, chance = self.rng.standard_normal(self.arrays.x.size), self.rng.random()
            self.lists, moved, probability, exchanged = hybrid_cycle(
                self.arrays, self.progress, self.lists, self.box, self.potential, self.model.potential,
                self.model.nonadditivity, self.skin, self.widest, self.largest_range, self.temperature, steps, swaps,
                noise, chance,
            )  # fmt: skip
            if gain > 0:
                crossings += (error := probability - self.target) * before < 0
                before = error
                longer = self.progress[STEP] * np.exp(self.first_gain / np.sqrt(1.0 + crossings) * error)
                self.progress[STEP] = min(longer, LONGEST_TIME_STEP)
                if crossings >= SETTLED:
                    settled.append(np.log(self.progress[STEP]))
                if settled and (cycle + 1 == gains.size or gains[cycle + 1] == 0):
                    self.progress[STEP] = np.exp(np.mean(settled))
            trace[cycle, TRACE_ENERGY] = self.progress[ENERGY]
            trace[cycle, TRACE_DISPLACEMENTS] = moved
            trace[cycle, TRACE_SWAPS] = exchanged
        return trace


def time_steps(sweeps: int, swap_fraction: float) -> int:
    """Time steps in so many sweeps: each of their two forces stands for N attempted displacements."""
    return round((1.0 - swap_fraction) * sweeps / 2)


def steps_of_trajectory(n_particles: int) -> int:
    """Time steps after which a trajectory has crossed the cage, whatever N."""
    return round(TRAJECTORY_STEPS * max(1.0, n_particles / FEW) ** 0.25)


def sweeps_of_trajectory(n_particles: int, swap_fraction: float, steps: int | None = None) -> int:
    """Sweeps that a trajectory of `steps` time steps (by default those of N particles) and its swaps count as."""
    # an evaluation of the forces counts as a sweep's displacements
    return round(2 * (steps_of_trajectory(n_particles) if steps is None else steps) / (1.0 - swap_fraction))


def without_overlaps(
    configuration: Configuration, model: Model, temperature: float, rng: np.random.Generator
) -> Configuration:
    """The configuration itself, or, when particles overlap, after sweeps of single moves without swaps."""
    limit = OVERLAP * max(1.0, temperature)
    if largest_pair_energy(configuration, model) <= limit:
        return configuration
    walker = MetropolisWalker(configuration, model, temperature, rng, 0.0)
    for _ in range(MOST_BLOCKS):
        walker.run(walker.sweeps_per_cycle, np.zeros(1))
        configuration = walker.configuration()
        if largest_pair_energy(configuration, model) <= limit:
            break
    return configuration


def largest_pair_energy(configuration: Configuration, model: Model) -> float:
    """The energy of the pair that overlaps most."""
    pairs = PairList.of(configuration, model)
    return hardest_pair(
        pairs.positions, pairs.start, pairs.partner, pairs.inverse_lambda2, configuration.box, model.potential
    )


def run_hybrid(
    configuration: Configuration, model: Model, temperature: float, sweeps: int, rng: np.random.Generator,
    swap_fraction: float, step: float | None, tune: bool,
) -> MonteCarloResult:  # fmt: skip
    """Trajectories and swaps; see `equilibrate`."""
    return sample(HybridWalker(configuration, model, temperature, rng, swap_fraction, step), sweeps, tune)
