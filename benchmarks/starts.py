"""How soon density forgets where a liquid came from: its longest waves, from the starts that are used, even ones and
independent ones.

    python benchmarks/starts.py ipl2d 25600 2.0            # five minutes
    python benchmarks/starts.py ipl3d 32768 2.0 --sweeps 500 --runs 6

Prints the structure factor S(k) of the longest waves after the start and after each run, a mean over walkers.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable

import numpy as np

from nqe_core import swap_monte_carlo
from nqe_core.configuration import Configuration
from nqe_core.models import get_model
from nqe_core.swap_monte_carlo import equilibrate, even_points, initial_configuration

SEED = 20200323
SQUARES = (1, 2, 4)  # (k L / 2 pi)^2 of the waves that are looked at


def entirely_even_points(n: int, dimension: int, rng: np.random.Generator, _: float) -> np.ndarray:
    """No long waves at all."""
    return even_points(n, dimension, rng)


def independent_points(n: int, dimension: int, rng: np.random.Generator, _: float) -> np.ndarray:
    """An ideal gas."""
    return rng.random((n, dimension))


STARTS = {"as used": even_points, "even": entirely_even_points, "independent": independent_points}


def long_waves(state: Configuration) -> list[float]:
    """S(k) of the waves of `SQUARES`, each a mean over directions."""
    found = []
    for square in SQUARES:
        waves = [n for n in itertools.product(range(-2, 3), repeat=state.dimension) if sum(k * k for k in n) == square]
        phases = state.positions @ (2.0 * np.pi / state.box_length * np.array(waves)).T
        found.append(float(np.mean(np.abs(np.exp(1j * phases).sum(axis=0)) ** 2) / state.n_particles))
    return found


def course(options: argparse.Namespace, points: Callable) -> np.ndarray:
    """S(k) and u/N after the start and after each run, a mean over walkers."""
    model, walkers = get_model(options.model), []
    swap_monte_carlo.even_points = points
    for number in range(options.walkers):
        rng = np.random.default_rng([SEED, number])
        state, step = initial_configuration(model, options.n_particles, rng), None
        lines = [[*long_waves(state), np.nan]]
        for run in range(options.runs):
            result = equilibrate(
                state, model, options.temperature, options.sweeps, rng, options.swap_fraction, step,
                tune=2 * run < options.runs, sampler="hybrid",
            )  # fmt: skip
            state, step = result.configuration, result.step
            lines.append([*long_waves(state), result.energies.mean()])
        walkers.append(lines)
    return np.mean(walkers, axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("n_particles", type=int)
    parser.add_argument("temperature", type=float)
    parser.add_argument("--swap-fraction", type=float, default=0.2)
    parser.add_argument("--walkers", type=int, default=3)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--sweeps", type=int, default=2000, help="of each run")
    options = parser.parse_args()
    print("start        sweeps  " + "  ".join(f"S, k^2 = {square}" for square in SQUARES) + "     u / N")
    for name, points in STARTS.items():
        for run, line in enumerate(course(options, points)):
            print(f"{name:11}  {run * options.sweeps:6}  " + "  ".join(f"{v:10.4f}" for v in line), flush=True)


if __name__ == "__main__":
    main()
