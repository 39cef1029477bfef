"""Frames of other programs' files: extended XYZ, LAMMPS data and dump (read by ASE), and GSD (read by gsd).

A frame is what the file says and no more: three dimensions, its own unit of length, types by name. What it means for a
model is decided in `nqe_core.foreign_glasses`. ASE and gsd come with the extra `io` and are imported when needed.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nqe_core.atomic_files import check_input
from nqe_core.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

FORMATS = ("extxyz", "lammps-data", "lammps-dump", "gsd")
_BY_SUFFIX = {
    ".xyz": "extxyz", ".extxyz": "extxyz", ".data": "lammps-data", ".lmp": "lammps-data",
    ".dump": "lammps-dump", ".lammpstrj": "lammps-dump", ".gsd": "gsd",
}  # fmt: skip
# columns that hold a particle's size, and what makes a diameter of it
_SIZES = {"diameter": 1.0, "diameters": 1.0, "radius": 2.0, "radii": 2.0, "Radius": 2.0}
_TYPE = "particle_type"
_ATOMS_LINE = re.compile(r"^Atoms\s*(?:#\s*(\S+))?", re.MULTILINE)
_DUMP_COUNT = re.compile(r"^ITEM: NUMBER OF ATOMS\s*^\s*(\d+)", re.MULTILINE)
_UNITS = re.compile(r"units\s*=\s*(\w+)|^ITEM: UNITS\s+(\w+)", re.MULTILINE)


@dataclass(frozen=True, eq=False)
class Frame:
    """One configuration as a file holds it.

    Parameters
    ----------
    where : str
        File and number of the frame, for messages.
    positions : ndarray, shape=(N, 3)
        In the file's unit of length, wrapped or not.
    cell : ndarray, shape=(3, 3)
        Box vectors in rows.
    periodic : tuple of bool
        For each box vector.
    types : ndarray of str, shape=(N,)
        Names or numbers of the particles' types.
    diameters : ndarray or None
        Sizes, where the file has them, in its unit of length.
    units : str
        The name of the unit system that the file states; '' for none.
    """

    where: str
    positions: np.ndarray
    cell: np.ndarray
    periodic: tuple[bool, bool, bool]
    types: np.ndarray
    diameters: np.ndarray | None
    units: str = ""


def file_format(path: Path, named: str | None = None) -> str:
    """The format of a file, by name or by its ending; `InputError` when neither says it."""
    if named is not None:
        if named not in FORMATS:
            raise InputError(f"unknown file format {named!r} (known: {', '.join(FORMATS)})")
        return named
    try:
        return _BY_SUFFIX[path.suffix]
    except KeyError:
        raise InputError(
            f"{path}: the ending {path.suffix!r} does not tell the format; name it with --format ({', '.join(FORMATS)})"
        ) from None


def read_frames(path: Path, named: str | None = None, wanted: slice = slice(None)) -> list[Frame]:
    """Frames of a file, in order.

    Parameters
    ----------
    path : Path
    named : str, optional
        One of `FORMATS`; by default what the ending says.
    wanted : slice
        Which; all by default. Others are not parsed.

    Raises
    ------
    InputError
        No such file, unknown format, damaged, a package of the extra `io` missing, or no frame.
    """
    path, kind = Path(path), file_format(path, named)
    reader = {"gsd": _gsd, "lammps-data": _lammps_data, "lammps-dump": _lammps_dump, "extxyz": _extended_xyz}[kind]
    with _readable(path, kind):
        frames = reader(path, wanted)
        if not frames:
            raise InputError(f"{path}: holds no configuration")
    return frames


def count_frames(path: Path, named: str | None = None) -> int:
    """How many frames a file has, without parsing them; arguments and errors as for `read_frames`."""
    path, kind = Path(path), file_format(path, named)
    with _readable(path, kind):
        if kind == "gsd":
            import gsd.hoomd

            with gsd.hoomd.open(path, "r") as trajectory:
                found = len(trajectory)
        elif kind == "lammps-data":
            found = 1
        else:
            text = path.read_text(encoding="utf-8")
            found = len(_dump_blocks(text) if kind == "lammps-dump" else _xyz_frames(path, _lines(text)))
        if not found:
            raise InputError(f"{path}: holds no configuration")
    return found


@contextmanager
def _readable(path: Path, kind: str) -> Iterator[None]:
    """Whatever a reader complains about becomes one line."""
    check_input(path)
    try:
        yield
    except InputError:
        raise
    except ImportError as error:
        raise InputError(
            f"{path}: reading {kind} needs the package {error.name!r}: pip install '.[io]' in the folder of pyproject.toml"
        ) from None
    # the readers' own errors are of every kind, from IndexError to NotImplementedError
    except Exception as error:
        text = " ".join(str(error).split())[:160]
        raise InputError(f"{path}: not a readable {kind} file ({type(error).__name__}: {text})") from None


def _sizes(columns: dict) -> np.ndarray | None:
    for name, factor in _SIZES.items():
        if name in columns:
            return factor * np.asarray(columns[name], dtype=np.float64).reshape(-1)
    return None


def _of_atoms(
    atoms: Atoms, where: str, types: np.ndarray, units: str = "", diameters: np.ndarray | None = None
) -> Frame:
    """From what ASE made of a file."""
    found = diameters if diameters is not None else _sizes(atoms.arrays)
    a, b, c = atoms.pbc
    return Frame(
        where, np.array(atoms.positions), np.array(atoms.cell), (bool(a), bool(b), bool(c)), types, found, units
    )


def _extended_xyz(path: Path, wanted: slice) -> list[Frame]:
    from ase.io.extxyz import read_extxyz

    lines = _lines(path.read_text(encoding="utf-8"))
    frames = []
    for number, place in list(enumerate(_xyz_frames(path, lines)))[wanted]:
        # ASE takes the column of species for chemical elements, and there is none of the name A
        text = re.sub(r"\bspecies:S:1\b", f"{_TYPE}:S:1", "".join(lines[place]))
        (atoms,) = read_extxyz(io.StringIO(text), slice(None))
        types = atoms.arrays.get(_TYPE, atoms.arrays.get("type", np.zeros(len(atoms), dtype=int)))
        frames.append(_of_atoms(atoms, f"{path}, frame {number}", np.asarray(types).astype(str)))
    return frames


def _lines(text: str) -> list[str]:
    """Lines as a file has them, with their ends."""
    return io.StringIO(text).readlines()


def _xyz_frames(path: Path, lines: list[str]) -> list[slice]:
    """Which lines each frame has: as many as it says; ASE counts to a number that cannot be, however long that takes."""
    frames: list[slice] = []
    line, end = 0, len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    while line < end:
        number = len(frames)
        count = lines[line].strip()
        if not count.isdecimal():
            raise InputError(
                f"{path}, line {line + 1}: {count[:40]!r} is not the number of particles of frame {number}"
            )
        if (left := len(lines) - line - 2) < int(count):
            raise InputError(f"{path}, frame {number}: says {count} particles, but {max(left, 0)} lines are left")
        frames.append(slice(line, line + 2 + int(count)))
        line = frames[-1].stop
    return frames


def _check_ids(where: str, ids: np.ndarray) -> None:
    """Every particle is there once."""
    values, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise InputError(f"{where}: particle {values[np.argmax(counts > 1)]} appears twice")


def _stated_units(text: str) -> str:
    found = _UNITS.search(text)
    return (found[1] or found[2]) if found else ""


def _lammps_data(path: Path, wanted: slice) -> list[Frame]:
    from ase.io.lammpsdata import read_lammps_data

    text = path.read_text(encoding="utf-8")
    style = _ATOMS_LINE.search(text)
    if style is None:
        raise InputError(f"{path}: holds no section Atoms")
    if style[1] is None:
        raise InputError(f"{path}: the atom style is not stated; write it behind the section's name: Atoms # atomic")
    _check_ids(str(path), np.array([int(line.split()[0]) for line in _section(text, style.end())]))
    diameters = None
    if style[1] == "sphere":
        text, diameters = _without_spheres(text, style.end())
    # "metal" leaves lengths as they are
    atoms = read_lammps_data(io.StringIO(text), units="metal", sort_by_id=True)
    types = np.asarray(atoms.arrays["type"], dtype=int).astype(str)
    return [_of_atoms(atoms, str(path), types, _stated_units(text[:2000]), diameters)][wanted]


def _section(text: str, start: int) -> list[str]:
    """Lines of the section of a data file whose title ends at `start`."""
    return [line for line in text[start:].lstrip().partition("\n\n")[0].splitlines() if line.strip()]


def _without_spheres(text: str, start: int) -> tuple[str, np.ndarray]:
    """The file with atom style atomic instead of sphere, which ASE does not know, and diameters in the order of ids.

    `start` is where the line Atoms ends; a sphere has the columns id type diameter density x y z [images].
    """
    head, table = text[:start].replace("sphere", "atomic"), text[start:].lstrip("\n")
    _, separator, rest = table.partition("\n\n")
    rows = [line.split() for line in _section(text, start)]
    diameters = {int(row[0]): float(row[2]) for row in rows}
    plain = "\n".join(" ".join(row[:2] + row[4:]) for row in rows)
    return f"{head}\n\n{plain}\n{separator}{rest}", np.array([diameters[number] for number in sorted(diameters)])


def _lammps_dump(path: Path, wanted: slice) -> list[Frame]:
    from ase.io.lammpsrun import read_lammps_dump_text

    text = path.read_text(encoding="utf-8")
    frames = []
    for number, block in list(enumerate(_dump_blocks(text)))[wanted]:
        columns = _dump_columns(block)
        (said,) = _DUMP_COUNT.findall(block)
        _check_dump(f"{path}, frame {number}", columns, int(said))
        (atoms,) = read_lammps_dump_text(io.StringIO(block), index=slice(None), units="metal", order=True)
        types = columns.get("element", columns.get("type"))
        if types is None or not {"x", "xu", "xs", "xsu"} & set(columns):
            raise InputError(f"{path}, frame {number}: a dump needs the columns type (or element) and x y z")
        frames.append(
            _of_atoms(atoms, f"{path}, frame {number}", types.astype(str), _stated_units(text[:200]), _sizes(columns))
        )
    return frames


def _dump_blocks(text: str) -> list[str]:
    """The text of each frame, without what `dump_modify time yes` writes before the next one."""
    blocks = [block.partition("ITEM: ATOMS") for block in text.split("ITEM: TIMESTEP")[1:]]
    return [f"ITEM: TIMESTEP{head}{atoms}{rows.partition('ITEM: ')[0]}" for head, atoms, rows in blocks]


def _check_dump(where: str, columns: dict[str, np.ndarray], said: int) -> None:
    """A frame has the particles that it says, each of them once."""
    if (held := len(next(iter(columns.values()), ()))) != said:
        raise InputError(f"{where}: says {said} particles, but holds {held}")
    if "id" in columns:
        _check_ids(where, columns["id"].astype(int))


def _dump_columns(block: str) -> dict[str, np.ndarray]:
    """Columns of one frame's table in the order of the ids; ASE drops those that it does not know, sizes among them."""
    names, _, rows = block.partition("ITEM: ATOMS")[2].partition("\n")
    table = np.array([line.split() for line in rows.splitlines() if line.strip()], dtype=str)
    columns = {name: table[:, index] for index, name in enumerate(names.split())}
    if "id" in columns:
        order = np.argsort(columns["id"].astype(int))
        columns = {name: column[order] for name, column in columns.items()}
    return columns


def _gsd(path: Path, wanted: slice) -> list[Frame]:
    import gsd.hoomd

    frames = []
    with gsd.hoomd.open(path, "r") as trajectory:
        for number in range(len(trajectory))[wanted]:
            snapshot = trajectory[number]
            lx, ly, lz, xy, xz, yz = (float(value) for value in snapshot.configuration.box)
            cell = np.array([[lx, 0.0, 0.0], [xy * ly, ly, 0.0], [xz * lz, yz * lz, lz]])
            particles = snapshot.particles
            names = np.array(particles.types, dtype=str)[particles.typeid]
            diameters = np.asarray(particles.diameter, dtype=np.float64)
            # 1.0 for everybody is what GSD says when nothing was written
            given = diameters if particles.N and not (diameters == 1.0).all() else None
            flat = snapshot.configuration.dimensions == 2
            where = f"{path}, frame {number}"
            frames.append(
                Frame(where, np.asarray(particles.position, np.float64), cell, (True, True, not flat), names, given)
            )
    return frames
