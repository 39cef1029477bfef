"""The certificate says yes to the lowest modes and no to any others."""

import dataclasses

import numpy as np
import pytest

from nqe_core import spectrum_certificate
from nqe_core.configuration import Configuration
from nqe_core.fire import quench
from nqe_core.harmonic import lowest_modes
from nqe_core.hessian_matrix import hessian
from nqe_core.interactions import Interactions
from nqe_core.models import MODELS
from nqe_core.spectrum_certificate import certify, eigenvalues_below


def quenched(name: str, n_particles: int, seed: int, **options) -> Interactions:
    """From random positions."""
    model, rng = MODELS[name], np.random.default_rng(seed)
    length = model.box_length(n_particles)
    positions = rng.random((n_particles, model.dimension)) * length
    start = Configuration(positions, model.draw_diameters(n_particles, rng), length)
    return Interactions.of(quench(start, model, **options).configuration, model)


@pytest.fixture(scope="module", params=[("ipl2d", 100), ("ipl3d", 150)], ids=["2D", "3D"])
def interactions(request):
    return quenched(*request.param, seed=3)


@pytest.fixture(scope="module", params=["ipl2d", "ipl3d"], ids=["2D", "3D"])
def saddle(request):
    """On the way to an inherent state: several negative eigenvalues."""
    return quenched(request.param, 64, seed=4, tolerance=0.3, polish=False)


def without_first(modes):
    return dataclasses.replace(modes, eigenvalues=modes.eigenvalues[1:], modes=modes.modes[1:])


@pytest.mark.parametrize("by_inertia", [True, False])
def test_certifies_the_lowest_modes_and_no_others(interactions, by_inertia, monkeypatch):
    if not by_inertia:
        monkeypatch.setitem(spectrum_certificate.LARGEST_FACTORISATION, interactions.dimension, 1)
    modes = lowest_modes(interactions, 3)
    good, bad = certify(interactions, modes), certify(interactions, without_first(modes))
    assert (good.complete, good.found) == (True, 3)
    assert (bad.complete, bad.expected, bad.found) == (False, 2, 3)
    assert good.method == ("inertia" if by_inertia else "second start")


def test_inertia_counts_like_a_dense_solver(interactions):
    eigenvalues = np.linalg.eigvalsh(hessian(interactions).toarray())
    for k in (interactions.dimension + 2, interactions.dimension + 20):
        between = 0.5 * (eigenvalues[k - 1] + eigenvalues[k])
        assert eigenvalues_below(interactions, between) == k


def test_modes_do_not_depend_on_the_start(interactions):
    one, other = lowest_modes(interactions, 2), lowest_modes(interactions, 2, seed=1)
    np.testing.assert_allclose(one.eigenvalues, other.eigenvalues, rtol=1e-10)


@pytest.mark.parametrize("by_inertia", [True, False])
def test_a_saddles_modes_are_certified_with_and_without_translations_below(saddle, by_inertia, monkeypatch):
    """Translations lie at zero: above negative modes, below positive ones."""
    eigenvalues = np.linalg.eigvalsh(hessian(saddle).toarray())
    negative = int(np.count_nonzero(eigenvalues < -1e-6))
    assert negative >= 2
    if not by_inertia:
        monkeypatch.setitem(spectrum_certificate.LARGEST_FACTORISATION, saddle.dimension, 1)
    for n_modes in (1, negative, negative + 2):
        modes = lowest_modes(saddle, n_modes, "arpack")
        good = certify(saddle, modes)
        assert (good.complete, good.found) == (True, n_modes)
        if n_modes > 1:
            bad = certify(saddle, without_first(modes))
            assert (bad.complete, bad.expected, bad.found) == (False, n_modes - 1, n_modes)
