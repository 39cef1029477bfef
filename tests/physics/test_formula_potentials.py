"""Potentials written as formulae: derivatives, smoothing, agreement with those written by hand, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import sys

import numpy as np
import pytest
import sympy

from nqe_core import Configuration, InputError, Interactions, equilibrate, forces, potential_energy, pressure
from nqe_core.cli import main
from nqe_core.kernels import pair_potential
from nqe_core.models import MODELS, OTHER_MODELS, Model
from nqe_core.potentials import Formula, check_derivatives, define, lennard_jones, soft_spheres, twelfth_power
from nqe_core.potentials.formula import KNOWN_FUNCTIONS
from nqe_core.storage import ChunkReader

YUKAWA = Formula("epsilon * exp(-(r - 1) / xi) / r", {"epsilon": 2.5, "xi": 0.3}, smooth=4)


def kob_andersen() -> Formula:
    """The shipped mixture, written down: strengths by size, high powers in the smoothing polynomial."""
    strengths = dict(zip(("e0", "e1", "e2"), OTHER_MODELS["kob_andersen"].potential[-3:], strict=True))
    strength = "e0 + e1 / sigma**2 + e2 / sigma**4"
    return Formula("4 * (r**-12 - r**-6)", strengths, smooth=4, lowest_power=12, strength=strength)


def with_formula(formula: Formula, name: str = "ipl3d", **changes) -> Model:
    """A shipped model with another potential."""
    known = {**MODELS, **OTHER_MODELS}
    return dataclasses.replace(known[name], name="mine", form="formula", formula=formula, **changes)


# --- the five functions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "cutoff"),
    [
        (YUKAWA, 2.0),
        (Formula("exp(-s)", smooth=4), 3.0),
        (Formula("(1 - exp(-a*(r - 1)))**2 - 1", {"a": 4.0}, smooth=3), 1.9),
        (Formula("q*erfc(kappa*r)/r + r**-n", {"q": 1.3, "kappa": 1.1, "n": 9.5}, smooth=2), 2.2),
        (Formula("-log(1 - (r/R0)**2) + sin(pi*r)*tanh(r)/cosh(r)", {"R0": 2.0}, smooth=4, lowest_power=4), 1.5),
        (Formula("atan(r) * sqrt(r) + s**1.5 / 3", smooth=4), 1.5),
        (Formula("(1 - r)**5"), 1.0),
    ],
)
def test_each_derivative_is_the_slope_of_the_one_before(formula, cutoff):
    model = with_formula(formula, cutoff=cutoff)
    y = np.linspace(0.3, 0.95, 9) * cutoff**2
    assert check_derivatives(formula.functions, model.potential, y) < 1e-8
    values = np.array([function(cutoff**2, 1.0, model.potential) for function in formula.functions])
    inside = np.array([abs(function(0.64 * cutoff**2, 1.0, model.potential)) for function in formula.functions])
    assert (np.abs(values[: (4 if formula.smooth is None else formula.smooth) + 1]) < 1e-11 * inside.max()).all()


@pytest.mark.parametrize("order", range(5))
def test_smoothing_goes_as_far_as_was_asked_for(order):
    model = with_formula(Formula("r**-10", smooth=order), cutoff=1.48)
    values = [abs(function(1.48**2, 1.0, model.potential)) for function in model.formula.functions]
    assert max(values[: order + 1]) < 1e-12
    assert min(values[order + 1 :], default=1.0) > 1e-3


@pytest.mark.parametrize(
    ("formula", "name", "functions"),
    [
        (kob_andersen(), "kob_andersen", lennard_jones.FUNCTIONS),
        (Formula("1/s**6", smooth=2), "ninarello3d", twelfth_power.FUNCTIONS),
        (Formula("(1 - r)**2 / 2"), "harmonic3d", soft_spheres.HARMONIC),
        (Formula("r**-10", smooth=3), "poly3d", None),
    ],
)
def test_the_same_as_the_potential_written_by_hand(formula, name, functions):
    """Value and four derivatives, to the rounding of the largest term."""
    shipped = {**MODELS, **OTHER_MODELS}[name]
    model = with_formula(formula, name)
    assert model.repulsive == shipped.repulsive
    by_hand = functions or tuple(getattr(pair_potential, f"phi{k or ''}") for k in range(5))
    for y in np.linspace(0.3, 1.0, 40) * shipped.cutoff**2:
        for w in (1.0, 0.88**-2):
            found, wanted = ([f(y, w, m.potential) for f in fs] for fs, m in
                             ((formula.functions, model), (by_hand, shipped)))  # fmt: skip
            # terms of the size of the bare potential cancel towards the cutoff
            np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=3e-14)


def test_smoothing_of_the_shipped_mixture_is_that_of_exact_arithmetic():
    """The formula's polynomial is solved for with 40 digits."""
    found = OTHER_MODELS["kob_andersen"].potential[1:6]
    np.testing.assert_allclose(found, with_formula(kob_andersen(), "kob_andersen").potential[4:9], rtol=1e-15)


