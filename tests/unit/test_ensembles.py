"""Sheets, chunks, walkers and random streams."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nqe_core.burn_ins import short_burn_ins
from nqe_core.ensembles import Ensemble, random_stream, read_sheet, walkers
from nqe_core.errors import InputError
from nqe_core.models import MODELS
from nqe_core.relaxation_table import Measured, add_to_table, constants_key
from nqe_core.roles import FieldRoles

GOOD = {
    "ensemble": "ipl3d_n2048", "model": "ipl3d", "n_particles": "2048", "parent_temperature": "2.0",
    "n_samples": "100", "samples_per_walker": "4", "samples_per_chunk": "40", "n_modes": "1", "preparation": "quench",
    "cooling_rate": "0", "swap_fraction": "0.2", "burn_in": "200", "spacing": "100",
}  # fmt: skip


def sheet(tmp_path, *rows: dict, comment: str = "# a comment\n\n"):
    path = tmp_path / "campaign.tsv"
    lines = ["\t".join(GOOD), *("\t".join({**GOOD, **row}.values()) for row in rows)]
    path.write_text(comment + "\n".join(lines) + "\n")
    return path


def test_a_good_sheet_is_read(tmp_path):
    first, second = read_sheet(sheet(tmp_path, {}, {"ensemble": "b", "preparation": "cool", "cooling_rate": "1e-3"}))
    assert asdict(first) == {
        "ensemble": "ipl3d_n2048", "model": "ipl3d", "n_particles": 2048, "parent_temperature": 2.0, "n_samples": 100,
        "samples_per_walker": 4, "samples_per_chunk": 40, "n_modes": 1, "preparation": "quench", "cooling_rate": 0.0,
        "swap_fraction": 0.2, "burn_in": 200, "spacing": 100, "source": "", "diameters": "", "length_unit": 1.0,
    }  # fmt: skip
    assert (second.preparation, second.cooling_rate) == ("cool", 1e-3)
    assert first.chunks == ("0000", "0001", "0002")
    assert first.samples_of("0002") == range(80, 100)


TIMES = Measured(
    "ipl3d", 2.0, 2048, "hybrid", 0.2, constants_key(MODELS["ipl3d"].parameters()), 8, 40_000, 9.0, 0.0, 0.0, 0.0,
    1.0, 0.0, tau_overlap=90.5, tau_overlap_error=1.0,
    tau_scattering=70.0, tau_scattering_error=1.0, tau_sizes=1200.0, tau_sizes_error=9.0, tau_energy=80.0,
    tau_energy_error=1.0, seconds_per_sweep=1e-4,
)  # fmt: skip


def sheet_with_times(tmp_path, row: dict, times: Measured = TIMES):
    """A sheet in config/campaigns, and the relaxation times in config."""
    folder = tmp_path / "campaigns"
    folder.mkdir()
    add_to_table(tmp_path / "relaxation.tsv", times)
    return sheet(folder, row)


def test_burn_in_and_spacing_in_relaxation_times(tmp_path):
    path = sheet_with_times(tmp_path, {"burn_in": "12tau", "spacing": "2.5tau"})
    (row,) = read_sheet(path)
    assert (row.burn_in, row.spacing) == (1086, 227)  # rounded up


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"parent_temperature": "1.9"},
            "relaxation time of ipl3d at T = 1.9 with the hybrid sampler and 0.2 of swaps is not known",
        ),
        ({"swap_fraction": "0"}, "with the hybrid sampler and 0 of swaps is not known"),
        ({"spacing": "xtau"}, "could not convert .* relaxation times like 12tau"),
        ({"burn_in": "-3tau"}, "burn_in: relaxation times must be positive"),
        ({"burn_in": "nantau"}, "burn_in: relaxation times must be positive"),
        ({"burn_in": "1e308tau"}, "burn_in: relaxation times must be positive, and less than 1e[+]06"),
        ({"n_particles": "0"}, "n_particles is 0, must be at least 1"),
        ({"n_particles": "-5"}, "n_particles is -5, must be at least 1"),
        ({"model": "ipl9d"}, "unknown model 'ipl9d'"),
        ({"parent_temperature": "nan"}, "parent_temperature is nan, must be a positive temperature"),
    ],
)
def test_relaxation_times_that_do_not_help(tmp_path, change, says):
    path = sheet_with_times(tmp_path, {"burn_in": "12tau", **change})
    with pytest.raises(InputError, match=f"line 4: .*{says}"):
        read_sheet(path)


def test_a_time_measured_with_other_constants_does_not_help(tmp_path):
    path = sheet_with_times(tmp_path, {"burn_in": "12tau"})
    recoloured = {"ipl3d": replace(MODELS["ipl3d"], shear_modulus_infinity=99.0)}  # of units and tables only
    assert read_sheet(path, recoloured)[0].burn_in == 1086
    denser = {"ipl3d": replace(MODELS["ipl3d"], number_density=0.9)}
    with pytest.raises(InputError, match=r"line 4: .* was measured with other constants of the model"):
        read_sheet(path, denser)
    assert read_sheet(path, models=None)[0].burn_in == 1086  # unchecked


def test_a_time_too_long_to_be_measured_is_refused(tmp_path):
    path = sheet_with_times(tmp_path, {"burn_in": "12tau"}, replace(TIMES, tau_overlap=math.inf))
    with pytest.raises(InputError, match="was too long to be measured"):
        read_sheet(path)


def test_rows_that_count_in_a_time_still_to_be_measured(tmp_path):
    path = sheet_with_times(tmp_path, {"burn_in": "12tau", "parent_temperature": "1.5"})
    with pytest.raises(InputError, match=r"at T = 1\.5 .* is not known"):
        read_sheet(path)
    assert read_sheet(path, measured=()) == ()
    hotter = replace(TIMES, temperature=1.5, tau_overlap=200.0)
    assert read_sheet(path, measured=[hotter])[0].burn_in == 2400
    assert read_sheet(path, measured=[replace(hotter, tau_overlap=math.inf)]) == ()
    # what the table knows stays what the campaign will count in
    (row,) = read_sheet(sheet(path.parent, {"burn_in": "12tau"}), measured=[replace(TIMES, tau_overlap=200.0)])
    assert row.burn_in == 1086
    with pytest.raises(InputError, match="n_modes is 9999"):  # everything else is checked before the measurement
        read_sheet(
            sheet(path.parent, {"burn_in": "12tau", "parent_temperature": "1.5", "n_modes": "9999"}), measured=()
        )
    (tmp_path / "relaxation.tsv").unlink()
    assert read_sheet(sheet(path.parent, {"burn_in": "12tau"}), measured=()) == ()


def test_short_burn_ins_are_found_and_nothing_is_said_of_the_unknown(tmp_path):
    path = sheet_with_times(tmp_path, {"burn_in": "4.2tau"})
    (row,), table = read_sheet(path), tmp_path / "relaxation.tsv"
    assert short_burn_ins([row], table, "hybrid", MODELS) == {row.ensemble: 4.2}
    assert short_burn_ins([replace(row, burn_in=5 * row.burn_in)], table, "hybrid", MODELS) == {}
    add_to_table(table, replace(TIMES, swap_fraction=0.0))
    read = replace(row, source="x", preparation="read", samples_per_walker=1, swap_fraction=0.0, burn_in=0, spacing=0)
    assert short_burn_ins([read], table, "hybrid", MODELS) == {}
    denser = {"ipl3d": replace(MODELS["ipl3d"], number_density=0.9)}  # another liquid
    assert short_burn_ins([row], table, "hybrid", denser) == {}
    assert (
        short_burn_ins([row], table, "metropolis", MODELS)
        == short_burn_ins([row], tmp_path / "none", "hybrid", MODELS)
        == {}
    )


def test_relaxation_times_without_a_table(tmp_path):
    with pytest.raises(InputError, match=r"relaxation.tsv: cannot read"):
        read_sheet(sheet(tmp_path, {"burn_in": "12tau"}))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model": "lj"}, "unknown model 'lj'"),
        ({"parent_temperature": "-1"}, "parent_temperature is -1.0, must be a positive"),
        ({"parent_temperature": "nan"}, "parent_temperature is nan"),
        ({"parent_temperature": "hot"}, "'parent_temperature' is 'hot', must be a number"),
        ({"n_particles": "50"}, "too small for the cutoff"),
        ({"n_particles": "2048.5"}, "'n_particles' is '2048.5', must be a whole number"),
        ({"n_particles": ""}, "'n_particles' is '', must be a whole number"),
        ({"ensemble": "a;rm"}, "ensemble name 'a;rm'"),
        ({"ensemble": "a/../b"}, "ensemble name"),
        ({"ensemble": "Upper"}, "ensemble name"),
        ({"ensemble": "logs"}, "ensemble name 'logs' is that of a folder of every campaign's results"),
        ({"samples_per_chunk": "42"}, r"samples_per_chunk is 42, must be a multiple of samples_per_walker \(4\)"),
        ({"swap_fraction": "1"}, "swap_fraction is 1.0, must be in"),
        ({"swap_fraction": "-0.1"}, "swap_fraction is -0.1"),
        ({"preparation": "anneal"}, "preparation is 'anneal', must be one of quench, cool"),
        ({"preparation": "cool"}, "cooling_rate is 0.0, must be positive to cool"),
        ({"cooling_rate": "0.1"}, "cooling_rate is 0.1, must be 0"),
        ({"cooling_rate": "-1"}, "cooling_rate is -1.0, must be finite and not negative"),
        ({"n_samples": "0"}, "n_samples is 0, must be at least 1"),
        ({"burn_in": "0"}, "burn_in is 0"),
        ({"spacing": "0"}, "spacing is 0"),
        ({"n_modes": "9999"}, "n_modes is 9999, more than the sample has"),
        ({"n_modes": "6141"}, "n_modes is 6141, more than the sample has"),  # (N - 1) d, one more than can be found
    ],
)
def test_a_bad_row_is_refused_with_its_line(tmp_path, change, says):
    path = sheet(tmp_path, {"ensemble": "fine"}, change)
    with pytest.raises(InputError, match=says) as caught:
        read_sheet(path)
    assert str(caught.value).startswith(f"{path}, line 5: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda text: text.replace("spacing", "sapcing"), "unknown column 'sapcing'"),
        (lambda text: "\n".join(line.rsplit("\t", 1)[0] for line in text.splitlines()), "column 'spacing' is missing"),
        (lambda text: text.replace("spacing", "burn_in"), "column 'burn_in' appears twice"),
        (lambda text: text.rstrip() + "\t7\n", "14 columns .* but the header has 13"),
        (lambda text: text.replace("\t", " "), "columns are separated by tabs"),
        (lambda text: text.splitlines()[0] + "\n", "holds no ensemble"),
        (lambda text: "", "holds no ensemble"),
        (lambda text: text + text.splitlines()[1] + "\n", "'ipl3d_n2048' appears twice"),
    ],
)
def test_a_bad_sheet_is_refused(tmp_path, edit, says):
    path = sheet(tmp_path, {}, comment="")
    path.write_text(edit(path.read_text()))
    with pytest.raises(InputError, match=says):
        read_sheet(path)


def test_a_missing_sheet_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot read the sheet"):
        read_sheet(tmp_path / "none.tsv")


@settings(deadline=None, derandomize=True)
@given(n=st.integers(1, 300), per_walker=st.integers(1, 7), multiple=st.integers(1, 6))
def test_chunks_and_walkers_hold_every_sample_once(n, per_walker, multiple):
    values = {"n_samples": n, "samples_per_walker": per_walker, "samples_per_chunk": per_walker * multiple}
    row = Ensemble(**{**asdict(Ensemble("a", "ipl3d", 999, 2.0, 1, 1, 1, 1, "quench", 0.0, 0.2, 1, 1)), **values})
    units = [unit for chunk in row.chunks for unit in walkers(row.samples_of(chunk), per_walker)]
    assert [sample for unit in units for sample in unit] == list(range(n))
    # the walker of a sample does not depend on the chunk size
    assert all(unit.start % per_walker == 0 for unit in units)


def test_a_chunk_that_cuts_a_walker_is_refused():
    with pytest.raises(InputError, match="first sample 3 is not the first of a walker of 2"):
        walkers(range(3, 7), 2)


def test_a_chunk_that_is_not_there_is_refused(tmp_path):
    (row,) = read_sheet(sheet(tmp_path, {}))
    assert row.samples_of("0002") == range(80, 100)
    with pytest.raises(InputError, match="no chunk 3, the last one is 0002"):
        row.samples_of(3)


@pytest.mark.parametrize("unit", [0.0, -1.0, math.inf])
def test_a_unit_of_length_must_be_positive(unit):
    with pytest.raises(InputError, match=f"length_unit is {unit}, must be positive and finite"):
        Ensemble("a", "ipl3d", 999, 2.0, 1, 1, 1, 1, "read", 0.0, 0.0, 0, 0, source="x", length_unit=unit)


def test_streams_differ_in_every_part_of_their_address():
    addresses = [
        (1, "a", "liquid", 0), (2, "a", "liquid", 0), (1, "b", "liquid", 0), (1, "a", "inherent_state", 0),
        (1, "a", "liquid", 1), (1, "a", "liquid", 0, 0), (1, "a", "liquid", 0, 1), (1 + 2**32, "a", "liquid", 0),
        (1 + 2**64, "a", "liquid", 0), (1, "a", "liquid", 2**32), (1, "ab", "liquid", 0),
    ]  # fmt: skip
    draws = {tuple(random_stream(*address).integers(0, 2**63, 4)) for address in addresses}
    assert len(draws) == len(addresses)


def test_a_stream_is_the_same_tomorrow():
    # every published sample rests on these numbers
    assert random_stream(20200321, "ipl3d_n2048", "liquid", 7, 1).integers(0, 1000, 4).tolist() == [522, 735, 937, 770]


@pytest.mark.parametrize("seed", [-1, 1.5, "1", True])
def test_a_bad_seed_is_refused(seed):
    with pytest.raises(InputError, match="root_seed"):
        random_stream(seed, "a", "liquid", 0)


def test_streams_are_independent():
    draws = np.array([random_stream(1, "a", "liquid", sample).standard_normal(200) for sample in range(200)])
    correlations = np.corrcoef(draws)[np.triu_indices(200, 1)]
    # 19,900 correlations of 200 numbers each: standard deviation 0.071, the largest about 4.1 of them
    assert abs(correlations.std() - 200**-0.5) < 0.003
    assert np.abs(correlations).max() < 6 * 200**-0.5


def test_reading_a_sheet_loads_nothing_heavy():
    code = (
        "import sys, nqe_core.ensembles; print([m for m in ('numba', 'scipy', 'h5py', 'pandas') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"


# --- roles in the figures of single samples ---------------------------------------------------------------------------


def ipl(name: str, model: str, n_particles: int, temperature: float) -> Ensemble:
    return Ensemble(name, model, n_particles, temperature, 10, 1, 10, 1, "quench", 0.0, 0.2, 200, 100)


def test_roles_are_of_the_papers_temperature():
    """Colder boxes, smaller or larger ones, are another glass; alone in a sheet the hottest are shown."""
    paper = [ipl("a", "ipl3d", 500, 2.0), ipl("b", "ipl3d", 2000, 2.0), ipl("c", "ipl2d", 400, 2.0)]
    colder = [ipl("d", "ipl3d", 256, 1.0), ipl("e", "ipl2d", 900, 1.0), ipl("f", "ipl2d", 100, 0.9)]
    hotter = [ipl("g", "ipl3d", 256, 4.0), ipl("h", "ipl2d", 1600, 4.0)]
    for rows in (paper, colder + paper, hotter + paper + colder):
        assert FieldRoles.of(rows) == FieldRoles(["a"], ["c"], ["a"], ["c"])
    assert FieldRoles.of(colder) == FieldRoles(["d"], ["e"], ["d"], ["e"])
    assert FieldRoles.of([]) == FieldRoles([], [], [], [])
