"""`nqe read`, `nqe analyse` and `nqe export`: from other programs' files to modes, and back to other programs."""

from __future__ import annotations

import itertools
import shutil
import weakref

import numpy as np
import pandas as pd
import pyarrow.csv as comma_separated
import pytest
import scipy.io
import scipy.sparse
from other_programs import make_glass, write_xyz

import nqe_core.export
from nqe_core import (
    MODELS,
    Configuration,
    InputError,
    Interactions,
    find_quartic_mode,
    hessian,
    potential_energy,
    read_configurations,
    stiffness,
)
from nqe_core.analysis import picture_of
from nqe_core.cli import main
from nqe_core.storage import ChunkReader

ase_io = pytest.importorskip("ase.io")
gsd_hoomd = pytest.importorskip("gsd.hoomd")

SIZES = "--diameters=A=1,B=1.4"


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Folder with three glasses, one a file, and all of them in `all.xyz`; and with the same, shaken, in `hot.xyz`."""
    folder = tmp_path_factory.mktemp("sources")
    rng = np.random.default_rng(3)
    for seed in range(3):
        glass = make_glass("ipl3d", seed)
        write_xyz(folder / f"glass_{seed}.xyz", glass)
        write_xyz(folder / "all.xyz", glass)
        noise = 0.01 * rng.standard_normal(glass.positions.shape)
        write_xyz(folder / "hot.xyz", Configuration(glass.positions + noise, glass.diameters, glass.box_length))
    return folder


@pytest.fixture(scope="module")
def analysed(sources, tmp_path_factory):
    """What `nqe analyse` made of the three glasses."""
    pytest.importorskip("matplotlib")
    folder = tmp_path_factory.mktemp("analysed") / "new" / "folder"
    assert main(["analyse", str(sources / "all.xyz"), "--model", "ipl3d", SIZES, "--output", str(folder)]) == 0
    return folder


def test_analyse_gives_table_modes_and_picture(sources, analysed):
    table = pd.read_csv(analysed / "observables.csv")
    assert table["sample"].tolist() == [0, 1, 2] and table["failure"].isna().all()
    assert {"liquid_energy", "seconds_equilibrate", "parent_temperature"}.isdisjoint(table.columns)
    assert np.isfinite(table.drop(columns="failure").select_dtypes("number").to_numpy()).all()
    assert (analysed / "modes.png").stat().st_size > 10_000
    model = MODELS["ipl3d"]
    glasses = read_configurations(sources / "all.xyz", model, diameters={"A": 1.0, "B": 1.4})
    with ChunkReader(analysed / "quartic.h5", "quartic") as reader:
        reader.verify()
        for sample, glass in enumerate(glasses):
            mode = reader.row(sample, "modes")["modes"]
            kappa = stiffness(Interactions.of(glass, model), mode)
            assert table["quartic_stiffness"][sample] == pytest.approx(kappa, rel=1e-9)
    assert table["box_length"].tolist() == [glass.box_length for glass in glasses]


def test_a_quench_leads_back(sources, analysed, tmp_path):
    source = str(sources / "hot.xyz")
    command = ["analyse", source, "--model", "ipl3d", SIZES, "--no-picture", "--output", str(tmp_path / "out")]
    assert main(command) == 2  # not inherent states
    assert not (tmp_path / "out").exists()
    assert main([*command, "--quench", "--parent-temperature", "0.3"]) == 0
    again, first = (pd.read_csv(folder / "observables.csv") for folder in (tmp_path / "out", analysed))
    np.testing.assert_allclose(again["quartic_stiffness"], first["quartic_stiffness"], rtol=1e-6)
    assert (again["parent_temperature"] == 0.3).all()


@pytest.mark.parametrize("n_modes", [0, -1, 189])
def test_a_number_of_modes_that_cannot_be_leaves_nothing_behind(sources, tmp_path, capsys, n_modes):
    command = ["analyse", str(sources / "all.xyz"), "--model", "ipl3d", SIZES, "--output", str(tmp_path / "out")]
    assert main([*command, f"--n-modes={n_modes}"]) == 2
    assert f"n_modes is {n_modes}, must be between 1 and 188" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_never_holds_files_of_two_analyses(sources, tmp_path, monkeypatch):
    def content():
        return {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}

    command = ["analyse", "--model", "ipl3d", SIZES, "--no-picture", "--output", str(tmp_path / "out")]
    assert main([*command, str(sources / "glass_0.xyz")]) == 0
    for name in ("modes.png", "quartic.failed.h5", "double_wells.h5"):
        (tmp_path / "out" / name).write_bytes(b"of the first glass")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    first = content()
    assert main([*command, str(sources / "hot.xyz")]) == 2  # refused: the earlier analysis stays as it was
    assert content() == first
    monkeypatch.setattr("nqe_core.stages.lowest_modes", lambda *_, **__: 1 / 0)
    assert main([*command, str(sources / "glass_1.xyz")]) == 1
    left = content()
    assert set(left) == {"inherent_state.h5", "harmonic.failed.h5", "notes.txt"}
    assert left["inherent_state.h5"] != first["inherent_state.h5"]


def test_an_output_without_a_name_is_refused(sources, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["analyse", str(sources / "glass_0.xyz"), "--model", "ipl3d", SIZES, "--output", ""])
    assert stop.value.code == 2
    assert "argument --output: is empty" in capsys.readouterr().err


def test_several_files_are_one_sample_each(sources, tmp_path):
    """Chunks of a pattern hold the same rows as the whole."""
    read = ["read", str(sources / "glass_*.xyz"), "--model", "ipl3d", SIZES, "--output"]
    assert main([*read, str(tmp_path / "all.h5")]) == 0
    assert main([*read, str(tmp_path / "part.h5"), "--first-sample", "1", "--n-samples", "2"]) == 0
    with ChunkReader(tmp_path / "all.h5") as whole, ChunkReader(tmp_path / "part.h5") as part:
        assert whole.samples.tolist() == [0, 1, 2] and part.samples.tolist() == [1, 2]
        for sample in (1, 2):
            for name in ("positions", "energy", "force_ratio"):
                np.testing.assert_array_equal(whole.row(sample, name)[name], part.row(sample, name)[name])
        assert set(whole.attributes["parameters"]["source"]) == {f"glass_{k}.xyz" for k in range(3)}


def test_files_of_one_name_in_several_folders_are_told_apart(sources, tmp_path):
    """Else a file could be replaced without a trace, and rows made from the old one be kept."""
    for k in range(2):
        (tmp_path / "runs" / str(k)).mkdir(parents=True)
        shutil.copy(sources / f"glass_{k}.xyz", tmp_path / "runs" / str(k) / "glass.xyz")
    pattern, output = str(tmp_path / "runs/*/glass.xyz"), tmp_path / "both.h5"
    assert main(["read", pattern, "--model", "ipl3d", SIZES, "--output", str(output)]) == 0
    with ChunkReader(output) as reader:
        checksums = reader.attributes["parameters"]["source"]
    assert list(checksums) == ["0/glass.xyz", "1/glass.xyz"] and len(set(checksums.values())) == 2


def test_a_later_glass_that_is_no_inherent_state_is_refused_before_any_work(sources, tmp_path, capsys):
    mixed = tmp_path / "mixed.xyz"
    mixed.write_text((sources / "glass_0.xyz").read_text() + (sources / "hot.xyz").read_text())
    command = ["read", str(mixed), "--model", "ipl3d", SIZES, "--output", str(tmp_path / "out" / "0000.h5")]
    assert main(command) == 2
    assert "mixed.xyz, frame 1: not an inherent state of model 'ipl3d'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main([*command, "--n-samples", "1"]) == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["{s}/all.xyz", "--n-samples", "4"], "all.xyz: holds 3 samples, but 4 are needed"),
        (["{s}/all.xyz", "--first-sample=-1"], "first_sample is -1, must be 0 or more"),
        (["{s}/all.xyz", "--n-samples", "0"], "n_samples is 0, must be at least 1"),
        (["{s}/all.xyz", "--first-sample", "5"], "holds 3 samples (0 to 2), the first one asked for is 5"),
        (["{s}/glass_0.xyz", "--first-sample", "5"], "holds 1 sample (0), the first one asked for is 5"),
        (["{s}/all.xyz", "--n-particles", "65"], "holds 64 particles, all samples must have 65"),
        (["{s}/all.xyz", "{s}/glass_0.xyz"], "3 frames; one of several files must hold one sample"),
        (["{s}/none*.xyz"], "no such file"),
        (["{s}/glass_1.xyz", "{s}/glass_*.xyz"], "glass_1.xyz: is named twice"),
        (["{s}/all.xyz", "--diameters", "A=1,A=2"], "diameters 'A=1,A=2': type 'A' appears twice"),
        (["{s}/all.xyz", "--diameters", "A=1,B"], "diameters 'A=1,B': 'B' is not TYPE=DIAMETER"),
        (["{s}/all.xyz", "--diameters", "A=1,B=-1.4"], "that of 'B' is -1.4, must be positive and finite"),
        (["{s}/all.xyz", "--diameters", "A=nan,B=1.4"], "that of 'A' is nan, must be positive and finite"),
        (["{s}/all.xyz", "--length-unit", "-1"], "length unit is -1.0, must be positive and finite"),
        (["{s}/hot.xyz"], "frame 0: not an inherent state of model 'ipl3d': force ratio"),
        (["{s}/all.xyz", "--parent-temperature=-1"], "parent temperature is -1.0, must be positive"),
        (["{s}/all.xyz", "--parent-temperature=inf"], "parent temperature is inf, must be positive"),
        (["{s}/all.xyz", "--n-particles", "0"], "n_particles is 0, must be at least 2"),
        (["{s}/hot.xyz", "--quench", "--tolerance", "0"], "tolerance is 0.0, must be between 0 and 1"),
        (["{s}"], "is a folder, must be a file (or a pattern such as"),
    ],
)
def test_read_refuses_in_one_line(sources, tmp_path, capsys, options, says):
    command = [option.format(s=sources) for option in options]
    assert main(["read", "--model", "ipl3d", SIZES, *command, "--output", str(tmp_path / "out.h5")]) == 2
    error = capsys.readouterr().err
    assert says in error and error.startswith("nqe: error: ") and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


# --- export ---------------------------------------------------------------------------------------------------------


def export(folder, output, *options):
    files = [str(folder / f"{stage}.h5") for stage in ("cubic", "inherent_state", "harmonic", "quartic")]
    return main(["export", *files, "--output", str(output), *options])


def test_exported_xyz_is_read_by_ase_to_the_last_digit(analysed, tmp_path):
    output = tmp_path / "glasses.xyz"
    assert export(analysed, output) == 0
    frames = ase_io.read(output, index=":", format="extxyz")
    assert len(frames) == 3
    with ChunkReader(analysed / "inherent_state.h5") as state, ChunkReader(analysed / "quartic.h5") as quartic:
        for frame in frames:
            sample = frame.info["sample"]
            row = state.row(sample, "positions", "diameters", "box_length")
            np.testing.assert_array_equal(frame.positions, row["positions"])
            np.testing.assert_array_equal(2 * frame.arrays["radius"], row["diameters"])
            np.testing.assert_array_equal(frame.cell.lengths(), row["box_length"])
            assert frame.pbc.all()
            mode = quartic.row(sample, "modes", "stiffness")
            np.testing.assert_array_equal(frame.arrays["quartic_mode"], mode["modes"])
            np.testing.assert_array_equal(frame.arrays["disp"], mode["modes"])
            assert frame.info["quartic_stiffness"] == mode["stiffness"]
            assert {"harmonic_mode", "cubic_mode"} <= set(frame.arrays)


def test_one_sample_is_in_memory_at_a_time(analysed, tmp_path, monkeypatch):
    """And of its harmonic modes the lowest only."""
    seen = []

    def write(path, samples, arrows):
        for found in samples:
            seen.append(weakref.ref(found))
            assert sum(reference() is not None for reference in seen) == 1
            assert found.modes["harmonic"].base is None

    monkeypatch.setattr("nqe_core.export.write_xyz", write)
    assert export(analysed, tmp_path / "glasses.xyz") == 0
    assert len(seen) == 3


def test_exported_xyz_is_read_again(analysed, tmp_path):
    """No option is needed: the file has sizes, and its density is the model's."""
    assert export(analysed, tmp_path / "glasses.xyz", "--samples", "2,0") == 0
    assert (
        main(["read", str(tmp_path / "glasses.xyz"), "--model", "ipl3d", "--output", str(tmp_path / "again.h5")]) == 0
    )
    with ChunkReader(tmp_path / "again.h5") as again, ChunkReader(analysed / "inherent_state.h5") as first:
        for place, sample in enumerate((2, 0)):
            np.testing.assert_array_equal(again.row(place)["positions"], first.row(sample)["positions"])


