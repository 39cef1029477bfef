"""One row of the scorecard: a number or law of the paper beside ours, and the rule of its verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass

import laws
import numpy as np

from nqe_core import statistics
from nqe_core.statistics import Estimate

EXPONENT_TOLERANCE = 0.1  # relative, of exponents read from log-log plots
AGREES, BORDERLINE, DIFFERS, TOO_FEW = "agrees", "borderline", "differs", "too few samples"
HOLDS, NOT_COMPARABLE = "holds", "not comparable"
VERDICTS = (AGREES, BORDERLINE, DIFFERS, TOO_FEW, HOLDS, NOT_COMPARABLE)

RULE = (
    "Rule: our 95 % interval inside the accepted range is \"agrees\", outside it \"differs\"; one that reaches over "
    "an end of the range is \"borderline\", unless it is wider than the range: \"too few samples\", with the number "
    "of samples for which the interval would be as narrow as the range (or, where there is none yet, with that for a "
    "first one). \"Holds\" are inputs and theorems: they check the software, not the paper, and one sample can break "
    "them; liquids that are not in equilibrium, and shares that grow with N in smaller boxes than the paper's (Fig. 8), "
    "are \"not comparable\". The accepted range is the paper's own "
    "statistical uncertainty where its ensemble gives one (Fig. 8), otherwise a stated tolerance. Errors are "
    "bootstrap errors (standard errors for means, Wilson intervals for shares) that take Monte Carlo walkers, not "
    "samples, as independent: whole walkers are drawn with replacement, since samples of one walker resemble each "
    "other where its relaxation is slow; intervals from few walkers are widened as Student's are, fewer than four "
    "walkers give none, and where none or all of the samples count for a share, each walker is taken for one sample. "
    "Ensembles of several box sizes share an exponent and have an amplitude each. Numbers that single samples decide "
    "(Fig. 3, ranges in Fig. 7) have no error."
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
    tail : bool
        Ours is fitted to the lowest samples of the ensemble (`laws.tail_share`), whose number is what counts.
    comparable : bool
        Ours is of liquids in equilibrium, as the paper's are, and of boxes as large where the size matters.
    check : bool
        An input of ours, what it was chosen for, or a theorem: tells that the software is right, nothing of the paper.
    """

    source: str
    claim: str
    ensembles: str
    paper: str
    accepted: tuple[float, float]
    ours: Estimate
    least_samples: int = 0
    share: bool = False
    tail: bool = False
    check: bool = False
    comparable: bool = True

    @property
    def verdict(self) -> str:
        """Whether our number is the paper's: by the interval rule that `RULE` states."""
        ours, (low, high) = self.ours, self.accepted
        if not self.comparable:
            return NOT_COMPARABLE
        if not ours.known or ours.count < self.least_samples:
            return TOO_FEW
        if self.check:
            return HOLDS if low <= ours.value <= high else DIFFERS
        if ours.high < low or ours.low > high:
            return DIFFERS
        rounding = 1e-9 * max(1.0, abs(low))  # of the last digits of an interval's ends
        if low - rounding <= ours.low and ours.high <= high + rounding:
            return AGREES
        return BORDERLINE if ours.high - ours.low <= high - low else TOO_FEW

    @property
    def samples_needed(self) -> float:
        """Where there are too few: samples for which the interval shrinks to the accepted width, or NaN."""
        ours, width = self.ours, self.accepted[1] - self.accepted[0]
        if self.verdict != TOO_FEW:
            return math.nan
        if self.tail:
            return self._samples_of_tail(width)
        if not ours.known:  # what a first estimate takes
            walkers = math.ceil(ours.count * statistics.LEAST_BLOCKS / max(ours.blocks, 1))
            return float(max(self.least_samples, statistics.LEAST_SAMPLES, walkers))
        if self.share:
            expected = min(max(ours.value, self.accepted[0]), self.accepted[1])
            ratio = _trials(expected, width) / _trials(ours.value, ours.high - ours.low)
            return float(math.ceil(ours.count * ratio))
        return float(max(math.ceil(ours.count * ((ours.high - ours.low) / width) ** 2), self.least_samples))

    def _samples_of_tail(self, width: float) -> float:
        """Samples whose tail is long enough: below `least_samples` its length hardly depends on their number."""
        ours, exponent = self.ours, sum(self.accepted) / 2
        fitted, now = ours.count * laws.tail_share(ours.count), ours.high - ours.low
        if not ours.known:  # (1 + beta) / sqrt(n) is the error of the exponent of n lowest modes
            fitted, now = 1, 2 * statistics.QUANTILE * (1 + exponent)
        return float(max(math.ceil(fitted * (now / width) ** 2 / laws.TAIL_SHARE), self.least_samples))


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
