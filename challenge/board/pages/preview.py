"""What other sites show of a board: its card for link previews, and a badge for each first team."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from html import escape
from typing import Any

from challenge.board.markup import clip, interval_text, number_text, plain
from challenge.board.pages.page_frame import CARD
from challenge.board.pages.site_context import File, MarkedPage, SiteContext, board_decimals
from challenge.board.pages.standings_table import board_scale, tie_text, ties_text
from challenge.board.preview_card import CardRow, draw_card
from challenge.board.rules.board_rows import Standing
from challenge.board.rules.boards import Board

__all__ = ["N_RANKED", "badge_files", "badge_text", "card_files", "place_text"]

N_RANKED = 200
"""Teams of a board, from the top, that have a badge and whose pages show their rank.

More would change with each submission: all that are below it.
"""
_N_ROWS = 5


def card_files(context: SiteContext, folder: str, board: Board[Any]) -> Iterator[MarkedPage]:
    """Yield the card of a board in a folder; none while the site has no address."""
    if context.settings.url is None:
        return
    decimals = board_decimals(board)
    rows = [
        CardRow(
            str(row.rank),
            clip(row.team_name, 60),
            number_text(row.value, decimals),
            interval_text(row.low, row.high, decimals),
            row.value,
            row.low,
            row.high,
            row.tied_first,
            row.baseline,
        )
        for row in board.rows[:_N_ROWS]
        if row.value is not None
    ]
    scale = board_scale(board, _N_ROWS)
    texts = (clip(context.settings.title, 80), clip(board.title, 80), ties_text(board))
    mark = repr((texts, rows, scale))
    path = f"{folder}/{CARD}" if folder else CARD
    yield MarkedPage(path, mark, partial(draw_card, *texts, rows, scale))


def badge_files(context: SiteContext, folder: str, board: Board[Any]) -> Iterator[File]:
    """Yield the badges of the first teams of a track, such as "3rd of 11, tied with the first"."""
    for row in board.rows[:N_RANKED]:
        if row.rank is not None:
            place = badge_text(row, board)
            yield f"{folder}/badge/{row.slug}.svg", _badge(clip(board.title, 40), place)


def badge_text(row: Standing, board: Board[Any]) -> str:
    """Return what the badge of a ranked row says: its place, and how it is tied."""
    return ", ".join(
        filter(None, (place_text(row.rank or 0, board.n_scored), tie_text(row, board)))
    )


def place_text(rank: int, n: int) -> str:
    """Return a rank among n.

    >>> place_text(3, 11), place_text(12, 40), place_text(1, 1)
    ('3rd of 11', '12th of 40', '1st of 1')
    """
    ending = "th" if 10 <= rank % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(rank % 10, "th")
    return f"{rank:,}{ending} of {n:,}"


def _badge(left: str, right: str) -> str:
    name, place = escape(plain(left)), escape(right)
    a, b = 7 * len(left) + 16, 7 * len(right) + 16
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{a + b}" height="24" role="img" '
        f'aria-label="{name}: {place}"><title>{name}: {place}</title>'
        f'<rect width="{a + b}" height="24" rx="4" fill="#3340a8"/>'
        f'<path d="M4 0H{a}V24H4a4 4 0 0 1-4-4V4a4 4 0 0 1 4-4z" fill="#1b1d23"/>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="12">'
        f'<text x="8" y="16" textLength="{a - 16}" lengthAdjust="spacingAndGlyphs">{name}</text>'
        f'<text x="{a + 8}" y="16" textLength="{b - 16}" lengthAdjust="spacingAndGlyphs">{place}'
        "</text></g></svg>\n"
    )
