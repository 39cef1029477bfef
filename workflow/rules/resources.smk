# What the jobs of a chunk ask of a cluster: run time and memory, from the measured cost of their ensembles.
#
# needs   nqe_core/cost.csv (`nqe cost`), and the ranks that the profile gives to each rule
# makes   nothing; it defines MINUTES and MEGABYTES, by stage

import math
import re
from dataclasses import replace
from functools import partial

from snakemake.exceptions import WorkflowError

from nqe_core.cost import memory_mb, read_measurements, seconds_per_sample

COSTS = read_measurements()
# nodes differ and so do samples; what comes back killed is tried with more
TIME_MARGIN, MEMORY_MARGIN = 3.0, 1.5
START_UP_MINUTES, LEAST_MINUTES, LEAST_MB = 5, 10, 500
MOST_MINUTES = 1440  # SLURM never starts a job that asks for more than its partition gives
UNMEASURED_MINUTES, UNMEASURED_MB = 60, 2000  # of a model of one's own
MEASURED = {"second_quartic": "quartic", "double_wells": "inherent_state"}  # what by-ways are like
WELLS_OVER_QUENCH = 4  # three quenches at most, and the way to the saddle


def ranks(stage):
    """How many ranks the profile gives to a stage."""
    # in a module of another Snakefile they, and so the profile's keys, have a prefix
    names = [
        name
        for name in workflow.resource_settings.overwrite_resources
        if re.fullmatch(rf"((?!second_)[^_]+_)?{stage}", name)
    ]
    chosen = workflow.resource_settings.overwrite_resources[names[0]] if names else {}
    if "tasks" not in chosen:
        return 1
    try:
        return int(chosen["tasks"].value)
    except (TypeError, ValueError, WorkflowError):
        stop(f"set-resources: {names[0]}: tasks must be a number: run times are worked out from it")


def samples_of_a_rank(stage, wildcards):
    """Most samples that one rank makes of a chunk: liquids are divided by walker."""
    together = ENSEMBLES[wildcards.ensemble].samples_per_walker if stage == "liquid" else 1
    return together * math.ceil(math.ceil(samples_in_chunk(wildcards) / together) / ranks(stage))


def minutes(stage, wildcards, attempt):
    """Time limit of a chunk, from the measured cost of its samples."""
    row, measured, times = ENSEMBLES[wildcards.ensemble], MEASURED.get(stage, stage), 1
    if stage == "double_wells":  # quenches, however the glass was made
        row, times = replace(row, preparation="quench", cooling_rate=0.0), WELLS_OVER_QUENCH
    seconds = times * seconds_per_sample(row, measured, COSTS, config["quench"]["cooling_start"])
    if not math.isfinite(seconds):
        return min(MOST_MINUTES, UNMEASURED_MINUTES * attempt)
    limit = START_UP_MINUTES + TIME_MARGIN * seconds * samples_of_a_rank(stage, wildcards) / 60.0
    return min(MOST_MINUTES, max(LEAST_MINUTES, math.ceil(limit)) * attempt)


def megabytes(stage, wildcards, attempt):
    """Memory of one rank."""
    measured = MEASURED.get(stage, stage)
    needed = MEMORY_MARGIN * memory_mb(ENSEMBLES[wildcards.ensemble], measured, COSTS)
    needed = needed if math.isfinite(needed) else UNMEASURED_MB
    return max(LEAST_MB, math.ceil(needed)) * attempt


CHUNK_RULES = (*STAGES, "second_quartic", "observables", "double_wells")
MINUTES = {stage: partial(minutes, stage) for stage in CHUNK_RULES}
MEGABYTES = {stage: partial(megabytes, stage) for stage in CHUNK_RULES}
