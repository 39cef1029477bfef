"""Table I: samples of each ensemble beside the paper's."""

import sys
from pathlib import Path

import pandas as pd

# Snakemake puts a script's own folder on the path; the reading of tables lives beside the figures
sys.path.append(str(Path(__file__).resolve().parents[1] / "figures"))

import table_files
from campaign_data import FAMILIES, PAPER_TEMPERATURE, model_name, read_models, read_samples
from entry import run

from nqe_core.ensembles import Ensemble, read_sheet

# Ensemble sizes of the paper: Table I, and Sec. II for POLY, at its parent temperatures. Keys: model, N.
PAPER = {
    ("ipl2d", 400): 10_000, ("ipl2d", 1600): 10_000, ("ipl2d", 6400): 10_000, ("ipl2d", 25600): 10_000,
    ("ipl3d", 2048): 320_000, ("ipl3d", 8192): 80_000, ("ipl3d", 32768): 20_000, ("ipl4d", 10000): 2_000,
    ("poly3d", 2000): 10_000, ("poly3d", 8000): 1_000,
}  # fmt: skip
TEMPERATURES = {"IPL": (PAPER_TEMPERATURE,), "POLY": (1.3, 0.5, 0.35)}


def draw(observables, sheet, models, md, csv, html=None, sampler="hybrid"):
    """Write Table I from the sheet (what was asked for, in relaxation times of that sampler) and the tables."""
    samples, known = read_samples(observables, models), read_models(models)
    rows = []
    for row in read_sheet(sheet, known, sampler):
        part = samples[samples["ensemble"] == row.ensemble]
        rows.append(
            {
                "ensemble": row.ensemble,
                "model": model_name(row.model, known[row.model].dimension),
                "N": row.n_particles,
                "T_p": row.parent_temperature,
                "asked for": row.n_samples,
                "made": len(part),
                "failed": len(part) - int(part["fine"].sum()),
                "paper": _in_the_paper(row),
            }
        )
    table = pd.DataFrame(rows).astype({"paper": "Int64"}).astype(object)
    table = table.where(table.notna(), None)
    table_files.write(
        table, md, csv, "Table I. Samples of each ensemble.",
        "Failed: samples with a stage that did not succeed or a mode that did not converge; figures leave them out. Paper: "
        "Table I, and Sec. II for POLY (a dash where the paper has no such ensemble).",
        page=html,
    )  # fmt: skip


def _in_the_paper(row: Ensemble) -> int | None:
    """The paper's number of samples of such glasses."""
    if row.parent_temperature not in TEMPERATURES.get(FAMILIES.get(row.model, ""), ()):
        return None
    return PAPER.get((row.model, row.n_particles))


if "snakemake" in globals():
    run(draw, globals()["snakemake"])
