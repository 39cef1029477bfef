"""The published optimiser (by the paper's first author) minimises the quartic energy to the same mode as ours."""

import numpy as np
import pytest

from nqe_core import Interactions, find_cubic_mode, find_quartic_mode, lowest_modes, quench
from nqe_core.mode_energies import CubicEnergy, QuarticEnergy

macopt = pytest.importorskip("macopt")

SAMPLES = 4


def minimise(energy, start):
    """Macopt on the mode's energy, normalised as in the paper's Appendix B."""
    dimension = energy.interactions.dimension

    def gradient(z):
        energy.value(z)
        slope = energy.gradient(z)
        # tangent, in units of the stiffness: the relative residual of Eq. 8 or Eq. 26, at unit norm
        return slope, np.linalg.norm(slope) * np.linalg.norm(z) / energy.order

    def normalise(z):
        field = z.reshape(-1, dimension)
        field -= field.mean(axis=0)
        z /= np.linalg.norm(z)

    found = macopt.Macopt(
        gradient, start.ravel().copy(), {"tol": 1e-8, "max_iterations": 20_000, "normalize_function": normalise}
    ).minimize()
    assert found["converged"]
    normalise(found["x"])
    return found["x"].reshape(start.shape)


@pytest.mark.parametrize(("name", "n_particles"), [("ipl2d", 150), ("ipl3d", 200), ("poly3d", 200)])
def test_same_modes_as_the_published_optimiser(shaken, name, n_particles):
    """Most samples: where a start lies between two basins, optimisers may part ways."""
    shared = []
    for seed in range(SAMPLES):
        configuration, model = shaken(name, n_particles, seed)
        bonds = Interactions.of(quench(configuration, model).configuration, model)
        psi = lowest_modes(bonds).modes[0]
        theirs_quartic = minimise(QuarticEnergy(bonds), psi)
        for method in ("lbfgs", "macopt"):
            quartic = find_quartic_mode(bonds, psi, method=method)
            shared.append(abs(np.sum(theirs_quartic * quartic.mode)) > 1 - 1e-6)
            cubic = find_cubic_mode(bonds, quartic.mode, method=method)
            theirs = minimise(CubicEnergy(bonds), quartic.mode)
            shared.append(abs(np.sum(theirs * cubic.mode)) > 1 - 1e-6)
    assert np.mean(shared) >= 0.8
