"""The paper's numbers and laws beside ours, each with a verdict that is computed, never typed in."""

import json as json_format
import math
import sys
from pathlib import Path

import pandas as pd
import yaml
from jsonschema import Draft202012Validator

# Snakemake puts a script's own folder on the path; what reads the tables lives beside the figures
sys.path.append(str(Path(__file__).resolve().parent / "figures"))
sys.path.append(str(Path(__file__).resolve().parent / "tables"))

import table_files
from campaign_data import of_the_paper, read_samples
from claim import RULE, VERDICTS, Claim
from claims import all_claims
from entry import run

SCHEMA = Path(__file__).resolve().parents[1] / "schemas" / "scorecard.schema.yaml"


def draw(observables, models, csv, md, json=None, html=None):
    """Write the scorecard from the tables of all ensembles; JSON goes beside the CSV when no place is named."""
    json = json or Path(csv).with_suffix(".json")
    samples = of_the_paper(read_samples(observables, models))
    rows = [_row(claim) for claim in all_claims(samples)]
    table = pd.DataFrame(rows)
    summary = {verdict: int(count) for verdict, count in table["verdict"].value_counts().items()}
    content = {"rule": RULE, "summary": summary, "rows": [_without_nan(row) for row in rows]}
    Draft202012Validator(yaml.safe_load(SCHEMA.read_text())).validate(content)
    for path in (csv, md, json):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(csv, index=False)
    Path(json).write_text(json_format.dumps(content, indent=1) + "\n", encoding="utf-8")
    shown, head = _for_reading(table), _head(table, summary, samples)
    Path(md).write_text(f"{head}\n\n{RULE}\n\n{table_files.markdown(shown)}\n", encoding="utf-8")
    if html:
        table_files.write_page(html, "Scorecard", shown, head, RULE)


def _row(claim: Claim) -> dict:
    ours = claim.ours
    return {
        "source": claim.source, "claim": claim.claim, "ensembles": claim.ensembles, "paper": claim.paper,
        "accepted_low": claim.accepted[0], "accepted_high": claim.accepted[1], "ours": ours.value, "error": ours.error,
        "low": ours.low, "high": ours.high, "n": ours.count, "walkers": ours.blocks, "verdict": claim.verdict,
        "samples_needed": claim.samples_needed,
    }  # fmt: skip


def _without_nan(row: dict) -> dict:
    return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()}


def _for_reading(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "where": table["source"],
            "claim": table["claim"],
            "measured on": table["ensembles"],
            "paper": table["paper"],
            "accepted": [
                f"{a:.4g} to {b:.4g}" for a, b in zip(table["accepted_low"], table["accepted_high"], strict=True)
            ],
            "ours": [_value(value, error) for value, error in zip(table["ours"], table["error"], strict=True)],
            "n": table["n"],
            "walkers": table["walkers"],
            "verdict": table["verdict"],
            "samples needed": [_rounded(value) for value in table["samples_needed"]],
        }
    )


def _head(table: pd.DataFrame, summary: dict, samples: pd.DataFrame) -> str:
    left_out = len(samples) - int(samples["fine"].sum())
    head = ", ".join(f"{summary[verdict]} {verdict}" for verdict in VERDICTS if verdict in summary)
    return (
        f"**Scorecard.** {len(table)} numbers and laws of the paper: {head}. {int(samples['fine'].sum())} samples in all"
        f" ({left_out} failed, left out)."
    )


def _rounded(value: float) -> str:
    """A number of samples, two digits of it."""
    if not math.isfinite(value):
        return "–"
    digits = max(0, math.floor(math.log10(value)) - 1)
    return f"{math.ceil(value / 10**digits) * 10**digits:,}"


def _value(value: float, error: float) -> str:
    if not math.isfinite(value):
        return "–"
    if not math.isfinite(error) or error <= 1e-12 * abs(value):  # rounding, of what is the same in all samples
        return f"{value:.4g}"
    digits = max(0, 1 - math.floor(math.log10(error)))
    return (
        f"{value:.{digits}f} ± {error:.{digits}f}"
        if digits < 6 and abs(value) >= 0.001
        else f"{value:.2g} ± {error:.1g}"
    )


if "snakemake" in globals():
    run(draw, globals()["snakemake"])
