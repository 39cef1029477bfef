"""Estimates with their uncertainty, and those that need no resampling: means and percentages."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from nqe_core.statistics.blocks import Blocks, finite_rows

CONFIDENCE = 0.95
QUANTILE = 1.959963984540054  # of the normal distribution, for CONFIDENCE
LEAST_SAMPLES = 8  # below this a median or a slope has no meaningful bootstrap error
LEAST_BLOCKS = 4  # and below this many independent blocks neither; four give 35 different resamples


@dataclass(frozen=True)
class Estimate:
    """A number measured on samples.

    Parameters
    ----------
    value, error : float
        The estimate and its standard error.
    low, high : float
        Ends of the 95 % interval.
    count : int
        Number of samples behind it.
    blocks : int
        Number of independent blocks of samples (walkers) behind it; 0 where it was not asked for.
    """

    value: float
    error: float
    low: float
    high: float
    count: int
    blocks: int = 0

    @classmethod
    def missing(cls, count: int = 0, blocks: int = 0) -> Estimate:
        """What stands for a number that so few samples cannot give."""
        return cls(math.nan, math.nan, math.nan, math.nan, int(count), int(blocks))

    @property
    def known(self) -> bool:
        return math.isfinite(self.value)


def widening(blocks: int) -> float:
    """How much wider than with many blocks a 95 % interval is: Student's quantile over the normal one."""
    return float(student.ppf((1 + CONFIDENCE) / 2, blocks - 1)) / QUANTILE


def mean(values: np.ndarray, blocks: np.ndarray | None = None) -> Estimate:
    """Mean with its standard error and Student's interval; two blocks are enough to state one.

    The variance of the mean is B/(B-1) sum_b (sum_{i in b} (x_i - mean))^2 / n^2 for B blocks, whatever the samples of
    one block have to do with each other; with one sample a block it is the usual s^2/n.
    """
    (values,), labels = finite_rows(values, blocks=blocks)
    groups = Blocks.of(labels, len(values))
    if groups.count < 2:
        return Estimate.missing(len(values), groups.count)
    value = float(values.mean())
    error = math.sqrt(_variance_of_mean(values - value, groups))
    half = QUANTILE * widening(groups.count) * error
    return Estimate(value, error, value - half, value + half, len(values), groups.count)


def _variance_of_mean(residuals: np.ndarray, groups: Blocks) -> float:
    total = float((groups.sums(residuals) ** 2).sum())
    return total * groups.count / (groups.count - 1) / len(residuals) ** 2


def wilson_interval(successes: float, trials: float) -> tuple[float, float]:
    """95 % interval of a probability from `successes` among `trials` (Wilson's score interval)."""
    if trials == 0:
        return 0.0, 1.0
    share, z = successes / trials, QUANTILE
    centre = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def proportion(counts: np.ndarray, blocks: np.ndarray | None = None) -> Estimate:
    """Share of the samples for which `counts` is true, with Wilson's interval and the error that corresponds to it.

    Samples of one block are worth fewer independent ones: n divided by the ratio of the blocks' variance of the mean to
    p(1-p)/n (the design effect, at least 1), and widened as Student's quantile is (Korn and Graubard). Where none or
    all count that ratio cannot be measured, and each block is taken for one sample.

    Parameters
    ----------
    counts : ndarray of bool, shape=(n,)
    blocks : ndarray, shape=(n,), optional
        Labels of the samples' blocks.
    """
    counts = np.asarray(counts, dtype=bool)
    groups = Blocks.of(blocks, len(counts))
    if groups.count < (1 if groups.single else 2):
        return Estimate.missing(len(counts), groups.count)
    share = float(counts.mean())
    low, high = wilson_interval(*(factor * _independent(counts, groups) for factor in (share, 1.0)))
    return Estimate(share, (high - low) / (2 * QUANTILE), low, high, len(counts), groups.count)


def _independent(counts: np.ndarray, groups: Blocks) -> float:
    """Number of independent samples that say as much about a share as these blocks do."""
    total, share = len(counts), float(counts.mean())
    if groups.single:
        return total
    if share in (0.0, 1.0):
        return groups.count
    design_effect = max(1.0, _variance_of_mean(counts - share, groups) * total / (share * (1 - share)))
    return total / design_effect / widening(groups.count) ** 2
