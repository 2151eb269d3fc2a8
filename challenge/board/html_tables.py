"""Long tables as HTML strings: scrollable, captioned, sortable by the page's script, paged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Generic, TypeVar

from challenge.board.markup import count_text

__all__ = [
    "ALL_ROWS",
    "PAGE_ROWS",
    "Column",
    "frame_html",
    "pager_html",
    "pages_of",
    "rows_html",
    "table_html",
]

Row = TypeVar("Row")

ALL_ROWS = "rows.js"
"""Beside a table of several pages: all its teams, for the search of the page's script."""
PAGE_ROWS = 250
"""Rows of a board on one page; a phone scrolls this far without effort."""


@dataclass(frozen=True)
class Column(Generic[Row]):
    """One column: `html` (already escaped) is shown, `value` is what the script sorts by.

    `kind` is `text`, `number` or `plot`; only numbers need a `value`, plots are not sorted.
    """

    name: str
    title: str
    html: Callable[[Row], str]
    kind: str = "text"
    value: Callable[[Row], object] | None = None
    head_html: str | None = None
    header: bool = False
    """The cell that names its row."""
    folded: bool = False
    """Hidden until the reader asks for it; without the script it shows."""


def table_html(
    columns: Sequence[Column[Row]],
    rows: Iterable[Row],
    *,
    name: str,
    caption: str,
    row_class: Callable[[Row], str] = lambda row: "",
    classes: str = "",
) -> str:
    """Return a scrollable, keyboard-reachable table; `caption` is HTML and names it.

    `name` is the id of the table, unique in its page, and the prefix of its state in the link.
    """
    body = rows_html(columns, rows, row_class)
    return frame_html(columns, body, name=name, caption=caption, classes=classes)


def frame_html(
    columns: Sequence[Column[Row]], body: str, *, name: str, caption: str, classes: str = ""
) -> str:
    """Return a table whose rows are HTML already."""
    head = "".join(
        f'<th scope="col" class="{column.kind}" data-col="{column.name}"'
        f"{' data-folded' if column.folded else ''}>{column.head_html or escape(column.title)}</th>"
        for column in columns
    )
    return (
        f'<div class="scroll" role="region" aria-labelledby="{name}-caption" tabindex="0">'
        f'<table id="{name}" class="{("data " + classes).strip()}">'
        f'<caption id="{name}-caption">{caption}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def rows_html(
    columns: Sequence[Column[Row]], rows: Iterable[Row], row_class: Callable[[Row], str]
) -> str:
    """Return the rows of a table."""
    cells = [_cell_plan(column) for column in columns]
    return "".join(_row_html(cells, row, row_class(row)) for row in rows)


_Plan = tuple[str, Callable[[Row], object] | None, Callable[[Row], str], str]
"""What is the same in all cells of a column: start tag, value, content, end tag."""


def _cell_plan(column: Column[Row]) -> _Plan[Row]:
    tag = 'th scope="row"' if column.header else "td"
    end = "</th>" if column.header else "</td>"
    return f'<{tag} class="{column.kind}"', column.value, column.html, end


def _row_html(cells: Sequence[_Plan[Row]], row: Row, row_class: str) -> str:
    parts = [f'<tr class="{row_class}">' if row_class else "<tr>"]
    for start, value, html, end in cells:
        if value is None:
            parts.append(f"{start}>{html(row)}{end}")
        else:
            sort = value(row)
            shown = sort if isinstance(sort, (int, float)) else ""
            parts.append(f'{start} data-v="{shown}">{html(row)}{end}')
    parts.append("</tr>\n")
    return "".join(parts)


def pages_of(rows: Sequence[Row], size: int = PAGE_ROWS) -> list[Sequence[Row]]:
    """Return the rows cut into pages; no row at all is one empty page."""
    return [rows[start : start + size] for start in range(0, len(rows), size)] or [rows]


def pager_html(page: int, n_pages: int, n_rows: int, size: int = PAGE_ROWS) -> str:
    """Return links between the pages of a board (`index.html`, `page-2.html`, …), from 1."""
    if n_pages == 1:
        return ""
    near = sorted({1, *range(max(1, page - 2), min(n_pages, page + 2) + 1), n_pages})
    parts, last = [], 0
    for number in near:
        if number > last + 1:
            parts.append("<li aria-hidden='true'>…</li>")
        last = number
        href = "index.html" if number == 1 else f"page-{number}.html"
        current = ' aria-current="page"' if number == page else ""
        parts.append(f'<li><a href="{href}"{current}>{number}</a></li>')
    first, final = (page - 1) * size + 1, min(page * size, n_rows)
    return (
        f'<nav class="pager" aria-label="Pages of this table" data-rows="{ALL_ROWS}" '
        f'data-size="{size}">'
        f"<p>Rows {count_text(first)} to {count_text(final)} of {count_text(n_rows)}</p>"
        f"<ul>{''.join(parts)}</ul></nav>"
    )
