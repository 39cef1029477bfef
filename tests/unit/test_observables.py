"""The stages on real glasses: a small campaign of nine files, made once, looked at from all sides."""

from __future__ import annotations

import io
import math
import shutil
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from nqe_core import double_well_stage, double_wells, elasticity, equilibration, jobs, stages
from nqe_core.campaign import DONE, RESUMABLE, Options, run
from nqe_core.crew import Interrupted
from nqe_core.double_well_stage import double_wells_job
from nqe_core.double_wells import QuarticExpansion, find_saddle, find_second_minimum
from nqe_core.equilibration import Protocol, equilibrate_job
from nqe_core.errors import InputError
from nqe_core.interactions import Interactions
from nqe_core.models import MODELS, OTHER_MODELS
from nqe_core.nonlinear_modes import find_cubic_mode_from, find_quartic_mode
from nqe_core.observables import mismatch, observe
from nqe_core.reference import package_versions
from nqe_core.spectrum_certificate import Certificate
from nqe_core.storage import ChunkReader, StorageError
from nqe_core.swap_monte_carlo import equilibrate, initial_configuration
from nqe_core.swap_monte_carlo.hybrid import steps_of_trajectory
from nqe_core.tables import read_table, table_attributes

STAGES = ("liquid", "inherent_state", "harmonic", "quartic", "cubic")
N = 100


def options(**changes) -> Options:
    return Options(**{"log": io.StringIO(), "max_failed_fraction": 1.0, **changes})


def protocol(**changes) -> Protocol:
    values = {
        "model": MODELS["ipl2d"], "ensemble": "small", "n_particles": N, "temperature": 2.0, "burn_in": 60,
        "spacing": 20, "swap_fraction": 0.2, "samples_per_walker": 2, "root_seed": 11,
    }  # fmt: skip
    return Protocol(**{**values, **changes})


def paths(folder: Path) -> dict[str, Path]:
    return {stage: folder / stage / "0000.h5" for stage in STAGES}


def make(folder: Path, first: int = 0, count: int = 4) -> dict[str, Path]:
    """Every stage of a few samples."""
    files = paths(folder)
    jobs = {
        "liquid": lambda: equilibrate_job(protocol(), first, count),
        "inherent_state": lambda: stages.quench_job(files["liquid"], 1e-11),
        "harmonic": lambda: stages.harmonic_job(files["inherent_state"], n_modes=3),
        "quartic": lambda: stages.quartic_job(files["inherent_state"], files["harmonic"]),
        "cubic": lambda: stages.cubic_job(files["inherent_state"], files["quartic"], "nonaffine"),
    }
    for stage, job in jobs.items():
        with job() as ready:
            assert run(ready, files[stage], options()) == DONE
    return files


@pytest.fixture(scope="module")
def campaign(tmp_path_factory) -> dict[str, Path]:
    return make(tmp_path_factory.mktemp("campaign"))


@pytest.fixture(scope="module")
def table(campaign) -> pd.DataFrame:
    output = campaign["liquid"].parents[1] / "observables.parquet"
    with stages.observables_job(*campaign.values()) as job:
        assert run(job, output, options()) == DONE
    return read_table(output).to_pandas()


def interactions(files: dict[str, Path], sample: int) -> Interactions:
    with ChunkReader(files["inherent_state"]) as states:
        return Interactions.of(states.configuration(sample), states.model)


def content(path: Path) -> str:
    with ChunkReader(path) as reader:
        reader.verify()
        return reader.attributes["content_sha256"]


