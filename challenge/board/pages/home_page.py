"""The home page: who leads each track, how it came about, what the tasks are, how to enter."""

from __future__ import annotations

from collections.abc import Iterator

from challenge.board.exports import csv_export, json_text, object_text
from challenge.board.markup import clip, number_text, user_html
from challenge.board.pages.page_frame import folder_name, render, trusted
from challenge.board.pages.site_context import File, SiteContext, board_decimals
from challenge.board.pages.standings_table import tied_class, ties_words, track_columns
from challenge.board.plots import motif_svg, progress_svg
from challenge.board.tables import table_html
from challenge.kinds import kind_of, metric_title

__all__ = ["home_files", "task_summary"]

PODIUM = 5


def home_files(context: SiteContext) -> Iterator[File]:
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
    names = ("rank", "team", "value", "low", "high", "tied_first", "coverage", "eligible")
    rows = (
        (board.track, *(plain[name] for name in names))
        for board in boards.values()
        for plain in board.plain_rows
    )
    yield "leaderboard.csv", csv_export(("track", *names), rows)
    yield "index.html", _home_html(context)


def task_summary(context: SiteContext, task: str) -> dict[str, object]:
    """Return what a card of a task shows: sizes, modalities, the best score."""
    card, board = context.card(task), context.task_boards.get(task)
    first = next((row for row in board.rows if row.value is not None), None) if board else None
    return {
        "id": task,
        "folder": folder_name(task),
        "title": card.task["title"],
        "size": kind_of(card.task["kind"]).size_text(card.task),
        "metric": metric_title(str(card.task["metric"])),
        "modalities": context.modalities(task),
        "n_train": card.task["n_train"],
        "n_test": card.task["n_test"],
        "best": first.value if first else None,
        "best_text": number_text(first.value, context.decimals(task)) if first else None,
        "leader": first.team_name if first else None,
        "n_tied": len(board.tied_first) if board else 0,
    }


def _home_html(context: SiteContext) -> str:
    snapshot, settings = context.snapshot, context.settings
    told = context.progress_words()
    tracks = []
    for track in settings.track:
        board = context.track_boards[track.id]
        tracks.append(
            {
                "id": track.id,
                "folder": folder_name(track.id),
                "title": track.title,
                "metric": metric_title(track.metric),
                "n_tasks": len(board.tasks),
                "prize": track.prize,
                "n_rows": len(board.rows),
                "ties": ties_words(board),
                "table": trusted(
                    table_html(
                        track_columns(context, board, "", short=True),
                        board.rows[:PODIUM],
                        name=f"podium-{track.id}",
                        caption=f"The first places by mean score, {user_html(track.title, 60)}",
                        row_class=tied_class,
                        classes="podium",
                    )
                ),
                "progress": trusted(
                    progress_svg(
                        f"progress-{track.id}",
                        f"{told}, {clip(track.title)}",
                        context.progress.get(track.id, ()),
                        board.metric,
                        until=snapshot.closed_at or snapshot.at,
                    )
                    if snapshot.at
                    else ""
                ),
            }
        )
    n_submissions = sum(
        row.n_submissions for board in context.task_boards.values() for row in board.rows
    )
    # Who has withdrawn everything, or never handed in, stands on no board.
    standing = {row.team for board in context.task_boards.values() for row in board.rows}
    teams = [team for team in snapshot.teams.values() if team.id in standing]
    example = next(iter(context.tasks()), "TASK")
    content = render(
        "home.html",
        settings=settings,
        state=context.state_words(),
        at=snapshot.at,
        motif=trusted(motif_svg()),
        closed_at=snapshot.closed_at,
        n_teams=sum(not team.baseline for team in teams),
        n_baselines=sum(team.baseline for team in teams),
        n_submissions=n_submissions,
        tracks=tracks,
        told=told,
        tasks=[task_summary(context, task) for task in context.tasks()],
        example=example,
        running=settings.is_contest() and snapshot.closed_at is None,
    )
    leaders = "; ".join(
        f"{clip(track.title, 40)}: {clip(board.rows[0].team_name, 40)} "
        f"{number_text(board.rows[0].value, board_decimals(board))}"
        for track in settings.track
        if (board := context.track_boards[track.id]).rows and board.rows[0].value is not None
    )
    words = f"{clip(settings.description, 120)} {leaders}".strip() or "Leaderboard"
    return context.frame.page("index.html", "Overview", words, content, place="home")
