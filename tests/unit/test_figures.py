"""Every figure, table and the scorecard from small synthetic tables and files that obey the paper's laws."""

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import pytest

from nqe_core import statistics
from nqe_core.errors import InputError
from nqe_core.models import MODELS
from nqe_core.relaxation_table import Measured, add_to_table, constants_key
from nqe_core.statistics import Estimate

# the scripts import each other as Snakemake runs them: from their own folders
sys.path.append(str(Path(__file__).resolve().parents[2] / "workflow" / "scripts"))
sys.path.append(sys.path[-1] + "/figures")
sys.path.append(sys.path[-2] + "/tables")

import campaign_data
import claims
import double_wells
import entry
import fig1
import fig2
import fig3
import fig4
import fig5
import fig6
import fig7
import fig8
import fig9
import laws
import predictions
import scorecard
import selection
import style
import table1
import table2
import vectorfield
from claim import VERDICTS, Claim
from synthetic_campaign import CHUNK_STAGES, Campaign, bump

TABLE_FIGURES = {
    "fig2": (fig2, "poly3d"), "fig4": (fig4, "ipl2d ipl3d"), "fig5": (fig5, "ipl2d ipl3d"), "fig7": (fig7, "ipl3d"),
    "fig8": (fig8, "poly3d"), "fig9": (fig9, "ipl2d ipl3d ipl4d"),
    "predictions": (predictions, "ipl2d ipl3d ipl4d poly3d"),
}  # fmt: skip
METROPOLIS = Measured(
    "ipl3d", 2.0, 2048, "metropolis", 0.2, constants_key(MODELS["ipl3d"].parameters()), 8, 40_000, 9.0, 0.0, 0.0, 0.0,
    1.0, 0.0, tau_overlap=90.5, tau_overlap_error=1.0,
    tau_scattering=70.0, tau_scattering_error=1.0, tau_sizes=1200.0, tau_sizes_error=9.0, tau_energy=80.0,
    tau_energy_error=1.0, seconds_per_sweep=1e-4,
)  # fmt: skip
FIELD_FIGURES = {"fig1": fig1, "fig3": fig3, "fig6": fig6}


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    return Campaign(tmp_path_factory.mktemp("campaign"), 60)


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    """Error bars and pixels need not be fine here."""
    monkeypatch.setattr(style, "RESOLUTION", 60)
    monkeypatch.setattr(entry, "RESAMPLES", 10)
    with statistics.resampling(25):
        yield


@pytest.fixture
def outputs(tmp_path):
    return {kind: str(tmp_path / "made" / f"figure.{ending}") for kind, ending in
            (("pdf", "pdf"), ("png", "png"), ("caption", "rst"))}  # fmt: skip


def check_outputs(outputs, counted="n = "):
    assert Path(outputs["pdf"]).read_bytes()[:5] == b"%PDF-"
    assert Path(outputs["png"]).read_bytes()[:4] == b"\x89PNG"
    assert all(Path(outputs[kind]).stat().st_size > 4_000 for kind in ("pdf", "png"))
    assert counted in Path(outputs["caption"]).read_text()


@pytest.mark.parametrize("name", TABLE_FIGURES)
def test_figure_from_tables(name, campaign, outputs):
    script, models = TABLE_FIGURES[name]
    script.draw(campaign.observables(models), campaign.models, **outputs)
    check_outputs(outputs, "n = 59 (1 failed, left out)")


@pytest.mark.parametrize("name", TABLE_FIGURES)
def test_figure_with_hardly_any_samples_still_comes_out(name, tmp_path, outputs):
    few = Campaign(tmp_path / "few", 3)
    script, models = TABLE_FIGURES[name]
    script.draw(few.observables(models), few.models, **outputs)
    check_outputs(outputs, "n = 2 (1 failed, left out)")


@pytest.mark.parametrize("name", FIELD_FIGURES)
@pytest.mark.parametrize("ensembles", [("ipl3d_n512", "ipl2d_n400"), ("ipl2d_n400",), ("ipl3d_n512",)])
def test_vector_field_figure(name, ensembles, campaign, outputs):
    outputs["view"] = outputs["png"].replace("png", "html")
    script, chunks = FIELD_FIGURES[name], campaign.chunks(ensembles)
    chosen = {stage: files for stage, files in chunks.items() if name == "fig1" or stage != "second_quartic"}
    script.draw(campaign.observables("ipl2d ipl3d"), campaign.models, **chosen, **outputs)
    check_outputs(outputs)


@pytest.mark.parametrize("name", [*TABLE_FIGURES, *FIELD_FIGURES])
def test_missing_ensembles_are_named_in_one_line(name, campaign, outputs):
    """The table given holds only failed samples, or only another model."""
    table = pd.read_parquet(campaign.tables["ipl4d_n1296"])
    if name in ("fig9", "predictions"):  # these take 4D: let every sample fail
        table["failure"] = "upstream: quench not converged"
    path = Path(outputs["pdf"]).parent.parent / "other.parquet"
    table.to_parquet(path)
    chunks = {} if name in TABLE_FIGURES else {stage: [] for stage in CHUNK_STAGES if name == "fig1" or
                                               stage != "second_quartic"}  # fmt: skip
    script = TABLE_FIGURES[name][0] if name in TABLE_FIGURES else FIELD_FIGURES[name]
    with pytest.raises(InputError) as error:
        script.draw([str(path)], campaign.models, **chunks, **outputs)
    assert "needs finished samples" in str(error.value)
    assert "\n" not in str(error.value)
    assert not Path(outputs["pdf"]).exists()


def test_figure_of_double_wells(campaign, outputs):
    """What is in the files: of samples that did not fail, in the paper's units."""
    ensembles = ("ipl2d_n400", "ipl2d_n1600", "poly3d_n500_t050")
    files = campaign.double_wells(ensembles)
    double_wells.draw(campaign.observables("ipl2d poly3d"), files, campaign.models, **outputs)
    check_outputs(outputs, "2D IPL, N = 400: n = 57 (1 failed, left out)")
    text = Path(outputs["caption"]).read_text()
    wells = double_wells.read_double_wells(files, campaign.models)
    assert wells.groupby("ensemble").size().tolist() == [58, 58, 58]  # the failed sample of the table is still there
    samples = campaign_data.read_samples(campaign.observables("ipl2d"), campaign.models)
    merged = samples[samples["fine"]].merge(wells, on=["ensemble", "sample"])
    assert len(merged) == 114
    assert merged["asymmetry"].to_numpy() == pytest.approx(merged["cubic_asymmetry"].to_numpy())
    there = merged[merged["barrier_found"]]
    assert there["barrier_energy"].to_numpy() == pytest.approx(there["barrier"].to_numpy())
    above = merged[merged["cubic_asymmetry"] > 1]
    assert f"{len(above)} and {(above['minimum_energy'] < 0).sum()} of {len(above)} above" in text
    assert (above["minimum_energy"] < 0).sum() == (above["sample"] % 5 != 0).sum() > 0


