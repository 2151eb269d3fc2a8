"""A track page: the standings by mean score, with every task beside it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from challenge.board.board_cells import row_link
from challenge.board.html_tables import Pager, Table
from challenge.board.markup import (
    clip,
    figures_text,
    folder_name,
    metric_text,
    number_text,
)
from challenge.board.pages.page_frame import CARD, trusted
from challenge.board.pages.paging import board_pages
from challenge.board.pages.preview import badge_files, card_files
from challenge.board.pages.score_plots import over_time_plot
from challenge.board.pages.site_context import File, MarkedPage, SiteContext, board_decimals
from challenge.board.pages.standings_table import N_SCALED, has_arrows, tasks_text, ties_text
from challenge.board.plots.ranks_plot import Move, shake_up_svg
from challenge.board.plots.svg_parts import N_LIT, Spot
from challenge.board.rules.boards import TrackBoard
from challenge.board.rules.prizes import TIE_RULES

__all__ = ["track_files"]


def track_files(context: SiteContext, track_id: str) -> Iterator[File | MarkedPage]:
    """Yield the exports and the pages of a track, the first page last."""
    board, folder = context.track_boards[track_id], f"track/{folder_name(track_id)}"
    yield from card_files(context, folder, board)
    yield from badge_files(context, folder, board)
    yield from board_pages(
        context,
        folder,
        board,
        name="standings",
        caption=f"Standings by mean {metric_text(board.metric)}",
        look=[context.decimals(task) for task in board.tasks],
        around=partial(_track_html, context, track_id),
    )


def _moves(board: TrackBoard) -> list[Move]:
    """Return the teams that have a public and a final rank."""
    moves = []
    for number, row in enumerate(board.rows, 1):
        if row.public_rank is None or row.rank is None:
            continue
        lit = (number,) if number <= N_LIT else ()
        ranks = f"public rank {row.public_rank}, final rank {row.rank}"
        score = figures_text(row.value, row.low, row.high, None, board_decimals(board))
        spot = Spot(row.team_name, f"{ranks}, {score}", row_link(row, "../../"), lit)
        moves.append(Move(row.team_name, row.public_rank, row.rank, spot))
    return moves


def _track_html(context: SiteContext, track_id: str, path: str, table: Table, pager: Pager) -> str:
    board, snapshot = context.track_boards[track_id], context.snapshot
    track = next(track for track in context.settings.track if track.id == track_id)
    first, whole = board.rows[0] if board.rows else None, pager.page == 1
    shown = context.progress_text()
    progress, shake_up = trusted(""), ""
    if whole:
        over_time = context.progress[track_id]
        progress = over_time_plot(context, board, over_time, "progress", shown, "../../")
        shake_up = shake_up_svg(
            "shake-up", f"Public rank against final rank, {clip(track.title)}", _moves(board)
        )
    summary = ties_text(board)
    if first and first.value is not None:
        score = number_text(first.value, board_decimals(board))
        summary = f"{clip(first.team_name, 60)} leads with {score}. {summary}"
    return context.frame.page(
        "track.html",
        path,
        title=clip(track.title) if whole else f"{clip(track.title)}, page {pager.page}",
        summary=summary,
        section=f"track/{track_id}",
        card=f"track/{folder_name(track_id)}/{CARD}",
        shown=shown,
        steps=context.steps_text(board.tasks),
        track=track,
        over=tasks_text(board),
        tie_rule=TIE_RULES.get(track.prize_tie or "", ""),
        board=board,
        state=context.state_text(),
        ties=ties_text(board),
        beyond=has_arrows(board, N_SCALED),
        tasks=[
            (folder_name(task), context.title(task), number_text(score, context.decimals(task)))
            for task, score in zip(board.tasks, board.baseline_scores, strict=True)
        ],
        left_out=[
            (folder_name(task) if task in snapshot.cards else None, context.title(task), reason)
            for task, reason in board.left_out.items()
        ],
        table=table,
        pager=pager,
        progress=progress,
        shake_up=trusted(shake_up),
    )
