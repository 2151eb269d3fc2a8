"""The home page: the leaders of each track, score over time, the tasks, how to enter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from challenge.board.board_columns import TRACK_COLUMNS, exported_fields
from challenge.board.exports import csv_export, json_text, object_text
from challenge.board.html_tables import table_of
from challenge.board.markup import clip, folder_name, number_text
from challenge.board.pages.entry_commands import answer_text, code_html, shell_code
from challenge.board.pages.page_frame import trusted
from challenge.board.pages.preview import card_files
from challenge.board.pages.score_plots import over_time_plot
from challenge.board.pages.site_context import File, MarkedPage, SiteContext, board_decimals
from challenge.board.pages.standings_table import (
    N_PODIUM,
    board_columns,
    has_arrows,
    tasks_text,
    tie_text,
    tied_class,
    ties_text,
)
from challenge.board.plots.motif import motif_svg
from challenge.board.rules.boards import Board
from challenge.task.settings import Track

__all__ = ["home_files", "task_summary"]

PODIUM = 5


def home_files(context: SiteContext) -> Iterator[File | MarkedPage]:
    """Yield the exports of the overview, then the home page itself, which must come last."""
    boards = context.track_boards
    overview = {
        "format": 1,
        "title": context.settings.title,
        "at": context.snapshot.at.isoformat() if context.snapshot.at else None,
        "tasks": [task_summary(context, task) for task in context.tasks()],
    }
    texts = {key: json_text(value) for key, value in overview.items()}
    texts["tracks"] = f"[{', '.join(board.text() for board in boards.values())}]"
    yield "leaderboard.json", object_text(texts) + "\n"
    fields = [one for one in exported_fields(TRACK_COLUMNS, "csv") if one.overview]
    rows = (
        (board.track, *(one.value(row) for one in fields))
        for board in boards.values()
        for row in board.rows
    )
    yield "leaderboard.csv", csv_export(("track", *(one.name for one in fields)), rows)
    ranked: list[Board[Any]] = [*boards.values(), *context.task_boards.values()]
    for first in ranked[:1]:
        yield from card_files(context, "", first)
    yield "index.html", _home_html(context)


def task_summary(context: SiteContext, task: str) -> dict[str, object]:
    """Return what a card of a task shows: sizes, modalities, the best score."""
    card, board = context.card(task), context.task_boards.get(task)
    first = next((row for row in board.rows if row.value is not None), None) if board else None
    return {
        "id": task,
        "folder": folder_name(task),
        "title": card.task["title"],
        "kind": context.kind(task).name,
        "n_classes": len(card.task["classes"]),
        "size": context.kind(task).size_text(card.task),
        "metric": context.metric(task).title,
        "modalities": context.modalities(task),
        "n_train": card.task["n_train"],
        "n_test": card.task["n_test"],
        "best": first.value if first else None,
        "best_text": number_text(first.value, context.decimals(task)) if first else None,
        "leader": first.team_name if first else None,
        "n_tied": len(board.tied_first) if board else 0,
    }


def _track(context: SiteContext, track: Track, shown: str) -> Mapping[str, object]:
    """Return what the home page shows of a track."""
    board, name = context.track_boards[track.id], f"progress-{track.id}"
    return {
        "id": track.id,
        "folder": folder_name(track.id),
        "title": track.title,
        "metric": board.metric.title,
        "over": tasks_text(board),
        "prize": track.prize,
        "n_rows": len(board.rows),
        "ties": ties_text(board),
        "beyond": has_arrows(board, N_PODIUM, PODIUM),
        "table": table_of(
            board_columns(context, board, "", home=True),
            board.rows[:PODIUM],
            name=f"podium-{track.id}",
            caption=f"The first {PODIUM} by mean score, {clip(track.title, 60)}",
            row_class=tied_class,
            classes="podium",
            numbers=range(1, PODIUM + 1),
        ),
        "progress": over_time_plot(context, board, context.progress[track.id], name, shown, ""),
    }


def _home_html(context: SiteContext) -> str:
    snapshot, settings = context.snapshot, context.settings
    rows = [row for board in context.task_boards.values() for row in board.rows]
    # A team that has no submission, or withdrew all of them, is on no board.
    on_boards = {row.team for row in rows}
    teams = [team for team in snapshot.teams.values() if team.id in on_boards]
    shown = context.progress_text()
    n_scored = int(np.count_nonzero(np.isfinite(snapshot.primary.value)))
    in_tracks = {task for track in settings.track for task in track.tasks}
    leaders = "; ".join(
        f"{clip(board.title, 40)}: {clip(board.rows[0].team_name, 40)} "
        f"{number_text(board.rows[0].value, board_decimals(board))}"
        + (f", {tied}" if (tied := tie_text(board.rows[0], board)) else "")
        for board in context.track_boards.values()
        if board.rows and board.rows[0].value is not None
    )
    return context.frame.page(
        "home.html",
        "index.html",
        title="Overview",
        summary=f"{clip(settings.description, 120)} {leaders}".strip() or "Leaderboard",
        section="home",
        settings=settings,
        state=context.state_text(),
        notice=context.notice,
        at=snapshot.at,
        motif=trusted(motif_svg()),
        closed_at=snapshot.closed_at,
        n_teams=sum(not team.baseline for team in teams),
        n_baselines=sum(team.baseline for team in teams),
        n_scored=n_scored,
        n_unscored=len(snapshot.primary.value) - n_scored,
        tracks=[_track(context, track, shown) for track in settings.track],
        shown=shown,
        tasks=[task_summary(context, task) for task in context.tasks()],
        n_in_tracks=sum(task in in_tracks for task in context.tasks()),
        shell=code_html(shell_code(context, context.tasks()[0])) if context.tasks() else "",
        answer=answer_text(context) if context.tasks() else "",
        hidden=bool(settings.server) or settings.is_contest(),
        running=settings.is_contest() and snapshot.closed_at is None,
    )
