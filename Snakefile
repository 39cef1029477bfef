# Nonlinear quasilocalized excitations in glasses: from an ensemble sheet to the paper's figures.
# Rules in the order of the data: glasses -> modes -> observables -> figures, tables.
from snakemake.utils import min_version

min_version("9.17")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/resources.smk"


report: "workflow/report/campaign.rst"


# made from envs/Containerfile; used with --software-deployment-method apptainer only
container: "envs/nqe.sif"


pathvars:
    results=RESULTS,
    logs=f"{RESULTS}/logs",


wildcard_constraints:
    ensemble="|".join(ENSEMBLES),
    # four digits or more; Snakemake does not understand \d{4,}
    chunk=r"\d{4}\d*",


localrules:
    all,


rule all:
    """Every file of the campaign: chunks of every stage, figures, tables, scorecard."""
    input:
        every_chunk(),
        every_product(),


include: "workflow/rules/glasses.smk"
include: "workflow/rules/modes.smk"
include: "workflow/rules/observables.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/checks.smk"
