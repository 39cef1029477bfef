"""Replica exchange of the polydisperse liquid down to T = 0.325: is T = 0.35 in equilibrium, and what does it cost?

    python benchmarks/replicas.py run hot --seconds 1500     # continues results/replicas/hot until it has cost so much
    python benchmarks/replicas.py run below --seconds 900    # the same ladder, from states of the coldest rungs of `hot`
    python benchmarks/replicas.py energies hot below         # u / N on every rung, its heat capacity, exchanges
    python benchmarks/replicas.py memory hot below           # core-seconds in which a rung forgets places
    python benchmarks/replicas.py slopes hot below           # histograms of neighbours against their temperatures
    python benchmarks/replicas.py quench hot below           # inherent states and shear moduli
    python benchmarks/replicas.py follow hot below           # relaxation at T = 0.35 alone, from states of that rung

A ladder is stored in chunks of `ROUNDS` rounds; a round is one cycle of every walker and a try to exchange. The first
`DISCARDED` of a ladder is left out of all results.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nqe_core import Interactions, quench
from nqe_core.configuration import Configuration
from nqe_core.correlations import OVERLAP_LENGTH, unfolded, variance
from nqe_core.elasticity import shear_moduli
from nqe_core.models import get_model
from nqe_core.relaxation import Study, measure_relaxation
from nqe_core.relaxation_report import report, write_curves
from nqe_core.relaxation_table import add_to_table
from nqe_core.swap_monte_carlo import equilibrate, initial_configuration
from nqe_core.swap_monte_carlo.hybrid import HybridWalker
from nqe_core.swap_monte_carlo.replica_exchange import Ladder
from nqe_core.swap_monte_carlo.walker import sample

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results/replicas"
MODEL, SWAP_FRACTION, SEED = get_model("poly3d"), 0.1, 20200323
# Rungs for N = 500, and for fewer particles, whose energies overlap at larger distances
FINE = (0.325, 0.3375, 0.35, 0.364, 0.378, 0.392, 0.406, 0.42, 0.437, 0.456, 0.477, 0.5)
COARSE = (0.325, 0.35, 0.372, 0.396, 0.42, 0.4445, 0.471, 0.5)
ROUNDS = 100  # of a chunk
DISCARDED = 0.3
BLOCKS = 8  # of time, for errors


@dataclass(frozen=True)
class Plan:
    """One ladder.

    Parameters
    ----------
    n_particles, seed : int
    temperatures : tuple of floats
        Of the rungs, ascending.
    below : str
        Name of the ladder whose coldest states it starts from, on all rungs; a hot liquid otherwise.
    """

    n_particles: int
    seed: int
    temperatures: tuple[float, ...]
    below: str = ""


PLANS = {
    "hot": Plan(500, 1, FINE),
    "below": Plan(500, 2, FINE, "hot"),
    "small": Plan(200, 5, COARSE),
    "small2": Plan(200, 6, COARSE),
    "small_below": Plan(200, 7, COARSE, "small"),
    "small2_below": Plan(200, 8, COARSE, "small2"),
}


def chunks(name: str) -> list[Path]:
    return sorted((RESULTS / name).glob("*.npz"))


def first_states(plan: Plan) -> list[Configuration]:
    """One for each rung, all with the same sizes."""
    count = len(plan.temperatures)
    if plan.below:
        files = chunks(plan.below)
        files = files[len(files) // 2 :]
        # the two coldest rungs, as far apart in time as can be
        chosen = [files[index] for index in np.linspace(0, len(files) - 1, (count + 1) // 2).astype(int)]
        states = [state_on(path, rung, plan.n_particles) for path in chosen for rung in (0, 1)]
        return states[:count]
    rng = np.random.default_rng([plan.seed, 0])
    states = [initial_configuration(MODEL, plan.n_particles, rng)]
    for _ in range(count):
        states.append(equilibrate(states[-1], MODEL, 1.0, 1500, rng, SWAP_FRACTION, sampler="hybrid").configuration)
    return states[1:]


def state_on(path: Path, rung: int, n_particles: int) -> Configuration:
    """What stands on a rung at the end of a chunk."""
    with np.load(path) as chunk:
        index = chunk["replicas"][-1, rung]
        return Configuration(chunk["positions"][index], chunk["diameters"][index], MODEL.box_length(n_particles))


def run(name: str, seconds: float) -> None:
    """Continue a ladder until it has cost `seconds`."""
    plan, done = PLANS[name], chunks(name)
    spent = sum(float(np.load(path)["seconds"]) for path in done)
    while spent < seconds:
        started, number = time.process_time(), len(done)
        rng = np.random.default_rng([plan.seed, 1 + number])
        if done:
            with np.load(done[-1]) as last:
                steps, replica = last["steps"], last["replicas"][-1]
                states = [Configuration(last["positions"][k], last["diameters"][k], MODEL.box_length(plan.n_particles))
                          for k in replica]  # fmt: skip
            walkers = [HybridWalker(state, MODEL, t, rng, SWAP_FRACTION, step)
                       for state, t, step in zip(states, plan.temperatures, steps, strict=True)]  # fmt: skip
        else:
            replica, walkers = np.arange(len(plan.temperatures)), []
            for state, temperature in zip(first_states(plan), plan.temperatures, strict=True):
                walker = HybridWalker(state, MODEL, temperature, rng, SWAP_FRACTION)
                sample(walker, 6000, tune=True)
                walkers.append(walker)
            steps = [walker.progress[1] for walker in walkers]
        ladder = Ladder(walkers, rng)
        energies, places = ladder.run(ROUNDS)
        # walkers are numbered by rung at the chunk's start, replicas by rung at the ladder's
        names = replica[places]
        found = [walker.configuration() for walker in walkers]
        order = np.argsort(replica)
        path = RESULTS / name / f"{number:05d}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        cost = time.process_time() - started
        aside = path.with_suffix(".tmp")
        with open(aside, "wb") as stream:
            np.savez(
                stream, energies=energies / plan.n_particles, replicas=names, steps=steps,
                positions=[found[k].positions for k in order], diameters=[found[k].diameters for k in order],
                attempts=ladder.attempts, accepted=ladder.accepted, seconds=cost,
                sweeps=ROUNDS * walkers[0].sweeps_per_cycle,
            )  # fmt: skip
        aside.rename(path)
        done.append(path)
        spent += cost
        if number % 20 == 0:
            print(f"{name} {number}: {spent:.0f} core-s, u/N {np.round(energies.mean(axis=0)[:4] / plan.n_particles, 4)}",
                  flush=True)  # fmt: skip


@dataclass(frozen=True)
class Course:
    """A whole ladder: energies and replicas after each round (time, rung), and what it cost."""

    n: int
    temperatures: tuple[float, ...]
    energies: np.ndarray
    replicas: np.ndarray
    exchange: np.ndarray
    seconds_per_round: float
    sweeps_per_round: float
    discarded: int


def course(name: str) -> Course:
    energies, replicas, attempts, accepted, seconds, sweeps = [], [], 0, 0, 0.0, 0
    for path in chunks(name):
        with np.load(path) as chunk:
            energies.append(chunk["energies"])
            replicas.append(chunk["replicas"])
            attempts, accepted = attempts + chunk["attempts"], accepted + chunk["accepted"]
            seconds, sweeps = seconds + float(chunk["seconds"]), sweeps + int(chunk["sweeps"])
    energies = np.concatenate(energies)
    return Course(
        PLANS[name].n_particles, PLANS[name].temperatures, energies, np.concatenate(replicas), accepted / attempts,
        seconds / len(energies), sweeps / len(energies), int(DISCARDED * len(energies)),
    )  # fmt: skip


def blocks(series: np.ndarray) -> np.ndarray:
    """Equal stretches of time, shape=(BLOCKS, time, ...)."""
    length = len(series) // BLOCKS
    return series[: BLOCKS * length].reshape(BLOCKS, length, *series.shape[1:])


def round_trips(replicas: np.ndarray, cold: int) -> int:
    """How often a replica that was on the rung `cold` or below came back there from the hottest one."""
    hottest, count = replicas.shape[1] - 1, 0
    for replica in range(replicas.shape[1]):
        rung = np.argmax(replicas == replica, axis=1)
        ends = np.where(rung <= cold, -1, np.where(rung == hottest, 1, 0))
        ends = ends[ends != 0]
        count += int(((ends[:-1] == 1) & (ends[1:] == -1) & (np.cumsum(ends[:-1] == -1) > 0)).sum())
    return count


def energies(names: list[str]) -> None:
    """u / N of every rung with errors from blocks of time, halves, heat capacities, and how replicas travel."""
    for name in names:
        c = course(name)
        kept = c.energies[c.discarded :]
        half = len(kept) // 2
        print(f"{name}: N = {c.n}, {len(c.energies)} rounds, {len(c.energies) * c.sweeps_per_round:.0f} sweeps a rung, "
              f"{len(c.energies) * c.seconds_per_round:.0f} core-s, the first {c.discarded} rounds left out; "
              f"{round_trips(c.replicas[c.discarded :], c.temperatures.index(0.35))} returns to T <= 0.35 "
              f"from T = {c.temperatures[-1]:g}")  # fmt: skip
        print("     T      u / N           second half - first   heat capacity   exchanged with next")
        for rung, temperature in enumerate(c.temperatures):
            series = blocks(kept[:, rung])
            mean, error = series.mean(), series.mean(axis=1).std(ddof=1) / math.sqrt(BLOCKS)
            drift = kept[half:, rung].mean() - kept[:half, rung].mean()
            heat = variance(series) * c.n / temperature**2
            without = [variance(np.delete(series, k, axis=0)) for k in range(BLOCKS)]
            spread = np.std(without) * math.sqrt(BLOCKS - 1) * c.n / temperature**2
            rate = f"{c.exchange[rung]:.2f}" if rung < len(c.exchange) else ""
            print(f"{temperature:7.4f}  {mean:.4f} +- {error:.4f}   {drift:8.4f} +- {2 * error:.4f}   "
                  f"{heat:5.2f} +- {spread:.2f}   {rate}")  # fmt: skip


def memory(names: list[str]) -> None:
    """Integrated time in which the stream of states on a rung forgets places: another replica remembers nothing."""
    for name in names:
        c, files = course(name), chunks(name)
        files = files[c.discarded // ROUNDS :]
        loaded = [np.load(path) for path in files]
        positions = np.array([chunk["positions"] for chunk in loaded])  # (time, replica, N, d)
        there = np.array([chunk["replicas"][-1] for chunk in loaded])
        box_length = MODEL.box_length(c.n)
        paths = [unfolded(positions[:, replica], box_length) for replica in range(positions.shape[1])]
        per_chunk = ROUNDS * c.seconds_per_round
        print(f"{name}: {len(files)} states a rung, {per_chunk:.1f} core-s between two")
        for rung, temperature in enumerate(c.temperatures):
            where = there[:, rung]
            kept = [1.0]
            for lag in range(1, len(files) // 2):
                same = np.flatnonzero(where[lag:] == where[:-lag])
                found = [
                    (((paths[where[k]][k + lag] - paths[where[k]][k]) ** 2).sum(axis=1) < OVERLAP_LENGTH**2).mean()
                    for k in same
                ]
                kept.append(sum(found) / (len(files) - lag))
            times = np.cumsum(kept) - 0.5
            enough = np.arange(times.size) > 5 * times
            time = times[int(np.argmax(enough))] if enough.any() else math.inf
            print(f"{temperature:7.4f}  {time * per_chunk:7.1f} core-s of the ladder, "
                  f"{time * ROUNDS * c.sweeps_per_round:9.0f} sweeps a rung")  # fmt: skip


def slopes(names: list[str]) -> None:
    """The ratio of two rungs' histograms is exp[-(1/T2 - 1/T1) U + constant]: its slope, by maximum likelihood.

    And energies of a rung from its neighbours' alone, reweighted.
    """
    for name in names:
        c = course(name)
        rungs = c.temperatures
        kept = blocks(c.energies[c.discarded :]) * c.n
        print(f"{name}:\n   T1 -> T2          slope / expected    u(T2) from T1   from T3   measured")
        for rung in range(len(rungs) - 1):
            expected = 1 / rungs[rung] - 1 / rungs[rung + 1]
            pair = kept[:, :, rung], kept[:, :, rung + 1]
            slope = _slope(*(series.ravel() for series in pair))
            without = [_slope(*(np.delete(series, k, axis=0).ravel() for series in pair)) for k in range(BLOCKS)]
            error = np.std(without) * math.sqrt(BLOCKS - 1)
            said = ["", ""]
            for place, neighbour in enumerate((rung, rung + 2)):
                if neighbour < len(rungs):
                    said[place] = _reweighted(kept[:, :, neighbour], 1 / rungs[neighbour],
                                              1 / rungs[rung + 1], c.n)  # fmt: skip
            own = pair[1].mean(axis=1) / c.n
            print(f"{rungs[rung]:7.4f} {rungs[rung + 1]:7.4f}   {slope / expected:.3f} +- "
                  f"{error / expected:.3f}   {said[0]}   {said[1]}   "
                  f"{own.mean():.4f} +- {own.std(ddof=1) / math.sqrt(BLOCKS):.4f}")  # fmt: skip


def _slope(cold: np.ndarray, hot: np.ndarray) -> float:
    """Logistic regression, by Newton's method, of which of the two an energy comes from."""
    design = np.ones((2, cold.size + hot.size))
    design[1] = np.concatenate([cold, hot])
    design[1] -= design[1].mean()
    is_hot = np.repeat([0.0, 1.0], [cold.size, hot.size])
    found = np.zeros(2)
    for _ in range(25):
        chance = 1 / (1 + np.exp(-found @ design))
        found += np.linalg.solve((design * chance * (1 - chance)) @ design.T, design @ (is_hot - chance))
    return float(found[1])


