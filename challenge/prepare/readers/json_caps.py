"""Caps of JSON tables: a small file can state endless nesting, or a table of nearly empty cells."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["check_records", "has_plain_lines"]

DEEPEST = 32
MOST_CELLS = 100_000_000
MOST_CELLS_PER_VALUE = 20
"""Beyond `MOST_CELLS`, a table may have this many cells for each value of the file."""

_TEXT = rb'"([^"\\]*(?:\\.[^"\\]*)*)"?'
"""A text, also without its end, so that no part of a line is searched twice."""
_KEY = re.compile(_TEXT + rb"(\s*:)?")
_TOKEN = re.compile(_TEXT + rb"|([\[\]{}])")


def check_records(records: Sequence[Mapping[str, Any]]) -> None:
    """Raise ValueError for objects that nest too deeply, or whose keys differ too much."""
    columns: dict[tuple[int, str | None], int] = {}
    n_objects = n_values = 0

    def visit(value: Mapping[str, Any] | list[Any], column: int, depth: int) -> None:
        nonlocal n_objects, n_values
        if depth > DEEPEST:
            raise ValueError(f"nested deeper than {DEEPEST} levels")
        is_object = not isinstance(value, list)
        n_objects += is_object
        n_values += len(value)
        for key, part in (
            ((None, one) for one in value) if isinstance(value, list) else value.items()
        ):
            inner = columns.setdefault((column, key), len(columns) + 1)
            if isinstance(part, dict | list):
                visit(part, inner, depth + 1)

    for record in records:
        visit(record, 0, 0)
    if _is_sparse(n_objects, len(columns), n_values):
        raise ValueError(f"{n_objects:,} objects with {len(columns):,} different keys")


def has_plain_lines(path: Path) -> bool:
    """Whether Arrow may read the lines: it ends the process on deep ones, and has no cap."""
    keys: set[bytes] = set()
    n_objects = n_values = depth = 0
    with path.open("rb") as file:
        for line in file:
            text = line.strip()
            is_whole = text.startswith(b"{") and text.endswith(b"}")
            if depth or not is_whole or line.count(b"{") + line.count(b"[") > DEEPEST:
                for _, token in _TOKEN.findall(line):
                    depth += (token in (b"{", b"[")) - (token in (b"}", b"]"))
                    if depth > DEEPEST:
                        return False
            found = [key for key, colon in _KEY.findall(line) if colon]
            keys.update(found)
            n_objects += line.count(b"{")
            n_values += len(found)
    return not _is_sparse(n_objects, len(keys), n_values)


def _is_sparse(n_objects: int, n_columns: int, n_values: int) -> bool:
    n_cells = n_objects * n_columns
    return n_cells > MOST_CELLS and n_cells > MOST_CELLS_PER_VALUE * n_values
