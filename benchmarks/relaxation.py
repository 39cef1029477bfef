"""The relaxation times that the sheets count in: measures them all, or one, and plots them.

    python benchmarks/relaxation.py measure               # all, about two core-hours; continues where it was stopped
    python benchmarks/relaxation.py measure poly3d_t050   # one
    python benchmarks/relaxation.py plot                  # docs/images/relaxation.png
    python benchmarks/relaxation.py check                 # energies against the integral of the heat capacity
    python benchmarks/relaxation.py table                 # what docs/samplers.md shows

Each run is one `nqe relaxation`; its line goes to config/relaxation.tsv, its curves to results/relaxation/.
"""

from __future__ import annotations

import argparse
import itertools
import math
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
from scipy.interpolate import CubicSpline

from nqe_core.relaxation_table import Measured, read_relaxation

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "config/relaxation.tsv"
CURVES = ROOT / "results/relaxation"
SEED = 20200323
SMALL = 500  # particles at most where a liquid is followed through all temperatures

# Sweeps: 100 times the longer one of overlap and scattering, and more where that is cheap, so that both have an error
# of a few per cent; burn-in: 30 times. More than one swap in ten moves only takes time from the places (POLY).
POLY = ["--model", "poly3d", "--n-particles", "500", "--swap-fraction", "0.1"]
RUNS: dict[str, list[str]] = {
    "ipl2d_t200": "--model ipl2d --n-particles 400 --temperature 2 --walkers 8 --sweeps 32000 --burn-in 4000".split(),
    "ipl3d_t200": "--model ipl3d --n-particles 500 --temperature 2 --walkers 8 --sweeps 20000 --burn-in 3000".split(),
    "ipl4d_t200": "--model ipl4d --n-particles 1000 --temperature 2 --walkers 4 --sweeps 20000 --burn-in 2000".split(),
    "poly3d_t130": [*POLY, *"--temperature 1.3 --walkers 8 --sweeps 20000 --burn-in 4000".split()],
    "poly3d_t090": [*POLY, *"--temperature 0.9 --walkers 8 --sweeps 60000 --burn-in 8000".split()],
    "poly3d_t070": [*POLY, *"--temperature 0.7 --walkers 8 --sweeps 100000 --burn-in 20000".split()],
    "poly3d_t050": [*POLY, *"--temperature 0.5 --walkers 8 --sweeps 250000 --burn-in 60000".split()],
    "poly3d_t042": [*POLY, *"--temperature 0.42 --walkers 6 --sweeps 300000 --burn-in 100000".split()],
    # walkers of N = 200, or it would take hours
    "poly3d_t035": "--model poly3d --n-particles 200 --swap-fraction 0.1 --temperature 0.35 --walkers 6 "
    "--sweeps 2000000 --burn-in 4800000".split(),
}
# how they grow with N
LARGER = {
    "ipl2d_t200_n6400": "--model ipl2d --n-particles 6400 --temperature 2 --walkers 4 --sweeps 12000 --burn-in 4000",
    "ipl2d_t200_n25600": "--model ipl2d --n-particles 25600 --temperature 2 --walkers 3 --sweeps 8000 --burn-in 4000",
    "ipl3d_t200_n2048": "--model ipl3d --n-particles 2048 --temperature 2 --walkers 6 --sweeps 10000 --burn-in 2000",
    "ipl3d_t200_n8192": "--model ipl3d --n-particles 8192 --temperature 2 --walkers 4 --sweeps 6000 --burn-in 2000",
    "ipl3d_t200_n32768": "--model ipl3d --n-particles 32768 --temperature 2 --walkers 3 --sweeps 4000 --burn-in 2000",
    "ipl4d_t200_n10000": "--model ipl4d --n-particles 10000 --temperature 2 --walkers 3 --sweeps 4000 --burn-in 1500",
    "poly3d_t130_n2000": f"{' '.join(POLY)} --n-particles 2000 --temperature 1.3 --walkers 4 --sweeps 12000 --burn-in 4000",
    "poly3d_t050_n2000": f"{' '.join(POLY)} --n-particles 2000 --temperature 0.5 --walkers 4 --sweeps 90000 --burn-in 50000",
}
RUNS |= {name: options.split() for name, options in LARGER.items()}
# the classical sampler, for the same energies
CLASSICAL = {
    "ipl3d_t200_classical": "--model ipl3d --n-particles 500 --temperature 2 --walkers 8 --sweeps 20000 --burn-in 3000",
    "poly3d_t090_classical": f"{' '.join(POLY)} --temperature 0.9 --walkers 8 --sweeps 40000 --burn-in 8000",
    "poly3d_t050_classical": f"{' '.join(POLY)} --temperature 0.5 --walkers 8 --sweeps 200000 --burn-in 60000",
}
RUNS |= {name: [*options.split(), "--sampler", "metropolis"] for name, options in CLASSICAL.items()}


def measure(names: list[str]) -> None:
    """Run what is named, or all that has no curves yet."""
    for name, options in RUNS.items():
        curves = CURVES / f"{name}.csv"
        if name in names or (not names and not curves.exists()):
            command = [
                "nqe",
                "relaxation",
                "--root-seed",
                str(SEED),
                *options,
                "--curves",
                str(curves),
                "--table",
                str(TABLE),
            ]
            print(" ".join(command), flush=True)
            subprocess.run(command, check=True)


