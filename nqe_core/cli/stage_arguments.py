"""Arguments of the commands that make a stage's file, in the words of the field."""

from __future__ import annotations

import argparse

from nqe_core.cli.arguments import command, model, running, sampler


def equilibrate(commands) -> None:
    parser = command(
        commands, "equilibrate", "equilibrium liquids at the parent temperature T_p",
        "Swap Monte Carlo: a sweep is N attempted moves, single-particle displacements and exchanges of two "
        "particles' sizes. Each walker starts from random positions whose long density waves are a liquid's.",
    )  # fmt: skip
    add = parser.add_argument
    model(parser)
    add("--ensemble", required=True, metavar="NAME", help="part of every sample's random stream: [a-z0-9_]+")
    add("--n-particles", required=True, type=int, metavar="N", help="number of particles N")
    add("--temperature", required=True, type=float, metavar="T", help="parent temperature T_p, simulation units")
    add("--first-sample", required=True, type=int, metavar="A", help="number of the first sample, from 0")
    add("--n-samples", required=True, type=int, metavar="S", help="how many samples")
    add("--samples-per-walker", type=int, default=1, metavar="W", help="samples of one walker (default 1)")
    add("--burn-in", required=True, type=int, metavar="SWEEPS", help="sweeps before a walker's first sample")
    add("--spacing", type=int, default=0, metavar="SWEEPS", help="sweeps between samples of a walker (default 0)")
    add("--swap-fraction", type=float, default=0.2, metavar="F", help="share of swap moves, 0 <= F < 1 (default 0.2)")
    sampler(parser, "how moves are made")
    add("--root-seed", required=True, type=int, metavar="SEED", help="seed of the campaign, any size")
    running(parser, "file of stage liquid; appears when it is complete")


def quench(commands) -> None:
    parser = command(
        commands, "quench", "inherent states: liquids at a local minimum x_0 of the potential energy (Sec. II)",
        "FIRE, finished by Newton's method, until the typical net force is a tiny fraction of the typical pair force.",
    )  # fmt: skip
    add = parser.add_argument
    add("liquid", metavar="LIQUID", help="file of `nqe equilibrate`")
    add("--tolerance", type=float, default=1e-11, metavar="X",
        help="force ratio sqrt(sum_i f_i^2 / sum_ij f_ij^2) to reach (default 1e-11)")  # fmt: skip
    add("--preparation", choices=("quench", "cool"), default="quench",
        help="minimise at once, or cool to T = 0 by Langevin dynamics before (default quench)")  # fmt: skip
    add("--cooling-rate", type=float, default=0.0, metavar="R", help="temperature per unit time, to cool")
    add("--cooling-start", type=float, metavar="T", help="temperature where cooling starts (default T_p)")
    running(parser, "file of stage inherent_state; appears when it is complete")


def harmonic(commands) -> None:
    parser = command(
        commands, "harmonic", "harmonic modes psi: lowest eigenvalues omega^2 of the Hessian M (Eqs. 2, 7)",
        "The d translations are left out.",
    )  # fmt: skip
    add = parser.add_argument
    add("inherent_state", metavar="INHERENT_STATE", help="file of `nqe quench`")
    add("--n-modes", type=int, default=1, metavar="K", help="number of modes per sample (default 1)")
    add("--method", choices=("auto", "chebyshev", "factorised", "arpack"), default="auto",
        help="eigensolver; arpack is the paper's (default auto: by dimension)")  # fmt: skip
    add("--certify", type=float, default=0.0, metavar="SHARE",
        help="share of the samples for which the inertia of M - sigma I must prove that no mode was missed "
        "(default 0)")  # fmt: skip
    running(parser, "file of stage harmonic; appears when it is complete")


def solver(parser: argparse.ArgumentParser, equation: int) -> None:
    parser.add_argument("--method", choices=("lbfgs", "macopt"), default="lbfgs",
                        help="minimiser; macopt is the paper's conjugate gradient (default lbfgs)")  # fmt: skip
    parser.add_argument("--tolerance", type=float, default=1e-8, metavar="X",
                        help=f"relative residual of Eq. {equation} to reach (default 1e-8)")  # fmt: skip


def quartic(commands) -> None:
    parser = command(
        commands, "quartic", "quartic modes pi4: local minima of E4 = kappa^2 / chi (Eq. 12), which solve Eq. 8",
        "Minimised from the harmonic mode (Appendix B).",
    )  # fmt: skip
    add = parser.add_argument
    add("inherent_state", metavar="INHERENT_STATE", help="file of `nqe quench`")
    add("harmonic", metavar="HARMONIC", help="file of `nqe harmonic`")
    add("--after", metavar="QUARTIC",
        help="find a second mode: start from psi minus the quartic mode of this file (Fig. 1)")  # fmt: skip
    solver(parser, 8)
    running(parser, "file of stage quartic, or second_quartic with --after; appears when it is complete")


