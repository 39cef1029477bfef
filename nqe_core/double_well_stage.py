"""The stage double_wells: of every cubic mode, whether the glass has the barrier and the other minimum that lie along it."""

from __future__ import annotations

from pathlib import Path

from nqe_core.double_wells import Neighbour, QuarticExpansion, find_saddle, find_second_minimum
from nqe_core.jobs import Job, Pause, sample_job
from nqe_core.storage import ChunkReader

COEFFICIENTS = ("stiffness", "cubic_coefficient", "quartic_coefficient")


def double_wells_job(inherent_state: Path, cubic: Path) -> Job:
    """Cubic mode -> the saddle and the second minimum along it, expected by the expansion and found in the glass.

    Parameters
    ----------
    inherent_state, cubic : Path
        Files of these stages.
    """

    def compute(readers: dict[str, ChunkReader], sample: int, pause: Pause) -> dict:
        states = readers["inherent_state"]
        glass, mode = states.configuration(sample), readers["cubic"].row(sample, "modes", *COEFFICIENTS)
        along = QuarticExpansion(*(float(mode[name]) for name in COEFFICIENTS))
        barrier = find_saddle(glass, states.model, mode["modes"], along)
        pause()
        minimum = find_second_minimum(glass, states.model, mode["modes"], along, barrier)
        return {
            "asymmetry": along.asymmetry,
            "expected_barrier_energy": along.energy(along.saddle),
            "expected_barrier_distance": abs(along.saddle),
            "expected_minimum_energy": along.energy(along.second_minimum),
            "expected_minimum_distance": abs(along.second_minimum),
            **_values("barrier", barrier),
            **_values("minimum", minimum),
        }

    paths = {"inherent_state": inherent_state, "cubic": cubic}
    return sample_job("double_wells", paths, "Newton to the saddle, quench beyond it", {}, compute)


def _values(name: str, found: Neighbour | None) -> dict:
    names = ("energy", "distance", "along_mode", "participation_ratio")
    return {
        f"{name}_found": found is not None,
        **{f"{name}_{what}": getattr(found, what) if found else float("nan") for what in names},
    }
