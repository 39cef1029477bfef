"""Whether an ensemble's liquids can be in equilibrium, by its sheet and the measured relaxation times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from nqe_core.ensembles import Ensemble
from nqe_core.models import Model
from nqe_core.relaxation_table import SHORT_BURN_IN, constants_key, read_relaxation, relaxation_time


def short_burn_ins(
    rows: Iterable[Ensemble], table: Path, sampler: str, models: Mapping[str, Model]
) -> dict[str, float]:
    """Burn-ins, in relaxation times to two digits (0: none known), of ensembles whose liquids cannot be in equilibrium.

    Nothing is said of samples that were read, and where the table or its line for a liquid is missing.
    """
    times, found = read_relaxation(table) if table.exists() else (), {}
    for row in rows:
        tau = relaxation_time(
            times, row.model, row.parent_temperature, row.n_particles, sampler, row.swap_fraction,
            constants_key(models[row.model].parameters()),
        )  # fmt: skip
        if not row.source and tau is not None and row.burn_in < SHORT_BURN_IN * tau:
            found[row.ensemble] = float(f"{row.burn_in / tau:.2g}")
    return found
