"""Potentials beside the paper's: against formulae written anew, then energy to fourth order through the kernels."""

import os
import subprocess
import sys

import numpy as np
import pytest
import sympy

from nqe_core import Configuration, InputError, Interactions, equilibrate, forces, potential_energy, quench
from nqe_core.kernels import pair_potential
from nqe_core.models import OTHER_MODELS, Model, get_model
from nqe_core.potentials import check_derivatives, define, lennard_jones, soft_spheres, twelfth_power

FUNCTIONS = {
    "lennard_jones": lennard_jones.FUNCTIONS, "twelfth_power": twelfth_power.FUNCTIONS,
    "harmonic": soft_spheres.HARMONIC, "hertzian": soft_spheres.HERTZIAN,
}  # fmt: skip
# derivatives beside the value that vanish at the cutoff
SMOOTH = {"lennard_jones": 4, "twelfth_power": 2, "harmonic": 1, "hertzian": 1}


def expression(model: Model):
    """The potential in r, as its paper writes it, for a pair with sigma = epsilon = 1."""
    r = sympy.Symbol("r", positive=True)
    if model.form == "harmonic":
        return r, (1 - r) ** 2 / 2
    if model.form == "hertzian":
        return r, sympy.Rational(2, 5) * (1 - r) ** sympy.Rational(5, 2)
    order = SMOOTH[model.form]
    bare = 4 * (r**-12 - r**-6) if model.form == "lennard_jones" else r**-12
    c = sympy.symbols(f"c0:{order + 1}")
    lowest = 12 if model.form == "lennard_jones" else 0  # power of r in the smoothing polynomial
    whole = bare + sum(ck * r ** (lowest + 2 * k) for k, ck in enumerate(c))
    edge = sympy.Rational(str(model.cutoff))
    solved = sympy.solve([sympy.diff(whole, r, m).subs(r, edge) for m in range(order + 1)], c)
    return r, whole.subs(solved)


@pytest.mark.parametrize("name", OTHER_MODELS)
def test_functions_are_the_published_potential(name):
    """phi and four derivatives in y = r^2, from d/dy = (1 / 2r) d/dr applied to the expression in r."""
    model = OTHER_MODELS[name]
    r, wanted = expression(model)
    points = [0.9, 0.97] if model.cutoff == 1.0 else [0.9, 1.0, 1.1, 0.95 * model.cutoff]
    for function in FUNCTIONS[model.form]:
        for point in points:
            # forty digits: terms of order one cancel near the cutoff
            exact = float(wanted.subs(r, sympy.Float(str(point), 40)).evalf(40))
            assert abs(function(point**2, 1.0, model.potential) - exact) < 1e-12 * max(abs(exact), 1.0)
        wanted = sympy.diff(wanted, r) / (2 * r)


@pytest.mark.parametrize("name", OTHER_MODELS)
def test_smoothness_at_the_cutoff(name):
    model = OTHER_MODELS[name]
    edge = model.potential[0] * (1 - 1e-14)
    values = [function(edge, 1.0, model.potential) for function in FUNCTIONS[model.form]]
    vanishing = SMOOTH[model.form] + 1
    assert np.abs(values[:vanishing]).max() < 1e-12
    if vanishing < 5 and model.form != "hertzian":  # its second derivative vanishes as a root
        assert abs(values[vanishing]) > 0.1


@pytest.mark.parametrize("name", OTHER_MODELS)
def test_shipped_check_of_derivatives(name):
    model = OTHER_MODELS[name]
    y = np.linspace(0.6, 0.9, 7) * min(model.potential[0], 1.6)
    assert check_derivatives(FUNCTIONS[model.form], model.potential, y) < 1e-9
    wrong = list(FUNCTIONS[model.form])
    wrong[3] = lambda y, w, potential: FUNCTIONS[model.form][3](y, w, potential) * (1 + 1e-6)
    assert check_derivatives(wrong, model.potential, y) > 1e-8


