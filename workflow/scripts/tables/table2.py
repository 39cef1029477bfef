"""Table II: shear modulus and density of each model, measured, beside the paper's."""

import sys
from pathlib import Path

import pandas as pd

# Snakemake puts a script's own folder on the path; the reading of tables lives beside the figures
sys.path.append(str(Path(__file__).resolve().parents[1] / "figures"))

import table_files
from campaign_data import choose, read_models, read_samples
from entry import run

from nqe_core import statistics
from nqe_core.models import MODELS


def draw(observables, models, md, csv, html=None):
    """Write Table II: one row for each model, parent temperature and N, and one for all N together."""
    samples, known = read_samples(observables, models), read_models(models)
    fine = choose(samples, "table II")
    rows = []
    for (name, temperature), part in fine.groupby(["model", "parent_temperature"], sort=True):
        hottest = temperature == fine[fine["model"] == name]["parent_temperature"].max()
        sizes = [(f"{size:.0f}", group) for size, group in part.groupby("n_particles")]
        for size, group in sizes + ([("all", part)] if len(sizes) > 1 else []):
            rows.append(_row(known[name], temperature, size, group, hottest))
    table_files.write(
        pd.DataFrame(rows), md, csv, "Table II. Athermal shear modulus G and mass density rho, in simulation units.",
        "G: mean over samples and strains with its standard error (samples of one Monte Carlo walker as one block); the "
        "median is less sensitive to the low tail of small systems. The paper's G is for high parent temperature, so it "
        "stands only beside the hottest ensemble of a model; models that are not the paper's have a dash.",
        page=html,
    )  # fmt: skip


def _row(model, temperature, size, group, hottest: bool) -> dict:
    paper = MODELS.get(model.name)  # the sheet's own file of models may have other constants
    modulus = statistics.mean(group["shear_modulus"], group["block"])
    density = group["n_particles"] / group["box_length"] ** model.dimension
    return {
        "model": model.name,
        "T_p": temperature,
        "N": size,
        "n": modulus.count,
        "G": modulus.value,
        "error": modulus.error,
        "median G": float(group["shear_modulus"].median()),
        "paper G": paper.shear_modulus_infinity if paper and hottest else None,
        "rho": float(density.mean()),
        "paper rho": paper.table_density if paper else None,
    }


if "snakemake" in globals():
    run(draw, globals()["snakemake"])
