"""Zeros of a function on an interval, with those that it only touches: where a formula may have a pole."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

POINTS = 2000  # between which a function is taken to have one zero, or one minimum, at most
TOUCHES = 1e-6  # of the values beside it: a minimum that small is a zero
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


def zeros(function: Callable[[float], float], end: float) -> list[float]:
    """Zeros in (0, end), and perhaps poles with a change of sign; where the function is no real number it has none.

    Parameters
    ----------
    function : callable
        Of one float; may raise what arithmetic raises.
    end : float
    """

    def value(x: float) -> float:
        try:
            found = function(x)
        except ZeroDivisionError:
            return math.inf
        except (ArithmeticError, ValueError):
            return math.nan
        return math.nan if isinstance(found, complex) else float(found)

    x = [end * k / POINTS for k in range(1, POINTS)]
    f = [value(point) for point in x]
    found = [point for point, height in zip(x, f, strict=True) if height == 0.0]
    found += [_crossing(value, *ends) for ends, (a, b) in zip(pairwise(x), pairwise(f), strict=True) if a * b < 0.0]
    for k in range(1, len(x) - 1):
        if abs(f[k - 1]) >= abs(f[k]) <= abs(f[k + 1]) and f[k - 1] * f[k] > 0.0 < f[k] * f[k + 1]:
            lowest = _lowest(value, x[k - 1], x[k + 1])
            if abs(value(lowest)) < TOUCHES * max(abs(f[k - 1]), abs(f[k + 1])):
                found.append(lowest)
    return sorted(found)


def _crossing(value: Callable[[float], float], low: float, high: float) -> float:
    negative = value(low) < 0.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if (value(middle) < 0.0) == negative else (low, middle)
    return 0.5 * (low + high)


def _lowest(value: Callable[[float], float], low: float, high: float) -> float:
    """Minimum of the absolute value, by golden sections."""
    for _ in range(60):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        low, high = (low, right) if abs(value(left)) < abs(value(right)) else (left, high)
    return 0.5 * (low + high)