# --- through the kernels --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shaken() -> Configuration:
    model, rng, side = OTHER_MODELS["kob_andersen"], np.random.default_rng(5), 6
    length = model.box_length(side**3)
    lattice = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) * (length / side)
    return Configuration(lattice + rng.uniform(-0.08, 0.08, lattice.shape), model.draw_diameters(side**3, rng), length)


def test_kernels_compile_a_formula_like_any_other_potential(shaken):
    shipped, model = OTHER_MODELS["kob_andersen"], with_formula(kob_andersen(), "kob_andersen")
    assert potential_energy(shaken, model) == pytest.approx(potential_energy(shaken, shipped), rel=1e-13)
    assert pressure(shaken, model) == pytest.approx(pressure(shaken, shipped), rel=1e-12)
    wanted = forces(shaken, shipped)
    np.testing.assert_allclose(forces(shaken, model), wanted, rtol=0, atol=1e-12 * np.abs(wanted).max())
    found, by_hand = Interactions.of(shaken, model), Interactions.of(shaken, shipped)
    for g in ("g1", "g2", "g3", "g4"):
        scale = np.abs(getattr(by_hand, g)).max()
        np.testing.assert_allclose(getattr(found, g), getattr(by_hand, g), rtol=0, atol=1e-13 * scale)


def test_other_values_compile_nothing_other_formulae_do(shaken):
    twice = dataclasses.replace(kob_andersen(), parameters={k: 2 * v for k, v in kob_andersen().parameters.items()})
    one, two = (with_formula(formula, "kob_andersen") for formula in (kob_andersen(), twice))
    assert type(one.potential) is type(two.potential)
    assert potential_energy(shaken, two) == pytest.approx(2 * potential_energy(shaken, one), rel=1e-13)
    third = with_formula(dataclasses.replace(kob_andersen(), expression="4 * (r**-12 - r**-4)"), "kob_andersen")
    assert type(third.potential) is not type(one.potential)


def test_the_order_of_the_parameters_does_not_matter():
    one, two = (Formula("a*exp(-b*s)", parameters) for parameters in ({"a": 1.0, "b": 2.0}, {"b": 2.0, "a": 1.0}))
    assert one == two and hash(one) == hash(two) and one.fields == two.fields == ("cutoff2", "a", "b")


def test_swaps_of_attracting_pairs_are_refused(shaken):
    model = with_formula(kob_andersen(), "kob_andersen")
    with pytest.raises(InputError, match="must be 0 for model 'mine', whose pairs attract"):
        equilibrate(shaken, model, 1.0, 10, np.random.default_rng(0))
    assert with_formula(YUKAWA).repulsive


# --- written down in other ways -------------------------------------------------------------------------------------


def test_a_sympy_expression_is_the_same_as_its_text():
    r, epsilon, xi = sympy.symbols("r epsilon xi", positive=True)
    formula = Formula(epsilon * sympy.exp(-(r - 1) / xi) / r, YUKAWA.parameters, smooth=4)
    for one, two in zip(formula.functions, YUKAWA.functions, strict=True):
        potential = with_formula(YUKAWA).potential
        assert one(1.3, 1.0, potential) == pytest.approx(two(1.3, 1.0, potential), rel=1e-13)
    number = 0.1 + 0.2
    assert Formula(sympy.Float(number) / r, smooth=4).expression == f"{number!r}/r"


def test_a_formula_may_get_a_name_of_its_own():
    define("yukawa", YUKAWA.fields, YUKAWA.functions, YUKAWA.values)
    named = dataclasses.replace(MODELS["ipl3d"], form="yukawa")
    assert tuple(named.potential) == tuple(with_formula(YUKAWA).potential)


def test_models_with_formulae_are_rebuilt_from_their_parameters():
    model = with_formula(kob_andersen(), "kob_andersen")
    written = json.dumps(model.parameters())
    assert Model.from_parameters("mine", json.loads(written)) == model
    assert json.loads(written)["formula"]["lowest_power"] == 12
    assert with_formula(Formula("(1 - r)**5"), cutoff=1.0).parameters()["formula"] == {"expression": "(1 - r)**5"}


