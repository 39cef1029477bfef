"""Relaxation times for a reader: lines of text, and the curves as a table."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from itertools import zip_longest
from pathlib import Path

import numpy as np

from nqe_core.atomic_files import written_aside
from nqe_core.ensembles import Ensemble
from nqe_core.relaxation import Relaxation
from nqe_core.relaxation_table import SAME_TEMPERATURE, Measured, relaxation_time
from nqe_core.statistics import Estimate


def report(found: Relaxation) -> list[str]:
    """What was found, a line for each quantity."""
    lines = [
        f"u/N             {shown(found.energy)}, second half minus first {shown(found.drift)}",
        f"heat capacity   {shown(found.heat_capacity)} per particle, configurational",
    ]
    times = {
        "overlap": found.overlap.time,
        "scattering": found.scattering.time,
        "sizes": found.sizes.time,
        "energy": found.energy_time,
    }
    notes = {
        "overlap": f", stretching {found.overlap.stretching:.2f}",
        "scattering": f", stretching {found.scattering.stretching:.2f}, q = {found.wave_number:.2f}",
        "sizes": "",
        "energy": ", integrated",
    }
    for name, time in times.items():
        if math.isfinite(time.value):
            seconds = f"{time.value * found.seconds_per_sweep:.3g} core-seconds"
            lines.append(f"tau {name:11} {shown(time)} sweeps, {seconds}{notes[name]}")
        elif math.isnan(time.value) and name != "energy":
            between = f"{found.lags[1]:.0f} sweeps, the interval of the states"
            advice = "too short for this sampler" if found.shortest else "follow a shorter run (fewer sweeps)"
            lines.append(f"tau {name:11} shorter than {between}: {advice} to measure it")
        else:
            lines.append(f"tau {name:11} longer than {found.lags[-1]:.0f} sweeps, half the run")
    return lines


def shown(estimate: Estimate) -> str:
    """Value and standard error."""
    digits = 1
    if math.isfinite(estimate.error) and estimate.error > 0:
        digits = max(0, 1 - math.floor(math.log10(estimate.error)))
    return f"{estimate.value:.{digits}f} +- {estimate.error:.{digits}f}"


def compared(line: Measured, rows: Iterable[Ensemble]) -> list[str]:
    """How many relaxation times the burn-in and the spacing are of a sheet's rows that are made of the measured liquid."""
    if not math.isfinite(line.tau):
        return ["the sheet's burn-ins and spacings are not compared: tau was not measured"]
    lines, read = [], []
    for row in rows:
        if row.model != line.model or abs(row.parent_temperature - line.temperature) > SAME_TEMPERATURE:
            continue
        if row.source:
            read.append(row.ensemble)
            continue
        # the sampler is that of the measurement: a sheet names none
        tau = relaxation_time(
            [line], row.model, row.parent_temperature, row.n_particles, line.sampler, row.swap_fraction
        )
        if tau is not None:  # another share of swaps relaxes in another time
            lines.append(f"{row.ensemble}: burn-in {row.burn_in / tau:.1f} tau, spacing {row.spacing / tau:.1f} tau")
    return lines + ([f"{', '.join(read)}: read from files, without burn-in and spacing"] if read else [])


def write_curves(path: Path, found: Relaxation) -> None:
    """Correlation functions (mean over walkers, with standard errors) and the course of the energy, as CSV."""
    decays = {"overlap": found.overlap, "scattering": found.scattering, "sizes": found.sizes}
    columns = {"lag": found.lags}
    for name, decay in decays.items():
        columns |= _with_error(name, decay.values)
    between = found.lags[1]
    energy = {"sweep": between * np.arange(1, found.energies.shape[1] + 1)} | _with_error("energy", found.energies)
    columns |= energy
    with written_aside(path) as aside, open(aside, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        # correlations end at half the run, the energy at its end
        for row in zip_longest(*columns.values()):
            writer.writerow("" if value is None else f"{value:.8g}" for value in row)


def _with_error(name: str, walkers: np.ndarray) -> dict[str, np.ndarray]:
    error = walkers.std(axis=0, ddof=1) / math.sqrt(len(walkers))
    return {name: walkers.mean(axis=0), f"{name}_error": error}
