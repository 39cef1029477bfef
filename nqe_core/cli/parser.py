"""Arguments of `nqe`, in the words of the field. Imports nothing heavy: help must answer at once."""

from __future__ import annotations

import argparse
from typing import NoReturn

SAMPLERS = ("hybrid", "metropolis")  # those of `swap_monte_carlo`, which would load the kernels
EXIT_STATUS = (
    "exit status: 0 done, 1 failed, 2 wrong use or input (one line says what), "
    "75 interrupted (the same command continues)"
)


class Parser(argparse.ArgumentParser):
    """Wrong arguments give one line, like every other wrong input."""

    def error(self, message: str) -> NoReturn:
        command = self.prog.removeprefix("nqe").strip()
        self.exit(2, f"nqe: error: {command + ': ' if command else ''}{message} (see {self.prog} --help)\n")


class _Version(argparse.Action):
    def __call__(self, parser, *_) -> None:
        from nqe_core.version import version

        print(f"nqe {version()}")
        parser.exit()


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = Parser(
        prog="nqe",
        description="Nonlinear quasilocalized excitations (NQEs) of computer glasses: from an equilibrium liquid to "
        "its inherent state, harmonic, quartic and cubic modes, one HDF5 file per stage and chunk of samples. "
        "Equation numbers are those of Kapteijns, Richard and Lerner, Phys. Rev. E 101, 032130 (2020).",
        epilog=EXIT_STATUS,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (
        _equilibrate, _quench, _read, _harmonic, _quartic, _cubic, _observables, _gather, _merge, _analyse, _export,
        _verify, _relaxation, _cost, _warmup, _models,
    ):  # fmt: skip
        add(commands)
    return parser


def _command(commands, name: str, summary: str, description: str) -> argparse.ArgumentParser:
    return commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}. {description}")


def _place(text: str) -> str:
    """A path: an empty one, as of an unset variable of the shell, would be the current folder."""
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty")
    return text


def _running(parser: argparse.ArgumentParser, output: str, metavar: str = "FILE") -> None:
    """Arguments of every stage."""
    group = parser.add_argument_group("output and running")
    group.add_argument("--output", required=True, type=_place, metavar=metavar, help=output)
    group.add_argument(
        "--ranks", type=int, default=1, metavar="R",
        help="number of MPI ranks that share the samples; must be what the launcher started (default 1, without MPI)",
    )  # fmt: skip
    group.add_argument(
        "--flush-seconds", type=float, default=60.0, metavar="S",
        help="finished samples are written aside at least this often; after a kill the same command resumes from "
        "them, with any number of ranks (default 60)",
    )  # fmt: skip
    group.add_argument(
        "--max-failed-fraction", type=float, default=0.05, metavar="F",
        help="exit 1, and write FILE's stem + .failed instead, when more than this share of the samples fails in "
        "this stage; one or two failures are accepted unless they are the majority; 0 accepts none (default 0.05)",
    )  # fmt: skip
    group.add_argument(
        "--wait-seconds", type=float, default=600.0, metavar="S",
        help="how long another process that writes the same FILE is waited for before giving up with exit status 75 "
        "(default 600)",
    )  # fmt: skip
    parser.epilog = EXIT_STATUS


def _model(parser: argparse.ArgumentParser) -> None:
    what = "one of `nqe models`, or any name with --model-parameters"
    parser.add_argument("--model", required=True, metavar="NAME", help=what)
    parser.add_argument("--model-parameters", metavar="JSON", help="its constants, default the shipped ones")