@pytest.mark.slow  # a minimiser is compiled
def test_files_carry_the_formula(shaken, tmp_path):
    """Through the command line, from a file of another program to an inherent state that knows its potential."""
    xyz, edge = tmp_path / "glass.xyz", shaken.box_length
    rows = [f"{'AB'[int(size < 1)]} {x!r} {y!r} {z!r}"
            for size, (x, y, z) in zip(shaken.diameters, shaken.positions.tolist(), strict=True)]  # fmt: skip
    lattice = f'Lattice="{edge!r} 0 0 0 {edge!r} 0 0 0 {edge!r}" Properties=species:S:1:pos:R:3'
    xyz.write_text("\n".join([str(len(rows)), lattice, *rows]) + "\n")
    pytest.importorskip("ase")
    model = with_formula(kob_andersen(), "kob_andersen")
    command = ["read", str(xyz), "--model", "mine", "--model-parameters", json.dumps(model.parameters()), "--quench"]
    assert main([*command, "--diameters=A=1,B=0.88", "--output", str(tmp_path / "state.h5")]) == 0
    with ChunkReader(tmp_path / "state.h5") as reader:
        assert reader.model == model
        quenched = reader.configuration(0)
        energy = reader.row(0, "energy")["energy"]
    assert potential_energy(quenched, OTHER_MODELS["kob_andersen"]) / 216 == pytest.approx(energy, rel=1e-12)


# --- refused --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ({"expression": "epsilon/r"}, r"unknown name 'epsilon' \(known: r, s, pi; functions: sqrt, exp"),
        ({"expression": "a/r", "parameters": {"b": 1.0}}, "unknown name 'a'"),
        ({"expression": "1/r", "parameters": {"b": 1.0}}, "parameter 'b' appears neither in the expression nor"),
        ({"expression": "a + 1", "parameters": {"a": 1.0}}, "does not depend on r"),
        ({"expression": "r/r"}, "does not depend on r"),
        ({"expression": "sigma/r"}, "sigma, the pair's size, belongs into the strength"),
        ({"expression": "1/r", "strength": "r"}, "strength 'r': unknown name 'r'"),
        ({"expression": "gamma(r)"}, "unknown function 'gamma'"),
        ({"expression": "exp(r, 2)"}, r"'exp\(r, 2\)' is not understood"),
        ({"expression": "1/r^6"}, r"a power is written \*\*, not \^"),
        ({"expression": "1/r +"}, "is not arithmetic"),
        ({"expression": "r if r else 1"}, "is not understood"),
        ({"expression": "True/r"}, "'True' is not understood"),
        ({"expression": "1j/r"}, "'1j' is not understood"),
        ({"expression": "sqrt(-2)/r"}, "is no finite real number"),
        ({"expression": "r/0"}, "is no finite real number"),
        ({"expression": "r**(9**9)"}, "an exponent is larger than 1000"),
        ({"expression": "(10**300)**900/r"}, r"a number is larger than 1e\+300"),
        ({"expression": "-" * 1900 + "r"}, "is nested too deeply|not arithmetic"),
        ({"expression": "r" * 2001}, "has 2001 characters"),
        ({"expression": ""}, "has 0 characters"),
        ({"expression": ["r"]}, r"expression is \['r'\], must be text or a sympy expression"),
        ({"expression": "1/(r - 1.48)"}, r"its energy is not finite and real at the cutoff, r = 1.48"),
        ({"expression": "(1.48 - r)**2.5", "smooth": 4}, "its third derivative is not finite and real at the cutoff"),
        ({"expression": "log(1 - r)", "smooth": 4}, "its energy is not finite and real at the cutoff"),
        ({"expression": "log(r - 1)", "smooth": 4}, r"phi is not finite and real at r = 0.0074, inside the cutoff"),
        ({"expression": "1/(r - 0.74)", "smooth": 4}, r"phi is not finite and real at r = 0.74, inside the cutoff"),
        ({"expression": "1e-3/(r - 0.7123)**2 + r**-10", "smooth": 3}, "phi is not finite and smooth at r = 0.7123, inside"),
        ({"expression": "1e-9/(r - 0.7123) + r**-10", "smooth": 3}, "phi is not finite and smooth at r = 0.7123, inside"),
        ({"expression": "1e-4/(1 - (r/a)**12)", "smooth": 3, "parameters": {"a": 0.7123}}, "and smooth at r = 0.7123, in"),
        ({"expression": "r**-10 + log((exp(r) - exp(0.7123))**2)", "smooth": 3}, "and smooth at r = 0.7123, inside"),
        ({"expression": "1e-6*tan(2.2*r) + r**-10", "smooth": 3}, "and smooth at r = 0.713998, inside"),
        ({"expression": "((r - 0.7)**2)**1.5", "smooth": 3}, "has a kink"),
        ({"expression": "1/r"}, "its energy jumps at the cutoff, r = 1.48; ask for smoothing"),
        ({"expression": "1/r - 1/1.48"}, "its force jumps at the cutoff"),
        ({"expression": "exp(-r)", "strength": "(sigma - 1)**2"}, "its energy jumps at the cutoff"),
        ({"expression": "1/r", "smooth": 4, "strength": "1/(1.18 - sigma)"}, "not finite for pairs of every size"),
        ({"expression": "1/r", "smooth": 5}, "smooth is 5, must be the number of derivatives"),
        ({"expression": "1/r", "smooth": True}, "smooth is True"),
        ({"expression": "1/r", "smooth": 4, "lowest_power": 3}, "lowest_power is 3, must be an even number"),
        ({"expression": "a/r", "smooth": 4, "parameters": {"a": float("nan")}}, "parameter 'a' is nan, must be a finite"),
        ({"expression": "a/r", "smooth": 4, "parameters": {"a": "1"}}, "parameter 'a' is '1', must be a finite number"),
        ({"expression": "a/r", "parameters": [1.0]}, "parameters are .*, must be a mapping"),
        ({"expression": "exp/r", "parameters": {"exp": 1.0}}, "parameter 'exp' has a name that is taken"),
        ({"expression": "r*a__b", "parameters": {"a__b": 1.0}}, "parameter 'a__b' must be a name of letters"),
        ({"expression": "r", "power": 2}, "unknown entry 'power'"),
        ({"parameters": {}}, "the expression is missing"),
        ("1/r", "formula is '1/r', must be a block with an expression"),
    ],
)  # fmt: skip
def test_bad_formulae_are_refused_in_one_line(record, says):
    parameters = {**MODELS["ipl3d"].parameters(), "formula": record}
    with pytest.raises(InputError, match=f"^model 'mine': .*{says}") as caught:
        Model.from_parameters("mine", parameters)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["sin(r - 0.7123)/(r - 0.7123) + 1/r", "1/((r - 0.7123)**2 + 1e-4) + 1/r", "1/(exp(r) - 1)", "1/log(1 + r)", "r**r",
     "1/(r**12 + 0.7123)", "1/cosh(r) + 1/tanh(r)", "asin(r/1.5)", "-log(1 - (r/1.5)**2)", "1/(r - 1.49)"],
)  # fmt: skip
def test_divisors_without_a_pole_inside_are_no_error(text):
    assert np.isfinite(with_formula(Formula(text, smooth=3)).potential).all()


