"""Records of the ledger: frozen, without a database connection.

Every figure in them may be shown. While a contest runs they have released scores only, rounded to
the step of the Ladder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from challenge.kinds import Metric, kind_of
from challenge.ledger.store.clock import iso

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from challenge.task import Subset

__all__ = [
    "AGENT_NOTE",
    "Card",
    "Entry",
    "PrimaryScores",
    "StoredScore",
    "Submission",
    "Team",
]


@dataclass(frozen=True)
class Team:
    """A team. `slug` is ASCII, unique, never changes, and is safe as a file name."""

    id: int
    name: str
    slug: str
    baseline: bool = False
    members: tuple[str, ...] = ()


AGENT_NOTE = "By an agent."
"""How the note begins of what an agent submitted (`challenge mcp`); boards show it."""


@dataclass(frozen=True)
class Submission:
    """One predictions file of a team for a task. `team` is the team's id.

    `sha256` names the canonical file under `submissions/predictions/`, `file_sha256` the bytes
    that were submitted. Team name, method and note are data: never markup, never paths.
    """

    id: int
    team: int
    task: str
    method: str
    note: str
    at: datetime
    sha256: str
    file_sha256: str
    form: str
    details: Mapping[str, Any] = field(default_factory=dict)
    baseline: bool = False
    withdrawn: bool = False
    isolation: str = ""

    @property
    def by_agent(self) -> bool:
        """Whether an agent submitted it, as its note says."""
        return self.note.startswith(AGENT_NOTE)

    def as_json(self) -> dict[str, object]:
        """Return the submission as plain values."""
        return {
            "id": self.id,
            "team": self.team,
            "task": self.task,
            "method": self.method,
            "note": self.note,
            "at": iso(self.at),
            "sha256": self.sha256,
            "form": self.form,
            "details": dict(self.details),
            "baseline": self.baseline,
            "withdrawn": self.withdrawn,
            "isolation": self.isolation,
        }


@dataclass(frozen=True)
class StoredScore:
    """The score of one submission on one subset, as far as it may be shown.

    `metrics` maps a metric's name to value, low, high and reason. `step` is the step of the
    Ladder to which the figures are rounded, 0 when they are exact. Of a subset, `n`, `n_clusters`,
    `resolution` and counts among the `diagnostics` are coarse (`task.coarse`).
    """

    submission: int
    subset: Subset
    metric: str
    value: float | None
    low: float | None
    high: float | None
    metrics: Mapping[str, Mapping[str, Any]]
    n: int
    n_clusters: int
    data_digest: str
    solution_digest: str
    scorer_version: int
    grouping_hash: str
    resolution: float | None
    released: bool = True
    step: float = 0.0
    diagnostics: Mapping[str, float | None] = field(default_factory=dict)
    confusion_counts: NDArray[np.int32] | None = field(default=None, repr=False, compare=False)
    """(m, 3) rows by true and predicted class; only where labels may be known."""

    @property
    def reason(self) -> str | None:
        """Why the value or its interval is missing; None when both are there."""
        reason = self.metrics.get(self.metric, {}).get("reason")
        return None if reason is None else str(reason)

    def as_json(self) -> dict[str, object]:
        """Return the score as plain values."""
        return {
            "submission": self.submission,
            "subset": self.subset,
            "metric": self.metric,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "metrics": {name: dict(values) for name, values in self.metrics.items()},
            "n": self.n,
            "n_clusters": self.n_clusters,
            "data_digest": self.data_digest,
            "solution_digest": self.solution_digest,
            "scorer_version": self.scorer_version,
            "grouping_hash": self.grouping_hash,
            "resolution": self.resolution,
            "step": self.step,
            "diagnostics": dict(self.diagnostics),
        }


Entry = tuple[Submission, StoredScore | None]
"""A submission with what may be shown of its score."""


@dataclass(frozen=True)
class Card:
    """A task as the ledger stored it; `task` and `card` are the parsed documents."""

    id: str
    at: datetime
    data_digest: str
    solution_digest: str
    card_digest: str
    task: Mapping[str, Any]
    card: Mapping[str, Any]

    @property
    def metric(self) -> Metric:
        """The primary metric of the task."""
        return kind_of(str(self.task["kind"])).metric(str(self.task["metric"]))


@dataclass(frozen=True)
class PrimaryScores:
    """Primary metric of every submission that may be shown, as columns of one length.

    `task` holds positions in `tasks`; `value` is NaN where there is no score, `low` and `high`
    where there is no interval (public subset: rounded as in the stored score); `at` counts
    microseconds since 1970 in UTC. Rows ascend by submission id; withdrawn ones are left out.
    """

    subset: Subset
    tasks: tuple[str, ...]
    submission: NDArray[np.int64]
    team: NDArray[np.int64]
    task: NDArray[np.int32]
    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    at: NDArray[np.int64]

    def __len__(self) -> int:
        return int(self.submission.size)
