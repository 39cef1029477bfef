"""The bonds of one configuration, built once and shared by every contraction."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nqe_core.configuration import Configuration, minimum_image
from nqe_core.energy import PairList
from nqe_core.errors import InputError
from nqe_core.kernels import contractions as kernel
from nqe_core.kernels.bond_rows import Rows
from nqe_core.kernels.lanes import WIDTHS
from nqe_core.models import Model


@dataclass(frozen=True, eq=False)
class Interactions:
    """All interacting pairs and the derivatives of their energy in s = r^2.

    Parameters
    ----------
    i, j : ndarray of uint32, shape=(B,)
        The two particles of each bond.
    vectors : ndarray, shape=(B, d)
        x_ij = x_i - x_j, minimum image.
    g1, g2, g3, g4 : ndarray, shape=(B,)
        First to fourth derivative of the pair energy g(s).
    n_particles : int
    box_length : float
    """

    i: np.ndarray
    j: np.ndarray
    vectors: np.ndarray
    g1: np.ndarray
    g2: np.ndarray
    g3: np.ndarray
    g4: np.ndarray
    n_particles: int
    box_length: float

    @classmethod
    def of(cls, configuration: Configuration, model: Model) -> Interactions:
        """List the pairs within the cutoff of a configuration.

        Raises
        ------
        InputError
            When the configuration does not fit the model (dimension, box too small for the cutoff, cutoff too wide).
        ArithmeticError
            When so many particles are in one place that a particle has more partners than a list has room for.
        """
        pairs = PairList.of(configuration, model)
        place = np.repeat(np.arange(configuration.n_particles), np.diff(pairs.start).astype(np.int64))
        i, j = pairs.order[place], pairs.order[pairs.partner]
        vectors = minimum_image(configuration.positions[i] - configuration.positions[j], configuration.box_length)
        distance2 = np.einsum("ka,ka->k", vectors, vectors)
        potential = model.potential
        inside = distance2 * pairs.inverse_lambda2 < potential[0]
        g1, g2, g3, g4 = kernel.bond_derivatives(distance2[inside], pairs.inverse_lambda2[inside], potential)
        return cls(
            i=i[inside], j=j[inside], vectors=np.ascontiguousarray(vectors[inside]), g1=g1, g2=g2, g3=g3, g4=g4,
            n_particles=configuration.n_particles, box_length=configuration.box_length,
        )  # fmt: skip

    @property
    def dimension(self) -> int:
        return self.vectors.shape[1]

    @property
    def size(self) -> int:
        """Number of degrees of freedom, N d."""
        return self.n_particles * self.dimension

    @property
    def n_bonds(self) -> int:
        return self.i.size

    @property
    def box(self) -> tuple[float, ...]:
        return (self.box_length,) * self.dimension

    @property
    def volume(self) -> float:
        return self.box_length**self.dimension

    @cached_property
    def order(self) -> np.ndarray:
        """Particles in the order of `rows`: as they appear among the first of the bonds, which are sorted by cell."""
        first = np.full(self.n_particles, self.n_bonds, dtype=np.int64)
        np.minimum.at(first, self.i, np.arange(self.n_bonds))
        return np.argsort(first, kind="stable")

    @cached_property
    def mean_eigenvalue(self) -> float:
        """Trace of the Hessian, per degree of freedom."""
        return float(np.trace(self.diagonal_blocks(), axis1=1, axis2=2).sum() / self.size)

    @cached_property
    def rows(self) -> Rows:
        """The bonds as the solvers' kernels want them."""
        place = np.empty(self.n_particles, dtype=np.uint32)
        place[self.order] = np.arange(self.n_particles)
        by_row = np.argsort(place[self.i], kind="stable")
        start = np.zeros(self.n_particles + 1, dtype=np.uint32)
        start[1:] = np.cumsum(np.bincount(place[self.i], minlength=self.n_particles))
        vectors = np.zeros((self.n_bonds, WIDTHS[self.dimension]))
        vectors[:, : self.dimension] = self.vectors[by_row]
        g1, g2, g3, g4 = (g[by_row] for g in (self.g1, self.g2, self.g3, self.g4))
        return Rows(start, place[self.j][by_row], vectors.ravel(), g1, g2, g3, g4)

    def to_rows(self, z: np.ndarray) -> np.ndarray:
        """A field in the order of `rows`, flat."""
        return self.field(z).reshape(self.n_particles, -1)[self.order].ravel()

    def from_rows(self, z: np.ndarray) -> np.ndarray:
        """The inverse of `to_rows`."""
        result = np.empty((self.n_particles, self.dimension))
        result[self.order] = z.reshape(result.shape)
        return result.ravel()

    def field(self, z: np.ndarray) -> np.ndarray:
        """`z` as a flat contiguous array, or one clear line about its shape."""
        wanted = (self.n_particles, self.dimension)
        if np.shape(z) not in (wanted, (self.size,)):
            raise InputError(f"a displacement field has shape {np.shape(z)}, must be {wanted}")
        return np.ascontiguousarray(z, dtype=np.float64).reshape(-1)

    def hessian_product(self, z: np.ndarray) -> np.ndarray:
        """M.z, same shape as `z`."""
        out = np.empty(self.size)
        kernel.hessian_product(self.i, self.j, self.vectors.reshape(-1), self.g1, self.g2, self.field(z), out, self.box)
        return out.reshape(np.shape(z))

    def cubic_field(self, z: np.ndarray, weight2: float = 0.0, weight3: float = 1.0) -> np.ndarray:
        """weight2 M.z + weight3 U3:zz, same shape as `z`; by default U3:zz alone, -2 times the response of Eq. 5."""
        out = np.empty(self.size)
        kernel.cubic_field(
            self.i, self.j, self.vectors.reshape(-1), self.g1, self.g2, self.g3, self.field(z), weight2, weight3,
            out, self.box,
        )  # fmt: skip
        return out.reshape(np.shape(z))

    def quartic_field(self, z: np.ndarray, weight2: float = 0.0, weight4: float = 1.0) -> np.ndarray:
        """weight2 M.z + weight4 U4:zzz, same shape as `z`; by default U4:zzz alone, -6 times the response of Eq. 6."""
        out = np.empty(self.size)
        kernel.quartic_field(
            self.i, self.j, self.vectors.reshape(-1), self.g1, self.g2, self.g3, self.g4, self.field(z), weight2,
            weight4, out, self.box,
        )  # fmt: skip
        return out.reshape(np.shape(z))

    def cubic_scalars(self, z: np.ndarray) -> tuple[float, float]:
        """M:zz and U3:zzz of a field of any norm."""
        return kernel.cubic_scalars(
            self.i, self.j, self.vectors.reshape(-1), self.g1, self.g2, self.g3, self.field(z), self.box
        )

    def quartic_scalars(self, z: np.ndarray) -> tuple[float, float]:
        """M:zz and U4:zzzz of a field of any norm."""
        return kernel.quartic_scalars(
            self.i, self.j, self.vectors.reshape(-1), self.g1, self.g2, self.g3, self.g4, self.field(z), self.box
        )

    def diagonal_blocks(self) -> np.ndarray:
        """Diagonal d x d blocks of the Hessian, shape=(N, d, d)."""
        blocks = kernel.diagonal_blocks(
            self.i, self.j, self.vectors.reshape(-1), self.g1, self.g2, self.n_particles, self.box
        )
        return blocks.reshape(self.n_particles, self.dimension, self.dimension)
