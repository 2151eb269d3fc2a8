"""Tables of pages: columns, rows as HTML strings, pages of long tables.

The template `parts.html` draws what is around the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any, Generic, TypeVar

from markupsafe import Markup

__all__ = ["ALL_ROWS", "PAGE_ROWS", "Column", "Pager", "Table", "pages_of", "rows_html", "table_of"]

Row = TypeVar("Row")

ALL_ROWS = "rows.js"
"""Beside a table of several pages: all its teams, for the search of the page's script."""
PAGE_ROWS = 250
"""Rows of a board on one page."""


@dataclass(frozen=True)
class Column(Generic[Row]):
    """One column: `html` (already escaped) is shown, `value` is what the script sorts by.

    `kind` is `text`, `number` or `plot`; only numbers need a `value`, plots are not sorted. `help`
    explains the column. `low_first` says that a first click puts the lowest value on top.
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
    """Hidden until the reader asks for it; without the script it is shown."""
    help: str = ""
    low_first: bool = False

    @property
    def head(self) -> str:
        """The title, or the HTML that replaces it."""
        return self.title if self.head_html is None else _safe(self.head_html)


@dataclass(frozen=True)
class Table:
    """What a template needs to draw a table; `caption` names it.

    `name` is the id of the table, unique in its page, and the prefix of its state in the link.
    """

    columns: Sequence[Column[Any]]
    body: Markup
    name: str
    caption: str
    classes: str = ""


def table_of(
    columns: Sequence[Column[Row]],
    rows: Iterable[Row],
    *,
    name: str,
    caption: str,
    row_class: Callable[[Row], str] = lambda row: "",
    classes: str = "",
    numbers: Iterable[int | None] = (),
) -> Table:
    """Return a table with these rows; `numbers` as in `rows_html`."""
    body = _safe(rows_html(columns, rows, row_class, numbers))
    return Table(columns, body, name, caption, classes)


def rows_html(
    columns: Sequence[Column[Row]],
    rows: Iterable[Row],
    row_class: Callable[[Row], str],
    numbers: Iterable[int | None] = (),
) -> str:
    """Return the rows of a table.

    `numbers` are those by which the first rows light up with marks of plots; None is no number.
    """
    cells = [_cell_plan(column) for column in columns]
    numbered = zip(rows, chain(numbers, repeat(None)), strict=False)
    return "".join(_row_html(cells, row, row_class(row), number) for row, number in numbered)


_Plan = tuple[str, Callable[[Row], object] | None, Callable[[Row], str], str]
"""What is the same in all cells of a column: start tag, value, content, end tag."""


def _cell_plan(column: Column[Row]) -> _Plan[Row]:
    tag = 'th scope="row"' if column.header else "td"
    end = "</th>" if column.header else "</td>"
    return f'<{tag} class="{column.kind}"', column.value, column.html, end


def _row_html(cells: Sequence[_Plan[Row]], row: Row, row_class: str, number: int | None) -> str:
    lit = f' data-row="{number}"' if number else ""
    parts = [f'<tr class="{row_class}"{lit}>' if row_class else f"<tr{lit}>"]
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


@dataclass(frozen=True)
class Pager:
    """Links between the pages of a table (`index.html`, `page-2.html`, …), counted from 1."""

    page: int
    n_pages: int
    n_rows: int
    size: int = PAGE_ROWS
    all_rows: str = ALL_ROWS

    @property
    def near(self) -> list[int]:
        """The pages that are linked: the first, the last, and those about this one."""
        about = range(max(1, self.page - 2), min(self.n_pages, self.page + 2) + 1)
        return sorted({1, *about, self.n_pages})

    @property
    def first_row(self) -> int:
        """The number of the first row of the page."""
        return (self.page - 1) * self.size + 1

    @property
    def last_row(self) -> int:
        """The number of the last row of the page."""
        return min(self.page * self.size, self.n_rows)


def _safe(html: str) -> Markup:
    return Markup(html)  # noqa: S704
