"""Other programs' configurations as glasses of a model; whatever is ambiguous is asked for or refused in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from nqe_core.configuration import Configuration
from nqe_core.energy import check_fits
from nqe_core.errors import InputError
from nqe_core.models import Model
from nqe_core.particle_files import Frame, read_frames
from nqe_core.source_files import source_files

SAME_LENGTH = 1e-5  # lengths this close are equal: files in single precision keep seven digits
SAME_PLACE = 1e-6  # of the smallest diameter; the last digit of files in single precision
SAME_DENSITY = 0.01  # a glass made at the model's density, in a box rounded by whoever wrote it


@dataclass(frozen=True)
class Conventions:
    """What a file means where it does not say so itself.

    Parameters
    ----------
    diameters : mapping of str to float, optional
        Type -> diameter in simulation units; goes before sizes that the file has.
    length_unit : float, optional
        The model's unit of length (the smallest diameter in the paper's models) in the file's; 1 by default, which
        LAMMPS files in units other than lj do not accept.
    any_density : bool
        Accept a number density that is not the model's.
    file_format : str, optional
        One of `particle_files.FORMATS`; by default what the ending says.
    """

    diameters: Mapping[str, float] | None = None
    length_unit: float | None = None
    any_density: bool = False
    file_format: str | None = None

    def __post_init__(self) -> None:
        if self.length_unit is not None and not (np.isfinite(self.length_unit) and self.length_unit > 0):
            raise InputError(f"length unit is {self.length_unit}, must be positive and finite")

    def record(self) -> dict:
        """As plain values, for a file's attributes."""
        return asdict(self)


def read_configurations(
    paths: str | Path | Sequence[str | Path],
    model: Model,
    *,
    diameters: Mapping[str, float] | None = None,
    length_unit: float | None = None,
    any_density: bool = False,
    file_format: str | None = None,
) -> list[Configuration]:
    """Every frame of one or more files, as configurations of a model in simulation units.

    Positions may be wrapped or not: forces see the shortest images only, and the results are the same.

    Parameters
    ----------
    paths : path, pattern such as "runs/*.xyz", or sequence of them
        Extended XYZ (.xyz, .extxyz), LAMMPS data (.data, .lmp) or dump (.dump, .lammpstrj), GSD (.gsd).
    model : Model
    diameters : mapping of str to float, optional
        Type -> diameter, in simulation units.
    length_unit : float, optional
        The model's unit of length (the smallest diameter in the paper's models) in the file's; 1 by default.
    any_density : bool
        Accept a number density that is not the model's.
    file_format : {"extxyz", "lammps-data", "lammps-dump", "gsd"}, optional

    Returns
    -------
    list of Configuration

    Raises
    ------
    InputError
        One line with file, frame and what is wrong or must be said.
    """
    conventions = Conventions(diameters, length_unit, any_density, file_format)
    patterns = [paths] if isinstance(paths, (str, Path)) else paths
    return [
        configuration_of(frame, model, conventions)
        for file in source_files(*map(str, patterns))
        for frame in read_frames(file, file_format)
    ]


def configuration_of(frame: Frame, model: Model, conventions: Conventions) -> Configuration:
    """One frame as a configuration of the model, or one line that says why not."""
    if frame.units not in ("", "lj") and conventions.length_unit is None:
        raise InputError(
            f"{frame.where}: lengths are in LAMMPS units {frame.units}, not lj; say with --length-unit how long the "
            "model's unit of length is (the smallest diameter in the paper's models)"
        )
    unit = conventions.length_unit or 1.0
    d = model.dimension
    _check_plane(frame, d)
    length = _edge(frame, d)
    x = frame.positions[:, :d]
    if not np.isfinite(x).all():
        raise InputError(
            f"{frame.where}: the position of particle {int(np.argmin(np.isfinite(x).all(axis=1)))} is not finite"
        )
    extent = np.ptp(x, axis=0)
    if (extent < 0.5 * length).any():
        raise InputError(
            f"{frame.where}: all particles lie within {extent.min():.3g} of a box of {length:.6g}; are the coordinates "
            "in units of the box?"
        )
    sizes = _diameters(frame, model, conventions, unit)
    configuration = Configuration(x / unit, sizes, length / unit)
    _check_apart(frame, configuration)
    density = configuration.n_particles / configuration.volume
    if not conventions.any_density and abs(density / model.number_density - 1.0) > SAME_DENSITY:
        suggested = unit * (density / model.number_density) ** (-1.0 / d)
        raise InputError(
            f"{frame.where}: number density is {density:.6g}, model {model.name!r} has {model.number_density:g}; say "
            f"with --length-unit how long the model's unit of length is ({suggested:.6g} would give the model's density), "
            "or that this density is meant with --any-density"
        )
    try:
        check_fits(configuration, model)
    except InputError as error:
        raise InputError(f"{frame.where}: {error}") from None
    return configuration


