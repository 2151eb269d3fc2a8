"""What the ledger hands out: plain frozen records, without a connection inside.

Every figure in them may be shown. While a contest runs that means: released submissions only,
rounded to the step of the Ladder (`ladder.py`); what is not released is not in here at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from challenge.ledger.clock import iso

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from challenge.task import Half
    from challenge.task.settings import Settings

__all__ = [
    "Card",
    "PrimaryScores",
    "Receipt",
    "Snapshot",
    "SnapshotSource",
    "StoredScore",
    "Submission",
    "Team",
]


@dataclass(frozen=True)
class Team:
    """Who submits. `slug` is ASCII, unique, never changes, and is safe as a file name."""

    id: int
    name: str
    slug: str
    baseline: bool = False
    members: tuple[str, ...] = ()


@dataclass(frozen=True)
class Submission:
    """One predictions file of a team for a task. `team` is the team's id.

    `sha256` names the canonical file under `submissions/predictions/`, `file_sha256` the bytes
    that were handed in. Team name, method and note are data: never markup, never paths.
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
    """What one submission scored on one half, as far as it may be shown.

    `metrics` maps a metric's name to value, low, high and reason. `step` is the step of the
    Ladder to which the figures are rounded, 0 when they are exact.
    """

    submission: int
    half: Half
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
    weights_hash: str
    resolution: float
    released: bool = True
    step: float = 0.0
    diagnostics: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def reason(self) -> str | None:
        """Why the value or its interval is missing, in words; None when nothing is."""
        words = self.metrics.get(self.metric, {}).get("reason")
        return None if words is None else str(words)

    def as_json(self) -> dict[str, object]:
        """Return the score as plain values."""
        return {
            "submission": self.submission,
            "half": self.half,
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
            "weights_hash": self.weights_hash,
            "resolution": self.resolution,
            "step": self.step,
            "diagnostics": dict(self.diagnostics),
        }


@dataclass(frozen=True)
class Card:
    """A task as it stood when the ledger stored it: `task.json` and `card.json`, parsed."""

    task: str
    at: datetime
    data_digest: str
    solution_digest: str
    card_digest: str
    task_document: Mapping[str, Any]
    card_document: Mapping[str, Any]


@dataclass(frozen=True)
class PrimaryScores:
    """Primary metric of every submission that may be shown, as columns of one length.

    `task` holds positions in `tasks`; `value` is NaN where there is no score, `low` and `high`
    where there is no interval (public half: rounded as in the stored score); `at` counts
    microseconds since 1970 in UTC. Rows ascend by submission id; withdrawn ones are left out.
    """

    half: Half
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


class SnapshotSource(Protocol):
    """Where a snapshot reads rows that it does not hold; all of the snapshot's own moment."""

    def submission(self, submission_id: int) -> Submission:
        """Return one submission."""
        ...

    def submissions(self, *, team: int | None, task: str | None) -> Iterator[Submission]:
        """Return submissions ascending by id."""
        ...

    def methods(self, submission_ids: Sequence[int]) -> Mapping[int, str]:
        """Return the method text of each of the submissions."""
        ...

    def score(self, submission_id: int, half: Half) -> StoredScore | None:
        """Return what may be shown of a score, None when nothing may."""
        ...

    def scores(self, half: Half) -> Iterator[StoredScore]:
        """Return what may be shown of all scores, ascending by submission id."""
        ...

    def replicates(self, submission_ids: Sequence[int], half: Half) -> NDArray[np.float32]:
        """Return (n, 1000) replicates, NaN where there are none."""
        ...


@dataclass(frozen=True)
class Snapshot:
    """The ledger at one moment: all that standings and pages are made of.

    `at` is None for "now". `half` decides the board at that moment: `all` in a benchmark,
    `public` while a contest runs, `private` after the close. `primary` holds the scores of that
    half (after the close: of the finals only, so a team's best row is its final), `public` those
    of the public half in a contest, running or closed, for the shake-up. `floors` is the score of
    the trivial baseline per task on `half`. `unscored` names tasks whose public half is too small
    to be shown; they stay out of every team's public mean. `steps` is the step of the Ladder per
    task, 0 where figures are exact.
    """

    at: datetime | None
    settings: Settings
    cards: Mapping[str, Card]
    teams: Mapping[int, Team]
    half: Half
    primary: PrimaryScores
    floors: Mapping[str, float]
    source: SnapshotSource = field(repr=False, compare=False)
    closed_at: datetime | None = None
    public: PrimaryScores | None = None
    finals: Mapping[tuple[int, str], tuple[int, ...]] = field(default_factory=dict)
    steps: Mapping[str, float] = field(default_factory=dict)
    unscored: frozenset[str] = frozenset()

    def submission(self, submission_id: int) -> Submission:
        """Return one submission; raise WrongUse when there is none of this id."""
        return self.source.submission(submission_id)

    def submissions(
        self, *, team: int | None = None, task: str | None = None
    ) -> Iterator[Submission]:
        """Return submissions, withdrawn and unreleased ones too, ascending by id, streamed."""
        return self.source.submissions(team=team, task=task)

    def submissions_of(self, team: int) -> tuple[Submission, ...]:
        """Return the submissions of a team, ascending by id."""
        return tuple(self.source.submissions(team=team, task=None))

    def methods(self, submission_ids: Sequence[int]) -> Mapping[int, str]:
        """Return the method text of each of the submissions, in few queries."""
        return self.source.methods(submission_ids)

    def score(self, submission_id: int, half: Half | None = None) -> StoredScore | None:
        """Return what may be shown of a score on `half` (default: the deciding half)."""
        return self.source.score(submission_id, half or self.half)

    def scores(self, half: Half | None = None) -> Iterator[StoredScore]:
        """Return what may be shown of all scores, ascending by submission id, streamed."""
        return self.source.scores(half or self.half)

    def replicates(
        self, submission_ids: Sequence[int], half: Half | None = None
    ) -> NDArray[np.float32]:
        """Return (n, 1000) replicates of the primary metric; rows of NaN where there are none.

        They are for arithmetic on the organiser's machine and must never be written to a page.
        """
        return self.source.replicates(submission_ids, half or self.half)


@dataclass(frozen=True)
class Receipt:
    """The answer to a submission: what a team may know about it, and no more.

    `score` is None when nothing is told: the Ladder did not move, or the public half is too small.
    `reference` is the team's public score on the task after this submission, None when it has
    none. `identical_to` is the earlier submission with the same predictions; then `submission` is
    that one, and no quota was used. `quota_left` is None where there is no quota (baselines).
    """

    submission: Submission
    team: Team
    score: StoredScore | None
    released: bool
    reference: float | None
    step: float
    identical_to: int | None
    quota_left: int | None
    message: str
    remarks: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Return the receipt as plain values."""
        return {
            "submission": self.submission.as_json(),
            "team": self.team.name,
            "score": self.score.as_json() if self.score else None,
            "released": self.released,
            "reference": self.reference,
            "step": self.step,
            "identical_to": self.identical_to,
            "quota_left": self.quota_left,
            "message": self.message,
            "remarks": list(self.remarks),
        }
