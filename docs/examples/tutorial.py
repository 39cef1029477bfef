"""The tutorial's picture: python docs/examples/tutorial.py [FILE]"""

import sys

import numpy as np

from nqe_core import MODELS, analyse, equilibrate, initial_configuration
from nqe_core.picture import draw_modes

model, rng = MODELS["ipl2d"], np.random.default_rng(7)
start = initial_configuration(model, 400, rng)
liquid = equilibrate(start, model, temperature=2.0, sweeps=300, rng=rng, swap_fraction=0.0).configuration
glass = analyse(liquid, model, quench_first=True)
modes = {"harmonic mode": glass.harmonic.modes[0], "quartic mode": glass.quartic.mode}
draw_modes((sys.argv[1:] or ["docs/images/tutorial.png"])[0], glass.configuration, modes)
