"""The command line: quick help, one clear line for every mistake, and a small campaign from end to end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from nqe_core import swap_monte_carlo
from nqe_core.cli import main
from nqe_core.cli.arguments import SAMPLERS
from nqe_core.cli.parser import build_parser
from nqe_core.models import MODELS
from nqe_core.relaxation import LEAST_SWEEPS
from nqe_core.relaxation_table import Measured, add_to_table, constants_key
from nqe_core.storage import ChunkReader

COMMANDS = (
    "equilibrate",
    "quench",
    "read",
    "harmonic",
    "quartic",
    "cubic",
    "double-wells",
    "observables",
    "gather",
    "merge",
    "analyse",
    "export",
    "verify",
    "relaxation",
    "cost",
    "warmup",
    "models",
)

KEY = constants_key(MODELS["ipl2d"].parameters())
EQUILIBRATE = {
    "--model": "ipl2d", "--ensemble": "small", "--n-particles": 100, "--temperature": 2.0, "--first-sample": 0,
    "--n-samples": 2, "--burn-in": 20, "--root-seed": 3,
}  # fmt: skip


def equilibrate(output, **changes) -> list[str]:
    values = {**EQUILIBRATE, "--output": output, **changes}
    return ["equilibrate", *(str(word) for pair in values.items() for word in pair)]


@pytest.fixture(scope="module")
def campaign(tmp_path_factory) -> Path:
    """A campaign of one ensemble with two chunks, made by the command."""
    results = tmp_path_factory.mktemp("results") / "mini"
    for chunk in (0, 1):
        make_chunk(results / "small", chunk)
    tables = [str(path) for path in sorted((results / "small" / "observables").glob("*.parquet"))]
    assert main(["gather", *tables, "--output", str(results / "small" / "observables.parquet")]) == 0
    return results


def make_chunk(folder: Path, chunk: int) -> None:
    def file(stage: str) -> str:
        return str(folder / stage / f"{chunk:04d}.h5")

    liquid, state, harmonic, quartic, cubic = map(file, ("liquid", "inherent_state", "harmonic", "quartic", "cubic"))
    table = str(folder / "observables" / f"{chunk:04d}.parquet")
    assert main(equilibrate(liquid, **{"--first-sample": 2 * chunk})) == 0
    assert main(["quench", liquid, "--output", state]) == 0
    assert main(["harmonic", state, "--output", harmonic]) == 0
    assert main(["quartic", state, harmonic, "--output", quartic]) == 0
    assert main(["quartic", state, harmonic, "--after", quartic, "--output", file("second_quartic")]) == 0
    assert main(["cubic", state, quartic, "--output", cubic]) == 0
    assert main(["double-wells", state, cubic, "--output", file("double_wells")]) == 0
    assert main(["observables", liquid, state, harmonic, quartic, cubic, "--output", table]) == 0


SHEET = (
    "ensemble\tmodel\tn_particles\tparent_temperature\tn_samples\tsamples_per_walker\tsamples_per_chunk\tn_modes\t"
    "preparation\tcooling_rate\tswap_fraction\tburn_in\tspacing\n"
    "small\tipl2d\t100\t2.0\t{n_samples}\t1\t2\t1\tquench\t0\t0.2\t20\t0\n"
)


def verify(capsys, results, *arguments) -> tuple[int, str]:
    capsys.readouterr()
    status = main(["verify", str(results), *map(str, arguments)])
    return status, capsys.readouterr().out


@pytest.fixture
def copy(campaign, tmp_path) -> Path:
    return Path(shutil.copytree(campaign, tmp_path / "mini"))


# --- help -----------------------------------------------------------------------------------------------------------


def test_help_loads_nothing_heavy(nqe):
    shown = nqe("--help")
    assert shown.returncode == 0
    assert all(command in shown.stdout for command in COMMANDS)
    code = (
        "import sys, nqe_core.cli\n"
        "try: nqe_core.cli.main(['--help'])\n"
        "except SystemExit: print([m for m in ('numpy', 'numba', 'h5py', 'pandas', 'mpi4py') if m in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(capsys, command):
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert len(capsys.readouterr().out) > 150


@pytest.mark.parametrize(
    ("command", "equation"), [("harmonic", "Eqs. 2, 7"), ("quartic", "Eq. 8"), ("cubic", "Eq. 26")]
)
def test_help_names_the_equations(capsys, command, equation):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert equation in " ".join(capsys.readouterr().out.split())


def test_version(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.startswith("nqe 0.")


def test_models_are_printed_as_they_are_read(capsys):
    from nqe_core.models import MODELS, OTHER_MODELS, Model

    assert main(["models"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert {name: Model.from_parameters(name, values) for name, values in shown.items()} == MODELS | OTHER_MODELS


# --- mistakes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"--model": "lj"}, "unknown model 'lj'"),
        ({"--model-parameters": "{"}, "--model-parameters is not JSON"),
        ({"--model-parameters": "[1]"}, "--model-parameters is not a JSON object"),
        ({"--model-parameters": "{}"}, "parameter 'cutoff' is missing"),
        ({"--temperature": -1}, "temperature is -1.0, must be positive and finite"),
        ({"--temperature": "inf"}, "temperature is inf, must be positive and finite"),
        ({"--n-particles": 12}, "n_particles is 12, too small for the cutoff"),
        ({"--ensemble": "a b"}, "ensemble name 'a b'"),
        ({"--swap-fraction": 1}, "swap_fraction is 1.0"),
        ({"--burn-in": 0}, "burn_in is 0"),
        ({"--samples-per-walker": 2}, "spacing is 0"),
        (
            {"--samples-per-walker": 2, "--spacing": 5, "--first-sample": 1},
            "first sample 1 is not the first of a walker",
        ),
        ({"--n-samples": 0}, "n_samples is 0, must be at least 1"),
        ({"--first-sample": -1}, "first_sample is -1, must be 0 or more"),
        ({"--first-sample": 2**63 - 1}, f"the last sample is {2**63}, must be less than 2^63"),
        ({"--first-sample": 10**23 - 1}, f"the last sample is {10**23}, must be less than 2^63"),
        ({"--root-seed": -3}, "root_seed is -3"),
        ({"--ranks": 0}, "--ranks is 0"),
        ({"--flush-seconds": 0}, "--flush-seconds is 0"),
        ({"--max-failed-fraction": 2}, "--max-failed-fraction is 2"),
        ({"--wait-seconds": -1}, "--wait-seconds is -1"),
    ],
)
def test_a_wrong_argument_gives_one_line_and_status_2(capsys, tmp_path, changes, says):
    assert main(equilibrate(tmp_path / "0000.h5", **changes)) == 2
    error = capsys.readouterr().err
    assert error.startswith("nqe: error: ")
    assert says in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["quench"], "quench: the following arguments are required: LIQUID, --output"),
        (["quench", "x.h5", "--output", "y.h5", "--preparation", "anneal"], "invalid choice: 'anneal'"),
        (["fly"], "invalid choice: 'fly'"),
        (["cost", "sheet.tsv", "--sampler", "foo"], "argument --sampler: invalid choice: 'foo'"),
        (["verify", "results", "--sampler", "foo"], "argument --sampler: invalid choice: 'foo'"),
        (equilibrate("0000.h5", **{"--sampler": "foo"}), "argument --sampler: invalid choice: 'foo'"),
        (["verify", ""], "verify: argument DIR: is empty"),
    ],
)
def test_a_wrong_command_line_gives_one_line_and_status_2(capsys, arguments, says):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("nqe: error: ")
    assert says in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["quench", "{liquid}", "--preparation", "cool"], "cooling rate is 0.0, must be positive to cool"),
        (["quench", "{liquid}", "--cooling-rate", "0.1"], "cooling rate is 0.1, must be 0"),
        (["quench", "{liquid}", "--cooling-start", "1"], "cooling start is 1.0, must be left out"),
        (["quench", "{liquid}", "--preparation", "cool", "--cooling-rate", "inf"], "is inf, must be positive to cool, and"),
        (["quench", "{liquid}", "--preparation", "cool", "--cooling-rate", "1", "--cooling-start", "inf"],
         "cooling start is inf, must be a positive and finite temperature"),
        (["quench", "{liquid}", "--preparation", "cool", "--cooling-rate", "1e-300"],
         "cooling rate is 1e-300: 5e+302 time steps, more than 1e+10"),
        (["harmonic", "{damaged}"], "damaged.h5: the HDF5 file is damaged"),
        (["quench", "{harmonic}"], "holds stage 'harmonic', but liquid is needed here"),
        (["quench", "nowhere.h5"], "nowhere.h5: no such file"),
        (["harmonic", "{inherent_state}", "--n-modes", "0"], "number of modes is 0"),
        (["quartic", "{inherent_state}", "{harmonic}", "--tolerance", "2"], "tolerance is 2.0"),
        (["quartic", "{inherent_state}", "{harmonic1}"], "holds samples 2..3 (2)"),
        (["cubic", "{inherent_state}", "{harmonic}"], "holds stage 'harmonic', but quartic is needed here"),
    ],
)  # fmt: skip
def test_a_wrong_input_gives_one_line_and_status_2(capsys, campaign, tmp_path_factory, tmp_path, arguments, says):
    stages = ("liquid", "inherent_state", "harmonic", "quartic")
    known = {stage: campaign / "small" / stage / "0000.h5" for stage in stages}
    # in its second sample, when the first is done
    known["damaged"] = tmp_path_factory.mktemp("damaged") / "damaged.h5"
    flip(shutil.copy(known["inherent_state"], known["damaged"]))
    known["harmonic1"] = campaign / "small" / "harmonic" / "0001.h5"
    words = [word.format(**known) for word in arguments]
    assert main([*words, "--output", str(tmp_path / "out.h5")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("nqe: error: ")
    assert says in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def refused(capsys, arguments, says) -> None:
    """The command ends with status 2 and one line that says why."""
    capsys.readouterr()
    assert main([str(word) for word in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("nqe: error: ") and says in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("file/0000.h5", "file is not a folder"),
        (".", "is a folder, must be a file"),
        ("pipe", "is no ordinary file"),
        ("0000.parquet", "must end in .h5"),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_anything_is_computed(capsys, tmp_path, output, says):
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "pipe")
    refused(capsys, equilibrate(tmp_path / output), says)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "pipe"]


def test_a_folder_that_may_not_be_written_in_is_refused(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("nqe_core.atomic_files.os.access", lambda path, mode: not mode & os.W_OK)  # root may always
    refused(capsys, equilibrate(tmp_path / "new" / "0000.h5"), f"nothing may be written in {tmp_path}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["quench", "harmonic", "gather", "export"])
def test_no_file_is_written_over_those_it_is_made_from(capsys, copy, command):
    stage = {"quench": "liquid", "gather": "observables", "export": "observables"}.get(command, "inherent_state")
    (path,) = (copy / "small" / stage).glob("0000.*")
    before = path.read_bytes()
    refused(
        capsys, [command, path, "--output", path.parent / ".." / stage / path.name], "one of the files that are read"
    )
    assert path.read_bytes() == before


@pytest.mark.parametrize("tolerance", [0, -1, "nan", "inf"])
def test_a_tolerance_of_quenches_that_cannot_be_is_refused(capsys, campaign, tmp_path, tolerance):
    command = ["quench", campaign / "small" / "liquid" / "0000.h5", f"--tolerance={tolerance}"]
    refused(capsys, [*command, "--output", tmp_path / "out.h5"], "must be between 0 and 1")


def test_empty_names_are_not_taken_for_none(capsys, campaign, tmp_path):
    files = {
        stage: campaign / "small" / stage / "0000.h5" for stage in ("inherent_state", "harmonic", "quartic", "cubic")
    }
    refused(capsys, ["observables", "", *files.values(), "--output", tmp_path / "o.parquet"], "is a folder")
    command = ["quartic", files["inherent_state"], files["harmonic"], "--after", "", "--output", tmp_path / "out.h5"]
    refused(capsys, command, "is a folder")


def test_samplers_are_those_that_there_are():
    """The parser does not load them."""
    assert set(SAMPLERS) == set(swap_monte_carlo.SAMPLERS)


def test_help_names_the_fewest_sweeps(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")  # narrow texts are broken at hyphens
    with pytest.raises(SystemExit):
        main(["relaxation", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert f"sweeps of each walker, at least {LEAST_SWEEPS}" in shown
    assert "one of `nqe models`, or any name with --model-parameters" in shown


@pytest.mark.parametrize(
    ("files", "output", "options", "says"),
    [
        (["inherent_state/0000.h5"], "t.csv", [], ".csv is for tables (.parquet), {0} is a file of a stage"),
        (["observables/0000.parquet"], "t.xyz", [], ".xyz is for files of stages (.h5), {0} is a table"),
        (["observables/0000.parquet"], "t.csv", ["--arrows", "quartic"], "--arrows is for glasses with modes"),
        (["inherent_state/0000.h5"], "t_{sample}.npz", ["--arrows", "quartic"], "--arrows is for glasses with modes"),
        (["inherent_state/0000.h5"], "t.xyz", ["--samples", "1,0,1"], "--samples: sample 1 is named twice"),
    ],
)
def test_export_refuses_what_it_would_ignore(capsys, campaign, tmp_path, files, output, options, says):
    paths = [campaign / "small" / name for name in files]
    refused(capsys, ["export", *paths, "--output", tmp_path / output, *options], says.replace("{0}", str(paths[0])))
    assert list(tmp_path.iterdir()) == []


def test_double_wells_are_exported_as_a_table(capsys, campaign, tmp_path):
    files = [campaign / "small/double_wells" / f"000{chunk}.h5" for chunk in (0, 1)]
    for ending in ("csv", "parquet"):
        output = tmp_path / f"wells.{ending}"
        assert main(["export", *map(str, files), "--output", str(output)]) == 0
        assert f"{output}: 4 rows" in capsys.readouterr().err
        table = pd.read_csv(output, keep_default_na=False) if ending == "csv" else pd.read_parquet(output)
        assert list(table.columns[:4]) == ["ensemble", "sample", "failure", "seconds"]
        assert (table["ensemble"] == "small").all() and table["sample"].tolist() == [0, 1, 2, 3]
        with ChunkReader(files[1]) as reader:
            assert table["asymmetry"].iloc[2:].tolist() == reader.column("asymmetry").tolist()
    mixed = [files[0], campaign / "small/observables/0000.parquet"]
    refused(capsys, ["export", *mixed, "--output", tmp_path / "mixed.csv"], f"{files[0]} is a file of a stage")
    refused(capsys, ["export", files[0], "--output", tmp_path / "mixed.xyz"], "holds stage 'double_wells'")


def test_an_error_of_several_lines_is_told_in_one(capsys, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("write failed: time = noon\n, buf = 0x1")

    monkeypatch.setattr("nqe_core.cli.commands.gather", fail)
    assert main(["gather", "a.parquet", "--output", str(tmp_path / "all.parquet")]) == 1
    assert capsys.readouterr().err == "nqe: error: write failed: time = noon , buf = 0x1\n"


def test_too_little_memory_is_one_line(capsys, tmp_path):
    assert main(equilibrate(tmp_path / "0000.h5", **{"--n-particles": 10**15})) == 1
    error = capsys.readouterr().err
    assert error.startswith("nqe: error: Unable to allocate") and error.count("\n") == 1
    assert list(tmp_path.glob("*.h5")) == []


@pytest.mark.parametrize("option", ["--table", "--curves"])
def test_relaxation_looks_at_its_outputs_before_it_measures(capsys, tmp_path, monkeypatch, option):
    monkeypatch.setattr("nqe_core.relaxation.measure_relaxation", lambda *_: pytest.fail("measured"))
    words = "relaxation --model ipl2d --n-particles 64 --temperature 2 --sweeps 4000 --burn-in 5".split()
    refused(capsys, [*words, option, tmp_path], "is a folder, must be a file")
    if option == "--table":
        (tmp_path / "table.tsv").write_text("no table\n")
        refused(capsys, [*words, option, tmp_path / "table.tsv"], "the columns must be")


def test_relaxation_compares_a_sheet_that_counts_in_what_is_measured(capsys, tmp_path, monkeypatch):
    numbers = {name: 50.0 for name in Measured.__dataclass_fields__}
    how = {"model": "ipl2d", "temperature": 2.0, "n_particles": 64, "sampler": "metropolis", "swap_fraction": 0.2,
           "constants": KEY}  # fmt: skip
    line = Measured(**{**numbers, **how, "walkers": 3, "sweeps": 4000})
    found = SimpleNamespace(line=lambda _: line)
    monkeypatch.setattr("nqe_core.relaxation.measure_relaxation", lambda *_: found)
    monkeypatch.setattr("nqe_core.relaxation_report.report", lambda _: ["measured"])
    (tmp_path / "campaigns").mkdir()
    sheet = tmp_path / "campaigns/mini.tsv"
    row = SHEET.format(n_samples=4).replace("\t20\t0\n", "\t12tau\t0\n")
    sheet.write_text(row + row.splitlines()[1].replace("small", "cold").replace("\t2.0\t", "\t1.0\t") + "\n")
    words = "relaxation --model ipl2d --n-particles 64 --temperature 2 --sweeps 4000 --burn-in 5 --sampler metropolis"
    assert main([*words.split(), "--sheet", str(sheet)]) == 0
    assert capsys.readouterr().out.splitlines() == ["measured", "small: burn-in 12.0 tau, spacing 0.0 tau"]
    # a table that has it already: the sheet counts in the sampler that is followed
    add_to_table(tmp_path / "relaxation.tsv", replace(line, tau_overlap=100.0))
    add_to_table(tmp_path / "relaxation.tsv", replace(line, tau_overlap=10.0, sampler="hybrid"))
    assert main([*words.split(), "--sheet", str(sheet)]) == 0
    assert "small: burn-in 24.0 tau" in capsys.readouterr().out


@pytest.mark.parametrize("share", ["nan", "-1", "inf"])
def test_a_least_burn_in_that_cannot_be_is_refused(capsys, campaign, share):
    refused(capsys, ["verify", campaign, f"--least-burn-in={share}"], "must be 0 or more")


@pytest.mark.parametrize("variable", ["PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS"])
def test_copies_that_a_launcher_did_not_connect_are_refused(nqe, tmp_path, variable):
    shown = nqe(*equilibrate(tmp_path / "0000.h5"), env={**os.environ, variable: "4"})
    assert shown.returncode == 2
    assert "one of 4 processes, but --ranks is 1" in shown.stderr
    assert list(tmp_path.iterdir()) == []


# --- running --------------------------------------------------------------------------------------------------------


def test_threads_are_one_per_rank():
    code = "import os, sys; import nqe_core.cli; print('numpy' in sys.modules, os.environ['OPENBLAS_NUM_THREADS'])"
    environment = {key: value for key, value in os.environ.items() if not key.endswith("_NUM_THREADS")}
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert shown.stdout.split() == ["False", "1"]


def test_a_long_equilibration_stops_soon_after_a_signal(tmp_path):
    command = [sys.executable, "-c", "import sys; from nqe_core.cli import main; sys.exit(main())"]
    words = equilibrate(tmp_path / "0000.h5", **{"--burn-in": 10_000_000, "--flush-seconds": 0.5})
    process = subprocess.Popen([*command, *words], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("*.parts/unit.0.npz")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    started = time.monotonic()
    _, log = process.communicate(timeout=30)
    assert process.returncode == 75, log
    assert time.monotonic() - started < 20
    assert "interrupted (SIGTERM); 0/2 samples are kept" in log


def test_two_ranks_equilibrate_what_one_does(campaign, tmp_path, mpiexec):
    output = tmp_path / "0000.h5"
    command = [mpiexec, "-n", "2", sys.executable, "-c", "import sys; from nqe_core.cli import main; sys.exit(main())"]
    shown = subprocess.run(
        [*command, *equilibrate(output, **{"--ranks": 2})], capture_output=True, text=True, timeout=60, check=False
    )
    assert shown.returncode == 0, shown.stderr
    with ChunkReader(output) as two, ChunkReader(campaign / "small" / "liquid" / "0000.h5") as one:
        assert two.attributes["content_sha256"] == one.attributes["content_sha256"]


# --- gather ---------------------------------------------------------------------------------------------------------


def test_gather_sorts_and_counts(campaign, tmp_path, capsys):
    tables = sorted((campaign / "small" / "observables").glob("*.parquet"), reverse=True)
    assert main(["gather", *map(str, tables), "--output", str(tmp_path / "all.parquet")]) == 0
    assert capsys.readouterr().err.strip() == "gather small: 4 samples, 0 failed"
    assert pd.read_parquet(tmp_path / "all.parquet")["sample"].tolist() == [0, 1, 2, 3]


def test_gather_counts_failures_by_reason(campaign, tmp_path, capsys):
    failed = pd.read_parquet(campaign / "small" / "observables" / "0000.parquet")
    failed["failure"] = ["upstream: negative lowest eigenvalue -0.1", "upstream: negative lowest eigenvalue -0.27"]
    failed.to_parquet(tmp_path / "0000.parquet")
    assert main(["gather", str(tmp_path / "0000.parquet"), "--output", str(tmp_path / "all.parquet")]) == 0
    assert capsys.readouterr().err.strip() == "gather small: 2 samples, 2 failed; 2 x negative lowest eigenvalue"


def test_gather_fills_columns_that_some_ensembles_lack(campaign, tmp_path):
    first = pd.read_parquet(campaign / "small" / "observables.parquet")
    other = first.assign(ensemble="other", shear_modulus_simple_xz=1.0)
    first.to_parquet(tmp_path / "a.parquet")
    other.to_parquet(tmp_path / "b.parquet")
    assert main(["gather", *(str(tmp_path / name) for name in ("b.parquet", "a.parquet")),
                 "--output", str(tmp_path / "all.parquet")]) == 0  # fmt: skip
    table = pd.read_parquet(tmp_path / "all.parquet")
    assert table["ensemble"].tolist() == ["other"] * 4 + ["small"] * 4
    assert table["shear_modulus_simple_xz"].isna().tolist() == [False] * 4 + [True] * 4


@pytest.mark.parametrize(
    ("chunks", "says"),
    [(("0000", "0000"), "sample 0 of small is already in"), (("0001",), "2 samples are missing, the first is 0")],
)
def test_gather_refuses_doubled_and_missing_samples(campaign, tmp_path, capsys, chunks, says):
    tables = [str(campaign / "small" / "observables" / f"{chunk}.parquet") for chunk in chunks]
    assert main(["gather", *tables, "--output", str(tmp_path / "all.parquet")]) == 2
    assert says in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        ("sample", ["a", "b"], "column 'sample' must hold whole numbers"),
        ("sample", [0.0, 1.0], "column 'sample' must hold whole numbers"),
        ("sample", [0, None], "column 'sample' must hold whole numbers"),
        ("sample", [-1, 0], "column 'sample' is negative"),
        ("ensemble", [None, "small"], "column 'ensemble' is empty somewhere"),
        ("failure", [1, 2], "column 'failure' must hold text"),
        ("energy", ["a", "b"], "columns do not fit together"),
        ("sample", None, "no sample to gather"),
    ],
)
def test_gather_refuses_columns_of_another_type(campaign, tmp_path, capsys, column, values, says):
    good = campaign / "small" / "observables"
    table = parquet.read_table(good / "0000.parquet")
    place = table.column_names.index(column)
    changed = table.set_column(place, column, pa.array(values)) if values else table.slice(0, 0)
    parquet.write_table(changed, tmp_path / "0000.parquet")
    others = [] if values is None else [good / "0001.parquet"]
    refused(capsys, ["gather", tmp_path / "0000.parquet", *others, "--output", tmp_path / "all.parquet"], says)
    assert [path.name for path in tmp_path.iterdir()] == ["0000.parquet"]


@pytest.mark.parametrize("text", ["{", "[]"])
def test_verify_and_merge_name_a_table_whose_header_is_damaged(copy, tmp_path, capsys, text):
    path = copy / "small" / "observables" / "0000.parquet"
    parquet.write_table(parquet.read_table(path).replace_schema_metadata({"nqe": text}), path)
    status, report = verify(capsys, copy)
    assert status == 1 and f"problem: {path}: damaged (" in report
    refused(capsys, ["merge", path, "--output", tmp_path / "all.parquet"], f"{path}: damaged (")


def test_gather_refuses_what_is_not_a_table(tmp_path, capsys):
    (tmp_path / "x.parquet").write_text("no")
    assert main(["gather", str(tmp_path / "x.parquet"), "--output", str(tmp_path / "all.parquet")]) == 2
    assert "not a readable Parquet file" in capsys.readouterr().err


# --- verify ---------------------------------------------------------------------------------------------------------


def test_a_good_campaign_is_verified(campaign, tmp_path, capsys):
    sheet = tmp_path / "mini.tsv"
    sheet.write_text(SHEET.format(n_samples=4))
    status, report = verify(capsys, campaign, "--sheet", sheet)
    assert status == 0, report
    assert report.splitlines()[-1].endswith("17 files, 4 samples, 0 problems")


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-500])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    with h5py.File(path) as file:
        data[file["positions"].id.get_chunk_info(1).byte_offset + 40] ^= 1
    path.write_bytes(bytes(data))


def flip_table(path: Path) -> None:
    table = parquet.read_table(path)
    changed = table["energy"].to_numpy().copy()
    changed[0] = np.nextafter(changed[0], 0.0)
    place = table.column_names.index("energy")
    parquet.write_table(table.set_column(place, "energy", pa.array(changed)), path)


def remake(path: Path) -> None:
    """The same samples from another seed: whole, but not what later files were made from."""
    path.unlink()
    assert main(equilibrate(path, **{"--root-seed": 4})) == 0


def leave_parts(path: Path) -> None:
    parts = path.with_name(path.name + ".parts")
    parts.mkdir()
    shutil.copy(path, parts / "part.host-1-abc-0.2.h5")


def fail(path: Path) -> None:
    shutil.copy(path, path.with_name("0000.failed.h5"))


def rename(path: Path) -> None:
    shutil.copy(path, path.with_name("0002.h5"))


def gather_half(path: Path) -> None:
    parquet.write_table(parquet.read_table(path), path.parents[1] / "observables.parquet")


def change_table(path: Path) -> None:
    """Another table of the same samples, whole in itself, that was not gathered."""
    table = parquet.read_table(path)
    header = {k: v for k, v in json.loads(table.schema.metadata[b"nqe"]).items() if k != "content_sha256"}
    place = table.column_names.index("energy")
    changed = table.set_column(place, "energy", pa.array(table["energy"].to_numpy() + 1e-9))
    parquet.write_table(changed.replace_schema_metadata({"nqe": json.dumps(header)}), path)


def other_attributes(**changes):
    """A file of other constants or parameters; `content_sha256` is of the rows alone."""

    def spoil(path: Path) -> None:
        with h5py.File(path, "r+") as file:
            for key, value in changes.items():
                old = file.attrs[key]
                file.attrs[key] = json.dumps({**json.loads(old), **value}) if isinstance(value, dict) else value

    return spoil


def rename_ensemble(path: Path) -> None:
    path.parents[1].rename(path.parents[1].with_name("other"))


@pytest.mark.parametrize(
    ("stage", "spoil", "says"),
    [
        ("quartic", truncate, "quartic/0000.h5: the HDF5 file is truncated"),
        ("inherent_state", flip, "inherent_state/0000.h5: the HDF5 file is damaged"),
        ("observables", flip_table, "observables/0000.parquet: content does not match its content_sha256"),
        ("cubic", Path.unlink, "cubic: 2 of the 4 samples there must be are missing, the first is 0"),
        ("liquid", remake, "inherent_state/0000.h5: was made from another"),
        ("liquid", leave_parts, "0000.h5.parts: parts of an unfinished job"),
        ("quartic", fail, "0000.failed.h5: too many samples failed"),
        ("harmonic", rename, "harmonic/0002.h5: sample 0 is also in"),
        ("observables", gather_half, "observables.parquet: its samples are not those of the chunks in"),
        ("observables", change_table, "observables.parquet: was gathered from other chunks than the present ones"),
        ("quartic", other_attributes(parameters={"tolerance": 1e-3}), "tolerance is 1e-08, but 0.001 in"),
        ("liquid", other_attributes(root_seed=7), "root_seed is "),
        ("liquid", other_attributes(model_parameters={"number_density": 0.5}), "model_parameters is {"),
        ("quartic", rename_ensemble, "other/quartic/0001.h5: holds ensemble 'small'"),
    ],
)
def test_verify_finds_what_is_wrong(copy, capsys, stage, spoil, says):
    spoil(copy / "small" / stage / f"0000.{'parquet' if stage == 'observables' else 'h5'}")
    status, report = verify(capsys, copy)
    assert status == 1
    assert any(line.startswith("problem: ") and says in line for line in report.splitlines()), report


def test_verify_does_not_mind_other_cpu_times(copy, capsys):
    """A chunk's table that was made again: the gathered one is not out of date for that."""
    path = copy / "small" / "observables" / "0000.parquet"
    table = parquet.read_table(path)
    place = table.column_names.index("seconds_observables")
    parquet.write_table(table.set_column(place, "seconds_observables", pa.array([7.0, 8.0])), path)
    status, report = verify(capsys, copy)
    assert status == 0, report


