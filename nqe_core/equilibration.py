"""The first stage: walkers that equilibrate a liquid and leave samples behind.

A walker runs in blocks of a fixed number of attempted moves. Each block has its own random stream (walker's first
sample, sample, block), so that a walker continued from a checkpoint ends bit by bit where it would have ended.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from nqe_core.configuration import Configuration
from nqe_core.ensembles import check_name, check_seed, random_stream, walkers
from nqe_core.errors import InputError, check_samples
from nqe_core.file_schema import missing_row, stage_fields
from nqe_core.jobs import NUMERICAL_ERRORS, Checkpoint, Job, Pause, SampleFailure, job_attributes
from nqe_core.models import Model
from nqe_core.swap_monte_carlo import (
    check_sampler,
    check_share,
    check_temperature,
    equilibrate,
    initial_configuration,
    moves_something,
    sweeps_per_cycle,
)

# Attempted moves of a block: about a second, so that a signal is heard soon and little is lost by an interruption.
ATTEMPTS_PER_BLOCK = 4_000_000
# In large boxes a block lasts longer, some seconds: the hybrid sampler tunes its step within a block, over trajectories of
# about a hundred sweeps each, and one or two of them are not enough (beyond N = 38,000 there was not a whole one).
SWEEPS_PER_BLOCK, MOST_ATTEMPTS_PER_BLOCK = 1000, 40_000_000
# In the largest ones not even these attempts are one trajectory (beyond N = 250,000), and nothing would be tuned: there a
# block lasts so many cycles, minutes. In smaller boxes blocks stay as they were: random streams are numbered by them.
LARGEST_BOXES, CYCLES_PER_BLOCK = 200_000, 10


@dataclass(frozen=True)
class Protocol:
    """How an ensemble's liquids are made.

    Parameters
    ----------
    model : Model
    ensemble : str
        Name of the ensemble.
    n_particles : int
        N.
    temperature : float
        T_p, the parent temperature.
    burn_in, spacing : int
        Sweeps (N attempted moves each) before a walker's first sample, and between its samples.
    swap_fraction : float
        Share of swap moves.
    samples_per_walker : int
    root_seed : int
    sampler : str
        Key in `swap_monte_carlo.SAMPLERS`; that of campaigns, if not given.
    """

    model: Model
    ensemble: str
    n_particles: int
    temperature: float
    burn_in: int
    spacing: int
    swap_fraction: float
    samples_per_walker: int
    root_seed: int
    sampler: str = "hybrid"

    def __post_init__(self) -> None:
        check_name(self.ensemble)
        check_seed(self.root_seed)
        self.model.check_particles(self.n_particles)
        check_temperature(self.temperature)
        check_share(self.swap_fraction, self.model)
        check_sampler(self.sampler)
        if self.samples_per_walker < 1:
            raise InputError(f"samples_per_walker is {self.samples_per_walker}, must be at least 1")
        if self.burn_in < 1:
            raise InputError(f"burn_in is {self.burn_in}, must be at least 1 sweep")
        if self.spacing < (1 if self.samples_per_walker > 1 else 0):
            raise InputError(f"spacing is {self.spacing}, must be at least 1 sweep between samples of a walker")
        for name in ("burn_in", "spacing"):
            sweeps = getattr(self, name)
            if sweeps and not moves_something(self.sampler, sweeps, self.swap_fraction):
                raise InputError(
                    f"{name} is {sweeps}: less than one time step of the hybrid sampler, which moves nothing"
                )

    @property
    def sweeps_per_block(self) -> int:
        """Sweeps after which a walker looks up."""
        usual, most = (attempts // self.n_particles for attempts in (ATTEMPTS_PER_BLOCK, MOST_ATTEMPTS_PER_BLOCK))
        cycles = CYCLES_PER_BLOCK if self.n_particles >= LARGEST_BOXES else 0
        tuned = cycles * sweeps_per_cycle(self.sampler, self.n_particles, self.swap_fraction)
        return max(1, usual, min(SWEEPS_PER_BLOCK, most), tuned)

    def blocks(self, sweeps: int) -> list[int]:
        """Sweeps of each block of a run of `sweeps`."""
        longest = self.sweeps_per_block
        return [min(longest, sweeps - done) for done in range(0, sweeps, longest)]

    def stream(self, *address: int) -> np.random.Generator:
        return random_stream(self.root_seed, self.ensemble, "liquid", *address)


@dataclass(frozen=True)
class _Walker:
    """A walker between two blocks: where it is, and what it has accumulated towards `sample`."""

    sample: int
    block: int
    positions: np.ndarray
    diameters: np.ndarray
    box_length: float
    step: float
    displacements: float  # acceptance times the sweeps that it was measured over
    swaps: float
    measured: np.ndarray  # these sweeps, of displacements and of swaps: blocks without such a move do not count
    seconds: float
    energy: float

    @property
    def configuration(self) -> Configuration:
        return Configuration(self.positions, self.diameters, self.box_length)


def equilibrate_job(protocol: Protocol, first_sample: int, n_samples: int) -> Job:
    """Random start -> equilibrated liquids, one unit of work per walker.

    Parameters
    ----------
    protocol : Protocol
    first_sample, n_samples : int
        Samples of this file; the first one must be a walker's first.
    """
    check_samples(first_sample, n_samples)
    model = protocol.model
    fields = stage_fields("liquid", protocol.n_particles, model.dimension)
    own = ("burn_in", "spacing", "swap_fraction", "samples_per_walker", "sampler")
    parameters = {**{name: getattr(protocol, name) for name in own}, "sweeps_per_block": protocol.sweeps_per_block}
    source = {
        "model": model.name,
        "model_parameters": model.parameters(),
        "ensemble": protocol.ensemble,
        "n_particles": protocol.n_particles,
        "temperature": protocol.temperature,
        # HDF5 has no wider integers
        "root_seed": protocol.root_seed if protocol.root_seed < 2**63 else str(protocol.root_seed),
    }
    units = walkers(range(first_sample, first_sample + n_samples), protocol.samples_per_walker)
    attributes = job_attributes("liquid", source, f"swap Monte Carlo, {protocol.sampler}", parameters, {})

    def rows(unit: range, checkpoint: Checkpoint | None, pause: Pause) -> Iterator[dict | Checkpoint]:
        try:
            for found in _walk(protocol, unit, checkpoint):
                if isinstance(found, Checkpoint):
                    yield found
                else:
                    unit = range(found["sample"] + 1, unit.stop)
                    yield found
        except (SampleFailure, *NUMERICAL_ERRORS) as error:
            # a walker that fails takes its later samples with it
            for sample in unit:
                yield missing_row(fields, sample, f"walker failed: {error}")

    return Job("liquid", fields, attributes, units, rows)


def _walk(protocol: Protocol, unit: range, checkpoint: Checkpoint | None) -> Iterator[dict | Checkpoint]:
    """Rows and checkpoints of one walker, in order."""
    if checkpoint is None:
        started = time.process_time()
        start = initial_configuration(protocol.model, protocol.n_particles, protocol.stream(unit.start))
        walker = _Walker(
            unit.start, 0, start.positions, start.diameters, start.box_length, 0.0, 0.0, 0.0, np.zeros(2),
            time.process_time() - started, np.nan,
        )  # fmt: skip
    else:
        walker = _Walker(**checkpoint.values)
    while walker.sample < unit.stop:
        burning = walker.sample == unit.start
        blocks = protocol.blocks(protocol.burn_in if burning else protocol.spacing)
        if walker.block < len(blocks):
            # moves whose step is still being tuned only nearly sample the distribution: tune early in the burn-in
            tune = burning and (walker.block == 0 or walker.block < len(blocks) // 2)
            walker = _advance(protocol, unit.start, walker, blocks[walker.block], tune)
            yield Checkpoint(walker.sample, _values(walker))
        if walker.block == len(blocks):
            row = _row(walker)
            nothing = {"displacements": 0.0, "swaps": 0.0, "measured": np.zeros(2), "seconds": 0.0}
            walker = replace(walker, sample=walker.sample + 1, block=0, **nothing)
            yield row
            yield Checkpoint(walker.sample, _values(walker))


def _values(walker: _Walker) -> dict:
    return {name: getattr(walker, name) for name in walker.__dataclass_fields__}


def _advance(protocol: Protocol, first_sample: int, walker: _Walker, sweeps: int, tune: bool) -> _Walker:
    """One block further."""
    started = time.process_time()
    result = equilibrate(
        walker.configuration, protocol.model, protocol.temperature, sweeps,
        protocol.stream(first_sample, walker.sample, walker.block),
        swap_fraction=protocol.swap_fraction, step=walker.step or None, tune=tune,
        sampler=protocol.sampler,
    )  # fmt: skip
    if not np.isfinite(result.energy):
        raise SampleFailure("energy is not finite")
    configuration = result.configuration.wrapped()
    acceptances = np.array([result.displacement_acceptance, result.swap_acceptance])
    return replace(
        walker,
        block=walker.block + 1,
        positions=configuration.positions,
        diameters=configuration.diameters,
        step=result.step,
        displacements=walker.displacements + sweeps * float(np.nan_to_num(acceptances[0])),
        swaps=walker.swaps + sweeps * float(np.nan_to_num(acceptances[1])),
        measured=walker.measured + sweeps * ~np.isnan(acceptances),
        seconds=walker.seconds + time.process_time() - started,
        energy=result.energy,
    )


def _row(walker: _Walker) -> dict:
    # not a number where no such move was attempted
    accepted, tried = np.array([walker.displacements, walker.swaps]), walker.measured
    acceptances = np.divide(accepted, tried, out=np.full(2, np.nan), where=tried > 0)
    return {
        "sample": walker.sample,
        "failure": "",
        "seconds": walker.seconds,
        "positions": walker.positions,
        "diameters": walker.diameters,
        "box_length": walker.box_length,
        "energy": walker.energy,
        "displacement_acceptance": float(acceptances[0]),
        "swap_acceptance": float(acceptances[1]),
    }
