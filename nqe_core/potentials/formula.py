"""A pair potential as a formula: what a user writes, read without being run.

A formula is text in the grammar of Python's arithmetic, or a sympy expression, which is written out as such text. It is
read node by node against a list of what is known and never evaluated as a program: formulae come out of sheets and out of
other people's HDF5 files, which carry the constants of their model.

sympy makes code of it (`nqe_core.potentials.formula_code`) and is imported when a formula is used: it is the extra
`formulae`.
"""

from __future__ import annotations

import ast
import keyword
import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

from nqe_core.errors import InputError

if TYPE_CHECKING:
    from nqe_core.potentials.formula_code import Code

# what both sympy and the compiler know by these names
KNOWN_FUNCTIONS = tuple("sqrt exp log sin cos tan asin acos atan sinh cosh tanh erf erfc".split())
Refuse = Callable[[str], NoReturn]
VARIABLES = ("r", "s", "sigma", "pi")
HIGHEST_ORDER = 4
LONGEST = 2000  # characters
LARGEST_EXPONENT, LARGEST_NUMBER = 1000, 1e300  # beyond, it is a typing error, and takes forever to work out
_OPERATORS: dict[type, Callable] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.UAdd: operator.pos, ast.USub: operator.neg,
}  # fmt: skip


@dataclass(frozen=True)
class Formula:
    """A pair potential written down, F(sigma) [phi(r) + sum_{k=0..q} b_k r^(l + 2k)] for r < x_c.

    It stands wherever a potential's module does: `fields`, `functions` and `values` are what
    `nqe_core.potentials.define` takes, and a model has it as its `formula`.

    Parameters
    ----------
    expression : str or sympy expression
        phi, in r or s = r^2, both in units of the pair's sigma (as the cutoff is), with + - * / ** and `KNOWN_FUNCTIONS`,
        numbers, pi and the names of the parameters.
    parameters : mapping of str to float
        Values of every other name. They are no part of the compiled code: other values compile nothing anew.
    smooth : int, optional
        q from 0 to 4: that many derivatives, and the value, are made to vanish at the cutoff by the polynomial with the
        coefficients b_k. By default there is none, and value and first derivative must vanish by themselves.
    lowest_power : int
        l, even: the lowest power of r in that polynomial. A high one leaves a well alone.
    strength : str or sympy expression
        F, in sigma, the pair's size in simulation units: energies that depend on the kind of pair.
    """

    expression: str
    parameters: Mapping[str, float] = field(default_factory=dict)
    smooth: int | None = None
    lowest_power: int = 0
    strength: str = "1"

    def __post_init__(self) -> None:
        for name in ("expression", "strength"):
            object.__setattr__(self, name, _text(name, getattr(self, name)))
        if not isinstance(self.parameters, Mapping):
            raise InputError(f"formula: parameters are {self.parameters!r}, must be a mapping from names to numbers")
        for name, value in self.parameters.items():
            _check_parameter(name, value)
        ordered = {name: float(self.parameters[name]) for name in sorted(self.parameters)}
        object.__setattr__(self, "parameters", ordered)
        if self.smooth is not None and not (_whole(self.smooth) and 0 <= self.smooth <= HIGHEST_ORDER):
            raise InputError(
                f"formula: smooth is {self.smooth!r}, must be the number of derivatives that vanish at the cutoff, 0 to "
                f"{HIGHEST_ORDER}, or left out"
            )
        if not (_whole(self.lowest_power) and 0 <= self.lowest_power <= 24 and self.lowest_power % 2 == 0):
            raise InputError(f"formula: lowest_power is {self.lowest_power!r}, must be an even number from 0 to 24")

    def __hash__(self) -> int:
        return hash((self.expression, *self.parameters.items(), self.smooth, self.lowest_power, self.strength))

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Formula:
        """From plain values, as in config/models.yaml and in a file's attributes.

        Raises
        ------
        InputError
            One line: an unknown or missing entry, or one that cannot be.
        """
        if not isinstance(record, Mapping):
            raise InputError(f"formula is {record!r}, must be a block with an expression")
        known = tuple(cls.__dataclass_fields__)
        if unknown := sorted(set(record) - set(known)):
            raise InputError(f"formula: unknown entry {unknown[0]!r} (known: {', '.join(known)})")
        if "expression" not in record:
            raise InputError("formula: the expression is missing")
        return cls(**record)

    def record(self) -> dict[str, Any]:
        """As plain values; what is as by default goes without saying."""
        everything = {name: getattr(self, name) for name in self.__dataclass_fields__}
        default: dict[str, Any] = {"parameters": {}, "smooth": None, "lowest_power": 0, "strength": "1"}
        kept = {name: value for name, value in everything.items() if value != default.get(name)}
        return {name: dict(value) if isinstance(value, Mapping) else value for name, value in kept.items()}

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the compiled potential's parameters, `cutoff2` first."""
        return self._code.fields

    @property
    def functions(self) -> tuple[Callable[..., float], ...]:
        """phi(y, w, potential) and four derivatives in y = r^2, plain functions that the kernels compile."""
        return self._code.functions

    def values(self, cutoff: float) -> tuple[float, ...]:
        """Values of `fields` for a cutoff in units of sigma, after a check of the whole range.

        Raises
        ------
        InputError
            One line: sympy is missing; an unknown name; no function of r; not real or not finite somewhere up to the
            cutoff; a jump of energy or force there without smoothing.
        """
        return _sympy_side().values(self, cutoff)

    @property
    def _code(self) -> Code:
        return _sympy_side().code_of(self)