def test_figure_of_double_wells_without_any(campaign, tmp_path, outputs):
    few = Campaign(tmp_path / "few", 3)  # one failed, two failed in this stage
    files = few.double_wells(["ipl2d_n400"])
    with pytest.raises(InputError, match="no file of stage double_wells holds any"):
        double_wells.draw(few.observables("ipl2d"), files, few.models, **outputs)
    with pytest.raises(InputError, match="no file of stage double_wells holds any"):
        double_wells.draw(few.observables("ipl2d"), [], few.models, **outputs)
    double_wells.draw(few.observables("ipl2d"), few.double_wells(["ipl2d_n400"], failed=1), few.models, **outputs)
    check_outputs(outputs, "n = 1 (1 failed, left out)")


def test_captions_stand_beside_the_picture_when_no_place_is_named(campaign, outputs):
    outputs.pop("caption")
    fig2.draw(campaign.observables("poly3d"), campaign.models, **outputs)
    assert "n = 59" in Path(outputs["png"]).with_suffix(".rst").read_text()


def test_equal_tables_give_equal_files(campaign, tmp_path):
    made = []
    for k in range(2):
        paths = {kind: str(tmp_path / f"{k}.{kind}") for kind in ("pdf", "png")}
        fig5.draw(campaign.observables("ipl2d"), campaign.models, **paths)
        made.append([Path(path).read_bytes() for path in paths.values()])
    assert made[0] == made[1]


def job(inputs, outputs, log, **params):
    """What Snakemake gives to a script."""
    return SimpleNamespace(input=inputs, output=outputs, params=params, log=[str(log)])


def test_captions_and_claims_name_what_is_not_in_equilibrium(campaign, tmp_path):
    """As the rule hands it on: burn-ins of few relaxation times, by ensemble."""
    tables = {"observables": campaign.observables("poly3d"), "models": campaign.models}
    short = {"poly3d_n500_t035": 0.06, "poly3d_n500_t050": 2.0}
    files = {kind: str(tmp_path / f"fig2.{kind}") for kind in ("pdf", "png", "caption")}
    entry.run(fig2.draw, job(tables, files, tmp_path / "log", short_burn_ins=short))
    caption = Path(files["caption"]).read_text()
    assert "T_p = 0.35: n = 59 (1 failed, left out; burn-in of 0.06 relaxation times: not in equilibrium)" in caption
    assert caption.count("not in equilibrium") == 2
    files = {kind: str(tmp_path / f"scorecard.{kind}") for kind in ("csv", "md", "json")}
    entry.run(scorecard.draw, job(tables, files, tmp_path / "log", short_burn_ins=short))
    table = pd.read_csv(files["csv"])
    cold = table[table["ensembles"].str.contains("0.35|t035", regex=True)]
    assert len(cold) > 2 and cold["ensembles"].str.contains("(not in equilibrium)", regex=False).all()
    named = table["ensembles"].str.contains("(not in equilibrium)", regex=False)
    apart = table["verdict"] == "not comparable"
    assert apart[named].all() and not named.all()
    assert set(table[apart & ~named]["source"]) == {"Fig. 8"}  # of boxes of N = 500
    assert campaign_data.equilibrium_note(pd.DataFrame({"ensemble": ["poly3d_n500_t035"]})) == ""  # only within a job
    samples = campaign_data.read_samples(str(campaign.tables["poly3d_n500_t035"]), campaign.models)
    with campaign_data.not_in_equilibrium({"poly3d_n500_t035": 0.0}):  # of an infinite relaxation time
        assert "(1 failed, left out; relaxes too slowly to be measured: not" in campaign_data.counts(
            samples, samples[1:]
        )


def test_liquids_out_of_equilibrium_count_only_where_there_are_no_others(campaign):
    """Pooled with others they would lose their label, and as the largest box hide those that the figure is about."""
    samples = campaign_data.read_samples(str(campaign.tables["poly3d_n500_t035"]), campaign.models)
    samples = samples[samples["fine"]]
    larger = samples[samples["ensemble"] == "poly3d_n500_t035"].assign(ensemble="poly3d_n1000_t035", n_particles=1000)
    samples = pd.concat([samples, larger], ignore_index=True)

    def cold(burn_ins):
        with campaign_data.not_in_equilibrium(burn_ins):
            found = [*claims.couplings(samples), *claims.bound(samples)]
            boxes = laws.largest_boxes(samples)
        counted = {claim.ensembles: claim.ours.count for claim in found if "0.35" in claim.ensembles}
        return counted, boxes.loc[boxes["parent_temperature"] == 0.35, "ensemble"].unique().tolist()

    name = "3D POLY, T_p = 0.35"
    counted, boxes = cold({"poly3d_n1000_t035": 0.06})
    assert counted[name] == 59 and counted[f"{name}, N = 500"] == 59 and boxes == ["poly3d_n500_t035"]
    counted, boxes = cold({})
    assert counted[name] == 118 and counted[f"{name}, N = 1000"] == 59 and boxes == ["poly3d_n1000_t035"]
    counted, boxes = cold({"poly3d_n1000_t035": 0.06, "poly3d_n500_t035": 0.06})
    assert counted[f"{name} (not in equilibrium)"] == 118 and boxes == ["poly3d_n1000_t035"]