def test_exported_gsd_is_read_by_gsd(analysed, tmp_path):
    assert export(analysed, tmp_path / "glasses.gsd", "--arrows", "harmonic") == 0
    assert (tmp_path / "glasses.gsd").stat().st_mode == (analysed / "harmonic.h5").stat().st_mode
    with gsd_hoomd.open(str(tmp_path / "glasses.gsd"), "r") as frames, ChunkReader(analysed / "harmonic.h5") as modes:
        assert len(frames) == 3
        for sample, frame in enumerate(frames):
            frame.validate()
            wanted = modes.row(sample, "modes")["modes"][0].astype(np.float32)
            np.testing.assert_array_equal(frame.log["particles/harmonic_mode"], wanted)
            np.testing.assert_array_equal(frame.log["particles/Displacement"], wanted)
            assert frame.configuration.step == sample
    glasses = read_configurations(tmp_path / "glasses.gsd", MODELS["ipl3d"])
    with ChunkReader(analysed / "inherent_state.h5") as state:
        first = state.configuration(0)
    assert glasses[0].box_length == pytest.approx(first.box_length, rel=1e-7)
    np.testing.assert_array_equal(glasses[0].diameters, first.diameters)


def test_a_glass_in_the_plane_goes_out_and_comes_back(tmp_path):
    """In units of its own and of another density, from a file whose ending says nothing."""
    model, glass = MODELS["ipl2d"], make_glass("ipl2d")
    energy, wide = potential_energy(glass, model), 3.4 * glass.positions
    source = write_xyz(tmp_path / "glass.pos", Configuration(wide, glass.diameters, 3.4 * glass.box_length))
    state = tmp_path / "state.h5"
    read = ["read", str(source), "--model", "ipl2d", SIZES, "--format", "extxyz", "--output", str(state)]
    assert main(read) == 2 and not state.exists()  # a density of 0.07
    assert main([*read, "--length-unit", "3.4"]) == 0
    for ending, digits in (("xyz", 1e-12), ("gsd", 1e-4)):
        assert main(["export", str(state), "--output", str(tmp_path / f"back.{ending}")]) == 0
        (back,) = read_configurations(tmp_path / f"back.{ending}", model)
        assert potential_energy(back, model) == pytest.approx(energy, rel=digits)
    assert 'pbc="T T F"' in (tmp_path / "back.xyz").read_text()
    with gsd_hoomd.open(str(tmp_path / "back.gsd"), "r") as frames:
        assert frames[0].configuration.dimensions == 2 and frames[0].configuration.box[2] == 0