def _sympy_side() -> ModuleType:
    try:
        from nqe_core.potentials import formula_code
    except ImportError as error:
        raise InputError(
            f"a formula needs the package {error.name!r}: pip install '.[formulae]' in the folder of pyproject.toml"
        ) from None
    return formula_code


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _text(name: str, written: object) -> str:
    """An expression as text; one of sympy's with all digits of its numbers."""
    if _whole(written) or isinstance(written, float):
        return repr(written)
    if not isinstance(written, str):
        if not type(written).__module__.startswith("sympy."):
            raise InputError(f"formula: {name} is {written!r}, must be text or a sympy expression")
        written = str(_sympy_side().written_out(written))
    if not 0 < len(written.strip()) <= LONGEST:
        raise InputError(f"formula: {name} has {len(written)} characters, must have 1 to {LONGEST}")
    return written.strip()


def _check_parameter(name: Any, value: Any) -> None:
    # names become fields of a type whose name joins them with two underscores
    plain = isinstance(name, str) and re.fullmatch(r"[A-Za-z]([A-Za-z0-9_]*[A-Za-z0-9])?", name) and "__" not in name
    if not plain or keyword.iskeyword(name):
        raise InputError(f"formula: parameter {name!r} must be a name of letters, digits and single underscores")
    if name in (*VARIABLES, *KNOWN_FUNCTIONS, "cutoff2") or re.fullmatch(r"smoothing\d", str(name)):
        raise InputError(f"formula: parameter {name!r} has a name that is taken")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InputError(f"formula: parameter {name!r} is {value!r}, must be a finite number")


def read_expression(
    text: str, where: str, names: Mapping[str, Any], functions: Mapping[str, Callable], number: Callable
) -> Any:
    """What a text means, built from given meanings of its names; nothing in it is run.

    Parameters
    ----------
    text : str
    where : str
        For messages: expression or strength.
    names, functions : mapping
        Meaning of each name, and of each function's name.
    number : callable
        Makes a number from its digits, as text.

    Raises
    ------
    InputError
        One line that names what is not understood.
    """
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"formula: {where} {text!r} is not arithmetic ({getattr(error, 'msg', error)})") from None

    def refuse(what: str) -> NoReturn:
        raise InputError(f"formula: {where} {text!r}: {what}")

    try:
        return _meaning(
            tree, partial(_name, names=names, functions=functions, refuse=refuse), functions, number, refuse
        )
    except RecursionError:
        refuse("is nested too deeply")


def _name(name: str, names: Mapping[str, Any], functions: Iterable[str], refuse: Refuse) -> Any:
    if name not in names:
        if name == "sigma":
            refuse("sigma, the pair's size, belongs into the strength")
        refuse(f"unknown name {name!r} (known: {', '.join(names)}; functions: {', '.join(functions)})")
    return names[name]


def _meaning(node: ast.AST, name: Callable, functions: Mapping[str, Callable], number: Callable, refuse: Refuse) -> Any:
    below = partial(_meaning, name=name, functions=functions, number=number, refuse=refuse)
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool) and value < LARGEST_NUMBER:
            return number(repr(value))
        case ast.Name(id=word):
            return name(word)
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](below(operand))
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            base, exponent = below(left), below(right)
            if exponent.is_number and abs(exponent) > LARGEST_EXPONENT:
                refuse(f"an exponent is larger than {LARGEST_EXPONENT}")
            if base.is_Rational and base and exponent.is_number:
                digits = max(math.log(abs(base.p)), math.log(base.q)) * abs(exponent)
                if digits > math.log(LARGEST_NUMBER):
                    refuse(f"a number is larger than {LARGEST_NUMBER:g}")
            return base**exponent
        case ast.BinOp(op=ast.BitXor()):
            refuse("a power is written **, not ^")
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](below(left), below(right))
        case ast.Call(func=ast.Name(id=word), args=[argument], keywords=[]) if word in functions:
            return functions[word](below(argument))
        case ast.Call(func=ast.Name(id=word)) if word not in functions:
            refuse(f"unknown function {word!r} (known: {', '.join(functions)})")
    refuse(f"{ast.unparse(node)!r} is not understood: numbers, names, + - * / ** and functions of one argument are")
