"""Second wells along cubic modes: the expansion's by algebra, the glass's by what a saddle and a minimum must be."""

from __future__ import annotations

import numpy as np
import pytest

from nqe_core import (
    MODELS,
    InputError,
    Interactions,
    double_wells,
    find_cubic_mode,
    find_quartic_mode,
    hessian,
    initial_configuration,
    lowest_modes,
    potential_energy,
    quench,
)
from nqe_core.configuration import minimum_image
from nqe_core.double_wells import QuarticExpansion, find_saddle, find_second_minimum
from nqe_core.energy import force_ratio

# those seeds first whose glasses have been seen to be asymmetric; others, should rounding differ
CASES = {"ipl2d": (256, (5, *range(100))), "ipl3d": (300, (30, *range(100)))}


def soft_spot(name, wanted):
    """The first glass whose cubic mode has an asymmetry that is wanted."""
    n_particles, seeds = CASES[name]
    for seed in seeds:
        start = initial_configuration(MODELS[name], n_particles, np.random.default_rng(seed))
        glass = quench(start, MODELS[name]).configuration
        bonds = Interactions.of(glass, MODELS[name])
        z = find_cubic_mode(bonds, find_quartic_mode(bonds, lowest_modes(bonds).modes[0]).mode).mode
        expansion = QuarticExpansion.along(bonds, z)
        if wanted(expansion.asymmetry):
            return glass, MODELS[name], z, expansion
    raise AssertionError("no such glass")


@pytest.mark.parametrize("asymmetry", [0.89, 0.95, 1.5, 40.0])
@pytest.mark.parametrize("sign", [-1, 1])
def test_stationary_points_of_the_expansion(asymmetry, sign):
    kappa, chi = 0.7, 13.0
    tau = sign * np.sqrt(3 * kappa * chi * asymmetry)
    expansion = QuarticExpansion(kappa, tau, chi)
    roots = np.roots([chi / 6, tau / 2, kappa])
    assert sorted(roots, key=abs) == pytest.approx([expansion.saddle, expansion.second_minimum], rel=1e-9)
    assert expansion.asymmetry == pytest.approx(asymmetry)
    assert expansion.shoulder == pytest.approx(roots.mean())
    assert expansion.energy(expansion.saddle) > 0
    assert (expansion.energy(expansion.second_minimum) < 0) == (asymmetry > 1)


def test_wells_of_equal_depth_where_the_bound_is_met():
    expansion = QuarticExpansion(1.0, -3.0, 3.0)
    assert expansion.asymmetry == 1
    assert expansion.energy(expansion.second_minimum) == pytest.approx(0, abs=1e-14)


def test_one_well_below_eight_ninths():
    expansion = QuarticExpansion(1.0, np.sqrt(3 * 0.888), 1.0)
    assert np.isnan([expansion.saddle, expansion.second_minimum, expansion.energy(expansion.saddle)]).all()
    assert expansion.shoulder < 0


@pytest.mark.parametrize("coefficients", [(0.0, 1.0, 1.0), (1.0, 1.0, -1.0), (1.0, np.nan, 1.0)])
def test_coefficients_of_no_soft_spot_are_refused(coefficients):
    with pytest.raises(InputError, match="must be finite, kappa and chi positive"):
        QuarticExpansion(*coefficients)


def test_the_length_of_a_field_does_not_matter():
    glass, model, z, expansion = soft_spot("ipl2d", lambda r: r < 2)
    bonds = Interactions.of(glass, model)
    stretched = QuarticExpansion.along(bonds, 2 * z)
    for name in ("stiffness", "cubic_coefficient", "quartic_coefficient"):
        assert getattr(stretched, name) == pytest.approx(getattr(expansion, name), rel=1e-12)


def test_the_expansion_is_that_of_the_energy():
    glass, model, z, expansion = soft_spot("ipl2d", lambda r: r > 0)
    before = potential_energy(glass, model)

    def rest(s):
        moved = type(glass)(glass.positions + s * z, glass.diameters, glass.box_length)
        return abs(potential_energy(moved, model) - before - expansion.energy(s))

    # what is left out is of fifth order
    assert np.log2(rest(0.08) / rest(0.04)) == pytest.approx(5, abs=0.5)


