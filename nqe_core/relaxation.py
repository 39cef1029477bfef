"""How long a liquid remembers: relaxation times of the samplers, in sweeps and in core-seconds.

Several independent walkers are equilibrated and followed. Four functions of the time lag say how much of a state is
left: the overlap Q, the self-intermediate scattering function F_s, the memory of the particles' sizes, and the
autocorrelation of the energy. Errors are jackknifed over walkers, which are independent, never over times, which are
not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nqe_core.configuration import Configuration
from nqe_core.correlations import (
    Decay,
    decay,
    first_peak_wave_number,
    integrated_time,
    jackknife,
    mean_of,
    memory,
    overlap,
    self_scattering,
    unfolded,
    variance,
)
from nqe_core.ensembles import check_seed, random_stream
from nqe_core.errors import InputError
from nqe_core.kernels.monte_carlo import TRACE_ENERGY
from nqe_core.models import Model
from nqe_core.relaxation_table import Measured, constants_key
from nqe_core.statistics import Estimate
from nqe_core.swap_monte_carlo import check_sampler, check_share, check_temperature, equilibrate, initial_configuration
from nqe_core.swap_monte_carlo.hybrid import HybridWalker
from nqe_core.swap_monte_carlo.metropolis import MetropolisWalker
from nqe_core.swap_monte_carlo.walker import Walker

WALKERS: dict[str, type[Walker]] = {"metropolis": MetropolisWalker, "hybrid": HybridWalker}
SNAPSHOTS, FEWEST_SNAPSHOTS = 400, 50  # states kept of each walker, equidistant; where a run has fewer cycles
HOT = 1.0  # lowest temperature of the first sweeps, in which nothing freezes in
HOT_SWEEPS = 500
LEAST_SWEEPS = 4000
LEAST_WALKERS = 3  # for an error bar


@dataclass(frozen=True)
class Study:
    """What is followed, and for how long.

    Parameters
    ----------
    model : Model
    n_particles : int
        N.
    temperature : float
        T, at which the liquid is followed.
    sweeps : int
        Length of each walker's run, after its burn-in; rounded to equal numbers of whole cycles between its states
        (`Relaxation.sweeps`).
    burn_in : int
        Sweeps at T before.
    walkers : int
        Independent ones, at least three.
    sampler : {"metropolis", "hybrid"}
    swap_fraction : float
        Share of swap moves.
    start_temperature : float, optional
        Walkers come from an equilibrated liquid of this temperature instead of a hot one (`start_sweeps` at it): below
        T, they approach equilibrium from below.
    start_sweeps : int
        Sweeps at the starting temperature.
    root_seed : int
    """

    model: Model
    n_particles: int
    temperature: float
    sweeps: int
    burn_in: int
    walkers: int = 4
    sampler: str = "hybrid"
    swap_fraction: float = 0.2
    start_temperature: float | None = None
    start_sweeps: int = HOT_SWEEPS
    root_seed: int = 0

    def __post_init__(self) -> None:
        check_seed(self.root_seed)
        self.model.check_particles(self.n_particles)
        check_sampler(self.sampler)
        check_temperature(self.temperature)
        if self.start_temperature is not None:
            check_temperature(self.start_temperature, "start_temperature")
        if self.walkers < LEAST_WALKERS:
            raise InputError(f"walkers is {self.walkers}, must be at least {LEAST_WALKERS}: errors come from them")
        if self.burn_in < 0:
            raise InputError(f"burn_in is {self.burn_in}, must be 0 or more sweeps")
        if self.start_sweeps < 1:
            raise InputError(f"start_sweeps is {self.start_sweeps}, must be at least 1 sweep")
        check_share(self.swap_fraction, self.model)
        if self.sweeps < LEAST_SWEEPS:
            raise InputError(f"sweeps is {self.sweeps}, must be at least {LEAST_SWEEPS}")


@dataclass(frozen=True, eq=False)
class Relaxation:
    """What was measured.

    Parameters
    ----------
    lags : ndarray, shape=(n_lags,)
        In sweeps.
    overlap, scattering, sizes : Decay
        Share of the particles within 0.3 of where they were; F_s(q, t) at `wave_number`; autocorrelation
        of a particle's size (which stays 1 where sizes are not exchanged).
    energies : ndarray, shape=(n_walkers, n_snapshots)
        u / N along the runs, averaged over equal intervals.
    energy_time : Estimate
        Integrated autocorrelation time of the potential energy, in sweeps.
    energy : Estimate
        u / N; its error is that over walkers.
    drift : Estimate
        u / N of the second half of the runs minus that of the first.
    heat_capacity : Estimate
        Configurational heat capacity per particle, (<U^2> - <U>^2) / (N T^2).
    wave_number : float
        q at the first peak of the structure factor.
    seconds_per_sweep : float
        CPU time.
    step : float
        Tuned step of the first walker.
    sweeps : int
        Length of each walker's run, as it was run.
    cycle : int
        Sweeps of one cycle of the sampler, the shortest lag that there is.
    """

    lags: np.ndarray
    overlap: Decay
    scattering: Decay
    sizes: Decay
    energies: np.ndarray
    energy_time: Estimate
    energy: Estimate
    drift: Estimate
    heat_capacity: Estimate
    wave_number: float
    seconds_per_sweep: float
    step: float
    sweeps: int
    cycle: int

    @property
    def shortest(self) -> bool:
        """Whether no shorter run would have had shorter lags."""
        _, cycles = _snapshots(LEAST_SWEEPS, self.cycle)
        return bool(self.lags[1] <= self.cycle * cycles)

    def line(self, study: Study) -> Measured:
        """What enters the table of relaxation times."""
        times = {"overlap": self.overlap.time, "scattering": self.scattering.time, "sizes": self.sizes.time,
                 "energy": self.energy_time}  # fmt: skip
        found = {"energy": self.energy, "drift": self.drift, "heat_capacity": self.heat_capacity}
        found |= {f"tau_{name}": estimate for name, estimate in times.items()}
        values = {name: estimate.value for name, estimate in found.items()}
        errors = {f"{name}_error": estimate.error for name, estimate in found.items()}
        own = ("temperature", "n_particles", "sampler", "swap_fraction", "walkers")
        return Measured(
            model=study.model.name, constants=constants_key(study.model.parameters()), sweeps=self.sweeps,
            seconds_per_sweep=self.seconds_per_sweep, **values, **errors, **{name: getattr(study, name) for name in own},
        )  # fmt: skip


@dataclass(frozen=True)
class _Run:
    """One walker's run: snapshots, and the energy per particle after each cycle of `cycle` sweeps."""

    positions: np.ndarray
    sizes: np.ndarray
    energies: np.ndarray
    cycle: int
    seconds: float
    step: float


