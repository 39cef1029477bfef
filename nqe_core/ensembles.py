"""Ensembles: the rows of a campaign's sheet, how samples fall into chunks and walkers, and their random streams.

A sample is its address (root seed, ensemble, number). Chunks divide the work between jobs and ranks divide a chunk, but
neither appears in an address, so no result depends on how the work was divided.
"""

from __future__ import annotations

import csv
import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path

import numpy as np

from nqe_core.errors import InputError
from nqe_core.file_schema import STAGES
from nqe_core.models import MODELS, Model, most_modes
from nqe_core.relaxation_table import MOST_TIMES, Measured, constants_key, read_relaxation, relaxation_time
from nqe_core.source_files import parse_diameters

# what a row says about a liquid, and what it must say where glasses are read instead
WITHOUT_LIQUID = {"samples_per_walker": 1, "cooling_rate": 0.0, "swap_fraction": 0.0, "burn_in": 0, "spacing": 0}

NAME = re.compile(r"[a-z0-9_]+")
RESERVED = ("figures", "logs", "tables")  # folders beside those of the ensembles


@dataclass(frozen=True)
class Ensemble:
    """One row of a sheet: samples made alike.

    Parameters
    ----------
    ensemble : str
        Name: lower-case letters, digits and underscores; part of every path and of the random streams.
    model : str
        Key in the models.
    n_particles : int
        N.
    parent_temperature : float
        T_p, the temperature at which the liquid is equilibrated, in simulation units.
    n_samples : int
        Number of glass samples.
    samples_per_walker : int
        Consecutive samples that one Monte Carlo walker makes after a single burn-in.
    samples_per_chunk : int
        Samples per file and job; a multiple of `samples_per_walker`.
    n_modes : int
        Number of harmonic modes per sample.
    preparation : {"quench", "cool", "read"}
        Instantaneous quench, or cooling at `cooling_rate` before it; "read" where the source holds inherent states.
    cooling_rate : float
        Temperature per unit time; 0 for a quench.
    swap_fraction : float
        Share of swap moves among the attempted moves, in [0, 1).
    burn_in, spacing : int
        Sweeps before the first sample of a walker, and between its samples. A sheet may count them in relaxation times
        of the liquid: `12tau` (see `read_sheet`).
    source : str
        Path or pattern of other programs' files; the samples are read and not made. '' for samples that are made.
    diameters : str
        Of the source's types, `A=1.0,B=1.4`; '' where its files have sizes.
    length_unit : float
        Length of the smallest diameter in the source's unit of length.
    """

    ensemble: str
    model: str
    n_particles: int
    parent_temperature: float
    n_samples: int
    samples_per_walker: int
    samples_per_chunk: int
    n_modes: int
    preparation: str
    cooling_rate: float
    swap_fraction: float
    burn_in: int
    spacing: int
    source: str = ""
    diameters: str = ""
    length_unit: float = 1.0

    def __post_init__(self) -> None:
        check_name(self.ensemble)
        for name in ("n_particles", "n_samples", "samples_per_walker", "samples_per_chunk", "n_modes"):
            if getattr(self, name) < 1:
                self._refuse(name, "must be at least 1")
        if not (math.isfinite(self.parent_temperature) and self.parent_temperature > 0):
            self._refuse("parent_temperature", "must be a positive temperature")
        if self.samples_per_chunk % self.samples_per_walker:
            self._refuse("samples_per_chunk", f"must be a multiple of samples_per_walker ({self.samples_per_walker})")
        allowed = ("quench", "read") if self.source else ("quench", "cool")
        if self.preparation not in allowed:
            self._refuse("preparation", f"must be one of {', '.join(allowed)}")
        if self.source:
            self._check_read()
            return
        if self.diameters or self.length_unit != 1.0:
            self._refuse("diameters" if self.diameters else "length_unit", "is for rows with a source")
        if self.burn_in < 1:
            self._refuse("burn_in", "must be at least 1")
        if not (math.isfinite(self.cooling_rate) and self.cooling_rate >= 0):
            self._refuse("cooling_rate", "must be finite and not negative")
        if (self.preparation == "cool") != (self.cooling_rate > 0):
            self._refuse("cooling_rate", f"must be {'positive to cool' if self.preparation == 'cool' else '0'}")
        if not 0 <= self.swap_fraction < 1:
            self._refuse("swap_fraction", "must be in [0, 1)")
        if self.spacing < (1 if self.samples_per_walker > 1 else 0):
            self._refuse("spacing", "must be at least 1 sweep when a walker makes several samples")

    def _check_read(self) -> None:
        """A row whose samples are read says nothing about a liquid."""
        for name, value in WITHOUT_LIQUID.items():
            if getattr(self, name) != value:
                self._refuse(name, f"must be {value:g}: the samples are read from {self.source}")
        if not (math.isfinite(self.length_unit) and self.length_unit > 0):
            self._refuse("length_unit", "must be positive and finite")
        if self.diameters:
            parse_diameters(self.diameters)

    def _refuse(self, column: str, rule: str) -> None:
        raise InputError(f"ensemble {self.ensemble!r}: {column} is {getattr(self, column)!r}, {rule}")

    @property
    def n_chunks(self) -> int:
        return -(-self.n_samples // self.samples_per_chunk)

    @property
    def chunks(self) -> tuple[str, ...]:
        """Names of the chunks: 0000, 0001, ..."""
        return tuple(f"{index:04d}" for index in range(self.n_chunks))

    def samples_of(self, chunk: str | int) -> range:
        """Samples of a chunk; the last chunk may be shorter."""
        index = int(chunk)
        if not 0 <= index < self.n_chunks:
            raise InputError(f"ensemble {self.ensemble!r}: no chunk {chunk}, the last one is {self.n_chunks - 1:04d}")
        first = index * self.samples_per_chunk
        return range(first, min(first + self.samples_per_chunk, self.n_samples))


def check_name(name: str) -> str:
    """Refuse ensemble names that could not be part of a path or a command."""
    if not NAME.fullmatch(name):
        raise InputError(f"ensemble name {name!r} may hold lower-case letters, digits and underscores only")
    if name in RESERVED:
        raise InputError(f"ensemble name {name!r} is that of a folder of every campaign's results")
    return name


def check_seed(root_seed: int) -> int:
    """Refuse seeds that are not integers or negative."""
    if isinstance(root_seed, bool) or not isinstance(root_seed, int) or root_seed < 0:
        raise InputError(f"root_seed is {root_seed!r}, must be an integer that is not negative")
    return root_seed


def walkers(samples: range, samples_per_walker: int) -> tuple[range, ...]:
    """Split consecutive samples into the walkers that make them; `InputError` when the first one is not a walker's."""
    if samples.start % samples_per_walker:
        raise InputError(f"first sample {samples.start} is not the first of a walker of {samples_per_walker} samples")
    starts = range(samples.start, samples.stop, samples_per_walker)
    return tuple(range(start, min(start + samples_per_walker, samples.stop)) for start in starts)


def random_stream(root_seed: int, ensemble: str, stage: str, *address: int) -> np.random.Generator:
    """Random stream of an address.

    Parameters
    ----------
    root_seed : int
        Seed of the campaign, not negative, any size.
    ensemble : str
        Name of the ensemble; 128 bits of its SHA-256 enter the seed.
    stage : str
        Stage that draws the numbers.
    *address : int
        Sample or walker, and what lies below it.

    Returns
    -------
    numpy.random.Generator
        Independent for every address; never seeded by the clock, nor by a number cut to 32 bits.
    """
    check_seed(root_seed)
    digest = hashlib.sha256(ensemble.encode()).digest()
    name = tuple(int.from_bytes(digest[start : start + 4], "little") for start in range(0, 16, 4))
    # the length keeps addresses of different depth apart
    key = (*name, STAGES.index(stage), len(address), *address)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy=root_seed, spawn_key=key)))


