"""The documentation site: `make docs` builds it from the Markdown of this repository."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pygments.lexers.special import TextLexer

if TYPE_CHECKING:
    from sphinx.application import Sphinx

sys.path.insert(0, os.fspath(Path(__file__).parents[1]))
from challenge.version import __version__

project = "challenge"
version = release = __version__
html_title = f"challenge {release}"
root_doc = "docs/index"
# The README and the change log are pages too, so the source folder is the repository.
include_patterns = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/*.md",
    "docs/*.rst",
    "docs/skills/challenge/SKILL.md",
    "examples/multimodal/README.md",
]
exclude_patterns = [
    ".*",
    "build",
    "challenge",
    "datasets",
    "docs/site",
    "leaderboard",
    "submissions",
]
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
autodoc_typehints = "none"  # the signature of a docstring's sections has them in words
autodoc_member_order = "bysource"
myst_heading_anchors = 4
html_theme = "furo"
templates_path = ["theme"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/versions.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
html_copy_source = False
html_show_copyright = False
html_show_search_summary = False  # a browser refuses to load other pages from the disk
html_show_sourcelink = False


def setup(app: Sphinx) -> None:
    """Show the one diagram as its text: drawing it would load a script from elsewhere."""
    app.add_lexer("mermaid", TextLexer)
