"""Second wells along cubic modes, predicted and found: python docs/examples/double_wells.py results/demo/ipl2d_n400 ...

Reads a campaign's files of stage double_wells, of all ensembles that are named together. Prints two Markdown tables, in
classes of r = tau^2 / (3 kappa chi).
"""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from nqe_core.storage import ChunkReader

CLASSES = (0.0, 0.3, 0.6, 8 / 9, 1.0, 1.5, np.inf)
LEAST = 5  # samples of which a median is shown


def wells(folders):
    """Every glass in which no search failed, with its number of particles and class of r."""
    tables, paths = [], []
    for folder in folders:
        if not (found := sorted(Path(folder, "double_wells").glob("*.h5"))):
            sys.exit(f"{folder}: there are no files of stage double_wells")
        paths += found
    for path in paths:
        with ChunkReader(path, "double_wells") as reader:
            columns = {field.name: reader.column(field.name) for field in reader.fields}
            tables.append(pd.DataFrame(columns).assign(n_particles=reader.attributes["n_particles"]))
    table = pd.concat(tables)
    print(f"{len(table)} glasses, {(table['failure'] != '').sum()} failed\n")
    table = table[table["failure"] == ""]
    return table.assign(number=np.searchsorted(CLASSES, table["asymmetry"], "right") - 1)


def share(numbers):
    n, k = len(numbers), int(np.sum(numbers))
    return f"{k}/{n}" if n < 20 else f"{100 * k / n:.0f} ± {100 * np.sqrt(max(k, 1) * max(n - k, 1) / n**3):.0f} %"


def quartiles(numbers):
    values = np.asarray(numbers)[np.isfinite(numbers)]
    if len(values) < LEAST:
        return "–"
    return "{1:.3g} ({0:.2g} to {2:.2g})".format(*np.quantile(values, (0.25, 0.5, 0.75)))


def row(*cells):
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def head(names):
    cells = names.split(", ")
    row(*cells)
    print("|---" * len(cells) + "|")


def main(folders):
    table = wells(folders)
    parts = [
        (f"{low:.2f} to {high:.2f}", table[table["number"] == k]) for k, (low, high) in enumerate(pairwise(CLASSES))
    ]
    head("r, n, barrier found, its height over that of the expansion, 1 - overlap with the mode")
    for name, part in parts:
        tops = part[part["barrier_found"]]
        row(
            name, len(part), share(part["barrier_found"]),
            quartiles(tops["barrier_energy"] / tops["expected_barrier_energy"]),
            quartiles(1 - tops["barrier_along_mode"] / tops["barrier_distance"]),
        )  # fmt: skip
    print()
    head(
        "r, n, other minimum found, lower, its energy, of the expansion, its distance, of the expansion, particles that move"
    )
    for name, part in parts:
        found = part[part["minimum_found"]]
        row(
            name, len(part), share(part["minimum_found"]), share(found["minimum_energy"] < 0),
            quartiles(found["minimum_energy"]), quartiles(found["expected_minimum_energy"]),
            quartiles(found["minimum_distance"]), quartiles(found["expected_minimum_distance"]),
            quartiles(found["minimum_participation_ratio"] * found["n_particles"]),
        )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:] or sys.exit(__doc__.splitlines()[0]))
