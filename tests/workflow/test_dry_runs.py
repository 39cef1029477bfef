"""Every shipped campaign plans, the sheets are what they say they are, and a target pulls in only what it needs."""

from __future__ import annotations

import re
import resource
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest
from workflow_runs import ROOT, load_rules

from nqe_core.cost import STAGES, memory_mb, read_measurements, seconds_per_sample
from nqe_core.ensembles import read_sheet

CAMPAIGNS = ("tiny", "demo", pytest.param("paper", marks=pytest.mark.slow))

# Table I of the paper, and the POLY ensembles of its Sec. II: (model, N) -> samples (of each temperature)
TABLE_1 = {
    ("ipl2d", 400): 10_000,
    ("ipl2d", 1600): 10_000,
    ("ipl2d", 6400): 10_000,
    ("ipl2d", 25600): 10_000,
    ("ipl3d", 2048): 320_000,
    ("ipl3d", 8192): 80_000,
    ("ipl3d", 32768): 20_000,
    ("ipl4d", 10000): 2_000,
    ("poly3d", 2000): 10_000,
    ("poly3d", 8000): 1_000,
}


def sheet(campaign: str):
    return read_sheet(ROOT / "config" / "campaigns" / f"{campaign}.tsv")


def children_seconds() -> float:
    """CPU time of finished child processes: what a busy machine does not change."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.mark.parametrize("campaign", CAMPAIGNS)
def test_dry_run_plans_one_job_per_chunk_and_stage(workdir, campaign):
    start = children_seconds()
    run = workdir.dry_run(campaign=campaign)
    seconds = children_seconds() - start
    assert run.status == 0, run.text[-3000:]
    if campaign == "paper":  # the whole of Table I must stay easy to plan: a hundred times as many chunks as tiny has
        start = children_seconds()
        workdir.dry_run(campaign="tiny")
        assert seconds < 30 * (children_seconds() - start)
    chunks = sum(row.n_chunks for row in sheet(campaign))
    for stage in ("liquid", "inherent_state", "harmonic", "quartic", "cubic", "observables"):
        assert run.count(stage) == chunks
    assert run.count("second_quartic") == 1 and run.count("double_wells") == 0
    assert run.count("gather") == len(sheet(campaign))
    for product in [f"fig{number}" for number in range(1, 10)] + ["table1", "table2", "predictions", "scorecard"]:
        assert run.count(product) == 1


def test_paper_sheet_is_table_1():
    rows = sheet("paper")
    assert {(row.model, row.n_particles): row.n_samples for row in rows} == TABLE_1
    temperatures = {(row.model, row.n_particles, row.parent_temperature) for row in rows}
    expected = {(model, n, 2.0) for model, n in TABLE_1 if model != "poly3d"}
    expected |= {("poly3d", n, t) for n in (2000, 8000) for t in (1.3, 0.5, 0.35)}
    assert temperatures == expected and len(rows) == len(expected)


def test_workstation_sheet_is_one_percent():
    assert {(row.model, row.n_particles): row.n_samples * 100 for row in sheet("workstation")} == TABLE_1


def test_demo_covers_every_model_and_the_sizes_that_fig_5_compares():
    sizes = Counter(row.model for row in sheet("demo"))
    assert sizes["ipl2d"] >= 3 and sizes["ipl3d"] >= 2 and sizes["ipl4d"] >= 1
    assert {400, 1600, 6400} <= {row.n_particles for row in sheet("demo") if row.model == "ipl2d"}
    assert {row.parent_temperature for row in sheet("demo") if row.model == "poly3d"} == {1.3, 0.5, 0.35}


@pytest.mark.parametrize(("figure", "ensembles"), [
    ("fig2", {"poly3d_n150_t130", "poly3d_n150_t035"}), ("fig3", {"ipl3d_n256", "ipl2d_n100"}),
    ("fig5", {"ipl3d_n256", "ipl2d_n64", "ipl2d_n100"}), ("fig7", {"ipl3d_n256"}),
    ("fig9", {"ipl3d_n256", "ipl2d_n64", "ipl2d_n100", "ipl4d_n300"}),
])  # fmt: skip
def test_one_figure_needs_only_its_own_ensembles(workdir, figure, ensembles):
    run = workdir.dry_run(f"results/tiny/figures/{figure}.pdf")
    assert run.status == 0
    folders = {name.split("/")[2] for name in run.outputs()}
    assert folders == ensembles | {"figures"}
    assert all(f"/{figure}." in name for name in run.outputs() if "/figures/" in name)
    assert run.count("second_quartic") == 0  # only Fig. 1 needs it


@pytest.mark.parametrize("figure", ["fig1", "fig2"])
def test_figure_whose_models_the_sheet_lacks_ends_in_one_line(workdir, figure):
    """`all` leaves it out; asked for by name it says what is missing, and writes nothing."""
    rows = (workdir.path / "config/campaigns/tiny.tsv").read_text().splitlines()
    kept = [row for row in rows if row.startswith(("#", "ensemble"))] + [
        row for row in rows if row.startswith("poly3d" if figure != "fig2" else "ipl2d")
    ]
    (workdir.path / "config/campaigns/mine.tsv").write_text("\n".join(kept) + "\n")
    run = workdir.snakemake(f"results/mine/figures/{figure}.pdf", "--config", "campaign=mine")
    assert run.status != 0
    errors = [line for line in run.text.splitlines() if "nqe: error:" in line]
    assert errors and all("sheet has no ensemble of the models needed" in line for line in errors)
    assert "Traceback" not in (workdir.path / f"results/mine/logs/figures/{figure}.log").read_text()
    assert run.count("liquid") == 0 and not list(workdir.path.glob("results/mine/figures/*"))


def test_double_wells_are_made_when_asked_for(workdir):
    run = workdir.dry_run("results/tiny/figures/double_wells.pdf")
    assert run.count("double_wells") == run.count("cubic") == sum(row.n_chunks for row in sheet("tiny"))
    assert run.count("double_wells_figure") == 1 and run.count("fig1") == 0


def test_only_fig_1_needs_a_second_quartic_mode(workdir):
    run = workdir.dry_run("results/tiny/figures/fig1.pdf")
    assert run.count("second_quartic") == 1
    assert not any("poly3d" in name or "ipl4d" in name for name in run.outputs())


def test_a_sheet_without_some_models_leaves_their_figures_out(workdir):
    rows = (workdir.path / "config/campaigns/tiny.tsv").read_text().splitlines()
    kept = [row for row in rows if not row.startswith(("poly3d", "ipl4d", "ipl2d"))]
    (workdir.path / "config/campaigns/mine.tsv").write_text("\n".join(kept) + "\n")
    run = workdir.dry_run(campaign="mine")
    assert run.status == 0, run.text[-3000:]
    assert run.count("fig7") == 1 and run.count("scorecard") == 1
    assert run.count("fig2") == run.count("fig4") == run.count("fig9") == 0


def test_fig_8_takes_the_largest_liquids_in_equilibrium_where_there_are_any(workdir, monkeypatch):
    """At T = 0.35 the small ones are, the large ones are not; at 0.5 only the short burn-in is there."""
    header, *_ = (row for row in (workdir.path / "config/campaigns/tiny.tsv").read_text().splitlines() if row[0] != "#")
    rows = [
        "small\tpoly3d\t200\t0.35\t4\t2\t4\t1\tquench\t0\t0.1\t12tau\t3tau",
        "settled\tpoly3d\t500\t0.35\t4\t2\t4\t1\tquench\t0\t0.1\t12tau\t3tau",
        "hurried\tpoly3d\t1000\t0.35\t4\t2\t4\t1\tquench\t0\t0.1\t30000\t6000",
        "hurried_too\tpoly3d\t1000\t0.5\t4\t2\t4\t1\tquench\t0\t0.1\t300\t60",
    ]
    (workdir.path / "config/campaigns/mine.tsv").write_text("\n".join([header, *rows]) + "\n")
    monkeypatch.chdir(workdir.path)
    assert set(load_rules(campaign="mine")["largest"]("poly3d")) == {"settled", "hurried_too"}


def test_poly_starts_from_nonaffine_velocities_and_ipl_does_not(workdir):
    run = workdir.dry_run("--printshellcmds")
    cubic = [line for line in run.text.splitlines() if "nqe cubic" in line]
    assert cubic
    for line in cubic:
        assert ("--starts nonaffine" in line) == ("/poly3d_" in line)


def test_one_rank_has_no_launcher_and_more_ranks_have_it(workdir):
    assert "mpiexec" not in workdir.dry_run("--printshellcmds").text
    run = workdir.dry_run("--printshellcmds", "--set-resources", "quartic:tasks=2")
    commands = [line for line in run.text.splitlines() if "nqe quartic" in line and "--after" not in line]
    assert commands and all("mpiexec -n 2 nqe quartic" in line and "--ranks 2" in line for line in commands)


def test_a_model_of_one_s_own_is_planned_with_guessed_run_times(workdir):
    """Nobody has measured what it costs."""
    text = (workdir.path / "config/models.yaml").read_text()
    block = text[text.index("ipl3d:") : text.index("ipl4d:")]
    (workdir.path / "config/models.yaml").write_text(text + "\n" + block.replace("ipl3d:", "mine3d:"))
    workdir.edit("config.yaml", "    ipl3d: quartic\n", "    ipl3d: quartic\n    mine3d: quartic\n")
    tiny = (workdir.path / "config/campaigns/tiny.tsv").read_text()
    (workdir.path / "config/campaigns/mine.tsv").write_text(tiny.replace("\tipl3d\t", "\tmine3d\t"))
    run = workdir.dry_run(campaign="mine")
    assert run.status == 0, run.text[-3000:]
    found = re.findall(r"ensemble=(\w+), chunk=\d+\n.*runtime=(\d+)", run.text)
    assert {minutes for name, minutes in found if name == "ipl3d_n256"} == {"60"}
    assert "60" not in {minutes for name, minutes in found if name != "ipl3d_n256"}


def test_ranks_of_a_profile_must_be_a_number(workdir):
    run = workdir.dry_run("--set-resources", "liquid:tasks=2 if attempt == 1 else 4")
    assert run.status != 0 and "set-resources: liquid: tasks must be a number" in run.text


@pytest.mark.parametrize("profile", ["slurm", "slurm-accounting"])
def test_cluster_profiles_launch_ranks_by_srun(workdir, profile):
    run = workdir.dry_run("--printshellcmds", profile=profile)
    assert run.status == 0, run.text[-3000:]
    commands = [line for line in run.text.splitlines() if " nqe " in line and "nqe gather" not in line]
    launched = re.compile(r"srun --mpi=pmi2 --kill-on-bad-exit=1 -n (\d+) nqe .* --ranks (\d+) ")
    ranks = [launched.search(line) for line in commands]
    assert ranks and all(found and found[1] == found[2] and int(found[1]) > 1 for found in ranks)


def test_symlink_lets_profile_slurm_resolve_from_the_root(workdir):
    run = workdir.snakemake("--profile", "slurm", "--dry-run", "--config", "campaign=tiny", profile=None)
    assert run.status == 0, run.text[-3000:]
    assert "Using profile slurm" in run.text and "srun --mpi=pmi2" in run.text


def test_snakemake_alone_takes_the_profile_of_the_environment(workdir):
    """What the environment's activation exports; --profile on the command line goes before it."""
    local = str(ROOT / "profiles" / "local")
    run = workdir.snakemake("--dry-run", profile=None, SNAKEMAKE_PROFILE=local)
    assert run.status == 0 and f"Using profile {local}" in run.text
    run = workdir.snakemake("--profile", "slurm", "--dry-run", profile=None, SNAKEMAKE_PROFILE=local)
    assert "Using profile slurm" in run.text and local not in run.text


