"""Run statistics and provenance: what each ensemble cost, what failed and why, and which code made it."""

import sys
from collections import Counter
from pathlib import Path

import pandas as pd

# Snakemake puts a script's own folder on the path; the reading of tables lives beside the figures
sys.path.append(str(Path(__file__).resolve().parents[1] / "figures"))

import table_files
from campaign_data import as_list, ensembles, label, read_samples
from entry import run

from nqe_core.reference import PACKAGES, package_versions, read_provenance
from nqe_core.tables import count_failures, read_table, table_attributes

STAGES = ("equilibrate", "quench", "harmonic", "quartic", "cubic", "observables")


def draw(observables, models, sources, md, csv, html=None):
    """Write the table from the gathered tables and from `sources`: chunk tables, or provenance of reference batches."""
    samples = read_samples(observables, models)
    failures = {}
    for path in as_list(observables):
        failures.update(count_failures(read_table(Path(path))))
    builds, seeds, versions = _origins(as_list(sources))
    rows = []
    for name, part in ensembles(samples):
        seconds = {stage: float(part[f"seconds_{stage}"].mean()) for stage in STAGES if f"seconds_{stage}" in part}
        reasons = "; ".join(f"{count} x {reason}" for reason, count in failures[name][1].items())
        rows.append(
            {
                "ensemble": name,
                "what": label(part),
                "samples": len(part),
                "walkers": int(part["block"].nunique()),
                "failed": f"{sum(failures[name][1].values())}" + (f" ({reasons})" if reasons else ""),
                **{f"{stage}, CPU s a sample": value for stage, value in seconds.items()},
                "CPU hours": sum(seconds.values()) * len(part) / 3600,
                "root seeds": ", ".join(sorted(seeds[name])),
                "made by (version, commit: samples)": "; ".join(f"{key}: {n}" for key, n in builds[name].items()),
            }
        )
    table_files.write(
        pd.DataFrame(rows), md, csv, "Run statistics and provenance.",
        "CPU time of the processes that made the samples, failed ones included. Versions: " + "; ".join(sorted(versions))
        + ".", page=html,
    )  # fmt: skip


def _origins(sources: list[str]) -> tuple[dict[str, Counter], dict[str, set], set[str]]:
    """Of each ensemble the samples by version and commit, and its root seeds; and the versions of what was used."""
    builds: dict[str, Counter] = {}
    seeds: dict[str, set] = {}
    versions = set()
    for path in sources:
        if path.endswith(".json"):
            content = read_provenance(Path(path))
            versions.add(_versions(content["versions"]))
            found = [(name, part["builds"], content["root_seed"]) for name, part in content["ensembles"].items()]
        else:
            table = read_table(Path(path))
            header = table_attributes(table)
            versions.add(_versions(package_versions()))
            build = {f"{header['version']} {header['git_commit']}": len(table)}
            found = [(header["ensemble"], build, header["root_seed"])]
        for name, counted, seed in found:
            builds.setdefault(name, Counter()).update({_short(key): n for key, n in counted.items()})
            seeds.setdefault(name, set()).add(str(seed))
    return builds, seeds, versions


def _short(build: str) -> str:
    version, _, commit = build.partition(" ")
    dirty = " with local changes" if commit.endswith("-dirty") else ""
    return f"{version} {commit[:12]}{dirty}"


def _versions(found: dict[str, str]) -> str:
    return ", ".join(f"{name} {found[name]}" for name in ("python", *PACKAGES) if name in found)


if "snakemake" in globals():
    run(draw, globals()["snakemake"])
