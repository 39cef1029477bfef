"""Glasses of the potentials beside the paper's, quenched and analysed: python docs/examples/other_potentials.py [N [n]]

Prints one line of a Markdown table per model: means with standard errors over n glasses of N particles. Quartic modes that
did not converge are left out and counted.
"""

import sys

import numpy as np

from nqe_core import (
    Interactions,
    find_pseudoharmonic_mode,
    find_quartic_mode,
    initial_configuration,
    lowest_modes,
    quench,
    shear_modulus,
)
from nqe_core.models import OTHER_MODELS

HEAD = ("model", "U/N", "shear modulus", "kappa of psi", "of the pseudo-harmonic mode", "of pi4", "pi4 converged")


def of_glass(model, n_particles: int, seed: int) -> list[float]:
    """Numbers of one glass; NaN where there is no quartic mode."""
    rng = np.random.default_rng([seed, n_particles])
    glass = quench(initial_configuration(model, n_particles, rng), model)
    bonds = Interactions.of(glass.configuration, model)
    harmonic = lowest_modes(bonds)
    soft, quartic = (find(bonds, harmonic.modes[0]) for find in (find_pseudoharmonic_mode, find_quartic_mode))
    assert glass.converged and soft.converged
    kappa = quartic.stiffness if quartic.converged else np.nan
    return [glass.energy, shear_modulus(bonds), harmonic.eigenvalues[0], soft.stiffness, kappa]


def main(n_particles: int, n_glasses: int) -> None:
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
    for name, model in OTHER_MODELS.items():
        table = np.array([of_glass(model, n_particles, seed) for seed in range(n_glasses)])
        shown = []
        for column in table.T:
            kept = column[np.isfinite(column)]
            error = kept.std(ddof=1) / np.sqrt(len(kept)) if len(kept) > 1 else np.nan
            shown.append(f"{kept.mean():.4g} ± {error:.1g}" if len(kept) > 1 else "-")
        print(f"| {name} | {' | '.join(shown)} | {len(kept)} of {n_glasses} |", flush=True)


if __name__ == "__main__":
    main(*(int(argument) for argument in (*sys.argv[1:], *(500, 20)[len(sys.argv) - 1 :])))
