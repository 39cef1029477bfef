"""Roles of a sheet's ensembles in the figures that show the fields of single samples (Figs. 1, 3, 6)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from nqe_core.ensembles import Ensemble

PAPER_TEMPERATURE = 2.0  # parent temperature of all IPL glasses of the paper


def of_model(rows: Iterable[Ensemble], *models: str) -> list[str]:
    """Names of the ensembles of these models, by model and then from small to large N."""
    chosen = [row for row in rows if row.model in models]
    return [row.ensemble for row in sorted(chosen, key=lambda row: (row.model, row.n_particles))]


def _of_one_temperature(rows: Iterable[Ensemble], model: str) -> list[str]:
    """Those of a model, from small to large N, that have the paper's parent temperature; where none has, the highest."""
    rows = [row for row in rows if row.model == model]
    paper = [row for row in rows if math.isclose(row.parent_temperature, PAPER_TEMPERATURE)]
    hottest = max((row.parent_temperature for row in rows), default=math.nan)
    return of_model(paper or [row for row in rows if row.parent_temperature == hottest], model)


@dataclass(frozen=True)
class FieldRoles:
    """Each role is a list of no or one ensemble (none: the sheet lacks the model).

    All are of the paper's parent temperature, or of the highest that the sheet has of the model.

    Parameters
    ----------
    pair : list of str
        Fig. 1(a, b): two soft spots hybridise where there are many samples to choose from: the smallest 3D ensemble.
    phonon : list of str
        Fig. 1(c, d): phonons come down to the soft spots' frequencies as L grows: the largest 2D ensemble.
    softest_3d, softest_2d : list of str
        Figs. 3, 6: the softest sample, hence the smallest 3D ensemble (it has the most samples); in 2D the middle one,
        since small boxes show no far field and in large ones the lowest mode is a phonon.
    """

    pair: list[str]
    phonon: list[str]
    softest_3d: list[str]
    softest_2d: list[str]

    @classmethod
    def of(cls, rows: Iterable[Ensemble]) -> FieldRoles:
        """Roles in a sheet."""
        rows = list(rows)
        three, two = (_of_one_temperature(rows, model) for model in ("ipl3d", "ipl2d"))
        return cls(three[:1], two[-1:], three[:1], two[len(two) // 2 :][:1])
