"""Rattlers of jammed packings: counted, refused by the mode solver, and taken out without touching the other modes."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from nqe_core import (
    Configuration,
    InputError,
    Interactions,
    analyse,
    find_rattlers,
    get_model,
    hessian,
    initial_configuration,
    lowest_modes,
    nonaffine_velocities,
    quench,
    shear_moduli,
    without_rattlers,
)
from nqe_core.linear_response import Factorised, symmetric_factors
from nqe_core.nonlinear_modes import preconditioner

SPHERES = get_model("harmonic3d")
# close to jamming, which is at a packing fraction of 0.64 to 0.65, where some particles find no contacts
LOOSE = replace(SPHERES, number_density=SPHERES.number_density * 0.66 / 0.8)


@pytest.fixture(scope="module")
def packing():
    return quench(initial_configuration(LOOSE, 256, np.random.default_rng(1)), LOOSE).configuration


def test_they_are_the_zero_modes_of_the_hessian(packing):
    interactions = Interactions.of(packing, LOOSE)
    loose = find_rattlers(interactions)
    eigenvalues = np.linalg.eigvalsh(hessian(interactions).toarray())
    assert loose.sum() >= 1
    assert np.count_nonzero(np.abs(eigenvalues) < 1e-10) == 3 * loose.sum() + 3


def test_modes_of_the_backbone_are_the_others(packing):
    interactions = Interactions.of(packing, LOOSE)
    eigenvalues = np.linalg.eigvalsh(hessian(interactions).toarray())
    backbone, kept = without_rattlers(packing, LOOSE)
    assert np.array_equal(kept, np.flatnonzero(~find_rattlers(interactions)))
    assert np.array_equal(backbone.positions, packing.positions[kept])
    assert np.array_equal(backbone.diameters, packing.diameters[kept])
    modes = lowest_modes(Interactions.of(backbone, LOOSE), n_modes=5)
    assert modes.converged
    first = 3 * (packing.n_particles - kept.size) + 3
    assert modes.eigenvalues == pytest.approx(eigenvalues[first : first + 5], rel=1e-9)


@pytest.mark.parametrize("method", ["chebyshev", "factorised", "arpack"])
def test_the_mode_solver_refuses_them(packing, method):
    count = find_rattlers(Interactions.of(packing, LOOSE)).sum()
    with pytest.raises(ArithmeticError, match=f"^{count} of 256 particles are rattlers .*without_rattlers$"):
        lowest_modes(Interactions.of(packing, LOOSE), method=method)


def test_factors_of_the_hessian_refuse_them(packing):
    """With one that is pinned the backbone would be free to move, and rounding say whether the glass is a minimum."""
    interactions = Interactions.of(packing, LOOSE)
    with pytest.raises(ArithmeticError, match="particles are rattlers"):
        Factorised(interactions)
    with pytest.raises(ArithmeticError, match="particles are rattlers"):
        preconditioner(interactions, "factorised")
    zeros = sparse.csc_matrix((3, 3))
    with pytest.raises(ArithmeticError, match="singular matrix"):
        symmetric_factors(zeros)


def test_so_does_the_analysis(packing):
    with pytest.raises(ArithmeticError, match="rattlers"):
        analyse(packing, LOOSE)


def test_moduli_are_those_of_the_backbone(packing):
    """Rattlers bear no stress and have no velocity."""
    interactions = Interactions.of(packing, LOOSE)
    loose = find_rattlers(interactions)
    backbone = Interactions.of(without_rattlers(packing, LOOSE)[0], LOOSE)
    velocities = nonaffine_velocities(interactions)
    assert not velocities[:, loose].any()
    np.testing.assert_allclose(velocities[:, ~loose], nonaffine_velocities(backbone), rtol=0, atol=1e-6)
    moduli = shear_moduli(backbone)
    np.testing.assert_allclose(shear_moduli(interactions), moduli, rtol=1e-9)
    np.testing.assert_allclose(shear_moduli(interactions, velocities), moduli, rtol=1e-9)


def test_moduli_with_a_rattler_in_two_dimensions(glasses):
    """One particle more in a glass, without or with a contact that bears something, does not change them."""
    glass = glasses("ipl2d", n_particles=64)
    bonds = glass.interactions
    moduli, velocities = shear_moduli(bonds), nonaffine_velocities(bonds)
    contact = {"i": np.append(bonds.i, np.uint32(5)), "j": np.append(bonds.j, np.uint32(64))}
    contact["vectors"] = np.vstack([bonds.vectors, [[0.3, 0.9]]])
    contact |= {name: np.append(getattr(bonds, name), 1.0) for name in ("g2", "g3", "g4")}
    contact["g1"] = np.append(bonds.g1, -1.0)
    for changes in ({}, contact):
        more = replace(bonds, n_particles=65, **changes)
        assert np.flatnonzero(find_rattlers(more)).tolist() == [64]
        np.testing.assert_allclose(shear_moduli(more), moduli, rtol=1e-12)
        np.testing.assert_allclose(nonaffine_velocities(more)[:, :64], velocities, rtol=0, atol=1e-9)
        assert not nonaffine_velocities(more)[:, 64].any()


def test_a_gas_has_no_modulus():
    gas = Interactions.of(Configuration(np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]]), np.ones(2), 8.0), SPHERES)
    for asked in (shear_moduli, nonaffine_velocities):
        with pytest.raises(ArithmeticError, match="all but 0 of 2 particles are rattlers: nothing is jammed"):
            asked(gas)


def test_a_neighbour_that_rattles_holds_nothing():
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) * 0.34 + 4.0
    cluster = np.vstack([corners, np.full((1, 3), 4.0)])
    interactions = Interactions.of(Configuration(cluster, np.ones(5), 8.0), SPHERES)
    assert interactions.n_bonds == 10  # each touches the four others
    assert not find_rattlers(interactions).any()
    assert find_rattlers(Interactions.of(Configuration(cluster[1:], np.ones(4), 8.0), SPHERES)).all()
    # a chain on a corner: its end has one neighbour, the next two, and the corner five
    chain = [[4.34 + 0.9 * k, 4.34, 4.34] for k in (1, 2, 3)]
    longer = Configuration(np.vstack([cluster, chain]), np.ones(8), 8.0)
    assert np.array_equal(find_rattlers(Interactions.of(longer, SPHERES)), [False] * 5 + [True] * 3)


def test_attraction_holds_with_fewer():
    pair = Configuration(np.array([[0.0, 0.0, 0.0], [1.3, 0.0, 0.0]]), np.ones(2), 8.0)
    assert not find_rattlers(Interactions.of(pair, get_model("kob_andersen"))).any()


def test_where_nothing_is_jammed():
    gas = Configuration(np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]]), np.ones(2), 8.0)
    with pytest.raises(InputError, match="all but 0 of 2 particles are rattlers"):
        without_rattlers(gas, SPHERES)


def test_the_papers_glasses_have_none(glass):
    assert not find_rattlers(glass.interactions).any()
