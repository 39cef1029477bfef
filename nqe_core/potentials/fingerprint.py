"""What the functions of a potential are made of, as one checksum: kernels kept on disk are found again by it.

The compiler builds values into a kernel: of globals, closures and defaults, and the code of what is called. All of it
counts, or a kernel compiled for other values would be taken. Functions of libraries count by name and version.
"""

from __future__ import annotations

import builtins
import dis
import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from nqe_core.errors import InputError

_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis))
_COMPILED_FOR = ("numpy", "numba", "scipy")  # libraries wherever they are installed
_STANDARD = os.path.dirname(os.__file__) + os.sep
_MISSING = object()


def fingerprint(name: str, functions: Sequence[Callable]) -> str:
    """Checksum of functions and of all that they refer to, the same in every process.

    Parameters
    ----------
    name : str
        The potential's, for messages.
    functions : sequence of Python functions

    Raises
    ------
    InputError
        One line: something is referred to that has no value to compare.
    """
    plain = [function for function in functions if isinstance(function, FunctionType)]
    if others := [function for function in functions if function not in plain]:
        raise InputError(f"potential {name!r}: {others[0]!r} must be a plain Python function")
    reader = _Reader(name, {str(function.__module__).split(".")[0] for function in plain})
    made_of = [reader.function(function) for function in plain]
    return hashlib.sha256(repr(made_of).encode()).hexdigest()[:16]


def as_it_is_now(function: Callable) -> Callable:
    """A copy that keeps the values its globals and closure have now: kernels are compiled later, one by one."""
    assert isinstance(function, FunctionType)
    names, cells = {name for name, _ in _uses(function.__code__)}, function.__closure__
    values = {name: _kept(function.__globals__[name]) for name in names if name in function.__globals__}
    values |= {"__builtins__": builtins, "__name__": function.__globals__.get("__name__")}
    closure = None if cells is None else tuple(CellType(_kept(cell.cell_contents)) for cell in cells)
    copy = FunctionType(function.__code__, values, function.__name__, function.__defaults__, closure)
    copy.__kwdefaults__, copy.__module__ = function.__kwdefaults__, function.__module__
    copy.__doc__, copy.__qualname__ = function.__doc__, function.__qualname__
    return copy


def _kept(value: Any) -> Any:
    if type(value) is tuple:
        return tuple(_kept(item) for item in value)
    return value.copy() if type(value) is np.ndarray else value


