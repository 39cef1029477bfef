"""Reference data: the batches under `reference/`, each one campaign's observables with one root seed, and their sheet.

reference/{batch}/{ensemble}.parquet               packed tables
reference/{batch}/fields/{ensemble}_{stage}.h5     positions and modes of the few samples that figures show
reference/{batch}/provenance.json                  commits, packages, seed, sheet rows, samples, failures, checksums
reference/campaign.tsv                             all batches as one sheet, made from the provenance
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, replace
from importlib import metadata
from pathlib import Path
from platform import python_version

from nqe_core.atomic_files import written_aside
from nqe_core.ensembles import Ensemble
from nqe_core.errors import InputError
from nqe_core.file_schema import SCHEMA_VERSION
from nqe_core.models import MODELS
from nqe_core.version import git_commit, version

PROVENANCE, SHEET, FIELDS = "provenance.json", "campaign.tsv", "fields"
PACKAGES = ("numpy", "scipy", "numba", "h5py", "pyarrow")
DIVISION = ("n_samples", "samples_per_chunk")  # how much work there is and how it is divided, not what a sample is
# in sweeps; sheets give them in relaxation times, which are measured anew now and then
LENGTHS = ("burn_in", "spacing")
SAME_LENGTH = 2.0  # largest ratio of two lengths of the same number of relaxation times


def provenance(campaign: str, rows: Mapping[str, Ensemble], packed: Mapping[str, dict]) -> dict:
    """Where a batch comes from.

    Parameters
    ----------
    campaign : str
        Name of the campaign.
    rows : mapping of str to Ensemble
        Its sheet.
    packed : mapping of str to dict
        Ensemble -> what `packed_tables.pack_tables` returned, and the packages of the computers that made the samples
        (their versions -> number of samples). Older batches have one entry `versions` instead: of who packed them.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "campaign": campaign,
        "root_seed": next(iter(packed.values()))["root_seed"],
        "packed_by": f"{version()} {git_commit()}",
        "ensembles": {
            name: {"sheet_row": asdict(rows[name]), **{k: v for k, v in part.items() if k != "root_seed"}}
            for name, part in packed.items()
        },
    }


@functools.cache
def package_versions() -> str:
    """Versions of Python and of what results depend on, in this environment: "python 3.12.3, numpy 2.1.0, ..."."""
    found = {"python": python_version(), **{name: metadata.version(name) for name in PACKAGES}}
    return ", ".join(f"{name} {number}" for name, number in found.items())


def write_provenance(batch: Path, content: dict) -> None:
    """Write a batch's provenance, with the checksums of its files."""
    files = sorted(path for path in batch.rglob("*") if path.suffix in (".parquet", ".h5"))
    content = {**content, "sha256": {str(path.relative_to(batch)): _sha256(path) for path in files}}
    with written_aside(batch / PROVENANCE) as aside:
        aside.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def batches(folder: Path) -> dict[str, dict]:
    """Batch -> its provenance, in alphabetical order; `InputError` when one is damaged or of another schema version."""
    return {path.parent.name: read_provenance(path) for path in sorted(Path(folder).glob(f"[!.]*/{PROVENANCE}"))}


def read_provenance(path: Path) -> dict:
    """The provenance of one batch."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        schema = content["schema_version"]
        if not all({"samples", "sheet_row"} <= set(part) for part in content["ensembles"].values()):
            raise KeyError("samples or sheet_row")
        if not isinstance(content["sha256"], dict):
            raise TypeError("sha256 is not an object")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a batch's provenance ({' '.join(str(error).split())})") from None
    if schema != SCHEMA_VERSION:
        raise InputError(f"{path}: schema version {schema}, this version of nqe reads {SCHEMA_VERSION}")
    return content


def merged_rows(found: Mapping[str, dict]) -> list[Ensemble]:
    """The sheet of all batches together: n_samples is what there is, failed ones included.

    Parameters
    ----------
    found : mapping of str to dict
        Batch -> provenance. In which order does not matter: the alphabet's first says how work is divided.

    Raises
    ------
    InputError
        Batches disagree about an ensemble in more than the number of samples, and in burn-in and spacing by more than
        `SAME_LENGTH`; the shorter ones are kept.
    """
    merged: dict[str, Ensemble] = {}
    source: dict[str, str] = {}
    for batch, content in sorted(found.items()):
        for name, part in content["ensembles"].items():
            row = replace(Ensemble(**part["sheet_row"]), n_samples=part["samples"])
            if name not in merged:
                merged[name], source[name] = row, batch
                continue
            for field in fields(Ensemble):
                ours, theirs = getattr(merged[name], field.name), getattr(row, field.name)
                if field.name in LENGTHS and max(ours, theirs) <= SAME_LENGTH * min(ours, theirs):
                    merged[name] = replace(merged[name], **{field.name: min(ours, theirs)})
                elif ours != theirs and field.name not in DIVISION:
                    raise InputError(
                        f"batch {batch}: {field.name} of {name} is {theirs}, but {ours} in batch {source[name]}"
                    )
            merged[name] = replace(merged[name], n_samples=merged[name].n_samples + row.n_samples)
    order = list(MODELS)
    return sorted(merged.values(), key=lambda row: (_place(row.model, order), -row.parent_temperature, row.n_particles))


def _place(model: str, order: list[str]) -> int:
    return order.index(model) if model in order else len(order)


def check_files(folder: Path) -> None:
    """Compare every file of every batch with the checksums of its provenance; `InputError` names the first that differs.

    A file that no provenance names is one that figures would read all the same.
    """
    found = batches(folder)
    for path in sorted(path for path in Path(folder).glob("[!.]*/**/*") if path.suffix in (".parquet", ".h5")):
        batch, *name = path.relative_to(folder).parts
        if "/".join(name) not in found.get(batch, {}).get("sha256", {}):
            raise InputError(f"{path}: no {PROVENANCE} of a batch names this file")
    for batch, content in found.items():
        for name, expected in content["sha256"].items():
            path = Path(folder) / batch / name
            if not path.is_file():
                raise InputError(f"{path}: is missing, {batch}/{PROVENANCE} names it")
            if _sha256(path) != expected:
                raise InputError(f"{path}: is not the file that {batch}/{PROVENANCE} names")


def write_sheet(path: Path, rows: Iterable[Ensemble]) -> None:
    """Write rows as a campaign's sheet."""
    names = [field.name for field in fields(Ensemble)]
    lines = [
        "# All batches of this folder together, made by `make reference`; n_samples is what there is.",
        "\t".join(names),
    ]
    lines += ["\t".join(str(getattr(row, name)) for name in names) for row in rows]
    with written_aside(path) as aside:
        aside.write_text("\n".join(lines) + "\n", encoding="utf-8")
