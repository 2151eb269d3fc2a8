"""A track page: the standings by mean score, with every task beside it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from challenge.board.exports import csv_export
from challenge.board.markup import clip, number_text
from challenge.board.pages.page_frame import folder_name, render, trusted
from challenge.board.pages.paging import board_pages
from challenge.board.pages.site_context import (
    BoardPage,
    File,
    SiteContext,
    board_decimals,
)
from challenge.board.pages.standings_table import ties_words, track_columns
from challenge.board.plots import progress_svg, shake_up_svg
from challenge.kinds import metric_title

__all__ = ["track_files"]


def track_files(context: SiteContext, track_id: str) -> Iterator[File | BoardPage]:
    """Yield the exports and the pages of a track, the first page last."""
    board = context.track_boards[track_id]
    folder = f"track/{folder_name(track_id)}"
    yield f"{folder}/standings.json", board.text() + "\n"
    yield f"{folder}/standings.csv", csv_export(board.csv_header(), board.csv_rows())
    yield from board_pages(
        folder,
        track_columns(context, board, "../../"),
        board,
        name="standings",
        caption=f"Standings by mean {board.metric.title}",
        look=[context.decimals(task) for task in board.tasks],
        around=partial(_track_html, context, track_id),
    )


def _track_html(
    context: SiteContext, track_id: str, path: str, number: int, table: str, pager: str
) -> str:
    board = context.track_boards[track_id]
    track = next(track for track in context.settings.track if track.id == track_id)
    snapshot = context.snapshot
    moves = [
        (row.team_name, row.public_rank, row.rank)
        for row in (board.rows if number == 1 else ())
        if row.public_rank is not None and row.rank is not None
    ]
    first = board.rows[0] if board.rows and board.rows[0].value is not None else None
    told = context.progress_words()
    content = render(
        "track.html",
        told=told,
        steps=context.step_words(board.tasks),
        track=track,
        kind_title=track.kind.title,
        metric=metric_title(track.metric),
        board=board,
        state=context.state_words(),
        number=number,
        ties=ties_words(board),
        tasks=[
            (folder_name(task), context.title(task), floor, context.decimals(task))
            for task, floor in zip(board.tasks, board.baseline_scores, strict=True)
        ],
        left_out=[
            (folder_name(task) if task in snapshot.cards else None, context.title(task), reason)
            for task, reason in board.left_out.items()
        ],
        table=trusted(table),
        pager=trusted(pager),
        progress=trusted(
            progress_svg(
                "progress",
                f"{told}, {clip(track.title)}",
                context.progress.get(track_id, ()),
                board.metric,
                until=snapshot.closed_at or snapshot.at,
            )
            if snapshot.at and number == 1
            else ""
        ),
        shake_up=trusted(
            shake_up_svg("shake-up", f"Public rank against final rank, {clip(track.title)}", moves)
            if number == 1
            else ""
        ),
    )
    title = clip(track.title) if number == 1 else f"{clip(track.title)}, page {number}"
    words = f"{title}: {ties_words(board)}"
    if first:
        score = number_text(first.value, board_decimals(board))
        words = f"{clip(first.team_name, 60)} leads with {score}. {ties_words(board)}"
    return context.frame.page(path, title, words, content, place=f"track/{track_id}")
