"""Spheres that repel when they overlap: harmonic, (1 - x)^2 / 2, and Hertzian, (2/5) (1 - x)^(5/2), x = r / sigma < 1.

The second derivative of the harmonic one jumps at contact, and the third of the Hertzian one diverges there: expansions
to fourth order hold as long as no contact opens or closes.
"""

from __future__ import annotations

import numpy as np

from nqe_core.errors import InputError

FIELDS = ("cutoff2",)


def values(cutoff: float) -> list[float]:
    """The square of the cutoff, which is contact; energies are those of the formulae above."""
    if cutoff != 1.0:
        raise InputError(f"cutoff is {cutoff!r}, but soft spheres touch at 1")
    return [1.0]


def _harmonic(y, w, potential):
    overlap = 1.0 - np.sqrt(y)
    return 0.5 * overlap * overlap


def _harmonic1(y, w, potential):
    return 0.5 * (1.0 - 1.0 / np.sqrt(y))


def _harmonic2(y, w, potential):
    return 0.25 / (y * np.sqrt(y))


def _harmonic3(y, w, potential):
    return -0.375 / (y * y * np.sqrt(y))


def _harmonic4(y, w, potential):
    return 0.9375 / (y * y * y * np.sqrt(y))


# Hertzian in x = sqrt(y): with f_k the k-th derivative in x and d/dy = 1 / (2 x) d/dx. Kernels evaluate pairs beyond
# contact too and drop the result: the overlap is kept from being negative.


def _hertzian(y, w, potential):
    overlap = max(1.0 - np.sqrt(y), 0.0)
    return 0.4 * overlap * overlap * np.sqrt(overlap)


def _hertzian1(y, w, potential):
    x = np.sqrt(y)
    overlap = max(1.0 - x, 0.0)
    return -overlap * np.sqrt(overlap) / (2.0 * x)


def _hertzian2(y, w, potential):
    x = np.sqrt(y)
    root = np.sqrt(max(1.0 - x, 0.0))
    f1, f2 = -root * root * root, 1.5 * root
    return (f2 - f1 / x) / (4.0 * y)


def _hertzian3(y, w, potential):
    x = np.sqrt(y)
    root = np.sqrt(max(1.0 - x, 1e-300))
    f1, f2, f3 = -root * root * root, 1.5 * root, -0.75 / root
    return (f3 - 3.0 * f2 / x + 3.0 * f1 / y) / (8.0 * y * x)


def _hertzian4(y, w, potential):
    x = np.sqrt(y)
    root = np.sqrt(max(1.0 - x, 1e-300))
    f1, f2, f3, f4 = -root * root * root, 1.5 * root, -0.75 / root, -0.375 / (root * root * root)
    rest = 15.0 * f2 / y - 15.0 * f1 / (y * x)
    return (f4 - 6.0 * f3 / x + rest) / (16.0 * y * y)


HARMONIC = (_harmonic, _harmonic1, _harmonic2, _harmonic3, _harmonic4)
HERTZIAN = (_hertzian, _hertzian1, _hertzian2, _hertzian3, _hertzian4)