def _equilibrate(commands) -> None:
    parser = _command(
        commands, "equilibrate", "equilibrium liquids at the parent temperature T_p",
        "Swap Monte Carlo: a sweep is N attempted moves, single-particle displacements and exchanges of two "
        "particles' sizes. Each walker starts from random positions whose long density waves are a liquid's.",
    )  # fmt: skip
    add = parser.add_argument
    _model(parser)
    add("--ensemble", required=True, metavar="NAME", help="part of every sample's random stream: [a-z0-9_]+")
    add("--n-particles", required=True, type=int, metavar="N", help="number of particles N")
    add("--temperature", required=True, type=float, metavar="T", help="parent temperature T_p, simulation units")
    add("--first-sample", required=True, type=int, metavar="A", help="number of the first sample, from 0")
    add("--n-samples", required=True, type=int, metavar="S", help="how many samples")
    add("--samples-per-walker", type=int, default=1, metavar="W", help="samples of one walker (default 1)")
    add("--burn-in", required=True, type=int, metavar="SWEEPS", help="sweeps before a walker's first sample")
    add("--spacing", type=int, default=0, metavar="SWEEPS", help="sweeps between samples of a walker (default 0)")
    add("--swap-fraction", type=float, default=0.2, metavar="F", help="share of swap moves, 0 <= F < 1 (default 0.2)")
    _sampler(parser, "how moves are made")
    add("--root-seed", required=True, type=int, metavar="SEED", help="seed of the campaign, any size")
    _running(parser, "file of stage liquid; appears when it is complete")


