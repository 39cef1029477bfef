"""What lies along a mode: the second well that the quartic expansion has there, and the one that the glass has.

Along a mode z of unit norm the energy of a glass is, to fourth order,

    U(s) - U(0) = kappa s^2 / 2 + tau s^3 / 6 + chi s^4 / 24

with the coefficients of Eqs. 10, 11 and 28. It has a second minimum where r = tau^2 / (3 kappa chi) exceeds 8/9, and a lower
one where r exceeds 1: that is inequality (32). The expansion keeps everything but s fixed; whether the glass has that
saddle and that minimum is found by looking for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nqe_core.configuration import Configuration, minimum_image
from nqe_core.energy import forces, pair_sums
from nqe_core.errors import InputError
from nqe_core.fire import quench
from nqe_core.harmonic import lowest_modes
from nqe_core.interactions import Interactions
from nqe_core.linear_response import Factorised, solve_at_saddle
from nqe_core.models import Model
from nqe_core.nonlinear_modes import cubic_coefficient, participation_ratio, quartic_coefficient, stiffness
from nqe_core.rattlers import check_rattlers

SAME = 1e-3  # distance of two minima, in units of the way to the barrier or the start, below which they are one
BESIDE = 0.1  # of that way from the barrier, where quenches start
NEWTON_STEPS = 30
STEP_TOLERANCE = 1e-4  # of Newton's steps in 3D and 4D, at most: they are usually solved to 1e-7 and better
SADDLE_TOLERANCE = 1e-10  # on the force ratio, at which a saddle counts as found


@dataclass(frozen=True)
class QuarticExpansion:
    """Energy along a mode to fourth order.

    Parameters
    ----------
    stiffness, cubic_coefficient, quartic_coefficient : float
        kappa > 0, tau, and chi > 0 (Eqs. 11, 28, 10), in simulation units.

    Raises
    ------
    InputError
        A coefficient that is not finite; kappa or chi that is not positive.
    """

    stiffness: float
    cubic_coefficient: float
    quartic_coefficient: float

    def __post_init__(self) -> None:
        kappa, tau, chi = self.stiffness, self.cubic_coefficient, self.quartic_coefficient
        if not (np.isfinite([kappa, tau, chi]).all() and kappa > 0.0 and chi > 0.0):
            raise InputError(f"kappa = {kappa}, tau = {tau}, chi = {chi}: must be finite, kappa and chi positive")

    @classmethod
    def along(cls, interactions: Interactions, z: np.ndarray) -> QuarticExpansion:
        """Of the direction of a displacement field, shape=(N, d)."""
        return cls(stiffness(interactions, z), cubic_coefficient(interactions, z), quartic_coefficient(interactions, z))

    @property
    def asymmetry(self) -> float:
        """r = tau^2 / (3 kappa chi), which inequality (32) bounds by 1."""
        return self.cubic_coefficient**2 / (3.0 * self.stiffness * self.quartic_coefficient)

    @property
    def shoulder(self) -> float:
        """s = -3 tau / (2 chi), half way between saddle and second minimum, where there are any."""
        return -1.5 * self.cubic_coefficient / self.quartic_coefficient

    @property
    def saddle(self) -> float:
        """Displacement at the barrier; NaN where there is none."""
        return self.shoulder * (1.0 - self._spread)

    @property
    def second_minimum(self) -> float:
        """Displacement at the second minimum; NaN where there is none."""
        return self.shoulder * (1.0 + self._spread)

    @property
    def _spread(self) -> float:
        # zeros of kappa + tau s / 2 + chi s^2 / 6, in units of the shoulder
        r = self.asymmetry
        return float(np.sqrt(1.0 - 8.0 / (9.0 * r))) if r > 8.0 / 9.0 else np.nan

    def energy(self, s: float) -> float:
        """U(s) - U(0)."""
        half, sixth = 0.5 * self.stiffness, self.cubic_coefficient / 6.0
        return s * s * (half + s * (sixth + s * self.quartic_coefficient / 24.0))


@dataclass(frozen=True, eq=False)
class Neighbour:
    """A stationary point of the energy near a glass.

    Parameters
    ----------
    configuration : Configuration
    energy : float
        U of it minus U of the glass, all particles together.
    distance : float
        Norm of the displacement between the two, without translation.
    along_mode : float
        Component of that displacement along the mode; positive towards the second well.
    participation_ratio : float
        e of that displacement (Eq. 14); NaN where the two are one.
    """

    configuration: Configuration
    energy: float
    distance: float
    along_mode: float
    participation_ratio: float


def find_saddle(
    configuration: Configuration,
    model: Model,
    z: np.ndarray,
    expansion: QuarticExpansion,
    between_steps: Callable[[], None] = lambda: None,
) -> Neighbour | None:
    """The barrier of a glass that Newton's method finds from that of the expansion along a mode, or from its shoulder.

    Parameters
    ----------
    configuration : Configuration
        An inherent state.
    model : Model
    z : ndarray, shape=(N, d)
        Mode of unit norm.
    expansion : QuarticExpansion
        Along `z`.
    between_steps : callable
        Called between Newton's steps and blocks of a quench; may raise to interrupt.

    Returns
    -------
    Neighbour or None
        A saddle of first order from which a quench leads back to the glass; its `energy` is the height of the barrier. None
        where Newton's method finds no such saddle.

    Raises
    ------
    InputError
        The configuration does not fit the model, or `z` does not fit the configuration.
    ArithmeticError
        There are rattlers, M of what may be the saddle could not be diagonalised, or a quench from it did not converge.
    """
    z = _checked(configuration, z)
    s = expansion.saddle
    s = expansion.shoulder if np.isnan(s) else s
    here = _moved(configuration, s * z)
    longest = abs(s)  # a step as long as the way to the barrier leads somewhere else
    for _ in range(NEWTON_STEPS):
        between_steps()
        pull, bonds = forces(here, model), Interactions.of(here, model)
        if np.linalg.norm(pull) <= SADDLE_TOLERANCE * np.sqrt(pair_sums(here, model)[2]):
            break
        step = _newton_step(bonds, pull)
        if step is None:
            return None
        here = _moved(here, step * min(1.0, longest / np.linalg.norm(step)))
    else:
        return None
    found = _compared(configuration, here, model, np.sign(s) * z)
    if not found.energy > 0.0 or not _of_first_order(bonds):
        return None
    back = _downhill(configuration, found, model, z, -BESIDE, between_steps)
    return found if back.distance <= SAME * found.distance else None


def _newton_step(interactions: Interactions, pull: np.ndarray) -> np.ndarray | None:
    """M^+ f: by factors in 2D, where they cost little and are exact; None where M is singular or hardly a saddle's."""
    check_rattlers(interactions)
    try:
        if interactions.dimension == 2:
            return Factorised(interactions)(pull)
        return solve_at_saddle(interactions, pull, STEP_TOLERANCE)
    except ArithmeticError:
        return None


