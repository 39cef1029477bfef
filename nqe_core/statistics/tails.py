"""Densities and the exponents with which they begin."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2

from nqe_core.statistics.blocks import finite_rows
from nqe_core.statistics.bootstrap import bootstrap
from nqe_core.statistics.estimates import LEAST_SAMPLES, Estimate


def tail_exponent(values: np.ndarray, upper: float, blocks: np.ndarray | None = None) -> Estimate:
    """Exponent beta of a density p(v) ~ v^beta below `upper`, from all modes that lie there (maximum likelihood).

    For many modes per sample; the likelihood is that of Hill: 1 + beta = m / sum ln(upper / v).
    """
    (values,), labels = finite_rows(values, blocks=blocks)
    keep = (values > 0) & (values < upper)
    labels = None if labels is None else labels[keep]
    return bootstrap(lambda v: len(v) / -np.log(v / upper).sum() - 1.0, values[keep], blocks=labels)


def lowest_mode_exponent(lowest: np.ndarray, upper: float = math.inf, blocks: np.ndarray | None = None) -> Estimate:
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
    blocks : ndarray, shape=(n,), optional
        Labels of the samples' blocks.
    """
    (lowest,), labels = finite_rows(lowest, blocks=blocks)
    keep = lowest > 0
    lowest, labels = lowest[keep], None if labels is None else labels[keep]
    below = int((lowest < upper).sum())
    if below < LEAST_SAMPLES:
        return Estimate.missing(below)
    cut = min(upper, float(lowest.max()))
    return replace(bootstrap(lambda v: _weibull_shape(v, cut) - 1.0, lowest, blocks=labels), count=below)


def _weibull_shape(values: np.ndarray, cut: float) -> float:
    """Maximum-likelihood shape k of P(v > x) = exp[-(x/s)^k], with the values at or above `cut` censored there."""
    # a largest value that equals the cut is itself an observation when nothing lies above it
    above = values.max() > cut
    inside = values[values < cut] if above else values
    if len(inside) < 2:
        return math.nan
    logs = np.log(inside / (cut if above else inside.max()))  # without censored values the scale does not matter
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
    (values,), _ = finite_rows(values)
    values = values[values > 0]
    if len(values) < 2 or np.ptp(values) == 0:
        return np.empty(0), np.empty(0), np.empty(0), np.empty(0)
    edges = np.geomspace(values.min(), values.max() * (1 + 1e-9), bins + 1)
    counts, _ = np.histogram(values, edges)
    filled = counts > 0
    counts, width = counts[filled], np.diff(edges)[filled] * len(values)
    low, high = chi2.ppf(0.16, 2 * counts) / 2, chi2.ppf(0.84, 2 * counts + 2) / 2
    return np.sqrt(edges[:-1] * edges[1:])[filled], counts / width, low / width, high / width
