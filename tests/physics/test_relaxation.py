"""Relaxation times: known correlation functions are recovered, with honest errors; the table keeps what it is told."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi

import nqe_core.relaxation
from nqe_core.correlations import (
    OVERLAP_LENGTH,
    decay,
    first_peak_wave_number,
    integrated_time,
    jackknife,
    memory,
    overlap,
    self_scattering,
    unfolded,
    variance,
)
from nqe_core.ensembles import Ensemble
from nqe_core.errors import InputError
from nqe_core.models import MODELS
from nqe_core.relaxation import FEWEST_SNAPSHOTS, SNAPSHOTS, Study, measure_relaxation
from nqe_core.relaxation_report import compared, report, write_curves
from nqe_core.relaxation_table import Measured, add_to_table, constants_key, read_relaxation, relaxation_time
from nqe_core.swap_monte_carlo import initial_configuration, sweeps_per_cycle

ROOT = Path(__file__).parents[2]


@pytest.fixture
def random_walk():
    """Independent Brownian particles in a periodic box: every correlation is known."""
    rng, step = np.random.default_rng(3), 0.05
    path = np.cumsum(rng.normal(0.0, step, (400, 300, 3)), axis=0)
    return path, step


def test_overlap_and_scattering_of_brownian_particles(random_walk):
    path, step = random_walk
    lags = np.arange(200)
    wave_number = 6.0
    found = self_scattering(path, wave_number)
    assert found == pytest.approx(np.exp(-(wave_number**2) * step**2 * lags / 2), abs=0.03)
    with np.errstate(divide="ignore"):
        expected = chi(3).cdf(OVERLAP_LENGTH / (step * np.sqrt(lags)))
    assert overlap(path) == pytest.approx(expected, abs=0.03)


def test_paths_through_the_box_are_unfolded(random_walk):
    path, _ = random_walk
    box_length = 1.7
    folded = np.mod(path, box_length)
    expected = path - path.mean(axis=1, keepdims=True)
    found = unfolded(folded, box_length)
    assert found - found[0] == pytest.approx(expected - expected[0], abs=1e-12)


@pytest.mark.parametrize(("tau", "beta", "amplitude"), [(30.0, 1.0, 1.0), (80.0, 0.55, 1.0), (120.0, 0.8, 0.7)])
def test_a_stretched_exponential_is_recovered_within_its_error(tau, beta, amplitude):
    rng, lags = np.random.default_rng(5), 4.0 * np.arange(200)
    noise = rng.normal(0.0, 0.02, (8, lags.size))
    values = amplitude * np.exp(-((lags / tau) ** beta)) + noise
    values[:, 0] = 1.0
    found = decay(lags, values)
    exact = tau * (1 + math.log(amplitude)) ** (1 / beta)  # where it is 1/e
    assert abs(found.time.value - exact) < 4 * found.time.error < 0.2 * exact
    assert found.stretching == pytest.approx(beta, abs=0.1)


def test_a_function_that_does_not_decay_has_no_time():
    found = decay(np.arange(100.0), np.full((4, 100), 0.8))
    assert found.time.value == math.inf
    assert math.isnan(found.time.error)


def test_a_run_that_is_hardly_long_enough_has_an_error():
    """Without the fastest walker the others would not have fallen to 1/e: the error comes from slope and scatter."""
    rng, lags = np.random.default_rng(9), 10.0 * np.arange(100)
    found = []
    for _ in range(30):
        taus = rng.normal(930.0, 150.0, 6)
        one = decay(lags, np.exp(-lags / taus[:, None]))
        if math.isfinite(one.time.value):
            assert one.time.error > 0
            found.append(one.time)
    assert len(found) > 15
    # the error of the mean of six
    assert np.median([time.error for time in found]) == pytest.approx(150.0 / math.sqrt(6), rel=0.4)
    # without the first of these four the mean does not reach 1/e at lag 63.2; the walkers scatter by 0.02 there
    lags, lower = np.arange(65.0), np.array([-0.03, 0.01, 0.01, 0.01])
    values = 1 - lags / 100 + lower[:, None] * (lags > 0)
    assert decay(lags, values).time.error == pytest.approx(100 * 0.02 / math.sqrt(4))


def test_integrated_time_of_an_autoregressive_series():
    rng, phi = np.random.default_rng(7), 0.9
    series = np.zeros((16, 20_000))
    noise = rng.normal(size=series.shape)
    for k in range(1, series.shape[1]):
        series[:, k] = phi * series[:, k - 1] + noise[:, k]
    exact = 0.5 * (1 + phi) / (1 - phi)
    found = jackknife(integrated_time, series)
    assert abs(found.value - exact) < 4 * found.error < 0.2 * exact
    white = jackknife(integrated_time, noise)
    assert abs(white.value - 0.5) < 4 * white.error < 0.05


def test_variance_is_not_lost_in_short_runs():
    """Walkers shorter than their correlation time: about their own means they would show a fraction of the variance."""
    rng, phi, walkers, length = np.random.default_rng(8), 0.98, 8, 40
    series = np.empty((400 * walkers, length))
    series[:, 0] = rng.normal(size=len(series))
    for k in range(1, length):
        series[:, k] = phi * series[:, k - 1] + math.sqrt(1 - phi**2) * rng.normal(size=len(series))
    found = np.array([variance(group) for group in series.reshape(-1, walkers, length)])
    assert abs(found.mean() - 1.0) < 4 * found.std() / math.sqrt(len(found)) < 0.1
    assert series.var(axis=1, ddof=1).mean() < 0.4


def test_jackknife_of_a_mean_is_its_standard_error():
    values = np.random.default_rng(2).normal(size=9)
    found = jackknife(lambda chosen: float(chosen.mean()), values)
    assert found.value == pytest.approx(values.mean())
    assert found.error == pytest.approx(values.std(ddof=1) / 3)
    assert found.low < found.value - 2 * found.error  # Student's t for nine walkers


def test_memory_of_sizes_that_are_shuffled_slowly():
    rng = np.random.default_rng(4)
    sizes = [np.linspace(0.8, 1.6, 200)]
    for _ in range(199):
        chosen = rng.permutation(200)[:40]  # a fifth of the particles exchange sizes at random
        new = sizes[-1].copy()
        new[chosen] = new[rng.permutation(chosen)]
        sizes.append(new)
    expected = 0.8 ** np.arange(20)
    assert memory(np.array(sizes))[:20] == pytest.approx(expected, abs=0.05)


def test_first_peak_of_a_disturbed_lattice():
    rng, side = np.random.default_rng(6), 6
    lattice = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), axis=-1).reshape(-1, 3).astype(float)
    states = lattice + rng.normal(0.0, 0.1, (5, *lattice.shape))
    assert first_peak_wave_number(states, float(side)) == pytest.approx(2 * np.pi)


@pytest.fixture(scope="module")
def liquid():
    study = Study(MODELS["ipl2d"], 64, 2.0, sweeps=16_000, burn_in=400, walkers=8, swap_fraction=0.0)
    return study, measure_relaxation(study)


def test_a_liquid_is_followed(liquid, tmp_path):
    _, found = liquid
    assert found.overlap.values.shape == (8, SNAPSHOTS // 2)
    assert 0 < found.overlap.time.value < found.lags[-1]
    assert 0 < found.scattering.time.value < found.lags[-1]
    assert found.sizes.time.value == math.inf  # no swaps: every particle keeps its size
    assert abs(found.drift.value) < 9 * found.drift.error
    assert found.energies.mean() == pytest.approx(found.energy.value)
    energies, between = found.energies, 16_000 // SNAPSHOTS  # one cycle each
    assert found.heat_capacity.value == pytest.approx(variance(energies) * 64 / 2.0**2)
    assert found.energy_time.value == pytest.approx(integrated_time(energies) * between)
    halves = energies[:, : SNAPSHOTS // 2].mean(), energies[:, SNAPSHOTS // 2 :].mean()
    assert found.drift.value == pytest.approx(halves[1] - halves[0])
    assert any("tau sizes       longer than" in line for line in report(found))
    write_curves(tmp_path / "curves.csv", found)
    curves = np.genfromtxt(tmp_path / "curves.csv", delimiter=",", names=True)
    assert curves["overlap"][: SNAPSHOTS // 2] == pytest.approx(found.overlap.values.mean(axis=0))
    assert np.isnan(curves["overlap"][SNAPSHOTS // 2 :]).all()
    assert curves["energy"] == pytest.approx(found.energies.mean(axis=0))


def test_the_table_says_the_sweeps_that_were_run(liquid):
    study, found = liquid
    assert found.sweeps == found.lags[1] * SNAPSHOTS == 16_000
    # of 16,039 the last 39, less than a trajectory, are not run
    assert found.line(replace(study, sweeps=16_039)).sweeps == 16_000


def test_stored_sweeps_are_those_that_were_run():
    """50 to 400 equal intervals of whole cycles."""
    for line in read_relaxation(ROOT / "config/relaxation.tsv"):
        cycles, rest = divmod(line.sweeps, sweeps_per_cycle(line.sampler, line.n_particles, line.swap_fraction))
        assert rest == 0 and any(cycles % states == 0 for states in range(FEWEST_SNAPSHOTS, SNAPSHOTS + 1)), line.key


def test_the_same_seed_gives_the_same_times(liquid):
    study, found = liquid
    again = measure_relaxation(study)
    assert np.array_equal(again.overlap.values, found.overlap.values)
    assert again.energy == found.energy


def test_walkers_may_start_from_equilibrium(liquid):
    study, found = liquid
    rng = np.random.default_rng(1)
    starts = [initial_configuration(study.model, study.n_particles, rng) for _ in range(8)]
    again = measure_relaxation(replace(study, root_seed=3), starts=starts)
    assert abs(again.energy.value - found.energy.value) < 5.5 * math.hypot(again.energy.error, found.energy.error)
    one, other = found.overlap.time, again.overlap.time
    assert abs(one.value - other.value) < 5.5 * math.hypot(one.error, other.error)
    with pytest.raises(InputError, match="2 states for 8 walkers"):
        measure_relaxation(study, starts=starts[:2])
    with pytest.raises(InputError, match="burn_in is 0, but walkers that start from given states need some sweeps"):
        measure_relaxation(replace(study, burn_in=0), starts=starts)


@pytest.mark.parametrize(("start", "hot"), [(0.7, 0.7), (None, 2.0)])
def test_walkers_come_from_the_temperature_that_is_asked_for(monkeypatch, start, hot):
    """Then burn in at their own, with the step found before."""
    calls, equilibrate = [], nqe_core.relaxation.equilibrate

    def spy(configuration, model, temperature, sweeps, rng, **keywords):
        calls.append((temperature, sweeps, keywords["swap_fraction"], keywords["sampler"], "step" in keywords))
        return equilibrate(configuration, model, temperature, sweeps, rng, **keywords)

    monkeypatch.setattr(nqe_core.relaxation, "equilibrate", spy)
    measure_relaxation(Study(MODELS["ipl2d"], 64, 2.0, sweeps=4000, burn_in=80, walkers=3, swap_fraction=0.1,
                             start_temperature=start, start_sweeps=60))  # fmt: skip
    assert calls == [(hot, 60, 0.1, "hybrid", False), (2.0, 80, 0.1, "hybrid", True)] * 3


def a_line(**changes) -> Measured:
    numbers = {name: float(k) for k, name in enumerate(Measured.__dataclass_fields__)}
    how = {"model": "poly3d", "temperature": 0.5, "n_particles": 500, "sampler": "hybrid", "walkers": 8, "sweeps": 9000,
           "constants": "0a1b2c3d"}  # fmt: skip
    return Measured(**{**numbers, **how, **changes})


def test_the_table_keeps_comments_and_replaces_what_is_measured_again(tmp_path):
    path = tmp_path / "new" / "relaxation.tsv"
    add_to_table(path, a_line())
    path.write_text("# why these\n" + path.read_text())
    add_to_table(path, a_line(tau_sizes=math.inf))
    add_to_table(path, a_line(temperature=1.3))
    assert path.read_text().startswith("# why these\nmodel\t")
    hot, cold = read_relaxation(path)
    assert (hot.temperature, cold.temperature) == (1.3, 0.5)
    assert cold == a_line(tau_sizes=math.inf)


def test_the_table_keeps_every_digit_of_what_lines_are_looked_up_by(tmp_path):
    path, line = tmp_path / "relaxation.tsv", a_line(temperature=4 / 3, swap_fraction=1 / 3, tau_overlap=100.0)
    for _ in range(2):  # measured again, it replaces its line
        add_to_table(path, line)
    (found,) = read_relaxation(path)
    assert found.key == line.key
    assert relaxation_time([found], "poly3d", 4 / 3, 500, "hybrid", 1 / 3) == 100.0


def test_lines_of_other_constants_lie_side_by_side(tmp_path):
    """The same name at another density: its constants say which is which, in integers or not."""
    path, parameters = tmp_path / "relaxation.tsv", MODELS["poly3d"].parameters()
    keys = [constants_key({**parameters, **change}) for change in ({}, {"number_density": 1.0}, {"number_density": 1},
                                                                   {"table_density": 9.9})]  # fmt: skip
    assert keys[1] == keys[2] != keys[0] == keys[3] and len(keys[0]) == 8
    for key, tau in zip(keys[:2], (50.0, 70.0), strict=True):
        add_to_table(path, a_line(constants=key, tau_overlap=tau, tau_scattering=1.0, swap_fraction=0.1))
    table = read_relaxation(path)
    liquid = ("poly3d", 0.5, 500, "hybrid", 0.1)
    assert [relaxation_time(table, *liquid, key) for key in (*keys[:2], "00000000", None)] == [50.0, 70.0, None, 70.0]


def test_relaxation_times_of_other_sizes():
    line = {"tau_overlap": 100.0, "tau_scattering": 90.0, "swap_fraction": 0.1}
    table = [a_line(**line), a_line(**{**line, "tau_overlap": math.inf}, temperature=1.3)]

    def tau(n, temperature=0.5, model="poly3d", sampler="hybrid", swaps=0.1):
        return relaxation_time(table, model, temperature, n, sampler, swaps)

    assert tau(8000) == pytest.approx(100.0 * (8000 / 2048) ** 0.25)
    assert tau(200) == 100.0
    assert tau(500, temperature=1.3) == math.inf
    assert tau(500, sampler="metropolis") is tau(500, model="ipl3d") is None
    assert tau(500, swaps=0.0) is tau(500, swaps=0.2) is None  # without swaps it would take several times as long
    table += [a_line(**{**line, "n_particles": 8000, "tau_overlap": time}) for time in (130.0, 140.0)]
    table.append(a_line(**{**line, "n_particles": 8000, "tau_overlap": 150.0, "swap_fraction": 0.2}))
    # the nearest size, by its ratio; of what is measured there the longest
    assert [tau(n) for n in (1999, 2001, 8000)] == [100.0, 140.0, 140.0]
    table[:] = [a_line(tau_overlap=math.nan, tau_scattering=math.nan, swap_fraction=0.1)]
    assert tau(500) is None  # shorter than the interval of the states


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model\ttemperature\n", "the columns must be"),
        (None, "cannot read"),
    ],
)
def test_a_wrong_table_is_named(tmp_path, text, said):
    path = tmp_path / "relaxation.tsv"
    if text:
        path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_relaxation(path)


def test_a_wrong_line_is_named(tmp_path):
    path = tmp_path / "relaxation.tsv"
    add_to_table(path, a_line())
    path.write_text(path.read_text() + "ipl3d\twarm\n")
    with pytest.raises(InputError, match="line 3"):
        read_relaxation(path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"walkers": 2}, "walkers is 2"),
        ({"temperature": -1.0}, "temperature is -1.0"),
        ({"start_temperature": math.nan}, "start_temperature is nan"),
        ({"sweeps": 100}, "sweeps is 100"),
        ({"sampler": "magic"}, "unknown sampler"),
        ({"start_temperature": math.inf}, "start_temperature is inf"),
        ({"swap_fraction": 1.0}, "swap_fraction is 1.0"),
        ({"burn_in": -1}, "burn_in is -1, must be 0 or more sweeps"),
        ({"start_sweeps": 0}, "start_sweeps is 0, must be at least 1 sweep"),
    ],
)
def test_wrong_studies_are_refused(changes, said):
    values = {"n_particles": 500, "temperature": 1.0, "sweeps": 20_000, "burn_in": 10, **changes}
    with pytest.raises(InputError, match=said):
        Study(MODELS["poly3d"], **values)


COLD = Ensemble("cold", "poly3d", 8000, 0.5, 10, 1, 10, 1, "quench", 0.0, 0.1, 3000, 700)


def test_burn_in_in_relaxation_times():
    measured = a_line(tau_overlap=100.0, tau_scattering=90.0, swap_fraction=0.1)
    (line,) = compared(measured, [COLD])
    # tau of 8000 particles is 100 (8000 / 2048)^(1/4)
    assert line == "cold: burn-in 21.3 tau, spacing 5.0 tau"


def test_only_rows_of_the_measured_liquid_are_compared():
    measured = a_line(tau_overlap=100.0, tau_scattering=90.0, swap_fraction=0.0)
    read = replace(
        COLD, ensemble="foreign", preparation="read", swap_fraction=0.0, burn_in=0, spacing=0, source="*.xyz"
    )
    # without swaps the liquid of the other row relaxes in another time
    assert compared(measured, [COLD, read]) == ["foreign: read from files, without burn-in and spacing"]
    for tau in (math.nan, math.inf):
        (line,) = compared(replace(measured, tau_overlap=tau, tau_scattering=tau), [COLD, read])
        assert line == "the sheet's burn-ins and spacings are not compared: tau was not measured"
