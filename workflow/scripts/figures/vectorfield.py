"""Displacement fields as arrows: whole fields in the plane, the largest arrows with depth cues in space."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgb
from style import RASTER_ABOVE

LEAST_ARROWS = {2: 16, 3: 40}  # so that a small system's core is seen when the stated fraction leaves two arrows
CAMERA_DISTANCE = 3.0  # in box lengths, from the box's centre
AZIMUTH, ELEVATION = math.radians(-62.0), math.radians(18.0)
CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])  # of the box
FOG = 0.7  # how far the colour of the farthest arrow has faded to white
LONGEST = {2: 0.11, 3: 0.19}  # length of the longest arrow in box lengths


@dataclass(frozen=True)
class Field:
    """One displacement field and how it is drawn.

    Parameters
    ----------
    vectors : ndarray, shape=(N, d)
    colour : str
    fraction : float
        Share of the particles, those with the largest displacements, whose arrows are drawn.
    """

    vectors: np.ndarray
    colour: str
    fraction: float = 1.0


def centred(positions: np.ndarray, box_length: float, mode: np.ndarray) -> np.ndarray:
    """Positions wrapped such that the mode's core is in the box's centre: in [-L/2, L/2), shape=(N, d).

    The core's place is the circular mean of the positions with the weights |z_i|^4.
    """
    weight = (mode**2).sum(axis=1) ** 2
    phase = np.exp(2j * np.pi * positions / box_length)
    core = np.angle((weight[:, None] * phase).sum(axis=0)) * box_length / (2 * np.pi)
    return (positions - core + box_length / 2) % box_length - box_length / 2


def largest(vectors: np.ndarray, fraction: float) -> np.ndarray:
    """Indices of the particles with the largest displacements, at least `LEAST_ARROWS` of them."""
    wanted = min(len(vectors), max(math.ceil(fraction * len(vectors)), LEAST_ARROWS[vectors.shape[1]]))
    return np.argsort((vectors**2).sum(axis=1))[::-1][:wanted]


def shown_fraction(vectors: np.ndarray, fraction: float) -> str:
    """The share of particles that `largest` keeps, for the caption."""
    share = 100 * len(largest(vectors, fraction)) / len(vectors)
    return "100 %" if share == 100 else f"{share:.2g} %"


def aligned(field: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The field with the sign for which it points along the reference (the sign of a mode is arbitrary)."""
    return field if (field * reference).sum() >= 0 else -field


def largest_size(field: np.ndarray) -> float:
    """Size of the largest displacement."""
    return float(np.sqrt((field**2).sum(axis=1).max()))


