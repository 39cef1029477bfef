"""A picture of one glass's modes: harmonic and quartic mode as arrows, centred on the soft spot. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nqe_core.atomic_files import written_aside
from nqe_core.configuration import Configuration
from nqe_core.errors import InputError

LONGEST = 0.12  # length of the longest arrow, in box lengths
SHOWN = 0.25  # of a glass in space, the share of particles with the largest displacements that get arrows
DPI = 150


def check_matplotlib() -> None:
    """Raise `InputError` when there is nothing to draw with, before anything is computed."""
    try:
        import matplotlib  # noqa: F401 - only whether it is there
    except ImportError:
        raise InputError(
            "pictures need matplotlib: pip install '.[io]' in the folder of pyproject.toml, or say --no-picture"
        ) from None


def draw_modes(path: Path, configuration: Configuration, modes: Mapping[str, np.ndarray], title: str = "") -> None:
    """Draw modes side by side, seen along the last axis; in three dimensions colour is depth.

    Parameters
    ----------
    path : Path
        .png, .pdf or .svg.
    configuration : Configuration
        In two or three dimensions.
    modes : mapping of str to ndarray, shape=(N, d)
        Panel's name -> field. The last one's core is put in the middle.
    title : str

    Raises
    ------
    InputError
        Four dimensions; no mode, or one of another shape; an ending that is no format; matplotlib missing.
    """
    path = Path(path)
    check_matplotlib()
    from matplotlib.figure import Figure

    d, length = configuration.dimension, configuration.box_length
    if d == 4:
        raise InputError("a glass in four dimensions has no picture: say --no-picture")
    if not modes:
        raise InputError("no modes to draw")
    for name, field in modes.items():
        if np.shape(field) != configuration.positions.shape:
            raise InputError(f"mode {name!r} has shape {np.shape(field)}, must be {configuration.positions.shape}")
    fields = list(modes.values())
    places = _centred(configuration.positions, length, fields[-1]) / length
    figure = Figure(figsize=(4.0 * len(fields), 4.4), layout="constrained")
    known = sorted(figure.canvas.get_supported_filetypes())
    if (ending := path.suffix.removeprefix(".")) not in known:
        raise InputError(f"{path}: the ending says the format and must be one of .{', .'.join(known)}")
    for axes, (name, field) in zip(np.atleast_1d(figure.subplots(1, len(fields))), modes.items(), strict=True):
        # the sign of a mode is arbitrary: alike in all panels
        z = field if np.vdot(field, fields[-1]) >= 0 else -field
        size = np.linalg.norm(z, axis=1)
        shown = np.argsort(size)[::-1][: len(size) if d == 2 else max(40, int(SHOWN * len(size)))]
        arrows = z[shown] * (LONGEST / size.max())
        depth = places[shown, 2] if d == 3 else np.zeros(len(shown))
        axes.scatter(*places[:, :2].T, s=1.0, color="0.85", linewidths=0)
        axes.quiver(
            *places[shown, :2].T, *arrows[:, :2].T, depth, cmap="viridis" if d == 3 else "binary_r",
            angles="xy", scale_units="xy", scale=1.0, width=0.004,
        )  # fmt: skip
        axes.set(title=name, xlim=(-0.5, 0.5), ylim=(-0.5, 0.5), xticks=[], yticks=[], aspect="equal")
    figure.suptitle(title, fontsize="medium")
    with written_aside(path) as aside:
        figure.savefig(aside, format=ending, dpi=DPI)


def _centred(positions: np.ndarray, length: float, field: np.ndarray) -> np.ndarray:
    """Positions in [-L/2, L/2) around the field's core, the circular mean with the weights |z_i|^4."""
    weight = np.sum(field**2, axis=1) ** 2
    core = np.angle(weight @ np.exp(2j * np.pi * positions / length)) * length / (2 * np.pi)
    return (positions - core + length / 2) % length - length / 2
