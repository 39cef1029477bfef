"""`make bench`: every stage against what a user would pick instead, in the same run.

    python benchmarks/run.py [--only PATTERN] [--repeats 5] [--output results/bench]

Writes bench.csv (name, ours, reference, ratio, goal, unit, n) and prints the same table. All times are CPU seconds of
one thread, medians; rows whose reference is not installed are left out and said so.
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"
# before numpy is imported, hence the imports below
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import argparse  # noqa: E402
import csv  # noqa: E402
import fnmatch  # noqa: E402
import sys  # noqa: E402
from dataclasses import asdict, fields  # noqa: E402
from pathlib import Path  # noqa: E402

import rows  # noqa: E402
from timing import Row  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="*", help="rows whose name matches this pattern")
    parser.add_argument("--repeats", type=int, default=5, help="counted runs of each side (default 5)")
    parser.add_argument("--output", type=Path, default=Path("results/bench"), help="folder of bench.csv")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    names = [name for name in rows.ROWS if fnmatch.fnmatch(name, arguments.only)]
    if not names:
        print(f"bench: error: no row matches {arguments.only!r} (there are: {', '.join(rows.ROWS)})", file=sys.stderr)
        return 2
    path = arguments.output / "bench.csv"
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, [field.name for field in fields(Row)])
        table.writeheader()
        print(f"{'name':52} {'ours':>11} {'reference':>11} {'ratio':>7}  {'goal':10} unit (n)")
        for name in names:
            try:
                made = rows.ROWS[name](arguments.output, arguments.repeats)
            except rows.NotInstalled as missing:
                print(f"{name:52} left out: {missing} is not installed")
                continue
            for row in made:
                table.writerow(asdict(row))
                file.flush()
                print(
                    f"{row.name:52} {row.ours:11.4g} {row.reference:11.4g} {row.ratio:7.2f}  {row.goal:10} "
                    f"{row.unit} ({row.n})",
                    flush=True,
                )
    print(f"written to {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
