"""What the rules read of a snapshot: scores of one task as columns, and their vectors.

No other file knows how the ledger stores its scores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from challenge.board.rules.ranking import comparable
from challenge.board.rules.ties import stacked
from challenge.errors import Fault, WrongUse, meant
from challenge.kinds import Metric
from challenge.kinds.statistics.vector import Vector
from challenge.ledger.store.records import PrimaryScores
from challenge.ledger.store.snapshot import Snapshot
from challenge.ledger.submissions.best import best_positions
from challenge.task import Subset

__all__ = [
    "Entries",
    "VectorSource",
    "baseline_score_of",
    "entries_of",
    "known_baseline_score",
    "scores_of",
    "vectors_of",
]

VectorSource = Callable[[Sequence[int]], list[Vector | None]]
"""Vectors of submissions of one task, of the same clusters; None where there is none."""


@dataclass(frozen=True)
class Entries:
    """The counted submissions of one task on one subset, the earliest first."""

    subset: Subset
    metric: Metric
    submission: NDArray[np.int64]
    team: NDArray[np.int64]
    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    at: NDArray[np.int64]

    @property
    def merit(self) -> NDArray[np.float64]:
        """The scores, turned so that larger is better."""
        return self.metric.merit(1.0) * self.value

    def best(self, groups: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """Return the index of the best entry of each group, groups ascending; default: teams.

        The earlier one of equals; one without a score only where its group has no other.
        """
        groups = self.team if groups is None else groups
        return best_positions(comparable(self.merit), np.arange(len(groups)), groups)

    def counts(self) -> NDArray[np.int64]:
        """Entries of each team, teams ascending."""
        return np.unique(self.team, return_counts=True)[1].astype(np.int64)


def scores_of(snapshot: Snapshot, subset: Subset) -> PrimaryScores:
    """Return the scores of a subset that may be shown; raise WrongUse for another."""
    try:
        return snapshot.primary_of(subset)
    except KeyError:
        pass
    raise WrongUse(
        Fault(
            "standings",
            f"a board of the subset {subset!r}",
            f"the subset that counts now: {snapshot.subset!r}",
            "leave the subset out",
            code="hidden-subset",
        )
    )


def baseline_score_of(snapshot: Snapshot, task_id: str, subset: Subset) -> float:
    """Return the score of the trivial method on a subset; 0 where it has none."""
    return known_baseline_score(snapshot, task_id, subset) or 0.0


def known_baseline_score(snapshot: Snapshot, task_id: str, subset: Subset) -> float | None:
    """Return the score of the trivial method; None where the subset is too small to be scored."""
    return (
        snapshot.baseline_scores if subset == snapshot.subset else snapshot.public_baseline_scores
    ).get(task_id)


def entries_of(snapshot: Snapshot, task_id: str, subset: Subset | None = None) -> Entries:
    """Return what counts for a task; raise WrongUse when there is no such task."""
    if task_id not in snapshot.cards:
        raise WrongUse(
            Fault(
                "standings",
                f"no task {task_id!r}",
                f"one of: {', '.join(sorted(snapshot.cards)) or 'no task is built yet'}",
                meant(
                    task_id, snapshot.cards, "name one of these, or ask the organiser to build it"
                ),
                code="unknown-task",
            )
        )
    scores = scores_of(snapshot, subset or snapshot.subset)
    if task_id in scores.tasks:
        of_task = np.flatnonzero(scores.task == scores.tasks.index(task_id))
        of_task = of_task[np.lexsort((scores.submission[of_task], scores.at[of_task]))]
    else:
        of_task = np.zeros(0, dtype=np.int64)
    return Entries(
        scores.subset,
        snapshot.cards[task_id].metric,
        scores.submission[of_task],
        scores.team[of_task],
        scores.value[of_task],
        scores.low[of_task],
        scores.high[of_task],
        scores.at[of_task],
    )


def vectors_of(entries: Entries, best: NDArray[np.int64], source: VectorSource) -> Vector:
    """Return the vectors (len(best), G) of the merits of the entries at the indices `best`."""
    return stacked(source(entries.submission[best].tolist())) * entries.metric.merit(1.0)
