"""The standings of one task: each team by its best submission so far.

A withdrawn submission is not in the snapshot's scores, so withdrawing the best one brings the one
before it back. Baselines are ranked like all others. After the close the scores are those of the
finals alone.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from challenge.board.rules.board_rows import TaskRow
from challenge.board.rules.boards import TaskBoard
from challenge.board.rules.entries import (
    VectorSource,
    entries_of,
    known_baseline_score,
    vectors_of,
)
from challenge.board.rules.ranking import page_order, shared_ranks
from challenge.board.rules.ties import compare_with_first
from challenge.board.rules.upgrades import with_flips
from challenge.kinds import kind_of
from challenge.kinds.statistics.vector import Vector
from challenge.ledger.store.clock import from_micros
from challenge.ledger.store.snapshot import Snapshot
from challenge.task import Subset

if TYPE_CHECKING:
    from challenge.ledger import Ledger, Receipt

__all__ = ["number", "numbers", "rank_of", "task_board", "tie_notes"]


def task_board(
    snapshot: Snapshot,
    task_id: str,
    vectors: VectorSource | None,
    *,
    subset: Subset | None = None,
) -> TaskBoard:
    """Rank the teams of one task on the subset that counts (or the public one, after the close).

    `vectors` gives the vectors of submissions on that subset; None leaves out the intervals of
    ranks and the ties. Teams without a score are below all, without a rank. Raises WrongUse for
    a task that is not built, or a subset that is hidden.
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
    n_compared = n_ranked if vectors else 0
    ties = None
    notes: tuple[str, ...] = ()
    if vectors and n_compared:
        of_best = vectors_of(entries, best[:n_compared], vectors)
        step = snapshot.steps.get(task_id, 0.0) if subset == "public" else 0.0
        ties = compare_with_first(merits[:n_compared], of_best, step)
        notes = tie_notes(of_best)
    ids = entries.submission[best].tolist()
    methods, by_agents = snapshot.methods(ids), snapshot.by_agents()
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
            note=snapshot.submission(ids[i]).note if team.baseline else "",
            by_agent=ids[i] in by_agents,
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
    if vectors and subset == snapshot.subset:
        rows = with_flips(snapshot, task_id, rows)
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


def tie_notes(vectors: Vector) -> tuple[str, ...]:
    """Return sentences about what the ties of a board leave open."""
    notes = []
    n = len(vectors.clusters)
    n_unknown = int(np.count_nonzero(~np.isfinite(vectors.clusters).all(axis=1)))
    if n_unknown == n:
        notes.append(
            "There are too few independent rows for an interval, so all teams count as tied."
        )
    elif n_unknown:
        notes.append(
            f"{n_unknown} of the teams compared have no interval and count as tied with all."
        )
    return tuple(notes)


def _reason(snapshot: Snapshot, submission: int, task_id: str, subset: Subset) -> str:
    if subset == "public" and task_id in snapshot.unscored:
        return "the public subset is too small to show a score"
    score = snapshot.score(submission, subset)
    return (score.reason if score else None) or "no score"


def rank_of(ledger: Ledger, receipt: Receipt) -> str | None:
    """Return the rank of the receipt's team on the task's board, such as '3 of 12'."""
    from challenge.ledger import read_snapshot

    board = task_board(read_snapshot(ledger), receipt.submission.task, None)
    ranked = [row for row in board.rows if row.rank is not None]
    own = next((row for row in ranked if row.team == receipt.team.id), None)
    return f"{own.rank} of {len(ranked)}" if own else None
