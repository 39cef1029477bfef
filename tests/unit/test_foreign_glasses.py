"""Other programs' files: read right, and refused in one line where they leave open what they mean."""

from __future__ import annotations

import numpy as np
import pytest
from other_programs import make_glass, write_gsd, write_lammps_data, write_lammps_dump, write_xyz

from nqe_core import MODELS, InputError, analyse, potential_energy, read_configurations
from nqe_core.configuration import Configuration, minimum_image
from nqe_core.particle_files import Frame, count_frames, read_frames

pytest.importorskip("ase")
pytest.importorskip("gsd")

LETTERS = {"A": 1.0, "B": 1.4}
NUMBERS = {"1": 1.0, "2": 1.4}


@pytest.fixture(scope="session")
def known():
    """`known(name)`: a glass of that model, the same at every call."""
    made = {}

    def get(name: str) -> Configuration:
        if name not in made:
            made[name] = make_glass(name)
        return made[name]

    return get


def same(found: Configuration, wanted: Configuration, digits: float = 1e-12) -> None:
    """Equal but for a shift of everything and for periodic images."""
    shift = found.positions[0] - wanted.positions[0]
    apart = minimum_image(found.positions - wanted.positions - shift, wanted.box_length)
    assert np.abs(apart).max() < digits * wanted.box_length
    assert found.box_length == pytest.approx(wanted.box_length, rel=digits)
    np.testing.assert_allclose(found.diameters, wanted.diameters, rtol=digits)


WRITERS = {
    "xyz": lambda folder, glass: (write_xyz(folder / "a.xyz", glass), LETTERS),
    "xyz with sizes": lambda folder, glass: (
        write_xyz(folder / "a.extxyz", glass, "species:S:1:pos:R:3:diameter:R:1"), None),
    "data": lambda folder, glass: (write_lammps_data(folder / "a.data", glass), NUMBERS),
    "data with sizes": lambda folder, glass: (write_lammps_data(folder / "a.lmp", glass, "sphere"), None),
    "dump": lambda folder, glass: (write_lammps_dump(folder / "a.dump", glass), NUMBERS),
    "unwrapped dump": lambda folder, glass: (write_lammps_dump(folder / "a.dump", glass, "id type xu yu zu"), NUMBERS),
    "scaled dump": lambda folder, glass: (write_lammps_dump(folder / "a.lammpstrj", glass, "xs ys zs type id"), NUMBERS),
    "dump with sizes": lambda folder, glass: (write_lammps_dump(folder / "a.dump", glass, "id type radius x y z"), None),
}  # fmt: skip


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("name", ["ipl2d", "ipl3d"])
def test_files_are_read_as_what_was_written(known, tmp_path, name, writer):
    path, diameters = WRITERS[writer](tmp_path, known(name))
    (found,) = read_configurations(path, MODELS[name], diameters=diameters)
    same(found, known(name))
    assert potential_energy(found, MODELS[name]) == pytest.approx(
        potential_energy(known(name), MODELS[name]), rel=1e-12
    )


@pytest.mark.parametrize("name", ["ipl2d", "ipl3d", "poly3d"])
def test_gsd_is_read_to_single_precision(known, tmp_path, name):
    (found,) = read_configurations(write_gsd(tmp_path / "a.gsd", known(name)), MODELS[name])
    same(found, known(name), 1e-6)
    if name != "poly3d":  # the two sizes exactly, though single precision has no 1.4
        assert set(found.diameters.tolist()) == {1.0, 1.4}


def test_gsd_without_sizes_takes_them_by_type(known, tmp_path):
    path = write_gsd(tmp_path / "a.gsd", known("ipl3d"), sizes=False)
    with pytest.raises(InputError, match=r"holds no diameters; give them by type: --diameters A=\.\.\.,B=\.\.\."):
        read_configurations(path, MODELS["ipl3d"])
    same(read_configurations(path, MODELS["ipl3d"], diameters=LETTERS)[0], known("ipl3d"), 1e-6)


def test_every_frame_of_every_file(known, tmp_path):
    write_lammps_dump(tmp_path / "b.dump", known("ipl3d"), frames=3, time=True)
    write_lammps_dump(tmp_path / "a.dump", known("ipl3d"))
    found = read_configurations(tmp_path / "*.dump", MODELS["ipl3d"], diameters=NUMBERS)
    assert len(found) == 4
    for glass in found:
        same(glass, known("ipl3d"))


