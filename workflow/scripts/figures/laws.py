"""The paper's laws, measured on the tables: one definition each, shared by the figures and the scorecard."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from campaign_data import ensembles, in_equilibrium

from nqe_core import statistics
from nqe_core.statistics import Estimate, PowerLaw

# "omega -> 0" of Eqs. 15 and 16, where hybridisation is weak; the paper states no cut. Modes of a box size that are
# softer than their median (in 3D the next quasilocalised modes hybridise first) and below this share of the first
# phonon band's frequency (in 2D the phonons do).
LOW_FREQUENCY = 0.6

# Exponents of densities hold for omega -> 0: they are fitted to the lowest TAIL_SHARE of the samples, or to as many as
# TAIL_SAMPLES where that share is smaller (fewer give errors above 10 %), but never to more than half of them; and, for
# frequencies, to what lies well below the phonons.
TAIL_SHARE = 0.05
TAIL_SAMPLES = 200
LEAST_TAILED = round(TAIL_SAMPLES / TAIL_SHARE)  # samples of an ensemble whose tail is no more than that share
BELOW_PHONONS = 0.9

# Column, symbol in the paper's units and exponent of each density that the paper predicts or relies on.
DENSITIES = {
    "harmonic_frequency": (r"$\omega_2/\omega_0$", 4.0),
    "quartic_frequency": (r"$\omega_4/\omega_0$", 4.0),
    "cubic_frequency": (r"$\omega_3/\omega_0$", 4.0),
    "barrier": (r"$\kappa_3^3/\tau_3^2$  $(m c_T^2)$", 1 / 4),
    "strain_threshold": (r"$x = \omega_3^4/|\tau_3\nu_3|$", 2 / 3),
}

# Differences of harmonic and quartic modes: column, exponent of omega_4 (Eqs. 15, 16), exponent of L in 2D (Eqs. 25, 20).
CONVERGENCE = {"energy_difference": (2, 2), "harmonic_quartic_mismatch": (4, 4)}


def low_frequency_cut(part: pd.DataFrame) -> float:
    """Upper cut in omega_4 of one box size for Eqs. 15 and 16."""
    return min(LOW_FREQUENCY * float(part["phonon_frequency"].iloc[0]), float(part["quartic_frequency"].median()))


def low_frequency(part: pd.DataFrame) -> pd.DataFrame:
    """The samples of a table below the `low_frequency_cut` of their own box size."""
    groups = [sub[sub["quartic_frequency"] < low_frequency_cut(sub)] for _, sub in part.groupby("n_particles")]
    return pd.concat(groups) if groups else part


def convergence_exponent(part: pd.DataFrame, column: str) -> PowerLaw:
    """Exponent of omega_4 in Eq. 15 or 16, for one box size or for several, each with a prefactor of its own."""
    low = low_frequency(part)
    return statistics.median_power_law(
        low["quartic_frequency"], low[column], blocks=low["block"], groups=low["n_particles"]
    )


def convergence_prefactors(samples: pd.DataFrame, column: str) -> tuple[np.ndarray, list[Estimate]]:
    """Box lengths and prefactors f(L) (column energy_difference) or g(L) (harmonic_quartic_mismatch) of Eqs. 15, 16."""
    exponent, lengths, values = CONVERGENCE[column][0], [], []
    for _, part in samples.groupby("n_particles"):
        frequency = part["quartic_frequency"].to_numpy()
        cut = low_frequency_cut(part)
        values.append(statistics.prefactor(frequency, part[column].to_numpy(), exponent, cut, part["block"]))
        lengths.append(float(part["length"].iloc[0]))
    return np.array(lengths), values


def tail_share(count: int) -> float:
    """Share of so many samples to which a density's exponent is fitted."""
    return min(0.5, max(TAIL_SHARE, TAIL_SAMPLES / max(count, 1)))


def density_cut(part: pd.DataFrame, column: str) -> float:
    """Upper cut of the fit of a density's exponent."""
    cut = float(part[column].quantile(tail_share(len(part))))
    if column.endswith("frequency"):
        cut = min(cut, BELOW_PHONONS * float(part["phonon_frequency"].iloc[0]))
    return cut