def test_columns_are_complete_and_finite(table):
    assert len(table) == 4
    assert not table["failure"].any()
    numbers = table.select_dtypes("number")
    assert np.isfinite(numbers.to_numpy()).all()
    expected = {
        "ensemble", "model", "dimension", "n_particles", "parent_temperature", "sample", "walker", "box_length",
        "failure", "liquid_energy", "energy", "pressure", "force_ratio", "structure_peak", "quench_converged",
        "quench_iterations", "harmonic_eigenvalue", "harmonic_eigenvalue_2", "harmonic_eigenvalue_3",
        "harmonic_residual", "cubic_start",
        "harmonic_quartic_mismatch", "quartic_cubic_mismatch", "quartic_force_magnitude", "shear_modulus",
        "shear_modulus_simple_xy", "shear_modulus_pure_xy",
    }  # fmt: skip
    for mode in ("harmonic", "quartic", "cubic"):
        for name in ("frequency", "stiffness", "cubic_coefficient", "quartic_coefficient", "participation_ratio"):
            expected.add(f"{mode}_{name}")
        expected.add(f"{mode}_shear_strain_coupling")
    expected |= {f"{mode}_{name}" for mode in ("quartic", "cubic") for name in ("residual", "iterations", "converged")}
    expected |= {f"seconds_{name}" for name in ("equilibrate", "quench", "harmonic", "quartic", "cubic", "observables")}
    assert set(table.columns) == expected


def test_addresses(table):
    assert table["sample"].tolist() == [0, 1, 2, 3]
    assert table["walker"].tolist() == [0, 0, 1, 1]
    assert (table["ensemble"] == "small").all()
    assert np.allclose(table["box_length"], MODELS["ipl2d"].box_length(N))


def test_relations_between_columns(table):
    assert np.allclose(table["harmonic_stiffness"], table["harmonic_eigenvalue"], rtol=1e-8)
    for mode in ("harmonic", "quartic", "cubic"):
        assert np.allclose(table[f"{mode}_frequency"] ** 2, table[f"{mode}_stiffness"])
    # psi has the lowest stiffness of all fields
    assert (table["quartic_stiffness"] >= table["harmonic_stiffness"]).all()
    assert (table["harmonic_eigenvalue"] <= table["harmonic_eigenvalue_2"]).all()
    moduli = table[["shear_modulus_simple_xy", "shear_modulus_pure_xy"]]
    assert np.allclose(table["shear_modulus"], moduli.mean(axis=1))
    assert (table["energy"] < table["liquid_energy"]).all()


def test_columns_belong_to_the_mode_that_they_name(campaign, table):
    with ExitStack() as files:
        readers = {stage: files.enter_context(ChunkReader(campaign[stage])) for stage in STAGES}
        for sample in range(4):
            states, rows = readers["inherent_state"], {stage: readers[stage].row(sample) for stage in STAGES[2:]}
            bonds = Interactions.of(states.configuration(sample), states.model)
            force = elasticity.mismatch_force(bonds, "simple_xy")
            modes = {stage: row["modes"].reshape(-1, N, 2)[0] for stage, row in rows.items()}
            for name, mode in modes.items():
                size = (mode**2).sum(axis=1)
                assert table[f"{name}_participation_ratio"][sample] == pytest.approx(1 / (N * (size**2).sum()))
                assert table[f"{name}_shear_strain_coupling"][sample] == pytest.approx(np.vdot(force, mode))
            for one, other in (("harmonic", "quartic"), ("quartic", "cubic")):
                expected = 1 - abs(np.vdot(modes[one], modes[other]))
                assert table[f"{one}_{other}_mismatch"][sample] == pytest.approx(expected, abs=1e-14)
            assert table["harmonic_residual"][sample] == rows["harmonic"]["residual"][0]
            assert table["cubic_residual"][sample] == rows["cubic"]["residual"]
            assert table["quartic_iterations"][sample] == rows["quartic"]["iterations"]
            for name in ("quartic", "cubic"):
                for coefficient in ("cubic_coefficient", "quartic_coefficient"):
                    stored = rows[name][coefficient]
                    assert table[f"{name}_{coefficient}"][sample] == pytest.approx(stored, rel=1e-9)


def test_quartic_force_magnitude_obeys_the_defining_equation(campaign, table):
    """M.pi4 = (kappa/chi) U4:pi4pi4pi4 (Eq. 8), hence |U4:pi4pi4pi4| / chi = |M.pi4| / kappa."""
    with ChunkReader(campaign["inherent_state"]) as states, ChunkReader(campaign["quartic"]) as modes:
        for sample in range(4):
            bonds = Interactions.of(states.configuration(sample), states.model)
            mode = modes.row(sample, "modes")["modes"]
            expected = np.linalg.norm(bonds.hessian_product(mode)) / table["quartic_stiffness"][sample]
            assert table["quartic_force_magnitude"][sample] == pytest.approx(expected, rel=1e-6)


