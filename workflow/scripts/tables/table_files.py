"""Tables as Markdown and CSV."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd


def write(table: pd.DataFrame, md: str, csv: str, title: str, *notes: str) -> None:
    """Write a table twice: numbers in full as CSV, rounded for reading as Markdown with a title and notes."""
    for path in (md, csv):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(csv, index=False)
    parts = [f"**{title}**", markdown(table), *notes]
    Path(md).write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")


def markdown(table: pd.DataFrame) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * len(table.columns)]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in table.itertuples(index=False)]
    return "\n".join(lines)


def _cell(value) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) >= 100 else f"{value:.4g}"
    return str(value).replace("|", "\\|")
