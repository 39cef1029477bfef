"""The documentation's examples run, and every page is in its contents."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import numpy as np
import pytest
from other_programs import make_glass, write_xyz
from synthetic_campaign import observables

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = sorted(DOCS.glob("*.md"))
# pages of the site, and what is read where the project is kept
EVERYTHING = [*PAGES, *sorted(DOCS.parent.glob("*.md")), *sorted(DOCS.parent.glob("config/*.md"))]
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


def test_commands_beside_numbers_are_there():
    for page in PAGES:
        for script in re.findall(r"`python ((?:docs|benchmarks)/\S+\.py)", page.read_text()):
            assert (DOCS.parent / script).exists(), script
