"""What a campaign costs: core-seconds, memory and storage of each ensemble and stage, from a table of measurements.

`cost.csv` beside this module is written by benchmarks/cost.py. A size that was not measured is interpolated between
its neighbours, as a power of N, and a temperature that was not measured takes the nearest one's. What a model that was not
measured costs is unknown: NaN here, a dash in the table, and left out of its sums.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from nqe_core.atomic_files import check_input
from nqe_core.ensembles import Ensemble
from nqe_core.errors import InputError, in_one_line
from nqe_core.file_schema import stage_fields
from nqe_core.models import MODELS, OTHER_MODELS, get_model

TABLE = Path(__file__).with_name("cost.csv")
STAGES = ("liquid", "inherent_state", "harmonic", "quartic", "cubic", "observables")
TIME_STEP = 0.004  # of the cooling runs; `molecular_dynamics.TIME_STEP`, which would load the kernels
COOLING_START = 1.0
TEXT_BYTES = 16  # of a row's failure, which is empty
OBSERVABLES_BYTES = 600  # of a sample's row in the table


@dataclass(frozen=True)
class Measurement:
    """One line of the table.

    Parameters
    ----------
    stage : str
        One of `STAGES`, or "cooling".
    model : str
    n_particles : int
    parent_temperature : float
    seconds : float
        CPU time of one core per `unit`.
    unit : {"sample", "sweep", "step"}
        Liquids are counted per sweep, cooling per time step, all else per sample.
    memory_mb : float
        Largest resident size of a process of this stage.
    samples : int
        Number of measurements.
    """

    stage: str
    model: str
    n_particles: int
    parent_temperature: float
    seconds: float
    unit: str
    memory_mb: float
    samples: int


@dataclass(frozen=True)
class Cost:
    """Of one ensemble.

    Parameters
    ----------
    ensemble : Ensemble
    seconds : dict
        Stage -> core-seconds per sample, NaN where it was not measured.
    bytes_per_sample : float
        NaN for a model that is not one of the library's.
    """

    ensemble: Ensemble
    seconds: dict[str, float]
    bytes_per_sample: float

    @property
    def core_hours(self) -> float:
        return sum(self.seconds.values()) * self.ensemble.n_samples / 3600.0

    @property
    def gigabytes(self) -> float:
        return self.bytes_per_sample * self.ensemble.n_samples / 1e9


def read_measurements(path: Path = TABLE) -> tuple[Measurement, ...]:
    """The table's lines; `InputError` in one line when it is none."""
    check_input(path := Path(path))
    kinds = {"n_particles": int, "samples": int, "parent_temperature": float, "seconds": float, "memory_mb": float}
    names = [field.name for field in fields(Measurement)]
    try:
        with path.open(newline="", encoding="utf-8") as file:
            head, *lines = [*csv.reader(file)] or [[]]
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: not a table of costs ({in_one_line(error)})") from None
    if sorted(head) != sorted(names):
        raise InputError(f"{path}: the columns must be {','.join(names)}")
    found = []
    for number, line in enumerate(lines, 2):
        if not line:
            continue
        if len(line) != len(head):
            raise InputError(f"{path}, line {number}: {len(line)} columns, but the header has {len(head)}")
        try:
            found.append(Measurement(**{k: kinds.get(k, str)(text) for k, text in zip(head, line, strict=True)}))
        except ValueError as error:
            raise InputError(f"{path}, line {number}: not a table of costs ({error})") from None
    _check_measurements(path, tuple(found))
    return tuple(found)


def _check_measurements(path: Path, measured: tuple[Measurement, ...]) -> None:
    """Costs are positive, and each was measured once: they are interpolated as powers."""
    keys = set()
    for line in measured:
        for name in ("n_particles", "parent_temperature", "seconds", "memory_mb"):
            if not 0 < getattr(line, name) < math.inf:
                raise InputError(
                    f"{path}: {line.stage} of {line.model}: {name} is {getattr(line, name)}, must be positive and finite"
                )
        key = (line.stage, line.model, line.parent_temperature, line.n_particles)
        if key in keys:
            raise InputError(f"{path}: {line.stage} of {line.model} with N = {line.n_particles} appears twice")
        keys.add(key)


def _of(measured: tuple[Measurement, ...], stage: str, ensemble: Ensemble) -> list[Measurement]:
    """Measurements of a stage and model at the nearest temperature, by N; none where the model was not measured."""
    found = [line for line in measured if (line.stage, line.model) == (stage, ensemble.model)]

    def distance(line: Measurement) -> float:
        return abs(math.log(line.parent_temperature / ensemble.parent_temperature))

    if not found:
        return []
    nearest = min(found, key=distance).parent_temperature  # of two equally near one: their lines do not mix
    return sorted((line for line in found if line.parent_temperature == nearest), key=lambda line: line.n_particles)