def test_verify_holds_a_campaign_against_its_sheet(campaign, tmp_path, capsys):
    sheet = tmp_path / "mini.tsv"
    sheet.write_text(SHEET.format(n_samples=6).replace("2.0", "1.0").replace("ipl2d\t100", "ipl3d\t144"))
    status, report = verify(capsys, campaign, "--sheet", sheet)
    assert status == 1
    assert "liquid: 2 of the 6 samples the sheet asks for are missing, the first is 4" in report
    for difference in ("temperature is 2.0, the sheet says 1.0", "model is ipl2d, the sheet says ipl3d",
                       "n_particles is 100, the sheet says 144"):  # fmt: skip
        assert f"liquid/0000.h5: {difference}" in report


def test_verify_holds_parameters_against_the_sheet(campaign, tmp_path, capsys):
    sheet = tmp_path / "mini.tsv"
    row = SHEET.format(n_samples=4)
    assert row.endswith("\t1\t2\t1\tquench\t0\t0.2\t20\t0\n")
    sheet.write_text(row.replace("\t1\t2\t1\tquench\t0\t0.2\t20\t0\n", "\t2\t2\t3\tcool\t0.01\t0.1\t30\t4\n"))
    status, report = verify(capsys, campaign, "--sheet", sheet)
    assert status == 1
    for file, difference in (
        ("liquid/0001.h5", "samples_per_walker is 1, the sheet says 2"),
        ("liquid/0000.h5", "swap_fraction is 0.2, the sheet says 0.1"),
        ("inherent_state/0000.h5", "preparation is quench, the sheet says cool"),
        ("inherent_state/0001.h5", "cooling_rate is 0.0, the sheet says 0.01"),
        ("harmonic/0000.h5", "n_modes is 1, the sheet says 3"),
    ):
        assert f"{file}: {difference}" in report
    # sheets count these in relaxation times, which may have been measured anew since
    for note in (
        "burn_in of 2 liquid files is 20, the sheet says 30",
        "spacing of 2 liquid files is 0, the sheet says 4",
    ):
        assert f"note: small: {note}" in report


