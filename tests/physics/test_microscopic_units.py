"""The paper's units of every model, by hand."""

import math

import pytest

from nqe_core import MODELS, InputError, Units

# name: (dimension, N/V, G_inf of Table II)
BY_HAND = {"ipl2d": (2, 0.86, 15.8), "ipl3d": (3, 0.82, 12.4), "ipl4d": (4, 0.80, 10.9), "poly3d": (3, 0.58, 9.22)}


@pytest.mark.parametrize("name", BY_HAND)
def test_units_by_hand(name):
    d, rho, modulus = BY_HAND[name]
    units = Units.of(MODELS[name])
    a0 = (1.0 / rho) ** (1.0 / d)
    speed = math.sqrt(modulus / rho)
    assert units.length == pytest.approx(a0, rel=1e-14)
    assert units.speed == pytest.approx(speed, rel=1e-14)
    assert units.frequency == pytest.approx(speed / a0, rel=1e-14)
    assert units.time * units.frequency == pytest.approx(1.0, rel=1e-14)
    assert units.stiffness == pytest.approx(modulus / rho / a0**2, rel=1e-14)
    assert units.cubic_coefficient == pytest.approx(modulus / rho / a0**3, rel=1e-14)
    assert units.quartic_coefficient == pytest.approx(modulus / rho / a0**4, rel=1e-14)
    assert units.shear_strain_coupling == pytest.approx(modulus / rho / a0, rel=1e-14)


def test_a_name_is_no_model():
    with pytest.raises(InputError, match=r"model is 'ipl3d', must be a Model, such as MODELS\['ipl3d'\]"):
        Units.of("ipl3d")


def test_numbers_of_the_three_dimensional_mixture():
    """a0 = 0.82^(-1/3) = 1.0684, c_T = sqrt(12.4 / 0.82) = 3.8887, omega0 = 3.6398."""
    units = Units.of(MODELS["ipl3d"])
    assert units.length == pytest.approx(1.06839, abs=5e-5)
    assert units.speed == pytest.approx(3.88869, abs=5e-5)
    assert units.frequency == pytest.approx(3.63976, abs=5e-4)


def test_the_two_densities_of_the_polydisperse_model_hardly_differ_in_units():
    """omega0 ~ rho^(-1/2 + 1/3): 0.58 against Table II's 0.65 is 1.9 per cent."""
    from dataclasses import replace

    model = MODELS["poly3d"]
    other = replace(model, number_density=model.table_density)
    ratio = Units.of(model).frequency / Units.of(other).frequency
    assert ratio == pytest.approx((0.65 / 0.58) ** (1 / 6), rel=1e-12)
    assert ratio - 1.0 == pytest.approx(0.019, abs=5e-4)


@pytest.mark.parametrize("name", BY_HAND)
def test_boxes_hold_the_density_and_the_cutoff(name):
    model = MODELS[name]
    for n in (model.minimum_particles(), 2048):
        assert n / model.box_length(n) ** model.dimension == pytest.approx(model.number_density, rel=1e-12)
    reach = model.cutoff * model.largest_diameter
    assert model.box_length(model.minimum_particles()) >= 2 * reach
    assert model.box_length(model.minimum_particles() - 1) < 2 * reach
