"""The rows of boards as plain frozen values.

Undefined is None everywhere: never 0, never NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

__all__ = ["Cell", "Row", "Standing", "TaskRow", "TrackRow"]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One team on a board of any sort."""

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
    """Whether the team may be first: the simultaneous interval of `behind` holds 0."""
    behind: float | None
    behind_low: float | None
    behind_high: float | None
    """How much better the leader is, with a simultaneous 95 % interval (none for the leader)."""
    n_submissions: int
    """Scored submissions of the team, withdrawn ones not counted."""
    at: datetime | None
    public_rank: int | None = None
    """The rank before the close, on a final board."""


@dataclass(frozen=True, kw_only=True)
class TaskRow(Standing):
    """One team on a task board, by its best submission: `at` is when it was submitted."""

    submission: int
    method: str
    note: str = ""
    """Of a baseline: what its method says of this run, such as the shares of its models."""
    by_agent: bool = False
    """Whether an agent submitted it, as its note says."""
    reason: str | None = None
    """Why there is no value."""
    error: float | None = None
    """The share of the rows that are wrong; None where answers are neither right nor wrong."""
    flips: float | None = None
    flips_low: float | None = None
    flips_high: float | None = None
    """The negative flip rate against the reference entry; its interval for the first rows only."""


@dataclass(frozen=True)
class Cell:
    """One team on one task of a track."""

    task: str
    value: float | None
    """The team's own score; None when it has none, and then `counted` is the baseline score."""
    low: float | None
    high: float | None
    counted: float
    """What enters the mean: the value, or the baseline score of the task."""
    rank: int | None
    submission: int | None
    missing: bool
    reason: str | None = None
    """Why there is no value."""

    def as_json(self) -> dict[str, object]:
        """Return the cell as plain values."""
        return dict(vars(self))


@dataclass(frozen=True, kw_only=True)
class TrackRow(Standing):
    """One team on a track board: the mean of its scores over all tasks of the track.

    `value` counts a missing task as its baseline score, and is None when no task counts. `at` is
    when the team had submitted everything that counts here.
    """

    n_entered: int
    n_tasks: int
    """Coverage is n_entered of n_tasks, over the tasks that count."""
    eligible: bool
    """For the prize: every task that counts has a score, and the team is not a baseline."""
    cells: tuple[Cell, ...]
    """One a task, in the order of `TrackBoard.tasks`."""
    mean_rank: float | None
    """Mean of the ranks on the tasks; on a missing task one below all that entered it."""
    wins: int
    """Tasks on which the team is first, alone or shared."""
    normalised: float | None
    """Mean over the tasks of the score, where 0 is the baseline score and 1 the best."""
    prize: str | None = None
    """The share of the prize as a text, after the close; None for no prize."""

    def coverage(self) -> str:
        """Return k/n, the tasks entered of the tasks that count."""
        return f"{self.n_entered}/{self.n_tasks}"


Row = TypeVar("Row", bound=Standing)
