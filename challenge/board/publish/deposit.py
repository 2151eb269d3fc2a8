"""An archive of the results, ready for a repository that gives a DOI.

It holds the whole site, its tables described, a citation, and one page that opens alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from challenge.board.html_tables import table_of
from challenge.board.markup import clip, metric_text, plain, user_html
from challenge.board.pages.page_frame import render_alone
from challenge.board.pages.site_context import File, SiteContext
from challenge.board.pages.standings_table import board_columns, tied_class, ties_text
from challenge.board.publish.results_package import package_document
from challenge.board.rules.board_rows import Standing, TaskRow
from challenge.board.rules.boards import Board
from challenge.ledger.store.clock import iso
from challenge.task import dump_json
from challenge.version import __version__

__all__ = ["CITATION", "SITE", "deposit_files"]

CITATION = "CITATION.cff"
SITE = "site/"
"""The folder of the site in the archive."""
_SHOWN = ("rank", "team", "score", "plot", "ranks")
"""Columns of the page that opens alone."""


def deposit_files(context: SiteContext, root: Path) -> Iterator[File]:
    """Yield what is beside the site: README, citation, descriptor and the page that opens alone.

    A `CITATION.cff` in `root`, the challenge directory, is taken as it is.
    """
    own = root / CITATION
    yield CITATION, own.read_bytes() if own.is_file() else _citation(context)
    yield "README.md", _readme(context)
    yield "datapackage.json", dump_json(package_document(context, SITE))
    yield "results.html", _page(context)


def _citation(context: SiteContext) -> str:
    """Return a citation in the Citation File Format 1.2.0; a quoted text of JSON is YAML too."""
    settings, at = context.settings, context.snapshot.at
    title = plain(settings.title)
    lines = {
        "cff-version": "1.2.0",
        "message": "Please cite these results as below.",
        "type": "dataset",
        "title": f"Results of {title}",
        "abstract": plain(settings.description),
        "version": iso(at) if at else "",
        "date-released": iso(at)[:10] if at else "",
    }
    text = "".join(
        f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in lines.items() if value
    )
    name = json.dumps(f"The organisers of {title}", ensure_ascii=False)
    return f"{text}authors:\n  - name: {name}\n"


def _readme(context: SiteContext) -> str:
    at = context.snapshot.at
    lines = [
        f"# Results of {plain(context.settings.title)}",
        "",
        f"{context.state_text()} State of {iso(at)}." if at else context.state_text(),
        "Scores have 95 % intervals. Teams that the test set cannot distinguish from the leader "
        "are tied with it.",
        "",
        "- `results.html`: all standings on one page, which opens alone",
        "- `site/index.html`: the whole site, with every submission; each table is there as JSON "
        "and CSV",
        "- `datapackage.json`: the tables of the standings, described as a Data Package",
        f"- `{CITATION}`: how to cite these results",
        "",
        "The data of the tasks is not in this archive; `site/task/` names its sources and "
        "licences. No hidden label is in it.",
        "",
        f"Made by `challenge publish`, version {__version__}.",
    ]
    return "\n".join(lines) + "\n"


def _page(context: SiteContext) -> str:
    """Return a page with every board that needs no other file."""
    boards: list[tuple[str, Board[Any]]] = [
        *((f"track-{track}", board) for track, board in context.track_boards.items()),
        *((f"task-{task}", context.task_boards[task]) for task in context.tasks()),
    ]
    return render_alone(
        "results.html",
        f"Results of {plain(context.settings.title)}",
        contest=context.settings.title,
        description=context.settings.description,
        state=context.state_text(),
        at=context.snapshot.at,
        boards=[_board(context, name, board) for name, board in boards],
    )


def _board(context: SiteContext, name: str, board: Board[Any]) -> dict[str, Any]:
    columns = [
        replace(column, html=_team_html) if column.name == "team" else column
        for column in board_columns(context, board, "", linked=False)
        if column.name in _SHOWN
    ]
    return {
        "title": board.title,
        "ties": ties_text(board),
        "notes": board.notes,
        "table": table_of(
            columns,
            board.rows,
            name=name,
            caption=f"Standings by {metric_text(board.metric)}, {clip(board.title, 60)}",
            row_class=tied_class,
            classes="board",
        ),
    }


def _team_html(row: Standing) -> str:
    """Return the name of the team, without the link of the site's pages."""
    base = ' <span class="tag">baseline</span>' if row.baseline else ""
    method = row.method if isinstance(row, TaskRow) else ""
    below = f'<span class="method">{user_html(method, 90)}</span>' if method else ""
    return f'<span class="team">{user_html(row.team_name, 64)}</span>{base}{below}'
