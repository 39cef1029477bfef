"""Errors of correlated samples: Gaussian walkers, x = walker's own + sample's own, whose variances are known."""

import math

import numpy as np
import pytest
from scipy.stats import norm, t

from nqe_core import statistics

SPREAD = 1.5  # standard deviation of what a walker's samples share
OWN = 1.0  # and of what each has for itself


def walkers(rng, count, samples):
    """Values of `samples` samples of each of `count` walkers, and the labels of their walkers."""
    labels = np.repeat(np.arange(count), samples)
    return (SPREAD * rng.normal(size=count))[labels] + OWN * rng.normal(size=len(labels)), labels


def error_of_the_mean(count, samples):
    """Exact: var(mean) = (SPREAD^2 + OWN^2 / samples) / count."""
    return math.sqrt((SPREAD**2 + OWN**2 / samples) / count)


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def test_errors_of_the_mean_are_those_of_correlated_samples(rng):
    values, labels = walkers(rng, 400, 8)
    exact = error_of_the_mean(400, 8)
    with statistics.resampling(600):
        resampled = statistics.bootstrap(np.mean, values, blocks=labels)
        naive = statistics.bootstrap(np.mean, values)
    # the error of an error from 400 walkers is 3.5 %, and that from 600 resamples 2.9 %
    assert statistics.mean(values, labels).error == pytest.approx(exact, rel=0.12)
    assert resampled.error == pytest.approx(exact, rel=0.15)
    assert naive.error < 0.5 * exact
    assert (resampled.count, resampled.blocks, naive.blocks) == (3200, 400, 3200)


def test_resamples_of_few_walkers_are_widened_to_the_exact_error(rng):
    """Resamples of B walkers vary by (B-1)/B too little, and Student's interval is wider than the normal one."""
    shared = norm.ppf((np.arange(6) + 0.5) / 6)
    values, labels = np.repeat(shared, 2), np.repeat(np.arange(6), 2)
    exact = statistics.mean(values, labels)
    with statistics.resampling(4000):
        ours = statistics.bootstrap(np.mean, values, blocks=labels)
    assert ours.error == pytest.approx(exact.error, rel=0.03)
    assert ours.high - ours.low == pytest.approx(exact.high - exact.low, rel=0.05)


def test_error_of_the_median_of_correlated_samples(rng):
    """Against the scatter of the medians of many independent sets of walkers."""
    values, labels = walkers(rng, 300, 6)
    scatter = np.std([np.median(walkers(rng, 300, 6)[0]) for _ in range(400)])
    assert statistics.median(values, labels).error == pytest.approx(scatter, rel=0.2)


def test_error_of_a_share_of_correlated_samples(rng):
    """Share of the samples below a threshold; the design effect follows from the correlation of the indicator."""
    values, labels = walkers(rng, 500, 10)
    threshold = -1.0
    share = norm.cdf(threshold / math.hypot(SPREAD, OWN))
    # variance between walkers of the share within a walker, by quadrature over what the walker's samples share
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    within = norm.cdf((threshold - SPREAD * nodes) / OWN)
    weights = weights / weights.sum()
    between = (weights * within**2).sum() - share**2
    exact = math.sqrt((between + (share * (1 - share) - between) / 10) / 500)
    ours = statistics.proportion(values < threshold, labels)
    assert ours.value == pytest.approx(share, abs=4 * exact)
    assert ours.error == pytest.approx(exact, rel=0.12)
    assert statistics.proportion(values < threshold).error < 0.6 * exact


def test_a_share_is_not_the_more_certain_for_walkers_that_balance_themselves():
    """One sample of two in every walker: the design effect is 0, and taken for 1."""
    ours = statistics.proportion(np.tile([True, False], 20), np.repeat(np.arange(20), 2))
    worth = 40 / (t.ppf(0.975, 19) / statistics.QUANTILE) ** 2
    assert (ours.low, ours.high) == pytest.approx(statistics.wilson_interval(worth / 2, worth))


