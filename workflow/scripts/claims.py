"""Numbers and laws of the paper, and ours for each: what the scorecard compares.

The accepted range of a claim is what would be called the same number: the paper's own statistical uncertainty where its
ensemble size gives one, otherwise a tolerance named here (the paper prints few errors).

Samples of several box sizes share a law's exponent but have an amplitude each (`median_power_law` with groups): one line
through all of them would measure how the amplitudes differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import laws
import numpy as np
import pandas as pd
from campaign_data import NOT_IN_EQUILIBRIUM, equilibrium_note, in_equilibrium, of_the_paper
from claim import EXPONENT_TOLERANCE, Claim, around

from nqe_core import statistics
from nqe_core.models import MODELS
from nqe_core.statistics import Estimate

MODULUS_TOLERANCE = 0.02  # relative; Table II prints three digits without errors
MODULUS_SAMPLES = 20
CHOSEN_BY_MODULUS = ("poly3d",)  # models with a constant that the paper leaves open, and its modulus fixes
MEDIAN_SAMPLES = 100  # of an ensemble whose median is compared: extremes of noisy medians differ by noise
PAPER_SHARES = {1.30: 66, 0.50: 46, 0.35: 5}  # cubic modes above the bound, of 1000 samples of N = 8000 (Fig. 8)
PAPER_SHARE_SIZE = 8000
SHARE_SIZE = 2000  # smallest N for which it is shown besides the largest: the share grows with N
PAPER_SAMPLES = {3: 420_000, 2: 40_000}  # of IPL in all (Table I)
WEAK = 0.5  # "weakly L-dependent" (3D): an exponent of L below this share of the phonons' one (2D)
FLAT = (-0.2, 0.2)  # exponent of what does not depend on frequency
SAME_SPOT = 0.1  # 1 - |pi3.pi4| below which both modes surely represent one soft spot


def all_claims(samples: pd.DataFrame) -> list[Claim]:
    """Every row of the scorecard, of the paper's models only; ensembles that are missing give rows without a value."""
    fine = of_the_paper(samples[samples["fine"]])
    parts = (moduli(fine), localisation(fine), softest(fine), pairs(fine), convergence(fine), cubic(fine),
             bound(fine), couplings(fine), supporting(fine), densities(fine), sizes(fine))  # fmt: skip
    claims = [claim for part in parts for claim in part]
    return [replace(claim, comparable=False) if NOT_IN_EQUILIBRIUM in claim.ensembles else claim for claim in claims]


def _of(samples: pd.DataFrame, family: str, dimension: int) -> pd.DataFrame:
    return samples[(samples["family"] == family) & (samples["dimension"] == dimension)]


