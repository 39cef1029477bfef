"""The classical sampler: one particle moved, or two sizes exchanged, at a time."""

from __future__ import annotations

import math
import time

import numpy as np

from nqe_core.configuration import Configuration
from nqe_core.kernels import monte_carlo as kernel
from nqe_core.kernels.monte_carlo_lists import list_wide
from nqe_core.models import Model
from nqe_core.swap_monte_carlo.walker import MonteCarloResult, Walker, sample

SWEEPS_PER_CYCLE = 10  # displacements and swaps alternate in blocks of this many sweeps: sorting neighbours pays off
TARGET_ACCEPTANCE = 0.4  # of displacements
FIRST_STEP = 0.1  # half-width of the displacement cube before tuning
# Beyond the range of the potential, in the length unit of the models: how far the pair list and the wide list look
PAIR_SKIN, WIDE_SKIN = 0.8, 1.6
SECONDS_PER_CALL = 0.5  # the compiled loop returns this often, so that signals are heard; no result depends on it


class MetropolisWalker(Walker):
    """A walker whose `step` is the half-width of the displacement cube; `skins`: of the pair and the wide list."""

    sweeps_per_cycle = SWEEPS_PER_CYCLE
    first_gain = 2.0

    def __init__(
        self, configuration: Configuration, model: Model, temperature: float, rng: np.random.Generator,
        swap_fraction: float, step: float | None = None, skins: tuple[float, float] = (PAIR_SKIN, WIDE_SKIN),
        **options,
    ) -> None:  # fmt: skip
        # the longest step that does not use up a pair list in a few moves
        step = min(FIRST_STEP if step is None else step, 0.5 * skins[0] / math.sqrt(model.dimension))
        super().__init__(configuration, model, temperature, rng, swap_fraction, step, **options)
        self.skins = skins
        self.lists = list_wide(self.arrays.x, self.box, self.largest_range + skins[1], self.lists)

    def attempts(self, sweeps: int) -> tuple[int, int]:
        swaps = round(self.swap_fraction * sweeps * self.n)
        return sweeps * self.n - swaps, swaps

    def run(self, sweeps: int, gains: np.ndarray) -> np.ndarray:
        displacements, swaps = self.attempts(sweeps)
        trace = np.empty((gains.size, 3))
        done, block = 0, 1
        while done < gains.size:
            now = slice(done, min(done + block, gains.size))
            started = time.perf_counter()
            self.lists = kernel.run_cycles(
                self.arrays, self.progress, self.lists, self.box, self.potential, self.model.nonadditivity,
                self.skins, self.widest, self.largest_range, self.temperature, displacements, swaps,
                TARGET_ACCEPTANCE, gains[now], trace[now],
            )  # fmt: skip
            done = now.stop
            faster = SECONDS_PER_CALL / max(time.perf_counter() - started, 1e-9)
            block = max(1, int(block * min(2.0, faster)))
        return trace


def run_metropolis(
    configuration: Configuration, model: Model, temperature: float, sweeps: int, rng: np.random.Generator,
    swap_fraction: float, step: float | None, tune: bool,
) -> MonteCarloResult:  # fmt: skip
    """Displacements and swaps; see `equilibrate`."""
    return sample(MetropolisWalker(configuration, model, temperature, rng, swap_fraction, step), sweeps, tune)
