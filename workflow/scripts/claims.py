"""Numbers and laws of the paper, and ours for each: what the scorecard compares.

The accepted range of a claim is what would be called the same number: the paper's own statistical uncertainty where its
ensemble size gives one, otherwise a tolerance named here (the paper prints few errors).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import laws
import numpy as np
import pandas as pd

from nqe_core import statistics
from nqe_core.models import Model
from nqe_core.statistics import Estimate

MODULUS_TOLERANCE = 0.02  # relative; Table II prints three digits without errors
MODULUS_SAMPLES = 20
EXPONENT_TOLERANCE = 0.1  # relative, of exponents read from log-log plots
PAPER_SHARES = {1.30: 66, 0.50: 46, 0.35: 5}  # cubic modes above the bound, of 1000 samples of N = 8000 (Fig. 8)
TOO_FEW = "too few samples"
WEAK = 0.5  # "weakly L-dependent" (3D): an exponent of L below this share of the phonons' one (2D)

RULE = (
    "Rule: with our 95 % interval and the accepted range, no overlap is \"differs\"; overlap and an interval no wider than "
    "the range is \"agrees\"; otherwise \"too few samples\", with the number of samples for which the interval would be as "
    "narrow as the range (or, where there is none yet, with that for a first one). The accepted range is the paper's own "
    "statistical uncertainty where its ensemble gives one (Fig. 8), otherwise a stated tolerance. Errors are bootstrap "
    "errors (standard errors for means, Wilson intervals for shares) that take Monte Carlo walkers, not samples, as "
    "independent: whole walkers are drawn with replacement, since samples of one walker resemble each other where its "
    "relaxation is slow; intervals from few walkers are widened as Student's are, fewer than four walkers give none, and "
    "where none or all of the samples count for a share, each walker is taken for one sample."
)  # fmt: skip


@dataclass(frozen=True)
class Claim:
    """One row of the scorecard.

    Parameters
    ----------
    source : str
        Where the paper says it.
    claim : str
        What it says.
    ensembles : str
        What ours is measured on.
    paper : str
        The paper's value as printed.
    accepted : tuple of float
        Range that counts as the same.
    ours : Estimate
    least_samples : int
        Fewer than this cannot be compared, whatever the error.
    share : bool
        Ours is a share of the samples (its interval shrinks faster than 1/sqrt(n) where nearly all or none count).
    """

    source: str
    claim: str
    ensembles: str
    paper: str
    accepted: tuple[float, float]
    ours: Estimate
    least_samples: int = 0
    share: bool = False

    @property
    def verdict(self) -> str:
        """Whether our number is the paper's: by the interval rule that `RULE` states."""
        ours, (low, high) = self.ours, self.accepted
        if not ours.known or ours.count < self.least_samples:
            return TOO_FEW
        if ours.high < low or ours.low > high:
            return "differs"
        # the last digits of an interval's ends are rounding
        return "agrees" if ours.high - ours.low <= (high - low) * (1 + 1e-9) else TOO_FEW

    @property
    def samples_needed(self) -> float:
        """Where there are too few: samples for which the interval shrinks to the accepted width, or NaN."""
        ours, width = self.ours, self.accepted[1] - self.accepted[0]
        if self.verdict != TOO_FEW:
            return math.nan
        if not ours.known:  # what a first estimate takes
            walkers = math.ceil(ours.count * statistics.LEAST_BLOCKS / max(ours.blocks, 1))
            return float(max(self.least_samples, statistics.LEAST_SAMPLES, walkers))
        if self.share:
            expected = min(max(ours.value, self.accepted[0]), self.accepted[1])
            ratio = _trials(expected, width) / _trials(ours.value, ours.high - ours.low)
            return float(math.ceil(ours.count * ratio))
        return float(max(math.ceil(ours.count * ((ours.high - ours.low) / width) ** 2), self.least_samples))


def _trials(share: float, width: float) -> int:
    """Independent samples for which Wilson's interval of a share is no wider than `width`."""
    few, many = 0, 1
    while np.subtract(*statistics.wilson_interval(share * many, many)[::-1]) > width * (1 + 1e-9):
        few, many = many, 2 * many
    while many - few > 1:
        middle = (few + many) // 2
        narrow = np.subtract(*statistics.wilson_interval(share * middle, middle)[::-1]) <= width * (1 + 1e-9)
        few, many = (few, middle) if narrow else (middle, many)
    return many


def around(value: float, relative: float = EXPONENT_TOLERANCE) -> tuple[float, float]:
    """The value plus or minus a relative tolerance."""
    return value - abs(value) * relative, value + abs(value) * relative


