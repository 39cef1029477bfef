"""Blocks: groups of samples that may depend on each other, such as those of one Monte Carlo walker."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Blocks:
    """Which block each sample belongs to.

    Parameters
    ----------
    codes : ndarray, shape=(n,)
        Number of the sample's block, 0 .. count-1.
    count : int
        Number of blocks: of independent units.
    """

    codes: np.ndarray
    count: int

    @classmethod
    def of(cls, labels: np.ndarray | None, n_samples: int) -> Blocks:
        """Blocks from labels, equal ones for samples of one block; without labels each sample is its own."""
        if labels is None:
            return cls(np.arange(n_samples), n_samples)
        found, codes = np.unique(np.asarray(labels), return_inverse=True)
        return cls(codes.reshape(-1), len(found))

    @property
    def single(self) -> bool:
        """Whether every sample is a block of its own."""
        return self.count == len(self.codes)

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """How often each sample appears, shape=(n,), when as many blocks as there are are drawn with replacement."""
        times = np.bincount(rng.integers(0, self.count, self.count), minlength=self.count)
        return times[self.codes]

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sum of the samples' values in each block, shape=(count,)."""
        return np.bincount(self.codes, weights=values, minlength=self.count)


def finite_rows(*columns: np.ndarray, blocks: np.ndarray | None = None) -> tuple[list[np.ndarray], np.ndarray | None]:
    """The rows of the columns in which all are finite, and the labels of these rows' blocks."""
    columns = [np.asarray(column, dtype=float) for column in columns]
    fine = np.logical_and.reduce([np.isfinite(column) for column in columns])
    return [column[fine] for column in columns], None if blocks is None else np.asarray(blocks)[fine]