def test_another_density_is_read_when_it_is_meant(sources, tmp_path):
    """A box that is one per cent longer is another state of the model, and no inherent state."""
    glass = read_configurations(sources / "glass_0.xyz", MODELS["ipl3d"], diameters={"A": 1.0, "B": 1.4})[0]
    source = write_xyz(
        tmp_path / "a.xyz", Configuration(1.01 * glass.positions, glass.diameters, 1.01 * glass.box_length)
    )
    read = ["read", str(source), "--model", "ipl3d", SIZES, "--quench", "--output", str(tmp_path / "a.h5")]
    assert main(read) == 2
    assert main([*read, "--any-density"]) == 0
    with ChunkReader(tmp_path / "a.h5") as reader:
        assert reader.row(0)["box_length"] == pytest.approx(1.01 * glass.box_length)


def test_four_dimensions_fit_no_format():
    with pytest.raises(InputError, match="four dimensions fit neither"):
        nqe_core.export._in_space(np.zeros((3, 4)))


@pytest.fixture(scope="module")
def half_failed(analysed, tmp_path_factory):
    """The three glasses' files, of which the softest has lost its quartic mode."""
    folder = tmp_path_factory.mktemp("half_failed")
    for name in ("inherent_state.h5", "harmonic.h5"):
        shutil.copy(analysed / name, folder)
    softest, count = int(pd.read_csv(analysed / "observables.csv")["quartic_stiffness"].argmin()), itertools.count()

    def sometimes(*arguments, **keywords):
        if next(count) == softest:
            raise ArithmeticError("lost")
        return find_quartic_mode(*arguments, **keywords)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nqe_core.stages.find_quartic_mode", sometimes)
        files = [str(folder / f"{stage}.h5") for stage in ("inherent_state", "harmonic")]
        assert main(["quartic", *files, "--output", str(folder / "quartic.h5")]) == 0
    files[1] = str(folder / "quartic.h5")
    assert main(["cubic", *files, "--output", str(folder / "cubic.h5")]) == 0
    return folder, softest


