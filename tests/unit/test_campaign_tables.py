"""Tables and scorecard of campaigns that hold more than the paper's models, and what they say of time and packages."""

import json
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from nqe_core import packed_tables, reference, tables
from nqe_core.ensembles import Ensemble
from nqe_core.errors import InputError
from nqe_core.file_schema import Field
from nqe_core.models import MODELS, OTHER_MODELS

sys.path.append(str(Path(__file__).resolve().parents[2] / "workflow" / "scripts"))
sys.path.append(sys.path[-1] + "/figures")
sys.path.append(sys.path[-2] + "/tables")

import campaign_data
import headers
import run_statistics
import scorecard
import table1
import table2
from synthetic_campaign import Campaign

TEMPERATURES = {"hertzian3d": 0.01, "ninarello3d": 0.5}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """3D IPL of N = 2048 and, with the same numbers of modes, a binary and a polydisperse model that are not the paper's."""
    campaign = Campaign(tmp_path_factory.mktemp("mixed"), 60)
    constants = yaml.safe_load(campaign.models.read_text())
    rows = campaign.sheet.read_text()
    for name, temperature in TEMPERATURES.items():
        constants[name] = {key: value for key, value in OTHER_MODELS[name].parameters().items() if key != "name"}
        table = pd.read_parquet(campaign.tables["ipl3d_n2048"])
        table = table.assign(model=name, ensemble=f"{name}_n2048", parent_temperature=temperature)
        campaign.tables[f"{name}_n2048"] = campaign.folder / f"{name}.parquet"
        table.to_parquet(campaign.tables[f"{name}_n2048"])
        rows += f"{name}_n2048\t{name}\t2048\t{temperature}\t60\t1\t60\t1\tquench\t0\t0\t10\t10\n"
    campaign.models.write_text(yaml.safe_dump(constants))
    campaign.sheet.write_text(rows)
    return campaign


@pytest.fixture
def files(tmp_path):
    return {"md": str(tmp_path / "t.md"), "csv": str(tmp_path / "t.csv")}


def test_other_models_are_not_taken_for_the_papers(mixed):
    assert set(campaign_data.FAMILIES) == set(MODELS)
    samples = campaign_data.read_samples(mixed.observables("ipl3d poly3d hertzian3d ninarello3d"), mixed.models)
    families = samples.drop_duplicates("model").set_index("model")["family"].to_dict()
    assert families == {"ipl3d": "IPL", "poly3d": "POLY", "hertzian3d": "hertzian3d", "ninarello3d": "ninarello3d"}
    labels = [campaign_data.label(part) for _, part in campaign_data.ensembles(samples)]
    assert "3D IPL, N = 2048" in labels and "hertzian3d, N = 2048, T_p = 0.01" in labels


def test_the_papers_columns_are_empty_for_other_models(mixed, files):
    table1.draw(mixed.observables("ipl3d hertzian3d ninarello3d"), mixed.sheet, mixed.models, **files)
    made = pd.read_csv(files["csv"]).set_index("ensemble")
    assert made["paper"]["ipl3d_n2048"] == 320_000
    assert made["paper"][[f"{name}_n2048" for name in TEMPERATURES]].isna().all()
    assert made["model"]["hertzian3d_n2048"] == "hertzian3d" and made["made"]["hertzian3d_n2048"] == 60
    table2.draw(mixed.observables("ipl3d hertzian3d"), mixed.models, **files)
    made = pd.read_csv(files["csv"]).set_index("model")
    assert (made.loc["ipl3d", "paper G"] == 12.4).all() and (made.loc["ipl3d", "paper rho"] == 0.82).all()
    other = made.loc["hertzian3d"]
    assert other["G"] > 0 and other[["paper G", "paper rho"]].isna().all()


def test_claims_are_about_the_papers_models_alone(mixed, tmp_path):
    def card(models):
        paths = {kind: str(tmp_path / f"s.{kind}") for kind in ("csv", "md", "json")}
        scorecard.draw(mixed.observables(models), mixed.models, **paths)
        return pd.read_csv(paths["csv"]), Path(paths["md"]).read_text()

    (alone, text), (beside, same) = card("ipl3d poly3d"), card("ipl3d poly3d hertzian3d ninarello3d")
    pd.testing.assert_frame_equal(alone, beside)
    assert text == same
    nothing, text = card("hertzian3d")
    assert (nothing[["source", "claim"]] == alone[["source", "claim"]]).all(axis=None)
    assert (nothing["n"] == 0).all() and " 0 samples in all" in text


