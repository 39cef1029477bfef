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
from headers import header

from nqe_core.jobs import NOT_RECORDED
from nqe_core.reference import read_provenance
from nqe_core.tables import count_failures, read_table

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
        spent = {stage: part[f"seconds_{stage}"] for stage in STAGES if f"seconds_{stage}" in part}
        reasons = "; ".join(f"{count} x {reason}" for reason, count in failures[name][1].items())
        rows.append(
            {
                "ensemble": name,
                "what": label(part),
                "samples": len(part),
                "walkers": int(part["block"].nunique()),
                "failed": f"{sum(failures[name][1].values())}" + (f" ({reasons})" if reasons else ""),
                # what failed before a stage did not take its time
                **{f"{stage}, CPU s a sample": float(times[times > 0].mean()) for stage, times in spent.items()},
                "CPU hours": sum(float(times.sum()) for times in spent.values()) / 3600,
                "root seeds": ", ".join(sorted(seeds[name])),
                "made by (version, commit: samples)": "; ".join(f"{key}: {n}" for key, n in builds[name].items()),
            }
        )
    table_files.write(
        pd.DataFrame(rows), md, csv, "Run statistics and provenance.",
        "CPU time of the processes that made the samples; a stage's mean is over the samples that reached it, failed ones "
        f"included (but in tables made before these had a time). {_packages(versions)}", page=html,
    )  # fmt: skip


def _origins(sources: list[str]) -> tuple[dict[str, Counter], dict[str, set], set[str]]:
    """Of each ensemble the samples by version and commit, and its root seeds; and the packages that made any of them."""
    builds: dict[str, Counter] = {}
    seeds: dict[str, set] = {}
    versions = set()
    for path in sources:
        if path.endswith(".json"):
            content = read_provenance(Path(path))
            found = [(name, part["builds"], content["root_seed"]) for name, part in content["ensembles"].items()]
            made = [key for part in content["ensembles"].values() for key in part.get("packages", {})]
            versions.update(made or [_of_packing(content)])
        else:
            made, samples = header(path)
            build = {f"{made['version']} {made['git_commit']}": samples}
            found = [(made["ensemble"], build, made["root_seed"])]
            versions.add(made.get("packages", NOT_RECORDED))
        for name, counted, seed in found:
            builds.setdefault(name, Counter()).update({_short(key): n for key, n in counted.items()})
            seeds.setdefault(name, set()).add(str(seed))
    return builds, seeds, {each for behind in versions for each in behind.split("; ")}


def _short(build: str) -> str:
    version, _, commit = build.partition(" ")
    dirty = " with local changes" if commit.endswith("-dirty") else ""
    return f"{version} {commit[:12]}{dirty}"


def _of_packing(content: dict) -> str:
    """What batches say that were packed before the tables named their packages."""
    found = ", ".join(f"{name} {number}" for name, number in content.get("versions", {}).items())
    return f"{found} (of who packed the batch)" if found else NOT_RECORDED


def _packages(versions: set[str]) -> str:
    known = sorted(versions - {NOT_RECORDED})
    if not known:
        return "Versions of the packages: not recorded."
    missing = "; of some samples not recorded" if NOT_RECORDED in versions else ""
    return f"Versions of the packages: {'; '.join(known)}{missing}."


if "snakemake" in globals():
    run(draw, globals()["snakemake"])
