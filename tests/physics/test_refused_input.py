"""What users may get wrong: one clear line, of one kind of error, that says what and where."""

from dataclasses import replace

import numpy as np
import pytest

from nqe_core import (
    MODELS,
    Configuration,
    InputError,
    Interactions,
    Model,
    cool,
    equilibrate,
    find_cubic_mode,
    find_cubic_mode_from,
    find_pseudoharmonic_mode,
    find_quartic_mode,
    forces,
    get_model,
    initial_configuration,
    lowest_modes,
    mismatch_force,
    participation_ratio,
    potential_energy,
    preconditioner,
    pressure,
    quench,
    shear_strain_coupling,
    stiffness,
)
from nqe_core.energy import check_fits


@pytest.fixture
def refused():
    """`refused(function, *args, says=...)`: it raises InputError, a ValueError, with one line that says it."""

    def check(function, *arguments, says, **options):
        with pytest.raises(InputError) as caught:
            function(*arguments, **options)
        assert isinstance(caught.value, ValueError)
        line = str(caught.value)
        assert line
        assert "\n" not in line
        assert says in line, line

    return check


def good(n=100):
    model = MODELS["ipl3d"]
    rng = np.random.default_rng(0)
    length = model.box_length(n)
    return rng.random((n, 3)) * length, model.draw_diameters(n, rng), length


def test_positions(refused):
    positions, diameters, length = good()
    for value in (np.nan, np.inf, -np.inf):
        broken = positions.copy()
        broken[17, 1] = value
        refused(Configuration, broken, diameters, length, says="particle 17")
    refused(Configuration, positions.ravel(), diameters, length, says="(300,)")
    refused(Configuration, positions.T, diameters, length, says="(3, 100)")
    refused(Configuration, positions[:, :1], diameters, length, says="d = 2, 3 or 4")
    refused(Configuration, np.zeros((100, 5)), diameters, length, says="d = 2, 3 or 4")


def test_diameters_and_box(refused):
    positions, diameters, length = good()
    refused(Configuration, positions, diameters[:-1], length, says="(99,)")
    for value in (0.0, -1.0, np.nan, np.inf):
        broken = diameters.copy()
        broken[5] = value
        refused(Configuration, positions, broken, length, says="particle 5")
    for value in (0.0, -3.0, np.nan, np.inf, "5", None):
        refused(Configuration, positions, diameters, value, says="box_length")


USERS = (potential_energy, forces, pressure, quench, Interactions.of)


@pytest.mark.parametrize("function", USERS, ids=lambda f: f.__qualname__)
def test_configuration_and_model_must_fit(refused, function):
    positions, diameters, length = good()
    configuration = Configuration(positions, diameters, length)
    refused(function, configuration, MODELS["ipl2d"], says="3 dimensions")
    narrow = Configuration(positions, diameters, 2 * 1.48 * 1.4 - 1e-9)
    refused(function, narrow, MODELS["ipl3d"], says="too small for the cutoff")
    for factor in (0.5, 2.0):  # radii, or sizes in another unit
        other = Configuration(positions, factor * diameters, length)
        refused(
            function, other, MODELS["ipl3d"], says="are these radii, numbers of types, or in another unit of length?"
        )
    refused(function, configuration, "ipl3d", says="model is 'ipl3d', must be a Model, such as MODELS['ipl3d']")


@pytest.mark.parametrize("n", [5600, 8000], ids=["all pairs", "with cells"])
def test_more_partners_than_a_list_has_room_for(refused, n):
    """An even density alone gives some 3,300 partners, of which a row has all, or about half."""
    model = replace(MODELS["ipl2d"], cutoff=27.0)
    rng, length = np.random.default_rng(0), model.box_length(n)
    wide = Configuration(rng.random((n, 2)) * length, model.draw_diameters(n, rng), length)
    for function in USERS:
        refused(function, wide, model, says="cutoff too wide")
    check_fits(wide, replace(model, cutoff=20.0))


def test_liquid_must_fit(refused):
    positions, diameters, length = good()
    configuration = Configuration(positions, diameters, length)
    rng = np.random.default_rng(0)
    refused(equilibrate, configuration, MODELS["ipl2d"], 2.0, 1, rng, says="3 dimensions")


