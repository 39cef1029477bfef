"""Interactive views of displacement fields: one HTML file, to turn around and zoom, that needs nothing else."""

from __future__ import annotations

import base64
import html
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from vectorfield import LEAST_ARROWS, Field, longest_arrow

TEMPLATE = Path(__file__).with_name("view.html")
FULL = 32767  # numbers are stored as 16-bit integers: finer than a screen shows


@dataclass(frozen=True)
class Scene:
    """What one view shows.

    Parameters
    ----------
    name : str
        On the button that chooses it.
    places : ndarray, shape=(N, d)
        Centred positions, in [-L/2, L/2).
    box_length : float
    fields : list of (str, Field)
        Names and fields; all share one scale.
    """

    name: str
    places: np.ndarray
    box_length: float
    fields: list[tuple[str, Field]]


def write(path: str | Path, title: str, caption: str, scenes: list[Scene]) -> None:
    """Write the view of some scenes."""
    page = TEMPLATE.read_text(encoding="utf-8")
    data = json.dumps([_scene(scene) for scene in scenes], separators=(",", ":")).replace("</", "<\\/")
    texts = {"@TITLE@": html.escape(title), "@CAPTION@": html.escape(caption), "@DATA@": data}
    for mark, text in texts.items():
        page = page.replace(mark, text)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(page, encoding="utf-8")


def _scene(scene: Scene) -> dict:
    dimension = scene.places.shape[1]
    longest = longest_arrow([field.vectors for _, field in scene.fields])
    return {
        "name": scene.name,
        "dimension": dimension,
        "particles": len(scene.places),
        "positions": _packed(2 * scene.places / scene.box_length),
        "fields": [
            {"name": name, "colour": field.colour, "fraction": field.fraction, "least": LEAST_ARROWS[dimension],
             "vectors": _packed(field.vectors / longest)}
            for name, field in scene.fields
        ],
    }  # fmt: skip


def _packed(values: np.ndarray) -> str:
    """Numbers between -1 and 1 as base64 of little-endian 16-bit integers."""
    return base64.b64encode(np.round(np.clip(values, -1, 1) * FULL).astype("<i2").tobytes()).decode()
