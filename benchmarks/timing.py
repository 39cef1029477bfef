"""Ratios of CPU times, ours against a reference, measured in turns so that a drifting machine hits both alike."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Row:
    """One line of bench.csv; `ratio` is reference / ours (how many times faster we are) unless the row is a limit."""

    name: str
    ours: float
    reference: float
    ratio: float
    goal: str
    unit: str
    n: int


def seconds(call: Callable[[], object], least: float = 0.02) -> float:
    """CPU seconds of one call, repeated until the clock can see it."""
    start, calls = time.process_time(), 0
    while True:
        call()
        calls += 1
        spent = time.process_time() - start
        if spent >= least:
            return spent / calls


def compare(
    name: str, ours: Callable, reference: Callable, goal: str, unit: str, scale: float = 1.0, n: int = 5
) -> Row:
    """Median times of both, and the median of the ratios of neighbouring runs.

    Parameters
    ----------
    scale : float
        From seconds to `unit`.
    n : int
        Counted runs of each, after one that is not.
    """
    ours(), reference()
    pairs = np.array([(seconds(ours), seconds(reference)) for _ in range(n)])
    mine, theirs = np.median(pairs, axis=0) * scale
    return Row(name, float(mine), float(theirs), float(np.median(pairs[:, 1] / pairs[:, 0])), goal, unit, n)
