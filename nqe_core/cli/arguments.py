"""Arguments that several commands of `nqe` share."""

from __future__ import annotations

import argparse

SAMPLERS = ("hybrid", "metropolis")  # those of `swap_monte_carlo`, which would load the kernels
EXIT_STATUS = (
    "exit status: 0 done, 1 failed, 2 wrong use or input (one line says what), "
    "75 interrupted (the same command continues)"
)


def command(commands, name: str, summary: str, description: str) -> argparse.ArgumentParser:
    return commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}. {description}")


def place(text: str) -> str:
    """A path: an empty one, as of an unset variable of the shell, would be the current folder."""
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty")
    return text


def running(parser: argparse.ArgumentParser, output: str, metavar: str = "FILE") -> None:
    """Arguments of every stage."""
    group = parser.add_argument_group("output and running")
    group.add_argument("--output", required=True, type=place, metavar=metavar, help=output)
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


def model(parser: argparse.ArgumentParser) -> None:
    what = "one of `nqe models`, or any name with --model-parameters"
    parser.add_argument("--model", required=True, metavar="NAME", help=what)
    parser.add_argument("--model-parameters", metavar="JSON", help="its constants, default the shipped ones")


def sampler(parser: argparse.ArgumentParser, what: str = "whose relaxation times the sheet counts in") -> None:
    parser.add_argument("--sampler", default="hybrid", choices=SAMPLERS, help=f"{what} (default hybrid)")