def all_claims(samples: pd.DataFrame, models: dict[str, Model]) -> list[Claim]:
    """Every row of the scorecard; ensembles that are missing give rows without a value."""
    fine = samples[samples["fine"]]
    parts = (moduli(fine, models), localisation(fine), softest(fine), pairs(fine), convergence(fine), cubic(fine),
             bound(fine), couplings(fine), supporting(fine), densities(fine))  # fmt: skip
    return [claim for part in parts for claim in part]


def _of(samples: pd.DataFrame, family: str, dimension: int) -> pd.DataFrame:
    return samples[(samples["family"] == family) & (samples["dimension"] == dimension)]


def _groups(samples: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """IPL in each dimension and POLY at each parent temperature of the paper."""
    for dimension in (2, 3, 4):
        yield f"{dimension}D IPL", _of(samples, "IPL", dimension)
    poly = _of(samples, "POLY", 3)
    for temperature in PAPER_SHARES:
        yield f"3D POLY, T_p = {temperature:g}", poly[np.isclose(poly["parent_temperature"], temperature)]


def _exponent(part: pd.DataFrame, x, y) -> Estimate:
    return statistics.median_power_law(np.asarray(x(part)), np.asarray(y(part)), blocks=part["block"]).exponent


def moduli(samples: pd.DataFrame, models: dict[str, Model]) -> Iterator[Claim]:
    """Table II, from the largest N with at least `MODULUS_SAMPLES` samples: small glasses are softer on average."""
    for name, model in models.items():
        part = samples[samples["model"] == name]
        part = part[part["parent_temperature"] == part["parent_temperature"].max()]
        sizes = part["n_particles"].value_counts()
        enough = sizes[sizes >= MODULUS_SAMPLES].index
        part = part[part["n_particles"] == max(enough if len(enough) else sizes.index, default=0)]
        label = f"{name}, highest T_p, N = {max(part['n_particles'], default=0)}"
        paper = model.shear_modulus_infinity
        ours = statistics.mean(part["shear_modulus"], part["block"])
        yield Claim("Table II", "shear modulus G", label, f"{paper:g}", around(paper, MODULUS_TOLERANCE), ours, 8)
        density = statistics.mean(part["n_particles"] / part["box_length"] ** model.dimension, part["block"])
        accepted = (model.table_density - 0.005, model.table_density + 0.005)  # two digits are printed
        yield Claim("Table II", "mass density rho", label, f"{model.table_density:g}", accepted, density)


def localisation(samples: pd.DataFrame) -> Iterator[Claim]:
    """Fig. 2."""
    poly = _of(samples, "POLY", 3)
    participants, chi = poly["participants_quartic"], poly["quartic_quartic_coefficient"]
    law = statistics.median_power_law(participants, chi, blocks=poly["block"]).exponent
    yield Claim("Fig. 2", "chi4 ~ (N e4)^-1: exponent", "3D POLY, all", "-1", around(-1), law)

    def spread(product, group):
        medians = [np.median(product[group == value]) for value in np.unique(group)]
        return max(medians) / min(medians)

    groups = poly.groupby(["parent_temperature", "n_particles"]).ngroup()
    columns = ((participants * chi).to_numpy(), groups.to_numpy(dtype=float))
    ours = statistics.bootstrap(spread, *columns, blocks=poly["block"])
    ours = ours if groups.nunique() > 1 else Estimate.missing(ours.count)
    claim = "chi4 N e4 blind to preparation and N: largest over smallest median"
    yield Claim("Fig. 2", claim, "3D POLY, every T_p and N", "1", (1.0, 1.25), ours)


def softest(samples: pd.DataFrame) -> Iterator[Claim]:
    """Fig. 3: differences of the softest sample of all, comparable only with an ensemble about as large."""
    paper = {3: (420_000, 0.0015, 3.6e-6), 2: (40_000, 0.021, 2.4e-4)}
    for dimension, (count, energy, structure) in paper.items():
        part = _of(samples, "IPL", dimension)
        for column, text, value in (
            ("energy_difference", "relative difference of stiffness of the softest sample", energy),
            ("harmonic_quartic_mismatch", "1 - |psi.pi4| of the softest sample", structure),
        ):
            columns = (part["quartic_frequency"], part[column])
            ours = statistics.bootstrap(lambda w, y: y[np.argmin(w)], *columns, blocks=part["block"])
            # one sample's number scatters by about a factor of three around the law at its frequency
            accepted = (value / 3, value * 3)
            yield Claim("Fig. 3", text, f"{dimension}D IPL, all N", f"{value:g}", accepted, ours, count // 10)


def pairs(samples: pd.DataFrame) -> Iterator[Claim]:
    """Fig. 4: the quartic mode is stiffer and more localised than the harmonic one."""
    for name, part in _groups(samples):
        # equal within the solver's accuracy counts as not softer
        ours = statistics.proportion(part["energy_difference"] >= -1e-7, part["block"])
        yield Claim("Fig. 4", "share with omega4 >= omega2", name, "always", (0.99, 1.0), ours, share=True)
        narrower = part["quartic_participation_ratio"] <= part["harmonic_participation_ratio"]
        ours = statistics.proportion(narrower, part["block"])
        yield Claim("Fig. 4", "share with e4 <= e2", name, "always (slightly)", (0.95, 1.0), ours, share=True)


def convergence(samples: pd.DataFrame) -> Iterator[Claim]:
    """Fig. 5, Eqs. 15, 16, 20, 25."""
    equation = {"energy_difference": ("Eq. 15", "Eq. 25", "f"), "harmonic_quartic_mismatch": ("Eq. 16", "Eq. 20", "g")}
    cut = f", softer half and omega4 < {laws.LOW_FREQUENCY} of the first phonon"
    for dimension in (3, 2):
        part = _of(samples, "IPL", dimension)
        for column, (power, growth) in laws.CONVERGENCE.items():
            law, size_law, letter = equation[column]
            ours = laws.convergence_exponent(part, column).exponent
            what = f"{column.replace('_', ' ')} of psi and pi4: exponent of omega4".replace("harmonic quartic ", "")
            yield Claim(f"Fig. 5, {law}", what, f"{dimension}D IPL, all N{cut}", str(power), around(power), ours)
            lengths, values = laws.convergence_prefactors(part, column)
            ours = statistics.size_exponent(lengths, values)
            accepted = around(growth, 0.15) if dimension == 2 else (-0.1 * growth, WEAK * growth)
            paper = str(growth) if dimension == 2 else "weak"
            yield Claim(f"Fig. 5, {size_law}", f"{letter}(L): exponent of L", f"{dimension}D IPL{cut}", paper, accepted,
                        ours)  # fmt: skip


def cubic(samples: pd.DataFrame) -> Iterator[Claim]:
    """Fig. 7."""
    part = _of(samples, "IPL", 3)
    higher, blocks = part["cubic_energy_difference"], part["block"]
    name = "3D IPL, all N"
    yield Claim("Fig. 7(a)", "median of (omega3^2-omega4^2)/omega4^2", name, "0.30", (0.25, 0.35),
                statistics.median(higher, blocks))  # fmt: skip
    ratio = part["cubic_frequency"] / part["quartic_frequency"] - 1
    yield Claim("Fig. 7(a)", "median of (omega3-omega4)/omega4", name, "0.14", (0.115, 0.165),
                statistics.median(ratio, blocks))  # fmt: skip
    slope = statistics.median_power_law(part["quartic_frequency"], higher, blocks=blocks).exponent
    yield Claim("Fig. 7(a)", "its independence of omega4: exponent", name, "0", (-0.2, 0.2), slope)
    share = statistics.proportion(higher > 0, blocks)
    yield Claim("Sec. V B", "share with omega3 > omega4", name, "> 0.995", (0.995, 1.0), share, share=True)

    def decades(values):
        return np.log10(values.max() / values.min())

    tau = (part["cubic_cubic_coefficient"] / part["quartic_cubic_coefficient"]).abs()
    chi = part["cubic_quartic_coefficient"] / part["quartic_quartic_coefficient"]
    # extremes of a sample grow with its size: not comparable with far fewer samples than the paper's
    yield Claim("Fig. 7(b)", "decades spanned by |tau3/tau4|", name, "almost 5", (3.5, 5.5),
                statistics.bootstrap(decades, tau, blocks=blocks), 10_000)  # fmt: skip
    yield Claim("Fig. 7(c)", "decades spanned by chi3/chi4", name, "< 1", (0.0, 1.0),
                statistics.bootstrap(decades, chi, blocks=blocks))  # fmt: skip


def bound(samples: pd.DataFrame) -> Iterator[Claim]:
    """Fig. 8: percentages above tau^2 = 3 kappa chi, for N = 8000 as in the paper or the largest N there is."""
    poly = _of(samples, "POLY", 3)
    poly = laws.largest_boxes(poly) if len(poly) else poly
    for temperature, count in PAPER_SHARES.items():
        part = poly[np.isclose(poly["parent_temperature"], temperature)]
        size = f"{part['n_particles'].iloc[0]:.0f}" if len(part) else "none"
        name = f"3D POLY, T_p = {temperature:g}, N = {size}"
        paper = f"{count / 1000:.3f} (N = 8000, n = 1000)"
        accepted = statistics.wilson_interval(count, 1000)
        yield Claim("Fig. 8", "share of cubic modes above tau^2 = 3 kappa chi", name, paper, accepted,
                    laws.above_bound(part), share=True)  # fmt: skip


def couplings(samples: pd.DataFrame) -> Iterator[Claim]:
    """Eqs. 33 and 34, Fig. 9(d, e)."""
    for name, part in _groups(samples):
        ours = _exponent(part, lambda t: t["cubic_stiffness"] * t["cubic_quartic_coefficient"],
                         lambda t: t["cubic_cubic_coefficient"] ** 2)  # fmt: skip
        yield Claim("Eq. 33", "tau3^2 ~ kappa3 chi3: exponent", name, "1", around(1), ours)
        ours = _exponent(laws.softer_half(part, "cubic"), lambda t: t["cubic_frequency"],
                         lambda t: t["cubic_cubic_coefficient"].abs())  # fmt: skip
        yield Claim("Eq. 34", "tau3 ~ omega3: exponent", f"{name}, softer half", "1", around(1), ours)

    def ratio(quartic, cubic_modes):
        width = [np.subtract(*np.quantile(np.log10(values), [0.75, 0.25])) for values in (quartic, cubic_modes)]
        return width[0] / width[1] if width[1] > 0 else math.nan

    part = _of(samples, "IPL", 3)
    quartic = part["quartic_cubic_coefficient"] ** 2 / (part["quartic_stiffness"] * part["quartic_quartic_coefficient"])
    ours = statistics.bootstrap(ratio, quartic, part["cubic_asymmetry"], blocks=part["block"])
    claim = "quartic modes do not follow Eq. 33: spread of tau4^2/(kappa4 chi4) over that of cubic modes"
    yield Claim("Fig. 9(e)", claim, "3D IPL, all N", "much wider", (3.0, math.inf), ours)


def supporting(samples: pd.DataFrame) -> Iterator[Claim]:
    """Fig. 9(a, b, c, f): what does not depend on frequency (in the limit of low frequencies: the softer half)."""
    flat = (-0.2, 0.2)
    columns = (
        ("Fig. 9(a)", "|U4:pi4pi4pi4/chi4|", "quartic", "quartic_force_magnitude"),
        ("Fig. 9(b)", "|nu3|", "cubic", "cubic_shear_strain_coupling"),
        ("Fig. 9(c)", "chi3", "cubic", "cubic_quartic_coefficient"),
        ("Fig. 9(f)", "chi4", "quartic", "quartic_quartic_coefficient"),
    )
    part = _of(samples, "IPL", 3)
    for source, symbol, mode, column in columns:
        soft = laws.softer_half(part, mode)
        ours = _exponent(soft, lambda t, mode=mode: t[f"{mode}_frequency"], lambda t, column=column: t[column].abs())
        yield Claim(source, f"{symbol} independent of frequency: exponent", "3D IPL, softer half", "0", flat, ours)
    size = statistics.median(part["quartic_force_magnitude"], part["block"])
    yield Claim("Fig. 9(a)", "median |U4:pi4pi4pi4/chi4|", "3D IPL, all N", "O(1)", (10**-0.5, 10**0.5), size)


def densities(samples: pd.DataFrame) -> Iterator[Claim]:
    """Eqs. 30, 36, 38 and footnote 5."""
    text = {"harmonic_frequency": ("Sec. I", "D(omega2)"), "quartic_frequency": ("Sec. V B", "D(omega4)"),
            "cubic_frequency": ("Eq. 30", "D(omega3)"), "barrier": ("Eq. 36", "p(V_B)"),
            "strain_threshold": ("Eq. 38", "p(x)")}  # fmt: skip
    for column, (_, predicted) in laws.DENSITIES.items():
        source, symbol = text[column]
        # the tolerance is on 1 + beta, the exponent of the share of modes below a value
        half = EXPONENT_TOLERANCE * (1 + predicted)
        accepted = (predicted - half, predicted + half)
        for name, group in _groups(samples):
            part = laws.largest_ensemble(group) if len(group) else group
            name = part["ensemble"].iloc[0] if len(part) else name
            ours = laws.density_exponent(part, column) if len(part) else Estimate.missing()
            ours = replace(ours, count=len(part), blocks=part["block"].nunique())
            # fewer samples do not reach the tail where the law holds: the fit then has to take more of the distribution
            least = round(laws.TAIL_SAMPLES / laws.TAIL_SHARE)
            yield Claim(source, f"{symbol}: exponent", name, f"{predicted:.3g}", accepted, ours, least)
    part = _of(samples, "IPL", 3)
    sizes = [(group["length"].iloc[0], statistics.median(group["quartic_frequency"], group["block"]))
             for _, group in part.groupby("n_particles")]  # fmt: skip
    ours = statistics.size_exponent(np.array([length for length, _ in sizes]), [value for _, value in sizes])
    yield Claim("Footnote 5", "lowest mode's median ~ L^(-d/5): exponent", "3D IPL, omega4", "-0.6", around(-0.6), ours)
