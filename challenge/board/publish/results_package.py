"""The boards as a Data Package of the Frictionless standard: CSV tables, each with its schema.

Types are those of the values, descriptions those of the board's columns.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from challenge.board.board_columns import exported_fields
from challenge.board.markup import folder_name, plain
from challenge.board.pages.site_context import File, SiteContext
from challenge.board.rules.boards import Board
from challenge.ledger.store.clock import iso
from challenge.ledger.submissions.names import slug_of
from challenge.task import dump_json

__all__ = ["package_document", "package_files"]

_TIME = "at"
"""The field that is a time; all other texts are texts."""


def package_files(context: SiteContext) -> Iterator[File]:
    """Yield the tables of all boards, then `datapackage.json`."""
    for path, board in _boards(context):
        yield path, board.csv_text()
    yield "datapackage.json", dump_json(package_document(context))


def package_document(context: SiteContext, folder: str = "") -> dict[str, Any]:
    """Return the descriptor; `folder` leads from it to the tables, such as `site/`."""
    settings, at = context.settings, context.snapshot.at
    document = {
        "profile": "tabular-data-package",
        "name": slug_of(settings.title) or "challenge",
        "title": plain(settings.title),
        "description": plain(settings.description),
        "created": iso(at) if at else "",
        "resources": [_resource(f"{folder}{path}", board) for path, board in _boards(context)],
    }
    return {key: value for key, value in document.items() if value}


def _boards(context: SiteContext) -> Iterator[tuple[str, Board[Any]]]:
    """Yield each board with its path in the site."""
    for track, board in context.track_boards.items():
        yield f"track/{folder_name(track)}/standings.csv", board
    for task in context.tasks():
        yield f"task/{folder_name(task)}/board.csv", context.task_boards[task]


def _resource(path: str, board: Board[Any]) -> dict[str, Any]:
    data = board.csv_text().encode()
    return {
        "profile": "tabular-data-resource",
        "name": "-".join(path.removesuffix(".csv").split("/")[-3:]),
        "path": path,
        "title": f"{plain(board.title)}, standings by {board.metric.title}",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": len(data),
        "hash": f"sha256:{hashlib.sha256(data).hexdigest()}",
        "schema": {"fields": list(_fields(board)), "missingValues": [""]},
    }


def _fields(board: Board[Any]) -> Iterator[Mapping[str, str]]:
    for column in board.columns:
        for one in exported_fields([column], "csv"):
            field = {"name": one.name, "type": _type(one.name, map(one.value, board.rows))}
            yield field | ({"description": column.help} if column.help else {})


def _type(name: str, values: Iterable[object]) -> str:
    kinds = {type(value) for value in values if value is not None}
    if name == _TIME:
        return "datetime"
    for kind, types in _TYPES:
        if kinds and kinds <= types:
            return kind
    return "string"


_TYPES: Sequence[tuple[str, set[type]]] = (
    ("boolean", {bool}),
    ("integer", {int}),
    ("number", {int, float}),
)
