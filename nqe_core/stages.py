"""The stages of the campaign: liquid -> inherent state -> harmonic -> quartic -> cubic modes -> observables.

Each `*_job` function says how the samples of its input files become rows of its output. The physics is in the modules
it calls; here are only the order of calls, what counts as failure, and what is stored.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nqe_core.configuration import Configuration
from nqe_core.elasticity import nonaffine_velocities
from nqe_core.ensembles import random_stream
from nqe_core.errors import InputError, check_tolerance
from nqe_core.file_schema import stage_fields
from nqe_core.fire import QuenchResult, quench
from nqe_core.harmonic import HarmonicModes, lowest_modes, solvers
from nqe_core.interactions import Interactions
from nqe_core.jobs import Job, Pause, SampleFailure, sample_job
from nqe_core.models import Model
from nqe_core.molecular_dynamics import TIME_STEP, cool
from nqe_core.nonlinear_modes import NonlinearMode, find_cubic_mode, find_cubic_mode_from, find_quartic_mode
from nqe_core.observables import SECONDS_OF, observe, table_fields
from nqe_core.spectrum_certificate import certify
from nqe_core.storage import ChunkReader
from nqe_core.structure import is_crystalline, structure_peak

Readers = dict[str, ChunkReader]


def _interactions(readers: Readers, sample: int) -> Interactions:
    reader = readers["inherent_state"]
    return Interactions.of(reader.configuration(sample), reader.model)


def _mode(readers: Readers, stage: str, sample: int) -> np.ndarray:
    """The sample's lowest mode of a stage, shape=(N, d)."""
    modes = readers[stage].row(sample, "modes")["modes"]
    return modes[0] if stage == "harmonic" else modes


def quenched_row(configuration: Configuration, model: Model, tolerance: float, pause: Pause) -> dict:
    """Values of a sample of stage inherent_state: the configuration quenched to a force ratio of `tolerance`."""
    result = quench(configuration, model, tolerance=tolerance, between_blocks=pause)
    if not result.converged:
        raise SampleFailure(
            f"quench not converged: force ratio {result.force_ratio:.1e} after {result.force_evaluations} evaluations"
        )
    return inherent_state_row(result)


def inherent_state_row(result: QuenchResult) -> dict:
    """Values of a sample of stage inherent_state; a crystal fails."""
    final = result.configuration
    peak = structure_peak(final)
    if is_crystalline(peak, final.n_particles):
        raise SampleFailure(f"crystalline: the structure factor reaches {peak:.0f}")
    return {
        "positions": final.positions,
        "diameters": final.diameters,
        "box_length": final.box_length,
        "energy": result.energy,
        "pressure": result.pressure,
        "force_ratio": result.force_ratio,
        "structure_peak": peak,
        "iterations": result.force_evaluations,
        "converged": result.converged,
    }