def test_ipl_glasses_of_other_parent_temperatures_are_not_the_paper_s(campaign, tmp_path):
    """Their label says so; figures, which tell IPL by N alone, and the scorecard leave them out beside the paper's."""
    samples = campaign_data.read_samples(campaign.observables("ipl2d ipl3d"), campaign.models)
    cold = samples[samples["ensemble"] == "ipl3d_n2048"].assign(ensemble="ipl3d_n2048_cold", parent_temperature=1.0)
    both = pd.concat([samples, cold], ignore_index=True)
    assert campaign_data.label(cold) == "3D IPL, N = 2048, T_p = 1"
    assert campaign_data.label(samples[samples["ensemble"] == "ipl3d_n2048"]) == "3D IPL, N = 2048"
    assert campaign_data.of_the_paper(both).equals(samples)
    assert campaign_data.choose(both, "figure 5", family="IPL").equals(samples[samples["fine"]])
    assert campaign_data.choose(cold, "figure 5", family="IPL").equals(cold[cold["fine"]])
    assert "ipl3d_n2048_cold" in dict(laws.largest_ensembles(both)) and len(dict(laws.largest_ensembles(both))) == 3
    # nor does Table I give the paper's number of samples for them
    sheet = tmp_path / "sheet.tsv"
    line = next(line for line in campaign.sheet.read_text().splitlines() if line.startswith("ipl3d_n2048"))
    header = campaign.sheet.read_text().splitlines()[0]
    sheet.write_text(
        "\n".join([header, line, line.replace("2048\tipl3d\t2048\t2.0", "2048c\tipl3d\t2048\t1.0")]) + "\n"
    )
    files = {kind: str(tmp_path / f"table1.{kind}") for kind in ("md", "csv")}
    table1.draw(campaign.observables("ipl3d"), sheet, campaign.models, **files)
    assert pd.read_csv(files["csv"])["paper"].tolist()[0] == 320_000
    assert pd.read_csv(files["csv"])["paper"].isna().tolist() == [False, True]


def test_table1_counts_in_the_relaxation_times_of_the_campaign_s_sampler(campaign, tmp_path):
    (tmp_path / "config/campaigns").mkdir(parents=True)
    add_to_table(tmp_path / "config/relaxation.tsv", METROPOLIS)
    sheet = tmp_path / "config/campaigns/mine.tsv"
    header, *lines = campaign.sheet.read_text().splitlines()
    line = next(line for line in lines if line.startswith("ipl3d_n2048"))
    sheet.write_text(f"{header}\n" + line.replace("\t0\t0\t10\t10", "\t0\t0.2\t10tau\t3tau") + "\n")
    tables = {"observables": campaign.observables("ipl3d"), "models": campaign.models, "sheet": sheet}
    files = {kind: str(tmp_path / f"table1.{kind}") for kind in ("md", "csv")}
    entry.run(table1.draw, job(tables, files, tmp_path / "log", sampler="metropolis"))
    assert pd.read_csv(files["csv"])["made"].tolist() == [60]


def test_a_caption_says_when_no_sample_obeys_its_rule(campaign, outputs):
    """Boxes so large that every mode lies near the first phonons have no sample of low frequency."""
    files = campaign.chunks()
    tables = campaign.observables("ipl2d ipl3d")
    fig6.draw(tables, campaign.models, files["inherent_state"], files["harmonic"], files["quartic"], **outputs)
    assert "the median of all" not in Path(outputs["caption"]).read_text()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(laws, "LOW_FREQUENCY", 0.0)
        fig6.draw(tables, campaign.models, files["inherent_state"], files["harmonic"], files["quartic"], **outputs)
    assert Path(outputs["caption"]).read_text().count("No sample is of so low a frequency: the median of all.") == 2


def test_entry_merges_dimensions_and_passes_only_what_is_taken(tmp_path):
    seen = {}

    def draw(observables, harmonic, pdf):
        seen.update(observables=observables, harmonic=harmonic, pdf=pdf)

    inputs = {"observables": ["a"], "harmonic_3d": ["x", "y"], "harmonic_2d": "z", "sheet": "s"}
    entry.run(draw, job(inputs, {"pdf": "p", "png": "q"}, tmp_path / "log"))
    assert seen == {"observables": ["a"], "harmonic": ["x", "y", "z"], "pdf": "p"}


def test_entry_ends_with_one_line_and_status_2(tmp_path, capsys):
    def draw(pdf):
        raise InputError("figure 2 needs finished samples of POLY")

    with pytest.raises(SystemExit) as stop:
        entry.run(draw, job({}, {"pdf": "p"}, tmp_path / "logs" / "log"))
    assert stop.value.code == 2
    line = "nqe: error: figure 2 needs finished samples of POLY\n"
    assert capsys.readouterr().err == line
    assert (tmp_path / "logs" / "log").read_text() == line


def test_tables(campaign, tmp_path):
    files = {"md": str(tmp_path / "t.md"), "csv": str(tmp_path / "t.csv")}
    table1.draw(campaign.observables("ipl2d ipl3d ipl4d poly3d"), campaign.sheet, campaign.models, **files)
    made = pd.read_csv(files["csv"])
    assert list(made["made"]) == [60] * 8
    assert list(made["failed"]) == [1] * 8
    assert made.set_index("ensemble")["paper"]["ipl3d_n2048"] == 320_000
    table2.draw(campaign.observables("ipl2d ipl3d"), campaign.models, **files)
    made = pd.read_csv(files["csv"])
    assert made["n"].sum() == 4 * 59 * 2  # every size, and all sizes together
    assert made["rho"].to_numpy() == pytest.approx(made["paper rho"].to_numpy())
    assert "| model |" in Path(files["md"]).read_text()


def test_scorecard_judges_every_claim(campaign, tmp_path):
    files = {kind: str(tmp_path / f"scorecard.{kind}") for kind in ("csv", "md", "json")}
    scorecard.draw(campaign.observables("ipl2d ipl3d ipl4d poly3d"), campaign.models, **files)
    rows = list(csv.DictReader(Path(files["csv"]).read_text().splitlines()))
    assert {row["verdict"] for row in rows} <= set(VERDICTS)
    sources = " ".join(row["source"] for row in rows)
    for wanted in ("Table II", "Fig. 2", "Fig. 3", "Fig. 4", "Eq. 15", "Eq. 16", "Eq. 20", "Eq. 25", "Fig. 7", "Fig. 8",
                   "Eq. 30", "Eq. 33", "Eq. 34", "Eq. 36", "Eq. 38", "Fig. 9"):  # fmt: skip
        assert wanted in sources
    content = json.loads(Path(files["json"]).read_text())
    assert sum(content["summary"].values()) == len(rows) == len(content["rows"])
    assert all(int(row["walkers"]) <= int(row["n"]) for row in rows)
    assert all(float(row["low"]) <= float(row["high"]) for row in rows if row["low"])
    # a failed sample counts for no share, neither way
    shares = [row for row in rows if row["ensembles"] == "4D IPL" and "share with" in row["claim"]]
    assert [row["n"] for row in shares] == ["59"] * 3
    for row in shares:
        assert float(row["high"]) - float(row["low"]) == pytest.approx(2 * 1.96 * float(row["error"]), rel=1e-4)
    text = Path(files["md"]).read_text()
    assert "Rule: " in text and f"{8 * 59} samples in all (8 failed, left out)" in text


