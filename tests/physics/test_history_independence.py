"""Results to the last bit, whatever the process has computed, and hence compiled and linked, before."""

import subprocess
import sys

import pytest

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