@pytest.mark.parametrize("name", CASES)
def test_barrier_and_second_minimum_of_a_mode_above_the_bound(name):
    glass, model, z, expansion = soft_spot(name, lambda r: r > 1)
    barrier = find_saddle(glass, model, z, expansion)
    assert force_ratio(barrier.configuration, model) < 1e-9
    eigenvalues = np.linalg.eigvalsh(hessian(Interactions.of(barrier.configuration, model)).toarray())
    assert np.sum(eigenvalues < -1e-9) == 1
    assert barrier.energy == pytest.approx(
        potential_energy(barrier.configuration, model) - potential_energy(glass, model), rel=1e-6
    )
    # the expansion keeps all other directions fixed, which makes it a little too high
    assert 0.8 < barrier.energy / expansion.energy(expansion.saddle) < 1.001
    assert barrier.along_mode == pytest.approx(abs(expansion.saddle), rel=0.15)
    assert barrier.along_mode / barrier.distance > 0.99

    found = find_second_minimum(glass, model, z, expansion, barrier)
    assert force_ratio(found.configuration, model) < 1e-11
    assert found.energy < 0
    assert found.along_mode > barrier.along_mode
    moved = minimum_image(found.configuration.positions - glass.positions, glass.box_length)
    assert found.distance == pytest.approx(np.linalg.norm(moved - moved.mean(axis=0)))


def test_a_mode_far_below_the_bound_leads_back():
    glass, model, z, expansion = soft_spot("ipl2d", lambda r: r < 0.45)
    assert find_saddle(glass, model, z, expansion) is None
    assert find_second_minimum(glass, model, z, expansion) is None


@pytest.mark.parametrize("name", CASES)
def test_saddles_of_second_order_are_told(name):
    """Between two minima M has no, one and more negative eigenvalues; so has a glass on the way back to its liquid."""
    model, n_particles = MODELS[name], CASES[name][0]
    start = initial_configuration(model, n_particles, np.random.default_rng(0))
    glass = quench(start, model).configuration
    way, seen = minimum_image(start.positions - glass.positions, glass.box_length), set()
    for share in np.linspace(0.0, 0.12, 25):
        bonds = Interactions.of(type(glass)(glass.positions + share * way, glass.diameters, glass.box_length), model)
        negative = int(np.sum(np.linalg.eigvalsh(hessian(bonds).toarray()) < -1e-9))
        assert double_wells._of_first_order(bonds) == (negative == 1)
        seen.add(min(negative, 2))
    assert seen >= {0, 2}


@pytest.mark.parametrize("name", CASES)
def test_where_newtons_equations_cannot_be_solved_there_is_no_saddle(name, monkeypatch):
    """In all dimensions alike; it is no failure."""
    glass, model, z, expansion = soft_spot(name, lambda r: r < 2)

    def fails(*_):
        raise ArithmeticError("a factorisation met a singular matrix")

    monkeypatch.setattr(double_wells, "solve_at_saddle", fails)
    monkeypatch.setattr(double_wells.Factorised, "__call__", fails)
    assert find_saddle(glass, model, z, expansion) is None


def test_the_sign_of_a_mode_does_not_matter():
    glass, model, z, expansion = soft_spot("ipl2d", lambda r: r > 1)
    there = find_saddle(glass, model, z, expansion)
    mirrored = find_saddle(glass, model, -z, QuarticExpansion.along(Interactions.of(glass, model), -z))
    assert mirrored.energy == pytest.approx(there.energy, rel=1e-6)
    assert mirrored.along_mode == pytest.approx(there.along_mode, rel=1e-6)


@pytest.mark.parametrize(("change", "line"), [(lambda z: z[:-1], "has shape"), (lambda z: 2 * z, "norm 2, must be 1")])
def test_fields_that_are_no_mode_are_refused(change, line):
    glass, model, z, expansion = soft_spot("ipl2d", lambda r: r > 0)
    for search in (find_saddle, find_second_minimum):
        with pytest.raises(InputError, match=line):
            search(glass, model, change(z), expansion)
