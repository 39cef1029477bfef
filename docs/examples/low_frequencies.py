"""The tables of docs/findings.md: how cubic modes behave towards low frequencies, from a campaign's tables.

python docs/examples/low_frequencies.py results/reference
"""

import sys
from itertools import pairwise
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "workflow/scripts/figures"))

import laws
import numpy as np
from campaign_data import read_samples

from nqe_core import statistics
from nqe_core.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
SHARES = (1, 1 / 2, 1 / 4, 1 / 10, 1 / 20, 1 / 50)
EDGES = (0.03, 0.05, 0.07, 0.10, 0.14, 0.20, 0.30)
TAILS = (0.02, 0.05, 0.10, 0.20)
BOUNDS = (0.6, 1, 1.5, 2)
LEAST = 1000  # samples of an ensemble whose densities are shown


def ensembles(results, model):
    """The fine samples of every ensemble of a model."""
    tables = sorted(str(path) for path in Path(results).glob(f"{model}_n*/observables.parquet"))
    if not tables:
        raise InputError(f"{results}: no {model}_n*/observables.parquet")
    samples = read_samples(tables, ROOT / "config/models.yaml")
    return samples[samples["fine"]]


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |")


def head(*cells):
    row(*cells)
    print("|---" * len(cells) + "|")


def text(estimate, digits=2):
    return f"{estimate.value:.{digits}f} ± {estimate.error:.{digits}f}" if estimate.known else "–"


def exponents(samples):
    """Exponents of omega_3, of the softest share of every N, with an amplitude for each N."""
    frequency = samples.groupby("ensemble")["cubic_frequency"]
    head("softest share of each N", "n", "tau_3", "chi_3", "tau_3^2 / (3 kappa_3 chi_3)")
    for share in SHARES:
        soft = samples[samples["cubic_frequency"] <= frequency.transform("quantile", share)]  # laws.softer_half at 1/2
        fits = [
            statistics.median_power_law(
                soft["cubic_frequency"], soft[name].abs(), blocks=soft["block"], groups=soft["ensemble"]
            ).exponent
            for name in ("cubic_cubic_coefficient", "cubic_quartic_coefficient", "cubic_asymmetry")
        ]
        row("all" if share == 1 else f"1/{1 / share:.0f}", len(soft), *map(text, fits))


def bound(part):
    """The ratio of Eq. 32, the share above the bound, and how much stiffer cubic modes are, by frequency."""
    head("omega", "n", "median tau_3^2 / (3 kappa_3 chi_3)", "share above the bound", "omega_3^2 / omega_4^2 - 1")
    for low, high in pairwise(EDGES):
        cubic, quartic = (part[part[f"{mode}_frequency"].between(low, high, "left")] for mode in ("cubic", "quartic"))
        share = statistics.proportion(cubic["cubic_asymmetry"] > 1, cubic["block"])
        stiffer = statistics.median(100 * quartic["cubic_energy_difference"], quartic["block"])
        row(f"{low:.2f} to {high:.2f}", len(cubic), text(statistics.median(cubic["cubic_asymmetry"], cubic["block"])),
            f"{100 * share.value:.1f} ± {100 * share.error:.1f} %", f"{text(stiffer, 1)} %")  # fmt: skip


def densities(results):
    """Exponents of the densities of all modes, and of those that respect the bound; in the end their weighted means."""
    head("", "n", *(f"{name}, {which}" for name in ("D(omega_2)", "D(omega_4)", "D(omega_3)", "p(V_B)", "p(x)")
                    for which in ("all", "below the bound")))  # fmt: skip
    found = []
    for model in ("ipl2d", "ipl3d", "poly3d"):
        for name, part in ensembles(results, model).groupby("ensemble"):
            if len(part) >= LEAST:
                fits = [fit(part, column) for column in laws.DENSITIES
                        for fit in (laws.density_exponent, laws.stable_density_exponent)]  # fmt: skip
                row(name, len(part), *map(text, fits))
                found.append((len(part), fits))
    if found:
        columns = zip(*(fits for _, fits in found), strict=True)
        row(f"mean of {len(found)}", sum(count for count, _ in found), *map(weighted, columns))


def weighted(fits):
    """Mean of independent ensembles' exponents, weighted by their errors, and how many errors they scatter by."""
    values, errors = (np.array([getattr(fit, name) for fit in fits if fit.known]) for name in ("value", "error"))
    if not len(values):
        return "–"
    mean, error = np.average(values, weights=errors**-2.0), np.sum(errors**-2.0) ** -0.5
    chi_squared = np.sum(((values - mean) / errors) ** 2)
    return f"{mean:.2f} ± {error:.2f} (chi^2 {chi_squared:.1f} of {len(values) - 1})"


def choices(part):
    """What the exponents of D(omega_4) and D(omega_3) owe to the cut of the tail and to the bound itself."""
    head("softest share", *(f"{symbol}, {which}" for symbol in ("D(omega_4)", "D(omega_3)")
                            for which in ("all", "below the bound")))  # fmt: skip
    stable = part[part["cubic_asymmetry"] <= 1]
    columns = ("quartic_frequency", "cubic_frequency")
    for share in TAILS:
        row(f"{100 * share:.0f} %", *(text(tail(of, column, share)) for column in columns for of in (part, stable)))
    print()
    head("tau_3^2 / (3 kappa_3 chi_3) below", "n", "D(omega_4)", "D(omega_3)")
    for most in BOUNDS:
        of = part[part["cubic_asymmetry"] <= most]
        row(most, len(of), *(text(laws.density_exponent(of, column)) for column in columns))


def tail(part, column, share):
    """Exponent of the lowest share of the samples."""
    return statistics.lowest_mode_exponent(part[column].to_numpy(), part[column].quantile(share), part["block"])


def main(results):
    for model in ("ipl2d", "ipl3d", "poly3d"):
        samples = ensembles(results, model)
        print(f"\n## {model}\n")
        if model != "poly3d":  # at several temperatures
            exponents(samples)
        for name, part in samples.groupby("ensemble"):
            if len(part) >= LEAST:
                print(f"\n{name}\n")
                bound(part)
    print("\n## Densities\n")
    densities(results)
    print("\n## Densities of the 3D ensemble with most samples: cut and bound\n")
    choices(laws.largest_ensemble(ensembles(results, "ipl3d")))


if __name__ == "__main__":
    np.seterr(all="ignore")
    try:
        main(*(sys.argv[1:] or ["results/reference"]))
    except (InputError, TypeError) as error:
        sys.exit(f"nqe: error: {error}")
