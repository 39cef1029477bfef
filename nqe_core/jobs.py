"""Jobs: what is to be done for one chunk of one stage.

A `Job` does not say by whom: it has units of work (a sample, or a walker with all its samples), and a function that
computes a unit's rows. Failure is data: a sample whose numerics fail becomes a row that says why, and later stages
pass it on.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from nqe_core.file_schema import SCHEMA_VERSION, UNITS, UNREPRODUCIBLE, Field, missing_row, stage_fields
from nqe_core.reference import package_versions
from nqe_core.storage import ChunkReader, check_same_samples
from nqe_core.version import git_commit, version

Pause = Callable[[], None]  # called often; raises to interrupt

# what a failing solver raises: overflow and the like, and what ours make of ARPACK's and SuperLU's RuntimeErrors, which
# are not among them: programs that are wrong raise those too
NUMERICAL_ERRORS = (ArithmeticError, np.linalg.LinAlgError)

# attributes that say by what rows were made: another commit or package does not make finished rows useless
MADE_BY = ("git_commit", "packages")
NOT_RECORDED = "not recorded"  # packages of files that were made before they had this attribute


class SampleFailure(Exception):
    """One sample failed; the message goes into its row."""


@dataclass
class Job:
    """The work behind one output file.

    Parameters
    ----------
    stage : str
        Name of the stage.
    fields : tuple of Field
        Datasets of a row.
    attributes : dict
        Attributes of the file: what the rows are and what they were computed from.
    units : tuple of range
        Samples of each unit of work.
    compute : callable
        (samples of a unit, checkpoint or None, pause) -> iterator of rows (dict, one per sample, in order) and, between
        them, checkpoints (`Checkpoint`) from which the unit can be continued.
    resources : ExitStack
        Open input files; closed with the job.
    """

    stage: str
    fields: tuple[Field, ...]
    attributes: dict
    units: tuple[range, ...]
    compute: Callable[[range, Checkpoint | None, Pause], Iterator[dict | Checkpoint]]
    resources: ExitStack = field(default_factory=ExitStack)

    @property
    def samples(self) -> tuple[int, ...]:
        """All samples of the output, in order."""
        return tuple(sample for unit in self.units for sample in unit)

    @property
    def fingerprint(self) -> str:
        """Checksum of everything that the rows depend on; finished rows of another fingerprint are not reused."""
        return self._fingerprint(self.attributes)

    def made(self, attributes: dict) -> bool:
        """Whether a file with these attributes has the rows of this job."""
        return self._fingerprint(attributes) == self.fingerprint

    def _fingerprint(self, attributes: dict) -> str:
        kept = {key: attributes.get(key) for key in self.attributes if key not in MADE_BY}
        text = json.dumps([self.stage, kept, [field.name for field in self.fields], SCHEMA_VERSION], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def __enter__(self) -> Job:
        return self

    def __exit__(self, *_) -> None:
        self.resources.close()


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """State of an unfinished unit.

    Parameters
    ----------
    next_sample : int
        The unit's rows before this sample are finished.
    values : dict
        Name -> array or number; enough to continue bit by bit as if nothing had happened.
    """

    next_sample: int
    values: dict


def job_attributes(stage: str, source: dict, algorithm: str, parameters: dict, inputs: dict[str, str]) -> dict:
    """Attributes of a stage's file.

    Parameters
    ----------
    stage : str
        Name of the stage.
    source : dict
        model, model_parameters, ensemble, n_particles, temperature and root_seed: a file's attributes, or their origin.
    algorithm : str
        How the rows are computed, in a few words.
    parameters : dict
        The stage's own parameters.
    inputs : dict
        Stage -> content_sha256 of the files read.
    """
    inherited = ("model", "model_parameters", "ensemble", "n_particles", "temperature", "root_seed")
    return {
        "stage": stage,
        **{key: source[key] for key in inherited},
        "units": UNITS,
        "algorithm": algorithm,
        "parameters": parameters,
        "inputs": inputs,
        "version": version(),
        "git_commit": git_commit(),
        "packages": package_versions(),
    }


def packages_behind(attributes: dict, inputs: Iterable[dict]) -> str:
    """Packages of a file and of all that it was computed from, each environment once: a stage may have had another.

    Parameters
    ----------
    attributes : dict
        Those of the file.
    inputs : iterable of dict
        Attributes of the files read.
    """
    environments = [text for given in inputs for text in given.get("packages", NOT_RECORDED).split("; ")]
    return "; ".join(dict.fromkeys([*environments, attributes["packages"]]))


def allowed_failures(n_samples: int, share: float) -> int:
    """How many samples of a job may fail before the job does.

    Parameters
    ----------
    n_samples : int
    share : float
        Largest share of failures that is accepted; 0 accepts none.

    Returns
    -------
    int
        The share of the samples; but one or two failures say nothing about a small job, unless they are its majority:
        at a share of 0.05, every other job of 12 samples has one.
    """
    return max(int(share * n_samples), min(2, n_samples // 2)) if share > 0 else 0


def upstream_failure(failures: list[str]) -> str:
    """The first reason among the inputs' failures, marked as not this stage's own; '' when there is none."""
    reason = next((failure for failure in failures if failure), "")
    return reason if not reason or reason.startswith("upstream: ") else f"upstream: {reason}"


def attempt(fields: tuple[Field, ...], sample: int, failures: list[str], compute: Callable[[], dict]) -> dict:
    """One sample's row, or the row that says why there is none.

    Parameters
    ----------
    fields : tuple of Field
        Datasets of the row.
    sample : int
        Address of the sample.
    failures : list of str
        What the inputs say about it.
    compute : callable
        Returns the values of all fields but sample, failure and seconds; raises `SampleFailure` or one of
        `NUMERICAL_ERRORS`.
    """
    if reason := upstream_failure(failures):
        return missing_row(fields, sample, reason)
    started = time.process_time()
    try:
        row = {**compute(), "sample": sample, "failure": "", "seconds": 0.0}
        for entry in fields:
            if entry.kind == "float" and not entry.optional and not np.isfinite(row[entry.name]).all():
                raise SampleFailure(f"{entry.name} is not finite")
    except SampleFailure as failure:
        row = missing_row(fields, sample, str(failure))
    except NUMERICAL_ERRORS as error:
        row = missing_row(fields, sample, f"{type(error).__name__}: {error}")
    row[UNREPRODUCIBLE] = time.process_time() - started
    return row


def open_inputs(**paths: Path) -> tuple[ExitStack, dict[str, ChunkReader]]:
    """Open the files of a job (stage -> path) and check that they belong together."""
    with ExitStack() as stack:
        readers = {stage: stack.enter_context(ChunkReader(path, stage)) for stage, path in paths.items()}
        check_same_samples(list(readers.values()))
        return stack.pop_all(), readers


def sample_job(
    stage: str,
    paths: dict[str, Path],
    algorithm: str,
    parameters: dict,
    compute: Callable[..., dict],
    *,
    fields: tuple[Field, ...] | None = None,
    constants: Callable[[dict[str, ChunkReader], int], dict] | None = None,
) -> Job:
    """A job whose units are single samples.

    Parameters
    ----------
    stage : str
        Name of the stage.
    paths : dict
        Stage -> file of each input.
    algorithm, parameters
        For the attributes.
    compute : callable
        (readers by stage, sample, pause) -> values of the row.
    fields : tuple of Field, optional
        Datasets; by default those of the stage's schema.
    constants : callable, optional
        (readers by stage, sample) -> values that a failed sample's row has as well.
    """
    stack, readers = open_inputs(**paths)
    first = next(iter(readers.values()))
    inputs = {name: reader.attributes["content_sha256"] for name, reader in readers.items()}
    row_fields = fields or stage_fields(stage, int(first.attributes["n_particles"]), first.model.dimension)

    def row_of(sample: int, pause: Pause) -> dict:
        known = constants(readers, sample) if constants else {}
        failures = [reader.row(sample, "failure")["failure"] for reader in readers.values()]
        row = attempt(row_fields, sample, failures, lambda: {**compute(readers, sample, pause), **known})
        return {**row, **known}

    def rows(unit: range, _: Checkpoint | None, pause: Pause) -> Iterator[dict]:
        return (row_of(sample, pause) for sample in unit)

    units = tuple(range(int(sample), int(sample) + 1) for sample in first.samples)
    attributes = job_attributes(stage, first.attributes, algorithm, parameters, inputs)
    attributes["packages"] = packages_behind(attributes, (reader.attributes for reader in readers.values()))
    return Job(stage, row_fields, attributes, units, rows, stack)