def _groups(samples: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """IPL in each dimension and POLY at each parent temperature of the paper."""
    for dimension in (2, 3, 4):
        yield f"{dimension}D IPL", _of(samples, "IPL", dimension)
    poly = _of(samples, "POLY", 3)
    for temperature in PAPER_SHARES:
        part = in_equilibrium(poly[np.isclose(poly["parent_temperature"], temperature)])
        yield f"3D POLY, T_p = {temperature:g}{equilibrium_note(part)}", part


def _of_extremes(part: pd.DataFrame, number: Callable[[pd.DataFrame], float]) -> Estimate:
    """A number that single samples decide: of an extreme the bootstrap gives no error."""
    ours = Estimate.missing(len(part), part["block"].nunique())
    if not len(part):
        return ours
    value = float(number(part))
    return replace(ours, value=value, low=value, high=value)


def moduli(samples: pd.DataFrame) -> Iterator[Claim]:
    """Table II, from the largest N with at least `MODULUS_SAMPLES` samples: small glasses are softer on average."""
    for name, model in MODELS.items():
        part = samples[samples["model"] == name]
        part = part[part["parent_temperature"] == part["parent_temperature"].max()]
        sizes = part["n_particles"].value_counts()
        enough = sizes[sizes >= MODULUS_SAMPLES].index
        part = part[part["n_particles"] == max(enough if len(enough) else sizes.index, default=0)]
        label = f"{name}, highest T_p, N = {max(part['n_particles'], default=0)}"
        paper = model.shear_modulus_infinity
        ours = statistics.mean(part["shear_modulus"], part["block"])
        # the density of POLY was chosen for its modulus
        yield Claim("Table II", "shear modulus G", label, f"{paper:g}", around(paper, MODULUS_TOLERANCE), ours, 8,
                    check=name in CHOSEN_BY_MODULUS)  # fmt: skip
        density = statistics.mean(part["n_particles"] / part["box_length"] ** model.dimension, part["block"])
        accepted = (model.table_density - 0.005, model.table_density + 0.005)  # two digits are printed
        yield Claim("Table II", "mass density rho", label, f"{model.table_density:g}", accepted, density,
                    check=True)  # fmt: skip


def localisation(samples: pd.DataFrame) -> Iterator[Claim]:
    """Fig. 2."""
    poly = _of(samples, "POLY", 3)
    # all lie on one line, whatever their preparation and N: one amplitude
    law = statistics.median_power_law(poly["participants_quartic"], poly["quartic_quartic_coefficient"],
                                      blocks=poly["block"]).exponent  # fmt: skip
    yield Claim("Fig. 2", "chi4 ~ (N e4)^-1: exponent", "3D POLY, all", "-1", around(-1), law)
    for name, part in _groups(samples):
        if "POLY" in name:
            ours = laws.common_exponent(part, part["participants_quartic"], part["quartic_quartic_coefficient"])
            yield Claim("Fig. 2", "chi4 ~ (N e4)^-1: exponent", name, "-1", around(-1), ours)
    large = poly[poly.groupby("ensemble")["ensemble"].transform("size") >= MEDIAN_SAMPLES]
    codes = np.unique(large["ensemble"], return_inverse=True)[1].astype(float)

    def spread(product, group):
        medians = [np.median(product[group == value]) for value in np.unique(group)]
        return max(medians) / min(medians)

    product = large["participants_quartic"] * large["quartic_quartic_coefficient"]
    ours = statistics.bootstrap(spread, product, codes, blocks=large["block"])
    ours = ours if len(np.unique(codes)) > 1 else Estimate.missing(ours.count, ours.blocks)
    claim = "chi4 N e4 blind to preparation and N: largest over smallest median"
    name = f"3D POLY, every T_p and N with {MEDIAN_SAMPLES} samples"
    yield Claim("Fig. 2", claim, name, "1", (1.0, 1.25), ours)


def softest(samples: pd.DataFrame) -> Iterator[Claim]:
    """Fig. 3: the softest sample of all.

    How far its harmonic and quartic modes differ depends on how soft it is, so on the size of the ensemble: each
    difference is comparable only with that of as large an ensemble, and has no error (of an extreme the bootstrap gives
    none). With Eqs. 15 and 16 the frequency cancels in the square of the one over the other, f^2 / g, which soft samples
    give too.
    """
    paper = {3: (0.0015, 3.6e-6), 2: (0.021, 2.4e-4)}
    for dimension, (energy, structure) in paper.items():
        part = _of(samples, "IPL", dimension)
        for column, text, value in (
            ("energy_difference", "relative difference of stiffness of the softest sample", energy),
            ("harmonic_quartic_mismatch", "1 - |psi.pi4| of the softest sample", structure),
        ):
            ours = _of_extremes(part, lambda rows, column=column: rows.loc[rows["quartic_frequency"].idxmin(), column])
            # one sample's number scatters by about a factor of three around the law at its frequency
            yield Claim("Fig. 3", text, f"{dimension}D IPL, all N", f"{value:g}", (value / 3, value * 3), ours,
                        PAPER_SAMPLES[dimension])  # fmt: skip
        low = laws.low_frequency(part)
        ours = statistics.median(low["energy_difference"] ** 2 / low["harmonic_quartic_mismatch"], low["block"])
        value = energy**2 / structure
        text = "(relative difference of stiffness)^2 / (1 - |psi.pi4|), where the frequency cancels"
        name = f"{dimension}D IPL, all N, soft samples (as for Fig. 5)"
        yield Claim("Fig. 3", text, name, f"{value:.2g}", (value / 3, value * 3), ours)


def pairs(samples: pd.DataFrame) -> Iterator[Claim]:
    """Fig. 4: the quartic mode is stiffer and more localised than the harmonic one."""
    for name, part in _groups(samples):
        # equal within the solver's accuracy counts as not softer
        ours = statistics.proportion(part["energy_difference"] >= -1e-7, part["block"])
        yield Claim("Fig. 4", "share with omega4 >= omega2", name, "always", (1.0, 1.0), ours, share=True, check=True)
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
    slope = laws.stiffness_exponent(part)
    yield Claim("Fig. 7(a)", "its independence of omega4: exponent", "3D IPL, softer half", "0", FLAT, slope)
    for group, rows in _groups(samples):
        share = statistics.proportion(rows["cubic_energy_difference"] > 0, rows["block"])
        yield Claim("Sec. V B", "share with omega3 > omega4", group, "> 0.995", (0.995, 1.0), share, share=True)

    def decades(rows, coefficient):
        ratio = (rows[f"cubic_{coefficient}_coefficient"] / rows[f"quartic_{coefficient}_coefficient"]).abs()
        return np.log10(ratio.max() / ratio.min())

    # ranges grow with the number of samples: "almost 5" can be told from 10,000 on, "< 1" from as many as the paper's,
    # unless it is exceeded before
    spread = _of_extremes(part, lambda rows: decades(rows, "cubic"))
    yield Claim("Fig. 7(b)", "decades spanned by |tau3/tau4|", name, "almost 5", (3.5, 5.5), spread, 10_000)
    same = part[part["quartic_cubic_mismatch"] < SAME_SPOT]
    for rows, claim, of in (
        (part, "decades spanned by chi3/chi4", name),
        (same, "decades spanned by chi3/chi4 of modes of one soft spot", f"{name}, 1 - |pi3.pi4| < {SAME_SPOT}"),
    ):
        spread = _of_extremes(rows, lambda rows: decades(rows, "quartic"))
        least = 0 if spread.known and spread.value > 1 else PAPER_SAMPLES[3]
        yield Claim("Fig. 7(c)", claim, of, "< 1", (0.0, 1.0), spread, least)


def bound(samples: pd.DataFrame) -> Iterator[Claim]:
    """Fig. 8: percentages above tau^2 = 3 kappa chi, for the largest N and others near it; they grow with N."""
    poly = _of(samples, "POLY", 3)
    for temperature, count in PAPER_SHARES.items():
        cold = in_equilibrium(poly[np.isclose(poly["parent_temperature"], temperature)])
        counts = cold["n_particles"].value_counts().sort_index(ascending=False)
        others = [n for n in counts.index[1:] if n >= SHARE_SIZE and counts[n] >= MEDIAN_SAMPLES]
        for size in [*counts.index[:1], *others] or ["none"]:
            part = cold[cold["n_particles"] == size]
            name = f"3D POLY, T_p = {temperature:g}, N = {size}{equilibrium_note(part)}"
            paper = f"{count / 1000:.3f} (N = {PAPER_SHARE_SIZE}, n = 1000)"
            yield Claim("Fig. 8", "share of cubic modes above tau^2 = 3 kappa chi", name, paper,
                        statistics.wilson_interval(count, 1000), laws.above_bound(part), share=True,
                        comparable=not len(part) or size >= PAPER_SHARE_SIZE)  # fmt: skip


def couplings(samples: pd.DataFrame) -> Iterator[Claim]:
    """Eqs. 33 and 34, Fig. 9(d, e)."""
    for name, part in _groups(samples):
        product = part["cubic_stiffness"] * part["cubic_quartic_coefficient"]
        ours = laws.common_exponent(part, product, part["cubic_cubic_coefficient"] ** 2)
        yield Claim("Eq. 33", "tau3^2 ~ kappa3 chi3: exponent", name, "1", around(1), ours)
        ours = laws.softer_exponent(part, "cubic", "cubic_asymmetry")
        claim = "tau3^2/(3 kappa3 chi3) independent of frequency: exponent"
        yield Claim("Eq. 33", claim, f"{name}, softer half", "0", FLAT, ours)
        ours = laws.softer_exponent(part, "cubic", "cubic_cubic_coefficient")
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
    columns = (
        ("Fig. 9(a)", "|U4:pi4pi4pi4/chi4|", "quartic", "quartic_force_magnitude"),
        ("Fig. 9(b)", "|nu3|", "cubic", "cubic_shear_strain_coupling"),
        ("Fig. 9(c)", "chi3", "cubic", "cubic_quartic_coefficient"),
        ("Fig. 9(f)", "chi4", "quartic", "quartic_quartic_coefficient"),
    )
    for source, symbol, mode, column in columns:
        for name, part in _groups(samples):
            ours = laws.softer_exponent(part, mode, column)
            claim = f"{symbol} independent of frequency: exponent"
            yield Claim(source, claim, f"{name}, softer half", "0", FLAT, ours)
    part = _of(samples, "IPL", 3)
    size = statistics.median(part["quartic_force_magnitude"], part["block"])
    yield Claim("Fig. 9(a)", "median |U4:pi4pi4pi4/chi4|", "3D IPL, all N", "O(1)", (10**-0.5, 10**0.5), size)


def densities(samples: pd.DataFrame) -> Iterator[Claim]:
    """Eqs. 30, 36 and 38."""
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
            name = part["ensemble"].iloc[0] + equilibrium_note(part) if len(part) else name
            ours = laws.density_exponent(part, column) if len(part) else Estimate.missing()
            ours = replace(ours, count=len(part), blocks=part["block"].nunique())
            # fewer samples do not reach the tail where the law holds: the fit then has to take more of the distribution
            least = laws.LEAST_TAILED
            yield Claim(source, f"{symbol}: exponent", name, f"{predicted:.3g}", accepted, ours, least, tail=True)


def sizes(samples: pd.DataFrame) -> Iterator[Claim]:
    """How the lowest mode of a box goes with its size: footnote 5 and Eq. 39."""
    for name, group in _groups(samples):
        dimension = 2 if name.startswith("2D") else 3
        if name.startswith("4D"):  # Table I has one N, and the smaller ones that we make are prepared otherwise
            continue
        for source, claim, column, exponent in (
            ("Footnote 5", "lowest mode's median ~ L^(-d/5): exponent", "quartic_frequency", -dimension / 5),
            ("Eq. 39", "lowest mode's median x ~ N^(-3/5): exponent", "strain_threshold", -3 / 5),
        ):
            found = [(rows["length"].iloc[0], statistics.median(rows[column], rows["block"]))
                     for _, rows in group.groupby("n_particles")]  # fmt: skip
            lengths = np.array([length for length, _ in found])
            places = lengths if source == "Footnote 5" else lengths**dimension
            ours = statistics.size_exponent(places, [value for _, value in found])
            what = f"{name}, {'omega4' if source == 'Footnote 5' else 'cubic modes'}"
            yield Claim(source, claim, what, f"{exponent:g}", around(exponent), ours)
