"""Rows whose samples are read from other programs' files enter the campaign as inherent states."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from workflow_runs import load_rules

from nqe_core import MODELS, Configuration, quench
from nqe_core.ensembles import read_sheet
from nqe_core.storage import ChunkReader
from nqe_core.verify import verify_campaign

pytest.importorskip("ase")

N = 64
HEADER = (
    "ensemble model n_particles parent_temperature n_samples samples_per_walker samples_per_chunk n_modes preparation "
    "cooling_rate swap_fraction burn_in spacing source diameters"
)
MADE = "made ipl3d 64 2.0 2 1 2 1 quench 0 0.2 20 0 - -"


def write_frame(path, glass: Configuration) -> None:
    names = np.where(glass.diameters > 1.2, "B", "A")
    edge = glass.box_length
    lines = [str(N), f'Lattice="{edge!r} 0 0 0 {edge!r} 0 0 0 {edge!r}" Properties=species:S:1:pos:R:3']
    rows = zip(names, glass.positions.tolist(), strict=True)
    lines += [f"{name} {' '.join(map(repr, place))}" for name, place in rows]
    with open(path, "a", encoding="utf-8") as stream:
        stream.write("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def glasses() -> list[Configuration]:
    model = MODELS["ipl3d"]
    made = []
    for seed in range(3):
        rng, length = np.random.default_rng([9, seed]), model.box_length(N)
        start = Configuration(rng.random((N, 3)) * length, model.draw_diameters(N, rng), length)
        made.append(quench(start, model).configuration)
    return made


@pytest.fixture
def workdir_with_glasses(workdir, glasses):
    """glasses/0.xyz, 1.xyz, 2.xyz are inherent states, hot.xyz holds all three with noise."""
    folder = workdir.path / "glasses"
    folder.mkdir()
    rng = np.random.default_rng(1)
    for number, glass in enumerate(glasses):
        write_frame(folder / f"{number}.xyz", glass)
        noise = 0.01 * rng.standard_normal((N, 3))
        write_frame(folder / "hot.xyz", Configuration(glass.positions + noise, glass.diameters, glass.box_length))
    return workdir


def sheet(workdir, *rows: str):
    lines = ["\t".join("" if cell == "-" else cell for cell in row.split()) for row in (HEADER, *rows)]
    path = workdir.path / "config/campaigns/mine.tsv"
    path.write_text("\n".join(lines) + "\n")
    return path


def read_row(name, source="glasses/[0-9].xyz", preparation="read", n_samples=3, **others):
    walker, burn_in = others.get("samples_per_walker", 1), others.get("burn_in", 0)
    diameters = others.get("diameters", "A=1.0,B=1.4")
    return f"{name} ipl3d {N} 0.4 {n_samples} {walker} 2 1 {preparation} 0 0 {burn_in} 0 {source} {diameters}"


@pytest.mark.slow
def test_read_glasses_go_through_all_stages(workdir_with_glasses, glasses):
    workdir = workdir_with_glasses
    path = sheet(workdir, read_row("read"), read_row("hot", "glasses/hot.xyz", "quench", n_samples=2))
    tables = [f"results/mine/{name}/observables.parquet" for name in ("read", "hot")]
    run = workdir.snakemake(*tables, "--config", "campaign=mine")
    assert run.status == 0, run.text[-4000:]
    results = workdir.path / "results/mine"
    assert not (results / "read/liquid").exists()
    read, hot = (pd.read_parquet(workdir.path / table) for table in tables)
    assert read["sample"].tolist() == [0, 1, 2] and hot["sample"].tolist() == [0, 1]
    assert (read["parent_temperature"] == 0.4).all() and not read["failure"].any()
    assert "liquid_energy" not in read
    # noise of a hundredth of a diameter does not leave the basin
    np.testing.assert_allclose(read["quartic_stiffness"][:2], hot["quartic_stiffness"], rtol=1e-6)
    with ChunkReader(results / "read/inherent_state/0001.h5") as reader:
        assert reader.samples.tolist() == [2]
        np.testing.assert_array_equal(reader.configuration(2).positions, glasses[2].wrapped().positions)
        assert set(reader.attributes["parameters"]["source"]) == {"2.xyz"}
    report = verify_campaign(results, path)
    assert report.problems == []


def test_a_sheet_may_have_made_and_read_glasses(workdir_with_glasses):
    sheet(workdir_with_glasses, read_row("read"), MADE)
    run = workdir_with_glasses.dry_run("results/mine/tables/table1.md", campaign="mine")
    assert run.status == 0, run.text[-3000:]
    assert run.count("glass_of_other_program") == 2
    assert run.count("liquid") == run.count("inherent_state") == 1
    assert run.count("observables") == run.count("cubic") == 3


def test_a_changed_source_is_read_again_and_only_its_chunk(workdir_with_glasses):
    workdir = workdir_with_glasses
    sheet(workdir, read_row("read"))
    states = [f"results/mine/read/inherent_state/{chunk}.h5" for chunk in ("0000", "0001")]
    assert workdir.snakemake(*states, "--config", "campaign=mine").status == 0
    with open(workdir.path / "glasses/2.xyz", "a") as stream:
        stream.write("\n")
    run = workdir.dry_run(*states, campaign="mine")
    assert run.count("glass_of_other_program") == 1
    assert states[1] in run.outputs()


def test_names_of_types_reach_no_shell(workdir_with_glasses):
    sheet(workdir_with_glasses, read_row("read", diameters="A=1.0,$(touch${IFS}here)=1.4"))
    run = workdir_with_glasses.snakemake("results/mine/read/inherent_state/0000.h5", "--config", "campaign=mine")
    assert run.status != 0
    assert not (workdir_with_glasses.path / "here").exists()


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (read_row("a", burn_in=10), "burn_in is 10, must be 0: the samples are read from glasses/[0-9].xyz"),
        (read_row("a", samples_per_walker=2), "samples_per_walker is 2, must be 1"),
        (read_row("a", preparation="cool"), "preparation is 'cool', must be one of quench, read"),
        (read_row("a", diameters="A:1"), "'A:1' is not TYPE=DIAMETER"),
        (read_row("a", source="glasses/none*.xyz"), "glasses/none*.xyz: no such file"),
        (read_row("a", n_samples=5), "names 3 files for 5 samples"),
        (MADE.replace("- -", "- A=1,B=1.4"), "diameters is 'A=1,B=1.4', is for rows with a source"),
    ],
)
def test_wrong_rows_stop_the_run_in_one_line(workdir_with_glasses, monkeypatch, row, says):
    sheet(workdir_with_glasses, row)
    monkeypatch.chdir(workdir_with_glasses.path)
    with pytest.raises(SystemExit, match=re.escape(says)) as end:
        load_rules(campaign="mine")
    assert str(end.value).startswith("nqe: error: ") and "\n" not in str(end.value)


def test_optional_columns_may_be_left_out_or_empty(tmp_path):
    path = tmp_path / "sheet.tsv"
    short = "\t".join(HEADER.split()[:-2])
    path.write_text(f"{short}\n" + "\t".join(MADE.split()[:-2]) + "\n")
    (row,) = read_sheet(path)
    assert (row.source, row.diameters, row.length_unit) == ("", "", 1.0)
