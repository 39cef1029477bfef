"""Arguments of `nqe`, in the words of the field. Imports nothing heavy: help must answer at once."""

from __future__ import annotations

import argparse
from typing import NoReturn

from nqe_core.cli.arguments import EXIT_STATUS, command, model, place, sampler
from nqe_core.cli.stage_arguments import (
    analyse,
    cubic,
    double_wells,
    equilibrate,
    harmonic,
    observables,
    quartic,
    quench,
    read,
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
        equilibrate, quench, read, harmonic, quartic, cubic, double_wells, observables, _gather, _merge, analyse, _export,
        _verify, _relaxation, _cost, _warmup, _models,
    ):  # fmt: skip
        add(commands)
    return parser


def _gather(commands) -> None:
    parser = command(
        commands, "gather", "one table out of the tables of many chunks",
        "Sorted by ensemble and sample; a sample that appears twice or is missing is an error. Counts the failed "
        "samples of each ensemble, with reasons, on stderr.",
    )  # fmt: skip
    parser.add_argument("tables", nargs="+", metavar="TABLE", help="files of `nqe observables`")
    parser.add_argument("--output", required=True, type=place, metavar="FILE", help="Parquet file")


def _export(commands) -> None:
    parser = command(
        commands, "export", "inherent states, modes, tables and Hessians in the formats of other programs",
        "Extended XYZ and GSD have modes as vectors per particle; one of them is also the property Displacement, which "
        "OVITO draws as arrows. Samples that failed are left out, and counted on stderr.",
    )  # fmt: skip
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE",
        help="of one chunk: the file of stage inherent_state and those of the modes wanted; or tables "
        "(.parquet) or files of stage double_wells")  # fmt: skip
    add("--output", required=True, type=place, metavar="FILE",
        help="its ending is the format: .xyz (extended XYZ) or .gsd for glasses and modes; .npz (scipy.sparse) or .mtx "
        "(MatrixMarket) for Hessians, with {sample} in the name where there are several; .csv or .parquet for "
        "tables")  # fmt: skip
    add("--samples", metavar="A,B,...", help="numbers of the samples (default all)")
    add("--arrows", metavar="STAGE", choices=("harmonic", "quartic", "second_quartic", "cubic"),
        help="whose mode is the Displacement (default quartic)")  # fmt: skip
    parser.epilog = EXIT_STATUS


def _merge(commands) -> None:
    parser = command(
        commands, "merge", "one table out of packed tables (reference data) of several batches",
        "Sorted by ensemble, root seed and sample. A sample of one root seed that appears twice, batches of different "
        "models and other schema versions are errors.",
    )  # fmt: skip
    parser.add_argument(
        "tables", nargs="+", metavar="TABLE", help="packed tables, reference/{batch}/{ensemble}.parquet"
    )
    parser.add_argument("--output", required=True, type=place, metavar="FILE", help="Parquet file")


def _verify(commands) -> None:
    parser = command(
        commands, "verify", "check a campaign's files: whole, complete, and made from each other",
        "Reads every byte. Reports damaged files, gaps, files whose inputs have changed since, files of another "
        "version, and parts of unfinished jobs; exit status 1 when something is wrong.",
    )  # fmt: skip
    parser.add_argument("results", type=place, metavar="DIR", help="results/{campaign}, or a folder of reference data")
    parser.add_argument("--sheet", metavar="TSV", help="the campaign's sheet: every sample of it must be there")
    parser.add_argument("--least-burn-in", type=float, default=10.0, metavar="X",
        help="with a sheet: relaxation times that burn-in must last, by the table relaxation.tsv in the sheet's parent "
        "folder (default 10)")  # fmt: skip
    sampler(parser)


def _relaxation(commands) -> None:
    parser = command(
        commands, "relaxation", "how long a liquid remembers: relaxation times of a sampler",
        "Equilibrates several walkers, follows them, and prints how many sweeps and core-seconds it takes until places "
        "(overlap Q, self-intermediate scattering F_s at the first peak of S(q)), sizes and the energy are forgotten, "
        "with errors over walkers. Shows whether the energy still drifts.",
    )  # fmt: skip
    add = parser.add_argument
    model(parser)
    add("--n-particles", required=True, type=int, metavar="N", help="number of particles N")
    add("--temperature", required=True, type=float, metavar="T", help="temperature, simulation units")
    add("--sweeps", required=True, type=int, metavar="SWEEPS", help="sweeps of each walker, at least 4000")
    add("--burn-in", required=True, type=int, metavar="SWEEPS", help="sweeps at T before that")
    add("--walkers", type=int, default=4, metavar="W", help="independent walkers, at least 3 (default 4)")
    sampler(parser, "whose relaxation times are measured")
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
    parser = command(
        commands, "cost", "what a campaign costs: core-seconds per sample and stage, core-hours, storage",
        "From measured times, which are those of one machine: yours may differ by a factor of two. Sizes that were not "
        "measured are interpolated as powers of N. Prints a table in Markdown.",
    )  # fmt: skip
    parser.add_argument("sheet", metavar="SHEET", help="the campaign's sheet, config/campaigns/{campaign}.tsv")
    parser.add_argument("--cooling-start", type=float, default=1.0, metavar="T",
                        help="temperature where ensembles that are cooled start (default 1.0)")  # fmt: skip
    parser.add_argument("--table", metavar="CSV", help="measured times, from benchmarks/cost.py (default the shipped)")
    sampler(parser)


def _warmup(commands) -> None:
    command(commands, "warmup", "compile every kernel for d = 2, 3, 4 once, so that jobs need not",
             "The compiled kernels are kept beside the package.")  # fmt: skip


def _models(commands) -> None:
    command(commands, "models", "print the glass formers and their constants", "As JSON, one model per name.")
