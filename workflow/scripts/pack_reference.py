"""Pack what a campaign has made so far into a batch of the reference data: `make reference CAMPAIGN=...`.

Tables of every ensemble, the fields of the few samples that Figs. 1, 3 and 6 show, and the provenance. A batch of the
same name is replaced; batches of other campaigns and root seeds stay beside it, and all are reported together.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import replace
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent / "figures"))

import headers
import selection
from campaign_data import read_models, read_samples

from nqe_core import packed_tables, reference
from nqe_core.ensembles import Ensemble, check_name, read_sheet
from nqe_core.errors import InputError
from nqe_core.roles import FieldRoles
from nqe_core.storage import ChunkReader, write_stage_file

STAGES = ("inherent_state", "harmonic", "quartic")
MIDDLE = 3  # samples kept for Fig. 6: the median of several batches lies near the medians of each
MOST_BYTES = 40_000_000  # of all batches: it is kept in the repository


def pack(results: Path, sheet: Path, models: Path, output: Path, name: str | None, sampler: str) -> Path:
    """Write or replace a batch and the sheet of all batches; returns the batch's folder.

    The sheet may count in relaxation times: those of the sampler.
    """
    rows = {row.ensemble: row for row in read_sheet(sheet, read_models(models), sampler)}
    output.mkdir(parents=True, exist_ok=True)
    new = output / ".new_batch"
    shutil.rmtree(new, ignore_errors=True)
    try:
        packed = _pack_tables(results, rows, new)
        rows |= {name: _as_made(rows[name], results) for name in packed}
        seed = next(iter(packed.values()))["root_seed"]
        batch = output / check_name(name or f"{results.name}_{seed}")
        _pack_fields(results, _roles(rows, packed, output, batch), packed, models, new)
        reference.write_provenance(new, reference.provenance(results.name, rows, packed))
        merged = _check_against_others(output, batch, new)
        if batch.exists():
            shutil.rmtree(batch)
        new.rename(batch)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    reference.write_sheet(output / reference.SHEET, merged)
    _report(batch, rows, packed, output)
    return batch


def _pack_tables(results: Path, rows: dict[str, Ensemble], new: Path) -> dict[str, dict]:
    pairs = FieldRoles.of(rows.values()).pair
    packed = {}
    for name in rows:
        folder = results / name / "observables"
        chunks = [path for chunk in rows[name].chunks if (path := folder / f"{chunk}.parquet").exists()]
        if chunks:
            extra = _second_overlaps(results / name) if name in pairs else {}
            found = packed_tables.pack_tables(chunks, new / f"{name}.parquet", extra)
            packed[name] = {**found, "packages": headers.packages(chunks)}
    if not packed:
        raise InputError(f"{results}: holds no tables of observables of the sheet's ensembles")
    if len(seeds := {part["root_seed"] for part in packed.values()}) > 1:
        raise InputError(f"{results}: ensembles of several root seeds ({', '.join(sorted(seeds))})")
    return packed


def _as_made(row: Ensemble, results: Path) -> Ensemble:
    """The row with the shortest burn-in and spacing that its liquids had, as far as they are kept.

    A sheet that counts in relaxation times has other numbers of sweeps once these are measured anew.
    """
    had: dict[str, list[int]] = {name: [] for name in reference.LENGTHS}
    for chunk in row.chunks:
        table, liquid = (
            results / row.ensemble / file for file in (f"observables/{chunk}.parquet", f"liquid/{chunk}.h5")
        )
        if table.exists() and liquid.exists():
            with ChunkReader(liquid, "liquid") as reader:
                for name, lengths in had.items():
                    lengths.append(reader.attributes["parameters"][name])
    return replace(row, **{name: min(lengths) for name, lengths in had.items() if lengths})


def _second_overlaps(folder: Path) -> dict[str, dict[int, float]]:
    """Overlaps of the second quartic modes as columns of the table: the rule of Fig. 1(a, b) looks at all of them."""
    found = selection.second_modes(_files(folder, "second_quartic")).set_index("sample")
    return {f"second_{name}": found[name].to_dict() for name in ("overlap_harmonic", "overlap_first")}


def _files(folder: Path, stage: str) -> list[str]:
    return sorted(str(path) for path in (folder / stage).glob("[0-9]*.h5") if "." not in path.stem)


def _roles(rows: dict[str, Ensemble], packed: dict, output: Path, batch: Path) -> FieldRoles:
    """Which ensembles the figures take fields of, once this batch lies beside the others."""
    others = {name: content for name, content in reference.batches(output).items() if name != batch.name}
    together = {row.ensemble: row for row in reference.merged_rows(others)}
    return FieldRoles.of({**together, **{name: rows[name] for name in packed}}.values())


def _pack_fields(results: Path, roles: FieldRoles, packed: dict, models: Path, new: Path) -> None:
    """The fields of the samples that the figures' rules choose among those of this batch."""
    wanted: dict[tuple[str, str], set[int]] = {}

    def keep(name: str, ranking, stages: tuple[str, ...], count: int) -> None:
        paths = {stage: _files(results / name, stage) for stage in stages}
        stored = selection.at_hand(ranking, selection.indices(paths))
        for stage in stages:
            wanted.setdefault((name, stage), set()).update(int(sample) for sample in stored["sample"][:count])

    def fine(name: str):
        samples = read_samples(new / f"{name}.parquet", models)
        return samples[samples["fine"]]

    def here(names: list[str]) -> list[str]:
        return [name for name in names if name in packed]

    for name in here(roles.pair):
        pairs = selection.hybridised_pairs(selection.with_second_modes(fine(name), []))
        keep(name, pairs, (*STAGES, "second_quartic"), 1)
    for name in here(roles.phonon):
        keep(name, selection.hybridised_with_phonon(fine(name)), STAGES, 1)
    for name in here(roles.softest_3d + roles.softest_2d):
        keep(name, selection.softest(fine(name)), STAGES, 1)
        keep(name, selection.representative_difference(fine(name)), STAGES, MIDDLE)
    for (name, stage), samples in wanted.items():
        if samples:
            _copy_rows(_files(results / name, stage), stage, sorted(samples), new / "fields" / f"{name}_{stage}.h5")


