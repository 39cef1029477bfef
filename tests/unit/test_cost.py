"""The cost of a campaign: arithmetic on a made-up table, and the shipped table against the shipped sheets."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nqe_core import cost
from nqe_core.cli.main import main
from nqe_core.cost import (
    STAGES,
    TABLE,
    Measurement,
    at_size,
    bytes_per_sample,
    cost_of,
    memory_mb,
    read_measurements,
    seconds_per_sample,
)
from nqe_core.ensembles import Ensemble, read_sheet
from nqe_core.errors import InputError
from nqe_core.models import MODELS
from nqe_core.molecular_dynamics import TIME_STEP

ROOT = Path(__file__).resolve().parents[2]
ROW = Ensemble("e", "ipl3d", 2048, 2.0, 1000, 10, 100, 1, "quench", 0.0, 0.2, 1500, 500)


def line(stage, n, seconds, unit="sample", temperature=2.0, memory=100.0):
    return Measurement(stage, "ipl3d", n, temperature, seconds, unit, memory, 3)


MEASURED = (
    *(line(stage, n, n / 1024) for stage in STAGES[1:] for n in (1024, 4096)),
    line("liquid", 1024, 1e-3, "sweep"),
    line("liquid", 4096, 8e-3, "sweep", memory=400.0),
    line("liquid", 4096, 5.0, "sweep", temperature=0.5),
    line("cooling", 1024, 1e-3, "step"),
)


def test_sizes_between_and_beyond_follow_powers_of_n():
    points = [(100, 1.0), (400, 8.0), (1600, 16.0)]
    assert [at_size(points, n) for n, _ in points] == pytest.approx([1.0, 8.0, 16.0])
    # slope 3/2 below 400 and 1/2 above it, and so on beyond the ends
    assert at_size(points, 200) == pytest.approx(2.0**1.5)
    assert at_size(points, 25) == pytest.approx(0.125)
    assert at_size(points, 6400) == pytest.approx(32.0)
    assert at_size([(100, 2.0)], 300) == pytest.approx(6.0)


def test_seconds_of_a_sample():
    assert seconds_per_sample(ROW, "harmonic", MEASURED) == pytest.approx(2.0)
    # a walker's 1500 + 9 * 500 sweeps make ten samples; N = 2048 lies half way, at 1e-3 * 8^(1/2) a sweep
    assert seconds_per_sample(ROW, "liquid", MEASURED) == pytest.approx(600 * 1e-3 * 8**0.5)
    colder = replace(ROW, parent_temperature=0.6, n_particles=4096)
    assert seconds_per_sample(colder, "liquid", MEASURED) == pytest.approx(600 * 5.0)
    between = replace(colder, parent_temperature=1.1)  # by its ratio nearer to 2.0 than to 0.5
    assert seconds_per_sample(between, "liquid", MEASURED) == pytest.approx(600 * 8e-3)
    cooled = replace(ROW, preparation="cool", cooling_rate=0.01)
    steps = 1.0 / 0.01 / TIME_STEP
    assert seconds_per_sample(cooled, "inherent_state", MEASURED) == pytest.approx(2.0 + steps * 2e-3)
    assert seconds_per_sample(cooled, "inherent_state", MEASURED, 0.5) == pytest.approx(2.0 + steps * 1e-3)
    assert cost.TIME_STEP == TIME_STEP


def test_what_is_read_costs_nothing_to_make():
    nothing = {"samples_per_walker": 1, "swap_fraction": 0.0, "burn_in": 0, "spacing": 0}
    read, quenched = (replace(ROW, source="*.xyz", preparation=how, **nothing) for how in ("read", "quench"))
    stages = ("liquid", "inherent_state", "harmonic")
    for row, seconds in ((read, [0.0, 0.0, 2.0]), (quenched, [0.0, 2.0, 2.0])):
        assert [seconds_per_sample(row, stage, MEASURED) for stage in stages] == pytest.approx(seconds)


def test_liquids_that_do_not_exist_take_no_room():
    nothing = {"samples_per_walker": 1, "swap_fraction": 0.0, "burn_in": 0, "spacing": 0, "preparation": "read"}
    of_liquids = bytes_per_sample(ROW) - bytes_per_sample(replace(ROW, source="*.xyz", **nothing))
    assert 8 * 2048 * 4 <= of_liquids < 8 * 2048 * 4 + 1000  # positions and diameters


def test_two_temperatures_equally_near_do_not_mix():
    lines = (replace(MEASURED[0], stage="harmonic", parent_temperature=t, n_particles=500, seconds=s)
             for t, s in ((2.0, 3.0), (0.5, 5.0)))  # fmt: skip
    row = replace(ROW, model=MEASURED[0].model, parent_temperature=1.0, n_particles=1000)
    assert seconds_per_sample(row, "harmonic", tuple(lines)) == pytest.approx(6.0)


def test_memory_does_not_fall_below_the_smallest_process():
    assert memory_mb(replace(ROW, n_particles=64), "liquid", MEASURED) == pytest.approx(100.0)
    assert memory_mb(ROW, "liquid", MEASURED) == pytest.approx(200.0)
    assert memory_mb(ROW, "cooling", MEASURED) == pytest.approx(100.0)  # one size alone says nothing of others


def test_totals_and_storage():
    whole = cost_of(ROW, MEASURED)
    assert whole.core_hours == pytest.approx(1000 * (5 * 2.0 + 0.6 * 8**0.5) / 3600)
    # five vector fields and two lists of diameters; the rest is small change
    fields = 8 * 2048 * (5 * 3 + 2)
    assert fields < bytes_per_sample(ROW) < fields + 2000
    assert whole.gigabytes == pytest.approx(bytes_per_sample(ROW) * 1e-6)
    two_more = bytes_per_sample(replace(ROW, n_modes=3)) - bytes_per_sample(ROW)
    assert 2 * 8 * 2048 * 3 <= two_more < 2 * 8 * 2048 * 3 + 100


def test_what_was_not_measured_is_a_dash_and_in_no_sum(tmp_path, capsys):
    assert np.isnan(seconds_per_sample(replace(ROW, model="ipl2d"), "harmonic", MEASURED))
    lines = (ROOT / "config/campaigns/tiny.tsv").read_text().splitlines()
    known = [line for line in lines if "ipl4d" not in line]
    for name, dash in (("of_models_yaml", "–"), ("kob_andersen", "0.00")):  # of this one the storage is known
        sheet = tmp_path / "sheet.tsv"
        sheet.write_text("\n".join(line.replace("\tipl4d\t", f"\t{name}\t") for line in lines) + "\n")
        assert main(["cost", str(sheet)]) == 0
        *rows, total, _, note = capsys.readouterr().out.splitlines()
        (row,) = (row for row in rows if "ipl4d" in row)
        assert [cell.strip() for cell in row.split("|")[3:-1]] == ["–"] * 7 + [dash]
        assert note == "Not measured, and left out of the sums: ipl4d_n300"
        sheet.write_text("\n".join(known) + "\n")
        assert main(["cost", str(sheet)]) == 0
        assert capsys.readouterr().out.splitlines()[-1].split("|")[9] == total.split("|")[9]


def test_a_sheet_or_table_that_is_wrong_is_one_clear_line(tmp_path, capsys):
    small = tmp_path / "small.tsv"
    small.write_text((ROOT / "config/campaigns/tiny.tsv").read_text().replace("\t300\t", "\t20\t"))
    assert main(["cost", str(small)]) == 2
    said = capsys.readouterr()
    assert said.out == "" and "too small" in said.err and said.err.count("\n") == 1
    assert said.err.startswith(f"nqe: error: {small}: ensemble 'ipl4d_n300': model 'ipl4d': n_particles is 20")
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("a,b\n1,2\n")
    sheet = str(ROOT / "config/campaigns/tiny.tsv")
    assert main(["cost", sheet, "--table", str(wrong)]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith(f"nqe: error: {wrong}: the columns must be stage,model,n_particles,")
    assert said.err.count("\n") == 1
    assert main(["cost", sheet, "--table", str(tmp_path / "none.csv")]) == 2
    assert capsys.readouterr().err == f"nqe: error: {tmp_path / 'none.csv'}: no such file\n"
    assert main(["cost", sheet, "--cooling-start", "0"]) == 2


@pytest.mark.parametrize("campaign", ["tiny", "demo", "workstation", "paper"])
def test_command_prints_every_ensemble_and_the_sums(campaign, capsys):
    path = ROOT / f"config/campaigns/{campaign}.tsv"
    assert main(["cost", str(path)]) == 0
    lines = [[cell.strip() for cell in row.strip("|").split("|")] for row in capsys.readouterr().out.splitlines()]
    rows = read_sheet(path)
    assert [row[0] for row in lines[2:]] == [*(row.ensemble for row in rows), "all"]
    hours, size = lines[0].index("core-hours"), lines[0].index("GB")
    assert float(lines[-1][hours]) == pytest.approx(sum(float(row[hours]) for row in lines[2:-1]), abs=0.06 * len(rows))
    assert float(lines[-1][size]) == pytest.approx(sum(float(row[size]) for row in lines[2:-1]), abs=0.006 * len(rows))


def test_shipped_table_covers_the_paper():
    measured = read_measurements(TABLE)
    assert all(line.seconds > 0 and line.memory_mb > 0 and line.samples >= 3 for line in measured)
    assert {line.model for line in measured} == set(MODELS)
    for row in read_sheet(ROOT / "config/campaigns/paper.tsv"):
        for stage in (*STAGES, *(["cooling"] if row.preparation == "cool" else [])):
            assert any(
                (line.stage, line.model, line.parent_temperature) == (stage, row.model, row.parent_temperature)
                for line in measured
            )


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("n_particles", "0", "n_particles is 0, must be positive"),
        ("parent_temperature", "0", "parent_temperature is 0.0, must be positive"),
        ("seconds", "-1", "seconds is -1.0, must be positive"),
        ("seconds", "nan", "seconds is nan, must be positive"),
        ("seconds", "much", "not a table of costs"),
        ("", "", "appears twice"),
    ],
)
def test_a_table_that_cannot_be_is_refused_in_one_line(tmp_path, column, value, says):
    head, first, *rest = TABLE.read_text().splitlines()
    changed = [value if name == column else text for name, text in zip(head.split(","), first.split(","), strict=True)]
    path = tmp_path / "cost.csv"
    path.write_text(
        "\n".join([head, first, ",".join(changed), *rest] if not column else [head, ",".join(changed), *rest])
    )
    with pytest.raises(InputError, match=says):
        read_measurements(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the columns must be"),
        ("{head}\n{first}\n\n{first}\n", "appears twice"),
        ("{head}\n{first},1\n", "line 2: 9 columns, but the header has 8"),
        ("{head}\n{first}\nharmonic\n", "line 3: 1 columns, but the header has 8"),
    ],
)
def test_lines_that_are_too_long_or_too_short_are_named(tmp_path, text, says):
    head, first, *_ = TABLE.read_text().splitlines()
    (tmp_path / "cost.csv").write_text(text.format(head=head, first=first))
    with pytest.raises(InputError, match=says):
        read_measurements(tmp_path / "cost.csv")
