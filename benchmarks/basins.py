"""How many quartic and cubic modes are the ones that the paper's conjugate gradient finds, by metric of the L-BFGS.

    python benchmarks/basins.py ipl3d 500 --samples 40

Prints the share of samples with another quartic mode (from psi) and another cubic mode (from the quartic mode of the
conjugate gradient), and in how many of these the L-BFGS found the lower energy.
"""

from __future__ import annotations

import argparse

import numpy as np
from glasses import short_glass

from nqe_core.harmonic import lowest_modes
from nqe_core.interactions import Interactions
from nqe_core.mode_energies import CubicEnergy, QuarticEnergy
from nqe_core.models import get_model
from nqe_core.nonlinear_modes import find_cubic_mode, find_quartic_mode, preconditioner

METRICS = ("block_jacobi", "polynomial", "factorised")
SAME = 1e-4  # of 1 - |overlap|


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("n_particles", type=int)
    parser.add_argument("--samples", type=int, default=40)
    options = parser.parse_args()
    model = get_model(options.model)
    others = {(metric, kind): [0, 0] for metric in METRICS for kind in ("quartic", "cubic")}
    for seed in range(options.samples):
        bonds = Interactions.of(short_glass(model, options.n_particles, seed), model)
        psi = lowest_modes(bonds).modes[0]
        quartic = find_quartic_mode(bonds, psi, method="macopt")
        cubic = find_cubic_mode(bonds, quartic.mode, method="macopt")
        for metric in METRICS:
            with_metric = {"metric": preconditioner(bonds, metric)}
            for kind, reference, found, energy in (
                ("quartic", quartic, find_quartic_mode(bonds, psi, **with_metric), QuarticEnergy(bonds)),
                ("cubic", cubic, find_cubic_mode(bonds, quartic.mode, **with_metric), CubicEnergy(bonds)),
            ):
                if 1.0 - abs(np.vdot(reference.mode, found.mode)) > SAME:
                    lower = energy.value(found.mode.ravel()) < energy.value(reference.mode.ravel())
                    others[metric, kind][0] += 1
                    others[metric, kind][1] += int(lower)
    for (metric, kind), (differ, lower) in others.items():
        print(f"{metric:13} {kind:8} differ in {differ} of {options.samples}, lower in {lower} of these")


if __name__ == "__main__":
    main()
