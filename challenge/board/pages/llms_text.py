"""The site for programs that read: `llms.txt`, a map after the proposal of llmstxt.org, and boards.

Each page of a track or a task has a Markdown page beside it, with the first rows of its board.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from challenge.board.html_tables import PAGE_ROWS
from challenge.board.markup import clip, folder_name, interval_text, number_text
from challenge.board.pages.site_context import File, SiteContext, board_decimals
from challenge.board.pages.standings_table import ties_text
from challenge.board.rules.boards import Board
from challenge.errors import counted

__all__ = ["llms_files"]

_MARKS = re.compile(r"[\[\]()<>*_`#\\|]")
_TEXT = 400


def llms_files(context: SiteContext) -> Iterator[File]:
    """Yield the boards as Markdown, then the map: standings and tasks, as relative links."""
    settings = context.settings
    lines = [f"# {_plain(settings.title)}", ""]
    if settings.description:
        lines += [f"> {_plain(settings.description)}", ""]
    lines += [
        f"{context.state_text()} Scores have 95 % intervals. Teams that the test set cannot "
        "distinguish from the leader are tied with it.",
        "",
        "## Standings",
        "",
        "- [All tracks](leaderboard.json): JSON; [the same as CSV](leaderboard.csv)",
    ]
    for track in settings.track:
        folder, board = f"track/{folder_name(track.id)}", context.track_boards[track.id]
        about = f"mean {board.metric.title} of its tasks"
        lines.append(
            f"- [{_plain(track.title)}]({folder}/index.md): {about}; "
            f"[JSON]({folder}/standings.json)"
        )
        yield f"{folder}/index.md", _board_text(context, board, about, "standings")
    lines += ["", "## Tasks", ""]
    for task in context.tasks():
        folder = f"task/{folder_name(task)}"
        size = context.kind(task).size_text(context.card(task).task)
        about = f"{size}, metric {context.metric(task).title}"
        lines.append(
            f"- [{_plain(context.title(task))}]({folder}/index.md): {about}; "
            f"[standings]({folder}/board.json), [columns]({folder}/task.json) as JSON"
        )
        yield f"{folder}/index.md", _board_text(context, context.task_boards[task], about, "board")
    lines += ["", "## Rules", "", "- [How entries are scored, ranked and compared](about.html)"]
    yield "llms.txt", "\n".join(lines) + "\n"


def _board_text(context: SiteContext, board: Board[Any], about: str, name: str) -> str:
    """Return a board as Markdown: what it is, which teams may be first, its first rows."""
    lines = [
        f"# {_plain(board.title)}",
        "",
        f"{about[:1].upper()}{about[1:]}. {context.state_text()} {ties_text(board)}",
        *(f"Note: {note}" for note in board.notes),
        "",
        "| rank | team | score | 95 % interval | rank range | tied with the first |",
        "|---|---|---|---|---|---|",
    ]
    decimals = board_decimals(board)
    for row in board.rows[:PAGE_ROWS]:
        ends = () if row.rank_low is None else sorted({row.rank_low, row.rank_high})
        cells = (
            "" if row.rank is None else f"{row.rank}",
            _plain(row.team_name) + (" (baseline)" if row.baseline else ""),
            number_text(row.value, decimals),
            interval_text(row.low, row.high, decimals),
            "–".join(map(str, ends)),
            "yes" if row.tied_first else "",
        )
        lines.append(f"| {' | '.join(cells)} |")
    n = len(board.rows)
    more = f"The first {PAGE_ROWS} of {counted(n, 'row')}. " if n > PAGE_ROWS else ""
    lines += ["", f"{more}All figures: [JSON]({name}.json), [CSV]({name}.csv), [page](index.html)."]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Return the text on one line, without characters that Markdown reads."""
    return _MARKS.sub(" ", clip(text, _TEXT)).strip()