def _quench(commands) -> None:
    parser = _command(
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
    _running(parser, "file of stage inherent_state; appears when it is complete")


def _harmonic(commands) -> None:
    parser = _command(
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
    _running(parser, "file of stage harmonic; appears when it is complete")


def _solver(parser: argparse.ArgumentParser, equation: int) -> None:
    parser.add_argument("--method", choices=("lbfgs", "macopt"), default="lbfgs",
                        help="minimiser; macopt is the paper's conjugate gradient (default lbfgs)")  # fmt: skip
    parser.add_argument("--tolerance", type=float, default=1e-8, metavar="X",
                        help=f"relative residual of Eq. {equation} to reach (default 1e-8)")  # fmt: skip


def _quartic(commands) -> None:
    parser = _command(
        commands, "quartic", "quartic modes pi4: local minima of E4 = kappa^2 / chi (Eq. 12), which solve Eq. 8",
        "Minimised from the harmonic mode (Appendix B).",
    )  # fmt: skip
    add = parser.add_argument
    add("inherent_state", metavar="INHERENT_STATE", help="file of `nqe quench`")
    add("harmonic", metavar="HARMONIC", help="file of `nqe harmonic`")
    add("--after", metavar="QUARTIC",
        help="find a second mode: start from psi minus the quartic mode of this file (Fig. 1)")  # fmt: skip
    _solver(parser, 8)
    _running(parser, "file of stage quartic, or second_quartic with --after; appears when it is complete")


def _cubic(commands) -> None:
    parser = _command(
        commands, "cubic", "cubic modes pi3: local minima of E3 = kappa^3 / tau^2 (Eq. 31), which solve Eq. 26",
        "Minimised from the quartic mode (Appendix B).",
    )  # fmt: skip
    add = parser.add_argument
    add("inherent_state", metavar="INHERENT_STATE", help="file of `nqe quench`")
    add("quartic", metavar="QUARTIC", help="file of `nqe quartic`")
    add("--starts", choices=("quartic", "nonaffine"), default="quartic",
        help="start from the quartic mode only, or also from the non-affine velocities of every shear and keep the "
        "softest cubic mode, as the paper does for POLY (default quartic)")  # fmt: skip
    _solver(parser, 26)
    _running(parser, "file of stage cubic; appears when it is complete")


def _observables(commands) -> None:
    parser = _command(
        commands, "observables", "table of observables: one row of numbers per sample, simulation units",
        "Stiffness kappa (Eq. 11), tau (Eq. 28), chi (Eq. 10), participation ratio e (Eq. 14), shear-strain coupling "
        "nu (after Eq. 29), mismatches 1 - |a.b| (Eq. 16), shear moduli, and how each stage went.",
    )  # fmt: skip
    parser.add_argument(
        "liquid", nargs="?", metavar="LIQUID", help="file of stage liquid; left out for glasses that were read"
    )
    for name in ("inherent_state", "harmonic", "quartic", "cubic"):
        parser.add_argument(name, metavar=name.upper(), help=f"file of stage {name}")
    _running(parser, "Parquet file; appears when it is complete")


def _gather(commands) -> None:
    parser = _command(
        commands, "gather", "one table out of the tables of many chunks",
        "Sorted by ensemble and sample; a sample that appears twice or is missing is an error. Counts the failed "
        "samples of each ensemble, with reasons, on stderr.",
    )  # fmt: skip
    parser.add_argument("tables", nargs="+", metavar="TABLE", help="files of `nqe observables`")
    parser.add_argument("--output", required=True, type=_place, metavar="FILE", help="Parquet file")


def _foreign(parser: argparse.ArgumentParser) -> None:
    """Arguments of what reads other programs' files."""
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE",
        help="extended XYZ (.xyz, .extxyz), LAMMPS data (.data, .lmp) or dump (.dump, .lammpstrj), or GSD (.gsd); the "
        "frames of one file are the samples, of several files each is one sample; a pattern such as 'runs/*.xyz' "
        "may be quoted")  # fmt: skip
    _model(parser)
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


def _read(commands) -> None:
    parser = _command(
        commands, "read", "inherent states out of other programs' files, as a file of stage inherent_state",
        "What the file does not say (sizes, unit of length, density) is asked for. Positions may be wrapped or not.",
    )  # fmt: skip
    _foreign(parser)
    parser.add_argument("--first-sample", type=int, default=0, metavar="A", help="number of the first sample, from 0")
    parser.add_argument("--n-samples", type=int, metavar="S", help="how many samples (default all)")
    parser.add_argument("--n-particles", type=int, metavar="N", help="number of particles that each must have")
    _running(parser, "file of stage inherent_state; appears when it is complete")


def _analyse(commands) -> None:
    parser = _command(
        commands, "analyse", "your own glass: table, modes and a picture in one command",
        "Reads configurations, quenches them if asked to, and finds harmonic, quartic and cubic modes. The folder gets "
        "inherent_state.h5, harmonic.h5, quartic.h5, cubic.h5, observables.parquet, observables.csv and modes.png.",
    )  # fmt: skip
    _foreign(parser)
    parser.add_argument("--n-modes", type=int, default=1, metavar="K", help="harmonic modes per sample (default 1)")
    parser.add_argument("--starts", choices=("quartic", "nonaffine"), default="quartic",
                        help="where cubic modes start, see `nqe cubic` (default quartic)")  # fmt: skip
    parser.add_argument("--no-picture", action="store_true", help="do not draw, which needs matplotlib")
    _running(parser, "gets the files; those of an earlier analysis are replaced or removed", metavar="FOLDER")


def _export(commands) -> None:
    parser = _command(
        commands, "export", "inherent states, modes, tables and Hessians in the formats of other programs",
        "Extended XYZ and GSD have modes as vectors per particle; one of them is also the property Displacement, which "
        "OVITO draws as arrows. Samples that failed are left out, and counted on stderr.",
    )  # fmt: skip
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE",
        help="of one chunk: the file of stage inherent_state and those of the modes wanted; or tables "
        "(.parquet)")  # fmt: skip
    add("--output", required=True, type=_place, metavar="FILE",
        help="its ending is the format: .xyz (extended XYZ) or .gsd for glasses and modes; .npz (scipy.sparse) or .mtx "
        "(MatrixMarket) for Hessians, with {sample} in the name where there are several; .csv or .parquet for "
        "tables")  # fmt: skip
    add("--samples", metavar="A,B,...", help="numbers of the samples (default all)")
    add("--arrows", metavar="STAGE", choices=("harmonic", "quartic", "second_quartic", "cubic"),
        help="whose mode is the Displacement (default quartic)")  # fmt: skip
    parser.epilog = EXIT_STATUS


def _merge(commands) -> None:
    parser = _command(
        commands, "merge", "one table out of packed tables (reference data) of several batches",
        "Sorted by ensemble, root seed and sample. A sample of one root seed that appears twice, batches of different "
        "models and other schema versions are errors.",
    )  # fmt: skip
    parser.add_argument(
        "tables", nargs="+", metavar="TABLE", help="packed tables, reference/{batch}/{ensemble}.parquet"
    )
    parser.add_argument("--output", required=True, type=_place, metavar="FILE", help="Parquet file")


