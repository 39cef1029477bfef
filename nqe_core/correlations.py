"""How much of a state is left after some time: correlation functions of a walker's states, and their times.

Errors are jackknifed over independent walkers, never over times, which are not independent.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import curve_fit
from scipy.stats import t as student

from nqe_core.statistics import Estimate

OVERLAP_LENGTH = 0.3  # a particle overlaps with where it was while it has moved less, in simulation units
FIT_WINDOW = (0.1, 0.85)  # values of a correlation function between which a stretched exponential is fitted


@dataclass(frozen=True, eq=False)
class Decay:
    """One correlation function.

    Parameters
    ----------
    values : ndarray, shape=(n_walkers, n_lags)
        1 at lag 0.
    time : Estimate
        Lag at which it falls to 1/e, from a stretched exponential fitted to the mean over the walkers; infinite where
        it does not fall so far, NaN where it has at the first lag after 0: states at shorter intervals are needed then.
    stretching : float
        Exponent of the fit; NaN without one.
    """

    values: np.ndarray
    time: Estimate
    stretching: float


def unfolded(positions: np.ndarray, box_length: float) -> np.ndarray:
    """Paths through the images of the box, without the drift of the whole.

    Parameters
    ----------
    positions : ndarray, shape=(n_times, N, d)
        Between two times no particle moves by half a box.
    box_length : float

    Returns
    -------
    ndarray, shape=(n_times, N, d)
    """
    moves = np.diff(positions, axis=0)
    moves -= box_length * np.rint(moves / box_length)
    path = np.concatenate([positions[:1], positions[0] + np.cumsum(moves, axis=0)])
    return path - path.mean(axis=1, keepdims=True)


def _over_lags(series: np.ndarray, product: Callable[[np.ndarray, np.ndarray], float]) -> np.ndarray:
    """Means of a product of two times, for lags up to half the series."""
    lags = range(1, len(series) // 2)
    return np.array([1.0, *(product(series[lag:], series[:-lag]) for lag in lags)])


def overlap(path: np.ndarray) -> np.ndarray:
    """Share of the particles within `OVERLAP_LENGTH` of where they were.

    Parameters
    ----------
    path : ndarray, shape=(n_times, N, d)

    Returns
    -------
    ndarray, shape=(n_times // 2,)
        For lags 0, 1, ...
    """
    return _over_lags(path, lambda a, b: float((((a - b) ** 2).sum(axis=2) < OVERLAP_LENGTH**2).mean()))


def self_scattering(path: np.ndarray, wave_number: float) -> np.ndarray:
    """Self-intermediate scattering function F_s(q, t) along the axes; arguments and result as for `overlap`."""
    phase = np.exp(1j * wave_number * path)
    return _over_lags(phase, lambda a, b: float((a * b.conj()).real.mean()))


def memory(sizes: np.ndarray) -> np.ndarray:
    """Autocorrelation of every particle's size, shape=(n_times, N); NaN beyond lag 0 where all are equal."""
    x = sizes - sizes.mean()
    variance = (x * x).mean() or math.nan
    return _over_lags(x, lambda a, b: float((a * b).mean() / variance))


def first_peak_wave_number(positions: np.ndarray, box_length: float) -> float:
    """Wave number of the first peak of the structure factor, along the axes.

    Parameters
    ----------
    positions : ndarray, shape=(n_states, N, d)
    box_length : float

    Returns
    -------
    float
        q, a multiple of 2 pi / L.
    """
    spacing = box_length / positions.shape[1] ** (1 / positions.shape[2])
    highest = math.ceil(2.0 * box_length / spacing)  # the peak lies near q = 2 pi / spacing
    numbers = np.arange(1, highest + 1)
    factor = [np.mean(np.abs(np.exp(2j * np.pi / box_length * k * positions).mean(axis=1)) ** 2) for k in numbers]
    return float(2 * np.pi / box_length * numbers[int(np.argmax(factor))])


def integrated_time(energies: np.ndarray) -> float:
    """Integrated autocorrelation time in steps of the series, with a window of five times itself (Sokal).

    Parameters
    ----------
    energies : ndarray, shape=(n_walkers, n_times)
        Independent series with a common mean.
    """
    x = energies - energies.mean()
    spectrum = np.abs(np.fft.rfft(x, 2 * x.shape[1], axis=1)) ** 2
    correlation = np.fft.irfft(spectrum.mean(axis=0))[: x.shape[1]] / np.arange(x.shape[1], 0, -1)
    times = 0.5 + np.cumsum(correlation[1:] / correlation[0])
    enough = np.arange(1, times.size + 1) > 5 * times
    return float(times[int(np.argmax(enough))]) if enough.any() else math.inf


def variance(series: np.ndarray) -> float:
    """Variance of one value, from correlated series of independent walkers.

    Taken about the mean of all, since a walker's own mean follows its slow fluctuations and hides them; what this mean
    takes away in turn is the variance of itself, which the scatter of the walkers' means gives. So the expectation is
    exact for any length of the series.

    Parameters
    ----------
    series : ndarray, shape=(n_walkers, n_times)
        At least two walkers.
    """
    means = series.mean(axis=1)
    return float(((series - means.mean()) ** 2).mean() + means.var(ddof=1) / len(means))


def decay(lags: np.ndarray, values: np.ndarray) -> Decay:
    """The relaxation time of a correlation function.

    Nothing is known of its course before the first lag after 0: a time below that one is not stated (NaN), for whatever is
    drawn from there to 1 at lag 0 would give half the lag or more.

    Parameters
    ----------
    lags : ndarray, shape=(n_lags,)
        From 0.
    values : ndarray, shape=(n_walkers, n_lags)
    """
    time = jackknife(lambda chosen: _fitted(lags, chosen)[0], values)
    if math.isfinite(time.value) and not math.isfinite(time.error):
        time = _with_error_by_slope(lags, values, time.value)
    return Decay(values, time, _fitted(lags, values)[1])


def _with_error_by_slope(lags: np.ndarray, values: np.ndarray, time: float) -> Estimate:
    """A time that not every walker but one would have shown: the scatter of the walkers then, over the mean's slope."""
    last = min(int(np.searchsorted(lags, time)), len(lags) - 1)
    first, count, mean = int(0.7 * last), len(values), values.mean(axis=0)
    slope = (mean[first] - mean[last]) / (lags[last] - lags[first])
    error = float(values[:, last].std(ddof=1) / math.sqrt(count) / slope)
    half = float(student.ppf(0.975, count - 1)) * error
    return Estimate(time, error, time - half, time + half, count)


def _fitted(lags: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """Time to 1/e and stretching exponent of A exp(-(t / tau)^beta), fitted to the mean over the walkers.

    Infinity where it never falls to 1/e, NaN where it has at the first lag after 0.
    """
    mean = values.mean(axis=0)
    below = np.flatnonzero(mean < 1 / math.e)
    if not below.size:  # also for NaN
        return math.inf, math.nan
    if below[0] <= 1:
        return math.nan, math.nan
    last = int(np.argmax(mean < FIT_WINDOW[0])) or mean.size
    chosen = np.flatnonzero((mean[:last] < FIT_WINDOW[1]) & (np.arange(last) > 0))
    k = int(below[0])
    crossing = float(lags[k - 1] + (mean[k - 1] - 1 / math.e) / (mean[k - 1] - mean[k]) * (lags[k] - lags[k - 1]))
    if chosen.size < 4:
        return crossing, math.nan
    try:
        (amplitude, tau, beta), _ = curve_fit(
            lambda t, a, tau, beta: a * np.exp(-((t / tau) ** beta)), lags[chosen], mean[chosen],
            p0=(1.0, crossing, 0.7), bounds=((1 / math.e + 0.01, 0.0, 0.1), (1.2, np.inf, 2.0)),
        )  # fmt: skip
    except RuntimeError:  # no convergence
        return crossing, math.nan
    return float(tau * (1 + math.log(amplitude)) ** (1 / beta)), float(beta)


def jackknife(statistic: Callable[[np.ndarray], float], walkers: np.ndarray) -> Estimate:
    """A statistic of all walkers with the error that leaving each of them out gives.

    Parameters
    ----------
    statistic : callable
        Takes an array of the walkers' series.
    walkers : ndarray, shape=(n_walkers, ...)
    """
    count = len(walkers)
    value = statistic(walkers)
    without = np.array([statistic(np.delete(walkers, index, axis=0)) for index in range(count)])
    if not np.isfinite([value, *without]).all():
        return Estimate(value, math.nan, math.nan, math.nan, count)
    error = math.sqrt((count - 1) / count * ((without - without.mean()) ** 2).sum())
    half = float(student.ppf(0.975, count - 1)) * error
    return Estimate(value, error, value - half, value + half, count)


def mean_of(walkers: np.ndarray) -> Estimate:
    """Mean over the walkers, shape=(n_walkers,)."""
    return jackknife(lambda chosen: float(chosen.mean()), walkers)
