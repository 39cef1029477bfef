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
SIDES = 14  # of the solid arrows' cross section
SHAFT = 0.021  # largest diameter of a shaft in box lengths
MOST_SPACINGS = 1.8
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


def longest_arrow(fields: list[np.ndarray]) -> float:
    """Displacement to be drawn with the longest arrow, for fields that share one scale, shape=(N, d) each.

    The largest one; in the plane more, where extended fields would otherwise cover themselves: most arrows of the
    densest field are no longer than `MOST_SPACINGS` distances between particles.
    """
    longest = max(largest_size(field) for field in fields)
    if fields[0].shape[1] == 3:
        return longest
    typical = max(float(np.quantile(np.linalg.norm(field, axis=1), 0.9)) for field in fields)
    return max(longest, typical * LONGEST[2] * math.sqrt(len(fields[0])) / MOST_SPACINGS)


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
    longest = longest or longest_arrow([field.vectors for field in fields])
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


def _view() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit vectors towards the viewer, to the right and upwards."""
    c, s = math.cos(AZIMUTH), math.sin(AZIMUTH)
    right = np.array([-s, c, 0.0])
    towards = np.array([c * math.cos(ELEVATION), s * math.cos(ELEVATION), math.sin(ELEVATION)])
    return towards, right, np.cross(towards, right)


def _light() -> np.ndarray:
    """Unit vector towards the light: from behind the viewer's left shoulder."""
    towards, right, up = _view()
    light = 0.7 * towards - 0.45 * right + 0.65 * up
    return light / np.linalg.norm(light)


def _project(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Perspective view of points (..., 3) in box lengths: screen coordinates (..., 2) and depth towards the viewer."""
    towards, right, up = _view()
    depth = points @ towards
    magnification = CAMERA_DISTANCE / (CAMERA_DISTANCE - depth)
    return np.stack([points @ right, points @ up], axis=-1) * magnification[..., None], depth


def _solid_arrows(tails: np.ndarray, tips: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Faces of solid arrows (a shaft and a cone), short ones thinner.

    Returns
    -------
    faces : ndarray, shape=(n, 3 SIDES, 4, 3)
        Corners: sides of the shaft, of the cone (triangles, one corner twice) and of the cone's base.
    normals : ndarray, shape=(n, 3 SIDES, 3)
        Outward unit vectors.
    """
    along = tips - tails
    length = np.maximum(np.linalg.norm(along, axis=1), 1e-12)[:, None]
    along = along / length
    helper = np.where(np.abs(along[:, 2:]) < 0.9, [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]])
    first = np.cross(along, helper)
    first /= np.linalg.norm(first, axis=1)[:, None]
    angles = 2 * np.pi * np.arange(SIDES + 1) / SIDES
    around = np.cos(angles)[:, None] * first[:, None] + np.sin(angles)[:, None] * np.cross(along, first)[:, None]
    shaft = np.minimum(width, 0.16 * length)[..., None] / 2
    head = np.minimum(0.5 * length, 2.6 * 2 * shaft[..., 0])
    neck = (tips - along * head)[:, None]
    tail, tip, cone = tails[:, None], tips[:, None] + 0 * around, 2.4 * shaft
    rings = [tail + shaft * around, neck + shaft * around, neck + cone * around]
    sides = [_between(rings[0], rings[1]), _between(rings[2], tip), _between(rings[1], rings[2])]
    middle = around[:, :-1] + around[:, 1:]
    middle /= np.linalg.norm(middle, axis=2)[..., None]
    slanted = middle * head[:, None] + along[:, None] * cone
    slanted /= np.linalg.norm(slanted, axis=2)[..., None]
    return np.concatenate(sides, axis=1), np.concatenate([middle, slanted, -along[:, None] + 0 * middle], axis=1)


def _between(lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Quadrilaterals between two rings of points, shape=(n, SIDES, 4, 3)."""
    return np.stack([lower[:, :-1], lower[:, 1:], upper[:, 1:], upper[:, :-1]], axis=2)


def _draw_space(axes, places: np.ndarray, fields: list[Field], scale: float) -> None:
    """Solid arrows lit from the upper left, which fade with depth and throw shadows on the floor."""
    _draw_box(axes)
    towards, light = _view()[0], _light()
    shapes, colours, orders, shadows = [], [], [], []
    for number, field in enumerate(fields):
        chosen = largest(field.vectors, field.fraction)
        step = field.vectors[chosen] * scale
        tails, tips = places[chosen] - step / 2, places[chosen] + step / 2
        faces, normals = _solid_arrows(tails, tips, SHAFT)
        screen, depth = _project(faces)
        depth = depth.mean(axis=2)
        seen = (normals * (towards * CAMERA_DISTANCE - faces.mean(axis=2))).sum(axis=2) > 0
        brightness = 0.7 + 0.3 * np.clip((normals * light).sum(axis=2), 0.0, 1.0)
        shine = 0.45 * np.clip((normals * light).sum(axis=2), 0.0, 1.0) ** 12
        colour = np.array(to_rgb(field.colour)) * brightness[..., None]
        colour = colour + (1 - colour) * shine[..., None]
        near = np.clip((depth + 0.75) / 1.5, 0.0, 1.0)
        colour = 1 - (1 - colour) * (1 - FOG * (1 - near) ** 1.5)[..., None]
        # arrow by arrow, of two at one particle that of the later field over the other; then an arrow's own faces
        centre = np.broadcast_to(_project(places[chosen])[1][:, None], depth.shape)
        order = np.stack([depth, np.full(depth.shape, number), centre], axis=-1)
        for parts, values in ((shapes, screen), (colours, colour), (orders, order)):
            parts.append(values[seen])
        floor = np.stack([tails, tips], axis=1)
        floor[..., 2] = -0.5
        fallen, _ = _project(floor)
        shadows.append(_arrows(fallen[:, 0], fallen[:, 1], np.full(len(chosen), 0.012)))
    axes.add_collection(PolyCollection(np.concatenate(shadows), facecolors="0.90", edgecolors="none", zorder=1))
    order = np.lexsort(np.concatenate(orders).T)  # the nearest last, over the others
    axes.add_collection(
        PolyCollection(np.concatenate(shapes)[order], facecolors=np.concatenate(colours)[order], edgecolors="face",
                       linewidths=0.15, zorder=3)
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