def test_mismatch_keeps_its_digits():
    rng = np.random.default_rng(0)
    a, b = np.linalg.qr(rng.standard_normal((60, 2)))[0].T.reshape(2, 20, 3)
    for angle in (1e-9, 1e-5, 0.3):
        turned = np.cos(angle) * a + np.sin(angle) * b
        exact = 2 * np.sin(angle / 2) ** 2
        assert mismatch(a, turned) == pytest.approx(exact, rel=1e-6)
        assert mismatch(a, -turned) == pytest.approx(exact, rel=1e-6)


def test_softest_cubic_mode_of_all_starts(campaign):
    files = campaign
    with stages.cubic_job(files["inherent_state"], files["quartic"]) as job:
        rows = [row for unit in job.units for row in job.compute(unit, None, lambda: None)]
    with ChunkReader(files["cubic"]) as reader:
        starts = reader.column("start")
        assert (reader.column("stiffness") <= np.array([row["stiffness"] for row in rows]) * (1 + 1e-6)).all()
    assert [row["start"] for row in rows] == [0] * 4
    with ChunkReader(files["cubic"]) as cubic, ChunkReader(files["quartic"]) as quartic:
        for sample in range(4):
            bonds = interactions(files, sample)
            fields = [quartic.row(sample, "modes")["modes"], *elasticity.nonaffine_velocities(bonds)]
            mode, start = find_cubic_mode_from(bonds, np.array(fields))
            np.testing.assert_array_equal(cubic.row(sample, "modes")["modes"], mode.mode)
            assert starts[sample] == start


def test_second_quartic_mode_starts_from_the_difference_field(campaign):
    with stages.second_quartic_job(campaign["inherent_state"], campaign["harmonic"], campaign["quartic"]) as job:
        rows = [row for unit in job.units for row in job.compute(unit, None, lambda: None)]
    with ChunkReader(campaign["harmonic"]) as harmonic, ChunkReader(campaign["quartic"]) as quartic:
        for sample, row in enumerate(rows):
            assert row["failure"] == ""
            psi, first = harmonic.row(sample, "modes")["modes"][0], quartic.row(sample, "modes")["modes"]
            difference = psi - math.copysign(1.0, np.vdot(psi, first)) * first
            expected = find_quartic_mode(interactions(campaign, sample), difference)
            np.testing.assert_array_equal(row["modes"], expected.mode)
            assert row["overlap_harmonic"] == pytest.approx(abs(np.vdot(row["modes"], psi)))
            assert row["overlap_first"] == pytest.approx(abs(np.vdot(row["modes"], first)))


@pytest.mark.parametrize("sampler", ["hybrid", "metropolis"])
def test_liquids_are_what_the_protocol_says(sampler):
    """Sampler, temperature, share of swaps, sweeps and random streams; steps are tuned in the burn-in alone."""
    how = protocol(sampler=sampler)
    made = equilibrate_job(how, 0, 2).compute(range(2), None, lambda: None)
    rows = [found for found in made if isinstance(found, dict)]
    state, step = initial_configuration(how.model, N, how.stream(0)), None
    for row, sweeps, tune in zip(rows, (60, 20), (True, False), strict=True):
        run_on = equilibrate(state, how.model, 2.0, sweeps, how.stream(0, row["sample"], 0), swap_fraction=0.2,
                             step=step, tune=tune, sampler=sampler)  # fmt: skip
        state, step = run_on.configuration.wrapped(), run_on.step
        np.testing.assert_array_equal(row["positions"], state.positions)
        np.testing.assert_array_equal(row["diameters"], state.diameters)
        assert row["energy"] == run_on.energy


