"""Statistics on synthetic data whose answer is known."""

import math

import numpy as np
import pytest
from scipy.stats import chi2, t

from nqe_core import statistics
from nqe_core.statistics import Estimate


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def lowest_modes(rng, samples, beta, modes=400):
    """The lowest of many frequencies drawn from D(omega) ~ omega^beta on [0, 1]."""
    return (rng.random((samples, modes)) ** (1 / (1 + beta))).min(axis=1)


@pytest.mark.parametrize(("successes", "trials", "low", "high"), [
    (0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (66, 1000, 0.0523, 0.0831),
])  # fmt: skip
def test_wilson_interval_agrees_with_tables(successes, trials, low, high):
    assert statistics.wilson_interval(successes, trials) == pytest.approx((low, high), abs=2e-4)


def test_wilson_interval_of_nothing_is_everything():
    assert statistics.wilson_interval(0, 0) == (0.0, 1.0)
    assert not statistics.proportion(np.empty(0, dtype=bool)).known


def test_bootstrap_error_of_the_mean_is_its_standard_error(rng):
    values = rng.normal(3.0, 2.0, 2000)
    with statistics.resampling(800):
        ours, exact = statistics.bootstrap(np.mean, values), statistics.mean(values)
    assert ours.value == pytest.approx(exact.value)
    assert ours.error == pytest.approx(exact.error, rel=0.12)
    assert (ours.low, ours.high) == pytest.approx((exact.low, exact.high), abs=0.3 * exact.error)


@pytest.mark.parametrize("count", [2, 5])
def test_mean_of_few_samples_has_students_interval(rng, count):
    values = rng.normal(3.0, 2.0, count)
    ours, error = statistics.mean(values), values.std(ddof=1) / math.sqrt(count)
    assert ours.error == pytest.approx(error)
    assert (ours.low, ours.high) == pytest.approx(t.interval(0.95, count - 1, values.mean(), error))


def test_resampling_sets_draws_and_is_reproducible(rng):
    values = rng.normal(size=50)
    with statistics.resampling(50, seed=3):
        first, second = statistics.median(values), statistics.median(values)
    with statistics.resampling(50, seed=4):
        other = statistics.median(values)
    assert first == second
    assert first.value == other.value
    assert first.error != other.error


def test_failed_samples_do_not_count():
    values = np.r_[np.arange(20.0), np.nan, np.inf]
    assert statistics.median(values).count == 20
    assert statistics.median(values).value == 9.5
    missing = np.r_[np.nan, np.arange(1.0, 22.0)]  # in one of two columns
    assert statistics.bootstrap(lambda x, y: np.median(x), values, missing).value == 10.0
    assert statistics.running_median(np.arange(1.0, 23.0), values, bins=1).median == 9.5


def test_resamples_that_have_no_value_do_not_count():
    ours = statistics.bootstrap(lambda x: x.mean() if x.max() == 9 else math.nan, np.arange(10.0))
    assert ours.value == 4.5 and 0 < ours.low < 4.5 < ours.high < 9 and 0 < ours.error < 2


def test_median_power_law_finds_slope_despite_an_upper_tail(rng):
    x = np.exp(rng.uniform(-3, 0, 4000))
    y = 0.3 * x**4 * np.exp(rng.normal(0, 0.7, 4000))
    y[rng.random(4000) < 0.2] *= 1e4  # hybridised modes, far above
    law = statistics.median_power_law(x, y)
    assert law.exponent.low < 4.0 < law.exponent.high
    assert law.exponent.error < 0.06


def test_median_power_law_keeps_to_its_cuts(rng):
    x = np.exp(rng.uniform(-3, 0, 4000))
    y = np.where(x < 0.3, 2.0 * x**2, 2.0 * 0.3**2) * np.exp(rng.normal(0, 0.1, 4000))
    law = statistics.median_power_law(x, y, upper=0.3)
    assert law.exponent.value == pytest.approx(2.0, abs=0.05)
    assert law.amplitude == pytest.approx(2.0, rel=0.1)
    assert law.exponent.count == (x < 0.3).sum()
    flat = statistics.median_power_law(x, y, lower=0.3).exponent
    assert flat.value == pytest.approx(0.0, abs=0.05) and flat.count == (x >= 0.3).sum()
    assert statistics.prefactor(x, y, 2, upper=0.3).value == pytest.approx(2.0, rel=0.02)
    assert statistics.prefactor(x, y, 2, upper=0.3).count == (x < 0.3).sum()


def test_median_power_law_of_exact_data_is_exact():
    x = np.geomspace(0.1, 1, 50)
    law = statistics.median_power_law(x, 5 * x**-1)
    assert law.exponent.value == pytest.approx(-1.0, abs=1e-6)
    assert law.amplitude == pytest.approx(5.0, rel=1e-5)


def boxes_of_several_sizes(rng, scatter):
    """y = size x, where larger boxes lie at lower x: one line through all has another slope than those of the sizes."""
    sizes = np.repeat([1.0, 0.5, 0.25], [1500, 1000, 500])
    x = sizes * rng.random(len(sizes)) ** 0.2
    return x, sizes * x * np.exp(scatter * rng.normal(size=len(sizes))), sizes


def test_groups_share_the_exponent_but_have_an_amplitude_each(rng):
    x, y, sizes = boxes_of_several_sizes(rng, 0.4)
    law = statistics.median_power_law(x, y, groups=sizes)
    assert law.exponent.low < 1.0 < law.exponent.high and law.exponent.error < 0.06
    assert law.amplitude == pytest.approx(1.0, rel=0.1)  # that of the largest group
    other_names = statistics.median_power_law(x, y, groups=-sizes)
    assert other_names.amplitude == pytest.approx(law.amplitude, rel=1e-4)
    assert statistics.median_power_law(x, y).exponent.low > 1.5


def test_groups_of_exact_data_are_exact_and_need_not_all_have_many_samples(rng):
    x, y, sizes = boxes_of_several_sizes(rng, 0.0)
    alone = (np.append(x, 3.0), np.append(y, 1e6), np.append(sizes, 7.0))  # one sample has no slope
    assert statistics.median_power_law(*alone[:2], groups=alone[2]).exponent.value == pytest.approx(1.0, abs=1e-6)
    named = np.array(["a", "b"])[(sizes < 0.5).astype(int)]
    one = statistics.median_power_law(x, 2 * x**3, groups=named)
    assert (one.exponent.value, one.amplitude) == pytest.approx((3.0, 2.0), rel=1e-5)


def test_groups_leave_out_rows_that_are_not_finite_or_positive(rng):
    x, y, sizes = boxes_of_several_sizes(rng, 0.4)
    law = statistics.median_power_law(x, y, groups=sizes)
    more = [np.append(values, extra) for values, extra in ((x, [np.nan, 1, -1]), (y, [1, 0, 1]), (sizes, [1, 1, 9]))]
    assert statistics.median_power_law(more[0], more[1], groups=more[2]).exponent == law.exponent


def test_coverage_of_the_interval_with_groups(rng):
    hits = 0
    for _ in range(60):
        x, y, sizes = (values[::20] for values in boxes_of_several_sizes(rng, 0.6))
        law = statistics.median_power_law(x, y, groups=sizes)
        hits += law.exponent.low <= 1.0 <= law.exponent.high
    assert hits >= 50


def test_coverage_of_the_power_law_interval(rng):
    hits = 0
    for _ in range(60):
        x = np.exp(rng.uniform(-2, 0, 150))
        law = statistics.median_power_law(x, x**2 * np.exp(rng.normal(0, 0.8, 150)))
        hits += law.exponent.low <= 2.0 <= law.exponent.high
    assert hits >= 50  # 95 % of 60 is 57; fewer than 50 would be a 5-sigma failure of the bootstrap


@pytest.mark.parametrize("beta", [4.0, 2 / 3, 1 / 4])
def test_lowest_mode_exponent_recovers_the_density_of_all_modes(rng, beta):
    ours = statistics.lowest_mode_exponent(lowest_modes(rng, 3000, beta))
    assert ours.value == pytest.approx(beta, abs=4 * ours.error)
    assert ours.error < 0.035 * (1 + beta)


def test_lowest_mode_exponent_with_a_cut_ignores_what_lies_above(rng):
    lowest = lowest_modes(rng, 4000, 4.0)
    cut = float(np.quantile(lowest, 0.5))
    spoiled = np.where(lowest < cut, lowest, cut * 1.2)  # say, every sample above is a phonon
    ours = statistics.lowest_mode_exponent(spoiled, cut)
    assert ours.count == 2000
    assert ours.value == pytest.approx(4.0, abs=4 * ours.error)
    assert ours.value == pytest.approx(statistics.lowest_mode_exponent(lowest, cut).value)


def test_lowest_mode_exponent_with_one_value_far_above_the_others(rng):
    """Many resamples do without it, and then lie far below the largest value of all."""
    ours = statistics.lowest_mode_exponent(np.append(lowest_modes(rng, 100, 4.0), 1e3))
    assert ours.known and 0 < ours.error < math.inf


def test_plain_tail_fit_is_biased_for_lowest_modes_but_right_for_many(rng):
    everything = rng.random(20000) ** (1 / 5)
    assert statistics.tail_exponent(everything, 0.6).value == pytest.approx(4.0, abs=0.3)
    lowest = lowest_modes(rng, 4000, 4.0)
    cut = float(np.quantile(lowest, 0.7))
    assert statistics.tail_exponent(lowest, cut).value < 3.6
    assert abs(statistics.lowest_mode_exponent(lowest, cut).value - 4.0) < 0.35


def test_running_median_follows_the_law_inside_its_band(rng):
    x = np.exp(rng.uniform(-2, 0, 3000))
    curve = statistics.running_median(x, x**2 * np.exp(rng.normal(0, 0.5, 3000)), bins=10)
    assert len(curve.x) == 10
    assert curve.count.sum() == 3000
    # the steep law inside a bin shifts its median a little against the median of x: compare with a margin
    inside = (curve.low * 0.95 <= curve.x**2) & (curve.x**2 <= curve.high * 1.05)
    assert inside.sum() >= 9


def test_running_median_merges_sparse_bins():
    x = np.r_[0.01, 0.02, 0.04, np.linspace(0.5, 1, 30), 10.0]
    curve = statistics.running_median(x, np.ones(34), bins=8, least=5)
    assert (curve.count >= 5).all()
    assert curve.count.sum() == 34


@pytest.mark.parametrize("count", [0, 1, 4])
def test_running_median_of_too_few_samples_is_empty(count):
    assert len(statistics.running_median(np.ones(count), np.ones(count), least=5).x) == 0


def test_prefactor_and_its_growth_with_size(rng):
    lengths, values = np.array([20.0, 40.0, 80.0]), []
    for length in lengths:
        x = np.exp(rng.uniform(-2, 0, 500))
        values.append(statistics.prefactor(x, 0.1 * length**2 * x**2 * np.exp(rng.normal(0, 0.4, 500)), 2))
    assert values[0].value == pytest.approx(40.0, rel=0.15)
    growth = statistics.size_exponent(lengths, values)
    assert growth.value == pytest.approx(2.0, abs=4 * growth.error)
    assert growth.count == 1500


def test_running_median_of_what_may_be_negative_has_a_band_too(rng):
    x = np.exp(rng.uniform(-2, 0, 400))
    curve = statistics.running_median(x, rng.normal(0.16, 1.0, 400), bins=1)
    assert curve.x == np.median(x)
    assert curve.low < 0 < curve.median < curve.high


def test_size_exponent_of_two_sizes_propagates_their_errors():
    values = [Estimate(1.0, 0.1, 0.8, 1.2, 50), Estimate(16.0, 1.6, 12.8, 19.2, 50)]
    growth = statistics.size_exponent(np.array([1.0, 2.0]), values)
    assert growth.value == pytest.approx(4.0)
    assert growth.error == pytest.approx(0.1 * math.sqrt(2) / math.log(2))
    without_error = Estimate(5.0, 0.0, 5.0, 5.0, 50)  # has no weight
    assert statistics.size_exponent(np.array([1.0, 2.0, 3.0]), [*values, without_error]) == growth
    assert (growth.low, growth.high) == pytest.approx((4.0 - 2 * growth.error, 4.0 + 2 * growth.error))
    wide = [Estimate(1.0, 0.1, 0.5, 1.5, 50, 4), Estimate(16.0, 1.6, 8.0, 24.0, 50, 4)]  # of few blocks
    growth = statistics.size_exponent(np.array([1.0, 2.0]), wide)
    assert (growth.low, growth.high) == pytest.approx((4.0 - 5 * growth.error, 4.0 + 5 * growth.error))


def test_logarithmic_density_is_normalised(rng):
    values = rng.random(5000) ** (1 / 5)
    centres, density, low, high = statistics.logarithmic_density(values, 20)
    assert (low > 0).all() and (low < density).all() and (density < high).all()
    step = math.log(values.max() / values.min()) / 20
    assert (density * centres).sum() * 2 * math.sinh(step / 2) == pytest.approx(1.0, abs=1e-6)
    counts = density * centres * 2 * math.sinh(step / 2) * len(values)
    assert low / density == pytest.approx(chi2.ppf(0.16, 2 * counts) / (2 * counts))  # 68 % of a Poisson count
    assert high / density == pytest.approx(chi2.ppf(0.84, 2 * counts + 2) / (2 * counts))


@pytest.mark.parametrize("estimate", [
    lambda: statistics.median(np.ones(3)),
    lambda: statistics.median_power_law(np.ones(4), np.ones(4)).exponent,
    lambda: statistics.median_power_law(np.ones(40), np.ones(40)).exponent,  # no range of x
    lambda: statistics.lowest_mode_exponent(np.ones(3)),
    lambda: statistics.tail_exponent(np.ones(3), 2.0),
    lambda: statistics.size_exponent(np.array([1.0]), [Estimate(1, 1, 0, 2, 9)]),
    lambda: statistics.mean(np.ones(1)),
])  # fmt: skip
def test_too_few_samples_give_a_missing_estimate(estimate):
    assert not estimate().known
