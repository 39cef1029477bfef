"""Relaxation times that the interval between states is too long for are not stated."""

import math

import numpy as np
import pytest

from nqe_core.correlations import decay
from nqe_core.relaxation import Relaxation
from nqe_core.relaxation_report import report
from nqe_core.relaxation_table import Measured
from nqe_core.statistics import Estimate


def exponential(lags: np.ndarray, tau: float, noise: float = 0.005, walkers: int = 8) -> np.ndarray:
    values = np.exp(-lags / tau) + np.random.default_rng(11).normal(0.0, noise, (walkers, lags.size))
    values[:, 0] = 1.0
    return values


@pytest.mark.parametrize("tau", [100.0, 500.0, 2300.0])
def test_a_time_below_the_first_lag_is_not_stated(tau):
    """Between lags 0 and 2500 nothing was seen; a line drawn there would give 1600 for each of these, and a tiny error."""
    lags = 2500.0 * np.arange(200)
    found = decay(lags, exponential(lags, tau))
    assert math.isnan(found.time.value) and math.isnan(found.time.error)
    assert math.isnan(found.time.low) and math.isnan(found.time.high)
    assert math.isnan(found.stretching)
    assert found.values.shape == (8, 200)
    assert not found.time.known


def test_the_same_function_at_shorter_intervals_has_its_time():
    lags = 50.0 * np.arange(200)
    found = decay(lags, exponential(lags, 500.0))
    assert abs(found.time.value - 500.0) < 4 * found.time.error < 50.0


@pytest.mark.parametrize("tau", [2700.0, 4000.0])
def test_a_time_just_above_the_first_lag_is_stated(tau):
    lags = 2500.0 * np.arange(200)
    found = decay(lags, exponential(lags, tau))
    assert found.time.value == pytest.approx(tau, rel=0.1)
    assert found.time.error > 0.0


def test_a_time_at_the_first_lag_has_no_small_error():
    """Some walkers have fallen to 1/e there and some not: no time, or one whose error says so."""
    lags = 10.0 * np.arange(100)
    for seed in range(20):
        taus = np.random.default_rng(seed).normal(10.0, 1.0, 6)
        time = decay(lags, np.exp(-lags / taus[:, np.newaxis])).time
        assert math.isnan(time.value) or (time.value >= 10.0 and time.error > 0.1)


@pytest.mark.parametrize(
    ("sweeps", "cycle", "advice"),
    [
        (16_000, 10, "follow a shorter run (fewer sweeps)"),
        (16_000, 2499, "follow a shorter run (fewer sweeps)"),
        (16_000, 2500, "too short for this sampler"),
    ],
)
def test_the_report_says_what_to_do_then(sweeps, cycle, advice):
    lags = 2500.0 * np.arange(200)
    fast, slow = (decay(lags, exponential(lags, tau)) for tau in (100.0, 20_000.0))
    number = Estimate(1.0, 0.1, 0.8, 1.2, 8)
    found = Relaxation(
        lags, fast, slow, slow, np.zeros((8, 400)), number, number, number, number, 6.0, 1e-3, 0.1, sweeps, cycle
    )
    lines = [line for line in report(found) if line.startswith("tau overlap")]
    assert lines == [f"tau overlap     shorter than 2500 sweeps, the interval of the states: {advice} to measure it"]


@pytest.mark.parametrize(("overlap", "scattering", "longer"), [(math.nan, 3000.0, 3000.0), (3000.0, math.nan, 3000.0)])
def test_the_longer_time_counts_when_the_other_was_too_short(overlap, scattering, longer):
    numbers = dict.fromkeys(Measured.__dataclass_fields__, 1.0)
    assert Measured(**{**numbers, "tau_overlap": overlap, "tau_scattering": scattering}).tau == longer
    assert math.isnan(Measured(**{**numbers, "tau_overlap": math.nan, "tau_scattering": math.nan}).tau)
