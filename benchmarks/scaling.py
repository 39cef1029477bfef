"""How the cost of each stage grows with N in 2D, 3D and 4D: fitted exponents and a plot.

    python benchmarks/cost.py benchmarks/scaling.tsv --output results/bench/scaling_sizes.csv
    python benchmarks/scaling.py nqe_core/cost.csv results/bench/scaling_sizes.csv --output results/bench

Reads tables of benchmarks/cost.py; writes scaling.csv (model, stage, exponent, error, smallest, largest, sizes) and
scaling.png. An exponent is the slope of a straight line through ln(seconds) against ln(N), its error that of the fit.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from nqe_core.cost import STAGES, Measurement, read_measurements

MODELS = {"ipl2d": "2D", "ipl3d": "3D", "ipl4d": "4D"}
FEWEST_SIZES = 3


def points(measured: list[Measurement], model: str, stage: str) -> np.ndarray:
    """N and seconds, by N; shape=(sizes, 2)."""
    found = {line.n_particles: line.seconds for line in measured if (line.model, line.stage) == (model, stage)}
    return np.array(sorted(found.items()))


def exponent(sizes: np.ndarray, seconds: np.ndarray) -> tuple[float, float]:
    """Slope of ln(seconds) against ln(N), and its standard error."""
    x, y = np.log(sizes), np.log(seconds)
    slope, offset = np.polyfit(x, y, 1)
    rest = y - slope * x - offset
    return float(slope), float(np.sqrt((rest @ rest) / (x.size - 2) / np.sum((x - x.mean()) ** 2)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, default=Path("results/bench"))
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    measured = [line for table in options.tables for line in read_measurements(table)]
    figure, panels = plt.subplots(1, len(MODELS), figsize=(11, 3.8), sharey=True, layout="constrained")
    with (options.output / "scaling.csv").open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["model", "stage", "exponent", "error", "smallest", "largest", "sizes"])
        for panel, (model, title) in zip(panels, MODELS.items(), strict=True):
            for number, stage in enumerate(STAGES):
                data = points(measured, model, stage)
                if len(data) < FEWEST_SIZES:
                    raise SystemExit(f"scaling: error: {model}, {stage}: {len(data)} sizes, need {FEWEST_SIZES}")
                slope, error = exponent(*data.T)
                smallest, largest = int(data[0, 0]), int(data[-1, 0])
                table.writerow([model, stage, f"{slope:.3f}", f"{error:.3f}", smallest, largest, len(data)])
                unit = " / sweep" if stage == "liquid" else ""
                panel.loglog(*data.T, "o-", color=f"C{number}", label=f"{stage}{unit}: {slope:.2f}({error:.2f})")
                print(f"{model} {stage:15} N^{slope:.2f} +- {error:.2f}  ({smallest} .. {largest}, {len(data)} sizes)")
            panel.set(xlabel="$N$", title=title)
            panel.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
            panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            panel.xaxis.set_minor_formatter(NullFormatter())
            panel.legend(fontsize=7, loc="upper left")
    panels[0].set_ylim(top=1e3)  # room for the legends
    panels[0].set_ylabel("CPU seconds per sample")
    figure.savefig(options.output / "scaling.png", dpi=130)


if __name__ == "__main__":
    main()
