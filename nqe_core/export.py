"""Inherent states, modes, tables and Hessians in the formats that other programs read.

Extended XYZ has every digit of a float64; GSD stores single precision, as HOOMD does. One mode is also what OVITO
calls the Displacement and draws as arrows; all modes are properties by their own names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
import scipy.io
import scipy.sparse as sparse

from nqe_core.atomic_files import written_aside
from nqe_core.configuration import Configuration
from nqe_core.errors import InputError
from nqe_core.hessian_matrix import hessian
from nqe_core.interactions import Interactions
from nqe_core.storage import ChunkReader, check_same_samples
from nqe_core.tables import concatenated, numbers_of, write_csv, write_parquet

# names of the types by size: ASE takes nothing but elements in extended XYZ; HOOMD's custom is A, B
XYZ_NAMES, GSD_NAMES = ("H", "He"), ("A", "B")
MODE_STAGES = ("harmonic", "quartic", "second_quartic", "cubic")
TABLES, GLASSES, HESSIANS = (".csv", ".parquet"), (".xyz", ".gsd"), (".npz", ".mtx")  # endings


@dataclass(frozen=True, eq=False)
class Exported:
    """One sample as it is written.

    Parameters
    ----------
    sample : int
    configuration : Configuration
    modes : dict
        Stage -> field, shape=(N, d).
    stiffness : dict
        Stage -> kappa of its mode (omega^2 of the harmonic one).
    """

    sample: int
    configuration: Configuration
    modes: dict[str, np.ndarray]
    stiffness: dict[str, float]


class Chunk:
    """The files of one chunk of samples, open: an inherent state and any modes of it.

    Parameters
    ----------
    paths : sequence of Path
        One file each of stage inherent_state and of any stages of modes; the stage is what the file says.

    Raises
    ------
    InputError
        Two files of one stage, none of inherent states, or other samples.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        with ExitStack() as stack:
            self._readers: dict[str, ChunkReader] = {}
            for path in paths:
                reader = stack.enter_context(ChunkReader(path, ("inherent_state", *MODE_STAGES)))
                if reader.stage in self._readers:
                    raise InputError(f"{path}: stage {reader.stage} was given twice")
                self._readers[reader.stage] = reader
            if "inherent_state" not in self._readers:
                raise InputError(f"{paths[0]}: positions are needed too: name the file of stage inherent_state")
            check_same_samples(list(self._readers.values()))
            self.model = self._readers["inherent_state"].model
            self._stack = stack.pop_all()

    def __enter__(self) -> Chunk:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def size(self) -> int:
        """Number of samples, failed ones included."""
        return len(self._readers["inherent_state"].samples)

    @property
    def stages(self) -> tuple[str, ...]:
        """Stages of the modes that are there."""
        return tuple(stage for stage in MODE_STAGES if stage in self._readers)

    def good(self, chosen: Iterable[int] | None = None) -> list[int]:
        """Samples that no stage failed for: those of `chosen`, or all."""
        every = self._readers["inherent_state"].samples if chosen is None else chosen
        return [
            int(sample)
            for sample in every
            if not any(reader.row(sample, "failure")["failure"] for reader in self._readers.values())
        ]

    def samples(self, chosen: Iterable[int] | None = None) -> Iterator[Exported]:
        """Samples that no stage failed for, one in memory at a time; those of `chosen`, or all."""
        state = self._readers["inherent_state"]
        for sample in self.good(chosen):
            modes, stiffness = {}, {}
            for stage in self.stages:
                name = "eigenvalues" if stage == "harmonic" else "stiffness"
                row = self._readers[stage].row(sample, "modes", name)
                if stage == "harmonic":  # a view of the lowest one would keep all modes in memory
                    row = {"modes": row["modes"][0].copy(), name: row[name][0]}
                modes[stage], stiffness[stage] = row["modes"], float(row[name])
            yield Exported(sample, state.configuration(sample), modes, stiffness)


