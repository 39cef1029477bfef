"""Statistics of the campaign: medians, power laws, prefactors, tails and percentages, each with its uncertainty.

Every estimate comes as an `Estimate`: a value, its standard error, a 95 % interval and the number of samples behind it.
Too few samples give an estimate of NaN that still carries its count, never an exception: whether a number is good
enough is decided where it is used.

Samples of one Monte Carlo walker resemble each other. Wherever a function takes `blocks`, the label of each sample's
walker, samples of one block may depend on each other in any way and only blocks count as independent.

Random numbers only resample the data, from a fixed seed, so that the same tables give the same figures.
"""

from nqe_core.statistics.blocks import Blocks
from nqe_core.statistics.bootstrap import bootstrap, median, resampling
from nqe_core.statistics.estimates import (
    CONFIDENCE,
    LEAST_BLOCKS,
    LEAST_SAMPLES,
    QUANTILE,
    Estimate,
    mean,
    proportion,
    wilson_interval,
)
from nqe_core.statistics.laws import (
    PowerLaw,
    RunningMedian,
    median_power_law,
    prefactor,
    running_median,
    size_exponent,
)
from nqe_core.statistics.tails import logarithmic_density, lowest_mode_exponent, tail_exponent

__all__ = [
    "CONFIDENCE",
    "LEAST_BLOCKS",
    "LEAST_SAMPLES",
    "QUANTILE",
    "Blocks",
    "Estimate",
    "PowerLaw",
    "RunningMedian",
    "bootstrap",
    "logarithmic_density",
    "lowest_mode_exponent",
    "mean",
    "median",
    "median_power_law",
    "prefactor",
    "proportion",
    "resampling",
    "running_median",
    "size_exponent",
    "tail_exponent",
    "wilson_interval",
]
