"""Laws of medians: running medians, power laws, and prefactors that grow with the box."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nqe_core.statistics.blocks import Blocks, finite_rows
from nqe_core.statistics.bootstrap import draws, enough, from_draws, interval, median
from nqe_core.statistics.estimates import LEAST_BLOCKS, LEAST_SAMPLES, Estimate


@dataclass(frozen=True, eq=False)
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
    x: np.ndarray,
    y: np.ndarray,
    lower: float = 0.0,
    upper: float = math.inf,
    blocks: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> PowerLaw:
    """Fit of the median of y by amplitude x^exponent for lower <= x < upper.

    Least absolute deviations of ln y from a straight line in ln x: the running median's own law, without bins, and
    not drawn away by the broad upper tail that hybridised modes make.

    Parameters
    ----------
    x, y : ndarray, shape=(n,)
        Rows where one of them is not finite and positive are left out.
    lower, upper : float
        Cuts in x.
    blocks : ndarray, shape=(n,), optional
        Labels of the samples' blocks.
    groups : ndarray, shape=(n,), optional
        Labels of groups, such as box sizes, that share the exponent but have an amplitude each: where y depends on the
        group too, and groups lie at other x, one line through all of them has another slope than any of them. The
        amplitude is that of the largest group then.
    """
    codes = np.zeros(len(x)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    (x, y, codes), labels = finite_rows(x, y, codes, blocks=blocks)
    keep = (x > 0) & (y > 0) & (x >= lower) & (x < upper)
    log_x, log_y = np.log(x[keep]), np.log(y[keep])
    codes = np.unique(codes[keep], return_inverse=True)[1].reshape(-1)
    walkers = Blocks.of(None if labels is None else labels[keep], len(log_x))
    lines = _Lines(log_x, log_y, codes) if len(log_x) else None
    if lines is None or not enough(walkers) or lines.widest < 1e-6:
        return PowerLaw(Estimate.missing(len(log_x), walkers.count), math.nan, lower, upper)
    slope, offsets = lines.fit(np.ones(len(log_x)), None, 60)
    drawn = draws(lambda times: lines.fit(times, (slope, offsets), 25)[0], walkers)
    amplitude = math.exp(offsets[np.bincount(codes).argmax()])
    return PowerLaw(from_draws(slope, drawn, walkers), amplitude, lower, upper)


class _Lines:
    """Parallel straight lines y = slope x + offset, an offset for each group, by least absolute deviations."""

    def __init__(self, x: np.ndarray, y: np.ndarray, codes: np.ndarray) -> None:
        self.order = np.argsort(codes, kind="stable")  # group by group: sums of neighbours are quick
        self.x, self.y, self.counts = x[self.order], y[self.order], np.bincount(codes)
        self.starts = np.cumsum(self.counts) - self.counts
        self.widest = max(float(np.ptp(part)) for part in np.split(self.x, self.starts[1:]))

    def fit(self, weight: np.ndarray, start: tuple[float, np.ndarray] | None, steps: int) -> tuple[float, np.ndarray]:
        """Slope and offsets that minimise sum weight |y - slope x - offset|, by iteratively reweighted least squares."""
        weight = weight[self.order]
        slope, offsets = (
            start if start is not None else self._least_squares(weight, np.full(len(self.counts), math.nan))
        )
        if not math.isfinite(slope):
            return slope, offsets
        residual = np.abs(self._residual(slope, offsets))
        # residuals below this count as zero; it bounds the weights and sets the accuracy of the slope
        floor = 1e-4 * np.median(residual) + 1e-12
        for _ in range(steps):
            new, offsets = self._least_squares(weight / np.maximum(residual, floor), offsets)
            done = abs(new - slope) < 1e-6
            slope, residual = new, np.abs(self._residual(new, offsets))
            if done or not math.isfinite(slope):
                break
        return slope, offsets

    def _residual(self, slope: float, offsets: np.ndarray) -> np.ndarray:
        return self.y - slope * self.x - np.repeat(offsets, self.counts)

    def _least_squares(self, weight: np.ndarray, before: np.ndarray) -> tuple[float, np.ndarray]:
        """Weighted least squares; a group of which a resample has nothing keeps the offset that it had before."""
        total, mean_x, mean_y = (
            np.add.reduceat(values, self.starts) for values in (weight, weight * self.x, weight * self.y)
        )
        there = total > 0
        mean_x, mean_y = (np.divide(mean, total, out=np.zeros(len(total)), where=there) for mean in (mean_x, mean_y))
        centred = weight * (self.x - np.repeat(mean_x, self.counts))
        spread = centred @ self.x
        if spread <= 0:
            return math.nan, np.full(len(total), math.nan)
        slope = float(centred @ self.y / spread)
        return slope, np.where(there, mean_y - slope * mean_x, before)


def prefactor(
    x: np.ndarray, y: np.ndarray, exponent: float, upper: float = math.inf, blocks: np.ndarray | None = None
) -> Estimate:
    """Median of y / x^exponent for x < upper: f(L) of Eq. 15 with exponent 2, g(L) of Eq. 16 with exponent 4."""
    x, y, labels = _positive(x, y, blocks)
    keep = x < upper
    return median(y[keep] / x[keep] ** exponent, None if labels is None else labels[keep])


def size_exponent(lengths: np.ndarray, values: list[Estimate]) -> Estimate:
    """Exponent of a prefactor's growth with the box: straight line in the logs, weighted by the values' errors.

    Error and interval are propagated from those of the values: the interval of one from few blocks is wider.
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
    share = weight * centred / spread  # of each log in the exponent
    value, error = float(share @ log_value), float(spread**-0.5)
    half = float(np.linalg.norm(share * [(v.high - v.low) / (2 * v.value) for _, v in known]))
    return Estimate(value, error, value - half, value + half, count, blocks)
