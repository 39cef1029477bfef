"""Quench to the inherent state: FIRE, finished by Newton's method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nqe_core.configuration import Configuration
from nqe_core.energy import check_fits, force_ratio, pair_sums
from nqe_core.errors import check_tolerance
from nqe_core.kernels import dynamics, newton
from nqe_core.models import Model

FORCE_TOLERANCE = 1e-11  # typical gradient / typical pair force; float64 reaches about 1e-13
LONGEST_TIME_STEP = 0.03  # half the stability limit 2 / omega_max of these models
SKIN = 0.2  # lists are mended for the few that go farther
POLISH_SKIN = 0.1  # Newton's steps are shorter by far
BLOCK = 500  # steps between looks at the clock, so that a signal is not kept waiting
# Typical force per particle below which Newton's method is tried, and by how much it must have fallen for another try
# where the minimum was in doubt, as in large systems.
POLISH_BELOW = 1e-3
NEXT_TRY = 0.2


@dataclass(frozen=True, eq=False)
class QuenchResult:
    """An inherent state and how it was reached.

    Parameters
    ----------
    configuration : Configuration
        Particles in the order they were given, wrapped into the box; of a quench that diverged, what it started from.
    energy : float
        Potential energy per particle, in the potential's unit of energy; NaN when diverged.
    pressure : float
        Virial pressure, in units of energy / length^d; NaN when diverged.
    force_ratio : float
        Typical gradient over typical pair force; infinite when diverged.
    converged : bool
        `force_ratio` is at most the tolerance.
    force_evaluations : int
        Products with the Hessian are counted among them.
    """

    configuration: Configuration
    energy: float
    pressure: float
    force_ratio: float
    converged: bool
    force_evaluations: int


def quench(
    configuration: Configuration,
    model: Model,
    tolerance: float = FORCE_TOLERANCE,
    max_evaluations: int = 400_000,
    polish: bool = True,
    between_blocks: Callable[[], None] = lambda: None,
) -> QuenchResult:
    """Follow the potential energy downhill to its local minimum.

    Parameters
    ----------
    configuration : Configuration
    model : Model
    tolerance : float
        On sqrt(sum f_i^2) / sqrt(sum f_ij^2).
    max_evaluations : int
        Force evaluations of FIRE before giving up; the result then says `converged=False`.
    polish : bool
        Finish by Newton's method where it leads to the same minimum without doubt; False is FIRE all the way.
    between_blocks : callable
        Called every few hundred steps; may raise to interrupt.

    Returns
    -------
    QuenchResult
        With `converged=False` when it gave up, or diverged (forces that are not finite).

    Raises
    ------
    InputError
        When the configuration does not fit the model, or the tolerance is not between 0 and 1.
    ArithmeticError
        When so many particles are in one place that a particle has more partners than a list has room for.
    """
    check_fits(configuration, model)
    check_tolerance(tolerance)
    x = configuration.positions.ravel().copy()
    v = np.zeros_like(x)
    diameters = configuration.diameters.copy()
    identity = np.arange(configuration.n_particles, dtype=np.uint32)
    box, potential = configuration.box, model.potential
    state = np.array([0.5 * LONGEST_TIME_STEP, dynamics.FIRE_ALPHA, 0.0])
    evaluations = 0

    def current() -> Configuration:
        positions = np.empty_like(configuration.positions)
        positions[identity] = x.reshape(positions.shape)
        return Configuration(positions, configuration.diameters, configuration.box_length)

    def target() -> float:
        # the pair forces change little once the liquid has relaxed; two per cent below the tolerance absorbs it
        return 0.98 * tolerance * np.sqrt(pair_sums(current(), model)[2] / configuration.n_particles)

    goal = target()
    try_newton = POLISH_BELOW if polish else 0.0
    gradient = np.inf
    while evaluations < max_evaluations:
        between_blocks()
        made, gradient = dynamics.fire_block(
            x, v, diameters, identity, box, potential, model.nonadditivity, SKIN, state,
            min(BLOCK, max_evaluations - evaluations), max(goal, try_newton), LONGEST_TIME_STEP,
        )  # fmt: skip
        evaluations += made
        if not np.isfinite(gradient):
            break
        if gradient <= max(goal, POLISH_BELOW):
            goal = target()  # the first goal was set by the liquid's pair forces
        if goal < gradient <= try_newton:
            try_newton = NEXT_TRY * gradient
            made, gradient, _ = newton.newton_descent(
                x, v, diameters, identity, box, potential, model.nonadditivity, POLISH_SKIN, goal
            )
            evaluations += made
        if gradient <= goal:
            break
    if not np.isfinite(gradient):
        return QuenchResult(configuration, np.nan, np.nan, np.inf, False, evaluations)
    final = current().wrapped()
    energy, virial, _ = pair_sums(final, model)
    ratio = force_ratio(final, model)
    return QuenchResult(
        configuration=final,
        energy=energy / final.n_particles,
        pressure=virial / (final.dimension * final.volume),
        force_ratio=ratio,
        converged=bool(ratio <= tolerance),
        force_evaluations=evaluations,
    )