def test_smoothing_leaves_the_well_alone():
    """What the smoothing adds to a Lennard-Jones pair: nothing to speak of in the well, 0.03 at most."""
    model = OTHER_MODELS["kob_andersen"]
    y = np.linspace(0.9, 2.5, 400) ** 2
    added = np.abs([pair_potential.phi(point, 1.0, model.potential) - 4 * (point**-6 - point**-3) for point in y])
    assert added[y < 2 ** (1 / 3)].max() < 4e-4 and added.max() < 0.032


def test_kob_andersen_sizes_and_strengths():
    model = OTHER_MODELS["kob_andersen"]
    potential = model.potential
    for a, b, sigma, strength in ((1.0, 1.0, 1.0, 1.0), (1.0, 0.88, 0.8, 1.5), (0.88, 0.88, 0.88, 0.5)):
        w = pair_potential.inverse_lambda_squared(a, b, model.nonadditivity)
        assert w**-0.5 == pytest.approx(sigma, rel=1e-14)
        ratio = pair_potential.phi(1.2, w, potential) / pair_potential.phi(1.2, 1.0, potential)
        assert ratio == pytest.approx(strength, rel=1e-12)
    sizes = model.draw_diameters(500, np.random.default_rng(0))
    assert (sizes == 1.0).sum() == 400 and (sizes == 0.88).sum() == 100


# --- through the kernels --------------------------------------------------------------------------------------------


def shaken_lattice(model: Model, side: int = 6, shake: float = 0.08) -> Configuration:
    """A cubic lattice with noise: no equilibrium, so that every term of every derivative counts."""
    rng = np.random.default_rng(side)
    length = model.box_length(side**3)
    lattice = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) * (length / side)
    noise = rng.uniform(-shake, shake, lattice.shape)
    return Configuration(lattice + noise, model.draw_diameters(side**3, rng), length)


def brute_energy(c: Configuration, model: Model) -> float:
    """U over all pairs, by numpy and the module's own phi."""
    i, j = np.triu_indices(c.n_particles, 1)
    x = c.positions[i] - c.positions[j]
    x -= c.box_length * np.rint(x / c.box_length)
    a, b = c.diameters[i], c.diameters[j]
    w = (0.5 * (a + b) * (1 - model.nonadditivity * np.abs(a - b))) ** -2
    y = np.sum(x**2, axis=1) * w
    phi = FUNCTIONS[model.form][0]
    return float(sum(phi(y[k], w[k], model.potential) for k in np.flatnonzero(y < model.potential[0])))


@pytest.fixture(params=OTHER_MODELS)
def shaken(request) -> tuple[Configuration, Model]:
    model = OTHER_MODELS[request.param]
    # soft spheres: little noise leaves every contact well closed or open, for their derivatives jump or diverge between
    return shaken_lattice(model, shake=0.02 if model.cutoff == 1.0 else 0.08), model


def test_ladder_from_the_energy_to_the_fourth_derivative(shaken):
    """U, forces, M.z, U3:zz, U4:zzz: each rung is the slope of the one below, with the same bonds all along the step."""
    c, model = shaken
    z = np.random.default_rng(2).standard_normal(c.positions.shape)
    z -= z.mean(axis=0)
    z /= np.linalg.norm(z)

    def moved(h: float) -> Configuration:
        return Configuration(c.positions + h * z, c.diameters, c.box_length)

    def bonds(h: float) -> Interactions:
        return Interactions.of(moved(h), model)

    def same_bonds(h: float) -> bool:
        sets = [{frozenset(pair) for pair in zip(b.i, b.j, strict=True)} for b in map(bonds, (-2 * h, 0.0, 2 * h))]
        return sets[0] == sets[1] == sets[2]

    h = 2e-4
    while not same_bonds(h):
        h /= 2
    assert h > 1e-6

    def slope(function):
        coarse, fine = ((function(t) - function(-t)) / (2 * t) for t in (2 * h, h))
        return fine + (fine - coarse) / 3.0

    assert potential_energy(c, model) == pytest.approx(brute_energy(c, model), rel=1e-12)
    here = bonds(0.0)
    rungs = [
        (slope(lambda t: -forces(moved(t), model)), here.hessian_product(z)),
        (slope(lambda t: bonds(t).hessian_product(z)), here.cubic_field(z)),
        (slope(lambda t: bonds(t).cubic_field(z)), here.quartic_field(z)),
    ]
    energy_slope = slope(lambda t: potential_energy(moved(t), model))
    assert energy_slope == pytest.approx(-np.sum(forces(c, model) * z), abs=1e-6 * np.linalg.norm(forces(c, model)))
    for found, wanted in rungs:
        assert np.linalg.norm(found - wanted) < 2e-6 * np.linalg.norm(wanted)


