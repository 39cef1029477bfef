"""Proof that no mode below those found was missed.

By Sylvester's law of inertia the factors of M - sigma I = L D L^T have as many negative pivots as M has eigenvalues below
sigma. With sigma just above the highest mode found there must be as many as modes, plus the d translations where sigma is
positive (below zero lie a saddle's negative eigenvalues, and no translation). Where the factors would not fit into memory,
the modes are sought again from another start, with one more than asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse

from nqe_core.harmonic import HarmonicModes, lowest_modes
from nqe_core.hessian_matrix import hessian
from nqe_core.interactions import Interactions
from nqe_core.linear_response import negative_pivots, symmetric_factors

ABOVE = 1e-6  # relative distance of sigma above the highest mode; eigenvalues are good to 1e-12
AGREEMENT = 1e-8  # of eigenvalues from two starts
# Degrees of freedom up to which the factors are cheap: the fill grows as N log N in 2D, N^(4/3) in 3D, N^(3/2) in 4D
LARGEST_FACTORISATION = {2: 200_000, 3: 13_000, 4: 6_000}
OTHER_SEED = 19920214


@dataclass(frozen=True)
class Certificate:
    """Outcome of the check.

    Parameters
    ----------
    complete : bool
        No mode was missed.
    expected, found : int
        Modes (without translations) that were given, and that lie at or below the highest of them.
    method : {"inertia", "second start"}
    """

    complete: bool
    expected: int
    found: int
    method: str


def eigenvalues_below(interactions: Interactions, sigma: float) -> int:
    """Number of eigenvalues of M below sigma, translations (at zero) included, from the inertia of M - sigma I.

    Raises
    ------
    ArithmeticError
        When the factorisation had to pivot off the diagonal, which leaves the signs without meaning, or sigma is an
        eigenvalue.
    """
    matrix = hessian(interactions).tocsc()
    return negative_pivots(symmetric_factors(matrix - sigma * sparse.identity(matrix.shape[0], format="csc")))


def certify(interactions: Interactions, modes: HarmonicModes) -> Certificate:
    """Check that `modes` are the lowest ones, all of them.

    Parameters
    ----------
    interactions : Interactions
    modes : HarmonicModes
        From `lowest_modes`.
    """
    expected = modes.eigenvalues.size
    highest = float(modes.eigenvalues[-1])
    if interactions.size <= LARGEST_FACTORISATION[interactions.dimension]:
        sigma = highest + ABOVE * abs(highest)
        translations = interactions.dimension if sigma > 0.0 else 0
        found = eigenvalues_below(interactions, sigma) - translations
        return Certificate(found == expected, expected, found, "inertia")
    again = lowest_modes(interactions, expected + 1, seed=OTHER_SEED)
    found = int(np.count_nonzero(again.eigenvalues <= highest + AGREEMENT * abs(highest)))
    same = np.allclose(again.eigenvalues[:expected], modes.eigenvalues, rtol=AGREEMENT, atol=0.0)
    return Certificate(bool(same and found == expected), expected, found, "second start")
