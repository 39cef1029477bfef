"""What quartic, cubic and pseudo-harmonic modes are minima of: functions of a displacement field's direction.

Quartic and cubic energy (Eqs. 12 and 31) and the pseudo-harmonic cost function do not depend on the norm of the field,
and their logarithms have the gradients (at |z| = 1)

    grad ln E4 = (4 / kappa) [M.z - (kappa / chi) U4:zzz]
    grad ln E3 = (6 / kappa) [M.z - (kappa / tau) U3:zz]
    grad ln C  = (4 / kappa) [M.z - (kappa / D) F],  F_i = sum_j (z_ij.z_ij) z_ij,  D = F.z

so that the gradient's norm is 4 (6) times the residual of Eq. 8 (Eq. 26), relative to the stiffness.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace

import numpy as np

from nqe_core.hessian_matrix import normalized
from nqe_core.interactions import Interactions
from nqe_core.kernels import sphere_lbfgs
from nqe_core.sphere_minimizer import Objective

EPSILON = float(np.finfo(float).eps)


class ModeEnergy(Objective):
    """ln E_k on the sphere; remembers the scalars of its last value, which the gradient needs."""

    order: int  # power of kappa times two: the gradient is (order / kappa) times the residual
    compiled: int  # what it is called by the compiled minimiser

    def __init__(self, interactions: Interactions) -> None:
        self.interactions = interactions
        self._scalars = (np.nan, np.nan)

    @property
    def rounding(self) -> float:
        """Error of ln E times kappa: M:zz is a sum of terms as large as M's mean eigenvalue, whatever its own value.

        Ten times the error that is found, which matters where kappa is some thousand times smaller than usual.
        """
        return 0.5 * self.order * EPSILON * self.interactions.mean_eigenvalue

    def noise(self) -> float:
        return self.rounding / self._scalars[0]

    def project(self, z: np.ndarray) -> np.ndarray:
        return normalized(z, self.interactions.dimension)

    @abstractmethod
    def defect(self, z: np.ndarray, kappa: float) -> np.ndarray:
        """What vanishes at a mode, M.z - c U:z.. of Eq. 8 or its like; kappa = M:zz."""


class QuarticEnergy(ModeEnergy):
    """ln E4 = 2 ln kappa - ln chi (Eq. 12)."""

    order, compiled = 4, sphere_lbfgs.QUARTIC

    def value(self, z: np.ndarray) -> float:
        kappa, chi = self._scalars = self.interactions.quartic_scalars(z)
        return 2.0 * np.log(kappa) - np.log(chi) if kappa > 0.0 and chi > 0.0 else np.inf

    def gradient(self, z: np.ndarray) -> np.ndarray:
        kappa, chi = self._scalars
        return self.interactions.quartic_field(z, 4.0 / kappa, -4.0 / chi)

    def defect(self, z: np.ndarray, kappa: float) -> np.ndarray:
        return self.interactions.quartic_field(z, 1.0, -kappa / self.interactions.quartic_scalars(z)[1])


class CubicEnergy(ModeEnergy):
    """ln E3 = 3 ln kappa - 2 ln |tau| (Eq. 31)."""

    order, compiled = 6, sphere_lbfgs.CUBIC

    def value(self, z: np.ndarray) -> float:
        kappa, tau = self._scalars = self.interactions.cubic_scalars(z)
        return 3.0 * np.log(kappa) - 2.0 * np.log(abs(tau)) if kappa > 0.0 and tau != 0.0 else np.inf

    def gradient(self, z: np.ndarray) -> np.ndarray:
        kappa, tau = self._scalars
        return self.interactions.cubic_field(z, 6.0 / kappa, -6.0 / tau)

    def defect(self, z: np.ndarray, kappa: float) -> np.ndarray:
        return self.interactions.cubic_field(z, 1.0, -kappa / self.interactions.cubic_scalars(z)[1])


class PseudoharmonicEnergy(ModeEnergy):
    """ln C = 2 ln kappa - ln D, with D = sum over interacting pairs of (z_ij.z_ij)^2."""

    order, compiled = 4, sphere_lbfgs.PSEUDOHARMONIC

    def __init__(self, interactions: Interactions) -> None:
        super().__init__(interactions)
        # a pair energy with g'' = 1/12 alone has U4:zzzz = sum 3 g'' (2 z_ij.z_ij)^2 = D, and U4:zzz = F
        nothing = np.zeros(interactions.n_bonds)
        twelfth = np.full(interactions.n_bonds, 1.0 / 12.0)
        self._pairs = replace(interactions, g1=nothing, g2=twelfth, g3=nothing, g4=nothing)

    def value(self, z: np.ndarray) -> float:
        kappa, spread = self._scalars = self.interactions.cubic_scalars(z)[0], self._pairs.quartic_scalars(z)[1]
        return 2.0 * np.log(kappa) - np.log(spread) if kappa > 0.0 and spread > 0.0 else np.inf

    def gradient(self, z: np.ndarray) -> np.ndarray:
        kappa, spread = self._scalars
        pairs = self._pairs.quartic_field(z)
        return (4.0 / kappa) * self.interactions.hessian_product(z) - (4.0 / spread) * pairs

    def defect(self, z: np.ndarray, kappa: float) -> np.ndarray:
        spread = self._pairs.quartic_scalars(z)[1]
        return self.interactions.hessian_product(z) - (kappa / spread) * self._pairs.quartic_field(z)