def _edge(frame: Frame, d: int) -> float:
    """Edge of the periodic cube (square) in the first d directions."""
    if not np.any(frame.cell):
        raise InputError(f'{frame.where}: states no box (in extended XYZ: Lattice="L 0 0 0 L 0 0 0 L")')
    if not all(frame.periodic[:d]):
        raise InputError(f"{frame.where}: the box is not periodic in every direction")
    cell = frame.cell[:d, :d]
    edges = np.diag(cell)
    tilted = np.abs(cell - np.diag(edges)).max() > SAME_LENGTH * np.abs(edges).max()
    if tilted or np.ptp(edges) > SAME_LENGTH * edges.max() or not edges.min() > 0:
        shape = " x ".join(f"{edge:.6g}" for edge in edges)
        raise InputError(
            f"{frame.where}: the box is {shape}{', tilted' if tilted else ''}; it must be a {'cube' if d == 3 else 'square'}"
        )
    return float(edges[0])


def _check_plane(frame: Frame, d: int) -> None:
    """Two dimensions when all particles lie in one plane, else three."""
    if d == 4:
        raise InputError(f"{frame.where}: the file has three dimensions, the model four")
    if len(frame.positions) < 2:
        raise InputError(f"{frame.where}: holds {len(frame.positions)} particles")
    flat = np.ptp(frame.positions[:, 2]) <= SAME_LENGTH * np.abs(frame.cell[:2, :2]).max()
    if flat != (d == 2):
        raise InputError(f"{frame.where}: the particles lie in {2 if flat else 3} dimensions, the model has {d}")


def _check_apart(frame: Frame, configuration: Configuration) -> None:
    """Two particles at one place have no energy."""
    tree = cKDTree(configuration.wrapped().positions, boxsize=configuration.box_length)
    if len(close := tree.query_pairs(SAME_PLACE, output_type="ndarray")):
        raise InputError(f"{frame.where}: particles {close[0, 0]} and {close[0, 1]} are at the same place")


def _diameters(frame: Frame, model: Model, conventions: Conventions, unit: float) -> np.ndarray:
    """Sizes in simulation units, those of the model's ends exactly."""
    if conventions.diameters is not None:
        missing = sorted(set(frame.types.tolist()) - set(conventions.diameters))
        if missing:
            raise InputError(
                f"{frame.where}: type {missing[0]!r} has no diameter (given: {', '.join(conventions.diameters)})"
            )
        sizes = np.array([conventions.diameters[name] for name in frame.types.tolist()], dtype=np.float64)
    elif frame.diameters is not None:
        sizes = np.array(frame.diameters, dtype=np.float64) / unit
    else:
        kinds = ", ".join(f"{name}=..." for name in sorted(set(frame.types.tolist()))[:4])
        raise InputError(
            f"{frame.where}: holds no diameters; give them by type: --diameters {kinds.replace(', ', ',')}"
        )
    ends = (model.smallest_diameter, model.largest_diameter)
    for end in ends:
        sizes[np.abs(sizes - end) <= SAME_LENGTH * end] = end
    outside = (sizes < ends[0]) | (sizes > ends[1])
    if model.two_sizes:
        outside |= ~np.isin(sizes, ends)
    if outside.any() or not np.isfinite(sizes).all():
        particle = int(np.argmax(outside | ~np.isfinite(sizes)))
        between = "or" if model.two_sizes else "to"
        raise InputError(
            f"{frame.where}: particle {particle} has diameter {sizes[particle]:.6g}, model {model.name!r} has "
            f"{ends[0]:g} {between} {ends[1]:g}"
        )
    return sizes