def _reweighted(series: np.ndarray, beta: float, other: float, n: int) -> str:
    """u / N at another temperature from energies U at one, shape=(BLOCKS, time)."""

    def mean(chosen: np.ndarray) -> float:
        weight = np.exp(-(other - beta) * (chosen - chosen.mean()))
        return float((weight * chosen).sum() / weight.sum() / n)

    without = [mean(np.delete(series, k, axis=0)) for k in range(BLOCKS)]
    return f"{mean(series):.4f} +- {np.std(without) * math.sqrt(BLOCKS - 1):.4f}"


def quenches(names: list[str], rungs=(0.35, 0.42, 0.5), count: int = 48) -> None:
    """Inherent energies and shear moduli of states at equal distances in time."""
    for name in names:
        c, files = course(name), chunks(name)
        files = files[c.discarded // ROUNDS :]
        for temperature in rungs:
            rung, found = c.temperatures.index(temperature), []
            for index in np.linspace(0, len(files) - 1, min(count, len(files))).astype(int):
                state = quench(state_on(files[index], rung, c.n), MODEL)
                found.append([state.energy, np.mean(shear_moduli(Interactions.of(state.configuration, MODEL)))])
            series = np.array([block.mean(axis=0) for block in np.array_split(np.array(found), BLOCKS)])
            values, errors = series.mean(axis=0), series.std(axis=0, ddof=1) / math.sqrt(BLOCKS)
            print(f"{name} T = {temperature:g}: inherent u/N {values[0]:.4f} +- {errors[0]:.4f}, "
                  f"G {values[1]:.2f} +- {errors[1]:.2f}, n = {len(found)} in {BLOCKS} blocks", flush=True)  # fmt: skip


def follow(names: list[str], temperature: float, walkers: int, sweeps: int, enter: bool) -> None:
    """Relaxation of walkers that never exchange again, from states of a rung; a line of the table, if `enter`."""
    starts = []
    for name in names:
        files, rung = chunks(name), PLANS[name].temperatures.index(temperature)
        chosen = np.linspace(len(files) // 2, len(files) - 1, walkers // len(names)).astype(int)
        starts += [state_on(files[index], rung, PLANS[name].n_particles) for index in chosen]
    study = Study(
        MODEL, PLANS[names[0]].n_particles, temperature, sweeps, burn_in=4000, walkers=len(starts),
        swap_fraction=SWAP_FRACTION, root_seed=SEED,
    )  # fmt: skip
    found = measure_relaxation(study, lambda done: print(f"{done} of {len(starts)}", flush=True), starts)
    print(f"{' '.join(names)}: N = {study.n_particles}, T = {temperature:g}, {len(starts)} walkers of {sweeps} sweeps")
    print("\n".join(report(found)))
    write_curves(RESULTS / f"{names[0]}_t{1000 * temperature:03.0f}.csv", found)
    if enter:
        write_curves(ROOT / f"results/relaxation/poly3d_t{100 * temperature:03.0f}.csv", found)
        add_to_table(ROOT / "config/relaxation.tsv", found.line(study))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "energies", "memory", "slopes", "quench", "follow"])
    parser.add_argument("names", nargs="+", choices=PLANS)
    parser.add_argument("--seconds", type=float, default=1500.0)
    parser.add_argument("--temperature", type=float, default=0.35, help="of the rung to follow")
    parser.add_argument("--walkers", type=int, default=6)
    parser.add_argument("--sweeps", type=int, default=1_200_000, help="of each walker")
    parser.add_argument("--enter", action="store_true", help="into config/relaxation.tsv")
    options = parser.parse_args()
    if options.what == "run":
        for name in options.names:
            run(name, options.seconds)
    elif options.what == "follow":
        follow(options.names, options.temperature, options.walkers, options.sweeps, options.enter)
    else:
        {"energies": energies, "memory": memory, "slopes": slopes, "quench": quenches}[options.what](options.names)


if __name__ == "__main__":
    main()
