"""Entry point: parse, run, and turn errors into one line and an exit status."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from nqe_core.cli.parser import build_parser
from nqe_core.errors import FAILED, MISUSED, InputError, in_one_line


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `nqe`.

    Parameters
    ----------
    arguments : sequence of str, optional
        The command line without the program's name.

    Returns
    -------
    int
        0 done, 1 failed, 2 wrong use or input, 75 interrupted and resumable.
    """
    options = build_parser().parse_args(arguments)
    # imported late: help and version answer at once
    from nqe_core.cli import commands

    try:
        return getattr(commands, options.command.replace("-", "_"))(options)
    except InputError as error:
        print(f"nqe: error: {error}", file=sys.stderr)
        return MISUSED
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED
    except (OSError, MemoryError) as error:
        print(f"nqe: error: {in_one_line(error)}", file=sys.stderr)
        return FAILED
