"""A column of a task: its name, its modality and its side of a pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["MOST_DIMENSIONS", "RESERVED", "ROLES", "Column", "Side", "vector_columns"]

Side = Literal["left", "right"]

RESERVED = ("id", "label", "score", "fold", "subset")
"""Names that are not allowed for features and classes."""

ROLES = ("query", "gallery")
"""What a row of a task with things is, in its column `role`: looked for, or looked among."""

MOST_DIMENSIONS = 1024
"""The most dimensions of a vector."""


def vector_columns(dimensions: int) -> tuple[str, ...]:
    """Return the names of the columns of a vector.

    >>> vector_columns(3)
    ('e0', 'e1', 'e2')
    """
    return tuple(f"e{position}" for position in range(dimensions))


@dataclass(frozen=True)
class Column:
    """A feature of a task, named as in the files (`left_name` and `right_name` in matching).

    `modality` is the name of one in `challenge.task.modalities`; `integer` says that a numeric
    column is stored as int64 instead of double; `timezone` is the zone of raw points in time
    without one, `format` how raw numbers or dates are written. Built files are in UTC and in one
    form, so neither is in task.json.
    """

    name: str
    modality: str
    description: str = ""
    integer: bool = False
    timezone: str | None = None
    format: str | None = None

    @property
    def side(self) -> Side | None:
        """The side of the pair, by the prefix of the name; None when there is none."""
        if self.name.startswith("left_"):
            return "left"
        return "right" if self.name.startswith("right_") else None

    @property
    def attribute(self) -> str:
        """The name without its side: `left_title` and `right_title` share `title`."""
        return self.name.removeprefix("left_").removeprefix("right_") if self.side else self.name

    def as_json(self) -> dict[str, object]:
        """Return the column as written in task.json."""
        return {
            "name": self.name,
            "modality": self.modality,
            "description": self.description,
            "integer": self.integer,
        }