def frames_of(folder, kind: str, glass: Configuration):
    """A file of four frames."""
    path = folder / f"a.{kind}"
    if kind == "xyz":
        for _ in range(4):
            write_xyz(path, glass)
        return path
    return {"dump": write_lammps_dump, "gsd": write_gsd}[kind](path, glass, frames=4)


@pytest.mark.parametrize("kind", ["xyz", "dump", "gsd"])
def test_some_frames_of_a_file(known, tmp_path, kind):
    path = frames_of(tmp_path, kind, known("ipl3d"))
    assert count_frames(path) == 4
    found, wanted = read_frames(path, wanted=slice(1, 3)), read_frames(path)[1:3]
    assert [frame.where for frame in found] == [f"{path}, frame {number}" for number in (1, 2)]
    for one, other in zip(found, wanted, strict=True):
        for name in Frame.__dataclass_fields__:
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)


@pytest.mark.parametrize("kind", ["xyz", "dump"])
def test_frames_that_are_not_wanted_are_not_parsed(known, tmp_path, kind):
    path = frames_of(tmp_path, kind, known("ipl3d"))
    *others, last = path.read_text().splitlines()
    path.write_text("\n".join([*others, " ".join(["?"] * len(last.split()))]) + "\n")
    assert count_frames(path) == 4 and len(read_frames(path, wanted=slice(0, 3))) == 3
    with pytest.raises(InputError, match="not a readable"):
        read_frames(path, wanted=slice(3, 4))


def test_unit_of_length(known, tmp_path):
    """The same glass in other units: sizes in the file are in its units too, those by type are the model's."""
    glass = known("ipl3d")
    angstrom = Configuration(3.4 * glass.positions, 3.4 * glass.diameters, 3.4 * glass.box_length)
    path = write_xyz(tmp_path / "a.xyz", angstrom, "species:S:1:pos:R:3:diameter:R:1")
    (found,) = read_configurations(path, MODELS["ipl3d"], length_unit=3.4)
    same(found, glass)
    with pytest.raises(
        InputError, match=r"number density is 0.0208.*--length-unit.*3\.4 would give the model's density"
    ):
        read_configurations(path, MODELS["ipl3d"], diameters=LETTERS)
    real = write_lammps_data(tmp_path / "a.data", angstrom, header="units = real")
    with pytest.raises(InputError, match="LAMMPS units real, not lj; say with --length-unit"):
        read_configurations(real, MODELS["ipl3d"], diameters=NUMBERS)
    same(read_configurations(real, MODELS["ipl3d"], diameters=NUMBERS, length_unit=3.4)[0], glass)


def test_another_density_must_be_meant(known, tmp_path):
    glass = known("ipl3d")
    wide = Configuration(1.02 * glass.positions, glass.diameters, 1.02 * glass.box_length)
    path = write_xyz(tmp_path / "a.xyz", wide)
    with pytest.raises(InputError, match=r"number density is 0.7727.*model 'ipl3d' has 0.82.*--any-density"):
        read_configurations(path, MODELS["ipl3d"], diameters=LETTERS)
    same(read_configurations(path, MODELS["ipl3d"], diameters=LETTERS, any_density=True)[0], wide)


def edited(path, old, new):
    path.write_text(path.read_text().replace(old, new, 1))
    return path


def coincident(glass):
    """Particles 3 and 7 at one place, but for a period."""
    positions = glass.positions.copy()
    positions[7] = positions[3] + [glass.box_length, 0.0, 0.0]
    return Configuration(positions, glass.diameters, glass.box_length)