def scaled_at(mode: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The mode scaled such that its largest component is as large as the same particle's in the reference."""
    particle = int((mode**2).sum(axis=1).argmax())
    return mode * (np.linalg.norm(reference[particle]) / np.linalg.norm(mode[particle]))


def scaled_at_core(field: np.ndarray, mode: np.ndarray) -> np.ndarray:
    """A field scaled such that its largest component within the mode's core is as large as the same particle's there.

    The core is the mode's `LEAST_ARROWS` largest components: the field itself may be larger far away.
    """
    core = largest(mode, 0.0)
    particle = core[(field[core] ** 2).sum(axis=1).argmax()]
    size = np.linalg.norm(field[particle])
    return field * (np.linalg.norm(mode[particle]) / size) if size > 0 else field


def draw(axes, positions: np.ndarray, box_length: float, fields: list[Field], longest: float | None = None) -> None:
    """Draw fields into an axes, in the plane (d = 2) or in space (d = 3). All fields share one scale.

    Parameters
    ----------
    positions : ndarray, shape=(N, d)
        Centred, in [-L/2, L/2).
    longest : float, optional
        Displacement that is drawn with the longest arrow; the largest of all fields if not given.
    """
    dimension = positions.shape[1]
    longest = longest or max(largest_size(field.vectors) for field in fields)
    scale = LONGEST[dimension] / longest
    places = positions / box_length
    axes.set_axis_off()
    axes.set_aspect("equal")
    if dimension == 2:
        _draw_plane(axes, places, fields, scale)
    else:
        _draw_space(axes, places, fields, scale)


def _arrows(tails: np.ndarray, tips: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Outlines of arrows in the plane, shape=(n, 7, 2): shaft and head grow with the arrow up to `width`."""
    along = tips - tails
    length = np.maximum(np.linalg.norm(along, axis=1), 1e-12)
    along = along / length[:, None]
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    shaft = np.minimum(width, 0.16 * length)[:, None] / 2
    head = np.minimum(0.55 * length, 4.2 * np.minimum(width, 0.16 * length))[:, None]
    neck = tips - along * head
    wide = 0.40 * head
    return np.stack(
        [tails + across * shaft, neck + across * shaft, neck + across * wide, tips, neck - across * wide,
         neck - across * shaft, tails - across * shaft], axis=1,
    )  # fmt: skip


def _draw_plane(axes, places: np.ndarray, fields: list[Field], scale: float) -> None:
    for order, field in enumerate(fields):
        chosen = largest(field.vectors, field.fraction)
        step = field.vectors[chosen] * scale
        tails = places[chosen] - step / 2
        shapes = _arrows(tails, tails + step, np.full(len(chosen), 0.007))
        axes.add_collection(
            PolyCollection(shapes, facecolors=field.colour, edgecolors="white", linewidths=0.08, zorder=2 + order,
                           rasterized=len(chosen) > RASTER_ABOVE)
        )  # fmt: skip
    corner = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5], [-0.5, -0.5]])
    axes.plot(*corner.T, color="0.6", lw=0.5, zorder=1)
    axes.set_xlim(-0.52, 0.52)
    axes.set_ylim(-0.52, 0.52)


def _project(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Perspective view of points (..., 3) in box lengths: screen coordinates (..., 2) and depth towards the viewer."""
    c, s = math.cos(AZIMUTH), math.sin(AZIMUTH)
    right = np.array([-s, c, 0.0])
    towards = np.array([c * math.cos(ELEVATION), s * math.cos(ELEVATION), math.sin(ELEVATION)])
    up = np.cross(towards, right)
    depth = points @ towards
    magnification = CAMERA_DISTANCE / (CAMERA_DISTANCE - depth)
    return np.stack([points @ right, points @ up], axis=-1) * magnification[..., None], depth


def _draw_space(axes, places: np.ndarray, fields: list[Field], scale: float) -> None:
    _draw_box(axes)
    shapes, colours, depths, shadows = [], [], [], []
    for field in fields:
        chosen = largest(field.vectors, field.fraction)
        step = field.vectors[chosen] * scale
        ends = np.stack([places[chosen] - step / 2, places[chosen] + step / 2], axis=1)
        screen, depth = _project(ends)
        depth = depth.mean(axis=1)
        near = np.clip((depth + 0.75) / 1.5, 0.0, 1.0)
        shapes.append(_arrows(screen[:, 0], screen[:, 1], 0.010 + 0.012 * near))
        colours.append(1 - (1 - np.array(to_rgb(field.colour))) * (1 - FOG * (1 - near) ** 1.5)[:, None])
        depths.append(depth)
        floor = ends.copy()
        floor[..., 2] = -0.5
        fallen, _ = _project(floor)
        shadows.append(_arrows(fallen[:, 0], fallen[:, 1], np.full(len(chosen), 0.012)))
    axes.add_collection(PolyCollection(np.concatenate(shadows), facecolors="0.90", edgecolors="none", zorder=1))
    order = np.argsort(np.concatenate(depths))  # the nearest last, over the others
    axes.add_collection(
        PolyCollection(np.concatenate(shapes)[order], facecolors=np.concatenate(colours)[order], edgecolors="white",
                       linewidths=0.25, zorder=3)
    )  # fmt: skip
    corners, _ = _project(CORNERS)
    middle, half = (corners.max(axis=0) + corners.min(axis=0)) / 2, 0.51 * np.ptp(corners, axis=0).max()
    axes.set_xlim(middle[0] - half, middle[0] + half)
    axes.set_ylim(middle[1] - half, middle[1] + half)


def _draw_box(axes) -> None:
    screen, depth = _project(CORNERS)
    hidden = int(depth.argmin())
    edges, dashed = [], []
    for a in range(8):
        for b in range(a + 1, 8):
            if np.count_nonzero(CORNERS[a] != CORNERS[b]) == 1:
                (dashed if hidden in (a, b) else edges).append((screen[a], screen[b]))
    axes.add_collection(LineCollection(edges, colors="0.55", linewidths=0.5, zorder=2))
    axes.add_collection(LineCollection(dashed, colors="0.75", linewidths=0.5, linestyles="dashed", zorder=0))
