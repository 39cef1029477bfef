"""What a user says about glasses of other programs: which files, and how large particles of each type are."""

from __future__ import annotations

import math
from pathlib import Path

from nqe_core.errors import InputError


def parse_diameters(text: str) -> dict[str, float]:
    """Diameters by type out of `A=1.0,B=1.4`."""
    found: dict[str, float] = {}
    for entry in text.split(","):
        name, separator, value = (part.strip() for part in entry.partition("="))
        try:
            size = float(value)
        except ValueError:
            separator = ""
        if not (separator and name):
            raise InputError(f"diameters {text!r}: {entry!r} is not TYPE=DIAMETER")
        if not 0 < size < math.inf:
            raise InputError(f"diameters {text!r}: that of {name!r} is {value}, must be positive and finite")
        if name in found:
            raise InputError(f"diameters {text!r}: type {name!r} appears twice")
        found[name] = size
    return found


def source_files(*patterns: str) -> list[Path]:
    """The files that paths or patterns (`runs/*.xyz`) name, those of each sorted.

    `InputError` where one names none, and for a file that is named twice: its glasses would count as different ones.
    """
    found = [path for pattern in patterns for path in _source_files(pattern)]
    seen: set[Path] = set()
    for path in found:
        if (same := path.resolve()) in seen:
            raise InputError(f"{path}: is named twice")
        seen.add(same)
    return found


def _source_files(pattern: str) -> list[Path]:
    path = Path(pattern)
    anchor, relative = (Path(path.anchor), path.relative_to(path.anchor)) if path.anchor else (Path(), path)
    if path.is_dir():
        raise InputError(f"{path}: is a folder, must be a file (or a pattern such as '{path / '*.xyz'}')")
    found = [path] if path.is_file() else sorted(anchor.glob(str(relative)))
    if not found:
        raise InputError(f"{pattern}: no such file")
    return found