def test_scorecard_keeps_rows_of_missing_ensembles(campaign, tmp_path):
    files = {kind: str(tmp_path / f"scorecard.{kind}") for kind in ("csv", "md", "json")}
    scorecard.draw(campaign.observables("ipl2d ipl3d ipl4d poly3d"), campaign.models, **files)
    whole = pd.read_csv(files["csv"])
    scorecard.draw(campaign.observables("ipl3d"), campaign.models, **files)
    table = pd.read_csv(files["csv"])
    assert (table[["source", "claim", "paper"]] == whole[["source", "claim", "paper"]]).all(axis=None)
    few = table["verdict"] == "too few samples"
    assert (table["samples_needed"].notna() == few).all() and table["samples_needed"][few].min() >= 8
    assert (table[table["source"] == "Fig. 8"]["verdict"] == "too few samples").all()
    assert (table[table["source"] == "Fig. 8"]["n"] == 0).all()


def test_samples_come_in_the_papers_units(campaign):
    samples = campaign_data.read_samples(campaign.observables("ipl3d"), campaign.models)
    raw = pd.concat([pd.read_parquet(path) for path in campaign.observables("ipl3d")], ignore_index=True)
    omega_0 = np.sqrt(12.4 / 0.82) / 0.82 ** (-1 / 3)
    fine = samples["fine"]
    assert samples["quartic_frequency"][fine].to_numpy() == pytest.approx(raw["quartic_frequency"][fine] / omega_0)
    assert samples["phonon_frequency"].iloc[-1] == pytest.approx(2 * np.pi / 2048 ** (1 / 3))
    # without dimension, so equal in any unit
    ratio = raw["cubic_cubic_coefficient"] ** 2 / (3 * raw["cubic_stiffness"] * raw["cubic_quartic_coefficient"])
    assert samples["cubic_asymmetry"][fine].to_numpy() == pytest.approx(ratio[fine])
    threshold = (
        raw["cubic_stiffness"] ** 2 / (raw["cubic_cubic_coefficient"] * raw["cubic_shear_strain_coupling"]).abs()
    )
    assert samples["strain_threshold"][fine].to_numpy() == pytest.approx(threshold[fine])
    difference = 1 - raw["harmonic_stiffness"] / raw["quartic_stiffness"]
    assert samples["energy_difference"][fine].to_numpy() == pytest.approx(difference[fine])
    barrier = raw["cubic_stiffness"] ** 3 / raw["cubic_cubic_coefficient"] ** 2
    assert samples["barrier"][fine].to_numpy() == pytest.approx(barrier[fine] / (12.4 / 0.82))  # of m c_T^2
    participants = raw["n_particles"] * raw["quartic_participation_ratio"]
    assert samples["participants_quartic"][fine].to_numpy() == pytest.approx(participants[fine])


def test_samples_that_failed_or_did_not_converge_are_not_fine(campaign, tmp_path):
    table = pd.read_parquet(campaign.tables["ipl3d_n512"])[1:8]
    table["failure"] = ["", None, "upstream: x", "", "", "", ""]
    table["quartic_converged"] = [True, True, True, False, None, True, True]
    table["cubic_converged"] = [True, True, True, True, True, False, True]
    table.to_parquet(tmp_path / "some.parquet")
    samples = campaign_data.read_samples(tmp_path / "some.parquet", campaign.models)
    assert samples["fine"].tolist() == [True, True, False, False, False, False, True]


def test_walkers_of_other_ensembles_and_root_seeds_are_other_blocks():
    samples = pd.DataFrame({"ensemble": [*"aaaaabb"], "root_seed": [*"1122211"], "walker": [0, 0, 0, 0, 1, 0, np.nan],
                            "sample": [0, 1, 0, 1, 2, 0, 1]})  # fmt: skip
    blocks = campaign_data._blocks(samples)
    assert [blocks.eq(block).sum() for block in blocks] == [2, 2, 2, 2, 1, 1, 1]
    assert campaign_data._blocks(samples.drop(columns="walker")).is_unique  # each sample by itself


def test_laws_are_measured_below_their_cuts():
    """Frequencies 1 .. 100 of a small box and 101 .. 200 of a large one, whose phonons lie at 300 and 200."""
    samples = pd.DataFrame({"quartic_frequency": np.arange(1.0, 201.0), "n_particles": np.repeat([500, 2000], 100)})
    samples = samples.assign(ensemble=samples["n_particles"].astype(str), barrier=samples["quartic_frequency"],
                             phonon_frequency=np.where(samples["n_particles"] > 500, 200.0, 300.0))  # fmt: skip
    small, large = (samples[samples["n_particles"] == size] for size in (500, 2000))
    assert (laws.low_frequency_cut(small), laws.low_frequency_cut(large)) == (50.5, 120.0)
    assert laws.low_frequency(samples)["quartic_frequency"].tolist() == [*range(1, 51), *range(101, 120)]
    assert laws.softer_half(samples, "quartic")["quartic_frequency"].tolist() == [*range(1, 51), *range(101, 151)]
    assert [laws.density_cut(large, column) for column in ("quartic_frequency", "barrier")] == [150.5, 150.5]
    near = large.assign(phonon_frequency=140.0)
    assert [laws.density_cut(near, column) for column in ("quartic_frequency", "barrier")] == [126.0, 150.5]
    assert laws.largest_ensemble(samples[:101])["ensemble"].unique().tolist() == ["500"]


def test_convergence_laws_are_found_in_data_that_obey_them(tmp_path):
    big = Campaign(tmp_path / "big", 400)
    samples = campaign_data.read_samples(big.observables("ipl2d"), big.models)
    part = samples[samples["fine"]]
    for column, (power, growth) in laws.CONVERGENCE.items():
        exponent = laws.convergence_exponent(part, column).exponent
        assert exponent.value == pytest.approx(power, abs=4 * exponent.error)
        lengths, values = laws.convergence_prefactors(part, column)
        assert (values[1].value / values[0].value) == pytest.approx((lengths[1] / lengths[0]) ** growth, rel=0.4)


def test_each_temperature_shows_its_largest_glasses():
    """Large boxes are made at high temperature first: the others must not vanish from Fig. 8 for that."""
    samples = pd.DataFrame(
        {"parent_temperature": [1.3, 1.3, 0.5, 0.5, 0.35], "n_particles": [500, 2000, 500, 1000, 500]}
    ).assign(ensemble=list("abcde"))
    chosen = laws.largest_boxes(samples)
    assert dict(zip(chosen["parent_temperature"], chosen["n_particles"], strict=True)) == {
        1.3: 2000,
        0.5: 1000,
        0.35: 500,
    }


