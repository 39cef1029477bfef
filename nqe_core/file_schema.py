"""What a file of each stage holds: names, types and shapes of its datasets, one row per sample.

The leading axis of every dataset is the sample. A failed sample keeps its row: `failure` says why in a few words, and
the other values are those of `missing_row`. Everything is in simulation units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SCHEMA_VERSION = 2

UNITS = (
    "simulation units: lengths in the model's unit (the smallest diameter in the paper's models), energies in the pair "
    "potential's prefactor, unit masses"
)

# by-ways: the second soft spot behind a hybridised harmonic mode, for Fig. 1 only, and what lies beyond cubic modes
BY_WAYS = ("second_quartic", "double_wells")
# their places number the random streams: what is new goes to the end
STAGES = ("liquid", "inherent_state", "harmonic", "quartic", "second_quartic", "cubic", "observables", "double_wells")
HDF5_STAGES = tuple(stage for stage in STAGES if stage != "observables")

# CPU times (this and columns that start with it) are not reproducible bit by bit, hence not part of the checksum
UNREPRODUCIBLE = "seconds"


@dataclass(frozen=True)
class Field:
    """One dataset of a file, or one column of a table.

    Parameters
    ----------
    name : str
        Name of the dataset.
    kind : {"float", "int", "bool", "text"}
        Type of a value.
    shape : tuple of int
        Shape of one sample's value; () for a number.
    optional : bool
        Whether a good sample may be without it: of what was looked for and is not there.
    """

    name: str
    kind: str = "float"
    shape: tuple[int, ...] = ()
    optional: bool = False

    @property
    def dtype(self) -> np.dtype:
        """numpy's type of the values (object for text)."""
        return np.dtype({"float": "<f8", "int": "<i8", "bool": "?", "text": "O"}[self.kind])

    @property
    def missing(self):
        """The value of a failed sample: NaN, -1, False or ''."""
        if self.kind == "text":
            return ""
        return np.full(self.shape, {"float": np.nan, "int": -1, "bool": False}[self.kind], dtype=self.dtype)


COMMON = (Field("sample", "int"), Field("failure", "text"), Field("seconds"))


def _scalars(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name) for name in names)


def stage_fields(stage: str, n_particles: int, dimension: int, n_modes: int = 1) -> tuple[Field, ...]:
    """Datasets of a stage's file.

    Parameters
    ----------
    stage : str
        One of `HDF5_STAGES`.
    n_particles, dimension : int
        N and d.
    n_modes : int
        k, the number of harmonic modes per sample.

    Returns
    -------
    tuple of Field
    """
    vectors = (n_particles, dimension)
    particles = (Field("positions", "float", vectors), Field("diameters", "float", (n_particles,)), Field("box_length"))
    if stage == "liquid":
        return (*COMMON, *particles, *_scalars("energy", "displacement_acceptance", "swap_acceptance"))
    if stage == "inherent_state":
        scalars = _scalars("energy", "pressure", "force_ratio", "structure_peak")
        return (*COMMON, *particles, *scalars, Field("iterations", "int"), Field("converged", "bool"))
    if stage == "harmonic":
        return (
            *COMMON,
            Field("eigenvalues", "float", (n_modes,)),
            Field("modes", "float", (n_modes, *vectors)),
            Field("residual", "float", (n_modes,)),
            Field("converged", "bool"),
            Field("certified", "bool"),
        )
    if stage in ("quartic", "second_quartic", "cubic"):
        mode = (
            Field("modes", "float", vectors),
            *_scalars("stiffness", "cubic_coefficient", "quartic_coefficient", "participation_ratio", "residual"),
            Field("iterations", "int"),
            Field("converged", "bool"),
            Field("start", "int"),
        )
        overlaps = _scalars("overlap_harmonic", "overlap_first") if stage == "second_quartic" else ()
        return (*COMMON, *mode, *overlaps)
    if stage == "double_wells":
        expected = [f"expected_{point}_{what}" for point in ("barrier", "minimum") for what in ("energy", "distance")]
        found = [
            Field(f"{point}_{what}", "bool" if what == "found" else "float", optional=what != "found")
            for point in ("barrier", "minimum")
            for what in ("found", "energy", "distance", "along_mode", "participation_ratio")
        ]
        return (*COMMON, Field("asymmetry"), *(Field(name, optional=True) for name in expected), *found)
    raise ValueError(f"no file schema for stage {stage!r}")


def missing_row(fields: tuple[Field, ...], sample: int, failure: str) -> dict:
    """The row of a sample that failed: its address, the reason, and missing values for the rest."""
    row = {field.name: field.missing for field in fields}
    row.update(sample=sample, failure=" ".join(failure.split())[:300], seconds=0.0)
    return row