class _Reader:
    """Reads functions and values as nested tuples of text, without addresses or what else changes by process."""

    def __init__(self, potential: str, own: set[str]) -> None:
        self.potential = potential
        self.own = own  # top-level packages of the potential: they may be edited where they are installed
        self.seen: dict[int, int] = {}  # functions may call one another in circles

    def function(self, function: FunctionType) -> tuple:
        if id(function) in self.seen:
            return ("again", self.seen[id(function)])
        self.seen[id(function)] = len(self.seen)
        uses = [
            (name, attributes, self.used(function, name, attributes))
            for name, attributes in sorted(set(_uses(function.__code__)))
        ]
        where = f"a default of {function.__name__}"
        defaults = self.value(function.__defaults__, where), self.value(function.__kwdefaults__, where)
        return ("function", self.code(function.__code__, function.__name__), uses, defaults)

    def code(self, code: CodeType, name: str) -> tuple:
        counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags
        names = code.co_varnames, code.co_names, code.co_freevars, code.co_cellvars
        constants = [self.value(constant, f"a constant of {name}") for constant in code.co_consts]
        return (counts, names, code.co_code, getattr(code, "co_exceptiontable", b""), constants)

    def used(self, function: FunctionType, name: str, attributes: tuple[str, ...]) -> tuple:
        """What a name of the function's code stands for; for modules, what the attributes behind it stand for."""
        where, value = f"{name!r} in {function.__name__}", _looked_up(function, name)
        while isinstance(value, ModuleType) and attributes and not self.is_library(value):
            name, value, attributes = f"{name}.{attributes[0]}", getattr(value, attributes[0], _MISSING), attributes[1:]
            where = f"{name!r} in {function.__name__}"
        if value is _MISSING:
            raise InputError(f"potential {self.potential!r}: {where} is not defined yet")
        return self.value(value, where)

    def value(self, value: Any, where: str) -> tuple:
        kind = type(value).__qualname__
        match value:
            case _ if type(value) in _PLAIN:
                return (kind, repr(value))
            case np.generic() if not value.dtype.hasobject:
                return (kind, repr(value.dtype), value.tobytes())
            case np.ndarray() if type(value) is np.ndarray and not value.dtype.hasobject:
                # the layout is part of the compiled type, and so is whether it may be written to
                layout = value.flags.c_contiguous, value.flags.f_contiguous, value.flags.aligned
                return (kind, repr(value.dtype), value.shape, layout, hashlib.sha256(value.tobytes()).hexdigest())
            case tuple():
                return (kind, getattr(value, "_fields", ()), [self.value(item, where) for item in value])
            case set() | frozenset():
                return (kind, sorted(repr(self.value(item, where)) for item in value))
            case dict():
                items = ((self.value(key, where), self.value(item, where)) for key, item in value.items())
                return (kind, sorted(items, key=repr))
            case CodeType():
                return self.code(value, value.co_name)
            case ModuleType() if self.is_library(value):
                return ("module", value.__name__, _version(value.__name__))
        return self.compiled_or_named(value, where)

    def compiled_or_named(self, value: Any, where: str) -> tuple:
        if named := self.library_name(value):
            return ("library", named, _version(named))
        if isinstance(value, FunctionType):
            return self.function(value)
        # numba's, which is not loaded here for them: compiled functions and ufuncs, and types
        if type(value).__module__.split(".")[0] == "numba":
            compiled = getattr(value, "_dispatcher", value)
            if isinstance(plain := getattr(compiled, "py_func", None), FunctionType):
                return ("compiled", self.function(plain), self.value(dict(compiled.targetoptions), where))
            if " at 0x" not in repr(value):
                return ("numba", type(value).__qualname__, repr(value))
        raise InputError(
            f"potential {self.potential!r}: {where} is of type {type(value).__qualname__}; only numbers, text, tuples, "
            "arrays and functions can be compiled in and told apart later, so pass it as a parameter"
        )

    def is_library(self, module: ModuleType) -> bool:
        top = module.__name__.split(".")[0]
        if top in _COMPILED_FOR:
            return True
        if top == "__main__" or top in self.own - {"builtins"}:
            return False
        file = getattr(module, "__file__", None)
        if file is None:
            return getattr(module.__spec__, "origin", None) in ("built-in", "frozen")
        return file.startswith(_STANDARD) or any(
            f"{os.sep}{folder}-packages{os.sep}" in file for folder in ("site", "dist")
        )

    def library_name(self, value: Any) -> str | None:
        """The name by which a library gives this very object."""
        name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
        modules = ("numpy", "scipy.special") if isinstance(value, np.ufunc) else (getattr(value, "__module__", None),)
        for module in (sys.modules.get(str(module)) for module in modules):
            if isinstance(name, str) and module and self.is_library(module):
                try:
                    found = reduce(getattr, name.split("."), module)
                except AttributeError:
                    continue
                if found is value:
                    return f"{module.__name__}.{name}"
        return None


def _looked_up(function: FunctionType, name: str) -> Any:
    if name in function.__code__.co_freevars:
        cell = (function.__closure__ or ())[function.__code__.co_freevars.index(name)]
        try:
            return cell.cell_contents
        except ValueError:
            return _MISSING
    return function.__globals__.get(name, getattr(builtins, name, _MISSING))


def _uses(code: CodeType, outer: frozenset[str] | None = None) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Globals and variables of enclosing functions that a code loads, each with the attributes taken of it at once."""
    free = frozenset(code.co_freevars) if outer is None else outer & frozenset(code.co_freevars)
    steps = [step for step in dis.get_instructions(code) if step.opname != "EXTENDED_ARG"]
    for position, step in enumerate(steps):
        from_outside = "DEREF" in step.opname and step.argval in free
        if step.opname.startswith("LOAD") and ("GLOBAL" in step.opname or "NAME" in step.opname or from_outside):
            attributes = []
            for later in steps[position + 1 :]:
                if later.opname not in ("LOAD_ATTR", "LOAD_METHOD"):
                    break
                attributes.append(later.argval)
            yield step.argval, tuple(attributes)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _uses(constant, free)


def _version(name: str) -> str:
    return str(getattr(sys.modules.get(name.split(".")[0]), "__version__", ""))
