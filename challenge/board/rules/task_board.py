"""The standings of one task: each team by its best submission so far.

A withdrawn submission is not in the snapshot's scores, so withdrawing the best one brings the one
before it back. Baselines are ranked like all others. After the close the scores are those of the
finals alone.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from challenge.board.rules.board_rows import TaskRow
from challenge.board.rules.boards import TaskBoard
from challenge.board.rules.entries import (
    N_COMPARED,
    ReplicateSource,
    entries_of,
    known_baseline_score,
    noise_of,
)
from challenge.board.rules.ranking import page_order, shared_ranks
from challenge.board.rules.ties import Ties, compare_with_first
from challenge.errors import counted
from challenge.kinds import kind_of
from challenge.ledger.store.clock import from_micros
from challenge.ledger.store.snapshot import Snapshot
from challenge.ledger.submissions.ladder import round_to_step
from challenge.task import Subset

__all__ = ["number", "numbers", "rounded", "rounded_ties", "task_board", "tie_notes"]


def task_board(
    snapshot: Snapshot,
    task_id: str,
    replicates: ReplicateSource | None,
    *,
    subset: Subset | None = None,
) -> TaskBoard:
    """Rank the teams of one task on the subset that counts (or the public one, after the close).

    `replicates` gives the replicates of submissions on that subset; None leaves out the intervals
    of ranks and the ties. Only the first `N_COMPARED` teams are compared; of the others those
    with the leader's very score are tied first. Teams without a score are below all, without a
    rank. Raises WrongUse for a task that is not built, or a subset that is hidden.
    """
    subset = subset or snapshot.subset
    entries = entries_of(snapshot, task_id, subset)
    best = entries.best()
    counts = entries.counts()
    order = page_order(entries.merit[best], entries.at[best], entries.submission[best])
    best, counts = best[order], counts[order]
    merits = entries.merit[best]
    ranks = shared_ranks(merits)
    n_ranked = int(np.count_nonzero(ranks))
    n_compared = min(N_COMPARED, n_ranked) if replicates else 0
    ties = None
    notes: tuple[str, ...] = ()
    if replicates and n_compared:
        noise = noise_of(entries, best[:n_compared], replicates)
        found = compare_with_first(merits[:n_compared], noise, n_ranked)
        ties = rounded_ties(found, snapshot.steps.get(task_id, 0.0) if subset == "public" else 0.0)
        notes = tie_notes(noise, found, n_ranked)
    ids = entries.submission[best].tolist()
    methods = snapshot.methods(ids)
    lows, highs = numbers(entries.low[best]), numbers(entries.high[best])
    # Twelve decimals, as ranks have: .605 - .578 is .027 and no .027000000000000024.
    scores, behind = numbers(entries.value[best]), numbers((merits[:1] - merits).round(12))
    teams, times = entries.team[best].tolist(), entries.at[best].tolist()
    rank, made = ranks.tolist(), counts.tolist()
    rows = []
    for i in range(len(best)):
        team = snapshot.teams[teams[i]]
        ranked = i < n_ranked
        row = TaskRow(
            rank=rank[i] if ranked else None,
            team=team.id,
            team_name=team.name,
            slug=team.slug,
            baseline=team.baseline,
            submission=ids[i],
            value=scores[i],
            low=lows[i],
            high=highs[i],
            rank_low=None,
            rank_high=None,
            tied_first=rank[i] == 1,
            behind=behind[i],
            behind_low=None,
            behind_high=None,
            n_submissions=made[i],
            at=from_micros(times[i]),
            method=methods.get(ids[i], ""),
            reason=None if ranked else _reason(snapshot, ids[i], task_id, subset),
        )
        if ties is not None and i < n_compared:
            row = replace(
                row,
                rank_low=int(ties.rank_low[i]),
                rank_high=int(ties.rank_high[i]),
                tied_first=bool(ties.tied_first[i]),
                behind_low=number(ties.behind_low[i]),
                behind_high=number(ties.behind_high[i]),
            )
        rows.append(row)
    if subset == "private" and snapshot.public is not None:
        before = {
            row.team: row.rank for row in task_board(snapshot, task_id, None, subset="public").rows
        }
        rows = [replace(row, public_rank=before.get(row.team)) for row in rows]
    if subset == "public" and task_id in snapshot.unscored:
        notes = (
            "The public subset is too small to show a score; scores are shown after the close.",
        )
    score = snapshot.score(ids[0], subset) if n_ranked else None
    document = snapshot.cards[task_id].task
    return TaskBoard(
        task=task_id,
        title=str(document["title"]),
        kind=kind_of(document["kind"]),
        metric=entries.metric,
        subset=subset,
        n=score.n if score else None,
        n_clusters=score.n_clusters if score else None,
        resolution=score.resolution if score else None,
        baseline_score=known_baseline_score(snapshot, task_id, subset),
        n_compared=n_compared,
        rows=tuple(rows),
        notes=notes,
    )


def numbers(values: NDArray[np.float64]) -> list[float | None]:
    """Return the values as plain floats, None where one is not finite."""
    finite = np.isfinite(values).tolist()
    return [value if fine else None for value, fine in zip(values.tolist(), finite, strict=True)]


def number(value: float) -> float | None:
    """Return the value as a plain float, None when it is not finite."""
    return float(value) if math.isfinite(value) else None


def rounded_ties(ties: Ties, step: float) -> Ties:
    """Round the ends of the intervals of `behind` to the step of the Ladder."""
    low, high = rounded(ties.behind_low, step), rounded(ties.behind_high, step)
    return replace(ties, behind_low=low, behind_high=high)


def rounded(ends: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """Round what is derived from hidden rows to the step of the Ladder; 0 leaves it exact."""
    if not step:
        return ends
    return np.array([round_to_step(float(end), step) for end in ends], dtype=np.float64)


def tie_notes(noise: NDArray[np.float64], ties: Ties, n_ranked: int) -> tuple[str, ...]:
    """Return sentences about what the ties of a board leave open."""
    notes = []
    n_unknown = int(np.count_nonzero(~np.isfinite(noise).all(axis=1)))
    if n_unknown == len(noise):
        notes.append(
            "There are too few independent rows for an interval, so all teams count as tied."
        )
    elif n_unknown:
        notes.append(
            f"{n_unknown} of the teams compared have no interval and count as tied with all."
        )
    if n_ranked > len(noise):
        notes.append(
            f"Intervals of ranks and ties are computed for the first {len(noise)} of "
            f"{counted(n_ranked, 'team')}."
        )
        if ties.tied_first[-1]:
            notes.append("The group tied with the first may extend below them.")
    return tuple(notes)


def _reason(snapshot: Snapshot, submission: int, task_id: str, subset: Subset) -> str:
    if subset == "public" and task_id in snapshot.unscored:
        return "the public subset is too small to show a score"
    score = snapshot.score(submission, subset)
    return (score.reason if score else None) or "no score"