def test_swaps_of_attracting_pairs_are_refused():
    model = OTHER_MODELS["kob_andersen"]
    with pytest.raises(InputError, match=r"swap_fraction is 0\.2, must be 0 for model 'kob_andersen'"):
        equilibrate(shaken_lattice(model), model, 1.0, 10, np.random.default_rng(0))


@pytest.mark.parametrize("name", OTHER_MODELS)
def test_models_are_rebuilt_from_their_parameters(name):
    model = get_model(name)
    assert Model.from_parameters(name, model.parameters()) == model
    assert model.parameters()["form"] == model.form
    assert "form" not in get_model("ipl3d").parameters()


def test_unknown_form_is_refused():
    parameters = {**get_model("kob_andersen").parameters(), "form": "nonesuch"}
    with pytest.raises(InputError, match=r"form 'nonesuch' is not one of"):
        Model.from_parameters("mine", parameters)


# --- a potential of one's own, as the documentation shows it ---------------------------------------------------------


def _gaussian(y, w, potential):
    return np.exp(-y) - potential.least


def _falling(y, w, potential):
    return -np.exp(-y)


def _rising(y, w, potential):
    return np.exp(-y)


GAUSSIAN = (_gaussian, _falling, _rising, _falling, _rising)


def test_a_potential_of_ones_own_needs_no_kernel():
    """phi = exp(-y), cut where it is small: defined here, quenched by the compiled minimiser."""
    define("gaussian", ("cutoff2", "least"), GAUSSIAN, lambda cutoff: (cutoff**2, np.exp(-(cutoff**2))))
    parameters = {**get_model("harmonic3d").parameters(), "form": "gaussian", "cutoff": 1.6, "number_density": 0.7}
    model = Model.from_parameters("mine", parameters)
    assert check_derivatives(GAUSSIAN, model.potential, np.linspace(0.5, 2.0, 5)) < 1e-9
    c = shaken_lattice(model, side=7)
    assert potential_energy(quench(c, model, tolerance=1e-6).configuration, model) < potential_energy(c, model)


def test_compiled_kernels_of_ones_own_potential_do_not_disturb_others(tmp_path):
    """Kernels kept on disk for a script's potential are readable where that script is not, and are not mixed up."""
    program = """
import numpy as np
from nqe_core import Configuration, potential_energy
from nqe_core.models import Model, get_model
from nqe_core.potentials import define
def flat(y, w, potential): return {height}
def zero(y, w, potential): return 0.0
define("step", ("cutoff2",), (flat, zero, zero, zero, zero), lambda cutoff: (cutoff**2,))
values = {{**get_model("harmonic3d").parameters(), "form": "step", "number_density": 0.01}}
pair = Configuration([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0]], [1.0, 1.0], 10.0)
print(potential_energy(pair, Model.from_parameters("step", values)))
"""
    cache = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    for height in ("1.5", "2.5", "1.5"):
        script = tmp_path / "potential.py"
        script.write_text(program.format(height=height))
        run = subprocess.run([sys.executable, str(script)], env=cache, capture_output=True, text=True, check=True)
        assert run.stdout.strip() == height
    code = "from nqe_core.kernels.forces import pair_sums; print(len(pair_sums._cache._cache_file._load_index()))"
    found = subprocess.run([sys.executable, "-c", code], env=cache, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "2"  # one for each code of `flat`, and no third