def write_xyz_lattice(folder, glass, lattice, **options):
    return write_xyz(folder / "a.xyz", glass, lattice=lattice, **options)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f, g: write_xyz_lattice(f, g, "4 0 0 0 4 0 0 0 5"), "frame 0: the box is 4 x 4 x 5; it must be a cube"),
        (lambda f, g: write_xyz_lattice(f, g, "4 0 0 1 4 0 0 0 4"), "the box is 4 x 4 x 4, tilted; it must be a cube"),
        (lambda f, g: write_xyz_lattice(f, g, None, head='pbc="T T F"'), "the box is not periodic in every direction"),
        (lambda f, g: write_xyz_lattice(f, g, "40 0 0 0 40 0 0 0 40"), "all particles lie within .* of a box of 40; are"),
        (lambda f, g: write_gsd(f / "a.pos", g), "a.pos: the ending '.pos' does not tell the format"),
        (lambda f, g: f / "none.xyz", "none.xyz: no such file"),
        (lambda f, g: write_lammps_data(f / "a.data", g, style=""), "the atom style is not stated"),
        (lambda f, g: (f / "a.xyz").write_text("1\nLattice\nA 1 2\n") and f / "a.xyz", "a.xyz: not a readable extxyz file"),
        (lambda f, g: (f / "a.xyz").write_text("3\nLattice\nA 1 2\n") and f / "a.xyz", "says 3 particles, but 1 lines"),
        (lambda f, g: edited(write_xyz(f / "a.xyz", g), "64\n", f"{10**15}\n"), "says 1000000000000000 particles, but 64"),
        (lambda f, g: edited(write_xyz(f / "a.xyz", g), "64\n", "10\n"), "line 13: .* is not the number of particles"),
        (lambda f, g: edited(write_lammps_data(f / "a.data", g), "\n5 ", "\n6 "), "a.data: particle 6 appears twice"),
        (lambda f, g: edited(write_lammps_dump(f / "a.dump", g), "\n5 ", "\n6 "), "frame 0: particle 6 appears twice"),
        (lambda f, g: edited(write_lammps_dump(f / "a.dump", g), "\n64\n", "\n70\n"), "says 70 particles, but holds 64"),
        (lambda f, g: write_xyz(f / "a.xyz", coincident(g)), "particles 3 and 7 are at the same place"),
        (lambda f, g: f, "is a folder, must be a file"),
        (lambda f, g: (f / "a.gsd").write_bytes(b"GSD?") and f / "a.gsd", "a.gsd: not a readable gsd file"),
        (lambda f, g: (f / "a.dump").write_text("") or f / "a.dump", "a.dump: "),
    ],
)  # fmt: skip
def test_what_is_ambiguous_or_broken_is_refused_in_one_line(known, tmp_path, change, says):
    path = change(tmp_path, known("ipl3d"))
    with pytest.raises(InputError, match=says) as refusal:
        read_configurations(path, MODELS["ipl3d"], diameters=LETTERS | NUMBERS)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("file", "model", "says"),
    [
        ("ipl2d", "ipl3d", "the particles lie in 2 dimensions, the model has 3"),
        ("ipl3d", "ipl2d", "the particles lie in 3 dimensions, the model has 2"),
        ("ipl3d", "ipl4d", "the file has three dimensions, the model four"),
    ],
)
def test_wrong_number_of_dimensions(known, tmp_path, file, model, says):
    path = write_xyz(tmp_path / "a.xyz", known(file))
    with pytest.raises(InputError, match=says):
        read_configurations(path, MODELS[model], diameters=LETTERS)


@pytest.mark.parametrize(
    ("diameters", "says"),
    [
        ({"A": 1.0}, "type 'B' has no diameter"),
        ({"A": 1.0, "B": 1.5}, "has diameter 1.5, model 'ipl3d' has 1 or 1.4"),
        (None, "holds no diameters; give them by type: --diameters A=...,B=..."),
    ],
)
def test_wrong_sizes(known, tmp_path, diameters, says):
    with pytest.raises(InputError, match=says):
        read_configurations(write_xyz(tmp_path / "a.xyz", known("ipl3d")), MODELS["ipl3d"], diameters=diameters)


def test_a_package_that_is_missing_is_named(known, tmp_path, monkeypatch):
    path = write_gsd(tmp_path / "a.gsd", known("ipl3d"))
    monkeypatch.setitem(__import__("sys").modules, "gsd.hoomd", None)
    with pytest.raises(InputError, match=r"needs the package 'gsd.*pip install '\.\[io\]'"):
        read_configurations(path, MODELS["ipl3d"])


def test_analysis_in_python(known):
    """A glass out of a file needs a quench or is one already; both ways lead to the same modes."""
    glass, model = known("ipl3d"), MODELS["ipl3d"]
    found = analyse(glass, model, n_modes=2)
    assert found.quartic.converged and found.cubic.converged and len(found.harmonic.eigenvalues) == 2
    noise = 1e-4 * np.random.default_rng(0).standard_normal(glass.positions.shape)
    shaken = Configuration(glass.positions + noise, glass.diameters, glass.box_length)
    with pytest.raises(InputError, match="not an inherent state: force ratio"):
        analyse(shaken, model)
    again = analyse(shaken, model, quench_first=True)
    assert again.quartic.stiffness == pytest.approx(found.quartic.stiffness, rel=1e-6)