def test_verify_counts_failed_samples(copy, capsys):
    path = copy / "small" / "observables" / "0000.parquet"
    table = parquet.read_table(path)
    header = {k: v for k, v in json.loads(table.schema.metadata[b"nqe"]).items() if k != "content_sha256"}
    failed = table.set_column(table.column_names.index("failure"), "failure", pa.array(["upstream: x", ""]))
    parquet.write_table(failed.replace_schema_metadata({"nqe": json.dumps(header)}), path)
    tables = sorted(map(str, path.parent.glob("*.parquet")))
    assert main(["gather", *tables, "--output", str(path.parents[1] / "observables.parquet")]) == 0
    status, report = verify(capsys, copy)
    assert status == 0 and "note: small: 1 of 4 samples failed" in report


def test_verify_names_chunks_that_the_sheet_does_not_have(campaign, tmp_path, capsys):
    """Made when the sheet had other chunks: of larger ones, or of more samples."""
    sheet = tmp_path / "mini.tsv"
    sheet.write_text(SHEET.format(n_samples=2))
    status, report = verify(capsys, campaign, "--sheet", sheet)
    assert status == 1
    assert "quartic/0001.h5: the sheet has no such chunk (made with another samples_per_chunk or n_samples?)" in report
    assert "is also in" not in report and "missing" not in report


