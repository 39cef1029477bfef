"""Compiled kernels of a potential are found again as long as all that went into them is the same, and only then."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import types
from functools import partial

import numpy as np
import pytest
from numba import njit, vectorize

import nqe_core.potentials as potentials
from nqe_core import Configuration, InputError, potential_energy
from nqe_core.kernels.parameter_types import REGISTERED
from nqe_core.models import Model, get_model
from nqe_core.potentials import define
from nqe_core.potentials.fingerprint import as_it_is_now, fingerprint
from nqe_core.potentials.formula import Formula

HEIGHT, TABLE, NOTHING = 1.5, np.array([1.0, 2.0]), object()
PAIR = Configuration([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0]], [1.0, 1.0], 10.0)


def zero(y, w, potential):
    return 0.0


def of(function) -> str:
    return fingerprint("mine", (function, zero, zero, zero, zero))


def read(source: str, **names):
    """The function `phi` of a source, with these globals."""
    namespace = {"__name__": "users_script", "np": np, "math": math, **names}
    exec(source, namespace)
    return namespace["phi"]


def step_model(function, name="step") -> Model:
    define(name, ("cutoff2",), (function, zero, zero, zero, zero), lambda cutoff: (cutoff**2,))
    return Model.from_parameters(name, {**get_model("harmonic3d").parameters(), "form": name, "number_density": 0.01})


# --- what counts ----------------------------------------------------------------------------------------------------

USES_A = "def phi(y, w, potential): return A * y"
CALLS = "def phi(y, w, potential): return helper(y)"
NESTED = "def phi(y, w, potential): return (lambda x: A * x)(y)"


def helper(source: str = "def phi(y): return 2.0 * y", **names):
    return read(source, **names)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (read(USES_A, A=1.0), read(USES_A, A=3.0)),
        (read(USES_A, A=1), read(USES_A, A=1.0)),
        (read(USES_A, A=1), read(USES_A, A=True)),
        (read(USES_A, A=0.0), read(USES_A, A=-0.0)),
        (read(USES_A, A=(1, 2.0)), read(USES_A, A=(1, 3.0))),
        (read(USES_A, A=np.float64(1)), read(USES_A, A=np.float32(1))),
        (read(USES_A, A=np.array([1.0, 2.0])), read(USES_A, A=np.array([1.0, 2.5]))),
        (read(USES_A, A=np.arange(6.0)), read(USES_A, A=np.arange(6.0).reshape(2, 3))),
        (read(NESTED, A=1.0), read(NESTED, A=3.0)),
        (read("def phi(y, w, potential): return (lambda x: 1.0 * x)(y)"),
         read("def phi(y, w, potential): return (lambda x: 3.0 * x)(y)")),
        (read("def phi(y, w, potential, A=1.0): return A * y"), read("def phi(y, w, potential, A=3.0): return A * y")),
        (read("def phi(y, w, potential, *, A=1.0): return A * y"),
         read("def phi(y, w, potential, *, A=3.0): return A * y")),
        (read(CALLS, helper=helper()), read(CALLS, helper=helper("def phi(y): return 3.0 * y"))),
        (read(CALLS, helper=njit(helper())), read(CALLS, helper=njit(helper("def phi(y): return 3.0 * y")))),
        (read(CALLS, helper=njit(helper())), read(CALLS, helper=njit(fastmath=True)(helper()))),
        (read(CALLS, helper=njit(helper("def phi(y): return A * y", A=1.0))),
         read(CALLS, helper=njit(helper("def phi(y): return A * y", A=3.0)))),
        (read(CALLS, helper=helper("def phi(y): return inner(y)", inner=njit(helper("def phi(y): return A", A=1)))),
         read(CALLS, helper=helper("def phi(y): return inner(y)", inner=njit(helper("def phi(y): return A", A=2))))),
        (read(CALLS, helper=vectorize(helper())), read(CALLS, helper=vectorize(helper("def phi(y): return 3.0 * y")))),
        (read(CALLS, helper=np.exp), read(CALLS, helper=np.log)),
        (read(CALLS, helper=math.exp), read(CALLS, helper=np.exp)),
        (read(CALLS, helper=min), read(CALLS, helper=max)),
        (read("def phi(y, w, potential): return np.exp(y)"), read("def phi(y, w, potential): return np.log(y)")),
        (read("def phi(y, w, potential): return np.exp(y)", np=np),
         read("def phi(y, w, potential): return np.exp(y)", np=math)),
    ],
)  # fmt: skip
def test_everything_that_is_compiled_in_counts(one, other):
    assert of(one) != of(other)


def test_closures_and_modules_of_ones_own_count():
    def factory(scale):
        def phi(y, w, potential):
            return scale * y

        return phi

    assert of(factory(1.0)) != of(factory(3.0))
    assert of(factory(1.0)) == of(factory(1.0))
    source, found = "def phi(y, w, potential): return constants.inner.A * y", []
    for a, other in ((1.0, 0), (3.0, 0), (1.0, 5)):
        constants, constants.inner = types.ModuleType("constants"), types.ModuleType("constants.inner")
        constants.inner.A, constants.inner.not_used = a, other
        found.append(of(read(source, constants=constants)))
    assert found[0] != found[1]
    assert found[0] == found[2]


def test_what_is_not_compiled_in_does_not_count():
    one, other = read(USES_A, A=1.0, B=1.0), read("\n\n# moved\n" + USES_A, A=1.0, B=NOTHING)
    assert of(one) == of(other)
    before = of(one)
    for _ in range(100):  # the interpreter rewrites code that runs often
        one(1.0, 1.0, None)
    assert of(one) == before
    # an attribute of the parameters that has the name of a global
    source = "def phi(y, w, potential): return potential.edge * y"
    assert of(read(source, edge=1.0)) == of(read(source, edge=NOTHING))


def test_functions_may_call_each_other_in_circles():
    source = "def phi(y, w, potential): return 1.0 if y < A else other(y)\ndef other(y): return phi(y - 1.0, 1.0, None)"
    assert of(read(source, A=1.0)) == of(read(source, A=1.0)) != of(read(source, A=2.0))


# --- refused --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (read(USES_A, A=NOTHING), "'A' in phi is of type object; only numbers"),
        (read(USES_A, A=[1.0]), "'A' in phi is of type list"),
        (read(USES_A, A=np.array([None])), "'A' in phi is of type ndarray"),
        (read(USES_A, A=(1.0, NOTHING)), "'A' in phi is of type object"),
        (read(NESTED, A=NOTHING), "'A' in phi is of type object"),
        (read(USES_A), "'A' in phi is not defined yet"),
        (read(USES_A, A=types.ModuleType("mine")), "'A' in phi is of type module"),
        (read("def phi(y, w, potential): return my.A", my=types.ModuleType("my")), "'my.A' in phi is not defined yet"),
        (read(CALLS, helper=partial(max, 1.0)), "'helper' in phi is of type partial"),
        (read(CALLS, helper=njit(helper("def phi(y): return A", A=NOTHING))), "'A' in phi is of type object"),
        (read("def phi(y, w, potential, A=B): return A * y", B=NOTHING), "a default of phi is of type object"),
        (np.exp, "<ufunc 'exp'> must be a plain Python function"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_apart_is_refused_in_one_line(function, says):
    with pytest.raises(InputError, match=f"^potential 'mine': {says}") as caught:
        step_model(function, "mine")
    assert "\n" not in str(caught.value)
    assert "mine" not in potentials.POTENTIALS


# --- through the kernels --------------------------------------------------------------------------------------------


def of_height(height):
    def phi(y, w, potential):
        return height + 0.0 * y

    return phi


def test_a_closure_made_anew_under_the_same_name_is_compiled_anew():
    for height in (1.5, 2.5, 1.5):
        assert potential_energy(PAIR, step_model(of_height(height), "closure_step")) == height


def test_values_are_those_at_the_definition(monkeypatch):
    """Kernels are compiled later, and are kept under the checksum of then."""

    def phi(y, w, potential):
        return HEIGHT * TABLE[1]

    table = TABLE.copy()
    model = step_model(phi, "global_step")
    monkeypatch.setitem(globals(), "HEIGHT", 7.0)
    TABLE[1] = 11.0
    try:
        assert potential_energy(PAIR, model) == 3.0
        assert REGISTERED[type(model.potential)][0](1.0, 1.0, model.potential) == 3.0
        assert potential_energy(PAIR, step_model(phi, "global_step")) == 77.0
    finally:
        TABLE[:] = table


def test_a_copy_is_the_same_function():
    def phi(y, w, potential, scale=2.0, *, shift=1.0):
        return scale * y * HEIGHT + shift + len(str(w))

    copy = as_it_is_now(phi)
    assert copy(3.0, 1, None) == phi(3.0, 1, None) == 11.0
    assert (copy.__name__, copy.__module__, copy.__kwdefaults__) == ("phi", __name__, {"shift": 1.0})
    assert of(copy) == of(phi)


@pytest.mark.slow  # four processes compile
def test_kernels_on_disk_are_those_of_the_values(tmp_path):
    """Two runs of one script with another global, and another helper, do not share kernels; a last one finds its."""
    program = """