def quench_job(
    liquid: Path,
    tolerance: float,
    preparation: str = "quench",
    cooling_rate: float = 0.0,
    cooling_start: float | None = None,
) -> Job:
    """Liquid -> inherent state, at once or after cooling.

    Parameters
    ----------
    liquid : Path
        File of stage liquid.
    tolerance : float
        Typical gradient over typical pair force at which a sample counts as mechanically stable.
    preparation : {"quench", "cool"}
        Minimise the liquid's energy at once, or cool it to T = 0 before.
    cooling_rate : float
        Temperature per unit time, for "cool".
    cooling_start : float, optional
        Temperature at which cooling starts; the liquid's own by default.
    """
    check_tolerance(tolerance)
    if preparation not in ("quench", "cool"):
        raise InputError(f"preparation is {preparation!r}, must be quench or cool")
    if preparation == "cool" and not 0 < cooling_rate < np.inf:
        raise InputError(f"cooling rate is {cooling_rate}, must be positive to cool, and finite")
    if preparation == "quench" and cooling_rate:
        raise InputError(f"cooling rate is {cooling_rate}, must be 0 for an instantaneous quench")
    if preparation == "quench" and cooling_start is not None:
        raise InputError(f"cooling start is {cooling_start}, must be left out for an instantaneous quench")
    if cooling_start is not None and not 0 < cooling_start < np.inf:
        raise InputError(f"cooling start is {cooling_start}, must be a positive and finite temperature")

    def compute(readers: Readers, sample: int, pause: Pause) -> dict:
        reader = readers["liquid"]
        configuration = reader.configuration(sample)
        if preparation == "cool":
            attributes = reader.attributes
            start = cooling_start if cooling_start is not None else float(attributes["temperature"])
            rng = random_stream(int(attributes["root_seed"]), attributes["ensemble"], "inherent_state", sample)
            configuration = cool(configuration, reader.model, start, cooling_rate, rng, between_blocks=pause)
        return quenched_row(configuration, reader.model, tolerance, pause)

    parameters = {
        "tolerance": tolerance,
        "preparation": preparation,
        "cooling_rate": cooling_rate,
        "cooling_start": cooling_start,
        "time_step": TIME_STEP if preparation == "cool" else None,
    }
    algorithm = "FIRE, then Newton" if preparation == "quench" else "Langevin cooling to T = 0, FIRE, then Newton"
    return sample_job("inherent_state", {"liquid": liquid}, algorithm, parameters, compute)


def harmonic_job(inherent_state: Path, n_modes: int = 1, method: str = "auto", certify_share: float = 0.0) -> Job:
    """Inherent state -> lowest eigenvalues and eigenvectors of its Hessian (Eqs. 2 and 7).

    Parameters
    ----------
    inherent_state : Path
        File of stage inherent_state.
    n_modes : int
        k, number of modes per sample, translations not counted.
    method : {"auto", "chebyshev", "factorised", "arpack"}
        Eigensolver; the file's attributes name those behind it, in the order in which they are tried.
    certify_share : float
        Share of the samples, drawn by their own random streams, for which it is proved that no mode was missed.
    """
    if n_modes < 1:
        raise InputError(f"number of modes is {n_modes}, must be at least 1")
    if not 0.0 <= certify_share <= 1.0:
        raise InputError(f"share of samples to certify is {certify_share}, must be between 0 and 1")

    def compute(readers: Readers, sample: int, pause: Pause) -> dict:
        interactions = _interactions(readers, sample)
        result = lowest_modes(interactions, n_modes=n_modes, method=method)
        if not result.converged:
            raise SampleFailure(f"harmonic modes not converged: residual {np.max(result.residuals):.1e}")
        if result.eigenvalues[0] <= 0:
            raise SampleFailure(f"negative lowest eigenvalue {result.eigenvalues[0]:.3g}")
        return {
            "eigenvalues": result.eigenvalues,
            "modes": result.modes,
            "residual": result.residuals,
            "converged": bool(result.converged),
            "certified": _certified(readers, sample, certify_share, interactions, result),
        }

    parameters = {"n_modes": n_modes, "method": method, "certify_share": certify_share}
    paths = {"inherent_state": inherent_state}
    with ChunkReader(inherent_state, "inherent_state") as reader:
        dimension = reader.model.dimension
        fields = stage_fields("harmonic", int(reader.attributes["n_particles"]), dimension, n_modes)
    algorithm = f"lowest modes, {', else '.join(solvers(method, dimension))}"
    return sample_job("harmonic", paths, algorithm, parameters, compute, fields=fields)


def _certified(readers: Readers, sample: int, share: float, interactions: Interactions, modes: HarmonicModes) -> bool:
    """Whether the sample was drawn for the certificate; a missed mode fails it."""
    attributes = readers["inherent_state"].attributes
    draw = random_stream(int(attributes["root_seed"]), attributes["ensemble"], "harmonic", sample).random()
    if draw >= share:
        return False
    certificate = certify(interactions, modes)
    if not certificate.complete:
        raise SampleFailure(
            f"harmonic modes missed: {certificate.expected} given, {certificate.found} there ({certificate.method})"
        )
    return True