def test_failed_samples_are_left_out_and_counted(half_failed, tmp_path, capsys):
    folder, softest = half_failed
    assert export(folder, tmp_path / "a.xyz") == 0
    assert "a.xyz: 2 samples, 1 failed ones left out" in capsys.readouterr().err
    assert {frame.info["sample"] for frame in ase_io.read(tmp_path / "a.xyz", index=":")} == {0, 1, 2} - {softest}
    assert export(folder, tmp_path / "b.xyz", "--samples", str(softest)) == 2
    assert "every sample of these has failed in some stage" in capsys.readouterr().err
    assert not (tmp_path / "b.xyz").exists()


def test_the_picture_shows_the_softest_sample_that_has_not_failed(analysed, half_failed, tmp_path):
    pytest.importorskip("matplotlib")
    folder, softest = half_failed
    stiffness = pd.read_csv(analysed / "observables.csv")["quartic_stiffness"]
    for place, expected in ((analysed, softest), (folder, int(stiffness.drop(softest).idxmin()))):
        files = {stage: place / f"{stage}.h5" for stage in ("inherent_state", "harmonic", "quartic")}
        assert picture_of(files, tmp_path / "modes.png") == expected


def test_cubic_modes_start_where_they_are_told_to(sources, tmp_path):
    command = ["analyse", str(sources / "glass_0.xyz"), "--model", "ipl3d", SIZES, "--no-picture", "--output"]
    for starts in ("quartic", "nonaffine"):
        assert main([*command, str(tmp_path / starts), "--starts", starts]) == 0
        with ChunkReader(tmp_path / starts / "cubic.h5") as reader:
            assert reader.attributes["parameters"]["starts"] == starts


