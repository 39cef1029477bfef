"""Lennard-Jones pairs, smoothed to fourth order at the cutoff, with a strength for each kind of pair (Kob, Andersen).

phi(y) = epsilon [4 (y^-6 - y^-3) + sum_{k=0..4} b_k y^(6 + k)], y = r^2 / sigma^2, where the b_k make phi and its first
four derivatives vanish at the cutoff. Powers that high leave the well alone: at the usual cutoff of 2.5 the sum is below
4e-4 up to the minimum, and 0.03 at most (a constant and y to y^4 would do as well at the cutoff, but be 0.3 in the well).

W. Kob and H. C. Andersen, Phys. Rev. E 51, 4626 (1995): sigma = 1, 0.8, 0.88 and epsilon = 1, 1.5, 0.5 for AA, AB, BB. The
strength is a quadratic polynomial in w = 1 / sigma^2 through these values.
"""

from __future__ import annotations

import math

import numpy as np

ORDER = 4  # of the derivatives that vanish at the cutoff
SIGMAS, STRENGTHS = (1.0, 0.8, 0.88), (1.0, 1.5, 0.5)

# square of the cutoff, smoothing polynomial, strength as a polynomial in w
FIELDS = ("cutoff2", "b0", "b1", "b2", "b3", "b4", "e0", "e1", "e2")


def values(cutoff: float) -> list[float]:
    """Parameters for a cutoff in units of sigma."""
    edge = cutoff**2
    # in z = y / y_c, -z^-6 times the bare potential to fourth order about z = 1; solved for, they would lose four digits
    bare = zip(_expanded(12), _expanded(9), strict=True)
    smoothing = [
        -4.0 * (edge**-6 * twelve - edge**-3 * nine) / edge ** (6 + k) for k, (twelve, nine) in enumerate(bare)
    ]
    strength = np.linalg.solve(np.vander(1.0 / np.square(SIGMAS), increasing=True), STRENGTHS)
    return [edge, *smoothing, *strength.tolist()]


def _expanded(power: int) -> list[int]:
    """Coefficients of 1, z, ..., z^4 in z^-power to fourth order about z = 1."""
    return [
        (-1) ** k * sum(math.comb(power - 1 + m, m) * math.comb(m, k) for m in range(k, ORDER + 1))
        for k in range(ORDER + 1)
    ]


def _phi(y, w, potential):
    y3 = y * y * y
    u3 = 1.0 / y3
    smooth = potential.b0 + y * (potential.b1 + y * (potential.b2 + y * (potential.b3 + y * potential.b4)))
    return (potential.e0 + w * (potential.e1 + w * potential.e2)) * (4.0 * u3 * (u3 - 1.0) + y3 * y3 * smooth)


def _phi1(y, w, potential):
    y2 = y * y
    u = 1.0 / y
    u3 = u * u * u
    high = 8.0 * potential.b2 + y * (9.0 * potential.b3 + y * 10.0 * potential.b4)
    smooth = y2 * y2 * y * (6.0 * potential.b0 + y * (7.0 * potential.b1 + y * high))
    return (potential.e0 + w * (potential.e1 + w * potential.e2)) * (12.0 * u3 * u * (1.0 - 2.0 * u3) + smooth)


def _phi2(y, w, potential):
    y2 = y * y
    u = 1.0 / y
    u3 = u * u * u
    high = 56.0 * potential.b2 + y * (72.0 * potential.b3 + y * 90.0 * potential.b4)
    smooth = y2 * y2 * (30.0 * potential.b0 + y * (42.0 * potential.b1 + y * high))
    return (potential.e0 + w * (potential.e1 + w * potential.e2)) * (24.0 * u3 * u * u * (7.0 * u3 - 2.0) + smooth)


def _phi3(y, w, potential):
    u = 1.0 / y
    u3 = u * u * u
    high = 336.0 * potential.b2 + y * (504.0 * potential.b3 + y * 720.0 * potential.b4)
    smooth = y * y * y * (120.0 * potential.b0 + y * (210.0 * potential.b1 + y * high))
    return (potential.e0 + w * (potential.e1 + w * potential.e2)) * (48.0 * u3 * u3 * (5.0 - 28.0 * u3) + smooth)


def _phi4(y, w, potential):
    u = 1.0 / y
    u3 = u * u * u
    high = 1680.0 * potential.b2 + y * (3024.0 * potential.b3 + y * 5040.0 * potential.b4)
    smooth = y * y * (360.0 * potential.b0 + y * (840.0 * potential.b1 + y * high))
    return (potential.e0 + w * (potential.e1 + w * potential.e2)) * (288.0 * u3 * u3 * u * (42.0 * u3 - 5.0) + smooth)


FUNCTIONS = (_phi, _phi1, _phi2, _phi3, _phi4)
