"""Results to the last bit, whatever the process has computed, and hence compiled and linked, before."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import nqe_core

PROGRAM = """
import hashlib, sys
import numpy as np
from nqe_core import MODELS, Configuration, Interactions, forces, find_quartic_mode, lowest_modes, quench
from nqe_core import nonaffine_velocities

model, rng = MODELS["poly3d"], np.random.default_rng(5)
length = model.box_length(150)
start = Configuration(rng.random((150, 3)) * length, model.draw_diameters(150, rng), length)

def glass():
    return quench(start, model).configuration

def response():
    return nonaffine_velocities(Interactions.of(glass(), model))

def modes():
    interactions = Interactions.of(glass(), model)
    psi = lowest_modes(interactions).modes[0]
    return find_quartic_mode(interactions, psi).mode

steps = dict(forces=lambda: forces(start, model), glass=lambda: glass().positions, response=response, modes=modes)
for name in sys.argv[1:]:
    result = steps[name]()
print(hashlib.sha256(np.ascontiguousarray(result).tobytes()).hexdigest())
"""


def digest(*steps: str) -> str:
    """Of the last step's result, in a process of its own."""
    run = subprocess.run([sys.executable, "-c", PROGRAM, *steps], capture_output=True, text=True, check=True)
    return run.stdout.strip()


@pytest.mark.parametrize(
    "history", [("forces", "modes", "response"), ("modes", "response", "modes"), ("forces", "response", "glass")]
)
def test_results_do_not_depend_on_what_ran_before(history):
    # a kernel that others call is linked by name: the copy loaded first would serve all, with a rounding of its own
    assert digest(*history) == digest(history[-1])


COMPILATION = """
import hashlib
import numpy as np
from numba import njit
from nqe_core.kernels.bond_rows import Rows, inverse_blocks

@njit(fastmath=True, error_model="numpy")
def kernel(rows, box):
    return inverse_blocks(rows, box)

rng, n, pairs = np.random.default_rng(7), 300, 18000
nothing, start = np.empty(0), np.linspace(0, pairs, n + 1).astype(np.uint32)
rows = Rows(start, rng.integers(0, n, pairs).astype(np.uint32), rng.normal(size=4 * pairs), -rng.random(pairs),
            30 * rng.random(pairs), nothing, nothing)
for function in ORDER:
    result = function(rows, (6.0,) * 4)
    print(hashlib.sha256(result.tobytes()).hexdigest())
"""


def test_kernels_round_alike_whoever_compiles_them(tmp_path):
    found = set()
    for k, order in enumerate(("(kernel, inverse_blocks)", "(inverse_blocks, kernel)")):
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / str(k))}
        program = COMPILATION.replace("ORDER", order)
        for _ in range(2):  # compiles; finds it compiled
            run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
            assert run.returncode == 0, run.stderr
            found.update(run.stdout.split())
    assert len(found) == 1


def decorators(tree: ast.AST):
    """Line, function and keyword arguments of every kernel of a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Name) and decorator.id == "njit":
                    yield node, {}
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith("njit"):
                    yield node, {keyword.arg: keyword.value for keyword in decorator.keywords}


def test_every_kernel_says_how_it_rounds():
    """One that does not takes the flags of whichever kernel compiles it first: another rounding in another process."""
    silent, kernels = [], 0
    for path in Path(nqe_core.__file__).parent.rglob("*.py"):
        for function, options in decorators(ast.parse(path.read_text())):
            kernels += 1
            inlined = ast.unparse(options.get("inline", ast.Constant(""))) == "'always'"  # takes its caller's, always
            if not inlined and not {"fastmath", "error_model"} <= options.keys():
                silent.append(f"{path.name}:{function.lineno} {function.name}")
    assert kernels > 80
    assert not silent
