"""The close as a rehearsal: the whole ceremony on made-up labels, nothing stored.

The private subset is not opened. What comes out is a snapshot like that after a close, from which
boards, pages and the shake-up are made in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from challenge.ledger.contest.finals import Finals, choose_finals, final_paths, require_contest
from challenge.ledger.store import clock
from challenge.ledger.store.clock import micros
from challenge.ledger.store.records import PrimaryScores, StoredScore, Submission
from challenge.ledger.store.rows import REPLICATES
from challenge.ledger.store.snapshot import Entry, Snapshot, SnapshotSource

if TYPE_CHECKING:
    from challenge.ledger.ledger import Ledger
    from challenge.ledger.submissions.failed_runs import FailedRuns
    from challenge.scoring.score import Score
    from challenge.task import Subset

__all__ = ["Rehearsal", "rehearse"]


@dataclass(frozen=True)
class Rehearsal:
    """A made-up close: `snapshot` looks as after the close, its private scores mean nothing."""

    snapshot: Snapshot
    seed: int
    n_teams: int
    n_finals: int

    def as_json(self) -> dict[str, object]:
        """Return what was rehearsed as plain values."""
        return {
            "rehearsal": True,
            "seed": self.seed,
            "n_teams": self.n_teams,
            "n_finals": self.n_finals,
            "tasks": sorted({task for _, task in self.snapshot.finals}),
        }


def rehearse(
    ledger: Ledger, *, seed: int = 0, progress: Callable[[str], None] | None = None
) -> Rehearsal:
    """Play the close on labels made up from `seed`; may run at any time, stores nothing."""
    from challenge.scoring import read_predictions
    from challenge.scoring.simulation import score_simulated, simulate_solution

    require_contest(ledger.settings, "close")
    snapshot = ledger.snapshot()
    with ledger.store.reading() as connection:
        finals = choose_finals(connection, ledger.settings)
    by_task: dict[str, list[int]] = {}
    for (_, task_id), chosen in sorted(finals.items()):
        by_task.setdefault(task_id, []).extend(chosen)
    paths = final_paths(ledger, by_task)
    scores: dict[int, StoredScore] = {}
    vectors: dict[int, NDArray[np.float32]] = {}
    for number, (task_id, ids) in enumerate(by_task.items()):
        task = ledger.challenge.task(task_id)
        votes = [read_predictions(task, paths[key]) for key in ids]
        solution = simulate_solution(task, votes, seed + number)
        for key, predictions in zip(ids, votes, strict=True):
            score = score_simulated(task, predictions, solution, seed)
            scores[key] = _stored(key, score)
            if score.replicates is not None:
                vectors[key] = score.replicates
        if progress:
            progress(f"{task_id}: {len(ids)} finals scored on made-up labels")
    return Rehearsal(
        snapshot=_closed(snapshot, finals, scores, vectors, ledger.settings.closes_utc()),
        seed=seed,
        n_teams=len({team for team, _ in finals}),
        n_finals=len(scores),
    )


def _closed(
    snapshot: Snapshot,
    finals: Finals,
    scores: Mapping[int, StoredScore],
    vectors: Mapping[int, NDArray[np.float32]],
    closes: datetime | None,
) -> Snapshot:
    return replace(
        snapshot,
        subset="private",
        primary=_primary(snapshot, finals, scores),
        public=snapshot.primary_of("public"),
        baseline_scores=snapshot.public_baseline_scores,
        finals=finals,
        closed_at=closes or clock.now(),
        source=_Simulated(snapshot.source, scores, vectors),
    )


def _primary(
    snapshot: Snapshot, finals: Finals, scores: Mapping[int, StoredScore]
) -> PrimaryScores:
    tasks = snapshot.primary.tasks
    places = {key: (team, task) for (team, task), ids in finals.items() for key in ids}
    ids = sorted(scores)

    def column(name: str) -> NDArray[np.float64]:
        return np.array([getattr(scores[key], name) for key in ids], dtype=np.float64)

    return PrimaryScores(
        subset="private",
        tasks=tasks,
        submission=np.array(ids, dtype=np.int64),
        team=np.array([places[key][0] for key in ids], dtype=np.int64),
        task=np.array([tasks.index(places[key][1]) for key in ids], dtype=np.int32),
        value=column("value"),
        low=column("low"),
        high=column("high"),
        at=np.array([micros(snapshot.submission(key).at) for key in ids], dtype=np.int64),
    )


def _stored(submission_id: int, score: Score) -> StoredScore:
    return StoredScore(
        submission=submission_id,
        subset="private",
        metric=score.metric,
        value=score.primary.value,
        low=score.primary.low,
        high=score.primary.high,
        metrics={name: metric.as_json() for name, metric in score.metrics.items()},
        n=score.n,
        n_clusters=score.n_clusters,
        data_digest=score.data_digest,
        solution_digest="",
        scorer_version=score.scorer_version,
        weights_hash="",
        resolution=None if np.isnan(score.resolution) else score.resolution,
    )


class _Simulated:
    """The source of a snapshot, its private subset replaced by made-up scores."""

    def __init__(
        self,
        real: SnapshotSource,
        scores: Mapping[int, StoredScore],
        vectors: Mapping[int, NDArray[np.float32]],
    ) -> None:
        self._real = real
        self._scores = scores
        self._vectors = vectors

    def submission(self, submission_id: int) -> Submission:
        return self._real.submission(submission_id)

    def submissions(self, *, team: int | None, task: str | None) -> Iterator[Submission]:
        return self._real.submissions(team=team, task=task)

    def methods(self, submission_ids: Sequence[int]) -> Mapping[int, str]:
        return self._real.methods(submission_ids)

    def details(self, submission_ids: Sequence[int]) -> Mapping[int, Mapping[str, Any]]:
        return self._real.details(submission_ids)

    def failed_runs(self) -> FailedRuns:
        return self._real.failed_runs()

    def team_marks(self) -> Mapping[int, str]:
        return self._real.team_marks()

    def score(self, submission_id: int, subset: Subset) -> StoredScore | None:
        if subset != "private":
            return self._real.score(submission_id, subset)
        return self._scores.get(submission_id)

    def entries(self, subset: Subset, *, team: int | None) -> Iterator[Entry]:
        for submission, score in self._real.entries(subset, team=team):
            yield submission, self._scores.get(submission.id) if subset == "private" else score

    def replicates(self, submission_ids: Sequence[int], subset: Subset) -> NDArray[np.float32]:
        if subset != "private":
            return self._real.replicates(submission_ids, subset)
        empty = np.full(REPLICATES, np.nan, dtype=np.float32)
        rows = [self._vectors.get(int(key), empty) for key in submission_ids]
        return np.array(rows, dtype=np.float32).reshape(-1, REPLICATES)