# --- run statistics --------------------------------------------------------------------------------------------------


def chunk(path, model="ipl3d", count=4, packages=None):
    """A chunk's table and header as `nqe observables` writes them; its first sample failed in the quench."""
    fields = (Field("ensemble", "text"), Field("model", "text"), Field("n_particles", "int"),
              Field("parent_temperature"), Field("sample", "int"), Field("walker", "int"), Field("failure", "text"),
              *(Field(f"{mode}_{name}") for mode in ("harmonic", "quartic", "cubic") for name in
                ("stiffness", "cubic_coefficient", "quartic_coefficient", "participation_ratio",
                 "shear_strain_coupling")), Field("seconds_quench"), Field("seconds_harmonic"),
              Field("seconds"))  # fmt: skip
    rows = []
    for sample in range(count):
        row = {field.name: 1.0 for field in fields}
        row |= {"ensemble": "glass", "model": model, "n_particles": 256, "sample": sample, "walker": sample}
        row |= {"failure": "", "seconds_quench": 3.0, "seconds_harmonic": 2.0, "seconds": 1.0}
        if sample == 0:
            row |= {"failure": "upstream: quench not converged", "seconds_quench": 9.0, "seconds": 0.0}
            row |= {"seconds_harmonic": float("nan")}
        rows.append(row)
    header = {"ensemble": "glass", "model": model, "model_parameters": {}, "n_particles": 256, "temperature": 2.0,
              "root_seed": 7, "version": "0.1", "git_commit": "abc"}  # fmt: skip
    tables.write_table(path, fields, header | ({"packages": packages} if packages else {}), rows)
    return path


def test_run_statistics_count_the_time_of_failed_samples(mixed, tmp_path, files):
    path = str(chunk(tmp_path / "0.parquet"))
    run_statistics.draw(path, mixed.models, path, **files)
    (row,) = pd.read_csv(files["csv"]).to_dict("records")
    assert row["quench, CPU s a sample"] == pytest.approx((9 + 3 * 3) / 4)
    # three samples came so far
    assert row["harmonic, CPU s a sample"] == pytest.approx(2) and row["observables, CPU s a sample"] == 1
    assert row["CPU hours"] == pytest.approx((18 + 6 + 3) / 3600)


def test_run_statistics_name_the_packages_that_made_the_samples(mixed, tmp_path, files):
    old, new = "python 3.10.1, numpy 2.0.0", "python 3.12.3, numpy 2.1.0"
    made = [str(chunk(tmp_path / f"{k}.parquet", packages=each)) for k, each in enumerate((new, f"{old}; {new}", None))]

    def said(*sources):
        run_statistics.draw(made[:1], mixed.models, list(sources), **files)
        return Path(files["md"]).read_text()

    assert f"Versions of the packages: {new}." in said(made[0])
    assert f"Versions of the packages: {old}; {new}." in said(made[0], made[1])
    assert f"{new}; of some samples not recorded." in said(made[0], made[2])
    assert "Versions of the packages: not recorded." in said(made[2])
    assert headers.packages(made) == {new: 4, f"{old}; {new}": 4, "not recorded": 4}
    with pytest.raises(InputError, match=r"not a table of .nqe observables"):
        headers.header(Path(files["md"]))


def test_run_statistics_of_batches_new_and_old(mixed, tmp_path, files):
    """Older batches name the packages of who packed them."""
    source = chunk(tmp_path / "0.parquet", packages="python 3.12.3, numpy 2.1.0")
    row = Ensemble("glass", "ipl3d", 256, 2.0, 8, 1, 4, 1, "quench", 0.0, 0.2, 10, 10)
    part = {**packed_tables.pack_tables([source], tmp_path / "glass.parquet"), "packages": headers.packages([source])}
    content = reference.provenance("mine", {"glass": row}, {"glass": part}) | {"sha256": {}}
    batch = tmp_path / "provenance.json"

    def said():
        batch.write_text(json.dumps(content))
        run_statistics.draw(str(source), mixed.models, str(batch), **files)
        return Path(files["md"]).read_text()

    assert "Versions of the packages: python 3.12.3, numpy 2.1.0." in said()
    del content["ensembles"]["glass"]["packages"]
    content["versions"] = {"python": "3.11.7", "numpy": "2.4.6"}
    assert "python 3.11.7, numpy 2.4.6 (of who packed the batch)." in said()