def at_size(points: list[tuple[int, float]], n: int) -> float:
    """A value at N = n from values at other N, by powers of N between neighbours and beyond the ends.

    Parameters
    ----------
    points : list of (N, value)
        In ascending order of N; a single one is taken to grow as N, and none gives NaN.
    """
    if not points:
        return math.nan
    if len(points) == 1:
        return points[0][1] * n / points[0][0]
    upper = next((k for k in range(1, len(points)) if points[k][0] >= n), len(points) - 1)
    (n0, v0), (n1, v1) = points[upper - 1], points[upper]
    return v0 * (v1 / v0) ** (math.log(n / n0) / math.log(n1 / n0))


def seconds_per_sample(
    ensemble: Ensemble,
    stage: str,
    measured: tuple[Measurement, ...],
    cooling_start: float = COOLING_START,
) -> float:
    """Core-seconds that one stage takes for one sample; NaN where the model was not measured."""

    def value(name: str) -> float:
        points = [(line.n_particles, line.seconds) for line in _of(measured, name, ensemble)]
        return at_size(points, ensemble.n_particles)

    if ensemble.source and (stage == "liquid" or (stage, ensemble.preparation) == ("inherent_state", "read")):
        return 0.0  # read, not made
    if stage == "liquid":
        sweeps = ensemble.burn_in + (ensemble.samples_per_walker - 1) * ensemble.spacing
        return value("liquid") * sweeps / ensemble.samples_per_walker
    total = value(stage)
    if stage == "inherent_state" and ensemble.preparation == "cool":
        total += value("cooling") * cooling_start / ensemble.cooling_rate / TIME_STEP
    return total


def memory_mb(ensemble: Ensemble, stage: str, measured: tuple[Measurement, ...]) -> float:
    """Resident size of one rank at work on one stage; NaN where the model was not measured."""
    points = [(line.n_particles, line.memory_mb) for line in _of(measured, stage, ensemble)]
    if len(points) == 1:
        return points[0][1]
    # a process has a size of its own: below the smallest measured size nothing is gained
    return at_size(points, max([ensemble.n_particles, *(n for n, _ in points[:1])]))


def bytes_per_sample(ensemble: Ensemble) -> float:
    """What a sample leaves on disk in all stages; NaN for a model whose dimension the library does not know."""
    if ensemble.model not in {**MODELS, **OTHER_MODELS}:
        return math.nan
    dimension = get_model(ensemble.model).dimension
    total = OBSERVABLES_BYTES
    for stage in STAGES[:-1]:
        if stage == "liquid" and ensemble.source:
            continue
        for field in stage_fields(stage, ensemble.n_particles, dimension, ensemble.n_modes):
            size = TEXT_BYTES if field.kind == "text" else field.dtype.itemsize
            total += size * math.prod(field.shape)
    return total


def cost_of(ensemble: Ensemble, measured: tuple[Measurement, ...], cooling_start: float = COOLING_START) -> Cost:
    """The whole cost of one ensemble."""
    seconds = {stage: seconds_per_sample(ensemble, stage, measured, cooling_start) for stage in STAGES}
    return Cost(ensemble, seconds, bytes_per_sample(ensemble))


def cost_table(costs: list[Cost]) -> str:
    """Markdown: core-seconds per sample and stage, core-hours and storage of each ensemble, and totals."""
    head = ["ensemble", "samples", *STAGES, "core-hours", "GB"]
    lines = [head, ["---"] * len(head)]
    for cost in costs:
        stages = [_number(cost.seconds[stage], ".3g") for stage in STAGES]
        numbers = [_number(cost.core_hours, ".1f"), _number(cost.gigabytes, ".2f")]
        lines.append([cost.ensemble.ensemble, str(cost.ensemble.n_samples), *stages, *numbers])
    total = [f"{_sum(cost.core_hours for cost in costs):.1f}", f"{_sum(cost.gigabytes for cost in costs):.2f}"]
    lines.append(["all", str(sum(cost.ensemble.n_samples for cost in costs)), *[""] * len(STAGES), *total])
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    unknown = [cost.ensemble.ensemble for cost in costs if math.isnan(cost.core_hours + cost.gigabytes)]
    return f"{table}\n\nNot measured, and left out of the sums: {', '.join(unknown)}" if unknown else table


def _number(value: float, form: str) -> str:
    return "–" if math.isnan(value) else format(value, form)


def _sum(values: Iterable[float]) -> float:
    return sum(value for value in values if not math.isnan(value))
