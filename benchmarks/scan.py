"""What makes the hybrid sampler fast where it is slow: a scan by the core-seconds in which places are forgotten.

    python benchmarks/scan.py measure 0.5 0.42    # what benchmarks/scan.tsv does not hold yet, a line each
    python benchmarks/scan.py table               # as in docs/samplers.md

All settings of a temperature follow the same equilibrated walkers (results/scan/), of N = 500, and change one thing of
`DEFAULT`. Times are CPU times of this process.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np
from samplers import follow

from nqe_core.configuration import Configuration
from nqe_core.correlations import decay, overlap, unfolded
from nqe_core.models import get_model
from nqe_core.swap_monte_carlo import equilibrate, initial_configuration
from nqe_core.swap_monte_carlo.hybrid import HybridWalker
from nqe_core.swap_monte_carlo.walker import sample

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "benchmarks/scan.tsv"
STARTS = ROOT / "results/scan"
MODEL, N, WALKERS, SEED = "poly3d", 500, 6, 20200323
# sweeps of each walker; burn-in of the starts; where to come from
LENGTHS = {
    1.3: (12_000, 4_000, 2.0),
    0.7: (24_000, 12_000, 1.0),
    0.5: (60_000, 60_000, 1.0),
    0.42: (180_000, 150_000, 0.5),
}
TUNING = 80  # trajectories


@dataclass(frozen=True)
class Setting:
    """What may be tuned."""

    swap_fraction: float = 0.1
    size_window: float = 0.2
    trajectory_steps: int = 20
    target: float = 0.75
    skin: float = 0.45


DEFAULT = Setting()
CHANGES = [
    {},
    {"trajectory_steps": 40, "swap_fraction": 0.05},
    {"trajectory_steps": 14},
    {"trajectory_steps": 10},
    {"swap_fraction": 0.05},
    {"trajectory_steps": 28},
    {"trajectory_steps": 40},
    {"swap_fraction": 0.02},
    {"swap_fraction": 0.2},
    {"size_window": 0.1},
    {"size_window": 0.4},
    {"target": 0.6},
    {"target": 0.88},
    {"skin": 0.3},
    {"skin": 0.65},
]
COLDER = [*CHANGES[:6], {"swap_fraction": 0.2}, {"target": 0.88}]  # below T = 0.5, where a setting costs minutes


def starts(temperature: float) -> list[Configuration]:
    """Equilibrated walkers, made once."""
    path, model = STARTS / f"t{100 * temperature:03.0f}.npz", get_model(MODEL)
    if not path.exists():
        _, burn_in, hotter = LENGTHS[temperature]
        found = starts(hotter) if hotter in LENGTHS else None
        made = []
        for number in range(WALKERS):
            rng = np.random.default_rng([SEED, round(1000 * temperature), number])
            first = found[number] if found else initial_configuration(model, N, rng)
            if not found:
                first = equilibrate(first, model, hotter, 2000, rng, 0.1, sampler="hybrid").configuration
            made.append(equilibrate(first, model, temperature, burn_in, rng, 0.1, sampler="hybrid").configuration)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, positions=[s.positions for s in made], diameters=[s.diameters for s in made])
    with np.load(path) as stored:
        return [Configuration(x, d, model.box_length(N)) for x, d in zip(*stored.values(), strict=True)]


def measure(temperature: float, setting: Setting) -> dict:
    """Relaxation time and cost of one setting."""
    model, sweeps = get_model(MODEL), LENGTHS[temperature][0]
    options = asdict(setting)
    values, seconds, made, accepted, exchanged, steps = [], 0.0, 0, [], [], []
    for number, start in enumerate(starts(temperature)):
        rng = np.random.default_rng([SEED, 1, number])
        walker = HybridWalker(start, model, temperature, rng, **options)
        steps.append(sample(walker, TUNING * walker.sweeps_per_cycle, tune=True).step)
        started = time.process_time()
        positions, _, trace = follow(walker, sweeps)
        seconds += time.process_time() - started
        made += trace.shape[0] * walker.sweeps_per_cycle
        attempts = trace.shape[0] * np.array(walker.attempts(walker.sweeps_per_cycle))
        accepted.append(trace[:, 1].sum() / attempts[0])
        exchanged.append(trace[:, 2].sum() / attempts[1])
        values.append(overlap(unfolded(positions, start.box_length)))
    between = made / WALKERS / positions.shape[0]
    tau = decay(between * np.arange(len(values[0])), np.array(values)).time
    return {
        "temperature": temperature, **options, "time_step": np.mean(steps), "acceptance": np.mean(accepted),
        "swap_acceptance": np.mean(exchanged), "tau": tau.value, "tau_error": tau.error,
        "milliseconds_per_sweep": 1e3 * seconds / made, "seconds_per_tau": tau.value * seconds / made,
        "seconds_per_tau_error": tau.error * seconds / made,
    }  # fmt: skip


def lines() -> list[dict]:
    """What was measured."""
    if not TABLE.exists():
        return []
    with open(TABLE, newline="", encoding="utf-8") as stream:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(stream, delimiter="\t")]


def is_line_of(line: dict, temperature: float, setting: Setting) -> bool:
    wanted = {"temperature": temperature, **asdict(setting)}
    return all(math.isclose(line[name], value) for name, value in wanted.items())


def fill(temperatures: list[float]) -> None:
    """Measure what is missing."""
    for temperature in temperatures:
        for change in CHANGES if temperature >= 0.5 else COLDER:
            setting = replace(DEFAULT, **change)
            if any(is_line_of(line, temperature, setting) for line in lines()):
                continue
            found = {
                k: v if isinstance(v, int) else float(f"{v:.6g}") for k, v in measure(temperature, setting).items()
            }
            new = not TABLE.exists()
            with open(TABLE, "a", newline="", encoding="utf-8") as stream:
                writer = csv.DictWriter(stream, found, delimiter="\t", lineterminator="\n")
                if new:
                    writer.writeheader()
                writer.writerow(found)
            print(found, flush=True)


def table() -> str:
    """In Markdown: what was changed, and what it does."""
    heads = ["T", "changed", "time step", "accepted", "swaps accepted", "tau (sweeps)", "ms / sweep", "core-s / tau"]
    rows = [heads, ["---"] * len(heads)]
    for line in sorted(lines(), key=lambda line: -line["temperature"]):
        changed = [
            f"{field.name} {line[field.name]:g}" for field in fields(Setting)
            if not math.isclose(line[field.name], getattr(DEFAULT, field.name))
        ]  # fmt: skip
        rows.append([
            f"{line['temperature']:g}", ", ".join(changed) or "–", f"{line['time_step']:.4f}",
            f"{line['acceptance']:.2f}", f"{line['swap_acceptance']:.2f}",
            f"{line['tau']:.0f} ± {line['tau_error']:.0f}", f"{line['milliseconds_per_sweep']:.3f}",
            f"{line['seconds_per_tau']:.3g} ± {line['seconds_per_tau_error']:.1g}",
        ])  # fmt: skip
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["measure", "table"])
    parser.add_argument("temperatures", nargs="*", type=float, metavar="T", help=f"of {', '.join(map(str, LENGTHS))}")
    options = parser.parse_args()
    if options.what == "measure":
        fill(options.temperatures or list(LENGTHS))
    else:
        print(table())


if __name__ == "__main__":
    main()
