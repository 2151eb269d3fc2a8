"""The pages of a board: each is drawn only when something that it shows has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from challenge.board.exports import json_text
from challenge.board.html_tables import (
    ALL_ROWS,
    Column,
    frame_html,
    pager_html,
    pages_of,
    rows_html,
)
from challenge.board.pages.site_context import BoardPage, File
from challenge.board.pages.standings_table import board_scale, leader_band, tied_class
from challenge.board.rules.board_rows import Board, Row

__all__ = ["board_pages"]

_HOLE = "\x00rows\x00"
"""Stands for the rows; no text of a page holds control characters."""


def board_pages(
    folder: str,
    columns: Sequence[Column[Row]],
    board: Board[Row],
    *,
    name: str,
    caption: str,
    look: object,
    around: Callable[[str, int, str, str], str],
) -> Iterator[File | BoardPage]:
    """Yield the pages of a board, the first one last, and of a long one first all its teams.

    `around` draws a page whole, given its path, its number, its table and its pager. The mark of a
    page is made of all that is drawn around its rows, of the rows as values, and of `look`:
    whatever else the cells are drawn by. Telling that no row of a page changed takes a tenth of
    the time of drawing it.
    """
    frame = frame_html(columns, _HOLE, name=name, caption=caption, classes="board")
    scales = f"{look} {board_scale(board, 50)} {leader_band(board)}"
    rows = pages_of(board.rows)
    if len(rows) > 1:
        # A script and not the JSON export: a page that was opened as a file may fetch nothing else.
        teams = [(row.rank, row.team_name, row.slug) for row in board.rows]
        yield f"{folder}/{ALL_ROWS}", f"window.boardRows = {json_text(teams)};\n"
    for number in range(len(rows), 0, -1):
        path = f"{folder}/index.html" if number == 1 else f"{folder}/page-{number}.html"
        pager = pager_html(number, len(rows), len(board.rows))
        before, after = around(path, number, frame, pager).split(_HOLE)
        parts = (before, after, scales, board.page_texts[number - 1])
        mark = hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()
        shown = rows[number - 1]
        yield BoardPage(path, mark, partial(_filled, before, columns, shown, after))


def _filled(before: str, columns: Sequence[Column[Row]], rows: Sequence[Row], after: str) -> str:
    return before + rows_html(columns, rows, tied_class) + after
