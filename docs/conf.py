"""Sphinx: `make docs` builds docs/ and the docstrings of nqe_core into build/docs."""

import nqe_core

project = "nqe-core"
author = "The nqe-core developers"
release = nqe_core.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax", "sphinx.ext.viewcode"]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
exclude_patterns = ["examples"]
html_theme = "furo"
html_title = "nqe-core: soft spots in computer glasses"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # types are in the docstrings, with shapes
napoleon_google_docstring = False
napoleon_use_ivar = True
# the links that a build checks are those between pages (warnings are errors); `make docs-links` asks the others' servers
linkcheck_timeout = 20
suppress_warnings = ["toc.no_title"]  # the scorecard is written by the workflow, as a table that other pages include


def _plain(app, what, name, obj, options, lines):
    """Docstrings are plain text, where |z| is a norm and *.xyz a pattern, and not markup."""
    lines[:] = [line.replace("|", r"\|").replace("*", r"\*") for line in lines]


def setup(app):
    # before napoleon (500), which writes markup
    app.connect("autodoc-process-docstring", _plain, priority=400)
