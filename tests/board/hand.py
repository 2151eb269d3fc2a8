"""Snapshots made by hand: scores, times and vectors as a test says, no ledger behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenge.errors import Fault, WrongUse
from challenge.kinds.statistics.grouping import Grouping, group_rows
from challenge.kinds.statistics.vector import Vector
from challenge.ledger.store.clock import micros
from challenge.ledger.store.records import Card, Entry, PrimaryScores, StoredScore, Submission, Team
from challenge.ledger.store.rows import RowSource
from challenge.ledger.store.snapshot import Snapshot
from challenge.ledger.submissions.failed_runs import FailedRuns
from challenge.task import Subset
from challenge.task.settings import Settings

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Made:
    """A submission: team, task, score, the hours after START, its vector and interval."""

    team: str
    task: str
    value: float
    hour: float = 0.0
    method: str = "by hand"
    vector: NDArray[np.float64] | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    interval: tuple[float, float] = (float("nan"), float("nan"))
    right: Sequence[bool] | None = None


@dataclass(frozen=True)
class HandSource(RowSource):
    """What a snapshot reads beside its columns."""

    made: tuple[Made, ...]
    teams: Mapping[str, int]
    n_clusters: int = 500
    failed: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    metric: str = "accuracy"
    read: list[int] = field(default_factory=list)
    """Ids whose vectors were asked for."""
    cluster: int = 1
    """Rows of one cluster, where rows are known."""

    def submission(self, submission_id: int) -> Submission:
        if not 1 <= submission_id <= len(self.made):
            raise WrongUse(Fault("ledger", str(submission_id), "an id", "look it up"))
        one = self.made[submission_id - 1]
        at = START + timedelta(hours=one.hour)
        team = self.teams[one.team]
        return Submission(submission_id, team, one.task, one.method, "", at, "00", "00", "labels")

    def submissions(self, *, team: int | None, task: str | None) -> Iterator[Submission]:
        for i in range(len(self.made)):
            found = self.submission(i + 1)
            if team in (None, found.team) and task in (None, found.task):
                yield found

    def score(self, submission_id: int, subset: Subset) -> StoredScore | None:
        value = self.made[submission_id - 1].value
        known = bool(np.isfinite(value))
        found = {"value": value} if known else {"reason": "no rows of a class"}
        metrics: dict[str, Any] = {self.metric: found}
        return StoredScore(
            submission_id,
            subset,
            self.metric,
            value if known else None,
            None,
            None,
            metrics,
            1000,
            self.n_clusters,
            "d",
            "s",
            1,
            "w",
            0.001,
        )

    def entries(
        self, subset: Subset, *, team: int | None, within: tuple[int, int] | None = None
    ) -> Iterator[Entry]:
        found_by_team = sorted(self.submissions(team=team, task=None), key=lambda s: s.team)
        for found in found_by_team:
            yield found, self.score(found.id, subset)

    @property
    def by_agents(self) -> frozenset[int]:
        return frozenset()

    def methods(self, submission_ids: Sequence[int]) -> Mapping[int, str]:
        return {i: self.made[i - 1].method for i in submission_ids}

    def details(self, submission_ids: Sequence[int]) -> Mapping[int, Mapping[str, Any]]:
        return {i: self.made[i - 1].details for i in submission_ids}

    def failed_runs(self) -> FailedRuns:
        return {
            (self.teams[team], method, task, "d"): code
            for (team, method, task), code in self.failed.items()
        }

    def team_marks(self) -> Mapping[int, str]:
        return {}

    def vectors(self, submission_ids: Sequence[int], subset: Subset) -> list[Vector | None]:
        self.read.extend(submission_ids)
        rows = [self.made[i - 1].vector for i in submission_ids]
        return [None if row is None else Vector(row) for row in rows]

    def right_rows(
        self, submission_ids: Sequence[int], subset: Subset
    ) -> Iterator[tuple[int, bytes]]:
        for key in submission_ids:
            right = self.made[key - 1].right
            if right is not None:
                yield key, np.packbits(np.array(right)).tobytes()

    def grouping(self, task: str, subset: Subset) -> Grouping | None:
        n = next((len(one.right) for one in self.made if one.task == task and one.right), 0)
        cluster = (np.arange(n) // self.cluster).astype(np.int32)
        return group_rows(cluster, cluster, b"by hand") if n else None


def vector_like(generator: np.random.Generator, error: float, n: int = 400) -> NDArray[np.float64]:
    """Return the vector of a score with about this standard error."""
    drawn: NDArray[np.float64] = generator.normal(0, error / n**0.5, n)
    return drawn


def snapshot_of(
    made: Sequence[Made],
    *,
    tasks: Sequence[str] = ("t1", "t2", "t3"),
    baseline_scores: Mapping[str, float] | None = None,
    baselines: Sequence[str] = (),
    subset: Subset = "all",
    public: Sequence[Made] = (),
    unscored: Sequence[str] = (),
    steps: Mapping[str, float] | None = None,
    prize: str = "",
    prize_tie: str | None = None,
    n_clusters: int = 500,
    cards: Sequence[str] | None = None,
    failed: Mapping[tuple[str, str, str], str] | None = None,
    metric: str = "accuracy",
) -> Snapshot:
    """Return a snapshot of one track over `tasks`; submission ids count the order of `made`.

    Team ids go by first appearance. `public` adds scores of the public subset, with the ids after
    those of `made`.
    """
    everything = (*made, *public)
    names = list(dict.fromkeys(one.team for one in everything))
    ids = {name: i + 1 for i, name in enumerate(names)}
    teams = {
        i: Team(i, name, name.casefold().replace(" ", "-"), baseline=name in baselines)
        for name, i in ids.items()
    }
    closes = None if subset == "all" else START + timedelta(days=30)
    track: dict[str, Any] = {
        "id": "main",
        "title": "Main",
        "kind": "classification",
        "metric": metric,
        "tasks": list(tasks),
        "prize": prize,
        "prize_tie": prize_tie,
    }
    settings = Settings.model_validate(
        {
            "format": 1,
            "title": "By hand",
            "reveal": "all" if subset == "all" else "contest",
            "closes": closes,
            "track": [track],
        }
    )
    documents = {"kind": "classification", "metric": metric}
    return Snapshot(
        at=START,
        settings=settings,
        cards={
            task: Card(task, START, "d", "s", "c", {"title": f"Task {task}", **documents}, {})
            for task in (tasks if cards is None else cards)
        },
        teams=teams,
        subset=subset,
        primary=_columns(subset, made, ids, 1),
        baseline_scores=dict.fromkeys(tasks, 0.0) if baseline_scores is None else baseline_scores,
        source=HandSource(tuple(everything), ids, n_clusters, failed or {}, metric),
        closed_at=closes if subset == "private" else None,
        public=_columns("public", public, ids, 1 + len(made)) if public else None,
        steps=steps or {},
        unscored=frozenset(unscored),
    )


def moved_to(snapshot: Snapshot, settings: Settings) -> Snapshot:
    """Return the snapshot under other settings."""
    return replace(snapshot, settings=settings)


def _columns(
    subset: Subset, made: Sequence[Made], ids: Mapping[str, int], first: int
) -> PrimaryScores:
    tasks = tuple(dict.fromkeys(one.task for one in made))
    low, high = np.array([one.interval for one in made], dtype=np.float64).reshape(-1, 2).T
    return PrimaryScores(
        subset,
        tasks,
        np.arange(first, first + len(made), dtype=np.int64),
        np.array([ids[one.team] for one in made], dtype=np.int64),
        np.array([tasks.index(one.task) for one in made], dtype=np.int32),
        np.array([one.value for one in made], dtype=np.float64),
        low,
        high,
        np.array([micros(START + timedelta(hours=one.hour)) for one in made], dtype=np.int64),
    )
