"""Inverse power n = 12, smoothed to second order: A. Ninarello, L. Berthier, D. Coslovich, Phys. Rev. X 7, 021039 (2017).

phi(y) = y^-6 + c_0 + c_2 y + c_4 y^2, y = r^2 / sigma^2; phi and its first two derivatives vanish at x_c, the third
derivative jumps there.
"""

from __future__ import annotations

# square of the cutoff, and the coefficients of the even powers of r / sigma
FIELDS = ("cutoff2", "c0", "c2", "c4")


def values(cutoff: float) -> list[float]:
    """c_0 = -28 x_c^-12, c_2 = 48 x_c^-14, c_4 = -21 x_c^-16."""
    edge = cutoff**2
    return [edge, -28.0 * edge**-6, 48.0 * edge**-7, -21.0 * edge**-8]


def _phi(y, w, potential):
    u = 1.0 / y
    u3 = u * u * u
    return u3 * u3 + potential.c0 + y * (potential.c2 + y * potential.c4)


def _phi1(y, w, potential):
    u = 1.0 / y
    u3 = u * u * u
    return -6.0 * u3 * u3 * u + potential.c2 + 2.0 * y * potential.c4


def _phi2(y, w, potential):
    u = 1.0 / y
    u4 = u * u * u * u
    return 42.0 * u4 * u4 + 2.0 * potential.c4


def _phi3(y, w, potential):
    u = 1.0 / y
    u3 = u * u * u
    return -336.0 * u3 * u3 * u3


def _phi4(y, w, potential):
    u = 1.0 / y
    u5 = u * u * u * u * u
    return 3024.0 * u5 * u5


FUNCTIONS = (_phi, _phi1, _phi2, _phi3, _phi4)