@pytest.mark.parametrize("sampler", ["hybrid", "metropolis"])
def test_acceptances_are_those_of_moves_that_were_made(sampler):
    """A share of no attempts is not a number, not 0; a block without such moves does not count."""
    how = protocol(sampler=sampler, swap_fraction=0.0)
    made = equilibrate_job(how, 0, 2).compute(range(2), None, lambda: None)
    for row in (found for found in made if isinstance(found, dict)):
        assert row["failure"] == ""
        assert 0.0 < row["displacement_acceptance"] <= 1.0
        assert math.isnan(row["swap_acceptance"])


def test_acceptances_are_means_over_blocks(monkeypatch):
    """Weighted with their sweeps; of one block nothing is known, and it does not count."""
    monkeypatch.setattr(equilibration, "ATTEMPTS_PER_BLOCK", 0)
    monkeypatch.setattr(equilibration, "SWEEPS_PER_BLOCK", 25)
    known = iter([(0.5, 0.1), (math.nan, 0.2), (1.0, 0.4), (math.nan, 0.6)])

    def measured(configuration, model, *args, **options):
        found = equilibrate(configuration, model, *args, **options)
        displaced, swapped = next(known)
        return replace(found, displacement_acceptance=displaced, swap_acceptance=swapped)

    monkeypatch.setattr(equilibration, "equilibrate", measured)
    made = equilibrate_job(protocol(), 0, 2).compute(range(2), None, lambda: None)
    first, second = (found for found in made if isinstance(found, dict))
    assert first["displacement_acceptance"] == pytest.approx((25 * 0.5 + 10 * 1.0) / 35)
    assert first["swap_acceptance"] == pytest.approx((25 * 0.1 + 25 * 0.2 + 10 * 0.4) / 60)
    assert math.isnan(second["displacement_acceptance"])
    assert second["swap_acceptance"] == pytest.approx(0.6)


def test_double_wells_are_what_the_searches_find(campaign, tmp_path):
    with ChunkReader(campaign["inherent_state"]) as states, ChunkReader(campaign["cubic"]) as cubic:
        model, glasses = states.model, [states.configuration(sample) for sample in range(4)]
        modes = [cubic.row(sample, "modes")["modes"] for sample in range(4)]
    output = tmp_path / "double_wells" / "0000.h5"
    assert run(double_wells_job(campaign["inherent_state"], campaign["cubic"]), output, options()) == DONE
    with ChunkReader(output, "double_wells") as reader:
        reader.verify()
        rows = list(reader.rows())
    for glass, z, row in zip(glasses, modes, rows, strict=True):
        assert row["failure"] == ""
        along = QuarticExpansion.along(Interactions.of(glass, model), z)
        assert row["asymmetry"] == pytest.approx(along.asymmetry)
        for point, s in (("barrier", along.saddle), ("minimum", along.second_minimum)):
            expected = row[f"expected_{point}_energy"], row[f"expected_{point}_distance"]
            assert expected == pytest.approx((along.energy(s), abs(s)), nan_ok=True)
        barrier = find_saddle(glass, model, z, along)
        minimum = find_second_minimum(glass, model, z, along, barrier)
        for point, found in (("barrier", barrier), ("minimum", minimum)):
            assert row[f"{point}_found"] == (found is not None)
            for name in ("energy", "distance", "along_mode", "participation_ratio"):
                assert row[f"{point}_{name}"] == pytest.approx(getattr(found, name, math.nan), nan_ok=True)


@pytest.mark.parametrize("barrier", [True, False])
def test_what_is_not_there_fails_no_sample(campaign, monkeypatch, barrier):
    """Nor is anything stored of it but that; a search that fails is a failed sample."""
    there = double_wells.Neighbour(None, 0.25, 2.0, 1.5, 0.5)
    monkeypatch.setattr(double_well_stage, "find_saddle", lambda *_: there if barrier else None)
    monkeypatch.setattr(double_well_stage, "find_second_minimum", lambda *a: None if a[4] is there else there)
    row = first_row(double_wells_job(campaign["inherent_state"], campaign["cubic"]))
    found, missing = ("barrier", "minimum") if barrier else ("minimum", "barrier")
    values = [row[f"{found}_{name}"] for name in ("found", "energy", "distance", "along_mode", "participation_ratio")]
    assert (row["failure"], values, row[f"{missing}_found"]) == ("", [True, 0.25, 2.0, 1.5, 0.5], False)
    assert math.isnan(row[f"{missing}_energy"]) and math.isnan(row[f"{missing}_participation_ratio"])

    def fails(*_):
        raise ArithmeticError("quench not converged")

    monkeypatch.setattr(double_well_stage, "find_saddle", fails)
    row = first_row(double_wells_job(campaign["inherent_state"], campaign["cubic"]))
    assert row["failure"] == "ArithmeticError: quench not converged" and not row["barrier_found"]