def small_polydisperse() -> list[Measured]:
    """The lines of the polydisperse liquid by the hybrid sampler, one for each temperature."""
    lines = [line for line in read_relaxation(TABLE) if line.model == "poly3d" and line.sampler == "hybrid"]
    return [line for line in lines if line.n_particles <= SMALL]


def plot(path: Path) -> None:
    """Relaxation times against the inverse temperature, and how the overlap falls at each temperature."""
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    lines = small_polydisperse()
    inverse = np.array([1 / line.temperature for line in lines])
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained")
    for name, colour in (
        ("overlap", "#0072b2"),
        ("scattering", "#d55e00"),
        ("sizes", "#009e73"),
        ("energy", "#555555"),
    ):
        value = np.array([getattr(line, f"tau_{name}") for line in lines])
        error = np.array([getattr(line, f"tau_{name}_error") for line in lines])
        known = np.isfinite(value)
        left.errorbar(inverse[known], value[known], error[known], fmt="o-", ms=4, capsize=2, color=colour, label=name)
    left.set(yscale="log", xlabel=r"$1/T$", ylabel=r"relaxation time $\tau$ (sweeps)", title="(a)")
    left.legend(frameon=False)
    for line, colour in zip(lines, plt.get_cmap("cividis")(np.linspace(0.9, 0.0, len(lines))), strict=True):
        curve = np.genfromtxt(CURVES / f"poly3d_t{100 * line.temperature:03.0f}.csv", delimiter=",", names=True)
        right.plot(curve["lag"][1:], curve["overlap"][1:], color=colour, label=f"$T = {line.temperature:g}$")
    right.axhline(1 / math.e, color="0.6", lw=0.8, ls=":")
    right.set(xscale="log", xlabel="sweeps", ylabel="overlap $Q$", ylim=(0, 1), title="(b)")
    right.legend(frameon=False, fontsize=7)
    figure.savefig(path, dpi=200)
    print(path)


def table() -> str:
    """The table of the documentation, in Markdown."""
    heads = ["model", "N", "T", "sampler", "walkers x sweeps", "u / N", "drift of u / N", "heat capacity", "overlap",
             "scattering", "sizes", "energy", "ms / sweep", "core-s / tau"]  # fmt: skip
    rows = [heads, ["---"] * len(heads)]
    for line in read_relaxation(TABLE):
        times = [
            _shown(getattr(line, f"tau_{name}"), getattr(line, f"tau_{name}_error"))
            for name in ("overlap", "scattering", "sizes", "energy")
        ]
        rows.append([
            line.model, f"{line.n_particles}", f"{line.temperature:g}", line.sampler,
            f"{line.walkers} x {line.sweeps}", _shown(line.energy, line.energy_error),
            _shown(line.drift, line.drift_error), _shown(line.heat_capacity, line.heat_capacity_error), *times,
            f"{1e3 * line.seconds_per_sweep:.3f}", f"{line.tau * line.seconds_per_sweep:.2g}",
        ])  # fmt: skip
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _shown(value: float, error: float) -> str:
    """Value and error in its last digits, as in 6.341(1)."""
    if not math.isfinite(value):
        return "too long"
    if not (math.isfinite(error) and error > 0):
        return f"{value:.3g}"
    digits = max(0, -math.floor(math.log10(error)))
    if digits:
        return f"{value:.{digits}f}({error * 10**digits:.0f})"
    return f"{value:.0f}({error:.0f})"


def check(draws: int = 2000) -> None:
    """Energy differences between temperatures, measured and from the heat capacities, which fluctuations give."""
    lines = sorted(small_polydisperse(), key=lambda line: line.temperature)
    temperature = np.array([line.temperature for line in lines])
    heat = np.array([line.heat_capacity for line in lines])
    noise = np.random.default_rng(0).normal(size=(draws, heat.size)) * [line.heat_capacity_error for line in lines]
    curves = [CubicSpline(temperature, values) for values in (heat, *(heat + noise))]
    print("   T1     T2   u2 - u1 per particle   integral of the heat capacity   difference / its error")
    for low, high in itertools.pairwise(lines):
        measured, error = high.energy - low.energy, math.hypot(low.energy_error, high.energy_error)
        integrals = np.array([curve.integrate(low.temperature, high.temperature) for curve in curves])
        expected, spread = integrals[0], integrals[1:].std()
        score = (measured - expected) / math.hypot(error, spread)
        print(f"{low.temperature:5.2f}  {high.temperature:5.2f}   {measured:8.4f} +- {error:.4f}     "
              f"{expected:8.4f} +- {spread:.4f}              {score:5.1f}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["measure", "plot", "check", "table"])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(RUNS)}")
    options = parser.parse_args()
    if unknown := set(options.names) - set(RUNS):
        sys.exit(f"relaxation: unknown name {', '.join(sorted(unknown))}")
    if options.what == "measure":
        measure(options.names)
    elif options.what == "plot":
        plot(ROOT / "docs/images/relaxation.png")
    elif options.what == "check":
        check()
    else:
        print(table())


if __name__ == "__main__":
    main()
