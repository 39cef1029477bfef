"""What the samplers cost, and how many sweeps make an independent liquid.

    python benchmarks/samplers.py poly3d 500 0.5 --sampler hybrid --swap-fraction 0.1 --sweeps 80000

A walker is equilibrated for a quarter of the sweeps (first at T >= 1, so that nothing freezes in) and then followed.
Times are CPU times of this process.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from nqe_core.models import get_model
from nqe_core.swap_monte_carlo import equilibrate, initial_configuration
from nqe_core.swap_monte_carlo.hybrid import HybridWalker
from nqe_core.swap_monte_carlo.metropolis import MetropolisWalker

WALKERS = {"metropolis": MetropolisWalker, "hybrid": HybridWalker}
OVERLAP_LENGTH = 0.3  # a particle overlaps with itself while it has moved less, in simulation units
SNAPSHOTS = 400


def relaxation(correlation: np.ndarray, sweeps_between: float) -> float:
    """Where a correlation function first falls below 1/e, interpolated; infinite when it does not."""
    below = np.flatnonzero(correlation < 1 / np.e)
    if below.size == 0:
        return float("inf")
    k = below[0]
    return (k - (1 / np.e - correlation[k]) / (correlation[k - 1] - correlation[k])) * sweeps_between


def integrated_time(series: np.ndarray, sweeps_between: float) -> float:
    """Integrated autocorrelation time with a window of five times itself."""
    x = series - series.mean()
    spectrum = np.abs(np.fft.rfft(x, 2 * x.size)) ** 2
    correlation = np.fft.irfft(spectrum)[: x.size]
    tau = 0.5 + np.cumsum(correlation[1:] / correlation[0])
    window = np.argmax(np.arange(1, tau.size + 1) > 5 * tau)
    return tau[window] * sweeps_between


def follow(walker: MetropolisWalker | HybridWalker, sweeps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions and sizes at `SNAPSHOTS` equidistant times, and the trace of the whole run."""
    cycles = max(1, sweeps // (SNAPSHOTS * walker.sweeps_per_cycle))
    positions, sizes, traces = [], [], []
    for _ in range(SNAPSHOTS):
        traces.append(walker.run(walker.sweeps_per_cycle, np.zeros(cycles)))
        # in the walker's own order, where positions are never wrapped by the classical sampler
        positions.append(walker.arrays.x.reshape(walker.n, -1).copy())
        sizes.append(walker.arrays.diameters.copy())
    return np.array(positions), np.array(sizes), np.vstack(traces)


def overlaps(positions: np.ndarray, box_length: float) -> np.ndarray:
    """Share of particles within `OVERLAP_LENGTH` of where they were, the drift of all subtracted, against the lag."""
    step = np.diff(positions, axis=0)
    step -= box_length * np.rint(step / box_length)
    path = np.concatenate([positions[:1], positions[0] + np.cumsum(step, axis=0)])
    path -= path.mean(axis=1, keepdims=True)
    lags = range(1, SNAPSHOTS // 2)
    return np.array([1.0] + [(np.linalg.norm(path[k:] - path[:-k], axis=2) < OVERLAP_LENGTH).mean() for k in lags])


def memory(sizes: np.ndarray) -> np.ndarray:
    """Autocorrelation of every particle's size."""
    x = sizes - sizes.mean()
    return np.array([1.0] + [(x[k:] * x[:-k]).mean() / (x * x).mean() for k in range(1, SNAPSHOTS // 2)])


def relaxation_costs(model, n_particles, temperature, sampler, swap_fraction, sweeps, seed) -> tuple[float, float]:
    """CPU seconds until places and sizes are forgotten, after a burn-in of a quarter of the sweeps."""
    rng = np.random.default_rng(seed)
    start = initial_configuration(model, n_particles, rng)
    run = equilibrate(start, model, temperature, sweeps // 4, rng, swap_fraction, sampler=sampler)
    walker = WALKERS[sampler](run.configuration, model, temperature, rng, swap_fraction, run.step)
    started = time.process_time()
    positions, sizes, trace = follow(walker, sweeps)
    per_sweep = (time.process_time() - started) / (trace.shape[0] * walker.sweeps_per_cycle)
    between = trace.shape[0] * walker.sweeps_per_cycle / SNAPSHOTS
    return (
        relaxation(overlaps(positions, walker.box[0]), between) * per_sweep,
        relaxation(memory(sizes), between) * per_sweep,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("n_particles", type=int)
    parser.add_argument("temperature", type=float)
    parser.add_argument("--sampler", choices=WALKERS, default="metropolis")
    parser.add_argument("--swap-fraction", type=float, default=0.2)
    parser.add_argument("--size-window", type=float, default=0.2)
    parser.add_argument("--sweeps", type=int, default=20_000)
    options = parser.parse_args()
    model, rng = get_model(options.model), np.random.default_rng(7)
    run = equilibrate(initial_configuration(model, options.n_particles, rng), model, max(1.0, options.temperature),
                      1000, rng, sampler=options.sampler)  # fmt: skip
    run = equilibrate(run.configuration, model, options.temperature, options.sweeps // 4, rng, options.swap_fraction,
                      run.step, sampler=options.sampler)  # fmt: skip
    walker = WALKERS[options.sampler](
        run.configuration, model, options.temperature, rng, options.swap_fraction, run.step,
        size_window=options.size_window,
    )  # fmt: skip
    started = time.process_time()
    positions, sizes, trace = follow(walker, options.sweeps)
    seconds = time.process_time() - started
    sweeps = trace.shape[0] * walker.sweeps_per_cycle
    attempts = trace.shape[0] * np.array(walker.attempts(walker.sweeps_per_cycle))
    between = sweeps / SNAPSHOTS
    energy = trace[:, 0] / walker.n
    overlap = relaxation(overlaps(positions, walker.box[0]), between)
    print(f"{options}\nenergy {energy.mean():.4f}, step {run.step:.4f}, acceptance {trace[:, 1].sum() / attempts[0]:.3f}",
          f"swaps {trace[:, 2].sum() / max(attempts[1], 1):.4f}", sep=", ")  # fmt: skip
    print(f"{seconds / sweeps / walker.n * 1e9:.0f} ns an attempt")
    print(f"sweeps to 1/e: overlap {overlap:.0f}, sizes {relaxation(memory(sizes), between):.0f};", end=" ")
    print(f"integrated, energy: {integrated_time(energy, walker.sweeps_per_cycle):.0f};", end=" ")
    print(f"overlap in CPU seconds: {overlap * seconds / sweeps:.3f}")


if __name__ == "__main__":
    main()
