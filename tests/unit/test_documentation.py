"""The documentation's examples run, every page is in its contents, and every dataset and column is described."""

from __future__ import annotations

import ast
import doctest
import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from other_programs import make_glass, write_xyz
from synthetic_campaign import observables

from nqe_core.elasticity import shear_strains
from nqe_core.file_schema import COMMON, HDF5_STAGES, UNREPRODUCIBLE, stage_fields
from nqe_core.observables import table_fields

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = sorted(DOCS.glob("*.md"))
# pages of the site, and what is read where the project is kept
EVERYTHING = [*PAGES, *sorted(DOCS.parent.glob("*.md")), *sorted(DOCS.parent.glob("config/*.md"))]
PROGRAMS = sorted([*DOCS.glob("examples/*.py"), *DOCS.parent.glob("benchmarks/*.py")])
WITH_EXAMPLES = [page for page in PAGES if ">>> " in page.read_text()]


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=lambda page: page.stem)
def test_examples_run_as_they_stand(page, tmp_path, monkeypatch):
    pytest.importorskip("ase")
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    write_xyz(tmp_path / "glass.xyz", make_glass("ipl3d"))  # the reader's own
    table = tmp_path / "results" / "mine" / "mine_n1000" / "observables.parquet"
    table.parent.mkdir(parents=True)
    observables("mine_n1000", "ipl3d", 1000, 1.0, 200, np.random.default_rng(1)).to_parquet(table)
    found = doctest.testfile(str(page), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted > 0 and found.failed == 0


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_programs_import_what_the_library_has(program):
    """Benchmarks and the documents' programs take too long to be run here."""
    names = [
        (node.module, name.name)
        for node in ast.walk(ast.parse(program.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "nqe_core"
        for name in node.names
    ]
    for module, name in names:
        assert hasattr(import_module(module), name) or find_spec(f"{module}.{name}"), f"{module}.{name}"


def test_every_page_is_in_the_contents():
    listed = set(re.findall(r"^(?:.*<)?(\w+)>?$", (DOCS / "index.md").read_text(), re.MULTILINE))
    assert {page.stem for page in PAGES} - {"index"} <= listed


def anchor(heading: str) -> str:
    """What sites make of a heading: lower case, words and hyphens only."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    return {anchor(heading) for heading in re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)}


@pytest.mark.parametrize("page", EVERYTHING, ids=lambda page: str(page.relative_to(DOCS.parent)))
def test_links_between_files_lead_somewhere(page):
    """To a file or folder that is there, and to a heading that it has."""
    prose = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(), flags=re.DOTALL)
    for target, heading in re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", prose):
        if "://" in target:
            continue
        found = page.parent / target if target else page
        assert found.exists(), target
        assert not heading or heading in anchors(found), f"{target}#{heading}"


def sections(page: str) -> dict[str, str]:
    """Heading -> the text below it, up to the next heading."""
    parts = re.split(r"^#+ (.*)$", (DOCS / page).read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def first_cells(text: str) -> set[str]:
    """Names in the first column of a section's tables."""
    return {name for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE) for name in re.findall(r"`([^`]*)`", row)}


@pytest.mark.parametrize("stage", HDF5_STAGES)
def test_every_dataset_is_described_in_its_section(stage):
    found = sections("files.md")
    (section,) = [text for heading, text in found.items() if f"`{stage}`" in heading]
    own = {field.name for field in stage_fields(stage, 2, 3)} - {field.name for field in COMMON}
    only_second = {"overlap_harmonic", "overlap_first"}  # which share the section with `quartic` and `cubic`
    assert first_cells(section) - only_second == own - only_second
    assert own & only_second <= first_cells(section)
    assert first_cells(found["In every file"]) == {field.name for field in COMMON}


@pytest.mark.parametrize("dimension", [2, 3, 4])
def test_every_column_is_described(dimension):
    section = sections("files.md")["The table of observables"]
    columns = {field.name for field in table_fields(dimension, n_modes=2)} - {UNREPRODUCIBLE}
    moduli = {f"shear_modulus_{strain}" for strain in shear_strains(dimension)}
    assert first_cells(section) == columns - moduli | {"shear_modulus_{strain}", "seconds_observables"}
    assert all(f"`{strain}`" in section for strain in shear_strains(dimension))


def test_commands_beside_numbers_are_there():
    for page in PAGES:
        for script in re.findall(r"`python ((?:docs|benchmarks)/\S+\.py)", page.read_text()):
            assert (DOCS.parent / script).exists(), script