def test_a_second_well_that_is_not_finite_fails_its_sample(campaign, monkeypatch):
    monkeypatch.setattr(
        double_well_stage, "find_saddle", lambda *_: double_wells.Neighbour(None, math.inf, 1.0, 1.0, 0.5)
    )
    monkeypatch.setattr(double_well_stage, "find_second_minimum", lambda *_: None)
    row = first_row(double_wells_job(campaign["inherent_state"], campaign["cubic"]))
    assert row["failure"] == "barrier at 1 with energy inf" and not row["barrier_found"]


def test_a_mode_without_a_quartic_expansion_fails_its_sample(campaign, monkeypatch):
    monkeypatch.setattr(double_well_stage, "COEFFICIENTS", ("stiffness", "cubic_coefficient", "negative"))
    row_of = ChunkReader.row

    def row(self, sample, *names):
        found = row_of(self, sample, *(name for name in names if name != "negative"))
        return found | ({"negative": -3.0} if "negative" in names else {})

    monkeypatch.setattr(ChunkReader, "row", row)
    made = first_row(double_wells_job(campaign["inherent_state"], campaign["cubic"]))
    assert made["failure"].startswith("cubic mode of negative quartic coefficient -3")


def test_a_search_can_be_interrupted(campaign):
    """In each step to the saddle and each block of a quench: large boxes take long."""
    asked = []
    with double_wells_job(campaign["inherent_state"], campaign["cubic"]) as job:
        list(job.compute(job.units[0], None, lambda: asked.append(1)))
    assert len(asked) >= 2

    def interrupt():
        raise Interrupted

    with double_wells_job(campaign["inherent_state"], campaign["cubic"]) as job, pytest.raises(Interrupted):
        list(job.compute(job.units[0], None, interrupt))


def spied(monkeypatch, name: str) -> list:
    """Arguments of each call of what the stages call by this name."""
    calls, function = [], getattr(stages, name)
    monkeypatch.setattr(stages, name, lambda *a, **k: calls.append((a, k)) or function(*a, **k))
    return calls


def first_row(job) -> dict:
    with job:
        (row,) = job.compute(job.units[0], None, lambda: None)
    return row


def test_method_and_tolerance_reach_the_solvers(campaign, monkeypatch):
    solvers = ("find_quartic_mode", "find_cubic_mode", "find_cubic_mode_from")
    calls = {name: spied(monkeypatch, name) for name in solvers}
    how = {"method": "macopt", "tolerance": 1e-5}
    state, harmonic, quartic = (campaign[stage] for stage in STAGES[1:4])
    for job in (
        stages.quartic_job(state, harmonic, **how),
        stages.second_quartic_job(state, harmonic, quartic, **how),
        stages.cubic_job(state, quartic, **how),
        stages.cubic_job(state, quartic, "nonaffine", **how),
    ):
        assert 0 < first_row(job)["residual"] <= 1e-5
    assert [[keywords for _, keywords in calls[name]] for name in solvers] == [[how] * 2, [how], [how]]


def test_preparation_reaches_the_dynamics(campaign, monkeypatch):
    cooled, quenched = spied(monkeypatch, "cool"), spied(monkeypatch, "quench")
    first_row(stages.quench_job(campaign["liquid"], 1e-9))
    first_row(stages.quench_job(campaign["liquid"], 1e-9, "cool", 0.5))
    first_row(stages.quench_job(campaign["liquid"], 1e-9, "cool", 0.5, cooling_start=0.25))
    assert [positional[2:4] for positional, _ in cooled] == [(2.0, 0.5), (0.25, 0.5)]
    assert [keywords["tolerance"] for _, keywords in quenched] == [1e-9] * 3


