"""Glasses a hair's breadth from an instability: the softest samples of an ensemble, which no solver may lose."""

import numpy as np
import pytest

from nqe_core import Configuration, Interactions, find_cubic_mode, find_quartic_mode, lowest_modes, quench
from nqe_core.mode_energies import QuarticEnergy
from nqe_core.nonlinear_modes import preconditioner

SOFTEST = 1e-4  # an eigenvalue; usual are 1 and more, and the softest of 50,000 samples has 0.001


def soften(glass, model):
    """Swell one particle until the glass is about to become unstable: its lowest eigenvalue falls to zero as a root.

    Steps that lead to another minimum are taken back and halved.
    """
    modes = lowest_modes(Interactions.of(glass, model))
    swollen = int(np.argmax(np.sum(modes.modes[0] ** 2, axis=1)))
    step, lowest = 0.002, modes.eigenvalues[0]
    while lowest > SOFTEST:
        diameters = glass.diameters.copy()
        diameters[swollen] += step * glass.diameters[swollen]
        found = quench(Configuration(glass.positions, diameters, glass.box_length), model)
        modes = lowest_modes(Interactions.of(found.configuration, model))
        if found.converged and modes.eigenvalues[0] < lowest:
            glass, lowest = found.configuration, modes.eigenvalues[0]
        else:
            step *= 0.5
            assert step > 1e-15, "this glass loses another mode first: take another one"
    return glass


@pytest.fixture(scope="module", params=[("ipl2d", 0), ("ipl3d", 1)], ids=lambda param: param[0])
def soft(request, glasses):
    glass = glasses(*request.param)
    return Interactions.of(soften(glass.configuration, glass.model), glass.model)


# the compiled minimiser, its twin in Python, and the paper's, whose line search never looks at values
@pytest.mark.parametrize("how", ["compiled", "factorised", "macopt"])
def test_modes_converge_where_rounding_hides_the_energy(soft, how):
    harmonic = lowest_modes(soft)
    assert harmonic.converged
    assert 0 < harmonic.eigenvalues[0] < SOFTEST
    options = {"method": "macopt"} if how == "macopt" else {}
    if how == "factorised":
        options["metric"] = preconditioner(soft, "factorised")
    quartic = find_quartic_mode(soft, harmonic.modes[0], **options)
    cubic = find_cubic_mode(soft, quartic.mode, **options)
    for mode in (quartic, cubic):
        assert mode.converged, mode.residual
        assert mode.residual <= 1e-8
        # Fig. 3: the softer, the nearer to the harmonic mode
        assert mode.stiffness == pytest.approx(harmonic.eigenvalues[0], rel=1e-2)
        assert abs(np.sum(mode.mode * harmonic.modes[0])) > 1 - 1e-6
    assert quartic.stiffness >= harmonic.eigenvalues[0]
    reference = find_quartic_mode(soft, harmonic.modes[0], method="macopt")
    assert quartic.stiffness == pytest.approx(reference.stiffness, rel=1e-8)


def test_the_stated_rounding_bounds_what_is_found(soft):
    """ln E4 of one field, summed in another order: the difference is rounding, and less than what is allowed for."""
    energy = QuarticEnergy(soft)
    z = energy.project(soft.field(lowest_modes(soft).modes[0]))
    values = []
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(soft.n_bonds)
        other = {name: getattr(soft, name)[order] for name in ("i", "j", "vectors", "g1", "g2", "g3", "g4")}
        shuffled = QuarticEnergy(Interactions(**other, n_particles=soft.n_particles, box_length=soft.box_length))
        values.append(shuffled.value(z))
    energy.value(z)
    assert 0 < np.ptp(values) < energy.noise()
    assert energy.noise() > 1e-11  # more than any value may be off otherwise
