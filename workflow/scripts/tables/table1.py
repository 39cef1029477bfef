"""Table I: samples of each ensemble beside the paper's."""

import sys
from pathlib import Path

import pandas as pd

# Snakemake puts a script's own folder on the path; the reading of tables lives beside the figures
sys.path.append(str(Path(__file__).resolve().parents[1] / "figures"))

import table_files
from campaign_data import model_name, read_models, read_samples
from entry import run

from nqe_core.ensembles import read_sheet

# Ensemble sizes of the paper: Table I, and Sec. II for POLY. Keys: model, N.
PAPER = {
    ("ipl2d", 400): 10_000, ("ipl2d", 1600): 10_000, ("ipl2d", 6400): 10_000, ("ipl2d", 25600): 10_000,
    ("ipl3d", 2048): 320_000, ("ipl3d", 8192): 80_000, ("ipl3d", 32768): 20_000, ("ipl4d", 10000): 2_000,
    ("poly3d", 2000): 10_000, ("poly3d", 8000): 1_000,
}  # fmt: skip


def draw(observables, sheet, models, md, csv, html=None):
    """Write Table I from the sheet (what was asked for) and the tables (what there is)."""
    samples, known = read_samples(observables, models), read_models(models)
    rows = []
    for row in read_sheet(sheet, known):
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
                "paper": PAPER.get((row.model, row.n_particles)),
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


if "snakemake" in globals():
    run(draw, globals()["snakemake"])