def _check_kinds(paths: Sequence[Path], ending: str) -> None:
    """Tables, and what is one but for its format, become tables; files of stages anything else."""
    for path in map(Path, paths):
        if (
            ending in TABLES
            and path.suffix == ".h5"
            and not (_has_numbers_only(path) and all(Path(other).suffix == ".h5" for other in paths))
        ):
            raise InputError(f"{ending} is for tables (.parquet), {path} is a file of a stage")
        if ending not in TABLES and path.suffix == ".parquet":
            raise InputError(f"{ending} is for files of stages (.h5), {path} is a table")


def _has_numbers_only(path: Path) -> bool:
    with ChunkReader(path) as reader:
        return reader.stage == "double_wells"


def arrows_of(stages: Sequence[str], wanted: str | None) -> str | None:
    """The stage whose mode becomes `Displacement`: the wanted one, or the quartic, or the first that is there."""
    if wanted is not None and wanted not in stages:
        raise InputError(f"no file of stage {wanted!r} was given for the arrows (given: {', '.join(stages) or 'none'})")
    if wanted or not stages:
        return wanted
    return "quartic" if "quartic" in stages else stages[0]


def _in_space(vectors: np.ndarray) -> np.ndarray:
    """Vectors of the plane get a third component; shape=(N, 3)."""
    if vectors.shape[1] == 4:
        raise InputError("glasses in four dimensions fit neither extended XYZ nor GSD")
    return np.pad(vectors, ((0, 0), (0, 3 - vectors.shape[1])))


def _types(diameters: np.ndarray) -> np.ndarray:
    """Types by size where there are two sizes, 0 for the small; 0 for all otherwise."""
    sizes, place = np.unique(diameters, return_inverse=True)
    return place if len(sizes) == 2 else np.zeros(len(diameters), dtype=int)


def write_xyz(path: Path, samples: Iterable[Exported], arrows: str | None = None) -> None:
    """Extended XYZ, one frame per sample.

    Columns: species, pos, radius, disp (the mode `arrows`; OVITO reads it as Displacement), {stage}_mode. A glass in
    the plane has z = 0 and a box that is not periodic in z.
    """
    with written_aside(path) as aside, open(aside, "w", encoding="utf-8") as stream:
        for found in samples:
            _write_frame(stream, found, arrows)


def _write_frame(stream: TextIO, found: Exported, arrows: str | None) -> None:
    glass = found.configuration
    edge, flat = glass.box_length, glass.dimension == 2
    columns = [_in_space(glass.positions), 0.5 * glass.diameters[:, None]]
    names = ["pos:R:3", "radius:R:1"]
    for stage, mode in found.modes.items():
        if stage == arrows:
            columns.append(_in_space(mode))
            names.append("disp:R:3")
        columns.append(_in_space(mode))
        names.append(f"{stage}_mode:R:3")
    cell = [edge, 0, 0, 0, edge, 0, 0, 0, 1.0 if flat else edge]
    numbers = "".join(f" {stage}_stiffness={value!r}" for stage, value in found.stiffness.items())
    stream.write(
        f'{glass.n_particles}\nLattice="{" ".join(repr(float(value)) for value in cell)}" '
        f'Properties=species:S:1:{":".join(names)} pbc="T T {"F" if flat else "T"}" sample={found.sample}{numbers}\n'
    )
    for kind, row in zip(_types(glass.diameters), np.hstack(columns).tolist(), strict=True):
        stream.write(f"{XYZ_NAMES[kind]} {' '.join(map(repr, row))}\n")


