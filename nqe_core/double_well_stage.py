"""The stage double_wells: of every cubic mode, whether the glass has the barrier and the other minimum that lie along it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nqe_core.double_wells import Neighbour, QuarticExpansion, find_saddle, find_second_minimum
from nqe_core.jobs import Job, Pause, SampleFailure, sample_job
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
        kappa, tau, chi = (float(mode[name]) for name in COEFFICIENTS)
        if not chi > 0.0:  # cubic modes need none, and attraction can make it negative
            raise SampleFailure(
                f"cubic mode of negative quartic coefficient {chi:.3g}: no expansion to look for wells in"
            )
        along = QuarticExpansion(kappa, tau, chi)
        barrier = find_saddle(glass, states.model, mode["modes"], along, pause)
        minimum = find_second_minimum(glass, states.model, mode["modes"], along, barrier, pause)
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
    values = {f"{name}_{what}": getattr(found, what) if found else float("nan") for what in names}
    if found and not np.isfinite(list(values.values())).all():
        raise SampleFailure(f"{name} at {found.distance:.3g} with energy {found.energy:.3g}")
    return {f"{name}_found": found is not None, **values}