def test_cluster_jobs_ask_for_what_their_ensemble_costs(workdir):
    """Time limits and memory come from the measured table: enough for a chunk on the profile's four ranks."""
    asked = {}
    for name in ("ipl2d_n400", "ipl3d_n32768", "ipl4d_n10000"):
        run = workdir.dry_run(f"results/paper/{name}/observables/0000.parquet", campaign="paper", profile="slurm")
        assert run.status == 0, run.text[-3000:]
        for rule, runtime, memory in re.findall(
            r"^rule (\w+):\n.*?^    resources: .*?runtime=(\d+),.*?mem_mb_per_cpu=(\d+)",
            run.text,
            re.MULTILINE | re.DOTALL,
        ):
            asked[name, rule] = int(runtime), int(memory)
    rows, measured = {row.ensemble: row for row in sheet("paper")}, read_measurements()
    assert {rule for _, rule in asked} == set(STAGES) and len(asked) == 3 * len(STAGES)
    for (name, rule), (runtime, memory) in asked.items():
        chunk_minutes = seconds_per_sample(rows[name], rule, measured) * rows[name].samples_per_chunk / 4 / 60
        assert min(1440, max(10, 2 * chunk_minutes)) <= runtime <= min(1440, 15 + 4 * chunk_minutes)
        assert max(500, 1.2 * memory_mb(rows[name], rule, measured)) <= memory
    assert asked["ipl4d_n10000", "inherent_state"][0] > asked["ipl2d_n400", "inherent_state"][0]