def measure_relaxation(
    study: Study, progress: Callable[[int], None] = lambda done: None, starts: Sequence[Configuration] = ()
) -> Relaxation:
    """Equilibrate, follow and correlate.

    Parameters
    ----------
    study : Study
    progress : callable
        Called with the number of finished walkers.
    starts : sequence of Configuration, optional
        One for each walker, in equilibrium at T, to burn in from instead of from a hot liquid.
    """
    if starts and len(starts) != study.walkers:
        raise InputError(f"{len(starts)} states for {study.walkers} walkers, must be one each")
    if starts and not study.burn_in:
        raise InputError(
            "burn_in is 0, but walkers that start from given states need some sweeps to tune their steps in"
        )
    runs, box_length = [], study.model.box_length(study.n_particles)
    for walker in range(study.walkers):
        rng = random_stream(study.root_seed, "relaxation", "liquid", walker)
        liquid, step = _start(study, rng, starts[walker] if starts else None)
        runs.append(_follow(study, liquid, step, rng))
        progress(walker + 1)
    energies = np.array([run.energies for run in runs])
    cycle, cycles, snapshots = runs[0].cycle, energies.shape[1], len(runs[0].positions)
    between = cycle * cycles // snapshots
    lags = np.arange(snapshots // 2) * between
    wave_number = first_peak_wave_number(
        np.concatenate([run.positions[:: snapshots // 10] for run in runs]), box_length
    )
    paths = [unfolded(run.positions, box_length) for run in runs]
    return Relaxation(
        lags=lags,
        overlap=decay(lags, np.array([overlap(path) for path in paths])),
        scattering=decay(lags, np.array([self_scattering(path, wave_number) for path in paths])),
        sizes=decay(lags, np.array([memory(run.sizes) for run in runs])),
        energies=energies.reshape(len(runs), snapshots, -1).mean(axis=2),
        energy_time=jackknife(lambda chosen: integrated_time(chosen) * cycle, energies),
        energy=mean_of(energies.mean(axis=1)),
        drift=mean_of(energies[:, cycles // 2 :].mean(axis=1) - energies[:, : cycles // 2].mean(axis=1)),
        heat_capacity=jackknife(lambda chosen: variance(chosen) * study.n_particles / study.temperature**2, energies),
        wave_number=wave_number,
        seconds_per_sweep=sum(run.seconds for run in runs) / (len(runs) * cycle * cycles),
        step=runs[0].step,
        sweeps=cycle * cycles,
        cycle=cycle,
    )


def _start(study: Study, rng: np.random.Generator, state: Configuration | None) -> tuple[Configuration, float | None]:
    """A liquid and its tuned step."""
    how, step = {"swap_fraction": study.swap_fraction, "sampler": study.sampler}, None
    if state is None:
        first = initial_configuration(study.model, study.n_particles, rng)
        hot = study.start_temperature or max(HOT, study.temperature)
        run = equilibrate(first, study.model, hot, study.start_sweeps, rng, **how)
        state, step = run.configuration, run.step
    if study.burn_in:
        run = equilibrate(state, study.model, study.temperature, study.burn_in, rng, step=step, **how)
        state, step = run.configuration, run.step
    return state, step


def _snapshots(sweeps: int, cycle: int) -> tuple[int, int]:
    """How many states of a run are kept, and how many cycles lie between two of them."""
    in_all = sweeps // cycle
    snapshots = min(SNAPSHOTS, max(FEWEST_SNAPSHOTS, in_all))
    return snapshots, max(1, round(in_all / snapshots))


def _follow(study: Study, liquid: Configuration, step: float | None, rng: np.random.Generator) -> _Run:
    walker = WALKERS[study.sampler](liquid, study.model, study.temperature, rng, study.swap_fraction, step)
    snapshots, cycles = _snapshots(study.sweeps, walker.sweeps_per_cycle)
    positions, sizes, energies = [], [], []
    started = time.process_time()
    for _ in range(snapshots):
        energies.append(walker.run(walker.sweeps_per_cycle, np.zeros(cycles))[:, TRACE_ENERGY] / walker.n)
        # in the walker's own order, which stays
        positions.append(walker.arrays.x.reshape(walker.n, -1).copy())
        sizes.append(walker.arrays.diameters.copy())
    seconds = time.process_time() - started
    return _Run(np.array(positions), np.array(sizes), np.concatenate(energies), walker.sweeps_per_cycle, seconds, step)
