"""The paper's microscopic units, the only place where units change.

Lengths are in a_0 = (V/N)^(1/d), speeds in c_T = sqrt(G_inf / rho), frequencies in omega_0 = c_T / a_0 (Sec. II),
with G_inf, the shear modulus at high parent temperature, from Table II. Masses are one, so rho = N/V.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from nqe_core.models import Model, check_is_model


@dataclass(frozen=True)
class Units:
    """Value of each of the paper's units in simulation units."""

    length: float
    speed: float

    @classmethod
    def of(cls, model: Model) -> Units:
        """The units of one model; `InputError` when it is none, but its name."""
        check_is_model(model)
        density = model.number_density
        return cls(
            length=density ** (-1.0 / model.dimension),
            speed=math.sqrt(model.shear_modulus_infinity / density),
        )

    @property
    def frequency(self) -> float:
        """omega_0 = c_T / a_0."""
        return self.speed / self.length

    @property
    def time(self) -> float:
        """tau_0 = a_0 / c_T."""
        return self.length / self.speed

    @property
    def energy(self) -> float:
        """m c_T^2, with unit mass."""
        return self.speed**2

    @property
    def stiffness(self) -> float:
        """omega_0^2: unit of kappa."""
        return self.frequency**2

    @property
    def cubic_coefficient(self) -> float:
        """Unit of tau: energy / length^3."""
        return self.energy / self.length**3

    @property
    def quartic_coefficient(self) -> float:
        """Unit of chi: energy / length^4."""
        return self.energy / self.length**4

    @property
    def shear_strain_coupling(self) -> float:
        """Unit of nu: energy / length."""
        return self.energy / self.length