def test_an_empty_folder_of_parts_beside_a_whole_file_is_only_noted(copy, capsys):
    (copy / "small" / "quartic" / "0000.h5.parts").mkdir()
    status, report = verify(capsys, copy)
    assert status == 0 and "note: " in report and "left by a killed job beside its complete file" in report


def test_sheets_may_count_in_relaxation_times_of_the_other_sampler(campaign, tmp_path, capsys):
    folder = tmp_path / "campaigns"
    folder.mkdir()
    sheet = folder / "mini.tsv"
    sheet.write_text(SHEET.format(n_samples=4).replace("\t20\t0\n", "\t0.4tau\t0\n"))
    numbers = {name: 50.0 for name in Measured.__dataclass_fields__}
    how = {"model": "ipl2d", "temperature": 2.0, "n_particles": 100, "sampler": "metropolis", "swap_fraction": 0.2,
           "constants": KEY}  # fmt: skip
    add_to_table(tmp_path / "relaxation.tsv", Measured(**{**numbers, **how, "walkers": 4, "sweeps": 9000}))
    assert "no such chunk" not in verify(capsys, campaign, "--sheet", sheet, "--sampler", "metropolis")[1]
    assert main(["cost", str(sheet), "--sampler", "metropolis"]) == 0
    assert main(["cost", str(sheet)]) == 2
    assert "with the hybrid sampler and 0.2 of swaps is not known" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("temperature", "status", "says"),
    [
        (2.0, 1, "sweeps is {:.1f} relaxation times, at least 10 are asked for"),
        (
            1.0,
            0,
            "note: small: relaxation time of ipl2d at T = 2 with the hybrid sampler and 0.2 of swaps is not known",
        ),
    ],
)
def test_verify_refuses_liquids_that_are_not_in_equilibrium(campaign, tmp_path, capsys, temperature, status, says):
    folder = tmp_path / "campaigns"
    folder.mkdir()
    sheet = folder / "mini.tsv"
    sheet.write_text(SHEET.format(n_samples=4))
    numbers = {name: 1.0 for name in Measured.__dataclass_fields__}
    how = {"model": "ipl2d", "temperature": temperature, "n_particles": 100, "sampler": "hybrid", "walkers": 4,
           "swap_fraction": 0.2, "constants": KEY}  # fmt: skip
    tau = 50.0
    line = Measured(**{**numbers, **how, "sweeps": 9000, "tau_overlap": tau})
    add_to_table(tmp_path / "relaxation.tsv", line)
    found, report = verify(capsys, campaign, "--sheet", sheet)
    assert found == status, report
    burn_in = EQUILIBRATE["--burn-in"]
    assert says.format(burn_in / tau) in report
    if status:
        assert verify(capsys, campaign, "--sheet", sheet, "--least-burn-in", burn_in / tau)[0] == 0
        add_to_table(tmp_path / "relaxation.tsv", replace(line, tau_overlap=np.inf))
        found, report = verify(capsys, campaign, "--sheet", sheet)
        assert found == 1 and "the relaxation time of ipl2d at T = 2 was too long to be measured" in report
        assert verify(capsys, campaign, "--sheet", sheet, "--least-burn-in", 0)[0] == 0


