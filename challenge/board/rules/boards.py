"""The boards of tasks and tracks, and their JSON and CSV exports.

Rows are in the order of the page: best score first, the earlier submission first at equal scores,
then teams without a rank.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic

from challenge.board.board_columns import TASK_COLUMNS, BoardColumn, exported_fields, track_columns
from challenge.board.exports import csv_export, json_text, object_text
from challenge.board.html_tables import pages_of
from challenge.board.rules.board_rows import Row, TaskRow, TrackRow
from challenge.kinds import Kind, Metric
from challenge.task import Subset

__all__ = ["Board", "TaskBoard", "TrackBoard"]


@dataclass(frozen=True, kw_only=True)
class Board(ABC, Generic[Row]):
    """The standings of a task or a track."""

    title: str
    kind: Kind
    metric: Metric
    subset: Subset
    n_compared: int
    """Teams, from the top, whose ranks have an interval."""
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    """Sentences that the page must show, such as why there is no interval."""

    @cached_property
    def tied_first(self) -> tuple[Row, ...]:
        """The rows that are statistically tied with the first, the first included."""
        return tuple(row for row in self.rows if row.tied_first)

    @cached_property
    def n_scored(self) -> int:
        """How many rows have a value."""
        return sum(row.value is not None for row in self.rows)

    @cached_property
    def plain_rows(self) -> tuple[Mapping[str, object], ...]:
        """The rows as plain values, made once for all exports."""
        fields = [(one.name, one.value) for one in exported_fields(self.columns, "json")]
        return tuple({name: value(row) for name, value in fields} for row in self.rows)

    @property
    @abstractmethod
    def columns(self) -> Sequence[BoardColumn[Row]]:
        """The columns of the board, for its page and its exports."""

    @cached_property
    def page_texts(self) -> tuple[str, ...]:
        """The rows as JSON, a text for each page, for all exports and the marks of pages."""
        return tuple(json_text(rows)[1:-1] for rows in pages_of(self.plain_rows))

    def as_json(self) -> dict[str, object]:
        """Return the whole board as plain values."""
        return {**self._head(), "rows": list(self.plain_rows)}

    def text(self) -> str:
        """Return the whole board as JSON."""
        head = {key: json_text(value) for key, value in self._head().items()}
        return object_text({**head, "rows": f"[{', '.join(self.page_texts)}]"})

    def csv_text(self) -> str:
        """Return the rows as CSV; None is an empty cell."""
        fields = exported_fields(self.columns, "csv")
        rows = ([one.value(row) for one in fields] for row in self.rows)
        return csv_export([one.name for one in fields], rows)

    def _head(self) -> dict[str, object]:
        return {
            "format": 1,
            "title": self.title,
            "kind": self.kind.name,
            "metric": self.metric.name,
            "subset": self.subset,
            "n_compared": self.n_compared,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, kw_only=True)
class TaskBoard(Board[TaskRow]):
    """The standings of one task."""

    task: str
    n: int | None
    """Rows that were scored; None before the first score."""
    n_clusters: int | None
    resolution: float | None
    """What one row is worth on the metric's scale."""
    baseline_score: float | None
    """Score of the trivial method; None where the subset is too small to show a score."""

    @property
    def columns(self) -> Sequence[BoardColumn[TaskRow]]:
        """The columns of the board."""
        return TASK_COLUMNS

    def _head(self) -> dict[str, object]:
        return {
            **super()._head(),
            "task": self.task,
            "n": self.n,
            "n_clusters": self.n_clusters,
            "resolution": self.resolution,
            "baseline_score": self.baseline_score,
        }


@dataclass(frozen=True, kw_only=True)
class TrackBoard(Board[TrackRow]):
    """The standings of one track."""

    track: str
    tasks: tuple[str, ...]
    """The tasks that count, in the order of `challenge.toml`."""
    baseline_scores: tuple[float, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Tasks of the track that do not count now, each with the reason."""
    prize: str = ""

    @property
    def columns(self) -> Sequence[BoardColumn[TrackRow]]:
        """The columns of the board; each task has one of its own."""
        return track_columns(self.tasks)

    def _head(self) -> dict[str, object]:
        return {
            **super()._head(),
            "track": self.track,
            "tasks": list(self.tasks),
            "baseline_scores": list(self.baseline_scores),
            "left_out": dict(self.left_out),
            "prize": self.prize,
        }