def cubic(commands) -> None:
    parser = command(
        commands, "cubic", "cubic modes pi3: local minima of E3 = kappa^3 / tau^2 (Eq. 31), which solve Eq. 26",
        "Minimised from the quartic mode (Appendix B).",
    )  # fmt: skip
    add = parser.add_argument
    add("inherent_state", metavar="INHERENT_STATE", help="file of `nqe quench`")
    add("quartic", metavar="QUARTIC", help="file of `nqe quartic`")
    add("--starts", choices=("quartic", "nonaffine"), default="quartic",
        help="start from the quartic mode only, or also from the non-affine velocities of every shear and keep the "
        "softest cubic mode, as the paper does for POLY (default quartic)")  # fmt: skip
    solver(parser, 26)
    running(parser, "file of stage cubic; appears when it is complete")


def double_wells(commands) -> None:
    parser = command(
        commands, "double-wells", "barriers and second minima along cubic modes, expected and found",
        "Where tau^2 / (3 kappa chi) exceeds 8/9 the quartic expansion along the mode has a barrier, and where it exceeds 1 "
        "a lower minimum beyond it (Eq. 32). Newton's method looks for the saddle of the glass, and a quench for the "
        "minimum.",
    )  # fmt: skip
    parser.add_argument("inherent_state", metavar="INHERENT_STATE", help="file of `nqe quench`")
    parser.add_argument("cubic", metavar="CUBIC", help="file of `nqe cubic`")
    running(parser, "file of stage double_wells; appears when it is complete")


def observables(commands) -> None:
    parser = command(
        commands, "observables", "table of observables: one row of numbers per sample, simulation units",
        "Stiffness kappa (Eq. 11), tau (Eq. 28), chi (Eq. 10), participation ratio e (Eq. 14), shear-strain coupling "
        "nu (after Eq. 29), mismatches 1 - |a.b| (Eq. 16), shear moduli, and how each stage went.",
    )  # fmt: skip
    parser.add_argument(
        "liquid", nargs="?", metavar="LIQUID", help="file of stage liquid; left out for glasses that were read"
    )
    for name in ("inherent_state", "harmonic", "quartic", "cubic"):
        parser.add_argument(name, metavar=name.upper(), help=f"file of stage {name}")
    running(parser, "Parquet file; appears when it is complete")


def foreign(parser: argparse.ArgumentParser) -> None:
    """Arguments of what reads other programs' files."""
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE",
        help="extended XYZ (.xyz, .extxyz), LAMMPS data (.data, .lmp) or dump (.dump, .lammpstrj), or GSD (.gsd); the "
        "frames of one file are the samples, of several files each is one sample; a pattern such as 'runs/*.xyz' "
        "may be quoted")  # fmt: skip
    model(parser)
    add("--diameters", metavar="TYPE=SIZE,...",
        help="diameters by type, in units of the smallest, for example A=1.0,B=1.4 or 1=1.0,2=1.4; needed unless the "
        "file has them as a column diameter or radius")  # fmt: skip
    add("--length-unit", type=float, metavar="X",
        help="the model's unit of length (the paper's: the smallest diameter) in the file's (default 1)")  # fmt: skip
    add("--any-density", action="store_true", help="accept a number density that is not the model's")
    add("--format", metavar="NAME", help="extxyz, lammps-data, lammps-dump or gsd (default: by the file's ending)")
    add("--ensemble", default="glasses", metavar="NAME", help="name of the samples: [a-z0-9_]+ (default glasses)")
    add("--parent-temperature", type=float, metavar="T", help="T_p of the samples, where it is known")
    add("--root-seed", type=int, default=0, metavar="SEED", help="seed of draws in later stages (default 0)")
    add("--quench", action="store_true", help="go to the inherent state; without it, files must hold inherent states")
    add("--tolerance", type=float, default=1e-11, metavar="X", help="force ratio of the quench (default 1e-11)")


def read(commands) -> None:
    parser = command(
        commands, "read", "inherent states out of other programs' files, as a file of stage inherent_state",
        "What the file does not say (sizes, unit of length, density) is asked for. Positions may be wrapped or not.",
    )  # fmt: skip
    foreign(parser)
    parser.add_argument("--first-sample", type=int, default=0, metavar="A", help="number of the first sample, from 0")
    parser.add_argument("--n-samples", type=int, metavar="S", help="how many samples (default all)")
    parser.add_argument("--n-particles", type=int, metavar="N", help="number of particles that each must have")
    running(parser, "file of stage inherent_state; appears when it is complete")


def analyse(commands) -> None:
    parser = command(
        commands, "analyse", "your own glass: table, modes and a picture in one command",
        "Reads configurations, quenches them if asked to, and finds harmonic, quartic and cubic modes. The folder gets "
        "inherent_state.h5, harmonic.h5, quartic.h5, cubic.h5, observables.parquet, observables.csv and modes.png.",
    )  # fmt: skip
    foreign(parser)
    parser.add_argument("--n-modes", type=int, default=1, metavar="K", help="harmonic modes per sample (default 1)")
    parser.add_argument("--starts", choices=("quartic", "nonaffine"), default="quartic",
                        help="where cubic modes start, see `nqe cubic` (default quartic)")  # fmt: skip
    parser.add_argument("--no-picture", action="store_true", help="do not draw, which needs matplotlib")
    running(parser, "gets the files; those of an earlier analysis are replaced or removed", metavar="FOLDER")
