"""The plots of a board's scores: over time, and how they are distributed."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from challenge.board.board_cells import row_link
from challenge.board.markup import clip, figures_text, metric_text, minute_text
from challenge.board.pages.page_frame import trusted
from challenge.board.pages.site_context import SiteContext, board_decimals
from challenge.board.pages.standings_table import board_scale
from challenge.board.plots.distribution_plot import distribution_svg
from challenge.board.plots.progress_plot import Line, progress_svg
from challenge.board.plots.svg_parts import N_LIT, Spot
from challenge.board.rules.board_rows import Standing
from challenge.board.rules.boards import Board, TaskBoard
from challenge.board.rules.progress import Progress, Series

__all__ = ["N_LINES", "distribution_plot", "over_time_plot", "row_spot"]

N_LINES = 5
"""Teams whose score over time is drawn."""


def row_spot(row: Standing, number: int, root: str, decimals: int) -> Spot:
    """Return the message of the mark of a row of a board; `root` leads to the site."""
    figures = figures_text(row.value, row.low, row.high, row.at, decimals)
    return Spot(row.team_name, figures, row_link(row, root), (number,))


def over_time_plot(
    context: SiteContext, board: Board[Any], progress: Progress, name: str, title: str, root: str
) -> Markup:
    """Return the best scores over time of the best teams; empty before the first score."""
    snapshot = context.snapshot
    if not snapshot.at:
        return trusted("")
    until = snapshot.closed_at or snapshot.at
    if snapshot.closed_at is None and isinstance(board, TaskBoard):
        # A submission of another task leaves the page of this one as it is.
        until = max((row.at for row in board.rows if row.at), default=until)
    rows = {row.team: (number, row) for number, row in enumerate(board.rows[:N_LIT], 1)}
    kinds = ("c1", "c2", "c3", "c4", "c5")
    decimals = board_decimals(board)
    lines = [
        Line(
            series.team_name,
            series.points,
            kind + (" base" if series.baseline else ""),
            _line_spot(context, series, *rows.get(series.team or 0, (0, None)), root, decimals),
        )
        for series, kind in zip(progress.teams[: len(kinds)], kinds, strict=False)
    ]
    return trusted(
        progress_svg(
            name,
            f"{title}, {clip(board.title)}",
            (Line("", progress.overall.points, "best"), *reversed(lines)),
            board.metric,
            until=until,
        )
    )


def _line_spot(
    context: SiteContext,
    series: Series,
    number: int,
    row: Standing | None,
    root: str,
    decimals: int,
) -> Spot:
    at, value = series.points[-1]
    known = row is not None and row.value == value
    low, high = (row.low, row.high) if row is not None and known else (None, None)
    figures = f"{figures_text(value, low, high, None, decimals)}, since {minute_text(at)}"
    team = context.snapshot.teams[series.team or 0]
    link = f"{root}team/{team.slug}/index.html"
    return Spot(series.team_name, figures, link, (number,))


def distribution_plot(context: SiteContext, board: TaskBoard, root: str) -> Markup:
    """Return how the scores of a task are distributed; empty below two scores."""
    scored = [row for row in board.rows if row.value is not None]
    if len(scored) < 2:
        return trusted("")
    decimals = board_decimals(board)
    return trusted(
        distribution_svg(
            "distribution",
            f"Distribution of scores, {clip(board.title)}",
            metric_text(board.metric),
            board_scale(board, len(scored)),
            [row.value for row in scored if row.value is not None],
            [row.team_name for row in scored],
            [row_spot(row, number, root, decimals) for number, row in enumerate(scored[:N_LIT], 1)],
            baseline_score=board.baseline_score,
        )
    )