def test_shares_above_the_bound_are_compared_at_the_largest_size_and_others_near_it():
    counts = {8000: 20, 3000: 50, 2000: 150, 500: 400}  # N: samples; 3000 has too few, 500 is too small
    sizes = np.repeat(list(counts), list(counts.values()))
    samples = pd.DataFrame({"n_particles": sizes, "block": np.arange(sizes.size)})
    samples = samples.assign(ensemble="poly", family="POLY", dimension=3, parent_temperature=0.5, cubic_asymmetry=0.9)
    rows = [claim for claim in claims.bound(samples) if "T_p = 0.5" in claim.ensembles]
    assert [(row.ensembles.split("= ")[-1], row.ours.count) for row in rows] == [("8000", 20), ("2000", 150)]
    assert all(row.ours.value == 0 and row.accepted == pytest.approx((0.0347, 0.0607), abs=2e-4) for row in rows)
    samples["cubic_asymmetry"] = np.where(samples["block"] % 4 == 0, 1.1, 0.9)
    assert [row.ours.value for row in claims.bound(samples) if "T_p = 0.5" in row.ensembles] == [0.25, 37 / 150]


def test_moduli_are_of_the_hottest_and_largest_glasses_with_enough_samples():
    sizes, temperatures = np.repeat([500, 2000, 8000, 2000], [40, 30, 19, 50]), np.repeat([2.0, 1.0], [89, 50])
    samples = pd.DataFrame({"n_particles": sizes, "parent_temperature": temperatures, "model": "ipl3d"})
    samples = samples.assign(shear_modulus=sizes + temperatures, box_length=(sizes / 0.82) ** (1 / 3), block=range(139))
    modulus, density = (claim for claim in claims.moduli(samples) if claim.ensembles.startswith("ipl3d"))
    assert (modulus.ours.value, modulus.ours.count, density.ours.value) == (2002.0, 30, pytest.approx(0.82))
    assert density.verdict == "holds" and modulus.ensembles == "ipl3d, highest T_p, N = 2000"


def test_pairs_count_quartic_modes_that_are_not_softer_and_not_wider():
    samples = pd.DataFrame({"energy_difference": [0.1, 0.0, -1e-9, -1e-3], "quartic_participation_ratio": 0.1,
                            "harmonic_participation_ratio": [0.2, 0.1, 0.05, 0.05]})  # fmt: skip
    samples = samples.assign(family="IPL", dimension=2, parent_temperature=2.0, ensemble="a", block=range(4))
    stiffer, narrower = list(claims.pairs(samples))[:2]
    assert (stiffer.ours.value, narrower.ours.value) == (0.75, 0.5)


def test_claims_that_combine_columns(campaign):
    """Constant or exact combinations: the numbers of Figs. 2 and 3, and the exponent of Eq. 33."""
    samples = campaign_data.read_samples(campaign.observables("ipl3d poly3d"), campaign.models)
    fine = samples[samples["fine"]].assign(energy_difference=0.1, harmonic_quartic_mismatch=0.02)
    fine["cubic_cubic_coefficient"] = fine["cubic_stiffness"] * fine["cubic_quartic_coefficient"]
    fine["quartic_quartic_coefficient"] = fine["parent_temperature"] / fine["participants_quartic"]
    (ratio,) = (row for row in claims.softest(fine) if row.ensembles.startswith("3D") and "cancels" in row.claim)
    assert ratio.ours.value == pytest.approx(0.5) and ratio.accepted == pytest.approx((0.625 / 3, 0.625 * 3))
    assert {round(row.ours.value, 6) for row in claims.couplings(fine) if "chi3: exponent" in row.claim
            and row.ours.known} == {2.0}  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(claims, "MEDIAN_SAMPLES", 50)
        (spread,) = (row for row in claims.localisation(fine) if "largest over smallest" in row.claim)
    assert spread.ours.value == pytest.approx(1.3 / 0.35)


def test_exponents_of_densities_are_compared_by_those_of_the_shares_below(campaign):
    samples = campaign_data.read_samples(campaign.observables("ipl3d"), campaign.models)
    accepted = {row.claim: row.accepted for row in claims.densities(samples[:0])}
    assert accepted["D(omega3): exponent"] == pytest.approx((3.5, 4.5))
    assert accepted["p(V_B): exponent"] == pytest.approx((0.125, 0.375))


def test_lowest_modes_go_with_the_size_of_the_box(campaign):
    """Medians that follow L^(-d/5) and N^(-3/5) exactly."""
    samples = campaign_data.read_samples(campaign.observables("ipl2d ipl3d"), campaign.models)
    scatter = 1 + 0.1 * np.random.default_rng(2).normal(size=len(samples))
    samples["quartic_frequency"] = scatter * samples["length"] ** (-samples["dimension"] / 5)
    samples["strain_threshold"] = scatter * samples["n_particles"] ** -0.6
    for claim in claims.sizes(samples):
        if "IPL" in claim.ensembles:
            exponent = float(claim.paper)
            assert exponent == pytest.approx(-int(claim.ensembles[0]) / 5 if claim.source == "Footnote 5" else -0.6)
            assert claim.ours.value == pytest.approx(exponent, abs=4 * claim.ours.error)
            assert claim.ours.error < 0.1


def test_claims_of_fig_7_are_their_columns(campaign):
    samples = campaign_data.read_samples(campaign.observables("ipl3d"), campaign.models)
    part = samples[samples["fine"]]
    rise = np.linspace(0, 1, len(part))
    part = part.assign(
        cubic_energy_difference=np.where(rise < 0.05, -0.1, 0.3), cubic_frequency=1.14 * part["quartic_frequency"],
        quartic_cubic_coefficient=1.0, cubic_cubic_coefficient=-(10 ** (4 * rise)),
        quartic_quartic_coefficient=1.0, cubic_quartic_coefficient=10 ** (0.5 * rise),
        quartic_cubic_mismatch=np.where(rise > 0.5, 0.3, 0.01),
    )  # fmt: skip
    found = [claim for claim in claims.cubic(part) if claim.ensembles.startswith("3D IPL")]
    softer = np.count_nonzero(rise < 0.05) / len(part)
    half = rise[rise <= 0.5].max() / 2
    expected = [0.30, 0.14, 0.0, 1 - softer, 4.0, 0.5, half]
    assert [claim.ours.value for claim in found] == pytest.approx(expected, abs=1e-9)


