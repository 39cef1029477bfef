"""The bootstrap: statistics of samples with errors from resampling whole blocks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from nqe_core.statistics.blocks import Blocks, finite_rows
from nqe_core.statistics.estimates import CONFIDENCE, LEAST_BLOCKS, LEAST_SAMPLES, Estimate, widening

# number of bootstrap resamples (200: the error of an error is then 5 %) and the seed of their draws
_resampling = ContextVar("resampling", default=(200, 0))


@contextmanager
def resampling(count: int, seed: int = 0) -> Iterator[None]:
    """Within this context bootstrap errors come from `count` resamples drawn with `seed`."""
    token = _resampling.set((int(count), int(seed)))
    try:
        yield
    finally:
        _resampling.reset(token)


def enough(blocks: Blocks) -> bool:
    """Whether there are enough samples and blocks for a bootstrap error."""
    return len(blocks.codes) >= LEAST_SAMPLES and blocks.count >= LEAST_BLOCKS


def draws(weighted: Callable[[np.ndarray], float], blocks: Blocks) -> np.ndarray:
    """A statistic of resamples, shape=(resamples,): it takes how often each sample appears, shape=(n,)."""
    count, seed = _resampling.get()
    rng = np.random.default_rng(seed)
    return np.array([weighted(blocks.draw(rng)) for _ in range(count)])


def from_draws(value: float, drawn: np.ndarray, blocks: Blocks) -> Estimate:
    """Estimate from a statistic's value and its values on resamples.

    With few blocks B resamples vary too little: by (B-1)/B in the variance, and an interval must be wider than that of
    the normal distribution by as much as Student's is.
    """
    drawn = drawn[np.isfinite(drawn)]
    if not math.isfinite(value) or len(drawn) < 2:
        return Estimate.missing(len(blocks.codes), blocks.count)
    low, high = interval(value, drawn, blocks)
    error = float(drawn.std(ddof=1)) * _unbiased(blocks)
    return Estimate(float(value), error, low, high, len(blocks.codes), blocks.count)


def interval(value: float, drawn: np.ndarray, blocks: Blocks) -> tuple[float, float]:
    """95 % interval: quantiles of the resamples, drawn away from the value as `from_draws` says."""
    wider = _unbiased(blocks) * widening(blocks.count)
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(value + (low - value) * wider), float(value + (high - value) * wider)


def _unbiased(blocks: Blocks) -> float:
    return math.sqrt(blocks.count / (blocks.count - 1))


def bootstrap(statistic: Callable[..., float], *columns: np.ndarray, blocks: np.ndarray | None = None) -> Estimate:
    """A statistic of samples with its bootstrap error: whole blocks are drawn with replacement.

    Parameters
    ----------
    statistic : callable
        Takes the columns, returns a float.
    columns : ndarray, shape=(n,)
        The samples; rows where a column is not finite are left out.
    blocks : ndarray, shape=(n,), optional
        Labels of the samples' blocks; without them every sample is independent.
    """
    rows, labels = finite_rows(*columns, blocks=blocks)
    groups = Blocks.of(labels, len(rows[0]))
    if not enough(groups):
        return Estimate.missing(len(groups.codes), groups.count)
    every = np.arange(len(groups.codes))

    def resampled(times: np.ndarray) -> float:
        chosen = np.repeat(every, times)
        return statistic(*(column[chosen] for column in rows))

    return from_draws(statistic(*rows), draws(resampled, groups), groups)


def median(values: np.ndarray, blocks: np.ndarray | None = None) -> Estimate:
    """Median with its bootstrap error."""
    return bootstrap(np.median, values, blocks=blocks)
