"""What the chunk tables say of their making, read without their rows: a campaign has up to a thousand of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from nqe_core.errors import InputError
from nqe_core.jobs import NOT_RECORDED


def header(path: str | Path) -> tuple[dict, int]:
    """What `nqe observables` stored about a table's samples, and their number."""
    try:
        found = parquet.read_metadata(path)
        return json.loads(found.metadata[b"nqe"]), found.num_rows
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not a table of `nqe observables` ({' '.join(str(error).split())[:160]})") from None


def packages(paths: Iterable[str | Path]) -> dict[str, int]:
    """Versions of Python and packages behind some tables, each with the number of samples made with them."""
    counts: Counter[str] = Counter()
    for path in paths:
        made, samples = header(path)
        counts[made.get("packages", NOT_RECORDED)] += samples
    return dict(counts)