def _of_first_order(interactions: Interactions) -> bool:
    """Whether M has one negative eigenvalue."""
    if interactions.dimension == 2:
        return Factorised(interactions).negative_eigenvalues == 1
    modes = lowest_modes(interactions, 2)
    if not modes.converged:
        raise ArithmeticError(f"modes of a saddle not converged: residual {modes.residuals.max():.1e}")
    return bool(modes.eigenvalues[0] < 0.0 < modes.eigenvalues[1])


def find_second_minimum(
    configuration: Configuration,
    model: Model,
    z: np.ndarray,
    expansion: QuarticExpansion,
    barrier: Neighbour | None = None,
    between_steps: Callable[[], None] = lambda: None,
) -> Neighbour | None:
    """The minimum that a quench finds along a mode.

    It starts beyond the barrier where that is known; else where the expansion has its second minimum, or its shoulder.

    Parameters
    ----------
    configuration, model, z, expansion, between_steps
        As of `find_saddle`.
    barrier : Neighbour, optional
        From `find_saddle`.

    Returns
    -------
    Neighbour or None
        None where the quench leads back.

    Raises
    ------
    InputError
        As `find_saddle`.
    ArithmeticError
        The quench did not converge.
    """
    z = _checked(configuration, z)
    s = expansion.second_minimum
    s = expansion.shoulder if np.isnan(s) else s
    if barrier is not None:
        found = _downhill(configuration, barrier, model, np.sign(s) * z, BESIDE, between_steps)
        return found if found.distance > SAME * barrier.distance else None
    found = _compared(
        configuration, _quenched(_moved(configuration, s * z), model, between_steps), model, np.sign(s) * z
    )
    return found if found.distance > SAME * abs(s) else None


def _downhill(
    glass: Configuration,
    barrier: Neighbour,
    model: Model,
    direction: np.ndarray,
    beside: float,
    between_steps: Callable[[], None],
) -> Neighbour:
    """The minimum beside a barrier: on the far side, or on the glass's where `beside` is negative."""
    way = minimum_image(barrier.configuration.positions - glass.positions, glass.box_length)
    start = _moved(barrier.configuration, beside * (way - way.mean(axis=0)))
    return _compared(glass, _quenched(start, model, between_steps), model, direction)


def _moved(configuration: Configuration, displacement: np.ndarray) -> Configuration:
    return Configuration(configuration.positions + displacement, configuration.diameters, configuration.box_length)


def _quenched(start: Configuration, model: Model, between_steps: Callable[[], None]) -> Configuration:
    result = quench(start.wrapped(), model, between_blocks=between_steps)
    if not result.converged:
        raise ArithmeticError(f"quench not converged: force ratio {result.force_ratio:.1e}")
    return result.configuration


def _checked(configuration: Configuration, z: np.ndarray) -> np.ndarray:
    z = np.asarray(z, dtype=np.float64)
    if z.shape != configuration.positions.shape:
        raise InputError(f"a displacement field has shape {z.shape}, must be {configuration.positions.shape}")
    norm = np.linalg.norm(z)
    if not abs(norm - 1.0) < 1e-6:
        raise InputError(f"a mode has norm {norm:.6g}, must be 1")
    return z


def _compared(glass: Configuration, other: Configuration, model: Model, direction: np.ndarray) -> Neighbour:
    moved = minimum_image(other.positions - glass.positions, glass.box_length)
    moved -= moved.mean(axis=0)
    distance = float(np.linalg.norm(moved))
    ratio = participation_ratio(moved) if distance > 0.0 else np.nan
    energy = pair_sums(other, model)[0] - pair_sums(glass, model)[0]
    return Neighbour(other, float(energy), distance, float(np.vdot(moved, direction)), ratio)
