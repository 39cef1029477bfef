"""The pair potential and its derivatives, against its published table, exact rational arithmetic and differences."""

from fractions import Fraction

import brute_force
import numpy as np
import pytest
import sympy

from nqe_core import MODELS
from nqe_core.kernels import pair_potential as kernel
from nqe_core.kernels.contractions import bond_derivatives

DERIVATIVES = (kernel.phi, kernel.phi1, kernel.phi2, kernel.phi3, kernel.phi4)


@pytest.mark.parametrize("name", MODELS)
def test_coefficients_are_the_published_ones(name):
    model = MODELS[name]
    assert model.potential[0] == model.cutoff**2
    # the same formula in another order of operations: the last digit may differ
    np.testing.assert_allclose(model.potential[1:], brute_force.TABLE[model.cutoff], rtol=1e-15, atol=0)


@pytest.mark.parametrize("name", MODELS)
def test_vanishes_smoothly_at_the_cutoff(name):
    """phi and its first three derivatives are zero at x_c; the fourth is not."""
    model = MODELS[name]
    u = 1.0 / model.potential[0]
    sizes = [u**5 * np.prod([5.0 + m for m in range(k)]) * u**k for k in range(5)]  # of the power law's own term
    for function, size in zip(DERIVATIVES[:4], sizes, strict=False):
        assert abs(function(model.potential[0], 1.0, model.potential)) < 1e-13 * max(size, 1.0)
    assert kernel.phi4(model.potential[0], 1.0, model.potential) == pytest.approx(sizes[4], rel=1e-12)


def exact_potential(cutoff: Fraction):
    """phi(y) with the four coefficients solved from the four conditions at the cutoff, all rational."""
    y = sympy.Symbol("y")
    c = sympy.symbols("c0:4")
    phi = y**-5 + sum(ck * y**k for k, ck in enumerate(c))
    edge = sympy.Rational(cutoff.numerator, cutoff.denominator) ** 2
    solved = sympy.solve([sympy.diff(phi, y, m).subs(y, edge) for m in range(4)], c)
    return y, phi.subs(solved)


@pytest.mark.parametrize("name", ["ipl3d", "poly3d"])
@pytest.mark.parametrize("order", range(5))
def test_derivatives_are_exact(name, order):
    """Against rational arithmetic, at distances that float64 holds exactly."""
    model = MODELS[name]
    y, phi = exact_potential(Fraction(str(model.cutoff)))
    derivative = sympy.diff(phi, y, order)
    for point in (Fraction(5, 8), Fraction(1), Fraction(5, 4), Fraction(7, 4), Fraction(15, 8)):
        exact = derivative.subs(y, sympy.Rational(point.numerator, point.denominator))
        # near the cutoff the terms cancel: errors are relative to the largest of them
        largest = float(max(abs(term.subs(y, sympy.Rational(point.numerator, point.denominator)))
                            for term in sympy.Add.make_args(sympy.expand(derivative))))  # fmt: skip
        assert abs(DERIVATIVES[order](float(point), 1.0, model.potential) - float(exact)) < 1e-14 * largest


@pytest.mark.parametrize("order", range(4))
def test_each_derivative_is_the_slope_of_the_one_before(order):
    potential, y, h = MODELS["ipl3d"].potential, np.linspace(0.7, 2.1, 29), 1e-5
    for point in y:
        slope = (DERIVATIVES[order](point + h, 1.0, potential) - DERIVATIVES[order](point - h, 1.0, potential)) / (
            2 * h
        )
        # h^2 times the third derivative, and rounding over h
        assert slope == pytest.approx(DERIVATIVES[order + 1](point, 1.0, potential), rel=2e-8, abs=2e-9)


@pytest.mark.parametrize("name", ["ipl2d", "poly3d"])
def test_bond_derivatives_are_derivatives_in_r_squared(name):
    """g^(k)(s) of a pair of any lambda: each the slope of the one before, g' from phi'(r) / 2r."""
    model = MODELS[name]
    lam = brute_force.pair_lambda(1.0, model.largest_diameter, model.nonadditivity)
    r = lam * np.linspace(0.85, 0.99 * model.cutoff, 25)
    s, h = r * r, 1e-5
    w = np.full(s.size, lam**-2)
    g = bond_derivatives(s, w, model.potential)
    np.testing.assert_allclose(
        g[0], brute_force.pair_energy(r / lam, model.cutoff, 1) / lam / (2 * r), rtol=1e-10, atol=1e-12
    )
    above, below = bond_derivatives(s + h, w, model.potential), bond_derivatives(s - h, w, model.potential)
    for k in range(3):
        np.testing.assert_allclose((above[k] - below[k]) / (2 * h), g[k + 1], rtol=2e-8, atol=2e-9)


def test_binary_sizes_and_their_nonadditive_mixture():
    """lambda_SS = 1, lambda_SL = 1.18, lambda_LL = 1.4 come out of n_a = 1/24."""
    for name in ("ipl2d", "ipl3d", "ipl4d"):
        n_a = MODELS[name].nonadditivity
        assert n_a == 1.0 / 24.0
        for a, b, wanted in ((1.0, 1.0, 1.0), (1.0, 1.4, 1.18), (1.4, 1.0, 1.18), (1.4, 1.4, 1.4)):
            assert kernel.inverse_lambda_squared(a, b, n_a) ** -0.5 == pytest.approx(wanted, rel=1e-15)


def test_no_pair_reaches_further_than_two_of_the_largest():
    """The neighbour cells rely on it: lambda_ij <= the larger of both sizes."""
    for model in MODELS.values():
        sizes = np.linspace(model.smallest_diameter, model.largest_diameter, 200)
        lam = brute_force.pair_lambda(sizes[:, None], sizes[None, :], model.nonadditivity)
        assert (lam <= np.maximum(sizes[:, None], sizes[None, :]) * (1 + 1e-15)).all()


def test_drawn_sizes():
    """Half the binary particles are large; the power law has its mean 1.379 and its density lambda^-3."""
    rng = np.random.default_rng(5)
    binary = MODELS["ipl3d"].draw_diameters(1001, rng)
    assert (binary == 1.4).sum() == 500
    assert (binary == 1.0).sum() == 501
    model = MODELS["poly3d"]
    sizes = model.draw_diameters(20_000, rng)
    assert sizes.min() >= 1.0
    assert sizes.max() <= 2.22
    # stratified: the error is far below the 1/sqrt(N) of independent draws
    low, high = 1.0, 2.22
    mean = 2.0 * (1 / low - 1 / high) / (low**-2 - high**-2)
    assert mean == pytest.approx(1.379, abs=5e-4)
    assert sizes.mean() == pytest.approx(mean, abs=1e-4)
    for edge in (1.1, 1.3, 1.7, 2.0):
        assert (sizes < edge).mean() == pytest.approx((1 - edge**-2) / (1 - high**-2), abs=1e-3)
    # and in random order: neighbours in the array know nothing of each other
    assert abs(np.corrcoef(sizes[1:], sizes[:-1])[0, 1]) < 0.03
