"""Second wells along cubic modes, predicted and found: python docs/examples/double_wells.py results/batch/ipl2d_n1600 [n]

Reads a campaign's inherent states and cubic modes. Of up to n glasses (100) of each class of r = tau^2 / (3 kappa chi) the
barrier along the mode is looked for, and the minimum beyond it. Prints two Markdown tables.
"""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np

from nqe_core.double_wells import QuarticExpansion, find_saddle, find_second_minimum
from nqe_core.storage import ChunkReader

CLASSES = (0.0, 0.3, 0.6, 8 / 9, 1.0, 1.5, np.inf)
LEAST = 5  # samples of which a median is shown


def glasses(folder):
    """Address, expansion and class of every glass of an ensemble."""
    for path in sorted(Path(folder, "cubic").glob("*.h5")):
        with ChunkReader(path) as reader:
            names = ("sample", "stiffness", "cubic_coefficient", "quartic_coefficient", "failure")
            for sample, *coefficients, failure in zip(*map(reader.column, names), strict=True):
                if not failure:
                    expansion = QuarticExpansion(*map(float, coefficients))
                    yield path, int(sample), expansion, int(np.searchsorted(CLASSES, expansion.asymmetry, "right")) - 1


def look(path, sample, expansion):
    """Of one glass: minimum and barrier that were found, or None."""
    with ChunkReader(path) as modes, ChunkReader(path.parents[1] / "inherent_state" / path.name) as states:
        glass, z = states.configuration(sample), modes.row(sample, "modes")["modes"]
        top = find_saddle(glass, states.model, z, expansion)
        return find_second_minimum(glass, states.model, z, expansion, top), top


def share(numbers):
    n, k = len(numbers), sum(numbers)
    return f"{k}/{n}" if n < 20 else f"{100 * k / n:.0f} ± {100 * np.sqrt(max(k, 1) * max(n - k, 1) / n**3):.0f} %"


def quartiles(numbers):
    values = [number for number in numbers if np.isfinite(number)]
    if len(values) < LEAST:
        return "–"
    return "{1:.3g} ({0:.2g} to {2:.2g})".format(*np.quantile(values, (0.25, 0.5, 0.75)))


def row(*cells):
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def head(names):
    cells = names.split(", ")
    row(*cells)
    print("|---" * len(cells) + "|")


def main(folder, most):
    classes = [[] for _ in CLASSES[1:]]
    for path, sample, expansion, number in glasses(folder):
        if len(classes[number]) < most:
            classes[number].append((path, sample, expansion))
    names = [f"{low:.2f} to {high:.2f}" for low, high in pairwise(CLASSES)]
    found = [[(expansion, *look(path, sample, expansion)) for path, sample, expansion in chosen] for chosen in classes]
    head("r, n, barrier found, over that of the expansion, over 2 kappa^3 / (3 tau^2), 1 - overlap with the mode")
    for name, rows in zip(names, found, strict=True):
        tops = [(expansion, top) for expansion, _, top in rows if top]
        row(
            name, len(rows), share([top is not None for *_, top in rows]),
            quartiles([top.energy / expansion.energy(expansion.saddle) for expansion, top in tops]),
            quartiles([1.5 * top.energy * e.cubic_coefficient**2 / e.stiffness**3 for e, top in tops]),
            quartiles([1 - top.along_mode / top.distance for _, top in tops]),
        )  # fmt: skip
    print()
    head("r, n, other minimum found, lower, energy, of the expansion, distance, of the expansion, particles")
    for name, rows in zip(names, found, strict=True):
        wells = [(expansion, well) for expansion, well, _ in rows if well]
        row(
            name, len(rows), share([well is not None for _, well, _ in rows]),
            share([well.energy < 0 for _, well in wells]),
            quartiles([well.energy for _, well in wells]),
            quartiles([expansion.energy(expansion.second_minimum) for expansion, _ in wells]),
            quartiles([well.distance for _, well in wells]),
            quartiles([abs(expansion.second_minimum) for expansion, _ in wells]),
            quartiles([well.participation_ratio * well.configuration.n_particles for _, well in wells]),
        )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 100)
