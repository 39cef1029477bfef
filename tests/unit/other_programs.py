"""Small glasses, and the files in which other programs would hand them over."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nqe_core import MODELS, Configuration, quench

N = {"ipl2d": 64, "ipl3d": 64, "poly3d": 160}


def make_glass(name: str, seed: int = 0) -> Configuration:
    """An inherent state of random positions."""
    model, rng = MODELS[name], np.random.default_rng([seed, N[name]])
    length = model.box_length(N[name])
    start = Configuration(rng.random((N[name], model.dimension)) * length, model.draw_diameters(N[name], rng), length)
    found = quench(start, model)
    assert found.converged
    return found.configuration


def spatial(glass: Configuration) -> tuple[np.ndarray, list[float]]:
    """Positions with three components, and the box's edges."""
    d = glass.dimension
    return np.pad(glass.positions, ((0, 0), (0, 3 - d))), [glass.box_length] * d + [1.0] * (3 - d)


def types(glass: Configuration) -> np.ndarray:
    """1 for small, 2 for large."""
    return 1 + (glass.diameters > 1.2 * glass.diameters.min()).astype(int)


def write_xyz(
    path: Path, glass: Configuration, columns: str = "species:S:1:pos:R:3", lattice=None, head: str = ""
) -> Path:
    x, edges = spatial(glass)
    cell = lattice or f"{edges[0]!r} 0 0 0 {edges[1]!r} 0 0 0 {edges[2]!r}"
    lines = [str(len(x)), f'Lattice="{cell}" Properties={columns} {head}']
    for k, row in enumerate(x.tolist()):
        size = f" {float(glass.diameters[k])!r}" if "diameter" in columns else ""
        lines.append(f"{'AB'[types(glass)[k] - 1]} {' '.join(map(repr, row))}{size}")
    with open(path, "a", encoding="utf-8") as stream:
        stream.write("\n".join(lines) + "\n")
    return path


def write_lammps_data(path: Path, glass: Configuration, style: str = "atomic", header: str = "units = lj") -> Path:
    x, edges = spatial(glass)
    lines = [f"LAMMPS data file, {header}", "", f"{len(x)} atoms", "2 atom types", ""]
    lines += [f"0.0 {edge!r} {axis}lo {axis}hi" for axis, edge in zip("xyz", edges, strict=True)]
    lines += ["", f"Atoms # {style}" if style else "Atoms", ""]
    # in any order, as LAMMPS writes them
    for k in np.random.default_rng(0).permutation(len(x)):
        size = f"{float(glass.diameters[k])!r} 1.0 " if style == "sphere" else ""
        place = " ".join(map(repr, x[k].tolist()))
        lines.append(f"{k + 1} {types(glass)[k]} {size}{place} 0 0 0")
    path.write_text("\n".join(lines) + "\n")
    return path


def write_lammps_dump(
    path: Path, glass: Configuration, columns: str = "id type x y z", frames: int = 1, time: bool = False
) -> Path:
    x, edges = spatial(glass)
    lines = ["ITEM: UNITS", "lj"] if time else []
    for step in range(frames):
        lines += ["ITEM: TIME", f"{0.005 * step}"] if time else []
        lines += ["ITEM: TIMESTEP", str(step), "ITEM: NUMBER OF ATOMS", str(len(x)), "ITEM: BOX BOUNDS pp pp pp"]
        lines += [f"0.0 {edge!r}" for edge in edges] + [f"ITEM: ATOMS {columns}"]
        for k in np.random.default_rng(step).permutation(len(x)):
            values = {"id": k + 1, "type": types(glass)[k], "radius": float(0.5 * glass.diameters[k])}
            for a, axis in enumerate("xyz"):
                values |= {axis: x[k, a], f"{axis}u": x[k, a] + edges[a], f"{axis}s": x[k, a] / edges[a]}
            lines.append(" ".join(str(values[name]) for name in columns.split()))
    path.write_text("\n".join(lines) + "\n")
    return path


def write_gsd(path: Path, glass: Configuration, sizes: bool = True, frames: int = 1) -> Path:
    import gsd.hoomd

    x, edges = spatial(glass)
    with gsd.hoomd.open(str(path), "w") as trajectory:
        for step in range(frames):
            frame = gsd.hoomd.Frame()
            frame.configuration.step = step
            frame.configuration.dimensions = glass.dimension
            frame.configuration.box = [*edges, 0, 0, 0]
            frame.particles.N = len(x)
            frame.particles.position = x - 0.5 * np.array(edges) * (np.arange(3) < glass.dimension)
            frame.particles.types, frame.particles.typeid = ["A", "B"], types(glass) - 1
            if sizes:
                frame.particles.diameter = glass.diameters
            trajectory.append(frame)
    return path