def test_form_and_formula_must_agree():
    parameters = {**MODELS["ipl3d"].parameters(), "formula": YUKAWA}
    assert Model.from_parameters("mine", parameters).form == "formula"
    with pytest.raises(InputError, match="form is 'harmonic', but a formula is given"):
        Model.from_parameters("mine", {**parameters, "form": "harmonic"})
    with pytest.raises(InputError, match="form is 'formula', but no formula is given"):
        Model.from_parameters("mine", {**MODELS["ipl3d"].parameters(), "form": "formula"})


@pytest.mark.parametrize(
    "text", ["__import__('os').getcwd()", "().__class__", "exp.__globals__", "[r for r in s]", "f'{r}'"]
)
def test_a_formula_is_never_run(text):
    with pytest.raises(InputError, match=r"is not understood|unknown"):
        with_formula(Formula(text))


def test_every_known_function_can_be_compiled():
    """sympy's name, the compiler's and Python's are the same."""
    for name in KNOWN_FUNCTIONS:
        formula = Formula(f"{name}(r/2)", smooth=4)
        assert np.isfinite(with_formula(formula, cutoff=1.5).potential).all()
        assert "math" in formula.functions[0].__globals__


def test_without_sympy_one_line_says_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name == "sympy" or name.startswith("sympy.")]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "nqe_core.potentials.formula_code", raising=False)
    monkeypatch.delattr("nqe_core.potentials.formula_code", raising=False)
    says = r"a formula needs the package 'sympy': pip install '\.\[formulae\]' in the folder of pyproject.toml$"
    with pytest.raises(InputError, match=says):
        with_formula(Formula("1/r", smooth=1))
