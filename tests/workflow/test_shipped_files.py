"""Schemas, documents, profiles and environments agree with each other."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from dataclasses import MISSING, asdict, fields
from itertools import chain

import pytest
import yaml
from jsonschema import Draft202012Validator
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from workflow_runs import ROOT

import nqe_core
from nqe_core.ensembles import Ensemble, read_sheet
from nqe_core.models import MODELS, OTHER_MODELS, Model
from nqe_core.reference import batches, check_files, merged_rows

RUNNING = ("workflow", "mpi", "io", "formulae")  # extras of what a campaign and `nqe` need
SHEETS = sorted((ROOT / "config" / "campaigns").glob("*.tsv"))


def load(path: str):
    return yaml.safe_load((ROOT / path).read_text())


def test_config_readme_is_made_from_the_schemas():
    describe = runpy.run_path(str(ROOT / "workflow/schemas/describe.py"))
    assert (ROOT / "config/README.md").read_text() == describe["readme"](), "run `make docs`"


@pytest.mark.parametrize("schema", ["config", "models", "campaign", "scorecard"])
def test_schemas_are_valid_and_describe_every_key(schema):
    content = load(f"workflow/schemas/{schema}.schema.yaml")
    Draft202012Validator.check_schema(content)
    open_ended = [node for node in _objects(content) if "additionalProperties" not in node]
    assert not open_ended
    assert all("description" in child for node in _objects(content) for child in node.get("properties", {}).values())


def _objects(node):
    if isinstance(node, dict):
        if node.get("type") == "object":
            yield node
        for child in node.values():
            yield from _objects(child)


def test_shipped_config_follows_its_schema():
    Draft202012Validator(load("workflow/schemas/config.schema.yaml")).validate(load("config/config.yaml"))


def test_models_file_equals_the_library():
    shipped = {name: Model.from_parameters(name, constants) for name, constants in load("config/models.yaml").items()}
    assert shipped == MODELS


def test_sheet_schema_has_the_columns_of_the_library():
    schema = load("workflow/schemas/campaign.schema.yaml")
    assert list(schema["properties"]) == [field.name for field in fields(Ensemble)]
    assert schema["required"] == [field.name for field in fields(Ensemble) if field.default is MISSING]


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.stem)
def test_shipped_sheets_follow_the_schema(path):
    validator = Draft202012Validator(load("workflow/schemas/campaign.schema.yaml"))
    for row in read_sheet(path):
        validator.validate({field.name: getattr(row, field.name) for field in fields(Ensemble)})


def test_there_is_no_default_profile():
    # it would load by itself and override --profile slurm key by key
    assert not (ROOT / "profiles/default").exists()
    assert (ROOT / "slurm").is_symlink() and (ROOT / "slurm/config.yaml").samefile(ROOT / "profiles/slurm/config.yaml")
    assert not (ROOT / "profiles/slurm/slurm").exists()  # it would turn `executor: slurm` into a path


@pytest.mark.parametrize(("name", "status"), [("slurm", "squeue"), ("slurm-accounting", "sacct")])
def test_cluster_profiles_avoid_the_known_traps(name, status):
    profile = load(f"profiles/{name}/config.yaml")
    assert profile["executor"] == "slurm" and profile["slurm-status-command"] == status
    assert profile.get("slurm-no-requeue", False) == (status == "sacct")  # whose jobs must not come back by themselves
    assert profile["rerun-triggers"] == ["mtime", "params", "input"]
    assert profile["retries"] >= 1 and profile["latency-wait"] >= 30 and "slurm-jobname-prefix" in profile
    assert not any("array" in key for key in profile)
    for key, least in (("mem_mb", 500), ("runtime", 10)):
        first, second = (eval(profile["default-resources"][key], {"attempt": attempt}) for attempt in (1, 2))
        assert least <= first < second  # grows when a job was killed for it
    for rule, resources in profile["set-resources"].items():
        assert resources["mpi"] == "srun --mpi=pmi2 --kill-on-bad-exit=1" and resources["tasks"] > 1, rule
        # the rules ask for what was measured; the profile must not overrule them
        assert not {"runtime", "mem_mb_per_cpu"} & set(resources), rule
    stages = {"liquid", "inherent_state", "harmonic", "quartic", "second_quartic", "cubic", "observables",
              "double_wells", "glass_of_other_program"}  # fmt: skip
    assert set(profile["set-resources"]) == stages


def test_rules_are_a_table_of_contents():
    for path in [ROOT / "Snakefile", *(ROOT / "workflow/rules").glob("*.smk")]:
        text = path.read_text()
        assert not re.search(r"\blambda\b|^\s*(run|message):", text, re.MULTILINE), path
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        text = path.read_text()
        assert re.match(r"# .*\n#\n# needs ", text), f"{path} must open with what it needs and makes"
        assert "# makes " in text
        for name, body in re.findall(r"^rule (\w+):\n(.*?)(?=^rule |\Z)", text, re.MULTILINE | re.DOTALL):
            assert body.lstrip().startswith('"""'), f"rule {name} has no docstring"


def pins(path: str) -> dict[str, str]:
    """Package -> version of a lock, each of which must have a hash and none an address."""
    text = (ROOT / path).read_text()
    assert "://" not in text and "--index" not in text and "--find-links" not in text
    blocks = [block for block in re.split(r"\n(?=\S)", text) if "==" in block]
    assert len(blocks) > 50 and all("--hash=sha256:" in block for block in blocks)
    return dict(re.match(r"([\w.-]+)==([^\s;]+)", block).groups() for block in blocks)


def named(requirements) -> set[str]:
    return {re.match(r"[\w-]+", requirement).group(0) for requirement in requirements}