def test_samples_drawn_for_the_certificate_are_certified(campaign, monkeypatch):
    def rows(share):
        with stages.harmonic_job(campaign["inherent_state"], 3, certify_share=share) as job:
            return [row for unit in job.units for row in job.compute(unit, None, lambda: None)]

    assert all(row["certified"] for row in rows(1.0))
    assert not any(row["certified"] for row in rows(0.0))
    monkeypatch.setattr(stages, "certify", lambda *_: Certificate(False, 3, 4, "inertia"))
    assert {row["failure"] for row in rows(1.0)} == {"harmonic modes missed: 3 given, 4 there (inertia)"}
    assert {row["failure"] for row in rows(0.0)} == {""}


def test_chunks_do_not_matter(campaign, tmp_path):
    """Samples 2 and 3, made alone, are bit by bit those of the larger chunk."""
    alone = make(tmp_path, first=2, count=2)
    for stage in STAGES:
        with ChunkReader(campaign[stage]) as large, ChunkReader(alone[stage]) as small:
            for sample in (2, 3):
                one, other = large.row(sample), small.row(sample)
                for name in set(one) - {"seconds"}:
                    assert np.array_equal(one[name], other[name]), (stage, name)


def test_a_walker_interrupted_in_its_burn_in_continues_bit_by_bit(campaign, tmp_path, monkeypatch):
    import nqe_core.equilibration

    monkeypatch.setattr(nqe_core.equilibration, "ATTEMPTS_PER_BLOCK", 25 * N)  # 3 blocks of burn-in
    monkeypatch.setattr(nqe_core.equilibration, "SWEEPS_PER_BLOCK", 1)
    whole, output = tmp_path / "whole.h5", tmp_path / "0000.h5"
    assert run(equilibrate_job(protocol(), 0, 4), whole, options()) == DONE
    made, equilibrate = [], nqe_core.equilibration.equilibrate

    def counted(*arguments, **keywords):
        if len(made) == 6:  # the second walker's second block
            made.append(None)
            raise Interrupted("test")
        made.append(arguments[3])
        return equilibrate(*arguments, **keywords)

    monkeypatch.setattr(nqe_core.equilibration, "equilibrate", counted)
    assert run(equilibrate_job(protocol(), 0, 4), output, options()) == RESUMABLE
    assert run(equilibrate_job(protocol(), 0, 4), output, options()) == DONE
    assert content(output) == content(whole)
    # per walker three blocks of burn-in, and the spacing
    assert [sweeps for sweeps in made if sweeps] == 2 * [25, 25, 10, 20]


def test_a_cooled_glass_is_reproducible_and_lower_in_energy(campaign, tmp_path):
    def cooled(name):
        with stages.quench_job(campaign["liquid"], 1e-11, "cool", 0.01) as job:
            assert run(job, tmp_path / name, options()) == DONE
        return tmp_path / name

    first, second = cooled("a.h5"), cooled("b.h5")
    assert content(first) == content(second) != content(campaign["inherent_state"])
    # slow enough that four small glasses show it: by about 0.06 a particle, against a scatter of 0.04
    with ChunkReader(first) as slow, ChunkReader(campaign["inherent_state"]) as fast:
        assert slow.column("energy").mean() < fast.column("energy").mean()
        assert slow.attributes["parameters"]["cooling_rate"] == 0.01


def test_the_solvers_that_may_have_run_are_recorded(campaign):
    with ChunkReader(campaign["harmonic"], "harmonic") as reader:
        assert reader.attributes["algorithm"] == "lowest modes, factorised, else arpack"
        assert reader.attributes["parameters"]["method"] == "auto"


@pytest.mark.parametrize("make", [
    lambda files: stages.quench_job(files["liquid"], 1e-11, "cooling", 0.01),
    lambda files: stages.quench_job(files["liquid"], 1e-11, preparation="Quench"),
    lambda files: stages.harmonic_job(files["inherent_state"], method="lapack"),
    lambda files: stages.quartic_job(files["inherent_state"], files["harmonic"], method="newton"),
    lambda files: stages.cubic_job(files["inherent_state"], files["quartic"], starts="all"),
])  # fmt: skip
def test_unknown_ways_are_refused_before_any_work(campaign, make):
    with pytest.raises(InputError, match=r"must be|known:"):
        make(campaign)


