"""What a user would assemble from PyPI: scipy's ARPACK for psi, macopt for the modes, JAX for the derivatives."""

from __future__ import annotations

import numpy as np
import scipy.sparse.linalg as sparse_linalg

from nqe_core.configuration import Configuration
from nqe_core.hessian_matrix import hessian
from nqe_core.interactions import Interactions
from nqe_core.models import Model


def available() -> bool:
    try:
        import jax  # noqa: F401
        import macopt  # noqa: F401
    except ImportError:
        return False
    return True


class AutodiffModes:
    """Lowest harmonic, quartic and cubic mode by automatic differentiation."""

    def __init__(self, configuration: Configuration, model: Model, tolerance: float) -> None:
        import jax

        jax.config.update("jax_enable_x64", True)
        self.interactions = Interactions.of(configuration, model)
        self.dimension, self.tolerance = model.dimension, tolerance
        self.field = self._compile(jax, configuration, model)

    def _compile(self, jax, configuration: Configuration, model: Model):
        """Directional derivatives of the force along z, all orders up to the third at once, by Taylor mode."""
        from jax.experimental import jet

        i, j = np.asarray(self.interactions.i), np.asarray(self.interactions.j)
        a, b = configuration.diameters[i], configuration.diameters[j]
        w = (0.5 * (a + b) * (1.0 - model.nonadditivity * abs(a - b))) ** -2.0
        vectors, (_, c0, c2, c4, c6) = self.interactions.vectors, model.potential
        n, d = configuration.positions.shape
        jnp = jax.numpy

        def energy(displacement):
            u = displacement.reshape(n, d)
            bond = vectors + u[i] - u[j]
            y = jnp.sum(bond * bond, axis=1) * w
            y2 = y * y
            return jnp.sum(1.0 / (y2 * y2 * y) + c0 + y * (c2 + y * (c4 + y * c6)))

        gradient = jax.grad(energy)

        @jax.jit
        def taylor(z):
            zero = jnp.zeros_like(z)
            _, (first, second, third) = jet.jet(gradient, (zero,), ((z, zero, zero),))
            return first, second, third

        return taylor

    def _minimize(self, order: int, start: np.ndarray) -> np.ndarray:
        import macopt

        def gradient(x):
            z = x / np.linalg.norm(x)
            first, second, third = (np.asarray(field) for field in self.field(z))
            other = third if order == 4 else second
            residual = first - (z @ first) / (z @ other) * other
            return order / (z @ first) * residual, np.linalg.norm(residual) / np.linalg.norm(first)

        def normalize(x):
            x /= np.linalg.norm(x)

        options = {"tol": self.tolerance, "normalize_function": normalize}
        return macopt.macopt.Macopt(gradient, start.copy(), options).minimize()["x"]

    def run(self) -> np.ndarray:
        """psi, pi4, pi3 of the glass, shape=(3, N*d)."""
        d = self.dimension
        _, vectors = sparse_linalg.eigsh(hessian(self.interactions), k=d + 1, which="SA", tol=1e-10, maxiter=10**6)
        uniform = [np.linalg.norm(v.reshape(-1, d).mean(axis=0)) for v in vectors.T]
        psi = vectors[:, int(np.argmin(uniform))]
        quartic = self._minimize(4, psi)
        return np.stack([psi, quartic, self._minimize(6, quartic)])
