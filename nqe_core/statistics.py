"""Statistics of the campaign: medians, power laws, prefactors, tails and percentages, each with its uncertainty.

Every estimate comes as an `Estimate`: a value, its standard error, a 95 % interval and the number of samples behind it.
Too few samples give an estimate of NaN that still carries its count, never an exception: whether a number is good
enough is decided where it is used.
Random numbers only resample the data, from a fixed seed, so that the same tables give the same figures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2

CONFIDENCE = 0.95
QUANTILE = 1.959963984540054  # of the normal distribution, for CONFIDENCE
LEAST_SAMPLES = 8  # below this a median or a slope has no meaningful bootstrap error

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
    """

    value: float
    error: float
    low: float
    high: float
    count: int

    @classmethod
    def missing(cls, count: int = 0) -> Estimate:
        """What stands for a number that so few samples cannot give."""
        return cls(math.nan, math.nan, math.nan, math.nan, int(count))

    @property
    def known(self) -> bool:
        return math.isfinite(self.value)


@dataclass(frozen=True)
class RunningMedian:
    """Medians of y in consecutive bins of x (arrays of shape=(bins,)), with bootstrap bands."""

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


def bootstrap(statistic: Callable[..., float], *columns: np.ndarray) -> Estimate:
    """A statistic of samples with its bootstrap error: rows are drawn with replacement, columns stay together.

    Parameters
    ----------
    statistic : callable
        Takes the columns, returns a float.
    columns : ndarray, shape=(n,)
        The samples; rows where a column is not finite are left out.
    """
    rows = _finite_rows(*columns)
    count = len(rows[0])
    if count < LEAST_SAMPLES:
        return Estimate.missing(count)
    resamples, rng = _resamples()
    draws = np.empty(resamples)
    for k in range(resamples):
        chosen = rng.integers(0, count, count)
        draws[k] = statistic(*(column[chosen] for column in rows))
    return _from_draws(statistic(*rows), draws, count)


def _resamples() -> tuple[int, np.random.Generator]:
    count, seed = _resampling.get()
    return count, np.random.default_rng(seed)


def _from_draws(value: float, draws: np.ndarray, count: int) -> Estimate:
    draws = draws[np.isfinite(draws)]
    if not math.isfinite(value) or len(draws) < 2:
        return Estimate.missing(count)
    low, high = np.quantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Estimate(float(value), float(draws.std(ddof=1)), float(low), float(high), int(count))


def _finite_rows(*columns: np.ndarray) -> list[np.ndarray]:
    columns = [np.asarray(column, dtype=float) for column in columns]
    fine = np.logical_and.reduce([np.isfinite(column) for column in columns])
    return [column[fine] for column in columns]


def mean(values: np.ndarray) -> Estimate:
    """Mean with its standard error (normal interval); two samples are enough to state one."""
    (values,) = _finite_rows(values)
    if len(values) < 2:
        return Estimate.missing(len(values))
    value, error = float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values)))
    return Estimate(value, error, value - QUANTILE * error, value + QUANTILE * error, len(values))


def median(values: np.ndarray) -> Estimate:
    """Median with its bootstrap error."""
    return bootstrap(np.median, values)


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """95 % interval of a probability from `successes` among `trials` (Wilson's score interval)."""
    if trials == 0:
        return 0.0, 1.0
    share, z = successes / trials, QUANTILE
    centre = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def proportion(successes: int, trials: int) -> Estimate:
    """A percentage as a fraction, with Wilson's interval and the error that corresponds to it."""
    if trials == 0:
        return Estimate.missing(0)
    low, high = wilson_interval(int(successes), int(trials))
    return Estimate(successes / trials, (high - low) / (2 * QUANTILE), low, high, int(trials))


def running_median(x: np.ndarray, y: np.ndarray, bins: int = 12, least: int = 5) -> RunningMedian:
    """Running median of y against x, with 95 % bootstrap bands.

    Bins are equally wide in log x; a bin with fewer than `least` samples is merged with the next one, so the sparse
    low-frequency end keeps its points. Each bin's place is the median of its x.
    """
    x, y = _finite_rows(x, y)
    keep = x > 0
    x, y = x[keep], y[keep]
    resamples, rng = _resamples()
    rows = []
    for members in _merged_bins(x, bins, least):
        inside = y[members]
        draws = [np.median(inside[rng.integers(0, len(inside), len(inside))]) for _ in range(resamples)]
        low, high = np.quantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        rows.append((np.median(x[members]), np.median(inside), low, high, len(inside)))
    columns = np.array(rows, dtype=float).reshape(-1, 5).T
    return RunningMedian(*columns[:4], count=columns[4].astype(int))


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


def median_power_law(x: np.ndarray, y: np.ndarray, lower: float = 0.0, upper: float = math.inf) -> PowerLaw:
    """Fit of the median of y by amplitude x^exponent for lower <= x < upper.

    Least absolute deviations of ln y from a straight line in ln x: the running median's own law, without bins, and
    not drawn away by the broad upper tail that hybridised modes make.
    """
    x, y = _finite_rows(x, y)
    keep = (x > 0) & (y > 0) & (x >= lower) & (x < upper)
    log_x, log_y = np.log(x[keep]), np.log(y[keep])
    count = len(log_x)
    if count < LEAST_SAMPLES or np.ptp(log_x) < 1e-6:
        return PowerLaw(Estimate.missing(count), math.nan, lower, upper)
    centre = log_x.mean()
    slope, offset = _least_absolute_line(log_x - centre, log_y, np.ones(count), start=None)
    resamples, rng = _resamples()
    draws = np.empty(resamples)
    for k in range(resamples):
        weight = np.bincount(rng.integers(0, count, count), minlength=count)  # rows drawn with replacement
        draws[k], _ = _least_absolute_line(log_x - centre, log_y, weight, start=(slope, offset))
    exponent = _from_draws(slope, draws, count)
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


