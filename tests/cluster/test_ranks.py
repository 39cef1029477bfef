"""Whoever computes a sample, its values are the same: any number of ranks, any size of chunks."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from cluster_runs import ROOT, STAGES, Campaign, environment, sheet_row

from nqe_core.ensembles import read_sheet
from nqe_core.storage import ChunkReader

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("ranks", [2, 3])
def test_any_number_of_ranks_gives_the_same_bits(tmp_path, undisturbed, mpiexec, ranks):
    campaign = Campaign.create(tmp_path)
    script = ROOT / "tests" / "cluster" / "stages_in_a_row.py"
    command = [mpiexec, "-n", ranks, sys.executable, script, campaign.path, campaign.name, ranks]
    done = subprocess.run(
        [str(part) for part in command], env=environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    campaign.check(undisturbed)


def rows_of(campaign: Campaign) -> dict[tuple[str, int], dict]:
    """Every value of every sample, but its CPU time."""
    found = {}
    for stage in STAGES:
        for path in sorted((campaign.results / campaign.row.ensemble / stage).glob("*.h5")):
            with ChunkReader(path, stage) as reader:
                for row in reader.rows():
                    row.pop("seconds")
                    found[stage, int(row["sample"])] = row
    return found


def test_any_size_of_chunks_gives_the_same_bits(tmp_path):
    campaigns = []
    for size in (2, 6, 12):  # one walker, three, or all
        rows = sheet_row(per_walker=2, per_chunk=size)
        campaigns.append(Campaign.create(tmp_path / str(size), rows=rows))
        campaigns[-1].finish()
        assert len(read_sheet(campaigns[-1].sheet)[0].chunks) == 12 // size
    first, *others = [rows_of(campaign) for campaign in campaigns]
    for other in others:
        assert other.keys() == first.keys()
        for address, row in first.items():
            for name, value in row.items():
                np.testing.assert_array_equal(other[address][name], value, err_msg=f"{address} {name}")
    for other in campaigns[1:]:
        pd.testing.assert_frame_equal(other.table(), campaigns[0].table(), check_exact=True)