def test_verify_looks_at_the_burn_in_of_every_chunk(copy, tmp_path, capsys):
    """The second chunk was made when the sheet had a shorter one."""
    path = copy / "small" / "liquid" / "0001.h5"
    path.unlink()
    assert main(equilibrate(path, **{"--first-sample": 2, "--burn-in": 5})) == 0
    (tmp_path / "campaigns").mkdir()
    sheet = tmp_path / "campaigns" / "mini.tsv"
    sheet.write_text(SHEET.format(n_samples=4))
    how = {"model": "ipl2d", "temperature": 2.0, "n_particles": 100, "sampler": "hybrid", "swap_fraction": 0.2,
           "constants": KEY}  # fmt: skip
    add_to_table(tmp_path / "relaxation.tsv", Measured(**{**dict.fromkeys(Measured.__dataclass_fields__, 1.0), **how}))
    report = verify(capsys, copy, "--sheet", sheet)[1]
    assert "liquid/0001.h5: burn-in of 5 sweeps is 5.0 relaxation times" in report and "burn-in of 20" not in report


def test_verify_notes_files_of_another_version(copy, capsys):
    with h5py.File(copy / "small" / "cubic" / "0001.h5", "r+") as file:
        file.attrs["version"] = "0.0.1"
    status, report = verify(capsys, copy)
    assert status == 0
    assert "note: 1 files were written by version 0.0.1" in report


def test_verify_needs_a_campaign(campaign, tmp_path, capsys):
    refused(capsys, ["verify", tmp_path / "none"], "none: no such folder")
    refused(capsys, ["verify", campaign / "small/liquid/0000.h5"], "0000.h5: is a file, must be a folder")
    assert main(["verify", str(tmp_path)]) == 1
    assert "holds no ensemble" in capsys.readouterr().out
    (tmp_path / "small").mkdir()
    shutil.copy(campaign / "small" / "observables.parquet", tmp_path / "small")
    status, report = verify(capsys, tmp_path)
    assert status == 1 and "holds gathered tables only" in report and "holds no ensemble" not in report


@pytest.mark.parametrize("place", ["liquid/.0000.h5", "observables/.0000.parquet", ".observables.parquet"])
def test_verify_notes_what_killed_writers_left(copy, capsys, place):
    path = copy / "small" / f"{place}.host-1-abc-0.tmp"
    path.touch()
    status, report = verify(capsys, copy)
    assert status == 0 and f"note: {path}: left by a killed job, can be deleted" in report


def test_all_commands_are_there():
    (actions,) = [action for action in build_parser()._actions if action.dest == "command"]
    assert tuple(actions.choices) == COMMANDS
