"""The table of measured relaxation times, in which burn-in and spacing are counted: config/relaxation.tsv."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from nqe_core.atomic_files import written_aside
from nqe_core.errors import InputError
from nqe_core.folder_lock import alone_in

LEAST_BURN_IN = 10.0  # relaxation times after which a start counts as forgotten
MOST_TIMES = 1e6  # that a sheet may ask for: more is a slip
SHORT_BURN_IN = 5.0  # fewer cannot be what errors of a relaxation time make of them: figures say so
FEW = 2048  # particles; fewer have a time step limited by stability, which N does not matter for
NOT_OF_THE_LIQUID = ("shear_modulus_infinity", "table_density")  # constants of a model that move no particle
SAME_TEMPERATURE = 1e-6  # temperatures closer than this are one


def constants_key(parameters: Mapping[str, Any]) -> str:
    """Eight digits that tell a model's constants (`Model.parameters`) from others of the same name.

    Those aside that only units and tables are made with.
    """

    def plain(value: Any) -> Any:
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value

    own = {name: plain(value) for name, value in parameters.items() if name not in NOT_OF_THE_LIQUID}
    return hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Measured:
    """One line of the table: a liquid, how it was followed, and what was found.

    Parameters
    ----------
    model, temperature, n_particles, sampler, swap_fraction
        What was followed.
    constants : str
        `constants_key` of the model: one of another density, say, is another liquid by the same name. No two lines agree
        in all of these six.
    walkers, sweeps : int
        How many walkers, and for how long each.
    energy, energy_error : float
        u / N.
    drift, drift_error : float
        u / N of the second half of the runs minus that of the first.
    heat_capacity, heat_capacity_error : float
        Configurational, per particle.
    tau_overlap, tau_scattering, tau_sizes, tau_energy : float
        Relaxation times in sweeps, with their errors over walkers; infinite where the run was too
        short, NaN where the states were too far apart.
    seconds_per_sweep : float
        CPU time of one walker.
    """

    model: str
    temperature: float
    n_particles: int
    sampler: str
    swap_fraction: float
    constants: str
    walkers: int
    sweeps: int
    energy: float
    energy_error: float
    drift: float
    drift_error: float
    heat_capacity: float
    heat_capacity_error: float
    tau_overlap: float
    tau_overlap_error: float
    tau_scattering: float
    tau_scattering_error: float
    tau_sizes: float
    tau_sizes_error: float
    tau_energy: float
    tau_energy_error: float
    seconds_per_sweep: float

    @property
    def key(self) -> tuple:
        return (self.model, self.temperature, self.n_particles, self.sampler, self.swap_fraction, self.constants)

    @property
    def tau(self) -> float:
        """The time in which places are forgotten, in sweeps: the longer one of overlap and scattering.

        One that is NaN was shorter than the interval between states, and so than the other; NaN when both were.
        """
        times = [tau for tau in (self.tau_overlap, self.tau_scattering) if not math.isnan(tau)]
        return max(times, default=math.nan)

    def tau_at(self, n_particles: int) -> float:
        """`tau` for N particles: the hybrid sampler's time step falls at most as N^(-1/4), and hardly up to `FEW`."""
        larger = max(n_particles, FEW) / max(self.n_particles, FEW)
        return self.tau * (max(1.0, larger) ** 0.25 if self.sampler == "hybrid" else 1.0)


COLUMNS = {field.name: {"int": int, "float": float, "str": str}[field.type] for field in fields(Measured)}


def read_relaxation(path: str | Path) -> tuple[Measured, ...]:
    """All lines of the table.

    Raises
    ------
    InputError
        One line with the file, the line number and what is wrong.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot read the relaxation times ({error})") from None
    numbered = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line and line[0] != "#"]
    if not numbered or numbered[0][1].split("\t") != list(COLUMNS):
        raise InputError(f"{path}: the columns must be {', '.join(COLUMNS)} (separated by tabs)")
    lines = []
    for number, line in numbered[1:]:
        values = line.split("\t")
        try:
            lines.append(Measured(*(kind(value) for kind, value in zip(COLUMNS.values(), values, strict=True))))
        except ValueError as error:
            raise InputError(f"{path}, line {number}: {error}") from None
    return tuple(lines)


def add_to_table(path: str | Path, measured: Measured) -> None:
    """Write a line into the table, in the place of one that was measured alike; comments stay."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with alone_in(path.parent):  # or another process that has measured would lose its line
        comments, kept = [], {}
        if path.exists():
            kept = {line.key: line for line in read_relaxation(path)}
            comments = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
        kept[measured.key] = measured
        _write(path, comments, kept.values())


def _write(path: Path, comments: Iterable[str], lines: Iterable[Measured]) -> None:
    stream = io.StringIO()
    stream.writelines(f"{line}\n" for line in comments)
    writer = csv.writer(stream, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE)
    writer.writerow(COLUMNS)
    for line in sorted(lines, key=lambda line: (line.model, -line.temperature, *line.key[2:])):
        writer.writerow(_shown(getattr(line, name), exact=name in ("temperature", "swap_fraction")) for name in COLUMNS)
    with written_aside(path) as aside:
        aside.write_text(stream.getvalue(), encoding="utf-8")


def _shown(value: Any, exact: bool) -> Any:
    """Six digits of what was measured; every digit of what lines are looked up by."""
    if not isinstance(value, float):
        return value
    short = f"{value:.6g}"
    return repr(value) if exact and float(short) != value else short


def relaxation_time(
    table: Iterable[Measured],
    model: str,
    temperature: float,
    n_particles: int,
    sampler: str,
    swap_fraction: float,
    constants: str | None = None,
) -> float | None:
    """Sweeps in which a liquid of N particles forgets places, from the matching lines nearest in N: the longest of them.

    Parameters
    ----------
    table : iterable of Measured
    model, temperature, n_particles, sampler, swap_fraction
        The liquid, and how it is made.
    constants : str, optional
        `constants_key` of the model; without it lines of any constants match.

    Returns
    -------
    float or None
        None when the model was not measured at this temperature with this sampler, this share of swaps (without any POLY
        liquids relax several times more slowly) and these constants.
    """
    matching = [
        line
        for line in table
        if (line.model, line.sampler) == (model, sampler)
        and constants in (None, line.constants)
        and abs(line.temperature - temperature) < SAME_TEMPERATURE
        and math.isclose(line.swap_fraction, swap_fraction, abs_tol=1e-9)
    ]
    if not matching:
        return None
    nearest = min((line.n_particles for line in matching), key=lambda n: abs(math.log(n / n_particles)))
    times = [line.tau_at(n_particles) for line in matching if line.n_particles == nearest]
    if any(map(math.isnan, times)):  # shorter than the interval between the states that were measured
        return None
    return max(times) if all(map(math.isfinite, times)) else math.inf