def test_locks_have_what_the_project_needs():
    running, full = pins("envs/requirements.lock"), pins("envs/development.lock")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    to_run = named([*project["dependencies"], *chain.from_iterable(extras[e] for e in RUNNING), "setuptools"])
    assert to_run <= set(running), "run `make lock`"
    assert named(chain.from_iterable(extras.values())) <= set(full), "run `make lock`"
    # the full environment adds to the other one and replaces nothing in it
    assert running.items() <= full.items()
    # what makes the full environment large
    assert not named(extras["references"]) & set(running) - {"ase"}


REHEARSAL = runpy.run_path(str(ROOT / "envs/rehearse.py"))


def test_conda_installs_the_locked_packages():
    """conda brings an interpreter that the project supports; all packages are those of the lock, by their hashes."""
    conda = load("envs/environment.yaml")
    pip = next(entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict))
    assert pip == ["--require-hashes", "-r requirements.lock"]
    assert conda["variables"] == {"SNAKEMAKE_PROFILE": "profiles/local"}
    names = [entry for entry in conda["dependencies"] if isinstance(entry, str)]
    assert [re.split("[=<>]", name)[0] for name in names] == ["python", "pip"]  # nothing whose bounds could differ
    assert supported(re.fullmatch(r"python=(\S+)", names[0])[1])


def supported(version: str) -> bool:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return SpecifierSet(project["requires-python"]).contains(version)


def test_container_installs_the_locked_packages():
    """Every step is one that the rehearsal carries out, on files that an earlier step has copied."""
    recipe = (ROOT / "envs/Containerfile").read_text()
    assert "--require-hashes" in recipe and "-r envs/requirements.lock" in recipe
    steps = REHEARSAL["recipe_steps"](recipe)
    image, *rest = steps
    assert image.keyword == "FROM" and supported(re.match(r"python:([\d.]+)-", image.rest)[1])
    patterns, copied = REHEARSAL["ignored"]((ROOT / ".dockerignore").read_text()), []
    for step in rest:
        if step.keyword == "COPY":
            source, target = step.rest.split()
            assert (ROOT / source).exists() and source not in patterns
            copied.append(target)
        for name in re.findall(r"-r (\S+)", step.rest if step.keyword == "RUN" else ""):
            assert name in copied or "." in copied, name
    (variables,) = [step.rest for step in steps if step.keyword == "ENV"]
    assert "SNAKEMAKE_PROFILE=/nqe/profiles/local" in variables and "OMP_NUM_THREADS=1" in variables
    # what is ignored is not what the image needs
    assert not {"nqe_core", "workflow", "config", "profiles", "envs", "reference"} & set(patterns)


def test_every_dependency_has_a_lower_bound():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    bounds: dict[str, set] = {}
    for text in chain(project["dependencies"], *project["optional-dependencies"].values()):
        requirement = Requirement(text)
        assert any(specifier.operator == ">=" for specifier in requirement.specifier), text
        bounds.setdefault(requirement.name, set()).add(str(requirement.specifier))
    assert not {name for name, found in bounds.items() if len(found) > 1}  # the same one in every extra
    for lock in ("envs/requirements.lock", "envs/development.lock"):
        for name, version in pins(lock).items():
            for specifier in bounds.get(name, ()):
                assert SpecifierSet(specifier).contains(version), f"{lock}: {name} {version}, but {specifier}"


def test_installed_package_works_outside_the_source(tmp_path):
    """What `pip install .` installs is the whole library: the command answers from another folder."""
    source, target = tmp_path / "source", tmp_path / "target"
    shutil.copytree(ROOT / "nqe_core", source / "nqe_core", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(target), str(source)], check=True, capture_output=True, cwd=tmp_path)
    installed = {path.relative_to(target).as_posix() for path in (target / "nqe_core").rglob("*.py")}
    assert installed == {path.relative_to(source).as_posix() for path in (source / "nqe_core").rglob("*.py")}
    environment = {**os.environ, "PYTHONPATH": str(target)}
    options = {"env": environment, "cwd": tmp_path, "capture_output": True, "text": True, "check": True}
    code = "import nqe_core; print(nqe_core.__file__)"
    assert subprocess.run([sys.executable, "-c", code], **options).stdout.startswith(str(target))
    shown = subprocess.run([str(target / "bin" / "nqe"), "models"], **options).stdout
    assert set(json.loads(shown)) == {*MODELS, *OTHER_MODELS}


def test_citation_names_the_paper_and_the_version():
    citation = load("CITATION.cff")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert citation["version"] == project["version"] == nqe_core.__version__
    assert citation["license"] == project["license"]
    assert any(reference["doi"] == "10.1103/PhysRevE.101.032130" for reference in citation["references"])


def test_reference_data_are_whole_and_of_this_schema():
    """Batches that this version cannot read, or that are not those of their provenance, raise."""
    check_files(ROOT / "reference")
    rows = merged_rows(batches(ROOT / "reference"))
    assert rows and list(read_sheet(ROOT / "reference/campaign.tsv")) == rows
    assert sum(path.stat().st_size for path in (ROOT / "reference").rglob("*")) < 40_000_000


def test_more_of_any_ensemble_can_be_added_to_the_reference():
    """A row that the reference has otherwise would be refused only when its samples, hours later, are packed."""
    found = batches(ROOT / "reference")
    rows = read_sheet(ROOT / "config/campaigns/batch.tsv")
    more = {row.ensemble: {"samples": row.n_samples, "sheet_row": asdict(row)} for row in rows}
    merged = {row.ensemble for row in merged_rows({**found, "batch_new": {"ensembles": more}})}
    assert set(more) <= merged