def _sampler(parser: argparse.ArgumentParser, what: str = "whose relaxation times the sheet counts in") -> None:
    parser.add_argument("--sampler", default="hybrid", choices=SAMPLERS, help=f"{what} (default hybrid)")


def _verify(commands) -> None:
    parser = _command(
        commands, "verify", "check a campaign's files: whole, complete, and made from each other",
        "Reads every byte. Reports damaged files, gaps, files whose inputs have changed since, files of another "
        "version, and parts of unfinished jobs; exit status 1 when something is wrong.",
    )  # fmt: skip
    parser.add_argument("results", type=_place, metavar="DIR", help="results/{campaign}, or a folder of reference data")
    parser.add_argument("--sheet", metavar="TSV", help="the campaign's sheet: every sample of it must be there")
    parser.add_argument("--least-burn-in", type=float, default=10.0, metavar="X",
        help="with a sheet: relaxation times that burn-in must last, by the table relaxation.tsv in the sheet's parent "
        "folder (default 10)")  # fmt: skip
    _sampler(parser)


def _relaxation(commands) -> None:
    parser = _command(
        commands, "relaxation", "how long a liquid remembers: relaxation times of a sampler",
        "Equilibrates several walkers, follows them, and prints how many sweeps and core-seconds it takes until places "
        "(overlap Q, self-intermediate scattering F_s at the first peak of S(q)), sizes and the energy are forgotten, "
        "with errors over walkers. Shows whether the energy still drifts.",
    )  # fmt: skip
    add = parser.add_argument
    _model(parser)
    add("--n-particles", required=True, type=int, metavar="N", help="number of particles N")
    add("--temperature", required=True, type=float, metavar="T", help="temperature, simulation units")
    add("--sweeps", required=True, type=int, metavar="SWEEPS", help="sweeps of each walker, at least 4000")
    add("--burn-in", required=True, type=int, metavar="SWEEPS", help="sweeps at T before that")
    add("--walkers", type=int, default=4, metavar="W", help="independent walkers, at least 3 (default 4)")
    _sampler(parser, "whose relaxation times are measured")
    add("--swap-fraction", type=float, default=0.2, metavar="F", help="share of swap moves (default 0.2)")
    add("--start-temperature", type=float, metavar="T0",
        help="walkers come from a liquid of this temperature instead of a hot one; below T they approach equilibrium "
        "from below")  # fmt: skip
    add("--start-sweeps", type=int, default=500, metavar="SWEEPS", help="sweeps at that temperature (default 500)")
    add("--root-seed", type=int, default=0, metavar="SEED", help="seed (default 0)")
    add("--table", metavar="TSV", help="add the result to this table (the campaigns' is config/relaxation.tsv)")
    add("--curves", metavar="CSV", help="write the correlation functions and the course of the energy")
    add("--sheet", metavar="TSV", help="say how many relaxation times burn-in and spacing of its rows are")


def _cost(commands) -> None:
    parser = _command(
        commands, "cost", "what a campaign costs: core-seconds per sample and stage, core-hours, storage",
        "From measured times, which are those of one machine: yours may differ by a factor of two. Sizes that were not "
        "measured are interpolated as powers of N. Prints a table in Markdown.",
    )  # fmt: skip
    parser.add_argument("sheet", metavar="SHEET", help="the campaign's sheet, config/campaigns/{campaign}.tsv")
    parser.add_argument("--cooling-start", type=float, default=1.0, metavar="T",
                        help="temperature where ensembles that are cooled start (default 1.0)")  # fmt: skip
    parser.add_argument("--table", metavar="CSV", help="measured times, from benchmarks/cost.py (default the shipped)")
    _sampler(parser)


def _warmup(commands) -> None:
    _command(commands, "warmup", "compile every kernel for d = 2, 3, 4 once, so that jobs need not",
             "The compiled kernels are kept beside the package.")  # fmt: skip


def _models(commands) -> None:
    _command(commands, "models", "print the glass formers and their constants", "As JSON, one model per name.")