# --- failures -------------------------------------------------------------------------------------------------------


def test_a_crystal_is_a_marked_row(campaign, tmp_path, monkeypatch):
    monkeypatch.setattr(stages, "structure_peak", lambda configuration: 1e3 + configuration.n_particles)
    output = tmp_path / "inherent_state.h5"
    with stages.quench_job(campaign["liquid"], 1e-11) as job:
        assert run(job, output, options()) == DONE
    with ChunkReader(output, "inherent_state") as reader:
        reasons = list(reader.column("failure"))
    assert reasons == [f"crystalline: the structure factor reaches {1000 + N}"] * 4


def test_a_failed_sample_is_passed_on_to_the_table(campaign, tmp_path):
    """The quench of every sample fails for want of a reachable tolerance; everything after it says so."""
    files = paths(tmp_path)
    files["liquid"] = campaign["liquid"]
    jobs = [
        ("inherent_state", lambda: stages.quench_job(files["liquid"], 1e-30)),
        ("harmonic", lambda: stages.harmonic_job(files["inherent_state"])),
        ("quartic", lambda: stages.quartic_job(files["inherent_state"], files["harmonic"])),
        ("cubic", lambda: stages.cubic_job(files["inherent_state"], files["quartic"])),
    ]
    import nqe_core.stages

    quench = nqe_core.stages.quench
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nqe_core.stages, "quench", lambda *a, **k: quench(*a, **k, max_evaluations=50))
        for stage, job in jobs:
            with job() as ready:
                assert run(ready, files[stage], options()) == DONE
    output = tmp_path / "observables.parquet"
    with stages.observables_job(*files.values()) as job:
        assert run(job, output, options()) == DONE
    table = read_table(output).to_pandas()
    assert table["failure"].str.startswith("upstream: quench not converged: force ratio").all()
    assert not table["failure"].str.contains("upstream: upstream").any()
    assert table["energy"].isna().all()
    assert table["sample"].tolist() == [0, 1, 2, 3]
    assert table["n_particles"].tolist() == [N] * 4
    # the liquid and the quench, though in vain, took their time
    assert (table[["seconds_equilibrate", "seconds_quench"]] > 0).all(axis=None)
    assert table[["seconds_harmonic", "seconds_quartic", "seconds_cubic"]].isna().all(axis=None)


def test_an_unstable_state_is_a_failed_sample(campaign, monkeypatch):
    import nqe_core.stages

    modes = nqe_core.stages.lowest_modes

    def unstable(interactions, **keywords):
        found = modes(interactions, **keywords)
        found.eigenvalues[0] = -0.1
        return found

    monkeypatch.setattr(nqe_core.stages, "lowest_modes", unstable)
    with stages.harmonic_job(campaign["inherent_state"]) as job:
        (row,) = job.compute(job.units[0], None, lambda: None)
    assert row["failure"] == "negative lowest eigenvalue -0.1"


def test_modes_of_another_glass_are_noticed(campaign):
    """Sample 1's modes with sample 0's bonds."""
    readers = {stage: ChunkReader(path) for stage, path in campaign.items()}
    bonds = Interactions.of(readers["inherent_state"].configuration(0), MODELS["ipl2d"])
    stored = {stage: reader.row(1) for stage, reader in readers.items()}
    modes = {stage: stored[stage]["modes"] for stage in ("quartic", "cubic")}
    modes["harmonic"] = stored["harmonic"]["modes"][0]
    with pytest.raises(ArithmeticError, match=r"stiffness .* of the harmonic mode was stored as"):
        observe(bonds, modes, stored)
    for reader in readers.values():
        reader.close()


