"""All stages of a chunk in one start of the ranks, as a script for `mpiexec` or `srun`: folder, campaign, ranks."""

from __future__ import annotations

import sys
from pathlib import Path

from cluster_runs import STAGES, Campaign

from nqe_core.cli import main

if __name__ == "__main__":
    campaign = Campaign(Path(sys.argv[1]), sys.argv[2])
    for stage in (*STAGES, "observables"):
        if status := main([*campaign.command(stage), "--ranks", sys.argv[3]]):
            sys.exit(status)