@pytest.mark.parametrize("ending", ["npz", "mtx"])
def test_exported_hessians(analysed, tmp_path, ending):
    assert export(analysed, tmp_path / f"hessian_{{sample}}.{ending}") == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"hessian_{k}.{ending}" for k in range(3)]
    path = tmp_path / f"hessian_1.{ending}"
    found = scipy.sparse.load_npz(path) if ending == "npz" else scipy.io.mmread(path)
    with ChunkReader(analysed / "inherent_state.h5") as state, ChunkReader(analysed / "harmonic.h5") as modes:
        wanted = hessian(Interactions.of(state.configuration(1), state.model))
        psi = modes.row(1, "modes", "eigenvalues")
    assert abs(found - wanted).max() == 0.0
    z = psi["modes"][0].ravel()
    np.testing.assert_allclose(found @ z, psi["eigenvalues"][0] * z, atol=1e-9)


def test_exported_table(analysed, tmp_path):
    for name in ("table.csv", "table.parquet"):
        assert main(["export", str(analysed / "observables.parquet"), "--output", str(tmp_path / name)]) == 0
    # pandas rounds by default, or did
    text, binary = comma_separated.read_csv(tmp_path / "table.csv"), pd.read_parquet(tmp_path / "table.parquet")
    assert text.column_names == list(binary.columns) and len(text) == 3
    np.testing.assert_array_equal(text["quartic_stiffness"], binary["quartic_stiffness"])


def test_ovito_draws_arrows(analysed, tmp_path, monkeypatch):
    """OVITO has the modes as vectors in both formats, and arrows for one of them."""
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    ovito = pytest.importorskip("ovito.io", exc_type=ImportError)
    for name in ("glasses.xyz", "glasses.gsd"):
        assert export(analysed, tmp_path / name) == 0
        pipeline = ovito.import_file(str(tmp_path / name))
        assert pipeline.source.num_frames == 3
        data = pipeline.compute(1)
        with ChunkReader(analysed / "quartic.h5") as quartic:
            wanted = quartic.row(1, "modes")["modes"]
        np.testing.assert_allclose(data.particles["Displacement"][...], wanted, atol=1e-7)
        np.testing.assert_allclose(data.particles["quartic_mode"][...], wanted, atol=1e-7)
        assert set(np.unique(data.particles["Radius"][...]).tolist()) == {0.5, float(np.float32(0.7))}
    # arrows come by themselves in extended XYZ; GSD needs them switched on for the property
    arrows = ovito.import_file(str(tmp_path / "glasses.xyz")).compute().particles["Displacement"].vis
    assert type(arrows).__name__ == "VectorVis"


@pytest.mark.parametrize(
    ("files", "output", "says"),
    [
        (["quartic.h5"], "a.xyz", "positions are needed too"),
        (["inherent_state.h5", "quartic.h5", "quartic.h5"], "a.xyz", "stage quartic was given twice"),
        (["inherent_state.h5"], "a.pdb", "the ending says the format"),
        (["inherent_state.h5"], "a.npz", "3 Hessians need {sample} in the name"),
        (["inherent_state.h5"], "a.csv", ".csv is for tables (.parquet), "),
        (["inherent_state.h5", "--samples", "7"], "a.xyz", "sample 7 is missing"),
        (["inherent_state.h5", "--samples", "x"], "a.xyz", "--samples is 'x', must be whole numbers"),
        (["inherent_state.h5", "--arrows", "cubic"], "a.gsd", "no file of stage 'cubic' was given for the arrows"),
    ],
)
def test_export_refuses_in_one_line(analysed, tmp_path, capsys, files, output, says):
    paths = [str(analysed / name) if name.endswith(".h5") else name for name in files]
    assert main(["export", *paths, "--output", str(tmp_path / output)]) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())
