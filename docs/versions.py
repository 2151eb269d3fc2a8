"""Write the page of versions of the documentation: `python -m docs.versions FOLDER`.

FOLDER has one folder for each built version (`docs/site/0.1.0`). Its `index.html` links to all of
them, the newest first. `make docs` builds the version of this checkout and writes the page.
"""

from __future__ import annotations

import re
import sys
from html import escape
from itertools import zip_longest
from pathlib import Path

__all__ = ["built_versions", "write_versions"]

_FIRST = "docs/index.html"
_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>challenge: versions of the documentation</title>
<style>
body {{ font: 1rem/1.6 system-ui, sans-serif; margin: 2rem auto; max-width: min(40rem, 90vw) }}
li {{ padding: .3rem 0 }}
</style>
<h1>Documentation of challenge</h1>
<ul>
{items}
</ul>
</html>
"""


def built_versions(site: Path) -> list[str]:
    """Return the names of the folders that hold a version, the newest first."""
    found = [page.parents[1].name for page in site.glob(f"*/{_FIRST}")]
    return sorted(found, key=_order, reverse=True)


def _order(version: str) -> tuple[tuple[int, ...], str]:
    return tuple(int(number) for number in re.findall(r"\d+", version)), version


def write_versions(site: Path) -> None:
    """Write `site/index.html`; raise SystemExit with a fix when no version is there."""
    versions = built_versions(site)
    if not versions:
        raise SystemExit(f"{site}: no version of the documentation; fix: make docs")
    items = "\n".join(
        f'<li><a href="{escape(name)}/{_FIRST}">{escape(name)}</a>{note}'
        for name, note in zip_longest(versions, [" (newest)"], fillvalue="")
    )
    (site / "index.html").write_text(_PAGE.format(items=items), encoding="utf-8")


if __name__ == "__main__":
    write_versions(Path(sys.argv[1]))