def relaxation_table(sheet: str | Path) -> Path:
    """The relaxation times that a sheet counts in: config/relaxation.tsv for config/campaigns/*.tsv."""
    return Path(sheet).resolve().parent.parent / "relaxation.tsv"


def read_sheet(
    path: str | Path,
    models: Mapping[str, Model] | None = MODELS,
    sampler: str = "hybrid",
    measured: Sequence[Measured] | None = None,
) -> tuple[Ensemble, ...]:
    """Read and check a campaign's sheet.

    Parameters
    ----------
    path : str or Path
        Tab-separated, one header line; empty lines and lines that start with # are ignored.
    models : mapping of str to Model, optional
        The models that rows may name; None leaves models unchecked.
    sampler : str
        The one whose relaxation times are meant where a row counts in them (`relaxation_table`).
    measured : sequence of Measured, optional
        Relaxation times for what the table does not know. With it, even an empty one, rows that count in a time which
        neither knows are checked and left out; without it they are refused.

    Returns
    -------
    tuple of Ensemble
        In the sheet's order.

    Raises
    ------
    InputError
        One line with the file, its line number and what is wrong.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot read the sheet ({error})") from None
    numbered = [(number, line) for number, line in enumerate(text.splitlines(), 1)]
    kept = [(number, line) for number, line in numbered if line.strip() and not line.lstrip().startswith("#")]
    if len(kept) < 2:
        raise InputError(f"{path}: the sheet holds no ensemble")
    table = list(csv.reader((line for _, line in kept), delimiter="\t", quoting=csv.QUOTE_NONE))
    columns = _check_columns(path, [name.strip() for name in table[0]])
    ensembles: dict[str, Ensemble] = {}
    left_out = set()
    for (number, _), values in zip(kept[1:], table[1:], strict=True):
        where = f"{path}, line {number}"
        if len(values) != len(columns):
            raise InputError(f"{where}: {len(values)} columns (separated by tabs), but the header has {len(columns)}")
        try:
            texts = dict(zip(columns, (value.strip() for value in values), strict=True))
            # all else first: the relaxation time of a liquid that cannot be is not known either
            row = _parse({**texts, **dict.fromkeys(_in_relaxation_times(texts), "1")})
            if models is not None:
                check_model(row, models)
            constants = constants_key(models[row.model].parameters()) if models is not None else None
            known, row = _counted_in_sweeps(texts, row, relaxation_table(path), sampler, constants, measured)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        if row.ensemble in ensembles:
            raise InputError(f"{where}: ensemble {row.ensemble!r} appears twice")
        ensembles[row.ensemble] = row
        if not known:
            left_out.add(row.ensemble)
    return tuple(row for name, row in ensembles.items() if name not in left_out)


def check_model(row: Ensemble, models: Mapping[str, Model]) -> None:
    """Refuse a row whose model is unknown or whose box is too small for the potential's range."""
    if row.model not in models:
        raise InputError(f"ensemble {row.ensemble!r}: unknown model {row.model!r} (known: {', '.join(models)})")
    models[row.model].check_particles(row.n_particles)
    if row.n_modes > most_modes(row.n_particles, models[row.model].dimension):
        raise InputError(f"ensemble {row.ensemble!r}: n_modes is {row.n_modes}, more than the sample has")