def softer_half(part: pd.DataFrame, mode: str) -> pd.DataFrame:
    """The samples whose mode lies below the median frequency of its box size: where laws of omega -> 0 are looked for."""
    median = part.groupby("ensemble")[f"{mode}_frequency"].transform("median")
    return part[part[f"{mode}_frequency"] <= median]


def common_exponent(part: pd.DataFrame, x: pd.Series, y: pd.Series) -> Estimate:
    """The exponent that all ensembles of a table share, each with an amplitude of its own."""
    return statistics.median_power_law(x, y, blocks=part["block"], groups=part["ensemble"]).exponent


def softer_exponent(part: pd.DataFrame, mode: str, column: str) -> Estimate:
    """Exponent of the mode's frequency in a column's size, over the softer half."""
    soft = softer_half(part, mode)
    return common_exponent(soft, soft[f"{mode}_frequency"], soft[column].abs())


def stiffness_exponent(part: pd.DataFrame) -> Estimate:
    """The exponent of omega_4 in how much stiffer cubic modes are than quartic ones (Fig. 7a), over the softer half."""
    soft = softer_half(part, "quartic")
    return common_exponent(soft, soft["quartic_frequency"], soft["cubic_energy_difference"])


def density_exponent(part: pd.DataFrame, column: str) -> Estimate:
    """Exponent of the density of a column of one ensemble, from the one lowest mode of each sample."""
    return statistics.lowest_mode_exponent(part[column].to_numpy(), density_cut(part, column), part["block"])


def stable_density_exponent(part: pd.DataFrame, column: str) -> Estimate:
    """The same of the modes that respect the bound (Eq. 32), below the cut of all.

    Minima that are taken as they come, the higher one of two wells as often as the lower one, have a tau that does not
    depend on omega, and D(omega) ~ omega^3; those of them with tau^2 < 3 kappa chi have omega^4 (Gurarie and Chalker,
    Phys. Rev. B 68, 134207).
    """
    stable = part[part["cubic_asymmetry"] <= 1]
    return statistics.lowest_mode_exponent(stable[column].to_numpy(), density_cut(part, column), stable["block"])


def largest_ensembles(samples: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The ensemble with most samples of each family, dimension and parent temperature."""
    for name, part in ensembles(samples):
        row = part.iloc[0]
        rivals = samples[(samples["family"] == row["family"]) & (samples["dimension"] == row["dimension"])]
        rivals = rivals[rivals["parent_temperature"] == row["parent_temperature"]]
        if name == largest_ensemble(rivals)["ensemble"].iloc[0]:
            yield name, part


def largest_ensemble(samples: pd.DataFrame) -> pd.DataFrame:
    """The rows of the ensemble with most samples (of equal ones, the first by name)."""
    return samples[samples["ensemble"] == samples["ensemble"].value_counts(sort=True).sort_index().idxmax()]


def above_bound(part: pd.DataFrame) -> Estimate:
    """Share of cubic modes that exceed tau^2 = 3 kappa chi (Eq. 32)."""
    return statistics.proportion(part["cubic_asymmetry"] > 1, part["block"])


def largest_boxes(samples: pd.DataFrame) -> pd.DataFrame:
    """Of each parent temperature, the samples of the largest N whose liquids are in equilibrium, where there are any."""
    parts = [in_equilibrium(part) for _, part in samples.groupby("parent_temperature")]
    kept = pd.concat(parts).sort_index() if parts else samples
    return kept[kept["n_particles"] == kept.groupby("parent_temperature")["n_particles"].transform("max")]


def exponent_text(estimate: Estimate) -> str:
    """ "4.1 ± 0.2", or a dash when there were too few samples."""
    if not estimate.known:
        return "–"
    digits = min(3, max(1, 1 - math.floor(math.log10(max(estimate.error, 1e-3)))))
    return f"{estimate.value:.{digits}f} ± {estimate.error:.{digits}f}"
