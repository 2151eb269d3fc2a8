"""HTML for notebooks: everything that comes from data is escaped, images are small and inside."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

__all__ = ["cell_html", "table_html", "text_html", "thumbnail_html"]

_SIDE = 56
_LONGEST = 80


def text_html(text: str) -> str:
    """Return text of several lines as HTML."""
    return f"<p>{'<br>'.join(escape(line) for line in text.splitlines())}</p>"


def table_html(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; the cells are HTML already, the headers are text."""
    head = "".join(f"<th>{escape(name)}</th>" for name in headers)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def cell_html(value: object) -> str:
    """Return a value of a table as HTML; a long text is cut, a missing value is a dash."""
    if value is None or value != value:
        return "–"
    text = str(value)
    return escape(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")


def thumbnail_html(path: Path) -> str:
    """Return an image of at most 56 pixels a side, inside the HTML; a dash where it is missing."""
    from PIL import Image

    if not path.is_file():
        return "–"
    with Image.open(path) as image:
        small = image.convert("RGBA")
        small.thumbnail((_SIDE, _SIDE))
    target = io.BytesIO()
    small.save(target, "PNG")
    data = base64.b64encode(target.getvalue()).decode()
    return f'<img alt="{escape(path.name)}" src="data:image/png;base64,{data}">'