def _check_columns(path: Path, columns: list[str]) -> list[str]:
    known = [field.name for field in fields(Ensemble)]
    if len(columns) == 1:
        raise InputError(f"{path}: the header has one column; columns are separated by tabs")
    for name in columns:
        if name not in known:
            raise InputError(f"{path}: unknown column {name!r} (known: {', '.join(known)})")
        if columns.count(name) > 1:
            raise InputError(f"{path}: column {name!r} appears twice")
    for field in fields(Ensemble):
        if field.name not in columns and field.default is MISSING:
            raise InputError(f"{path}: column {field.name!r} is missing")
    return columns


def _in_relaxation_times(values: dict[str, str]) -> list[str]:
    """Which of a row's columns count in relaxation times."""
    return [name for name in ("burn_in", "spacing") if values[name].endswith("tau")]


def _counted_in_sweeps(
    values: dict[str, str],
    row: Ensemble,
    table: Path,
    sampler: str,
    constants: str | None,
    measured: Sequence[Measured] | None,
) -> tuple[bool, Ensemble]:
    """Whether the relaxation times that a row counts in are known, and the row, which then counts in sweeps."""
    if not (columns := _in_relaxation_times(values)):
        return True, row
    times = read_relaxation(table) if measured is None or table.exists() else ()
    try:
        numbers = {name: float(values[name].removesuffix("tau")) for name in columns}
    except ValueError as error:
        raise InputError(f"{error} (burn_in and spacing are sweeps, or relaxation times like 12tau)") from None
    if not all(0 < number < MOST_TIMES for number in numbers.values()):
        raise InputError(f"{', '.join(numbers)}: relaxation times must be positive, and less than {MOST_TIMES:g}")
    liquid = (row.model, row.parent_temperature, row.n_particles, sampler, row.swap_fraction)
    tau = relaxation_time(times, *liquid, constants)
    if measured is not None and (tau is None or not math.isfinite(tau)):
        tau = relaxation_time(measured, *liquid, constants)
    if tau is not None and math.isfinite(tau):
        return True, replace(row, **{name: math.ceil(number * tau) for name, number in numbers.items()})
    if measured is None:
        known = "is not known" if tau is None else "was too long to be measured"
        if tau is None and relaxation_time(times, *liquid) is not None:
            known = "was measured with other constants of the model"
        raise InputError(
            f"burn_in is {values['burn_in']!r} and spacing {values['spacing']!r}, but the relaxation time of {row.model} "
            f"at T = {row.parent_temperature:g} with the {sampler} sampler and {row.swap_fraction:g} of swaps {known} "
            f"({table}; `nqe relaxation` measures it)"
        )
    return False, row


def _parse(values: dict[str, str]) -> Ensemble:
    kinds = {field.name: {"int": int, "float": float, "str": str}[field.type] for field in fields(Ensemble)}
    optional = {field.name for field in fields(Ensemble) if field.default is not MISSING}
    parsed = {}
    for name, text in values.items():
        if not text and name in optional:
            continue
        try:
            parsed[name] = kinds[name](text)
        except ValueError:
            wanted = "a whole number" if kinds[name] is int else "a number"
            raise InputError(f"column {name!r} is {text!r}, must be {wanted}") from None
    return Ensemble(**parsed)
