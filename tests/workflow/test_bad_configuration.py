"""A mistake in config/ ends the run with one clear line and a status that is not 0."""

from __future__ import annotations

import re

import pytest
import yaml
from workflow_runs import load_rules

SHEET = "campaigns/tiny.tsv"

MISTAKES = {
    "unknown key": ("config.yaml", "root_seed:", "root_sead:", "unknown key 'root_sead' (did you mean 'root_seed'?)"),
    "unknown nested key": ("config.yaml", "  cooling_start", "  coling_start", "unknown key 'quench.coling_start'"),
    "missing key": ("config.yaml", "max_failed_fraction: 0.05", "", "'max_failed_fraction' is a required property"),
    "wrong type": ("config.yaml", "tolerance: 1.0e-11", "tolerance: small", "quench.tolerance: 'small' is not of type"),
    "YAML's exponents": ("config.yaml", "tolerance: 1.0e-11", "tolerance: 1e-11", "write 1.0e-8"),
    "out of range": ("config.yaml", "tolerance: 1.0e-11", "tolerance: -1.0", "quench.tolerance: -1.0 is less than"),
    "unknown method": ("config.yaml", "method: auto", "method: magic", "harmonic.method: 'magic' is not one of"),
    "no start for a model": (
        "config.yaml",
        "    poly3d: nonaffine\n",
        "",
        "no entry for model 'poly3d'",
    ),
    "no such start": (
        "config.yaml",
        "poly3d: nonaffine",
        "poly3d: random",
        "poly3d: 'random' is not one of",
    ),
    "model typo": (
        "models.yaml",
        "  cutoff: 1.48",
        "  cutof: 1.48",
        "'ipl2d.cutof' (did you mean 'cutoff'?)",
    ),
    "model value": (
        "models.yaml",
        "number_density: 0.86",
        "number_density: -1",
        "number_density: -1 is less",
    ),
    "a number as a name": ("models.yaml", "ipl2d:", "5:", "config/models.yaml: the file: 5 is not of type 'string'"),
    "a model twice": (
        "models.yaml",
        "ipl3d:",
        "ipl2d:",
        "models.yaml: key 'ipl2d' appears twice, the second time in line",
    ),
    "a key twice": (
        "config.yaml",
        "root_seed:",
        "campaign: demo\nroot_seed:",
        "config.yaml: key 'campaign' appears twice",
    ),
    "broken YAML": ("models.yaml", "ipl2d:", "ipl2d: [", "config/models.yaml:"),
    "unknown column": (SHEET, "spacing", "spaceing", "unknown column 'spaceing'"),
    "missing column": (SHEET, "\tspacing", "", "'spacing'"),
    "unknown model": (SHEET, "ipl2d_n64\tipl2d", "ipl2d_n64\tipl5d", "unknown model 'ipl5d'"),
    "negative temperature": (SHEET, "ipl2d\t64\t2.0", "ipl2d\t64\t-2.0", "parent_temperature is -2.0"),
    "box below the cutoff": (SHEET, "ipl2d\t64", "ipl2d\t10", "too small for the cutoff"),
    "shell characters": (SHEET, "ipl2d_n64", "ipl2d;rm", "ensemble name 'ipl2d;rm'"),
    "same name twice": (SHEET, "ipl2d_n64", "ipl2d_n100", "'ipl2d_n100' appears twice"),
    "chunk and walker": (SHEET, "\t12\t3\t6\t1", "\t12\t3\t5\t1", "multiple of samples_per_walker"),
    "not a number": (SHEET, "ipl2d\t64", "ipl2d\tmany", "'many'"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_stops_the_rules_with_one_line(workdir, monkeypatch, mistake):
    file, old, new, message = MISTAKES[mistake]
    workdir.edit(file, old, new)
    assert_stopped(workdir, monkeypatch, message)


@pytest.mark.parametrize("mistake", ["unknown key", "model typo", "broken YAML", "unknown model"])
def test_snakemake_says_no_more_than_that_line(workdir, mistake):
    file, old, new, message = MISTAKES[mistake]
    workdir.edit(file, old, new)
    assert_one_line(workdir.dry_run(), message)


def test_a_file_that_is_no_text_is_named(workdir, monkeypatch):
    path = workdir.path / "config" / "models.yaml"
    path.write_bytes(path.read_bytes() + b"# \xe9\n")
    assert_stopped(workdir, monkeypatch, "config/models.yaml: 'utf-8' codec can't decode byte 0xe9")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (
            "campaign=nowhere",
            "there is no campaign 'nowhere' (config/campaigns/ has: batch, demo, paper, tiny, workstation)",
        ),
        ("campaign=../tiny", "campaign: '../tiny' does not match"),
        ("campain=tiny", "unknown key 'campain' (did you mean 'campaign'?)"),
        ("root_seed=-1", "root_seed: -1 is less than the minimum of 0"),
        ("root_seed=1.0", "root_seed is 1.0, must be an integer that is not negative"),
        ("max_failed_fraction=nan", "max_failed_fraction is not a finite number"),
    ],
)
def test_mistake_on_the_command_line(workdir, monkeypatch, option, message):
    key, value = option.split("=")
    assert_stopped(workdir, monkeypatch, message, **{key: yaml.safe_load(value.replace("nan", ".nan"))})


def test_snakemake_takes_a_mistake_on_the_command_line_for_one(workdir):
    run = workdir.snakemake("--dry-run", "--config", "campain=tiny")
    assert_one_line(run, "unknown key 'campain' (did you mean 'campaign'?)")
    assert_one_line(workdir.snakemake("--dry-run", "--config", "max_failed_fraction=nan"), "is not a finite number")


def test_chunk_beyond_the_ensemble_is_refused(workdir):
    run = workdir.dry_run("results/tiny/ipl2d_n64/liquid/0007.h5")
    assert run.status != 0
    assert "ensemble 'ipl2d_n64': no chunk 0007, the last one is 0001" in run.text


def assert_stopped(workdir, monkeypatch, message, **config):
    monkeypatch.chdir(workdir.path)
    with pytest.raises(SystemExit, match=re.escape(message)) as end:
        load_rules(**{"campaign": "tiny", **config})
    assert str(end.value).startswith("nqe: error: ") and "\n" not in str(end.value)


def assert_one_line(run, message):
    assert run.status != 0
    errors = [line for line in run.stderr.splitlines() if line.startswith("nqe: error:")]
    assert len(errors) == 1, run.text
    assert message in errors[0]
    assert "Traceback" not in run.text and run.stderr.strip().endswith(errors[0])
