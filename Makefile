# Thin names for the usual commands; no logic here. `make help` lists them.
# Variables: VENV (environment, default .venv), CORES (default all), PYTHON (interpreter that the environment is made of)

VENV ?= .venv
CORES ?= all
CAMPAIGN ?= demo
READY := $(VENV)/.complete
FULL := $(VENV)/.complete-full
SNAKEMAKE = snakemake --profile profiles/local --cores $(CORES)

SHELL := bash
export PATH := $(abspath $(VENV))/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help env env-full figures tiny reference report verify test test-cluster test-fast test-versions lint format bench docs docs-links lock clean-env

help:  ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

env: $(READY)  ## make the environment .venv from locked pins: what running needs

env-full: $(FULL)  ## the same with what tests, linters and documentation need

$(READY): envs/requirements.lock envs/create.sh pyproject.toml
	@envs/create.sh run $(VENV)

$(FULL): $(READY) envs/development.lock
	@envs/create.sh full $(VENV)

figures: $(READY)  ## run the demo campaign (or CAMPAIGN=...): every figure, table and the scorecard
	@$(SNAKEMAKE) --config campaign=$(CAMPAIGN)
	@echo "Figures:   results/$(CAMPAIGN)/figures/"
	@echo "Tables:    results/$(CAMPAIGN)/tables/"
	@echo "Scorecard: results/$(CAMPAIGN)/scorecard.md"

tiny:  ## run the tiny campaign, about a minute
	@$(MAKE) --no-print-directory figures CAMPAIGN=tiny

reference: $(READY)  ## pack what CAMPAIGN has made so far into reference/, beside the batches of other campaigns
	@python workflow/scripts/pack_reference.py $(CAMPAIGN)

report: CAMPAIGN = reference
report: figures  ## results/reference/report.html from the data in reference/, or that of CAMPAIGN=...
	@$(SNAKEMAKE) --config campaign=$(CAMPAIGN) --report results/$(CAMPAIGN)/report.html
	@echo "Report:    results/$(CAMPAIGN)/report.html"

verify: figures  ## check every file of the campaign against the sheet and its checksum; fails for the demo, by its liquids at T = 0.35
	@$(SNAKEMAKE) --config campaign=$(CAMPAIGN) --forcerun verify --until verify -- verify

test: $(FULL)  ## run the whole test suite
	@nqe warmup  # kernels of changed sources, which tests with time limits should not wait for
	@python -m pytest

test-cluster: $(FULL)  ## the part of the suite that starts a SLURM and disturbs its jobs
	@nqe warmup
	@python -m pytest tests/cluster

test-fast: $(FULL)  ## run the tests that take seconds
	@python -m pytest -m "not slow and not cluster"

test-versions:  ## the fast tests with the oldest packages that are allowed, and the newest on other Pythons
	@envs/test_versions.sh

lint: $(FULL)  ## ruff, snakefmt, import layers, types of the public interface, snakemake --lint
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow/Snakefile workflow/rules
	lint-imports
	mypy
	snakemake --lint

format: $(FULL)  ## let ruff and snakefmt put the code in order
	ruff check --fix .
	ruff format .
	snakefmt Snakefile workflow/Snakefile workflow/rules

bench: $(FULL)  ## measure speed against references, the cost of a sample, and how it grows with N
	@python benchmarks/run.py
	@python benchmarks/cost.py config/campaigns/paper.tsv --output results/bench/cost.csv
	@python benchmarks/cost.py benchmarks/scaling.tsv --output results/bench/scaling_sizes.csv
	@python benchmarks/scaling.py results/bench/cost.csv results/bench/scaling_sizes.csv --output results/bench

docs: $(FULL)  ## build build/docs from docs/ and the docstrings, links checked; config/README.md from the schemas
	@python workflow/schemas/describe.py
	@sphinx-build --quiet --fail-on-warning --keep-going docs build/docs
	@echo "Documentation: build/docs/index.html"

docs-links: $(FULL)  ## ask other sites whether the pages that the documentation links to are there
	@sphinx-build --quiet -b linkcheck docs build/links

lock: $(READY)  ## renew the pins in envs/*.lock from pyproject.toml (KEEP=1: only what no longer fits)
	@envs/lock.sh $(VENV)/bin/python

clean-env:  ## remove the environment
	rm -rf $(VENV)