@pytest.mark.parametrize("find", [find_quartic_mode, find_cubic_mode])
def test_starts_of_a_minimisation(glasses, refused, find):
    bonds = glasses("ipl3d").interactions
    n = bonds.n_particles
    good_start = np.random.default_rng(0).standard_normal((n, 3))
    refused(find, bonds, np.zeros((n, 3)), says="start")
    # translations that float64 cannot average exactly
    refused(find, bonds, np.tile([0.1, 0.7, 0.3], (n, 1)), says="translation")
    broken = good_start.copy()
    broken[3, 2] = np.nan
    refused(find, bonds, broken, says="not finite")
    for wrong in (good_start.T, good_start[:-1], good_start[:, :2], good_start[None]):
        refused(find, bonds, wrong, says="shape")
    refused(find, bonds, good_start, method="newton", says="newton")


@pytest.mark.parametrize("tolerance", [0.0, -1e-8, 1.0, np.nan])
def test_tolerances(glasses, refused, tolerance):
    glass = glasses("ipl3d")
    start = np.random.default_rng(0).standard_normal((glass.interactions.n_particles, 3))
    for find in (find_quartic_mode, find_cubic_mode):
        refused(find, glass.interactions, start, tolerance=tolerance, says="tolerance is")
    refused(quench, glass.configuration, glass.model, tolerance=tolerance, says="tolerance is")


def test_options_of_a_minimisation_have_names(glasses):
    """Their order is not the same everywhere."""
    bonds = glasses("ipl3d").interactions
    start = np.random.default_rng(0).standard_normal((bonds.n_particles, 3))
    for find in (find_quartic_mode, find_cubic_mode, find_pseudoharmonic_mode, find_cubic_mode_from):
        with pytest.raises(TypeError, match="positional"):
            find(bonds, start, "lbfgs")


def test_no_start_at_all(glasses, refused):
    refused(find_cubic_mode_from, glasses("ipl3d").interactions, [], says="no start")


def test_fields_of_the_wrong_shape(glasses, refused):
    bonds = glasses("ipl3d").interactions
    transposed = np.ones((3, bonds.n_particles))
    for function in (bonds.hessian_product, bonds.cubic_field, bonds.quartic_field, bonds.cubic_scalars):
        refused(function, transposed, says="shape")
    refused(stiffness, bonds, transposed, says="shape")
    refused(shear_strain_coupling, bonds, transposed, says="shape")
    refused(participation_ratio, np.ones(12), says="(N, d)")


def test_unknown_names(glasses, refused):
    bonds = glasses("ipl2d").interactions
    refused(lowest_modes, bonds, 1, "lapack", says="lapack")
    refused(lowest_modes, bonds, 0, says="n_modes is 0")
    refused(lowest_modes, bonds, 2.5, says="n_modes is 2.5, must be a whole number")
    refused(lowest_modes, bonds, bonds.size, says="n_modes")
    refused(mismatch_force, bonds, "simple_xz", says="simple_xz")
    refused(shear_strain_coupling, bonds, np.ones((bonds.n_particles, 2)), "bulk", says="bulk")
    refused(preconditioner, bonds, "amg", says="amg")
    refused(get_model, "wahnstrom", says="wahnstrom")


def test_models(refused):
    parameters = MODELS["ipl3d"].parameters()
    assert Model.from_parameters("ipl3d", parameters) == MODELS["ipl3d"]
    for key, value in (
        ("dimension", 5), ("dimension", 3.0), ("exponent", 12), ("number_density", -0.8), ("cutoff", 0.0),
        ("smallest_diameter", float("nan")), ("largest_diameter", 0.5), ("nonadditivity", 3.0),
        ("size_distribution", "ternary"), ("number_density", "0.8"), ("dimension", True),
    ):  # fmt: skip
        refused(Model.from_parameters, "ipl3d", {**parameters, key: value}, says=key)
    refused(Model.from_parameters, "ipl3d", {**parameters, "colour": 1}, says="colour")
    del parameters["cutoff"]
    refused(Model.from_parameters, "ipl3d", parameters, says="cutoff")
    refused(MODELS["ipl4d"].check_particles, 200, says="200")
    refused(initial_configuration, MODELS["ipl2d"], 100.5, 0, says="n_particles is 100.5, must be a whole number")
    refused(replace, MODELS["ipl2d"], cutoff=-1.0, says="cutoff")


def test_a_seed_does_for_a_generator():
    model = MODELS["ipl2d"]
    liquids = []
    for rng in (5, np.random.default_rng(5)):
        start = initial_configuration(model, 64, rng)
        liquid = equilibrate(start, model, 2.0, 3, 7).configuration
        liquids.append((start, liquid, cool(liquid, model, 1.0, 1.0, 9)))
    for first, second in zip(*liquids, strict=True):
        assert np.array_equal(first.positions, second.positions)
