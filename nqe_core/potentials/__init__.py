"""Pair potentials other than the paper's: each is a module with its parameters and five functions of y = r^2 / lambda^2.

A potential is

- names of its parameters, all floats, `cutoff2` (x_c^2, in units of lambda^2) first;
- phi(y, w, potential) and four derivatives in y, plain functions with these names of arguments; w = 1 / lambda^2 tells
  pairs of different size apart, for strengths that depend on the pair;
- a function from the cutoff x_c to the values of the parameters.

`define` makes all of it known under a name, a model's `form`. The parameters become a type of their own, and the compiler
picks the functions by that type: none of the potentials pays for another. A `Formula` is the same out of one line of text.

`check_derivatives` tells whether the five functions belong together. No kernel knows any of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np

from nqe_core.kernels.parameter_types import REGISTERED, parameter_type, register
from nqe_core.potentials import lennard_jones, soft_spheres, twelfth_power
from nqe_core.potentials.fingerprint import as_it_is_now, fingerprint
from nqe_core.potentials.formula import Formula

__all__ = ["POTENTIALS", "Formula", "check_derivatives", "define", "energies", "of_formula"]

POTENTIALS: dict[str, Callable[[float], tuple]] = {}


def define(
    name: str, fields: Sequence[str], functions: Sequence[Callable], values: Callable[[float], Sequence[float]]
) -> None:
    """Make a potential known, to models by its name and to kernels by the type of its parameters.

    Parameters
    ----------
    name : str
        The models' `form`, an identifier.
    fields : sequence of str
        Names of the parameters, `cutoff2` first.
    functions : sequence of five callables
        phi(y, w, potential) and its derivatives in y; plain Python that numba can compile. Values of globals and of
        enclosing functions are those of now, and kernels that were compiled for the functions are found again as long as
        these values, the code, and the code of what they call are the same.
    values : callable
        x_c, in units of lambda -> values of the parameters.

    Raises
    ------
    InputError
        One line: a function refers to something that cannot be told apart from what it may be in another process.
    """
    if not name.isidentifier() or fields[0] != "cutoff2":
        raise ValueError(f"potential {name!r}: the name must be an identifier, and cutoff2 the first parameter")
    kind = _known_to_kernels(name, fields, functions)
    POTENTIALS[name] = lambda cutoff: kind(*(float(value) for value in values(cutoff)))


@lru_cache(maxsize=64)
def of_formula(formula: Formula, cutoff: float) -> tuple:
    """Parameters of a formula's potential, of the type that tells the kernels its functions.

    Raises
    ------
    InputError
        One line: what is wrong with the formula; see `Formula.values`.
    """
    numbers = formula.values(cutoff)
    return _known_to_kernels("formula", formula.fields, formula.functions)(*numbers)


def _known_to_kernels(name: str, fields: Sequence[str], functions: Sequence[Callable]) -> Callable[..., tuple]:
    kind = parameter_type(name, fields, fingerprint(name, functions))
    register(kind, [as_it_is_now(function) for function in functions])
    return kind


def energies(potential: tuple | np.ndarray, w: float, y: np.ndarray) -> np.ndarray:
    """phi at several y = r^2 / lambda^2 for pairs of w = 1 / lambda^2, uncompiled; NaN where it is no number.

    Parameters
    ----------
    potential : NamedTuple
        Parameters of a potential that is known here, not the paper's.
    """

    def energy(point: float) -> float:
        try:
            return float(REGISTERED[type(potential)][0](point, w, potential))
        except (ArithmeticError, ValueError, TypeError):
            return math.nan

    return np.array([energy(point) for point in y.tolist()])


def check_derivatives(functions: Sequence[Callable], potential: tuple, y: np.ndarray, w: float = 1.0) -> float:
    """Largest error of the four derivatives against central differences of the function before, relative to its scale.

    Parameters
    ----------
    functions : sequence of five callables
    potential : NamedTuple
        Its parameters.
    y : ndarray
        Where; away from points where a derivative jumps.
    w : float
        1 / lambda^2 of the pair.
    """
    h, worst = 1e-4, 0.0
    for below, derivative in pairwise(functions):
        for point in y:
            coarse, fine = (
                (below(point + step, w, potential) - below(point - step, w, potential)) / (2 * step)
                for step in (2 * h, h)
            )
            slope, wanted = fine + (fine - coarse) / 3.0, derivative(point, w, potential)
            scale = max(abs(wanted), abs(below(point, w, potential)), 1.0)
            worst = max(worst, abs(slope - wanted) / scale)
    return float(worst)


define("lennard_jones", lennard_jones.FIELDS, lennard_jones.FUNCTIONS, lennard_jones.values)
define("twelfth_power", twelfth_power.FIELDS, twelfth_power.FUNCTIONS, twelfth_power.values)
define("harmonic", soft_spheres.FIELDS, soft_spheres.HARMONIC, soft_spheres.values)
define("hertzian", soft_spheres.FIELDS, soft_spheres.HERTZIAN, soft_spheres.values)
