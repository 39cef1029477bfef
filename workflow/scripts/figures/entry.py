"""The few lines between Snakemake and a figure's `draw`: named inputs and outputs become its arguments."""

from __future__ import annotations

import inspect
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import campaign_data

from nqe_core import statistics
from nqe_core.errors import InputError

RESAMPLES = 200  # of the bootstrap: the error of an error bar is then 5 %


def run(draw: Callable, job) -> None:
    """Call `draw` with those of the job's named inputs, outputs and parameters that it takes.

    Inputs called `harmonic_3d` and `harmonic_2d`, say, arrive as one list `harmonic`. The job's parameter `short_burn_ins`
    (relaxation times by ensemble) names the ensembles whose liquids are not in equilibrium. What the user can mend
    (`InputError`: a missing ensemble, say) ends with one line and status 2; anything else with its traceback. Both also
    go to the job's log file.
    """
    arguments = _arguments(draw, job)
    short_burn_ins = dict(job.params.items()).get("short_burn_ins", {})
    try:
        with statistics.resampling(RESAMPLES), campaign_data.not_in_equilibrium(short_burn_ins):
            draw(**arguments)
    except InputError as error:
        _log(job, f"nqe: error: {error}\n")
        print(f"nqe: error: {error}", file=sys.stderr)
        sys.exit(2)
    except Exception:
        _log(job, traceback.format_exc())
        raise


def _arguments(draw: Callable, job) -> dict:
    wanted = inspect.signature(draw).parameters
    arguments: dict = {}
    for name, value in [*job.input.items(), *job.output.items(), *job.params.items()]:
        base = re.sub("_[234]d$", "", name)
        if name in wanted:
            arguments[name] = value
        elif base in wanted:
            files = [value] if isinstance(value, str) else list(value)
            arguments[base] = arguments.get(base, []) + files
    return arguments


def _log(job, text: str) -> None:
    for path in list(job.log)[:1]:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8") as file:
            file.write(text)
