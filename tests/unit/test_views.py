"""Interactive views: whole in one small file, with the fields in it, and alive in a browser."""

import base64
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "workflow" / "scripts" / "figures"))

import vectorfield
import view
from vectorfield import Field

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SIZE = (900, 600)


def scene(n_particles, dimension, name="glass", fraction=0.02):
    rng = np.random.default_rng(dimension)
    places = (rng.random((n_particles, dimension)) - 0.5) * 8.0
    fields = []
    for label, colour, centre in (("harmonic mode", "#2166AC", -2.0), ("quartic mode", "#C4161C", 2.0)):
        core = np.exp(-((places - centre) ** 2).sum(axis=1))[:, None] * rng.normal(size=places.shape)
        fields.append((label, Field(core, colour, fraction)))
    return view.Scene(name, places, 8.0, fields)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("views") / "fig.html"
    view.write(
        path, "Figure 1 <tested>", 'With "quotes" & </script>', [scene(500, 3, "three"), scene(900, 2, "two", 1.0)]
    )
    return path


def data(path):
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', path.read_text(), re.DOTALL)
    return json.loads(found[1])


def numbers(text):
    return np.frombuffer(base64.b64decode(text), "<i2") / 32767


def test_view_holds_the_fields(page):
    stored, original = data(page)[0], scene(500, 3)
    assert (stored["dimension"], stored["particles"], stored["name"]) == (3, 500, "three")
    assert numbers(stored["positions"]).reshape(500, 3) * 4.0 == pytest.approx(original.places, abs=2e-4)
    vectors = numbers(stored["fields"][0]["vectors"]).reshape(500, 3)
    longest = vectorfield.longest_arrow([field.vectors for _, field in original.fields])
    assert vectors * longest == pytest.approx(original.fields[0][1].vectors, abs=longest / 30000)
    assert [field["fraction"] for field in data(page)[1]["fields"]] == [1.0, 1.0]


def test_view_needs_nothing_else(page):
    text = page.read_text()
    assert not re.search(r"""(src|href)\s*=|https?:|@import|fetch\(|import\(|url\(""", text)
    assert "Figure 1 &lt;tested&gt;" in text and "@" not in text.split("<script")[0].replace("@media", "")


def test_view_of_the_largest_sample_stays_below_a_megabyte(tmp_path):
    view.write(tmp_path / "large.html", "t", "c", [scene(25600, 2, fraction=1.0), scene(32768, 3)])
    assert (tmp_path / "large.html").stat().st_size < 2_000_000  # two samples of the largest ensembles of the paper
    view.write(tmp_path / "one.html", "t", "c", [scene(25600, 2, fraction=1.0)])
    assert (tmp_path / "one.html").stat().st_size < 1_000_000


def browse(*arguments):
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
               f"--window-size={SIZE[0]},{SIZE[1]}", *arguments]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def arrows(page, state=""):
    """How many arrows the page says that it has drawn, and of which scene."""
    text = browse("--dump-dom", f"{page.as_uri()}{state}")
    return int(re.search(r'data-arrows="(\d+)"', text)[1]), int(re.search(r'data-scene="(\d+)"', text)[1])


def picture(page, path, state=""):
    browse(f"--screenshot={path}", f"{page.as_uri()}{state}")
    return matplotlib.image.imread(path)[..., :3]


@pytest.mark.skipif(BROWSER is None, reason="no Chromium")
def test_browser_draws_the_stated_number_of_arrows(page):
    assert arrows(page) == (2 * vectorfield.LEAST_ARROWS[3], 0)  # 2 % of 500 are fewer
    assert arrows(page, "#fraction=0.2") == (2 * 100, 0)
    assert arrows(page, "#scene=1") == (2 * 900, 1)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium")
def test_picture_in_the_browser_turns(page, tmp_path):
    front, turned = picture(page, tmp_path / "a.png"), picture(page, tmp_path / "b.png", "#yaw=30&pitch=40")
    stage = np.s_[:, : SIZE[0] - 330]
    blue = (front[..., 2] - front[..., 0] > 0.25)[stage]
    red = (front[..., 0] - front[..., 2] > 0.25)[stage]
    assert 200 < blue.sum() < 60_000 and 200 < red.sum() < 60_000
    changed = (np.abs(front - turned).max(axis=2) > 0.1)[stage]
    assert changed.sum() > 1000
