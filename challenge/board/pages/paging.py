"""The pages of a board: each is drawn only when something that it shows has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from markupsafe import Markup

from challenge.board.exports import json_text
from challenge.board.html_tables import ALL_ROWS, Pager, Table, pages_of, rows_html
from challenge.board.pages.page_frame import trusted
from challenge.board.pages.site_context import File, MarkedPage, SiteContext
from challenge.board.pages.standings_table import (
    N_SCALED,
    board_columns,
    board_scale,
    leader_band,
    tied_class,
)
from challenge.board.plots.svg_parts import N_LIT
from challenge.board.rules.board_rows import Row
from challenge.board.rules.boards import Board

__all__ = ["board_pages"]

Around = Callable[[str, Table, Pager], str]
"""Draws a whole page, given its path, its table and the links to the other pages."""


def board_pages(
    context: SiteContext,
    folder: str,
    board: Board[Row],
    *,
    name: str,
    caption: str,
    look: object,
    around: Around,
) -> Iterator[File | MarkedPage]:
    """Yield the exports and the pages of a board, the first page last.

    The mark of a page is made of all that is drawn around its rows, of the rows as values, and of
    `look`: all else that the cells depend on. It takes a tenth of the time of drawing the rows.
    """
    yield f"{folder}/{name}.json", board.text() + "\n"
    yield f"{folder}/{name}.csv", board.csv_text()
    columns = board_columns(context, board, "../../")
    scales = f"{look} {board_scale(board, N_SCALED)} {leader_band(board)}"
    rows = pages_of(board.rows)
    if len(rows) > 1:
        # A script and not the JSON export: a page that was opened as a file may fetch nothing else.
        teams = [(row.rank, row.team_name, row.slug) for row in board.rows]
        yield f"{folder}/{ALL_ROWS}", f"window.boardRows = {json_text(teams)};\n"

    def page(path: str, number: int, body: Markup) -> str:
        pager = Pager(number, len(rows), len(board.rows))
        return around(path, Table(columns, body, name, caption, "board"), pager)

    def draw(path: str, number: int) -> str:
        # Plots of all rows are on the first page alone.
        lit = range(1, N_LIT + 1) if number == 1 else ()
        return page(path, number, trusted(rows_html(columns, rows[number - 1], tied_class, lit)))

    for number in range(len(rows), 0, -1):
        path = f"{folder}/index.html" if number == 1 else f"{folder}/page-{number}.html"
        parts = (page(path, number, Markup()), scales, board.page_texts[number - 1])
        yield MarkedPage(path, "\n".join(parts), partial(draw, path, number))
