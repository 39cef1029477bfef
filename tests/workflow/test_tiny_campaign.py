"""The tiny campaign end to end: it makes everything, again does nothing, and remakes exactly what a change touches."""

from __future__ import annotations

import os

import pandas as pd
import pytest
from workflow_runs import ROOT

from nqe_core.ensembles import read_sheet

pytestmark = pytest.mark.slow

ENSEMBLES = {row.ensemble: row for row in read_sheet(ROOT / "config/campaigns/tiny.tsv")}
RESULTS = "results/tiny"
FOLLOWERS = {
    "liquid": ["inherent_state", "harmonic", "quartic", "cubic"],
    "inherent_state": ["harmonic", "quartic", "cubic"],
    "harmonic": ["quartic", "cubic"],
    "quartic": ["cubic"],
    "cubic": [],
}


@pytest.mark.parametrize("product", [f"figures/fig{n}" for n in range(1, 10)] + ["figures/predictions"])
def test_figures_are_drawn(tiny, product):
    for extension, magic in (("pdf", b"%PDF"), ("png", b"\x89PNG")):
        content = (tiny.path / RESULTS / f"{product}.{extension}").read_bytes()
        assert content.startswith(magic) and len(content) > 5000


@pytest.mark.parametrize("product", ["tables/table1", "tables/table2", "scorecard"])
def test_tables_are_written(tiny, product):
    assert len(pd.read_csv(tiny.path / RESULTS / f"{product}.csv")) > 0
    assert (tiny.path / RESULTS / f"{product}.md").read_text().count("|") > 10


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_table_has_every_sample_once(tiny, ensemble):
    table = pd.read_parquet(tiny.path / RESULTS / ensemble / "observables.parquet")
    assert table["sample"].tolist() == list(range(ENSEMBLES[ensemble].n_samples))
    assert (table["ensemble"] == ensemble).all()
    fine = table[table["failure"].fillna("") == ""]
    assert len(fine) >= 0.9 * len(table)
    # psi minimises kappa, so no quartic mode is softer
    assert (fine["quartic_stiffness"] >= fine["harmonic_stiffness"] * (1 - 1e-9)).all()


def test_second_run_does_nothing_and_says_so(tiny):
    run = tiny.snakemake("--config", "campaign=tiny")
    assert run.status == 0 and "Nothing to be done" in run.text


@pytest.mark.parametrize("stage", FOLLOWERS)
def test_deleted_chunk_is_remade_with_what_follows_from_it(tiny, stage):
    ensemble, chunk = "ipl2d_n100", "0001"
    run = without(tiny, f"{RESULTS}/{ensemble}/{stage}/{chunk}.h5")
    made = {name for name in run.outputs() if name.endswith((".h5", ".parquet"))}
    expected = {f"{RESULTS}/{ensemble}/{later}/{chunk}.h5" for later in [stage, *FOLLOWERS[stage]]}
    expected |= {f"{RESULTS}/{ensemble}/observables/{chunk}.parquet", f"{RESULTS}/{ensemble}/observables.parquet"}
    assert made == expected
    # figures of other models only stay as they are
    for figure, again in (("fig4", 1), ("fig5", 1), ("fig7", 0), ("fig2", 0), ("fig8", 0), ("scorecard", 1)):
        assert run.count(figure) == again


def test_deleted_figure_is_remade_alone(tiny):
    run = without(tiny, f"{RESULTS}/figures/fig7.pdf")
    assert {name for name in run.outputs()} == {f"{RESULTS}/figures/fig7.{kind}" for kind in ("pdf", "png", "rst")}


def without(tiny, name):
    """Dry run with one file moved away and then put back, its time stamp kept."""
    path = tiny.path / name
    aside = path.with_name(path.name + ".aside")
    os.rename(path, aside)
    try:
        run = tiny.dry_run()
    finally:
        os.rename(aside, path)
    assert run.status == 0, run.text[-3000:]
    return run


def test_number_of_ranks_is_no_reason_to_make_anything_again(tiny):
    run = tiny.dry_run("--set-resources", "quartic:tasks=2", "liquid:tasks=2")
    assert "Nothing to be done" in run.text


def planned_with(tiny, old, new):
    """Dry run with another config.yaml, which is put back, its time stamp kept."""
    config = tiny.path / "config/config.yaml"
    text, stamp = config.read_text(), config.stat()
    try:
        tiny.edit("config.yaml", old, new)
        return tiny.dry_run()
    finally:
        config.write_text(text)
        os.utime(config, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


def test_allowing_more_failures_is_no_reason_to_make_anything_again(tiny):
    run = planned_with(tiny, "max_failed_fraction: 0.05", "max_failed_fraction: 0.5")
    assert "Nothing to be done" in run.text


def test_changed_protocol_remakes_the_stage_and_what_follows(tiny):
    run = planned_with(tiny, "  tolerance: 1.0e-8\n\ncubic", "  tolerance: 1.0e-7\n\ncubic")
    chunks = sum(row.n_chunks for row in ENSEMBLES.values())
    assert run.count("quartic") == run.count("cubic") == run.count("observables") == chunks
    assert run.count("liquid") == run.count("inherent_state") == run.count("harmonic") == 0


def test_double_wells_are_made_and_drawn_when_asked_for(tiny):
    run = tiny.snakemake(f"{RESULTS}/figures/double_wells.pdf", "--config", "campaign=tiny")
    assert run.status == 0, run.text[-3000:]
    assert run.count("double_wells") == sum(row.n_chunks for row in ENSEMBLES.values()) and run.count("cubic") == 0
    caption = (tiny.path / RESULTS / "figures/double_wells.rst").read_text()
    assert "Barriers and lower minima found: 2D IPL" in caption and "2D IPL, N = 64: n = 1" in caption


def verified(tiny, least_burn_in: float):
    """`snakemake verify` with another least burn-in: the tiny campaign's are far too short."""
    config = tiny.path / "config/config.yaml"
    text, stamp = config.read_text(), config.stat()
    try:
        tiny.edit("config.yaml", "least_burn_in: 10.0", f"least_burn_in: {least_burn_in}")
        return tiny.snakemake("verify", "--config", "campaign=tiny", "--forcerun", "verify")
    finally:
        config.write_text(text)
        os.utime(config, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


def test_verify_finds_every_file_whole(tiny):
    run = verified(tiny, least_burn_in=0.0)
    assert run.status == 0, run.text[-3000:]


def test_verify_refuses_a_burn_in_that_is_too_short(tiny):
    run = verified(tiny, least_burn_in=1000.0)
    assert run.status != 0
    assert "at least 1000 are asked for" in (tiny.path / RESULTS / "logs/verify.log").read_text()


def test_truncated_file_fails_with_one_line(tiny, tmp_path):
    """A damaged file stops the stage that reads it, and the log says which file it is."""
    path = tiny.path / RESULTS / "ipl2d_n64/inherent_state/0000.h5"
    content, stamp = path.read_bytes(), path.stat()
    target = f"{RESULTS}/ipl2d_n64/harmonic/0000.h5"
    kept, kept_stamp = (tiny.path / target).read_bytes(), (tiny.path / target).stat()
    try:
        path.write_bytes(content[: len(content) // 2])
        run = tiny.snakemake(target, "--config", "campaign=tiny")
    finally:
        path.write_bytes(content)
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        (tiny.path / target).write_bytes(kept)
        os.utime(tiny.path / target, ns=(kept_stamp.st_atime_ns, kept_stamp.st_mtime_ns))
    assert run.status != 0
    assert "nqe: error:" in run.text and "inherent_state/0000.h5" in run.text and "Traceback" not in run.text
