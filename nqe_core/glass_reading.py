"""Stage inherent_state out of other programs' files: samples that enter the campaign as glasses, without a liquid."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nqe_core.configuration import Configuration
from nqe_core.energy import force_ratio, pair_sums
from nqe_core.ensembles import check_name, check_seed
from nqe_core.errors import InputError, check_samples, check_tolerance
from nqe_core.file_schema import stage_fields
from nqe_core.fire import QuenchResult
from nqe_core.foreign_glasses import Conventions, configuration_of
from nqe_core.jobs import Checkpoint, Job, Pause, attempt, job_attributes
from nqe_core.models import Model
from nqe_core.particle_files import count_frames, read_frames
from nqe_core.stages import inherent_state_row, quenched_row

# A glass that is read and not quenched must be an inherent state: to the residual that is asked of its modes.
STABLE = 1e-8


@dataclass(frozen=True)
class Origin:
    """What the files do not say about the samples.

    Parameters
    ----------
    model : Model
    ensemble : str
        Name, part of the random streams.
    temperature : float
        Parent temperature T_p, NaN where it is not known.
    root_seed : int
        For draws of later stages.
    """

    model: Model
    ensemble: str
    temperature: float = np.nan
    root_seed: int = 0

    def __post_init__(self) -> None:
        check_name(self.ensemble)
        check_seed(self.root_seed)
        if not (np.isnan(self.temperature) or 0 < self.temperature < np.inf):
            raise InputError(f"parent temperature is {self.temperature}, must be positive and finite")


def read_job(
    files: Sequence[Path],
    origin: Origin,
    conventions: Conventions,
    quench_tolerance: float | None = None,
    first_sample: int = 0,
    n_samples: int | None = None,
    n_particles: int | None = None,
) -> Job:
    """Files -> inherent states.

    The frames of a single file are the samples 0, 1, ... in order; of several files each is one sample.

    Parameters
    ----------
    files : sequence of Path
    origin : Origin
    conventions : Conventions
    quench_tolerance : float, optional
        Quench to this force ratio; without it, every glass must be an inherent state already.
    first_sample, n_samples : int
        Samples of the output; all by default.
    n_particles : int, optional
        N that every sample must have; by default that of the first one.

    Raises
    ------
    InputError
        In one line, which file and why: see `foreign_glasses`; too few samples, different N, or not an inherent state.
    """
    if quench_tolerance is not None:
        check_tolerance(quench_tolerance)
    if n_particles is not None and n_particles < 2:
        raise InputError(f"n_particles is {n_particles}, must be at least 2")
    used, samples, glasses = _glasses(files, origin.model, conventions, first_sample, n_samples)
    wanted = n_particles or glasses[0][1].n_particles
    by_sample: dict[int, tuple[Configuration, float]] = {}
    for sample, (where, glass) in zip(samples, glasses, strict=True):
        if glass.n_particles != wanted:
            raise InputError(f"{where}: holds {glass.n_particles} particles, all samples must have {wanted}")
        ratio = np.nan  # of what will be quenched nobody asks
        # all of them before any work is divided: a tenth of the time it takes to parse them, and nothing is left behind
        if quench_tolerance is None and not (ratio := force_ratio(glass := glass.wrapped(), origin.model)) <= STABLE:
            raise InputError(
                f"{where}: not an inherent state of model {origin.model.name!r}: force ratio {ratio:.1e} is above "
                f"{STABLE:g}; quench it (--quench)"
            )
        by_sample[sample] = glass, ratio
    fields = stage_fields("inherent_state", wanted, origin.model.dimension)

    def rows(unit: range, _: Checkpoint | None, pause: Pause) -> Iterator[dict]:
        for sample in unit:
            state = by_sample[sample]
            yield attempt(fields, sample, [], lambda state=state: _row(*state, origin.model, quench_tolerance, pause))

    parameters = {
        "source": _checksums(used),
        "conventions": conventions.record(),
        "tolerance": quench_tolerance,
        "preparation": "read" if quench_tolerance is None else "quench",
    }
    source = {
        "model": origin.model.name,
        "model_parameters": origin.model.parameters(),
        "ensemble": origin.ensemble,
        "n_particles": wanted,
        "temperature": origin.temperature,
        "root_seed": origin.root_seed if origin.root_seed < 2**63 else str(origin.root_seed),
    }
    algorithm = "read" if quench_tolerance is None else "read, then FIRE, then Newton"
    units = tuple(range(sample, sample + 1) for sample in samples)
    return Job(
        "inherent_state", fields, job_attributes("inherent_state", source, algorithm, parameters, {}), units, rows
    )


def _glasses(files, model, conventions, first_sample, n_samples) -> tuple[range, list[tuple[str, Configuration]]]:
    """The samples asked for, and each with where it comes from."""
    check_samples(first_sample, n_samples)
    found = count_frames(files[0], conventions.file_format) if len(files) == 1 else len(files)
    stop = found if n_samples is None else first_sample + n_samples
    where = f"{files[0]}{' ...' if len(files) > 1 else ''}"
    if first_sample >= found:
        held = "1 sample (0)" if found == 1 else f"{found} samples (0 to {found - 1})"
        raise InputError(f"{where}: holds {held}, the first one asked for is {first_sample}")
    if stop > found:
        raise InputError(f"{where}: holds {found} sample{'s' * (found != 1)}, but {stop} are needed")
    samples = range(first_sample, stop)
    if len(files) == 1:
        # each chunk of a long trajectory parses its own frames only
        frames, used = read_frames(files[0], conventions.file_format, slice(first_sample, stop)), files
    else:
        frames, used = [], files[first_sample:stop]
        for path in used:
            of_file = read_frames(path, conventions.file_format)
            if len(of_file) > 1:
                raise InputError(f"{path}: {len(of_file)} frames; one of several files must hold one sample")
            frames += of_file
    return used, samples, [(frame.where, configuration_of(frame, model, conventions)) for frame in frames]


def _checksums(files: list[Path]) -> dict[str, str]:
    """File -> SHA-256; names begin where the files' folders part, for files of several folders may have one name."""
    shared = os.path.commonpath([path.absolute().parent for path in files])
    return {str(path.absolute().relative_to(shared)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _row(glass: Configuration, ratio: float, model: Model, tolerance: float | None, pause: Pause) -> dict:
    """The sample's row: quenched, or, with its force ratio, as it was read and wrapped into the box."""
    if tolerance is not None:
        return quenched_row(glass, model, tolerance, pause)
    energy, virial, _ = pair_sums(glass, model)
    state = QuenchResult(
        configuration=glass,
        energy=energy / glass.n_particles,
        pressure=virial / (glass.dimension * glass.volume),
        force_ratio=ratio,
        converged=True,
        force_evaluations=0,
    )
    return inherent_state_row(state)