def _mode_row(mode: NonlinearMode, start: int, kind: str) -> dict:
    """Row of a nonlinear mode; a mode that is not one fails the sample."""
    if not mode.converged:
        raise SampleFailure(
            f"{kind} mode not converged: residual {mode.residual:.1e} after {mode.iterations} iterations"
        )
    if mode.stiffness <= 0:
        raise SampleFailure(f"{kind} mode of negative stiffness {mode.stiffness:.3g}")
    names = ("stiffness", "cubic_coefficient", "quartic_coefficient", "participation_ratio", "residual", "iterations")
    row = {name: getattr(mode, name) for name in names}
    return {**row, "modes": mode.mode, "converged": True, "start": start}


def quartic_job(inherent_state: Path, harmonic: Path, method: str = "lbfgs", tolerance: float = 1e-8) -> Job:
    """Harmonic mode -> quartic mode: local minimum of the quartic energy (Eqs. 8 and 12, Appendix B).

    Parameters
    ----------
    inherent_state, harmonic : Path
        Files of these stages.
    method : {"lbfgs", "macopt"}
        Minimiser; macopt is the paper's.
    tolerance : float
        Relative residual of Eq. 8.
    """

    def compute(readers: Readers, sample: int, pause: Pause) -> dict:
        start = _mode(readers, "harmonic", sample)
        mode = find_quartic_mode(_interactions(readers, sample), start, method=method, tolerance=tolerance)
        return _mode_row(mode, 0, "quartic")

    paths = {"inherent_state": inherent_state, "harmonic": harmonic}
    return sample_job("quartic", paths, f"quartic energy, {method}", _solver(method, tolerance), compute)


def second_quartic_job(
    inherent_state: Path, harmonic: Path, quartic: Path, method: str = "lbfgs", tolerance: float = 1e-8
) -> Job:
    """Difference of harmonic and quartic mode -> the second soft spot behind a hybridised harmonic mode (Fig. 1).

    Parameters
    ----------
    inherent_state, harmonic, quartic : Path
        Files of these stages.
    method, tolerance
        As in `quartic_job`.
    """

    def compute(readers: Readers, sample: int, pause: Pause) -> dict:
        harmonic_mode, first = _mode(readers, "harmonic", sample), _mode(readers, "quartic", sample)
        # the sign of a mode is arbitrary: subtract the first quartic mode with the sign that it has in psi
        difference = harmonic_mode - np.copysign(1.0, np.vdot(harmonic_mode, first)) * first
        mode = find_quartic_mode(_interactions(readers, sample), difference, method=method, tolerance=tolerance)
        return {
            **_mode_row(mode, 0, "second quartic"),
            "overlap_harmonic": abs(np.vdot(mode.mode, harmonic_mode)),
            "overlap_first": abs(np.vdot(mode.mode, first)),
        }

    paths = {"inherent_state": inherent_state, "harmonic": harmonic, "quartic": quartic}
    algorithm = f"quartic energy from the difference field, {method}"
    return sample_job("second_quartic", paths, algorithm, _solver(method, tolerance), compute)