def test_claims_of_fig_5_are_the_exponents(campaign):
    """The laws (omega L)^2 and (omega L)^4 with a scatter of a tenth, at frequencies far below the first phonon's."""
    samples = campaign_data.read_samples(campaign.observables("ipl2d ipl3d"), campaign.models)
    samples = samples[samples["fine"]].assign(phonon_frequency=1e3)
    noise = np.exp(np.random.default_rng(3).normal(0.0, 0.1, (2, len(samples))))
    product = samples["quartic_frequency"] * samples["length"]
    samples = samples.assign(energy_difference=product**2 * noise[0], harmonic_quartic_mismatch=product**4 * noise[1])
    found = list(claims.convergence(samples))
    assert [claim.source for claim in found] == [f"Fig. 5, Eq. {number}" for number in 2 * [15, 25, 16, 20]]
    for claim, expected in zip(found, 2 * [2, 2, 4, 4], strict=True):
        assert claim.ours.value == pytest.approx(expected, abs=4.5 * claim.ours.error)
        assert claim.ours.error < 0.3


def columns(*names):
    return tuple((lambda rows, name=name: rows[name]) if isinstance(name, str) else name for name in names)


def product(mode):
    return lambda rows: rows[f"{mode}_stiffness"] * rows[f"{mode}_quartic_coefficient"]


def ratio(one, other):
    return lambda rows: abs(rows[one] / rows[other])


def square(name):
    return lambda rows: rows[name] ** 2


