"""Reference data: packed from the tiny campaign, merged with a second root seed's, and drawn without computing."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as parquet
import pytest
from workflow_runs import ROOT, Workdir, new_workdir

pytestmark = pytest.mark.slow

PACK = ROOT / "workflow/scripts/pack_reference.py"
FIELD_FIGURES = ("fig1", "fig3", "fig6")
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def pack(workdir: Workdir, results, *options: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(PACK), "tiny", "--results", str(results), *options]
    return subprocess.run(command, cwd=workdir.path, capture_output=True, text=True, timeout=120, check=False)


def reseed(source: Path, target: Path) -> None:
    """Write a campaign's tables of observables as those of another root seed."""
    for table in sorted(source.glob("*/observables/*.parquet")):
        copy = target / table.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        content = parquet.read_table(table)
        header = {**json.loads(content.schema.metadata[b"nqe"]), "root_seed": 1}
        parquet.write_table(content.replace_schema_metadata({"nqe": json.dumps(header)}), copy)


@pytest.fixture(scope="module")
def packed(tiny, tmp_path_factory) -> Workdir:
    """A folder with the tiny campaign as reference data, and nothing else."""
    workdir = new_workdir(tmp_path_factory.mktemp("reference") / "campaign")
    done = pack(workdir, tiny.path / "results/tiny")
    assert done.returncode == 0, done.stderr
    assert "ipl2d_n64: 12 of 12 samples, 0 failed" in done.stdout
    return workdir


@pytest.fixture(scope="module")
def drawn(packed) -> Workdir:
    """The reference with everything that is drawn from it."""
    run = packed.snakemake("--config", "campaign=reference")
    assert run.status == 0, run.text[-6000:]
    assert run.count("liquid") == run.count("cubic") == 0  # nothing is computed
    return packed


def test_batch_says_where_it_comes_from(packed, tiny):
    batch = packed.path / "reference/tiny_20200323"
    content = json.loads((batch / "provenance.json").read_text())
    made = parquet.read_schema(tiny.path / "results/tiny/ipl2d_n64/observables/0000.parquet").metadata[b"nqe"]
    commit = json.loads(made)["git_commit"]
    for part in content["ensembles"].values():
        assert [build.split()[1] for build in part["builds"]] == [commit]
        assert part["samples"] == part["sheet_row"]["n_samples"]
        assert part["packages"] == {json.loads(made)["packages"]: part["samples"]}
    assert content["root_seed"] == "20200323"
    fields = {path.stem for path in (batch / "fields").glob("*.h5")}
    assert {"ipl3d_n256_second_quartic", "ipl3d_n256_inherent_state", "ipl2d_n100_quartic"} <= fields