def test_exponents_take_the_correlation_into_account(rng):
    """Noise that a walker's samples share: the slope's error is that of the walkers' number, not of the samples'."""
    shared, labels = walkers(rng, 120, 8)
    x = np.exp(rng.normal(size=120))[labels]
    y = x**2 * np.exp(0.3 * shared)
    blocked, naive = (statistics.median_power_law(x, y, blocks=b).exponent for b in (labels, None))
    assert blocked.low < 2.0 < blocked.high
    assert blocked.error > 1.8 * naive.error
    lowest = np.repeat(rng.random((200, 300)).min(axis=1), 6)  # six equal copies of 200 independent samples
    labels = np.repeat(np.arange(200), 6)
    with statistics.resampling(400):
        copies, once = (
            statistics.lowest_mode_exponent(lowest, blocks=labels),
            statistics.lowest_mode_exponent(lowest[::6]),
        )
    assert copies.value == pytest.approx(once.value)
    assert copies.error == pytest.approx(once.error, rel=0.01)


def test_bands_of_a_running_median_widen(rng):
    shared, labels = walkers(rng, 100, 10)
    x = np.exp(rng.normal(size=len(shared)))
    blocked, naive = (statistics.running_median(x, np.exp(shared), bins=3, blocks=b) for b in (labels, None))
    widths = [np.log(curve.high / curve.low) for curve in (blocked, naive)]
    assert (widths[0] > 1.3 * widths[1]).all()


@pytest.mark.parametrize("statistic", [
    statistics.mean, statistics.median, lambda values, labels: statistics.proportion(values < 0.3, labels)
], ids=["mean", "median", "share"])  # fmt: skip
@pytest.mark.parametrize(("count", "samples"), [(6, 5), (25, 4)])
def test_intervals_of_few_walkers_cover_the_truth(statistic, count, samples, rng):
    mean = statistic in (statistics.mean, statistics.median)
    truth = 0.0 if mean else norm.cdf(0.3 / math.hypot(SPREAD, OWN))
    hits = 0
    with statistics.resampling(150):
        for _ in range(150):
            ours = statistic(*walkers(rng, count, samples))
            hits += ours.low <= truth <= ours.high
    assert hits >= 133  # 95 % of 150 is 142.5 with a standard deviation of 2.7; naive intervals reach about 100


def test_one_sample_a_walker_is_no_walker_at_all(rng):
    values = rng.normal(size=60)
    labels = rng.permutation(60)
    for statistic in (statistics.mean, statistics.median):
        with_labels, without = statistic(values, labels), statistic(values)
        assert (with_labels.error, with_labels.blocks) == (pytest.approx(without.error, rel=0.2), 60)
    assert statistics.proportion(values > 0, labels) == statistics.proportion(values > 0)


def test_too_few_walkers_give_no_error():
    values, labels = np.arange(40.0), np.repeat([0, 1, 2], [20, 10, 10])
    assert not statistics.median(values, labels).known
    assert not statistics.median_power_law(values, values, blocks=labels).exponent.known
    assert not statistics.mean(values, np.zeros(40)).known
    assert statistics.mean(values, labels).known
    assert not statistics.proportion(values < 5, np.zeros(40)).known
    assert statistics.median(values[:8], np.arange(8) // 2).known  # eight samples of four walkers just suffice
    assert not statistics.median(values[:7]).known


@pytest.mark.parametrize("share", [0, 1])
def test_where_none_or_all_count_each_walker_is_one_sample(share):
    ours = statistics.proportion(np.full(400, bool(share)), np.repeat(np.arange(40), 10))
    assert (ours.low, ours.high) == pytest.approx(statistics.wilson_interval(40 * share, 40))
    assert (ours.count, ours.blocks) == (400, 40)


def test_labels_of_samples_that_are_left_out_do_not_count():
    values, labels = np.r_[np.nan, -1.0, 0.0, np.arange(1.0, 21.0)], np.r_[7, 8, 9, np.repeat(np.arange(5), 4)]
    ours = statistics.median(np.where(values > 0, values, np.nan), labels)
    assert (ours.count, ours.blocks) == (20, 5)
    for estimate in (
        statistics.median_power_law(values, values, blocks=labels).exponent,
        statistics.prefactor(values, values, 1.0, blocks=labels),
        statistics.tail_exponent(values, 20.5, blocks=labels),
        statistics.lowest_mode_exponent(values, blocks=labels),
    ):
        assert (estimate.count, estimate.blocks) == (20, 5)