# what the points and histograms of a figure show, and in which dimension
SHOWN = {
    "fig2": [(3, columns("participants_quartic", "quartic_quartic_coefficient"))],
    "fig4": [(d, columns(f"{mode}_frequency", f"participants_{mode}")) for d in (2, 3) for mode in ("harmonic", "quartic")],
    "fig7": [
        (3, columns("quartic_frequency", lambda rows: rows["cubic_stiffness"] / rows["quartic_stiffness"] - 1)),
        (3, columns("quartic_cubic_mismatch", ratio("cubic_cubic_coefficient", "quartic_cubic_coefficient"))),
        (3, columns("quartic_cubic_mismatch", ratio("cubic_quartic_coefficient", "quartic_quartic_coefficient"))),
    ],
    "fig8": [(3, columns(product("cubic"), lambda rows: abs(rows["cubic_cubic_coefficient"])))],
    "fig9": [
        (3, columns("quartic_frequency", "quartic_force_magnitude")),
        *((dimension, columns(product("cubic"), square("cubic_cubic_coefficient"))) for dimension in (2, 3, 4)),
        (3, columns(product("quartic"), square("quartic_cubic_coefficient"))),
        (3, columns("quartic_frequency", "quartic_quartic_coefficient")),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", SHOWN)
def test_points_are_the_columns_that_the_axes_name(name, campaign, outputs, monkeypatch):
    shown = set()

    def spy(function, place):
        def drawn(*arguments, **keywords):
            shown.update(zip(*(np.asarray(values) for values in arguments[place : place + 2]), strict=True))
            return function(*arguments, **keywords)

        return drawn

    monkeypatch.setattr(style, "scatter", spy(style.scatter, 1))
    monkeypatch.setattr(style, "histogram", spy(style.histogram, 2))
    script, models = TABLE_FIGURES[name]
    script.draw(campaign.observables(models), campaign.models, **outputs)
    samples = campaign_data.read_samples(campaign.observables(models), campaign.models)
    expected = set()
    for dimension, (x, y) in SHOWN[name]:
        rows = samples[samples["fine"] & (samples["dimension"] == dimension)]
        expected.update(zip(x(rows).to_numpy(), y(rows).to_numpy(), strict=True))
    assert len(expected) > 50 and expected <= shown
    if name != "fig9":  # whose panels (b) and (c) show other columns besides
        assert expected == shown


def test_lines_of_the_bound_are_eq_32(campaign, outputs, monkeypatch):
    kept = []
    monkeypatch.setattr(style, "save", lambda made, pdf, png: kept.append(made))
    fig8.draw(campaign.observables("poly3d"), campaign.models, **outputs)
    fig9.draw(campaign.observables("ipl2d ipl3d ipl4d"), campaign.models, **outputs)
    x, y = kept[0].axes[0].lines[0].get_data()
    assert np.square(y) == pytest.approx(3 * x)
    for panel in kept[1].axes[3:5]:
        x, y = panel.lines[-1].get_data()
        assert y == pytest.approx(3 * x)
    for made in kept:
        style.plt.close(made)


def test_fig_5_shows_the_running_medians(campaign, outputs, monkeypatch):
    kept = []
    monkeypatch.setattr(style, "save", lambda made, pdf, png: kept.append(made))
    fig5.draw(campaign.observables("ipl2d ipl3d"), campaign.models, **outputs)
    lines = [np.array(line.get_data(), dtype=float) for panel in kept[0].axes for line in panel.lines]
    samples = campaign_data.read_samples(campaign.observables("ipl2d ipl3d"), campaign.models)
    for _, rows in samples[samples["fine"]].groupby("ensemble"):
        for column in laws.CONVERGENCE:
            curve = statistics.running_median(rows["quartic_frequency"], rows[column], blocks=rows["block"])
            assert any(line.shape == (2, curve.x.size) and np.allclose(line, [curve.x, curve.median]) for line in lines)
    style.plt.close(kept[0])


def test_more_series_than_colours_are_all_drawn_and_told_apart(campaign, tmp_path, outputs):
    """Nine parent temperatures: the figure of predictions stopped at the seventh, Figs. 2 and 8 left the others out."""
    base = pd.read_parquet(campaign.tables["poly3d_n500_t050"])
    temperatures = np.linspace(0.3, 1.5, 9).round(2)
    paths = []
    for temperature in temperatures:
        paths.append(str(tmp_path / f"{temperature}.parquet"))
        base.assign(parent_temperature=temperature, ensemble=f"poly_t{temperature}").to_parquet(paths[-1])
    drawn, scatter = [], style.scatter

    def noted(axes, x, y, colour, marker, **how):
        drawn.append((colour, marker, len(x)))
        return scatter(axes, x, y, colour, marker, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "scatter", noted)
        for script in (fig2, fig8):
            drawn.clear()
            script.draw(paths, campaign.models, **outputs)
            assert len({colour for colour, _, _ in drawn}) == len(drawn) == 9
            assert [count for _, _, count in drawn] == [59] * 9
    predictions.draw(paths, campaign.models, **outputs)
    assert Path(outputs["caption"]).read_text().count("n = 59 (1 failed") == 9
    assert len(set(style.looks(36))) == 36 and style.looks(6) == list(zip(style.SERIES, style.MARKERS, strict=True))


def test_every_box_size_of_fig9_has_its_median(campaign, tmp_path, outputs, monkeypatch):
    monkeypatch.setattr(fig9, "LEAST_OF_A_SIZE", 20)
    base = pd.read_parquet(campaign.tables["ipl3d_n512"])
    paths = []
    for size in range(500, 1200, 100):
        paths.append(str(tmp_path / f"{size}.parquet"))
        base.assign(n_particles=size, ensemble=f"ipl3d_n{size}").to_parquet(paths[-1])
    seen = []
    monkeypatch.setattr(style, "save", lambda made, pdf, png: seen.append(len(made.axes[1].containers)))
    fig9.draw(paths, campaign.models, **outputs)
    assert seen == [7]


def test_core_is_centred_across_the_periodic_boundary():
    rng = np.random.default_rng(0)
    positions = rng.random((500, 3)) * 10
    mode = bump(positions, 10.0, 9.9, rng)
    centred = vectorfield.centred(positions, 10.0, mode)
    assert (np.abs(centred) <= 5).all()
    core = centred[vectorfield.largest(mode, 0.0)[:10]]
    assert np.linalg.norm(core.mean(axis=0)) < 1.5


def test_selection_rules(campaign):
    samples = campaign_data.read_samples(campaign.observables("ipl3d"), campaign.models)
    fine = samples[samples["fine"]]
    softest = selection.softest(fine)
    assert softest.iloc[0]["quartic_frequency"] == fine["quartic_frequency"].min()
    pairs = selection.hybridised_pairs(fine.assign(overlap_harmonic=0.6, overlap_first=0.9).assign(
        overlap_first=lambda t: np.where(t["sample"] == 7, 0.1, 0.9)))  # fmt: skip
    assert pairs.iloc[0]["sample"] == 7  # the only one with nearly orthogonal quartic modes
    middle = selection.representative_difference(fine)
    assert middle.iloc[0]["sample"] in laws.low_frequency(fine)["sample"].to_numpy()


def test_each_chunk_is_looked_through_once(campaign, outputs, monkeypatch):
    """Besides the two from which the chosen sample's fields are read."""
    opened = []

    class Counting(selection.storage.ChunkReader):
        def __init__(self, path, *rest):
            opened.append(str(path))
            super().__init__(path, *rest)

    chunks = campaign.chunks()
    chunks.pop("second_quartic")
    monkeypatch.setattr(selection.storage, "ChunkReader", Counting)
    fig3.draw(campaign.observables("ipl2d ipl3d"), campaign.models, **chunks, **outputs)
    assert sorted(opened) == sorted(2 * [path for paths in chunks.values() for path in paths])


def test_rankings_of_the_vector_fields():
    pairs = pd.DataFrame({"harmonic_quartic_mismatch": [0.05, 0.5, 0.3, 0.31], "overlap_harmonic": [0.1, 0.65, -0.6, 0.69],
                          "overlap_first": [0.0, -0.2, 0.1, 0.5]})  # fmt: skip
    ranked = selection.hybridised_pairs(pairs)
    assert ranked.index.tolist() == [2, 1, 0, 3] and ranked.iloc[0]["qualified"] == 3
    phonons = pd.DataFrame({"harmonic_quartic_mismatch": [0.02, 0.1, 0.3, 0.5], "participants_quartic": 10.0,
                            "participants_harmonic": [90.0, 30.0, 50.0, 200.0]})  # fmt: skip
    ranked = selection.hybridised_with_phonon(phonons)
    assert ranked.index.tolist() == [2, 1, 3, 0] and ranked.iloc[0]["qualified"] == 2
    frequency = np.arange(1.0, 8.0)
    soft = pd.DataFrame({"quartic_frequency": frequency, "quartic_stiffness": frequency**2, "n_particles": 500,
                         "harmonic_quartic_mismatch": (np.array([1, 3, 2, 9, 9, 9, 9]) * frequency**2) ** 2 / 2,
                         "phonon_frequency": 100.0})  # fmt: skip
    assert selection.representative_difference(soft).iloc[0]["quartic_frequency"] == 3  # of those below the median


def test_second_modes_that_failed_or_did_not_converge_are_left_out(campaign):
    (path,) = campaign.chunks(("ipl2d_n400",))["second_quartic"]
    with h5py.File(path, "r+") as file:
        file["failure"][1], file["converged"][2] = "negative stiffness", False
    assert selection.second_modes([path])["sample"].tolist() == [0, 3]


def test_histogram_counts_what_a_logarithmic_axis_cannot_show_and_guides_have_their_slope():
    made, axes = style.figure(3, 3)
    assert style.histogram(made, axes[0][0], [1.0, 2.0, np.nan, -1.0, 3.0], [1.0, 1.0, 1.0, 1.0, 0.0]) == 3
    style.guide(axes[0][0], (1.0, 4.0), (2.0, 8.0), 3.0, "")
    assert axes[0][0].lines[-1].get_ydata().tolist() == [1.0, 64.0]


def test_arrows_keep_their_scale():
    field = np.array([[3.0, 0.0], [0.0, 1.0]])
    reference = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert vectorfield.scaled_at(field, reference)[0] == pytest.approx([1.0, 0.0])
    assert (vectorfield.aligned(-reference, reference) == reference).all()


def test_power_of_ten_prints_as_the_paper_does():
    assert style.power_of_ten(3.6e-6) == r"$3.6\times10^{-6}$"
    assert style.power_of_ten(0.021) == "0.021"


def claim(low, high, count, accepted=(3.7, 4.3), least_samples=10):
    ours = Estimate((low + high) / 2, (high - low) / 4, low, high, count)
    return Claim("Eq. 30", "D(omega3)", "3D", "4", accepted, ours, least_samples)


@pytest.mark.parametrize(("low", "high", "count", "expected"), [
    (3.9, 4.1, 500, "agrees"), (3.0, 3.4, 500, "differs"), (3.0, 5.0, 500, "too few samples"),
    (3.9, 4.1, 5, "too few samples"), (3.4, 3.8, 500, "borderline"), (np.nan, np.nan, 500, "too few samples"),
    (3.4, 3.9, 500, "borderline"), (4.1, 4.5, 500, "borderline"), (3.7, 4.3, 500, "agrees"),
    (3.6, 4.3, 500, "too few samples"),
])  # fmt: skip
def test_verdict_follows_the_stated_rule(low, high, count, expected):
    assert claim(low, high, count).verdict == expected


def test_one_sample_breaks_a_theorem_and_a_range_may_have_no_end():
    shares = [statistics.proportion(np.arange(1000) >= broken) for broken in (0, 1)]
    verdicts = [Claim("Fig. 4", "", "", "always", (1.0, 1.0), ours, share=True, check=True).verdict for ours in shares]
    assert verdicts == ["holds", "differs"]
    wide = Claim("Fig. 9(e)", "", "", "much wider", (3.0, np.inf), Estimate(5.0, 0.5, 4.0, 6.0, 100))
    assert wide.verdict == "agrees"


def test_samples_needed_scale_with_the_square_of_the_width():
    assert claim(3, 5, 100, (3.75, 4.25)).samples_needed == 1600
    assert claim(3.9, 4.1, 5, least_samples=300).samples_needed == 300
    assert np.isnan(claim(3.9, 4.1, 500).samples_needed)  # it is decided already


def test_samples_needed_for_a_share_follow_wilson():
    ours = statistics.proportion(np.ones(24, dtype=bool))
    needed = Claim("Fig. 4", "share", "2D", "always", (0.99, 1.0), ours, share=True).samples_needed
    assert 0.0095 < np.subtract(*statistics.wilson_interval(int(needed), int(needed))[::-1]) <= 0.01


def minima_of_random_quartics(rng, n_samples, n_modes):
    """Softest of many minima x of A x^2/2 + B x + x^4/24 with random A and B, of two minima either one."""
    shape = n_samples * n_modes
    a, b = rng.uniform(-1, 1, shape), rng.uniform(-1, 1, shape)
    matrices = np.zeros((shape, 3, 3))
    matrices[:, 1, 0] = matrices[:, 2, 1] = 1
    matrices[:, 0, 2], matrices[:, 1, 2] = -6 * b, -6 * a  # the companion of x^3 + 6 A x + 6 B
    roots = np.linalg.eigvals(matrices)
    stiffness = np.where(np.abs(roots.imag) < 1e-9, a[:, None] + roots.real**2 / 2, -1.0)
    chosen = np.where(stiffness > 0, rng.random(stiffness.shape), -1.0).argmax(axis=1)[:, None]
    stiffness, x = (
        np.take_along_axis(values, chosen, 1).reshape(n_samples, n_modes) for values in (stiffness, roots.real)
    )
    softest = stiffness.argmin(axis=1)[:, None]
    stiffness, x = (np.take_along_axis(values, softest, 1)[:, 0] for values in (stiffness, x))
    return pd.DataFrame({"cubic_frequency": np.sqrt(stiffness), "cubic_asymmetry": x**2 / (3 * stiffness),
                         "block": np.arange(n_samples), "phonon_frequency": np.inf})  # fmt: skip


def test_minima_taken_as_they_come_have_omega_cubed_and_those_below_the_bound_omega_to_the_fourth():
    part = minima_of_random_quartics(np.random.default_rng(3), 20_000, 20)
    assert 0.1 < (part["cubic_asymmetry"] > 1).mean() < 0.5
    every, stable = (fit(part, "cubic_frequency") for fit in (laws.density_exponent, laws.stable_density_exponent))
    assert every.value == pytest.approx(3, abs=3 * every.error) and every.error < 0.2
    assert stable.value - every.value == pytest.approx(1, abs=3 * stable.error) and stable.error < 0.3


def tail(count, half):
    ours = Estimate(4.0, half / 2, 4 - half, 4 + half, count) if half else Estimate.missing(count)
    return Claim("Eq. 30", "D(omega3)", "3D", "4", (3.5, 4.5), ours, 4000, tail=True)


def test_samples_needed_for_a_tail_count_the_tail():
    """Of 400 or of 4000 samples the tail has 200: more of them help no more than that until 5 % are more than 200."""
    assert tail(400, 1.0).samples_needed == tail(4000, 1.0).samples_needed == 200 * 4 / laws.TAIL_SHARE
    assert tail(8000, 1.0).samples_needed == 4 * 8000
    assert tail(3000, 0.5).samples_needed == 4000  # the least number that is compared
    # none yet: the error of 1 + beta from n lowest modes is (1 + beta) / sqrt(n), here to be a tenth of it
    assert tail(40, 0).samples_needed == pytest.approx((1.96 / 0.1) ** 2 / laws.TAIL_SHARE, rel=1e-3)


def test_the_softest_sample_is_compared_only_with_that_of_as_large_an_ensemble(campaign):
    samples = campaign_data.read_samples(campaign.observables("ipl3d"), campaign.models)
    rows = [claim for claim in claims.softest(samples[samples["fine"]]) if claim.ensembles == "3D IPL, all N"]
    assert [row.verdict for row in rows] == ["too few samples"] * 2
    assert [row.samples_needed for row in rows] == [420_000] * 2
    softest = samples[samples["fine"]].nsmallest(1, "quartic_frequency").iloc[0]
    assert [row.ours.value for row in rows] == [softest["energy_difference"], softest["harmonic_quartic_mismatch"]]
    assert all(np.isnan(row.ours.error) for row in rows)  # of an extreme the bootstrap gives none
    as_many = replace(rows[0], ours=replace(rows[0].ours, count=420_000, value=0.001, low=0.001, high=0.001))
    assert as_many.verdict == "agrees"


def test_ensembles_of_several_sizes_give_their_common_exponent(campaign):
    """chi_3 falls with N at one frequency: where the law holds in every size it must be found in all together."""
    samples = campaign_data.read_samples(campaign.observables("ipl3d"), campaign.models)
    part = samples[samples["fine"]].copy()
    part["cubic_quartic_coefficient"] = np.where(part["n_particles"] > part["n_particles"].min(), 0.1, 1.0)
    (ours,) = (claim.ours for claim in claims.supporting(part)
               if claim.source == "Fig. 9(c)" and claim.ensembles.startswith("3D IPL"))  # fmt: skip
    assert ours.value == pytest.approx(0, abs=1e-6)


def test_thinning_keeps_the_softest_samples(campaign):
    samples = campaign_data.read_samples(campaign.observables("ipl3d"), campaign.models)
    fine = samples[samples["fine"]]
    few = campaign_data.thinned(fine, 40)
    assert 36 <= len(few) <= 40
    ranks = np.sort(fine["quartic_frequency"].rank(method="first")[few.index])
    assert (np.diff(ranks) <= 1 + ranks[1:] / 8).all() and ranks[-1] == len(fine)  # no gap among them
    assert not few["sample"].add(few["n_particles"] * 1000).duplicated().any()
    assert set(fine.nsmallest(8, "quartic_frequency").index) <= set(few.index)
    assert campaign_data.thinned(fine, 1000) is fine
