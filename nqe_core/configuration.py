"""A configuration: where the particles are, how large they are, and the periodic cube they live in."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

import numpy as np

from nqe_core.errors import InputError


@dataclass(frozen=True, eq=False)
class Configuration:
    """Particles in a periodic hypercube.

    The arrays are copies, and cannot be written to: what was checked stays so. `==` asks whether two are one object.

    Parameters
    ----------
    positions : ndarray, shape=(N, d)
        Cartesian coordinates in simulation units; they need not lie inside the box.
    diameters : ndarray, shape=(N,)
        Particle sizes lambda_i.
    box_length : float
        L, the edge of the cube.

    Raises
    ------
    InputError
        Wrong shapes, not finite, or not positive.
    """

    positions: np.ndarray
    diameters: np.ndarray
    box_length: float

    def __post_init__(self) -> None:
        positions = np.array(self.positions, dtype=np.float64, order="C", ndmin=1)
        diameters = np.array(self.diameters, dtype=np.float64, order="C", ndmin=1)
        if positions.ndim != 2 or positions.shape[1] not in (2, 3, 4):
            raise InputError(f"positions have shape {positions.shape}, must be (N, d) with d = 2, 3 or 4")
        if diameters.shape != positions.shape[:1]:
            raise InputError(f"diameters have shape {diameters.shape}, must be ({positions.shape[0]},)")
        finite = np.isfinite(positions).all(axis=1)
        if not finite.all():
            raise InputError(f"the position of particle {int(np.argmin(finite))} is not finite")
        if not (np.isfinite(diameters) & (diameters > 0)).all():
            worst = int(np.argmin(np.isfinite(diameters) & (diameters > 0)))
            raise InputError(f"the diameter of particle {worst} is {diameters[worst]}, must be positive and finite")
        if not (isinstance(self.box_length, Real) and np.isfinite(self.box_length) and self.box_length > 0):
            raise InputError(f"box_length is {self.box_length!r}, must be a positive number")
        # kernels get copies of these: numba would compile them once more for arrays that are read only
        positions.flags.writeable = diameters.flags.writeable = False
        object.__setattr__(self, "positions", positions)
        object.__setattr__(self, "diameters", diameters)
        object.__setattr__(self, "box_length", float(self.box_length))

    @property
    def n_particles(self) -> int:
        return self.positions.shape[0]

    @property
    def dimension(self) -> int:
        return self.positions.shape[1]

    @property
    def volume(self) -> float:
        return self.box_length**self.dimension

    @property
    def box(self) -> tuple[float, ...]:
        """The box as the kernels want it: d lengths, so that d is known when they are compiled."""
        return (self.box_length,) * self.dimension

    def wrapped(self) -> Configuration:
        """The same configuration with every particle inside [0, L)."""
        inside = self.positions - self.box_length * np.floor(self.positions / self.box_length)
        # a tiny negative coordinate plus L rounds to L itself
        inside[inside >= self.box_length] = 0.0
        return Configuration(inside, self.diameters, self.box_length)


def minimum_image(displacements: np.ndarray, box_length: float) -> np.ndarray:
    """Shortest periodic images of displacement vectors of any shape."""
    return displacements - box_length * np.rint(displacements / box_length)
