"""The workflow as a module of somebody else's Snakefile."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from workflow_runs import ROOT

SNAKEFILE = f"""
configfile: "config/config.yaml"

module nqe:
    snakefile: "{ROOT}/%s"
    config: config

use rule * from nqe as nqe_*

rule stiffest:
    default_target: True
    input: "results/tiny/ipl2d_n64/observables.parquet"
    output: "stiffest.txt"
    shell: "cp {{input}} {{output}}"
"""


@pytest.mark.parametrize("snakefile", ["Snakefile", "workflow/Snakefile"])
def test_another_snakefile_imports_the_rules(workdir, snakefile):
    """Its own rule asks for a table, and the imported rules make it; schemas and scripts are found beside the module.

    The workflow catalog and snakedeploy import workflow/Snakefile.
    """
    (workdir.path / "Snakefile").write_text(SNAKEFILE % snakefile)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {key: value for key, value in os.environ.items() if key != "SNAKEMAKE_PROFILE"} | {"PATH": path}
    command = ["snakemake", "--dry-run", "--cores", "1", "stiffest", "nqe_fig7", "--config", "campaign=tiny"]
    done = subprocess.run(command, cwd=workdir.path, env=environment, capture_output=True, text=True, timeout=300)
    text = done.stdout + done.stderr
    assert done.returncode == 0, text[-3000:]
    jobs = [line.strip() for line in text.splitlines() if line.startswith("rule ")]
    assert jobs.count("rule nqe_liquid:") == 4  # two chunks each of this ensemble and of the figure's
    assert jobs.count("rule nqe_gather:") == 2 and "rule stiffest:" in jobs and "rule nqe_fig7:" in jobs
