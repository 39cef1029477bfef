"""Code of a formula: four derivatives by sympy, written as plain functions that the kernels compile. Needs sympy.

With y = r^2 and a formula F(sigma) phi(r), functions of y and w = 1 / sigma^2 like those of the potentials that are
written by hand: half-integer powers of y become powers of x = sqrt(y), common parts are computed once. Kernels evaluate
pairs beyond the cutoff too and drop the result, so y is cut off there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace

import sympy
from sympy.printing.pycode import PythonCodePrinter
from sympy.printing.str import StrPrinter

from nqe_core.errors import InputError
from nqe_core.potentials.formula import HIGHEST_ORDER, KNOWN_FUNCTIONS, Formula, read_expression
from nqe_core.potentials.zeros import zeros

DISTANCES = 200  # up to the cutoff, at which a formula must be a number
DIGITS = 40
NEAR = (3e-3, 1e-3, 1e-5)  # distances from a possible pole, in cutoffs, at which the fourth derivative is compared
GROWTH = 4.0  # of the last to the larger of the others, beyond which it is one
JUMP = 1e-9  # of energy or force at the cutoff, relative to those further in, that is nothing but rounding

_Y, _W, _X = sympy.symbols("y w x", positive=True)


@dataclass(frozen=True)
class Code:
    """What the kernels and `values` need of a formula.

    Parameters
    ----------
    fields : tuple of str
        `cutoff2`, the formula's parameters, coefficients of the smoothing polynomial.
    functions : tuple of five callables
        phi(y, w, potential) and its derivatives in y.
    bare : tuple of five sympy expressions
        phi and its derivatives without strength and smoothing.
    """

    fields: tuple[str, ...]
    functions: tuple[Callable[..., float], ...]
    bare: tuple[sympy.Expr, ...]


class _Text(StrPrinter):
    def _print_Float(self, expr: sympy.Float) -> str:
        return repr(float(expr))


class _Python(PythonCodePrinter):
    """Numbers in double precision: integers of a large fraction would not fit the compiler's."""

    def _print_Rational(self, expr: sympy.Rational) -> str:
        return repr(expr.p / expr.q)

    def _print_Integer(self, expr: sympy.Integer) -> str:
        return repr(float(expr)) if abs(expr.p) > 2**53 else str(expr.p)


def written_out(expression: object) -> str:
    """A sympy expression as text that `Formula` reads, with every digit."""
    return _Text().doprint(expression)


def _parameter(name: str) -> sympy.Symbol:
    return sympy.Symbol(f"potential.{name}", real=True)


@lru_cache(maxsize=64)
def code_of(formula: Formula) -> Code:
    """Derivatives and functions of a formula.

    Raises
    ------
    InputError
        One line: an unknown name, no function of r, a parameter that does not appear, a kink.
    """
    bare, strength = _read(formula)
    names = list(formula.parameters)
    for name in names:
        if _parameter(name) not in bare.free_symbols | strength.free_symbols:
            raise InputError(f"formula: parameter {name!r} appears neither in the expression nor in the strength")
    if _Y not in bare.free_symbols:
        raise InputError(f"formula: expression {formula.expression!r} does not depend on r")
    coefficients = [f"smoothing{k}" for k in range(0 if formula.smooth is None else formula.smooth + 1)]
    lowest = formula.lowest_power // 2
    polynomial = sum((_parameter(name) * _Y ** (lowest + k) for k, name in enumerate(coefficients)), sympy.Integer(0))
    derivatives = tuple(sympy.diff(bare, _Y, order) for order in range(HIGHEST_ORDER + 1))
    if any(part.has(sympy.Abs, sympy.sign, sympy.DiracDelta, sympy.Derivative) for part in derivatives):
        raise InputError(f"formula: expression {formula.expression!r} has a kink, as |r - 1| has")
    wholes = [
        strength * (part + sympy.horner(sympy.diff(polynomial, _Y, order), wrt=_Y))
        for order, part in enumerate(derivatives)
    ]
    try:
        functions = tuple(_function(f"phi{order or ''}", whole) for order, whole in enumerate(wholes))
    except OverflowError:
        raise InputError(f"formula: expression {formula.expression!r} has a number that is too large") from None
    return Code(("cutoff2", *names, *coefficients), functions, derivatives)


def _read(formula: Formula) -> tuple[sympy.Expr, sympy.Expr]:
    """Expression and strength as functions of y and w."""
    constants = {"pi": sympy.pi, **{name: _parameter(name) for name in formula.parameters}}
    functions = {name: getattr(sympy, name) for name in KNOWN_FUNCTIONS}
    found = [
        read_expression(text, where, {**own, **constants}, functions, sympy.Rational)
        for text, where, own in (
            (formula.expression, "expression", {"r": sympy.sqrt(_Y), "s": _Y}),
            (formula.strength, "strength", {"sigma": 1 / sympy.sqrt(_W)}),
        )
    ]
    for expression, where in zip(found, ("expression", "strength"), strict=True):
        if expression.has(sympy.I, sympy.nan, sympy.zoo, sympy.oo):
            raise InputError(f"formula: {where} {getattr(formula, where)!r} is no finite real number")
    return found[0], found[1]