def test_a_position_that_is_not_a_number_stops_the_job(campaign, tmp_path):
    broken = tmp_path / "0000.h5"
    shutil.copy(campaign["liquid"], broken)
    with h5py.File(broken, "r+") as file:
        file["positions"][2, 5, 0] = np.nan
    with (
        pytest.raises(StorageError, match="sample 2: the position of particle 5"),
        stages.quench_job(broken, 1e-11) as job,
    ):
        run(job, tmp_path / "out.h5", options())
    assert not (tmp_path / "out.h5").exists()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"temperature": -1.0}, "temperature is -1.0"),
        ({"temperature": math.inf}, "temperature is inf"),
        ({"n_particles": 10}, "too small for the cutoff"),
        ({"swap_fraction": 1.0}, "swap_fraction is 1.0"),
        ({"model": OTHER_MODELS["kob_andersen"], "n_particles": 1000}, "whose pairs attract"),
        ({"burn_in": 0}, "burn_in is 0"),
        ({"spacing": 0}, "spacing is 0"),
        ({"spacing": 1}, "spacing is 1: less than one time step of the hybrid sampler"),
        ({"burn_in": 1}, "burn_in is 1: less than one time step of the hybrid sampler"),
        ({"ensemble": "no/path"}, "ensemble name 'no/path'"),
        ({"sampler": "none"}, "unknown sampler 'none'"),
    ],
)
def test_a_bad_protocol_is_refused(changes, says):
    with pytest.raises(InputError, match=says):
        protocol(**changes)


def test_one_sweep_is_enough_for_single_moves():
    assert protocol(spacing=1, sampler="metropolis").spacing == 1


def test_files_know_where_they_come_from(campaign, table):
    with ChunkReader(campaign["cubic"]) as reader:
        assert reader.attributes["inputs"] == {
            "inherent_state": content(campaign["inherent_state"]), "quartic": content(campaign["quartic"]),
        }  # fmt: skip
        assert reader.attributes["root_seed"] == 11
        assert reader.attributes["temperature"] == 2.0
    attributes = table_attributes(read_table(campaign["liquid"].parents[1] / "observables.parquet"))
    assert attributes["inputs"] == {stage: content(path) for stage, path in campaign.items()}
    assert attributes["packages"] == package_versions() and f"numpy {np.__version__}" in package_versions()


def test_files_know_the_packages_behind_their_inputs_and_do_not_depend_on_them(campaign, tmp_path, monkeypatch):
    """A numpy that is renewed in the middle of a campaign is no reason to compute anything again."""
    before = package_versions()
    with stages.harmonic_job(campaign["inherent_state"], n_modes=3) as job:
        fingerprint = job.fingerprint
    monkeypatch.setattr(jobs, "package_versions", lambda: "python 4")
    with stages.harmonic_job(campaign["inherent_state"], n_modes=3) as job:
        assert job.attributes["packages"] == f"{before}; python 4"
        assert job.fingerprint == fingerprint
    older = tmp_path / "0000.h5"  # made when this was not recorded
    shutil.copy(campaign["inherent_state"], older)
    with h5py.File(older, "r+") as file:
        del file.attrs["packages"]
    with stages.harmonic_job(older, n_modes=3) as job:
        assert job.attributes["packages"] == "not recorded; python 4"
        assert job.made({key: value for key, value in job.attributes.items() if key != "packages"})


@pytest.mark.parametrize(
    ("n_particles", "trajectories"),
    [(100, 400), (2000, 18), (8192, 9), (32768, 8), (102_400, 2), (250_000, 10), (1_000_000, 10)],
)
def test_the_hybrid_sampler_tunes_over_whole_trajectories(n_particles, trajectories):
    """In a block that is shorter than a trajectory and its swaps nothing is tuned at all."""
    steps = steps_of_trajectory(n_particles)
    sweeps_per_cycle = round(2 * steps / (1 - 0.2))
    assert protocol(n_particles=n_particles).sweeps_per_block >= trajectories * sweeps_per_cycle


@pytest.mark.parametrize(("n_particles", "sweeps"), [(400, 10_000), (38_000, 1000), (102_400, 390), (199_999, 200)])
def test_blocks_of_ordinary_boxes_stay_as_they_were(n_particles, sweeps):
    """Random streams are numbered by block: other blocks would be other samples."""
    assert protocol(n_particles=n_particles).sweeps_per_block == sweeps
