"""Several fields at once in single precision, refined: against products and solves of one field in double precision."""

import dataclasses

import numpy as np
import pytest
from numba import njit

from nqe_core import Interactions, hessian, linear_response
from nqe_core.configuration import minimum_image
from nqe_core.hessian_matrix import block_jacobi
from nqe_core.kernels import field_solver, linear_solver
from nqe_core.kernels.field_lanes import FIELDS, WIDTH

NAMES = ("ipl3d", "poly3d", "ipl4d")


@njit
def product(bonds, z, out, box):
    field_solver.product_of_fields(bonds, z, out, box)


@pytest.fixture(params=NAMES)
def bonds(request, glasses) -> Interactions:
    return glasses(request.param).interactions


def balanced_fields(bonds: Interactions, number: int, seed: int = 3) -> np.ndarray:
    fields = np.random.default_rng(seed).standard_normal((number, bonds.n_particles, bonds.dimension))
    return fields - fields.mean(axis=1, keepdims=True)


def exact(bonds: Interactions, fields: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(hessian(bonds).toarray())
    others = np.argsort(np.abs(values))[bonds.dimension :]  # not the translations
    values, vectors = values[others], vectors[:, others]
    return np.stack([(vectors @ (vectors.T @ f.ravel() / values)).reshape(f.shape) for f in fields])


def test_product_of_fields_is_that_of_each(bonds):
    singles, number, d = linear_response._Singles(bonds), FIELDS[bonds.dimension], bonds.dimension
    fields = balanced_fields(bonds, number)
    z, out = np.zeros((bonds.n_particles, WIDTH), np.float32), np.empty(bonds.n_particles * WIDTH, np.float32)
    for f, field in enumerate(fields):
        for a in range(d):
            z[:, a * number + f] = field[bonds.order, a]
    product(singles.bonds, z.ravel(), out, bonds.box)
    out = out.reshape(z.shape)
    for f, field in enumerate(fields):
        wanted = bonds.hessian_product(field)[bonds.order] * singles.softness
        found = out[:, [a * number + f for a in range(d)]]
        assert np.abs(found - wanted).max() < 3e-6 * np.abs(wanted).max()
    assert not out[:, number * d :].any()


@pytest.mark.parametrize("tolerance", [1e-4, 1e-8, 1e-12])
def test_solutions_have_the_residual_that_is_asked_for(bonds, tolerance):
    forces = balanced_fields(bonds, FIELDS[bonds.dimension] + 2)
    found = linear_response.solve_together(bonds, forces, tolerance)
    for field, force in zip(found, forces, strict=True):
        residual = bonds.hessian_product(field) - force
        assert np.linalg.norm(residual) <= tolerance * np.linalg.norm(force)
        assert np.abs(field.mean(axis=0)).max() < 1e-12 * np.abs(field).max()


def test_solutions_are_those_of_an_exact_inverse(bonds):
    forces = balanced_fields(bonds, 3)
    found, wanted = linear_response.solve_together(bonds, forces, 1e-11), exact(bonds, forces)
    assert np.linalg.norm(found - wanted) < 1e-7 * np.linalg.norm(wanted)


def test_single_precision_alone_does_it(bonds, monkeypatch):
    """No way back to double precision is taken for a stable glass, or nothing would be gained and nobody would notice."""
    monkeypatch.setattr(linear_response, "_in_double", None)
    linear_response.solve_together(bonds, balanced_fields(bonds, 2), 1e-8)


def test_as_many_iterations_as_in_double_precision(bonds):
    """The diagonal blocks are those of the double solver, component by component: wrong ones only take longer."""
    singles, tolerance = linear_response._Singles(bonds), 1e-4
    forces = balanced_fields(bonds, 1)
    one = linear_solver.solve(
        bonds.rows, block_jacobi(bonds), bonds.to_rows(forces[0]), tolerance, bonds.size, bonds.box
    )[1]
    rows = np.zeros((bonds.n_particles, WIDTH), np.float32)
    rows[:, [a * FIELDS[bonds.dimension] for a in range(bonds.dimension)]] = forces[0][bonds.order]
    together = field_solver.solve_fields(singles.bonds, rows.ravel(), tolerance, bonds.size, bonds.box)[1]
    assert abs(together - one) <= 2


def test_fields_do_not_feel_each_other(bonds):
    forces = balanced_fields(bonds, FIELDS[bonds.dimension])
    forces[1] *= 1e8
    forces[2] = 0.0
    together = linear_response.solve_together(bonds, forces, 1e-8)
    assert not together[2].any()
    for field, force in zip(together, forces, strict=True):
        alone = linear_response.solve_together(bonds, force[None], 1e-8)[0]
        assert np.linalg.norm(field - alone) <= 1e-5 * np.linalg.norm(alone)


@pytest.mark.parametrize("unit", [1e-30, 1e30])
def test_units_beyond_single_precision(bonds, unit):
    scaled = dataclasses.replace(bonds, g1=bonds.g1 * unit, g2=bonds.g2 * unit, g3=bonds.g3 * unit, g4=bonds.g4 * unit)
    forces = balanced_fields(bonds, 2)
    found = linear_response.solve_together(scaled, forces * 1e-25, 1e-8)
    wanted = linear_response.solve_together(bonds, forces, 1e-8) * 1e-25 / unit
    assert np.linalg.norm(found - wanted) < 1e-5 * np.linalg.norm(wanted)


def test_net_force_does_not_count(bonds):
    forces = balanced_fields(bonds, 2)
    pushed = linear_response.solve_together(bonds, forces + 3.0, 1e-8)
    wanted = linear_response.solve_together(bonds, forces, 1e-8)
    assert np.linalg.norm(pushed - wanted) < 1e-5 * np.linalg.norm(wanted)


def test_hopeless_rounds_are_left_to_double_precision(bonds, monkeypatch):
    """When single precision gives up, or goes nowhere, the answer is as good."""
    forces, asked = balanced_fields(bonds, 2), []

    def fails(*arguments):
        asked.append(arguments)
        return arguments[1], -1

    monkeypatch.setattr(linear_response, "solve_fields", fails)
    found = linear_response.solve_together(bonds, forces, 1e-8)
    assert asked
    for field, force in zip(found, forces, strict=True):
        assert np.linalg.norm(bonds.hessian_product(field) - force) < 2e-8 * np.linalg.norm(force)

    monkeypatch.setattr(linear_response, "solve_fields", lambda bonds, rhs, *_: (np.zeros_like(rhs), 1))
    again = linear_response.solve_together(bonds, forces, 1e-8)
    np.testing.assert_array_equal(again, found)


@pytest.mark.parametrize("name", ["ipl2d", "ipl3d"])
def test_factors_give_the_exact_inverse(glasses, name):
    bonds = glasses(name).interactions
    forces = balanced_fields(bonds, 2)
    found, wanted = linear_response.solve_directly(bonds, forces + 3.0), exact(bonds, forces)
    assert np.linalg.norm(found - wanted) < 1e-9 * np.linalg.norm(wanted)


@pytest.mark.parametrize(("name", "n"), [("ipl2d", 16), ("ipl2d", 256), ("ipl3d", 64)])
def test_factors_count_negative_eigenvalues(glasses, name, n):
    """One particle is pinned in them, which changes no sign."""
    glass = glasses(name, n_particles=n)
    assert linear_response.Factorised(glass.interactions).negative_eigenvalues == 0
    liquid = Interactions.of(glass.liquid, glass.model)
    negative = int((np.linalg.eigvalsh(hessian(liquid).toarray()) < -1e-6).sum())
    assert linear_response.Factorised(liquid).negative_eigenvalues == negative > 0
    with pytest.raises(ArithmeticError, match=f"not a minimum: {negative} negative eigenvalues"):
        linear_response.solve_directly(liquid, balanced_fields(liquid, 2))


@pytest.mark.parametrize("name", ["ipl2d", *NAMES])
@pytest.mark.parametrize("tolerance", [1e-4, 1e-9])
def test_saddles_are_solved_for_too(glasses, name, tolerance):
    """Of a glass, and some of the way back to its liquid, where M has negative eigenvalues."""
    glass = glasses(name)
    bonds = glass.interactions
    force = balanced_fields(bonds, 1)[0]
    way = minimum_image(glass.liquid.positions - glass.configuration.positions, glass.configuration.box_length)
    unstable = Interactions.of(dataclasses.replace(
        glass.configuration, positions=glass.configuration.positions + 0.2 * way), glass.model)  # fmt: skip
    for there, saddle in ((bonds, False), (unstable, True)):
        eigenvalues = np.linalg.eigvalsh(hessian(there).toarray())
        assert (eigenvalues[0] < -1.0) == saddle
        found = linear_response.solve_at_saddle(there, force + 3.0, tolerance)
        residual = there.hessian_product(found) - force
        assert np.linalg.norm(residual) <= 1.01 * tolerance * np.linalg.norm(force)
        assert np.abs(found.mean(axis=0)).max() < 1e-12 * np.abs(found).max()
        softest = np.sort(np.abs(eigenvalues))[there.dimension]  # after the translations
        error = found - exact(there, force[None])[0]
        assert np.linalg.norm(error) <= 1.01 * tolerance * np.linalg.norm(force) / softest


def test_where_there_is_no_solution_one_line_says_so(glasses):
    """A force on a rattler."""
    bonds = glasses("ipl3d").interactions
    more = dataclasses.replace(bonds, n_particles=bonds.n_particles + 1)
    with pytest.raises(ArithmeticError, match="did not converge: no saddle is near, or M is close to singular"):
        linear_response.solve_at_saddle(more, balanced_fields(more, 1)[0], 1e-6)


def test_what_is_no_number_or_far_from_a_saddle_ends_soon(glasses, monkeypatch):
    glass, products = glasses("ipl3d"), []
    multiplied = linear_response.multiplied
    monkeypatch.setattr(linear_response, "multiplied", lambda *a: products.append(1) or multiplied(*a))
    far = Interactions.of(dataclasses.replace(
        glass.configuration, positions=np.random.default_rng(0).random(glass.configuration.positions.shape) *
        glass.configuration.box_length), glass.model)  # fmt: skip
    for bonds, force in ((far, balanced_fields(far, 1)[0]), (far, np.full((far.n_particles, 3), np.nan))):
        products.clear()
        with pytest.raises(ArithmeticError, match="the minimum residual method"):
            linear_response.solve_at_saddle(bonds, force, 1e-10)
        assert len(products) < linear_response.MOST_AT_SADDLE


@pytest.mark.parametrize(("gain", "rounds"), [(0.9, 1), (0.4, linear_response.MOST_ROUNDS)])
def test_rounds_at_a_saddle_are_counted(glasses, monkeypatch, gain, rounds):
    """As many as the products with M allow, and none after one that did not halve the residual."""
    bonds, asked = glasses("ipl3d").interactions, []
    minres = linear_response.sparse_linalg.minres

    def partly(operator, rhs, maxiter, **options):
        asked.append(maxiter)
        step, flag = minres(operator, rhs, maxiter=maxiter, **options)
        return (1.0 - gain) * step, flag

    monkeypatch.setattr(linear_response.sparse_linalg, "minres", partly)
    with pytest.raises(ArithmeticError, match="did not converge"):
        linear_response.solve_at_saddle(bonds, balanced_fields(bonds, 1)[0], 1e-4)
    assert len(asked) == rounds and sum(asked) <= linear_response.MOST_AT_SADDLE


def test_no_force_moves_nothing(glasses):
    bonds = glasses("ipl3d").interactions
    assert not linear_response.solve_at_saddle(bonds, np.zeros((bonds.n_particles, 3)), 1e-4).any()


def test_unstable_glass_is_refused(glasses):
    glass = glasses("ipl3d")
    liquid = Interactions.of(glass.liquid, glass.model)
    with pytest.raises(ArithmeticError, match="not positive definite"):
        linear_response.solve_together(liquid, balanced_fields(liquid, 2), 1e-10)