def cubic_job(
    inherent_state: Path, quartic: Path, starts: str = "quartic", method: str = "lbfgs", tolerance: float = 1e-8
) -> Job:
    """Quartic mode -> cubic mode: local minimum of the cubic energy (Eqs. 26 and 31, Appendix B).

    Parameters
    ----------
    inherent_state, quartic : Path
        Files of these stages.
    starts : {"quartic", "nonaffine"}
        Start from the quartic mode, or also from the non-affine velocities of every simple and pure shear and keep the
        softest cubic mode, as the paper does for POLY.
    method, tolerance
        Minimiser, and relative residual of Eq. 26.
    """
    if starts not in ("quartic", "nonaffine"):
        raise InputError(f"starts is {starts!r}, must be quartic or nonaffine")

    def compute(readers: Readers, sample: int, pause: Pause) -> dict:
        interactions, quartic_mode = _interactions(readers, sample), _mode(readers, "quartic", sample)
        if starts == "quartic":
            mode, start = find_cubic_mode(interactions, quartic_mode, method=method, tolerance=tolerance), 0
        else:
            fields = np.concatenate([quartic_mode[None], nonaffine_velocities(interactions)])
            mode, start = find_cubic_mode_from(interactions, fields, method=method, tolerance=tolerance)
        return _mode_row(mode, int(start), "cubic")

    paths = {"inherent_state": inherent_state, "quartic": quartic}
    parameters = {**_solver(method, tolerance), "starts": starts}
    return sample_job("cubic", paths, f"cubic energy, {method}", parameters, compute)


def _solver(method: str, tolerance: float) -> dict:
    if method not in ("lbfgs", "macopt"):
        raise InputError(f"method is {method!r}, must be lbfgs or macopt")
    check_tolerance(tolerance)
    return {"method": method, "tolerance": tolerance}


def observables_job(liquid: Path | None, inherent_state: Path, harmonic: Path, quartic: Path, cubic: Path) -> Job:
    """All stages -> one row of numbers per sample, the only thing that figures and tables need besides a few fields.

    Parameters
    ----------
    liquid : Path or None
        File of stage liquid; None for glasses that were read, whose tables lack the liquid's columns.
    inherent_state, harmonic, quartic, cubic : Path
        Files of these stages, of the same samples.
    """
    paths = {
        **({"liquid": liquid} if liquid else {}),
        "inherent_state": inherent_state,
        "harmonic": harmonic,
        "quartic": quartic,
        "cubic": cubic,
    }

    def compute(readers: Readers, sample: int, pause: Pause) -> dict:
        stored = {stage: reader.row(sample, *_numbers(reader)) for stage, reader in readers.items()}
        modes = {stage: _mode(readers, stage, sample) for stage in ("harmonic", "quartic", "cubic")}
        return observe(_interactions(readers, sample), modes, stored)

    first = "liquid" if liquid else "inherent_state"
    with ChunkReader(paths[first], first) as reader:
        attributes, dimension = reader.attributes, reader.model.dimension
        box_length = reader.model.box_length(int(attributes["n_particles"]))
    with ChunkReader(harmonic, "harmonic") as reader:
        n_modes = reader.row_shape("eigenvalues")[0]

    # the box and the walkers of glasses that were read are their own
    samples_per_walker = attributes["parameters"]["samples_per_walker"] if liquid else 1

    def constants(readers: Readers, sample: int) -> dict:
        known = {
            "ensemble": attributes["ensemble"],
            "model": attributes["model"],
            "dimension": dimension,
            "n_particles": attributes["n_particles"],
            "parent_temperature": attributes["temperature"],
            "walker": sample // samples_per_walker,
            **{SECONDS_OF[stage]: _spent(reader, sample) for stage, reader in readers.items()},
        }
        return {**known, "box_length": box_length} if liquid else known

    fields = table_fields(
        dimension, n_modes, of_liquids=bool(liquid), of_temperature=not np.isnan(attributes["temperature"])
    )
    return sample_job("observables", paths, "contractions and moduli", {}, compute, fields=fields, constants=constants)


def _spent(reader: ChunkReader, sample: int) -> float:
    """CPU time that a stage spent on a sample, in vain or not; NaN where it had nothing to begin with."""
    row = reader.row(sample, "failure", "seconds")
    return float("nan") if row["failure"].startswith("upstream: ") else row["seconds"]


def _numbers(reader: ChunkReader) -> list[str]:
    return [field.name for field in reader.fields if len(field.shape) == 0 or field.name in ("eigenvalues", "residual")]