def _copy_rows(sources: list[str], stage: str, samples: list[int], target: Path) -> None:
    rows = {}
    for path in sources:
        with ChunkReader(path, stage) as chunk:
            for sample in set(samples) & set(chunk.samples.tolist()):
                rows[sample] = chunk.row(sample)
                fields, attributes = chunk.fields, dict(chunk.attributes)
    # the copy has a checksum of its own, and not all of its inputs' rows
    kept = {
        key: value for key, value in attributes.items() if key not in ("content_sha256", "schema_version", "inputs")
    }
    write_stage_file(target, fields, kept, [rows[sample] for sample in samples], len(samples))


def _check_against_others(output: Path, batch: Path, new: Path) -> list[Ensemble]:
    """The sheet of all batches; `InputError` when this one does not fit the others or makes them too large."""
    reference.check_files(output)
    found = reference.batches(output)
    found.pop(batch.name, None)
    others = list(found)
    found[batch.name] = reference.read_provenance(new / reference.PROVENANCE)
    merged = reference.merged_rows(found)
    for table in sorted(new.glob("*.parquet")):
        beside = [output / other / table.name for other in others if (output / other / table.name).exists()]
        packed_tables.check_disjoint([*beside, table])
    kept = [new, *(output / other for other in others)]
    size = sum(path.stat().st_size for folder in kept for path in folder.rglob("*"))
    if size > MOST_BYTES:
        raise InputError(f"{output}: would hold {size / 1e6:.0f} MB, more than the {MOST_BYTES / 1e6:.0f} MB it may")
    return merged


def _report(batch: Path, rows: dict[str, Ensemble], packed: dict, output: Path) -> None:
    for name, row in rows.items():
        part = packed.get(name, {"samples": 0, "failed": {}})
        print(f"{name}: {part['samples']} of {row.n_samples} samples, {sum(part['failed'].values())} failed")
    sizes = [
        sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6 for folder in (batch, output)
    ]
    print(f"{batch}: {sizes[0]:.2f} MB; {output}: {sizes[1]:.2f} MB")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("campaign", help="name of the campaign, whose results are in results/{campaign}")
    parser.add_argument("--results", type=Path, help="its results, if they are elsewhere")
    parser.add_argument("--sheet", type=Path, help="its sheet (default config/campaigns/{campaign}.tsv)")
    parser.add_argument("--models", type=Path, default=Path("config/models.yaml"))
    parser.add_argument(
        "--output", type=Path, default=Path("reference"), help="where the batches are (default reference)"
    )
    parser.add_argument("--batch", help="name of the batch (default {campaign}_{root seed})")
    parser.add_argument(
        "--sampler",
        choices=("hybrid", "metropolis"),
        default="hybrid",
        help="liquid.sampler of the campaign (default hybrid)",
    )
    options = parser.parse_args()
    results = options.results or Path("results") / options.campaign
    sheet = options.sheet or Path("config/campaigns") / f"{options.campaign}.tsv"
    try:
        pack(results, sheet, options.models, options.output, options.batch, options.sampler)
    except InputError as error:
        print(f"nqe: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