def _function(name: str, expression: sympy.Expr) -> Callable[..., float]:
    """A function of (y, w, potential) that returns the expression's value."""
    expression = expression.replace(
        lambda part: part.is_Pow and part.base == _Y and part.exp.is_Rational and part.exp.q == 2,
        lambda part: _X**part.exp.p,
    )
    parts, (result,) = sympy.cse(expression, symbols=sympy.numbered_symbols("part"))
    write = _Python({"fully_qualified_modules": True}).doprint
    lines = [f"def {name}(y, w, potential):", "y = min(y, potential.cutoff2)"]
    lines += ["x = math.sqrt(y)"] if _X in expression.free_symbols else []
    lines += [f"{symbol} = {write(part)}" for symbol, part in parts]
    namespace: dict = {"math": math}
    # made from sympy's own output, not from the user's text
    exec("\n    ".join([*lines, f"return {write(result)}"]), namespace)
    return namespace[name]


@lru_cache(maxsize=64)
def values(formula: Formula, cutoff: float) -> tuple[float, ...]:
    """Values of the fields of `code_of`; see `Formula.values`."""
    code = code_of(formula)
    edge = sympy.Rational(repr(float(cutoff))) ** 2  # the decimal that was written: singularities there are exact
    numbers = {_Y: edge, **{_parameter(name): sympy.Rational(v) for name, v in formula.parameters.items()}}
    at_edge = [_real(part.subs(numbers), order, cutoff) for order, part in enumerate(code.bare)]
    found = [cutoff**2, *formula.parameters.values()]
    if formula.smooth is not None:
        # in z = y / y_c: the m-th derivative of z^(l + k) at 1, and that of the bare potential
        orders, lowest = range(formula.smooth + 1), formula.lowest_power // 2
        rising = sympy.Matrix([[sympy.ff(lowest + k, m) for k in orders] for m in orders])
        solved = rising.LUsolve(sympy.Matrix([-at_edge[m] * edge**m for m in orders]))
        found += [float(b / edge ** (lowest + k)) for k, b in enumerate(solved)]
    _check_range(formula, code, cutoff, tuple(found))
    _check_poles(code, numbers, cutoff)
    return tuple(found)


def _real(value: sympy.Expr, order: int, cutoff: float) -> sympy.Expr:
    number = value.evalf(DIGITS)
    if not (number.is_number and number.is_real and number.is_finite):
        what = ("energy", "first derivative", "second derivative", "third derivative", "fourth derivative")[order]
        raise InputError(f"formula: its {what} is not finite and real at the cutoff, r = {cutoff:g}")
    return number


def _check_range(formula: Formula, code: Code, cutoff: float, found: tuple[float, ...]) -> None:
    """Refuse what no kernel could compute, and jumps at the cutoff that nobody asked for."""
    potential = SimpleNamespace(**dict(zip(code.fields, found, strict=True)))
    for step in range(1, DISTANCES + 1):
        r = cutoff * step / DISTANCES
        for function in code.functions:
            try:
                value = function(r * r, 1.0, potential)
            except OverflowError:  # the core of a steep potential
                continue
            except (ValueError, ZeroDivisionError):
                value = math.nan
            if isinstance(value, complex) or math.isnan(value):
                raise InputError(
                    f"formula: {function.__name__} is not finite and real at r = {r:.4g}, inside the cutoff"
                )
    if formula.smooth is None:
        inside, edge = (0.8 * cutoff) ** 2, cutoff**2
        for function, what in zip(code.functions, ("energy", "force"), strict=False):
            # at two sizes: the strength may vanish at one of them
            if any(abs(function(edge, w, potential)) > JUMP * abs(function(inside, w, potential)) for w in (1.0, 0.5)):
                raise InputError(
                    f"formula: its {what} jumps at the cutoff, r = {cutoff:g}; ask for smoothing (smooth: 1 to "
                    f"{HIGHEST_ORDER}), or write a formula that vanishes there"
                )


def _check_poles(code: Code, numbers: dict, cutoff: float) -> None:
    """Refuse poles, and branch points, that lie between the distances of `_check_range`."""
    constants = {symbol: number for symbol, number in numbers.items() if symbol != _Y}
    bare, fourth = (code.bare[order].subs(constants) for order in (0, HIGHEST_ORDER))
    r = sympy.Symbol("r", positive=True)
    for divisor in sorted(_divisors(bare), key=str):
        # made from sympy's own output, not from the user's text
        for zero in zeros(sympy.lambdify(r, divisor.subs(_Y, r**2), "math"), cutoff):
            sides = [[zero + side * step * cutoff for step in NEAR] for side in (-1, 1)]
            for points in (side for side in sides if min(side) > 0.0 and max(side) < cutoff):
                found = [fourth.evalf(DIGITS, subs={_Y: sympy.Rational(point) ** 2}) for point in points]
                finite = all(value.is_real and value.is_finite for value in found)
                if not finite or abs(found[-1]) > GROWTH * max(abs(value) for value in found[:-1]):
                    raise InputError(f"formula: phi is not finite and smooth at r = {zero:.6g}, inside the cutoff")


def _divisors(expression: sympy.Expr) -> set[sympy.Expr]:
    """Parts of an expression at whose zeros it, or a derivative of it, may diverge."""
    found = {power.base for power in expression.atoms(sympy.Pow) if not (power.exp.is_Integer and power.exp > 0)}
    found |= {part.args[0] for part in expression.atoms(sympy.log)}
    found |= {sympy.cos(part.args[0]) for part in expression.atoms(sympy.tan)}
    found |= {1 - part.args[0] ** 2 for part in expression.atoms(sympy.asin, sympy.acos)}
    return {part for part in found if part.has(_Y) and not part.is_positive}