def test_double_wells_ask_for_quenches_however_the_glass_was_made(workdir, monkeypatch):
    """Cooling takes far longer, and glasses that are read take no time at all."""
    monkeypatch.chdir(workdir.path)
    rules = load_rules("resources.smk", campaign="paper")
    chunk, rows = SimpleNamespace(ensemble="ipl4d_n10000", chunk="0000"), rules["ENSEMBLES"]
    cooled = rows["ipl4d_n10000"]
    assert cooled.preparation == "cool"
    asked = rules["minutes"]("double_wells", chunk, 1)
    assert 10 < asked < rules["minutes"]("inherent_state", chunk, 1)
    read = {"preparation": "read", "source": "glasses.xyz", "samples_per_walker": 1}
    rows["ipl4d_n10000"] = replace(cooled, cooling_rate=0.0, swap_fraction=0.0, burn_in=0, spacing=0, **read)
    assert rules["minutes"]("inherent_state", chunk, 1) == 10
    assert rules["minutes"]("double_wells", chunk, 1) == asked


def test_a_job_that_comes_back_killed_gets_more(workdir, monkeypatch):
    """Twice the time and memory for the second attempt, and no more than a day: partitions have limits."""
    monkeypatch.chdir(workdir.path)
    rules = load_rules("resources.smk", campaign="paper")
    minutes, megabytes = rules["minutes"], rules["megabytes"]
    for ensemble in ("ipl2d_n400", "ipl4d_n10000"):
        chunk = SimpleNamespace(ensemble=ensemble, chunk="0000")
        for stage in rules["CHUNK_RULES"]:
            assert minutes(stage, chunk, 2) == min(1440, 2 * minutes(stage, chunk, 1))
            assert megabytes(stage, chunk, 3) == 3 * megabytes(stage, chunk, 1)
    assert minutes("inherent_state", chunk, 1000) == 1440


def test_a_walker_has_time_for_all_of_its_samples(workdir):
    """More ranks do not make a liquid that one walker makes any sooner."""
    name = "poly3d_n500_t035_equilibrium"
    run = workdir.dry_run(f"results/batch/{name}/liquid/0000.h5", campaign="batch", profile="slurm")
    assert run.status == 0, run.text[-3000:]
    (row,) = [row for row in sheet("batch") if row.ensemble == name]
    assert row.samples_per_walker == row.samples_per_chunk
    walker_minutes = seconds_per_sample(row, "liquid", read_measurements()) * row.samples_per_walker / 60
    (runtime,) = map(int, re.findall(r"resources: .*?runtime=(\d+)", run.text))
    assert 2 * walker_minutes <= runtime <= 15 + 4 * walker_minutes
