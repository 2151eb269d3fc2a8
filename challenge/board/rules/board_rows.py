"""What a board consists of: rows and cells as plain frozen values, and their JSON and CSV forms.

Undefined is None everywhere: never 0, never NaN. Rows stand in the order of the page: ranked teams
first (best score first, the earlier submission first at equal scores), then teams without a rank.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from operator import itemgetter
from typing import Generic, TypeVar

from challenge.board.exports import json_text, object_text
from challenge.board.tables import pages_of
from challenge.kinds import Kind, Metric
from challenge.ledger.store.clock import iso
from challenge.task import Subset

__all__ = ["Board", "Cell", "Standing", "TaskBoard", "TaskRow", "TrackBoard", "TrackRow"]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One team's place on a board of any sort."""

    rank: int | None
    """Shared by equal scores (1, 1, 3); None without a score."""
    team: int
    team_name: str
    slug: str
    baseline: bool
    """A baseline is ranked among all and takes no prize."""
    value: float | None
    low: float | None
    high: float | None
    """95 % interval of the value."""
    rank_low: int | None
    rank_high: int | None
    """95 % interval of the rank; None beyond the teams that were compared."""
    tied_first: bool
    """No telling this team from the first: the simultaneous interval of `behind` holds 0."""
    behind: float | None
    behind_low: float | None
    behind_high: float | None
    """Leader minus team, with its simultaneous 95 % interval (none for the leader itself)."""
    n_submissions: int
    """Scored submissions of the team, withdrawn ones not counted."""
    at: datetime | None
    public_rank: int | None = None
    """The rank before the close, on a final board."""

    def as_json(self) -> dict[str, object]:
        """Return the place as plain values, keys as in the CSV header."""
        return {
            "rank": self.rank,
            "team": self.team_name,
            "slug": self.slug,
            "baseline": self.baseline,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "rank_low": self.rank_low,
            "rank_high": self.rank_high,
            "tied_first": self.tied_first,
            "behind": self.behind,
            "behind_low": self.behind_low,
            "behind_high": self.behind_high,
            "n_submissions": self.n_submissions,
            "at": iso(self.at) if self.at else None,
            "public_rank": self.public_rank,
        }


@dataclass(frozen=True, kw_only=True)
class TaskRow(Standing):
    """One team on a task board, by its best submission: `at` is when that was handed in."""

    submission: int
    method: str
    reason: str | None = None
    """Why there is no value."""

    def as_json(self) -> dict[str, object]:
        """Return the row as plain values, keys as in the CSV header."""
        return {
            **super().as_json(),
            "submission": self.submission,
            "method": self.method,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Cell:
    """One team on one task of a track."""

    task: str
    value: float | None
    """The team's own score; None when it has none, and then `counted` is the task's floor."""
    low: float | None
    high: float | None
    counted: float
    """What goes into the mean: the value, or the floor of the task."""
    rank: int | None
    submission: int | None
    missing: bool
    reason: str | None = None
    """Why there is no value."""

    def as_json(self) -> dict[str, object]:
        """Return the cell as plain values."""
        return {
            "task": self.task,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "counted": self.counted,
            "rank": self.rank,
            "submission": self.submission,
            "missing": self.missing,
            "reason": self.reason,
        }


@dataclass(frozen=True, kw_only=True)
class TrackRow(Standing):
    """One team on a track board: the mean of its scores over all tasks of the track.

    `value` counts a missing task as its floor, and is None when no task counts yet; `at` is when
    the team had handed in all that counts here.
    """

    n_entered: int
    n_tasks: int
    """Coverage is n_entered of n_tasks, over the tasks that count."""
    eligible: bool
    """For the prize: every task that counts has a score, and the team is no baseline."""
    cells: tuple[Cell, ...]
    """One a task, in the order of `TrackBoard.tasks`."""
    mean_rank: float | None
    """Mean of the ranks on the tasks; on a missing task the place below all that entered."""
    wins: int
    """Tasks on which the team is first, alone or shared."""
    normalised: float | None
    """Mean over the tasks of the score on the scale where 0 is the floor and 1 the best."""
    prize: str | None = None
    """The share of the prize in words, after the close; None for no prize."""

    def coverage(self) -> str:
        """Return k/n, the tasks entered of the tasks that count."""
        return f"{self.n_entered}/{self.n_tasks}"

    def as_json(self) -> dict[str, object]:
        """Return the row as plain values, its cells under `tasks`."""
        return {
            **super().as_json(),
            "coverage": self.coverage(),
            "eligible": self.eligible,
            "mean_rank": self.mean_rank,
            "wins": self.wins,
            "normalised": self.normalised,
            "prize": self.prize,
            "tasks": [cell.as_json() for cell in self.cells],
        }


Row = TypeVar("Row", bound=Standing)


@dataclass(frozen=True, kw_only=True)
class Board(Generic[Row]):
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
        return tuple(row.as_json() for row in self.rows)

    @cached_property
    def page_texts(self) -> tuple[str, ...]:
        """The rows as JSON, a page of them in one text, for all exports and the marks of pages."""
        return tuple(json_text(rows)[1:-1] for rows in pages_of(self.plain_rows))

    def as_json(self) -> dict[str, object]:
        """Return the whole board as plain values."""
        return {**self._head(), "rows": list(self.plain_rows)}

    def text(self) -> str:
        """Return the whole board as JSON."""
        head = {key: json_text(value) for key, value in self._head().items()}
        return object_text({**head, "rows": f"[{', '.join(self.page_texts)}]"})

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

    def csv_header(self) -> tuple[str, ...]:
        """Return the column names of the CSV export."""
        return (*_WHO, "submission", "method", *_WHERE, "public_rank", "reason")

    def csv_rows(self) -> list[tuple[object, ...]]:
        """Return the cells of the CSV export, row by row; None is an empty cell."""
        cells = itemgetter(*self.csv_header())
        return [cells(row) for row in self.plain_rows]

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

    def csv_header(self) -> tuple[str, ...]:
        """Return the column names of the CSV export; each task has a column of its own."""
        return (*_TRACK_COLUMNS, *self.tasks)

    def csv_rows(self) -> list[tuple[object, ...]]:
        """Return the cells of the CSV export, row by row; None is an empty cell."""
        cells = itemgetter(*_TRACK_COLUMNS)
        return [
            (*cells(plain), *(cell.value for cell in row.cells))
            for row, plain in zip(self.rows, self.plain_rows, strict=True)
        ]

    def _head(self) -> dict[str, object]:
        return {
            **super()._head(),
            "track": self.track,
            "tasks": list(self.tasks),
            "baseline_scores": list(self.baseline_scores),
            "left_out": dict(self.left_out),
            "prize": self.prize,
        }


_WHO = ("rank", "team", "slug", "baseline")
_WHERE = (
    *("value", "low", "high", "rank_low", "rank_high", "tied_first"),
    *("behind", "behind_low", "behind_high", "n_submissions", "at"),
)
_TRACK_COLUMNS = (
    *_WHO,
    *_WHERE,
    *("coverage", "eligible", "mean_rank", "wins", "normalised", "prize", "public_rank"),
)
