"""Tables as Markdown, CSV and HTML pages."""

from __future__ import annotations

import html
import math
import re
from pathlib import Path

import pandas as pd

STYLE = """
  body { font: 14px/1.5 "DejaVu Sans", "Segoe UI", system-ui, sans-serif; color: #222; margin: 24px; }
  h1 { font-size: 17px; } p { max-width: 60em; }
  table { border-collapse: collapse; margin: 14px 0; font-size: 13px; }
  th, td { text-align: left; padding: 3px 12px 3px 0; border-bottom: 1px solid #ddd; vertical-align: top; }
  th { border-bottom: 1.5px solid #444; position: sticky; top: 0; background: #fff; }
  td.agrees { color: #1b7837; } td.differs { color: #b2182b; font-weight: 600; }
  td.borderline { color: #8c510a; } td.few { color: #777; }
"""
CLASSES = {
    "agrees": "agrees",
    "differs": "differs",
    "borderline": "borderline",
    "too few samples": "few",
    "holds": "few",
    "not comparable": "few",
}


def write(table: pd.DataFrame, md: str, csv: str, title: str, *notes: str, page: str | None = None) -> None:
    """Write a table: numbers in full as CSV, rounded for reading as Markdown and, for the report, as an HTML page."""
    for path in (md, csv):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(csv, index=False)
    parts = [f"**{title}**", markdown(table), *notes]
    Path(md).write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")
    if page:
        write_page(page, title, table, *notes)


def write_page(path: str | Path, title: str, table: pd.DataFrame, *notes: str) -> None:
    """Write a table with its title and notes as an HTML page that needs nothing else."""
    head = "".join(f"<th>{html.escape(str(name))}</th>" for name in table.columns)
    rows = "".join(f"<tr>{''.join(map(_html_cell, row))}</tr>\n" for row in table.itertuples(index=False))
    paragraphs = "".join(f"<p>{html.escape(re.sub(r'[*]{2}', '', note))}</p>\n" for note in notes if note)
    Path(path).write_text(
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{STYLE}</style></head>\n<body><h1>{html.escape(title)}</h1>\n<table><thead><tr>{head}</tr></thead>\n"
        f"<tbody>{rows}</tbody></table>\n{paragraphs}</body></html>\n",
        encoding="utf-8",
    )


def _html_cell(value) -> str:
    name = CLASSES.get(value) if isinstance(value, str) else None
    return f"<td{f' class={name}' if name else ''}>{html.escape(_text(value))}</td>"


def markdown(table: pd.DataFrame) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * len(table.columns)]
    cells = ([_text(value).replace("|", "\\|") for value in row] for row in table.itertuples(index=False))
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in cells)])


def _text(value) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) >= 100 else f"{value:.4g}"
    return str(value)