import numpy as np
from numba import njit
from nqe_core import Configuration, potential_energy
from nqe_core.kernels.forces import pair_sums
from nqe_core.models import Model, get_model
from nqe_core.potentials import define
A = {a}
@njit
def twice(x): return {b} * x
def flat(y, w, potential): return A + twice(y)
def zero(y, w, potential): return 0.0
define("step", ("cutoff2",), (flat, zero, zero, zero, zero), lambda cutoff: (cutoff**2,))
values = {{**get_model("harmonic3d").parameters(), "form": "step", "number_density": 0.01}}
pair = Configuration([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0]], [1.0, 1.0], 10.0)
print(potential_energy(pair, Model.from_parameters("step", values)), sum(pair_sums.stats.cache_hits.values()))
"""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    for a, b, found in ((1.0, 2.0, "1.5 0"), (3.0, 2.0, "3.5 0"), (1.0, 4.0, "2.0 0"), (1.0, 2.0, "1.5 1")):
        (tmp_path / "script.py").write_text(program.format(a=a, b=b))
        command = [sys.executable, str(tmp_path / "script.py")]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert run.stdout.strip() == found


def test_two_processes_agree_on_every_checksum():
    """Whatever the order of sets and the addresses are."""
    program = """
import numpy as np
from numba import njit, prange
from nqe_core.kernels.parameter_types import REGISTERED
from nqe_core.potentials import Formula, define, of_formula
TABLE, PAIR, EXP = np.arange(3.0), (1, "a"), np.exp
@njit(fastmath={"nnan", "ninf", "nsz", "arcp"})
def helper(y): return TABLE[0] * y
def phi(y, w, potential): return helper(y) + EXP(PAIR[0]) + (lambda x: x in {"a", "b", "c", "d"})("a")
define("mine", ("cutoff2",), (phi,) * 5, lambda cutoff: (cutoff**2,))
of_formula(Formula("q*erfc(k*r)/r + r**-n + sin(pi*r)*tanh(r)", {"q": 1.3, "k": 1.1, "n": 9.5}, smooth=4), 2.0)
print(*sorted(kind.__name__ for kind in REGISTERED))
"""
    found = [
        subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True,
                       text=True, check=True).stdout.split() for seed in ("0", "7")
    ]  # fmt: skip
    assert found[0] == found[1]
    assert [name.split("__")[0] for name in found[0]] == [
        "formula", "harmonic", "hertzian", "lennard_jones", "mine", "twelfth_power"
    ]  # fmt: skip


def test_a_formulas_checksum_is_that_of_its_code():
    one, same, other = (Formula(text, {"a": a}, smooth=1) for text, a in (("a/r", 1.0), ("a/r", 2.0), ("a/r**2", 1.0)))
    checksums = [fingerprint("formula", formula.functions) for formula in (one, same, other)]
    assert checksums[0] == checksums[1] != checksums[2]
