"""Pseudo-harmonic and quartic modes of the same glasses: python docs/examples/pseudoharmonic.py [MODEL N [n]]

Glasses are quenched from liquids at T = 2; both modes start from the lowest harmonic one. Prints a line of a Markdown table.
"""

import sys

import numpy as np

from nqe_core import (
    Interactions,
    equilibrate,
    find_pseudoharmonic_mode,
    find_quartic_mode,
    get_model,
    initial_configuration,
    lowest_modes,
    quench,
)


def main(name: str, n_particles: int, n_glasses: int) -> None:
    model, rows = get_model(name), []
    for seed in range(n_glasses):
        rng = np.random.default_rng([seed, n_particles])
        start = initial_configuration(model, n_particles, rng)
        liquid = equilibrate(start, model, 2.0, 200, rng, sampler="hybrid").configuration
        bonds = Interactions.of(quench(liquid, model).configuration, model)
        psi = lowest_modes(bonds).modes[0]
        soft, quartic = find_pseudoharmonic_mode(bonds, psi), find_quartic_mode(bonds, psi)
        assert soft.converged and quartic.converged
        overlap = abs(np.vdot(soft.mode, quartic.mode))
        ratio = soft.participation_ratio / quartic.participation_ratio
        rows.append((overlap, soft.stiffness / quartic.stiffness, ratio, soft.evaluations, quartic.evaluations))
    table = np.array(rows)
    quarter, median, upper = np.quantile(table, (0.25, 0.5, 0.75), axis=0)
    shown = [f"{m:.3g} ({a:.3g} to {b:.3g})" for m, a, b in zip(median, quarter, upper, strict=True)]
    print(f"| {name} | {n_particles} | {n_glasses} | {np.mean(table[:, 0] > 0.9):.0%} | {' | '.join(shown)} |")


if __name__ == "__main__":
    name, *numbers = (*sys.argv[1:], *("ipl3d", "1000", "40")[len(sys.argv) - 1 :])
    main(name, *map(int, numbers))