def prefactor(x: np.ndarray, y: np.ndarray, exponent: float, upper: float = math.inf) -> Estimate:
    """Median of y / x^exponent for x < upper: f(L) of Eq. 15 with exponent 2, g(L) of Eq. 16 with exponent 4."""
    x, y = _finite_rows(x, y)
    keep = (x > 0) & (x < upper)
    return median(y[keep] / x[keep] ** exponent)


def size_exponent(lengths: np.ndarray, values: list[Estimate]) -> Estimate:
    """Exponent of a prefactor's growth with the box: straight line in the logs, weighted by the values' errors.

    With two sizes the line is exact and the error is the one propagated from the two values.
    """
    known = [(length, v) for length, v in zip(lengths, values, strict=True) if v.known and v.value > 0 and v.error > 0]
    count = sum(v.count for _, v in known)
    if len(known) < 2:
        return Estimate.missing(count)
    log_length = np.log([length for length, _ in known])
    log_value = np.log([v.value for _, v in known])
    weight = np.array([(v.value / v.error) ** 2 for _, v in known])
    centred = log_length - (weight * log_length).sum() / weight.sum()
    spread = (weight * centred**2).sum()
    value, error = float((weight * centred * log_value).sum() / spread), float(spread**-0.5)
    return Estimate(value, error, value - QUANTILE * error, value + QUANTILE * error, count)


def tail_exponent(values: np.ndarray, upper: float) -> Estimate:
    """Exponent beta of a density p(v) ~ v^beta below `upper`, from all modes that lie there (maximum likelihood).

    For many modes per sample; the likelihood is that of Hill: 1 + beta = m / sum ln(upper / v).
    """
    (values,) = _finite_rows(values)
    inside = values[(values > 0) & (values < upper)]
    return bootstrap(lambda v: len(v) / -np.log(v / upper).sum() - 1.0, inside)


def lowest_mode_exponent(lowest: np.ndarray, upper: float = math.inf) -> Estimate:
    """Exponent beta of D(omega) ~ omega^beta from the lowest mode alone of each sample.

    If modes are drawn independently from a density that begins as omega^beta, the lowest of many follows Weibull's
    extreme-value law, P(omega_min > omega) = exp[-(omega/s)^(1+beta)] (the paper's footnote 5): its density begins as
    omega^beta too, but a plain power-law fit reads too small an exponent as soon as the cut keeps a sizable share of
    the samples. Here Weibull's shape is fitted by maximum likelihood; samples whose lowest mode lies at or above
    `upper` count only as "not below upper" (censored), so phonons or the end of the power law do not spoil the fit.

    Parameters
    ----------
    lowest : ndarray, shape=(n,)
        One positive value a sample: omega, or what scales with a power of it (an energy barrier, a strain threshold).
    upper : float
        The cut; the count of the returned estimate is the number of samples below it.
    """
    (lowest,) = _finite_rows(lowest)
    lowest = lowest[lowest > 0]
    below = int((lowest < upper).sum())
    if below < LEAST_SAMPLES:
        return Estimate.missing(below)
    cut = min(upper, float(lowest.max()))
    estimate = bootstrap(lambda v: _weibull_shape(v, cut) - 1.0, lowest)
    return Estimate(estimate.value, estimate.error, estimate.low, estimate.high, below)


def _weibull_shape(values: np.ndarray, cut: float) -> float:
    """Maximum-likelihood shape k of P(v > x) = exp[-(x/s)^k], with the values at or above `cut` censored there."""
    # a largest value that equals the cut is itself an observation when nothing lies above it
    above = values.max() > cut
    inside = values[values < cut] if above else values
    if len(inside) < 2:
        return math.nan
    logs = np.log(inside / cut)
    censored = len(values) - len(inside)

    def score(shape: float) -> float:
        power = np.exp(shape * logs)
        return len(inside) / shape + logs.sum() - len(inside) * (power * logs).sum() / (power.sum() + censored)

    if score(1e3) >= 0:
        return math.nan
    return float(brentq(score, 1e-3, 1e3, xtol=1e-9))


def logarithmic_density(values: np.ndarray, bins: int = 15) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Probability density in bins of equal width in the log, empty bins left out.

    Returns
    -------
    centres, density, low, high : ndarray, shape=(filled bins,)
        `low` and `high` bound the density by the 68 % interval of a Poisson count (never zero, unlike -sqrt(count)).
    """
    (values,) = _finite_rows(values)
    values = values[values > 0]
    if len(values) < 2 or np.ptp(values) == 0:
        return np.empty(0), np.empty(0), np.empty(0), np.empty(0)
    edges = np.geomspace(values.min(), values.max() * (1 + 1e-9), bins + 1)
    counts, _ = np.histogram(values, edges)
    filled = counts > 0
    counts, width = counts[filled], np.diff(edges)[filled] * len(values)
    low, high = chi2.ppf(0.16, 2 * counts) / 2, chi2.ppf(0.84, 2 * counts + 2) / 2
    return np.sqrt(edges[:-1] * edges[1:])[filled], counts / width, low / width, high / width
