"""Laws of medians: running medians, power laws, and prefactors that grow with the box."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nqe_core.statistics.blocks import Blocks, finite_rows
from nqe_core.statistics.bootstrap import draws, enough, from_draws, interval, median
from nqe_core.statistics.estimates import LEAST_BLOCKS, LEAST_SAMPLES, QUANTILE, Estimate


@dataclass(frozen=True)
class RunningMedian:
    """Medians of y in consecutive bins of x (arrays of shape=(bins,)), with bootstrap bands.

    Where a bin's samples come from too few blocks its band is NaN.
    """

    x: np.ndarray
    median: np.ndarray
    low: np.ndarray
    high: np.ndarray
    count: np.ndarray


@dataclass(frozen=True)
class PowerLaw:
    """y = amplitude x^exponent for the median of y, fitted for lower <= x < upper."""

    exponent: Estimate
    amplitude: float
    lower: float
    upper: float


def running_median(
    x: np.ndarray, y: np.ndarray, bins: int = 12, least: int = LEAST_SAMPLES, blocks: np.ndarray | None = None
) -> RunningMedian:
    """Running median of y against x, with 95 % bootstrap bands.

    Bins are equally wide in log x; a bin with fewer than `least` samples is merged with the next one, so the sparse
    low-frequency end keeps its points. Each bin's place is the median of its x.
    """
    x, y, labels = _positive(x, y, blocks)
    rows = []
    for members in _merged_bins(x, bins, least):
        inside = y[members]
        groups = Blocks.of(None if labels is None else labels[members], len(inside))
        middle = float(np.median(inside))
        rows.append((np.median(x[members]), middle, *_band(inside, middle, groups), len(inside)))
    columns = np.array(rows, dtype=float).reshape(-1, 5).T
    return RunningMedian(*columns[:4], count=columns[4].astype(int))


def _band(values: np.ndarray, middle: float, groups: Blocks) -> tuple[float, float]:
    if groups.count < LEAST_BLOCKS:
        return math.nan, math.nan
    drawn = draws(lambda times: np.median(np.repeat(values, times)), groups)
    if (values <= 0).any():
        return interval(middle, drawn, groups)
    low, high = interval(math.log(middle), np.log(drawn), groups)  # widened, a positive number's band stays positive
    return math.exp(low), math.exp(high)


def _positive(x: np.ndarray, y: np.ndarray, blocks: np.ndarray | None):
    """Finite rows with positive x, and their blocks' labels."""
    (x, y), labels = finite_rows(x, y, blocks=blocks)
    keep = x > 0
    return x[keep], y[keep], None if labels is None else labels[keep]


def _merged_bins(x: np.ndarray, bins: int, least: int) -> list[np.ndarray]:
    """Indices of the samples of each bin of log x, from low to high, every bin with at least `least` samples."""
    if len(x) < least:
        return []
    order = np.argsort(x, kind="stable")
    edges = np.geomspace(x[order[0]], x[order[-1]], bins + 1)[1:-1]
    groups, held = [], []
    for part in np.split(order, np.searchsorted(x[order], edges)):
        held = np.concatenate([held, part]).astype(int)
        if len(held) >= least:
            groups.append(held)
            held = []
    if len(held):  # too few at the top: they belong to the last full bin
        groups[-1] = np.concatenate([groups[-1], held])
    return groups


def median_power_law(
    x: np.ndarray, y: np.ndarray, lower: float = 0.0, upper: float = math.inf, blocks: np.ndarray | None = None
) -> PowerLaw:
    """Fit of the median of y by amplitude x^exponent for lower <= x < upper.

    Least absolute deviations of ln y from a straight line in ln x: the running median's own law, without bins, and
    not drawn away by the broad upper tail that hybridised modes make.
    """
    x, y, labels = _positive(x, y, blocks)
    keep = (y > 0) & (x >= lower) & (x < upper)
    log_x, log_y = np.log(x[keep]), np.log(y[keep])
    groups = Blocks.of(None if labels is None else labels[keep], len(log_x))
    if not enough(groups) or np.ptp(log_x) < 1e-6:
        return PowerLaw(Estimate.missing(len(log_x), groups.count), math.nan, lower, upper)
    centre = log_x.mean()
    slope, offset = _least_absolute_line(log_x - centre, log_y, np.ones(len(log_x)), start=None)

    def resampled(times: np.ndarray) -> float:
        return _least_absolute_line(log_x - centre, log_y, times, start=(slope, offset))[0]

    exponent = from_draws(slope, draws(resampled, groups), groups)
    return PowerLaw(exponent, math.exp(offset - slope * centre), lower, upper)


def _least_absolute_line(x: np.ndarray, y: np.ndarray, weight: np.ndarray, start: tuple | None) -> tuple[float, float]:
    """Slope and offset that minimise sum weight |y - slope x - offset|, by iteratively reweighted least squares."""
    slope, offset = start if start is not None else np.polyfit(x, y, 1)
    residual = y - slope * x - offset
    # residuals below this count as zero; it bounds the weights and sets the accuracy of the slope
    floor = 1e-4 * np.median(np.abs(residual)) + 1e-12
    for _ in range(60 if start is None else 25):
        w = weight / np.maximum(np.abs(residual), floor)
        total, mean_x, mean_y = w.sum(), (w * x).sum(), (w * y).sum()
        mean_x, mean_y = mean_x / total, mean_y / total
        spread = (w * (x - mean_x) ** 2).sum()
        if spread <= 0:
            return math.nan, math.nan
        new = (w * (x - mean_x) * (y - mean_y)).sum() / spread
        done = abs(new - slope) < 1e-6
        slope, offset = float(new), float(mean_y - new * mean_x)
        residual = y - slope * x - offset
        if done:
            break
    return slope, offset


def prefactor(
    x: np.ndarray, y: np.ndarray, exponent: float, upper: float = math.inf, blocks: np.ndarray | None = None
) -> Estimate:
    """Median of y / x^exponent for x < upper: f(L) of Eq. 15 with exponent 2, g(L) of Eq. 16 with exponent 4."""
    x, y, labels = _positive(x, y, blocks)
    keep = x < upper
    return median(y[keep] / x[keep] ** exponent, None if labels is None else labels[keep])


def size_exponent(lengths: np.ndarray, values: list[Estimate]) -> Estimate:
    """Exponent of a prefactor's growth with the box: straight line in the logs, weighted by the values' errors.

    With two sizes the line is exact and the error is the one propagated from the two values.
    """
    known = [(length, v) for length, v in zip(lengths, values, strict=True) if v.known and v.value > 0 and v.error > 0]
    count, blocks = sum(v.count for _, v in known), sum(v.blocks for _, v in known)
    if len(known) < 2:
        return Estimate.missing(count, blocks)
    log_length = np.log([length for length, _ in known])
    log_value = np.log([v.value for _, v in known])
    weight = np.array([(v.value / v.error) ** 2 for _, v in known])
    centred = log_length - (weight * log_length).sum() / weight.sum()
    spread = (weight * centred**2).sum()
    value, error = float((weight * centred * log_value).sum() / spread), float(spread**-0.5)
    return Estimate(value, error, value - QUANTILE * error, value + QUANTILE * error, count, blocks)
