"""Molecular dynamics at a temperature, and cooling at a constant rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from nqe_core.configuration import Configuration
from nqe_core.energy import check_fits
from nqe_core.errors import InputError
from nqe_core.kernels.dynamics import verlet_block
from nqe_core.models import Model

TIME_STEP = 0.004  # 0.006 already shifts the energy of the T = 2 liquid by +0.03 per particle
SKIN = 0.45  # wide: at liquid temperatures list builds would otherwise cost more than the forces
# ASSUME: friction 1 in units of sqrt(m epsilon) / lambda: weak enough that particles move ballistically through their
# cages, strong enough that the temperature follows the ramp; the paper's protocol does not say how it is held.
FRICTION = 1.0
# Steps between thermostat updates: the random numbers cost as much as a force evaluation, and the friction over this
# many steps is still only 4 %.
THERMOSTAT_INTERVAL = 10
UPDATES_PER_BLOCK = 50  # between looks at the clock; also bounds the memory of the random numbers
MOST_STEPS = 1e10  # of a cooling run, which is weeks of one core for two thousand particles


class LangevinDynamics:
    """Velocity Verlet with exact Ornstein-Uhlenbeck velocity updates between blocks of steps.

    Parameters
    ----------
    configuration : Configuration
    model : Model
    temperature : float
        Of the initial Maxwell-Boltzmann velocities.
    rng : numpy.random.Generator
    time_step : float
        Of the integrator, in units of sqrt(m / epsilon) lambda.
    friction : float
        Of the thermostat, per unit time; 0 is none.

    Raises
    ------
    InputError
        The configuration does not fit the model; temperature or friction negative, time step not positive, or not finite.
    """

    def __init__(
        self,
        configuration: Configuration,
        model: Model,
        temperature: float,
        rng: np.random.Generator,
        time_step: float = TIME_STEP,
        friction: float = FRICTION,
    ) -> None:
        check_fits(configuration, model)
        if not (math.isfinite(temperature) and temperature >= 0.0):
            raise InputError(f"temperature is {temperature!r}, must be non-negative and finite")
        if not (math.isfinite(time_step) and time_step > 0.0):
            raise InputError(f"time_step is {time_step!r}, must be positive and finite")
        if not (math.isfinite(friction) and friction >= 0.0):
            raise InputError(f"friction is {friction!r}, must be non-negative and finite")
        self._model, self._rng = model, rng
        self._time_step, self._friction = time_step, friction
        self._initial = configuration
        self._x = configuration.positions.ravel().copy()
        self._v = math.sqrt(temperature) * rng.standard_normal(self._x.size)
        self._diameters = configuration.diameters.copy()
        self._identity = np.arange(configuration.n_particles, dtype=np.uint32)

    def run(self, steps: int, temperature: float | np.ndarray) -> None:
        """Advance by `steps` time steps.

        Parameters
        ----------
        steps : int
            A multiple of `THERMOSTAT_INTERVAL`.
        temperature : float or ndarray, shape=(steps / THERMOSTAT_INTERVAL,)
            Of the thermostat at each of its updates.

        Raises
        ------
        InputError
            `steps` is no such multiple.
        ArithmeticError
            The trajectory diverged, or particles fell into one place: the time step is too long.
        """
        updates, rest = divmod(steps, THERMOSTAT_INTERVAL)
        if rest:
            raise InputError(f"steps is {steps}, must be a multiple of {THERMOSTAT_INTERVAL}")
        keep = np.full(updates, math.exp(-self._friction * self._time_step * THERMOSTAT_INTERVAL))
        kick = np.sqrt(np.broadcast_to(temperature, updates) * (1.0 - keep * keep))
        noise = self._rng.standard_normal(updates * self._x.size)
        verlet_block(
            self._x, self._v, self._diameters, self._identity, self._initial.box, self._model.potential,
            self._model.nonadditivity, SKIN, steps, self._time_step, THERMOSTAT_INTERVAL, keep, kick, noise,
        )  # fmt: skip
        if not np.isfinite(self._x).all():
            raise ArithmeticError(f"the trajectory diverged: is a time step of {self._time_step} too long?")

    @property
    def kinetic_temperature(self) -> float:
        """v.v / (N d)."""
        return float(self._v @ self._v) / self._v.size

    @property
    def configuration(self) -> Configuration:
        """Where the particles are now, in the order they were given."""
        positions = np.empty_like(self._initial.positions)
        positions[self._identity] = self._x.reshape(positions.shape)
        return Configuration(positions, self._initial.diameters, self._initial.box_length).wrapped()


def cool(
    configuration: Configuration,
    model: Model,
    start_temperature: float,
    rate: float,
    rng: np.random.Generator | int,
    time_step: float = TIME_STEP,
    between_blocks: Callable[[], None] = lambda: None,
) -> Configuration:
    """Cool a liquid from `start_temperature` to zero at a constant rate.

    The temperature of the thermostat falls linearly; the caller finishes with a quench to the inherent state.

    Parameters
    ----------
    configuration : Configuration
        An equilibrium liquid.
    model : Model
    start_temperature : float
        In units of the potential's prefactor.
    rate : float
        Temperature per unit time.
    rng : numpy.random.Generator or int
        Of the thermostat, or its seed; the result is a function of it and the other arguments alone.
    time_step : float
        Of the integrator, in units of sqrt(m / epsilon) lambda.
    between_blocks : callable
        Called every few hundred steps; may raise to interrupt.

    Returns
    -------
    Configuration
        At T = 0 nearly, wrapped into the box, particles in the order they were given.

    Raises
    ------
    InputError
        The configuration does not fit the model; rate, temperature or time step not positive, or not finite; a rate so low
        that it would take more than `MOST_STEPS`.
    ArithmeticError
        The trajectory diverged, or particles fell into one place: the time step is too long.
    """
    if not (math.isfinite(rate) and rate > 0.0):
        raise InputError(f"cooling rate is {rate!r}, must be positive and finite")
    if not (math.isfinite(start_temperature) and start_temperature > 0.0):
        raise InputError(f"start_temperature is {start_temperature!r}, must be positive and finite")
    dynamics = LangevinDynamics(configuration, model, start_temperature, np.random.default_rng(rng), time_step)
    steps = start_temperature / rate / time_step
    if steps > MOST_STEPS:
        raise InputError(f"cooling rate is {rate:g}: {steps:.2g} time steps, more than {MOST_STEPS:g}")
    for temperatures in _ramp(start_temperature, max(1, math.ceil(steps / THERMOSTAT_INTERVAL))):
        between_blocks()
        dynamics.run(temperatures.size * THERMOSTAT_INTERVAL, temperatures)
    return dynamics.configuration


def _ramp(start_temperature: float, updates: int) -> Iterator[np.ndarray]:
    """Temperatures of the thermostat's updates, in blocks of nearly equal length."""
    blocks = math.ceil(updates / UPDATES_PER_BLOCK)
    length, longer = divmod(updates, blocks)
    first = 0
    for block in range(blocks):
        numbers = np.arange(first, first + length + (block < longer))
        yield start_temperature * (1.0 - (numbers + 0.5) / updates)
        first += numbers.size
