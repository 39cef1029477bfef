"""Shear modulus against preparation: instantaneous quench or slow cooling, liquids with or without swap moves.

    python benchmarks/preparation.py ipl2d 1600 --swap-fractions 0 0.2 --walkers 24 --samples 8
    python benchmarks/preparation.py ipl4d 2401 --cooling-rates 1e-3 --walkers 4 --samples 1

Prints G, the liquid's and the inherent state's energy per particle, each with its standard error over walkers.
"""

from __future__ import annotations

import argparse
import math
import time

import numpy as np

from nqe_core import Interactions, quench
from nqe_core.elasticity import shear_moduli
from nqe_core.models import Model, get_model
from nqe_core.molecular_dynamics import cool
from nqe_core.swap_monte_carlo import equilibrate, initial_configuration

BURN_IN, SPACING = 4000, 800  # sweeps; more than ten and two relaxation times at T = 2 (config/relaxation.tsv)
COOLED_FROM = 1.0  # as in config/config.yaml


def walker(model: Model, n: int, temperature: float, swaps: float, rate: float, samples: int, rng) -> np.ndarray:
    """Mean modulus, liquid energy and inherent energy of one walker's samples."""
    run = equilibrate(initial_configuration(model, n, rng), model, temperature, BURN_IN, rng, swaps, sampler="hybrid")
    found = []
    for _ in range(samples):
        run = equilibrate(
            run.configuration, model, temperature, SPACING, rng, swaps, run.step, tune=False, sampler="hybrid"
        )
        liquid = run.configuration
        state = quench(cool(liquid, model, COOLED_FROM, rate, rng) if rate else liquid, model)
        modulus = np.mean(shear_moduli(Interactions.of(state.configuration, model)))
        found.append([modulus, run.energies.mean(), state.energy])
    return np.mean(found, axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("n_particles", type=int)
    parser.add_argument("--temperature", type=float, default=2.0)
    parser.add_argument("--swap-fractions", type=float, nargs="+", default=[0.2])
    parser.add_argument("--cooling-rates", type=float, nargs="+", default=[0.0], help="0 is an instantaneous quench")
    parser.add_argument("--walkers", type=int, default=12)
    parser.add_argument("--samples", type=int, default=8, help="of each walker")
    parser.add_argument("--seed", type=int, default=11)
    options = parser.parse_args()
    model = get_model(options.model)
    for swaps in options.swap_fractions:
        for rate in options.cooling_rates:
            started = time.process_time()
            found = np.array([
                walker(model, options.n_particles, options.temperature, swaps, rate, options.samples,
                       np.random.default_rng([number, options.seed]))
                for number in range(options.walkers)
            ])  # fmt: skip
            values, errors = found.mean(axis=0), found.std(axis=0, ddof=1) / math.sqrt(options.walkers)
            numbers = ", ".join(
                f"{name} {value:.4f} +- {error:.4f}"
                for name, value, error in zip(("G", "liquid u/N", "inherent u/N"), values, errors, strict=True)
            )
            print(f"{model.name} N={options.n_particles} swaps {swaps:g} rate {rate:g}: {numbers}; "
                  f"n = {options.walkers * options.samples} of {options.walkers} walkers, "
                  f"{time.process_time() - started:.0f} core-s", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
