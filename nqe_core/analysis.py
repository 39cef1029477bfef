"""From a configuration, or other programs' files, to its soft spot: every stage after the liquid in one call."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nqe_core import stages
from nqe_core.campaign import Options, run
from nqe_core.configuration import Configuration
from nqe_core.energy import force_ratio, potential_energy
from nqe_core.errors import InputError
from nqe_core.fire import FORCE_TOLERANCE, quench
from nqe_core.glass_reading import STABLE
from nqe_core.harmonic import HarmonicModes, lowest_modes
from nqe_core.interactions import Interactions
from nqe_core.jobs import Job
from nqe_core.models import Model, most_modes
from nqe_core.nonlinear_modes import NonlinearMode, find_cubic_mode, find_quartic_mode
from nqe_core.storage import ChunkReader

# what `nqe analyse` makes of the glasses, and what may be made of that
LATER_FILES = (
    *(f"{stage}{ending}" for stage in ("harmonic", "quartic", "cubic", "double_wells") for ending in (".h5", ".failed.h5")),
    "observables.parquet", "observables.failed.parquet", "observables.csv", "modes.png",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Analysis:
    """A glass and its lowest modes.

    Parameters
    ----------
    configuration : Configuration
        The inherent state.
    energy : float
        Potential energy per particle.
    interactions : Interactions
    harmonic : HarmonicModes
    quartic : NonlinearMode
        Downhill of the lowest harmonic mode.
    cubic : NonlinearMode
        Downhill of the quartic mode.
    """

    configuration: Configuration
    energy: float
    interactions: Interactions
    harmonic: HarmonicModes
    quartic: NonlinearMode
    cubic: NonlinearMode


def analyse(configuration: Configuration, model: Model, *, quench_first: bool = False, n_modes: int = 1) -> Analysis:
    """Harmonic, quartic and cubic mode of one glass.

    Parameters
    ----------
    configuration : Configuration
        An inherent state, or anything with `quench_first`.
    model : Model
    quench_first : bool
        Go to the inherent state first.
    n_modes : int
        Number of harmonic modes.

    Returns
    -------
    Analysis

    Raises
    ------
    InputError
        Not an inherent state, or it does not fit the model.
    ArithmeticError
        The quench or a mode did not converge, there are rattlers, or a lowest eigenvalue is not positive.
    """
    if quench_first:
        result = quench(configuration, model, tolerance=FORCE_TOLERANCE)
        if not result.converged:
            raise ArithmeticError(f"quench not converged: force ratio {result.force_ratio:.1e}")
        configuration = result.configuration
    elif not (ratio := force_ratio(configuration, model)) <= STABLE:
        raise InputError(f"not an inherent state: force ratio {ratio:.1e} is above {STABLE:g}; quench it first")
    interactions = Interactions.of(configuration, model)
    harmonic = lowest_modes(interactions, n_modes=n_modes)
    if not harmonic.converged:
        raise ArithmeticError(f"harmonic modes not converged: residual {harmonic.residuals.max():.1e}")
    if harmonic.eigenvalues[0] <= 0:
        raise ArithmeticError(f"negative lowest eigenvalue {harmonic.eigenvalues[0]:.3g}: not a minimum of the energy")
    quartic = _found("quartic", find_quartic_mode(interactions, harmonic.modes[0]))
    cubic = _found("cubic", find_cubic_mode(interactions, quartic.mode))
    energy = potential_energy(configuration, model) / configuration.n_particles
    return Analysis(configuration, energy, interactions, harmonic, quartic, cubic)


def _found(kind: str, mode: NonlinearMode) -> NonlinearMode:
    """The mode, if it is one."""
    if not mode.converged:
        raise ArithmeticError(f"{kind} mode not converged: residual {mode.residual:.1e}")
    return mode


def analyse_files(
    reading: Job, folder: Path, n_modes: int, starts: str, options: Options
) -> tuple[int, dict[str, Path]]:
    """All stages after the liquid, one file each, as in a campaign.

    Parameters
    ----------
    reading : Job
        From `glass_reading.read_job`.
    folder : Path
        Gets inherent_state.h5, harmonic.h5, quartic.h5, cubic.h5 and observables.parquet. As soon as the first is there,
        what an earlier analysis made of other glasses is removed.
    n_modes : int
        Harmonic modes per sample.
    starts : {"quartic", "nonaffine"}
        Of the cubic modes.
    options : Options

    Returns
    -------
    status : int
        Exit status of the stage that failed first, or 0.
    files : dict
        Stage -> file, of the stages that succeeded.
    """
    _check_n_modes(reading, n_modes)
    files: dict[str, Path] = {}
    stale = [folder / name for name in LATER_FILES]
    jobs = {
        "inherent_state": lambda: reading,
        "harmonic": lambda: stages.harmonic_job(files["inherent_state"], n_modes),
        "quartic": lambda: stages.quartic_job(files["inherent_state"], files["harmonic"]),
        "cubic": lambda: stages.cubic_job(files["inherent_state"], files["quartic"], starts),
        "observables": lambda: stages.observables_job(None, *files.values()),
    }
    for stage, make in jobs.items():
        path = folder / f"{stage}{'.parquet' if stage == 'observables' else '.h5'}"
        with make() as job:
            status = run(job, path, options)
        if status:
            return status, files
        files[stage] = path
        while stale:  # an earlier analysis's, which do not belong to the glasses that have just replaced its own
            stale.pop().unlink(missing_ok=True)
    return 0, files


def _check_n_modes(reading: Job, n_modes: int) -> None:
    """Refuse more modes than the glasses have, before any file is written."""
    n, d = next(field.shape for field in reading.fields if field.name == "positions")
    most = most_modes(n, d)
    if not 1 <= n_modes <= most:
        raise InputError(f"n_modes is {n_modes}, must be between 1 and {most}")


def picture_of(files: dict[str, Path], path: Path) -> int | None:
    """Draw the softest sample's harmonic and quartic mode; returns the sample, None when every sample failed."""
    from nqe_core.picture import draw_modes

    with ChunkReader(files["quartic"], "quartic") as quartic:
        stiffness = quartic.column("stiffness")
        good = [k for k, failure in enumerate(quartic.column("failure")) if not failure]
        if not good:
            return None
        sample = int(quartic.samples[min(good, key=lambda k: stiffness[k])])
        pi4 = quartic.row(sample, "modes", "stiffness", "participation_ratio")
    with ChunkReader(files["harmonic"], "harmonic") as harmonic:
        psi = harmonic.row(sample, "modes")["modes"][0]
    with ChunkReader(files["inherent_state"], "inherent_state") as state:
        configuration = state.configuration(sample)
    title = (
        f"sample {sample}: stiffness of the quartic mode {pi4['stiffness']:.4g}, "
        f"N e = {configuration.n_particles * pi4['participation_ratio']:.3g}"
    )
    draw_modes(path, configuration, {"harmonic mode": psi, "quartic mode": pi4["modes"]}, title)
    return sample