def test_reference_gives_the_campaigns_numbers(drawn, tiny):
    ours, theirs = (pd.read_csv(workdir.path / f"results/{name}/scorecard.csv") for workdir, name in
                    ((drawn, "reference"), (tiny, "tiny")))  # fmt: skip
    assert (ours[["source", "claim", "n", "verdict"]] == theirs[["source", "claim", "n", "verdict"]]).all(axis=None)
    for column in ("ours", "error"):  # packed numbers have seven digits
        assert ours[column].to_numpy() == pytest.approx(theirs[column].to_numpy(), rel=1e-4, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("figure", FIELD_FIGURES)
def test_field_figures_show_the_same_samples(drawn, tiny, figure):
    """The fields that are kept are those that the rules choose; captions count all samples, not the few with fields."""
    ours, theirs = ((workdir.path / f"results/{name}/figures/{figure}.rst").read_text() for workdir, name in
                    ((drawn, "reference"), (tiny, "tiny")))  # fmt: skip
    assert ours == theirs and "by this rule" not in ours


def test_every_figure_and_table_comes_out(drawn):
    results = drawn.path / "results/reference"
    for name in [*(f"figures/fig{n}.pdf" for n in range(1, 10)), "figures/predictions.png", "tables/table1.md"]:
        assert (results / name).stat().st_size > 500
    assert pd.read_csv(results / "tables/table1.csv")["made"].tolist() == [12, 12, 8, 2, 4, 4]


def test_two_batches_are_one_reference(packed, tiny, tmp_path):
    """A batch with another root seed doubles the samples; the same root seed under another name is refused."""
    workdir = new_workdir(tmp_path / "both")
    shutil.copytree(packed.path / "reference", workdir.path / "reference")
    done = pack(workdir, tiny.path / "results/tiny", "--batch", "again")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "with root seed 20200323 is also in" in done.stderr
    assert sorted(path.name for path in (workdir.path / "reference").iterdir()) == ["campaign.tsv", "tiny_20200323"]

    other = tmp_path / "results/tiny"
    reseed(tiny.path / "results/tiny", other)
    done = pack(workdir, other)
    assert done.returncode == 0, done.stderr
    targets = [f"results/reference/{name}" for name in ("tables/table1.csv", "figures/fig7.pdf")]
    run = workdir.snakemake(*targets, "--config", "campaign=reference")
    assert run.status == 0, run.text[-4000:]
    table = pd.read_csv(workdir.path / targets[0])
    assert table["made"].tolist() == [24, 24, 16, 4, 8, 8] == table["asked for"].tolist()


def test_verify_finds_a_changed_file_of_the_reference(packed, tmp_path):
    workdir = new_workdir(tmp_path)
    shutil.copytree(packed.path / "reference", workdir.path / "reference")
    arguments = ("verify", "--config", "campaign=reference", "--retries", "2")
    assert workdir.snakemake(*arguments).status == 0
    assert "1 batches of reference data" in (workdir.path / "results/reference/verify.txt").read_text()
    (workdir.path / "reference/tiny_20200323/ipl2d_n64.parquet").write_bytes(b"PAR1")
    run = workdir.snakemake(*arguments)  # again, since the file has changed, and once: what is wrong stays so
    assert run.status != 0 and "ipl2d_n64.parquet: is not the file that" in run.text
    assert run.text.count("Error in rule verify") == 1


def test_a_batch_that_is_being_packed_is_not_read(packed, tmp_path):
    workdir = new_workdir(tmp_path)
    shutil.copytree(packed.path / "reference", workdir.path / "reference")
    shutil.copytree(packed.path / "reference/tiny_20200323", workdir.path / "reference/.new_batch")
    for targets in ((), ("verify",)):
        run = workdir.dry_run(*targets, campaign="reference")
        assert run.status == 0, run.text[-3000:]
        assert "tiny_20200323" in run.text and ".new_batch" not in run.text


def test_part_of_a_campaign_can_be_packed(packed, tiny, tmp_path):
    """What a campaign has made so far counts; its sheet says how many there are."""
    part = tmp_path / "results/tiny/ipl2d_n64/observables"
    part.mkdir(parents=True)
    shutil.copy(tiny.path / "results/tiny/ipl2d_n64/observables/0001.parquet", part)
    workdir = new_workdir(tmp_path / "part")
    done = pack(workdir, tmp_path / "results/tiny")
    assert done.returncode == 0, done.stderr
    assert "ipl2d_n64: 6 of 12 samples, 0 failed\nipl2d_n100: 0 of 12" in done.stdout
    run = workdir.snakemake("results/reference/scorecard.csv", "--config", "campaign=reference")
    assert run.status == 0, run.text[-4000:]


def test_burn_ins_are_those_of_the_liquids(packed, tiny, tmp_path):
    """A sheet counts in relaxation times, which may have been measured anew since; liquids that are gone say nothing."""
    sheet = tmp_path / "longer.tsv"
    sheet.write_text((ROOT / "config/campaigns/tiny.tsv").read_text().replace("200\t100", "600\t150"))
    part = tmp_path / "results/tiny"
    for name in ("ipl2d_n64", "ipl2d_n100"):
        shutil.copytree(tiny.path / "results/tiny" / name, part / name)
    shutil.rmtree(part / "ipl2d_n100/liquid")
    (part / "ipl2d_n64/liquid/0001.h5").unlink()
    workdir = new_workdir(tmp_path / "part")
    done = pack(workdir, part, "--sheet", str(sheet))
    assert done.returncode == 0, done.stderr
    content = json.loads((workdir.path / "reference/tiny_20200323/provenance.json").read_text())
    rows = {name: content["ensembles"][name]["sheet_row"] for name in ("ipl2d_n64", "ipl2d_n100")}
    assert [(row["burn_in"], row["spacing"]) for row in rows.values()] == [(200, 100), (600, 150)]


def test_a_batch_keeps_fields_only_where_the_figures_of_all_batches_look(tiny, tmp_path):
    """Of ipl2d_n64 when it is the only 2D ensemble; not beside a batch with larger boxes, which the figures then show."""
    part, other = tmp_path / "results/tiny", tmp_path / "other/tiny"
    shutil.copytree(tiny.path / "results/tiny/ipl2d_n64", part / "ipl2d_n64")
    reseed(tiny.path / "results/tiny", other)
    alone, beside = new_workdir(tmp_path / "alone"), new_workdir(tmp_path / "beside")
    assert pack(beside, other).returncode == 0
    for workdir, kept in ((alone, {"inherent_state", "harmonic", "quartic"}), (beside, set())):
        done = pack(workdir, part)
        assert done.returncode == 0, done.stderr
        fields = (workdir.path / "reference/tiny_20200323/fields").glob("*.h5")
        assert {path.stem for path in fields} == {f"ipl2d_n64_{stage}" for stage in kept}


def test_without_reference_data_one_line_says_how_to_make_it(workdir):
    run = workdir.dry_run(campaign="reference")
    assert run.status != 0 and "`make reference CAMPAIGN=...` packs a campaign's" in run.text


def test_nothing_to_pack_is_one_line(workdir):
    done = pack(workdir, workdir.path / "results/tiny")
    assert done.returncode == 2 and done.stderr.startswith("nqe: error: ") and done.stderr.count("\n") == 1
    assert not (workdir.path / "reference/campaign.tsv").exists()


def test_shipped_reference_is_what_the_documents_show(tmp_path):
    """docs/scorecard.md is results/reference/scorecard.md, and the README counts its verdicts."""
    workdir = new_workdir(tmp_path)
    shutil.copytree(ROOT / "reference", workdir.path / "reference")
    run = workdir.snakemake("results/reference/scorecard.md", "--config", "campaign=reference")
    assert run.status == 0, run.text[-4000:]
    made = (workdir.path / "results/reference/scorecard.md").read_text()
    shown = (ROOT / "docs/scorecard.md").read_text()
    columns = (1, 2, 3, 4, 7, 8, 9)  # all but ours, whose last digits depend on the machine
    ours, theirs = ([[line.split(" | ")[k - 1] for k in columns] for line in text.splitlines() if line.count(" | ") > 8]
                    for text in (made, shown))  # fmt: skip
    assert ours == theirs and len(ours) > 50, "cp results/reference/scorecard.md docs/scorecard.md"
    verdicts = ("agrees", "borderline", "differs", "too few samples", "holds", "not comparable")
    counts = re.search("paper: " + ", ".join(rf"(\d+) {verdict}" for verdict in verdicts), made)
    words = "{} agree, {} are borderline, {} differ and {} have too few samples".format(*counts.groups()[:4])
    for page in ("README.md", "docs/findings.md"):
        assert words in " ".join((ROOT / page).read_text().replace("*", "").split()), page
    scorecard = pd.read_csv(workdir.path / "results/reference/scorecard.csv")
    rows = re.findall(r"^\|[^|]*\|[^|]*\| ([-\d.]+) ± ([\d.]+)( %)? \| (\d+) \| ([a-z ]+) \|$", readme_table(), re.M)
    assert len(rows) == readme_table().count("\n") - 2 > 10, "a row of the README's table cannot be read"
    for value, error, percent, count, verdict in rows:
        same = scorecard[(scorecard["n"] == int(count)) & (scorecard["verdict"] == verdict)]
        factor = 100 if percent else 1
        digit = 10.0 ** -len(value.partition(".")[2])
        near = (abs(factor * same["ours"] - float(value)) < digit) & (
            abs(factor * same["error"] - float(error)) < digit
        )
        assert near.any(), f"README.md: no row of the scorecard says {value} ± {error}{percent}, n = {count}, {verdict}"

    example = ROOT / "docs/examples/low_frequencies.py"
    tables = subprocess.run(
        [sys.executable, example, workdir.path / "results/reference"], capture_output=True, text=True
    )
    assert tables.returncode == 0, tables.stderr[-2000:]
    shown = re.findall(r"^\| (?:all|1/\d+|0\.\d+ to 0\.\d+) \| \d+ \|", (ROOT / "docs/findings.md").read_text(), re.M)
    assert len(shown) >= 12 and all(start in tables.stdout for start in shown), f"paste what {example.name} prints"


def readme_table() -> str:
    """The README's part of the scorecard."""
    text = (ROOT / "README.md").read_text()
    start = text.index("| | paper | ours | n | verdict |")
    return text[start : text.index("\n\n", start) + 1]


@pytest.fixture(scope="module")
def report(drawn):
    """The report of the reference."""
    target = "results/reference/report.html"
    run = drawn.snakemake("--config", "campaign=reference", "--report", target)
    assert run.status == 0, run.text[-4000:]
    return drawn.path / target


def test_report_has_figures_captions_tables_views_and_provenance(report):
    text = report.read_text()
    names = [f"fig{n}.png" for n in range(1, 10)] + ["predictions.png", "fig1.html", "fig3.html", "fig6.html"]
    for name in [*names, "table1.html", "table2.html", "run_statistics.html", "scorecard.html"]:
        assert f"/{name}" in text, name
    for caption in ("Figure 1. Quartic modes are indifferent", "Figure 5. Harmonic modes converge", "Figure 9."):
        assert caption in text
    page = (report.parent / "tables/run_statistics.html").read_text()
    assert "20200323" in page and "numba" in page and page.count("<tr>") == 7
    assert (report.parent / "scorecard.html").read_text().count("too few samples") > 10


@pytest.mark.skipif(BROWSER is None, reason="no Chromium")
def test_report_opens_in_a_browser(report):
    """What the page's own scripts have drawn: the menu with every category, and the description."""
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--dump-dom",
               "--virtual-time-budget=10000", report.as_uri()]  # fmt: skip
    text = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True).stdout
    shown = re.sub(r"<script.*?</script>|<template.*?</template>", "", text, flags=re.DOTALL)
    for word in ("Figures", "Interactive views", "Scorecard", "Tables", "Statistics", "Campaign <strong>reference"):
        assert word in shown, word