def write_gsd(path: Path, samples: Iterable[Exported], arrows: str | None = None) -> None:
    """GSD, one frame per sample; modes are log/particles/{stage}_mode, and Displacement that of `arrows`."""
    try:
        import gsd.hoomd
    except ImportError:
        raise InputError(
            f"{path}: writing GSD needs the package 'gsd': pip install '.[io]' in the folder of pyproject.toml"
        ) from None
    with written_aside(path) as aside, gsd.hoomd.open(str(aside), "w") as trajectory:
        for found in samples:
            glass = found.configuration.wrapped()
            edge = glass.box_length
            frame = gsd.hoomd.Frame()
            frame.configuration.step = found.sample
            frame.configuration.dimensions = glass.dimension
            frame.configuration.box = [edge, edge, 0 if glass.dimension == 2 else edge, 0, 0, 0]
            frame.particles.N = glass.n_particles
            # GSD's box is centred at zero
            centred = glass.positions - 0.5 * edge
            frame.particles.position = _in_space(centred)
            frame.particles.types, frame.particles.typeid = list(GSD_NAMES), _types(glass.diameters)
            frame.particles.diameter = glass.diameters
            for stage, mode in found.modes.items():
                vectors = _in_space(mode).astype(np.float32)
                frame.log[f"particles/{stage}_mode"] = vectors
                if stage == arrows:
                    frame.log["particles/Displacement"] = vectors
            trajectory.append(frame)


def write_hessian(path: Path, matrix: sparse.csr_matrix) -> None:
    """One sparse matrix, as .npz of scipy.sparse or as .mtx of MatrixMarket, by the ending."""
    with written_aside(path) as aside, open(aside, "wb") as stream:
        if path.suffix == ".npz":
            sparse.save_npz(stream, matrix)
        else:
            scipy.io.mmwrite(stream, matrix, precision=17, symmetry="general")


def export_files(
    paths: Sequence[Path], output: str, chosen: Sequence[int] | None = None, arrows: str | None = None
) -> str:
    """Write what some files hold in the format that the output's ending says.

    Parameters
    ----------
    paths : sequence of Path
        Files of one chunk (an inherent state and modes of it), or tables (.parquet, and files of stage double_wells).
    output : str
        Ends in .xyz, .gsd, .npz, .mtx, .csv or .parquet. Several Hessians need `{sample}` in the name.
    chosen : sequence of int, optional
        Samples; all by default.
    arrows : str, optional
        Stage whose mode becomes the property Displacement; see `arrows_of`.

    Returns
    -------
    str
        One line: what was written.

    Raises
    ------
    InputError
        Files that do not belong together or into that format, an unknown ending, a missing sample or one that is named
        twice, arrows for what has none, four dimensions, gsd missing.
    """
    path, ending = Path(output), Path(output).suffix
    if ending not in (*TABLES, *GLASSES, *HESSIANS):
        raise InputError(f"{output}: the ending says the format and must be .xyz, .gsd, .npz, .mtx, .csv or .parquet")
    _check_kinds(paths, ending)
    if arrows is not None and ending not in GLASSES:
        raise InputError(f"--arrows is for glasses with modes (.xyz, .gsd); {output} has no arrows")
    if chosen is not None and (twice := [sample for sample, count in Counter(chosen).items() if count > 1]):
        raise InputError(f"--samples: sample {twice[0]} is named twice")
    if ending in TABLES:
        if chosen is not None:
            raise InputError("--samples is for glasses and modes; a table is exported whole")
        table = (numbers_of if Path(paths[0]).suffix == ".h5" else concatenated)(paths)
        (write_csv if ending == ".csv" else write_parquet)(path, table)
        return f"{path}: {table.num_rows} rows"
    with Chunk(paths) as chunk:
        samples = chunk.good(chosen)
        if not samples:
            raise InputError(f"{paths[0]}: every sample of these has failed in some stage")
        if ending in HESSIANS:
            if len(samples) > 1 and "{sample}" not in output:
                raise InputError(f"{output}: {len(samples)} Hessians need {{sample}} in the name")
            for found in chunk.samples(samples):
                matrix = hessian(Interactions.of(found.configuration, chunk.model))
                write_hessian(Path(output.replace("{sample}", str(found.sample))), matrix)
        else:
            write = write_xyz if ending == ".xyz" else write_gsd
            write(path, chunk.samples(samples), arrows_of(chunk.stages, arrows))
        left_out = chunk.size - len(samples) if chosen is None else len(chosen) - len(samples)
    return f"{output}: {len(samples)} samples" + (f", {left_out} failed ones left out" if left_out else "")
