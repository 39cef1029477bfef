"""The command `nqe`: one subcommand per stage, each a thin layer over the library."""

from __future__ import annotations

import os

# Ranks are the parallelism, threaded BLAS in every one of them would oversubscribe the cores: one thread each, whatever
# a cluster or a shell has set, and before numpy is loaded because it looks only then.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_variable] = "1"

from nqe_core.cli.main import main  # noqa: E402 - after the threads are set

__all__ = ["main"]
