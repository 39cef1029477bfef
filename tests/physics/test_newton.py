"""Newton's method at the end of a quench: its matrix, its steps, and that it leaves alone what is not convex."""

import numpy as np
import pytest

from nqe_core import MODELS, Configuration, Interactions, forces, hessian, quench
from nqe_core.kernels import linear_solver, newton
from nqe_core.kernels.bond_rows import Rows, inverse_blocks
from nqe_core.kernels.dynamics import build

SIZES = {"ipl2d": 64, "ipl3d": 256, "ipl4d": 300, "poly3d": 150}


def descent(configuration: Configuration, model, target: float, skin: float = 0.1):
    """Positions in the order given, evaluations, final typical force, and whether the target was reached."""
    x = configuration.positions.ravel().copy()
    v, sizes = np.zeros_like(x), configuration.diameters.copy()
    identity = np.arange(configuration.n_particles, dtype=np.uint32)
    made, gradient, reached = newton.newton_descent(
        x, v, sizes, identity, configuration.box, model.potential, model.nonadditivity, skin, target
    )
    positions = np.empty_like(configuration.positions)
    positions[identity] = x.reshape(positions.shape)
    return positions, made, gradient, reached


def shaken(configuration: Configuration, by: float) -> Configuration:
    noise = np.random.default_rng(5).normal(0.0, by, configuration.positions.shape)
    return Configuration(configuration.positions + noise, configuration.diameters, configuration.box_length)


def rows_of(configuration: Configuration, model) -> tuple[Rows, np.ndarray]:
    """Bond rows as a descent makes them, and who is who."""
    x, sizes = configuration.positions.ravel().copy(), configuration.diameters.copy()
    identity = np.arange(configuration.n_particles, dtype=np.uint32)
    start, partner, scale, _ = build(
        x, np.zeros_like(x), sizes, identity, configuration.box, model.cutoff, model.nonadditivity, 0.1
    )
    width, nothing = (2 if configuration.dimension == 2 else 4), np.empty(0)
    room = Rows(np.empty_like(start), np.empty_like(partner), np.zeros(partner.size * width), np.empty(partner.size),
                np.empty(partner.size), nothing, nothing)  # fmt: skip
    used = newton.bond_rows(x, start, partner, scale, configuration.box, model.potential, room)
    assert 0 < used < partner.size  # pairs in the skin are left out
    return (
        Rows(room.start, room.partner[:used], room.vectors[: used * width], room.g1[:used], room.g2[:used], *room[5:]),
        identity,
    )


@pytest.mark.parametrize("name", SIZES)
def test_one_step_solves_the_linear_equations(glasses, name):
    glass = glasses(name)
    model, d = glass.model, glass.configuration.dimension
    near = shaken(glass.configuration, 1e-4)
    rows, identity = rows_of(near, model)
    interactions = Interactions.of(near, model)
    blocks = inverse_blocks(rows, near.box)
    known = np.linalg.inv(interactions.diagonal_blocks())[identity]
    np.testing.assert_allclose(blocks.reshape(-1, d, d), known, rtol=1e-9, atol=1e-12 * np.abs(known).max())
    f = forces(near, model)
    step, products = linear_solver.solve(rows, blocks, f[identity].ravel(), 1e-10, 5000, near.box)
    assert 1 < products < 5000
    found = np.empty_like(f)
    found[identity] = step.reshape(f.shape)
    matrix = hessian(interactions).toarray()
    exact = np.linalg.lstsq(matrix, f.ravel(), rcond=1e-9)[0].reshape(f.shape)
    np.testing.assert_allclose(found, exact, atol=1e-7 * np.abs(exact).max())


@pytest.mark.parametrize("name", SIZES)
def test_a_shaken_glass_goes_back_to_where_it_was(glasses, name):
    glass = glasses(name)
    positions, _, gradient, reached = descent(shaken(glass.configuration, 1e-4), glass.model, 1e-10)
    assert reached and gradient <= 1e-10
    moved = positions - glass.configuration.positions
    moved -= glass.configuration.box_length * np.rint(moved / glass.configuration.box_length)
    moved -= moved.mean(axis=0)
    assert np.abs(moved).max() < 1e-8


@pytest.mark.parametrize("name", SIZES)
def test_a_liquid_is_left_as_it_is(glasses, name):
    glass = glasses(name)
    positions, made, gradient, reached = descent(glass.liquid, glass.model, 1e-10)
    assert not reached and made >= 1 and gradient > 1e-10
    away = positions - glass.liquid.positions
    away -= glass.liquid.box_length * np.rint(away / glass.liquid.box_length)
    assert np.abs(away).max() < 1e-12


def test_a_saddle_is_not_taken_for_a_minimum():
    """A straight row of particles that press on each other, and on their images, is in balance until it buckles."""
    model, side, n = MODELS["ipl2d"], 8.0, 6
    row = np.column_stack([np.arange(n) * side / n, np.full(n, 4.0)])
    straight = Configuration(row, np.full(n, 1.4), side)
    assert np.abs(forces(straight, model)).max() < 1e-10
    bent = shaken(straight, 1e-6)
    positions, _, gradient, reached = descent(bent, model, 1e-12)
    assert not reached and gradient < 1e-3  # small enough for Newton's method to be tried
    np.testing.assert_allclose(positions, bent.wrapped().positions, atol=1e-12)
    result = quench(bent, model)
    assert result.energy < 0.5 * quench(straight, model, max_evaluations=1).energy
