"""How a board looks on a page: its columns, the scale of its plot, a sentence about its ties."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from challenge.board.board_cells import Look
from challenge.board.board_columns import drawn_columns
from challenge.board.html_tables import Column
from challenge.board.pages.site_context import SiteContext, board_decimals
from challenge.board.plots.scales import Scale, late_scale, scale_for
from challenge.board.rules.board_rows import Row, Standing
from challenge.board.rules.boards import Board, TaskBoard, TrackBoard
from challenge.errors import counted

__all__ = [
    "N_PODIUM",
    "N_SCALED",
    "board_columns",
    "board_scale",
    "has_arrows",
    "leader_band",
    "tasks_text",
    "tie_text",
    "tied_class",
    "ties_text",
]

N_PODIUM, N_SCALED = 6, 50
"""Rows for which the scale of a plot is made: on the home page, and on that of a board."""


def board_columns(
    context: SiteContext, board: Board[Row], root: str, *, home: bool = False, linked: bool = True
) -> list[Column[Row]]:
    """Return the columns of a board's page, or of the home page; `root` leads to the site.

    `linked` says whether the marks of the plot are links.
    """
    tasks = board.tasks if isinstance(board, TrackBoard) else ()
    look = Look(
        metric=board.metric,
        rows=board.rows,
        root=root,
        decimals=board_decimals(board),
        scale=board_scale(board, N_PODIUM if home else N_SCALED),
        band=leader_band(board),
        baseline_score=board.baseline_score if isinstance(board, TaskBoard) else None,
        task_decimals={task: context.decimals(task) for task in tasks},
        task_titles={task: context.title(task) for task in tasks},
        linked=linked,
        prize=isinstance(board, TrackBoard) and bool(board.prize),
        awarded=isinstance(board, TrackBoard) and any(row.prize for row in board.rows),
    )
    return drawn_columns(board.columns, look, home=home)


def board_scale(board: Board[Any], n: int) -> Scale:
    """Return the scale of a board's plot, made for its first `n` rows.

    One very bad entry must not make all others indistinguishable, so the worst ends are cut where
    they are more than four times as far from the best as the median is. The intervals of the better
    half are always whole.
    """
    rows = [row for row in board.rows[:n] if row.value is not None]
    values = [row.value for row in rows if row.value is not None]
    if not values:
        return scale_for([])
    whole = _ends(rows[: len(rows) // 2 + 1])
    return late_scale(board.metric, values, _ends(rows), 4, 0.05, whole)


def has_arrows(board: Board[Any], n_scaled: int, n_shown: int | None = None) -> bool:
    """Return whether the plot leaves something out in its first rows (default: in all).

    Its scale is made for the first `n_scaled` rows.
    """
    scale = board_scale(board, n_scaled)
    return any(not scale.low <= end <= scale.high for end in _ends(board.rows[:n_shown]))


def _ends(rows: Iterable[Standing]) -> list[float]:
    return [end for row in rows for end in (row.value, row.low, row.high) if end is not None]


def leader_band(board: Board[Any]) -> tuple[float, float] | None:
    """Return the ends of the first one's interval, None where it has none."""
    first = board.rows[0] if board.rows else None
    if first is None or first.low is None or first.high is None:
        return None
    return first.low, first.high


def tasks_text(board: TrackBoard) -> str:
    """Return over which tasks the mean of a track is: all of them, or those that count now."""
    n, n_all = len(board.tasks), len(board.tasks) + len(board.left_out)
    if n == n_all:
        return "its one task" if n == 1 else f"all of its {counted(n, 'task')}"
    of_all = f"of its {counted(n_all, 'task')}"
    if n == 1:
        return f"the one {of_all} that counts now"
    return f"the {n} {of_all} that count now" if n else f"none {of_all} yet"


def tied_class(row: Standing) -> str:
    """Return the class of a board row."""
    return " ".join(name for name, on in (("tied", row.tied_first), ("base", row.baseline)) if on)


def ties_text(board: Board[Any]) -> str:
    """Return one plain sentence about which teams may be first."""
    tied, scored = board.tied_first, board.n_scored
    if scored == 0:
        return "No scored entry yet."
    if scored == 1:
        return "One scored entry so far: there is nothing to compare it with."
    if len(tied) <= 1:
        return "The first is ahead of every other entry by more than chance explains."
    return f"The first is {_others(board)}: their order may be due to chance."


def tie_text(row: Standing, board: Board[Any]) -> str:
    """Return how a row is tied, by the rule of `ties_text`; empty where it is not."""
    if not row.tied_first or len(board.tied_first) <= 1:
        return ""
    if row.rank == 1:
        return _others(board).removeprefix("statistically ")
    return "tied with the first"


def _others(board: Board[Any]) -> str:
    n = len(board.tied_first) - 1
    return f"statistically tied with {'one other' if n == 1 else f'{n} others'}"
