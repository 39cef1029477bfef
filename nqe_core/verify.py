"""Check a campaign's files: each whole, all samples there, every file made from the files that lie beside it now."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nqe_core.ensembles import Ensemble, read_sheet, relaxation_table
from nqe_core.errors import InputError
from nqe_core.file_schema import BY_WAYS, STAGES
from nqe_core.relaxation_table import LEAST_BURN_IN, Measured, constants_key, read_relaxation, relaxation_time
from nqe_core.storage import ChunkReader, StorageError
from nqe_core.tables import concatenated, read_table, same_content, sorted_by_sample, table_attributes, verify_table
from nqe_core.version import git_commit, version

LOGS = "logs"  # the folder beside the ensembles' that has their stages too
GATHERED = "observables.parquet"  # an ensemble's table, of all its chunks
# columns of the sheet that the files' parameters repeat; what may differ by a relaxation time that was measured anew
AS_IN_SHEET = {"liquid": ("samples_per_walker", "swap_fraction", "burn_in", "spacing"),
               "inherent_state": ("preparation", "cooling_rate"), "harmonic": ("n_modes",)}  # fmt: skip
COUNTED_IN_TAU = ("burn_in", "spacing")
# what all files of an ensemble have in common, and what of their parameters need not be
ALIKE = ("model_parameters", "root_seed", "n_particles", "temperature")
MAY_DIFFER = (*COUNTED_IN_TAU, "source")
REQUIRED = tuple(stage for stage in STAGES if stage not in BY_WAYS)


@dataclass
class Report:
    """What was found.

    Parameters
    ----------
    problems : list of str
        One line each: a damaged, missing, doubled or outdated file.
    notes : list of str
        Worth knowing, but nothing is wrong.
    files, samples : int
        How many were looked at; samples count once per ensemble.
    """

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    files: int = 0
    samples: int = 0


@dataclass(frozen=True)
class _Checked:
    """What the other checks need to know about one good file."""

    path: Path
    samples: tuple[int, ...]
    failures: tuple[str, ...]
    attributes: dict


def verify_campaign(
    results: Path, sheet: Path | None = None, least_burn_in: float = LEAST_BURN_IN, sampler: str = "hybrid"
) -> Report:
    """Check everything under results/{campaign}.

    Parameters
    ----------
    results : Path
        Folder with one folder per ensemble.
    sheet : Path, optional
        The campaign's sheet; all its samples must be there, with its parameters.
    least_burn_in : float
        With a sheet: relaxation times (config/relaxation.tsv) that each walker must have been left to forget its start.
    sampler : str
        With a sheet: whose relaxation times it counts in.

    Returns
    -------
    Report

    Raises
    ------
    InputError
        No such folder, or a wrong sheet.
    """
    if not results.is_dir():
        raise InputError(f"{results}: {'is a file, must be a folder' if results.exists() else 'no such folder'}")
    rows = {row.ensemble: row for row in read_sheet(sheet, models=None, sampler=sampler)} if sheet else {}
    times = read_relaxation(table) if sheet and (table := relaxation_table(sheet)).exists() else ()
    found = {
        path.name
        for path in results.iterdir()
        if path.name != LOGS and path.is_dir() and any((path / stage).is_dir() for stage in STAGES)
    }
    report = Report()
    builds: Counter[tuple[str, str]] = Counter()
    if not found and not rows:
        gathered = any(results.glob(f"*/{GATHERED}"))
        report.problems.append(
            f"{results}: holds gathered tables only, and nothing that they were made from (`nqe verify reference` checks "
            "the reference data)"
            if gathered
            else f"{results}: holds no ensemble"
        )
    for ensemble in sorted(found | set(rows)):
        checks = _Ensemble(results / ensemble, rows.get(ensemble), bool(sheet), report, builds)
        checks.check()
        if sheet:
            checks.check_burn_in(times, least_burn_in)
    _leftovers(results, report)
    for (made_by, commit), count in sorted(builds.items()):
        report.notes.append(
            f"{count} files were written by version {made_by}, commit {commit[:12]}, not the present one"
        )
    return report


class _Ensemble:
    """The checks of one ensemble's folder."""

    def __init__(self, folder: Path, row: Ensemble | None, sheet: bool, report: Report, builds: Counter) -> None:
        self.folder, self.row, self.report, self.builds = folder, row, report, builds
        self.files: dict[str, list[_Checked]] = {}
        self.other_sweeps: Counter[tuple[str, int, int]] = Counter()
        if sheet and row is None:
            report.notes.append(f"{folder}: not in the sheet")

    def check(self) -> None:
        self.files = files = {stage: self._stage(stage) for stage in STAGES}
        for stage, checked in files.items():
            self._samples(stage, checked)
            for file in checked:
                self._inputs(file, files)
            self._made_alike(stage, checked)
        everything = [file for checked in files.values() for file in checked]
        self._alike(everything, lambda file: {key: file.attributes.get(key) for key in ALIKE})
        self.report.samples += len({sample for file in everything for sample in file.samples})
        last = next((files[stage] for stage in reversed(REQUIRED) if files[stage]), [])
        for checked, what in ((last, "samples"), (files["double_wells"], "searches for double wells")):
            failed = [reason for file in checked for reason in file.failures if reason]
            if failed:
                total = sum(len(file.samples) for file in checked)
                self.report.notes.append(f"{self.folder.name}: {len(failed)} of {total} {what} failed")
        for (name, made, asked), count in sorted(self.other_sweeps.items()):
            self.report.notes.append(
                f"{self.folder.name}: {name} of {count} liquid files is {made}, the sheet says {asked}"
            )
        self._gathered(files["observables"])

    def check_burn_in(self, times: Sequence[Measured], least: float) -> None:
        """Walkers were given the time to forget where they started."""
        protocols: dict[tuple, _Checked] = {}
        for file in self.files["liquid"]:  # mostly all are made alike, unless the sheet was changed in between
            how = file.attributes["parameters"]
            protocols.setdefault((how["sampler"], how["swap_fraction"], how["burn_in"]), file)
        for file in protocols.values():
            made, how = file.attributes, file.attributes["parameters"]
            tau = relaxation_time(
                times,
                made["model"],
                made["temperature"],
                made["n_particles"],
                how["sampler"],
                how["swap_fraction"],
                constants_key(made["model_parameters"]),
            )
            if tau is None:
                self.report.notes.append(
                    f"{self.folder.name}: relaxation time of {made['model']} at T = {made['temperature']:g} with the "
                    f"{how['sampler']} sampler and {how['swap_fraction']:g} of swaps is not known: nothing says that its "
                    "liquids are in equilibrium"
                )
            elif least > 0 and math.isinf(tau):
                self.report.problems.append(
                    f"{file.path}: the relaxation time of {made['model']} at T = {made['temperature']:g} was too long to be "
                    f"measured: nothing says that these liquids are in equilibrium"
                )
            elif least > 0 and how["burn_in"] < least * tau:
                self.report.problems.append(
                    f"{file.path}: burn-in of {how['burn_in']} sweeps is {how['burn_in'] / tau:.1f} relaxation times, "
                    f"at least {least:g} are asked for"
                )

    def _stage(self, stage: str) -> list[_Checked]:
        """Read every file of a stage to the last byte."""
        checked = []
        suffix = ".parquet" if stage == "observables" else ".h5"
        for path in sorted((self.folder / stage).glob(f"*{suffix}")):
            if path.name.startswith("."):
                continue
            self.report.files += 1
            if path.stem.endswith(".failed"):
                self.report.problems.append(f"{path}: too many samples failed in this job")
                continue
            if self.row and path.stem not in self.row.chunks:
                self.report.problems.append(
                    f"{path}: the sheet has no such chunk (made with another samples_per_chunk or n_samples?); delete it"
                )
                continue
            try:
                file = _check_table(path) if stage == "observables" else _check_file(path, stage)
            except StorageError as error:
                self.report.problems.append(str(error))
                continue
            checked.append(file)
            self._attributes(file)
            if self.row:
                self._parameters(file, stage, self.row)
        return checked

    def _attributes(self, file: _Checked) -> None:
        attributes = file.attributes
        if attributes.get("ensemble") != self.folder.name:
            self.report.problems.append(f"{file.path}: holds ensemble {attributes.get('ensemble')!r}")
        expected = {}
        if self.row:
            expected = {"model": self.row.model, "n_particles": self.row.n_particles,
                        "temperature": self.row.parent_temperature}  # fmt: skip
        for key, value in expected.items():
            if attributes.get(key) != value:
                self.report.problems.append(f"{file.path}: {key} is {attributes.get(key)}, the sheet says {value}")
        build = (str(attributes.get("version")), str(attributes.get("git_commit")))
        if build != (version(), git_commit()):
            self.builds[build] += 1

    def _parameters(self, file: _Checked, stage: str, row: Ensemble) -> None:
        """The sheet's other columns, as far as the file repeats them."""
        if row.source and stage == "inherent_state":
            return  # read, not made; a source's name is in the parameters of its files
        for name in AS_IN_SHEET.get(stage, ()):
            made, asked = file.attributes["parameters"].get(name), getattr(row, name)
            if made == asked:
                continue
            if name in COUNTED_IN_TAU:
                self.other_sweeps[name, made, asked] += 1
            else:
                self.report.problems.append(f"{file.path}: {name} is {made}, the sheet says {asked}")

    def _made_alike(self, stage: str, checked: Sequence[_Checked]) -> None:
        """One stage's files have the same parameters: what Snakemake sees to, unless it was told not to."""

        def parameters(file: _Checked) -> dict:
            return {k: v for k, v in file.attributes.get("parameters", {}).items() if k not in MAY_DIFFER}

        self._alike(checked, parameters)

    def _alike(self, files: Sequence[_Checked], attributes: Callable[[_Checked], dict]) -> None:
        """Compare with the first file; of each file that differs, the first difference."""
        if not files:
            return
        first = {key: repr(value) for key, value in attributes(files[0]).items()}  # NaN is NaN
        for file in files[1:]:
            other = {key: repr(value) for key, value in attributes(file).items()}
            for key in sorted(first | other):
                if first.get(key) != other.get(key):
                    self.report.problems.append(
                        f"{file.path}: {key} is {other.get(key)}, but {first.get(key)} in {files[0].path}"
                    )
                    break

    def _samples(self, stage: str, checked: Iterable[_Checked]) -> None:
        """No sample twice, none missing."""
        owner: dict[int, Path] = {}
        for file in checked:
            for sample in file.samples:
                if sample in owner:
                    self.report.problems.append(f"{file.path}: sample {sample} is also in {owner[sample]}")
                    break
                owner[sample] = file.path
        if self.row and stage in REQUIRED and not (self.row.source and stage == "liquid"):
            expected, source = set(range(self.row.n_samples)), "the sheet asks for"
        else:
            expected, source = set(range(max(owner, default=-1) + 1)), "there must be"
            if stage in BY_WAYS:
                return  # made for some chunks only
        if missing := sorted(expected - set(owner)):
            self.report.problems.append(
                f"{self.folder / stage}: {len(missing)} of the {len(expected)} samples {source} are missing, "
                f"the first is {missing[0]}"
            )

    def _inputs(self, file: _Checked, files: dict[str, list[_Checked]]) -> None:
        """The inputs that a file was made from are those that lie beside it now."""
        inputs = file.attributes.get("inputs", {})
        for stage, checksum in inputs.items():
            upstream = {other.path.stem: other for other in files.get(stage, [])}.get(file.path.stem)
            if upstream is None:
                self.report.notes.append(f"{file.path}: its {stage} file is not there (or damaged)")
            elif upstream.attributes["content_sha256"] != checksum:
                self.report.problems.append(f"{file.path}: was made from another {upstream.path} than the present one")

    def _gathered(self, chunks: list[_Checked]) -> None:
        path = self.folder / GATHERED
        if not path.exists():
            return
        self.report.files += 1
        try:
            table = read_table(path)
        except StorageError as error:
            self.report.problems.append(str(error))
            return
        if sorted(table["sample"].to_pylist()) != sorted(sample for file in chunks for sample in file.samples):
            self.report.problems.append(f"{path}: its samples are not those of the chunks in {self.folder}/observables")
            return
        try:
            present = sorted_by_sample(concatenated([file.path for file in chunks]))
        except InputError as error:
            self.report.problems.append(f"{self.folder}/observables: {error}")
            return
        if not same_content(table, present):
            self.report.problems.append(f"{path}: was gathered from other chunks than the present ones")


def _check_file(path: Path, stage: str) -> _Checked:
    with ChunkReader(path, stage) as reader:
        reader.verify()
        return _Checked(path, tuple(reader.samples.tolist()), tuple(reader.column("failure")), reader.attributes)


def _check_table(path: Path) -> _Checked:
    table = verify_table(path)
    return _Checked(
        path, tuple(table["sample"].to_pylist()), tuple(table["failure"].to_pylist()), table_attributes(table)
    )


def _leftovers(results: Path, report: Report) -> None:
    """What interrupted or killed jobs left."""
    for path in sorted(results.rglob("*.parts")):
        if path.with_suffix("").exists() and not any(path.glob("part.*.h5")):
            report.notes.append(f"{path}: left by a killed job beside its complete file, can be deleted")
        else:
            report.problems.append(f"{path}: parts of an unfinished job; the same command continues it")
    for place in (*(f"{stage}/.*.tmp" for stage in STAGES), f".{GATHERED}.*.tmp"):
        for path in sorted(results.glob(f"*/{place}")):
            report.notes.append(f"{path}: left by a killed job, can be deleted")
