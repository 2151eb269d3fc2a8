"""The standings of a track: the mean of the primary metric over all its tasks.

A task without a score of the team counts as the task's baseline score, is marked, and makes the
team ineligible for the prize. A mean over the entered tasks alone could be raised by leaving the
hardest one out. A score below the baseline score counts as it is.

A task is left out for every team alike when nobody can have a score on it: it is not built, or
its public subset is too small to be shown while the contest runs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from challenge.board.rules.board_rows import Cell, TrackRow
from challenge.board.rules.boards import TrackBoard
from challenge.board.rules.entries import (
    Entries,
    VectorSource,
    baseline_score_of,
    entries_of,
    vectors_of,
)
from challenge.board.rules.prizes import award
from challenge.board.rules.ranking import page_order, shared_ranks
from challenge.board.rules.task_board import number, numbers, tie_notes
from challenge.board.rules.ties import Ties, compare_with_first, outward_all
from challenge.errors import Fault, WrongUse, counted, meant
from challenge.kinds import Metric
from challenge.kinds.statistics.vector import Vector, interval, joined, spread
from challenge.ledger.store.clock import from_micros
from challenge.ledger.store.snapshot import Snapshot
from challenge.ledger.submissions.ladder import SMALLEST_PUBLIC
from challenge.task import Subset
from challenge.task.settings import Track

__all__ = ["counted_tasks", "normalised_scores", "track_board"]


def track_board(
    snapshot: Snapshot,
    track_id: str,
    vectors: VectorSource | None,
    *,
    subset: Subset | None = None,
) -> TrackBoard:
    """Rank the teams of a track on the subset that counts (or the public one, after the close).

    An example with baseline scores .2, .3, .1 (- is a task not entered, * its baseline score):

        team    t1    t2    t3     mean over all    coverage   rank   (mean of the entered)
        A      .8    .7    .6     2.1/3 = .700       3/3        1          .70
        B      .9    .9     -     (1.8 + .1*)/3 = .633  2/3     2          .90
        C      .5    .6    .7     1.8/3 = .600       3/3        3          .60

    Interval and ties come from the vectors of the tasks, whose rows are independent, joined; a
    baseline score has no noise. A team of which one counted score has no interval has none, and
    counts as tied. `vectors` None leaves both out.
    Raises WrongUse for a track that `challenge.toml` does not have.
    """
    subset = subset or snapshot.subset
    track = _track(snapshot, track_id)
    metric = track.kind.metric(track.metric)
    left_out = _left_out(snapshot, track, subset)
    tasks = counted_tasks(snapshot, track_id, subset)
    table = _table(snapshot, tasks, subset, metric.merit(1.0))
    n_ranked = int(np.count_nonzero(table.ranks))
    n_compared = n_ranked if vectors else 0
    rows = _rows(snapshot, table, tasks)
    notes: tuple[str, ...] = ()
    if vectors and n_compared:
        values = table.merits[:n_compared]
        of_mean = _mean_vectors(table, n_compared, vectors)
        notes = tie_notes(of_mean)
        step = max((snapshot.steps.get(task, 0.0) for task in tasks), default=0.0)
        step = step if subset == "public" else 0.0
        ties = compare_with_first(values, of_mean, step)
        low, high = _mean_intervals(table, of_mean, metric, step)
        compared = [_compared(row, ties, i, low, high) for i, row in enumerate(rows[:n_compared])]
        if subset == "private" and track.prize and track.prize_tie:
            competes = np.array([row.eligible for row in compared], dtype=bool)
            shares = award(values, of_mean, competes, track.prize_tie)
            compared = [
                replace(row, prize=_prize(track.prize, share))
                for row, share in zip(compared, shares.tolist(), strict=True)
            ]
        rows[:n_compared] = compared
    if subset == "private" and snapshot.public is not None:
        public = track_board(snapshot, track_id, None, subset="public")
        before = {row.team: row.rank for row in public.rows}
        rows = [replace(row, public_rank=before.get(row.team)) for row in rows]
    return TrackBoard(
        track=track.id,
        title=track.title,
        kind=track.kind,
        metric=metric,
        subset=subset,
        tasks=tasks,
        baseline_scores=tuple(table.baseline_scores.tolist()),
        n_compared=n_compared,
        rows=tuple(rows),
        left_out=left_out,
        prize=track.prize,
        notes=notes,
    )


def counted_tasks(snapshot: Snapshot, track_id: str, subset: Subset) -> tuple[str, ...]:
    """Return the tasks of a track that count for its mean on a subset, in their declared order."""
    track = _track(snapshot, track_id)
    left_out = _left_out(snapshot, track, subset)
    return tuple(task for task in track.tasks if task not in left_out)


@dataclass(frozen=True)
class _Table:
    """Teams (in page order) by tasks; -1 and NaN where a team has no score on a task."""

    entries: tuple[Entries, ...]
    teams: NDArray[np.int64]
    index: NDArray[np.int64]
    """Of the best entry among the entries of the task."""
    n_entries: NDArray[np.int64]
    value: NDArray[np.float64]
    task_ranks: NDArray[np.int64]
    baseline_scores: NDArray[np.float64]
    means: NDArray[np.float64]
    merits: NDArray[np.float64]
    """The means, turned so that larger is better."""
    ranks: NDArray[np.int64]
    mean_ranks: NDArray[np.float64]
    wins: NDArray[np.int64]
    normalised: NDArray[np.float64]
    at: NDArray[np.int64]


def _table(snapshot: Snapshot, tasks: tuple[str, ...], subset: Subset, sign: float) -> _Table:
    entries = tuple(entries_of(snapshot, task, subset) for task in tasks)
    baseline_scores = np.array(
        [baseline_score_of(snapshot, task, subset) for task in tasks], dtype=np.float64
    )
    teams = np.unique(np.concatenate([e.team for e in entries] or [np.zeros(0, np.int64)]))
    shape = (len(teams), len(tasks))
    index = np.full(shape, -1, dtype=np.int64)
    n_entries = np.zeros(shape, dtype=np.int64)
    value = np.full(shape, np.nan)
    at = np.zeros(shape, dtype=np.int64)
    for t, own in enumerate(entries):
        best = own.best()
        where = np.searchsorted(teams, own.team[best])
        index[where, t] = best
        n_entries[where, t] = own.counts()
        value[where, t] = own.value[best]
        at[where, t] = own.at[best]
    scored = np.isfinite(value)
    entered = scored.any(axis=1)
    means = np.full(len(teams), np.nan)
    if entered.any():
        means[entered] = np.where(scored, value, baseline_scores)[entered].mean(axis=1)
    task_ranks = np.stack(
        [shared_ranks(sign * value[:, t]) for t in range(len(tasks))] or [np.zeros(0, np.int64)],
        axis=1,
    )
    last_at = at.max(axis=1, initial=0)
    merits = sign * means
    order = page_order(merits, last_at, teams)
    below_all = scored.sum(axis=0) + 1
    mean_ranks = np.full(len(teams), np.nan)
    if tasks:
        mean_ranks = np.where(scored, task_ranks, below_all).mean(axis=1)
    return _Table(
        entries,
        teams[order],
        index[order],
        n_entries[order],
        value[order],
        task_ranks[order],
        baseline_scores,
        means[order],
        merits[order],
        shared_ranks(merits[order]),
        mean_ranks[order],
        (task_ranks == 1).sum(axis=1)[order],
        normalised_scores(sign * value, sign * baseline_scores)[order],
        last_at[order],
    )


def normalised_scores(
    merits: NDArray[np.float64], baseline_merits: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the mean over the tasks of (score - baseline score) / (best - baseline score).

    Both as merits. A missing score counts 0; below the baseline score it is negative. A task on
    which nobody is above the baseline score is left out for all; NaN when that leaves none.
    """
    best = np.where(np.isfinite(merits), merits, -np.inf).max(axis=0, initial=-np.inf)
    usable = best > baseline_merits
    if not usable.any():
        return np.full(len(merits), np.nan)
    above = merits[:, usable] - baseline_merits[usable]
    scale = above / (best[usable] - baseline_merits[usable])
    mean: NDArray[np.float64] = np.nan_to_num(scale, nan=0.0).mean(axis=1)
    return mean


def _mean_vectors(table: _Table, n: int, source: VectorSource) -> Vector:
    """Return the vectors of the merits of the first `n` means, NaN where one task has none."""
    parts = []
    for t, own in enumerate(table.entries):
        has = np.flatnonzero(np.isfinite(table.value[:n, t]))
        if len(has):
            found = vectors_of(own, table.index[has, t], source)
            clusters, couples = (
                np.zeros((n, side.shape[1])) for side in (found.clusters, found.couples)
            )
            clusters[has], couples[has] = found.clusters, found.couples
            parts.append(Vector(clusters, couples))
    return joined(parts) * (1.0 / max(1, len(table.entries)))


def _mean_intervals(
    table: _Table, vectors: Vector, metric: Metric, step: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return 95 % intervals of the first means, NaN where one task has none.

    They are rounded outward to the `step` of the Ladder; 0 leaves them exact.

    A score at an end of its range has no vector that says how sure it is: of such tasks the
    half-widths are added, as roots of sums of squares. The mean over one task is its score and
    has the interval of the score, which is rounded already.
    """
    n = len(vectors.clusters)
    if len(table.entries) == 1:
        own, at = table.entries[0], table.index[:n, 0]
        return own.low[at], own.high[at]
    means, n_tasks = table.means[:n], max(1, len(table.entries))
    down, up = np.zeros(n), np.zeros(n)
    for t, own in enumerate(table.entries):
        has = np.flatnonzero(np.isfinite(table.value[:n, t]))
        at = table.index[has, t]
        at_end = np.isin(own.value[at], own.metric.bounds)
        down[has] += np.where(at_end, own.value[at] - own.low[at], 0.0) ** 2
        up[has] += np.where(at_end, own.high[at] - own.value[at], 0.0) ** 2
    ends = np.full((2, n), np.nan)
    for i in np.flatnonzero(np.isfinite(vectors.clusters).all(axis=1)):
        found, value = spread(vectors.rows(i)), float(means[i])
        within = interval(value, found, metric.interval_scale, metric.bounds)
        if within is None or (found.error == 0.0 and down[i] + up[i] == 0.0):
            continue
        reach = np.hypot(value - within[0], np.sqrt(down[i]) / n_tasks)
        ends[0, i] = max(value - reach, metric.bounds[0])
        reach = np.hypot(within[1] - value, np.sqrt(up[i]) / n_tasks)
        ends[1, i] = min(value + reach, metric.bounds[1])
    return outward_all(ends[0], ends[1], step)


def _rows(snapshot: Snapshot, table: _Table, tasks: tuple[str, ...]) -> list[TrackRow]:
    """Return the rows in page order; their intervals and ties are not known yet."""
    cells = [_cells(table, task, t) for t, task in enumerate(tasks)]
    n_entered = np.isfinite(table.value).sum(axis=1).tolist()
    columns = zip(
        table.teams.tolist(),
        table.ranks.tolist(),
        numbers(table.means),
        table.merits.tolist(),
        n_entered,
        zip(*cells, strict=True) if cells else [()] * len(table.teams),
        numbers(table.mean_ranks),
        table.wins.tolist(),
        numbers(table.normalised),
        table.n_entries.sum(axis=1).tolist(),
        table.at.tolist(),
        strict=True,
    )
    first = next(iter(table.merits.tolist()), 0.0)
    rows = []
    for team_id, rank, mean, merit, entered, own, mean_rank, wins, normalised, n, at in columns:
        team = snapshot.teams[team_id]
        rows.append(
            TrackRow(
                rank=rank or None,
                team=team.id,
                team_name=team.name,
                slug=team.slug,
                baseline=team.baseline,
                value=mean,
                low=None,
                high=None,
                rank_low=None,
                rank_high=None,
                tied_first=rank == 1,
                behind=round(first - merit, 12) if rank else None,
                behind_low=None,
                behind_high=None,
                n_entered=entered,
                n_tasks=len(tasks),
                eligible=entered == len(tasks) and not team.baseline,
                cells=own,
                mean_rank=mean_rank if rank else None,
                wins=wins,
                normalised=normalised if rank else None,
                n_submissions=n,
                at=from_micros(at),
            )
        )
    return rows


def _cells(table: _Table, task: str, t: int) -> list[Cell]:
    """Return the cells of one task, a team each, in page order."""
    entries, index = table.entries[t], table.index[:, t]
    baseline_score = float(table.baseline_scores[t])
    entered = index >= 0
    low, high = np.full(len(index), np.nan), np.full(len(index), np.nan)
    submission = np.zeros(len(index), dtype=np.int64)
    for column, source in (
        (low, entries.low),
        (high, entries.high),
        (submission, entries.submission),
    ):
        column[entered] = source[index[entered]]
    columns = zip(
        numbers(table.value[:, t]),
        numbers(low),
        numbers(high),
        table.task_ranks[:, t].tolist(),
        submission.tolist(),
        strict=True,
    )
    return [
        Cell(
            task=task,
            value=value,
            low=own_low,
            high=own_high,
            counted=baseline_score if value is None else value,
            rank=rank or None,
            submission=key or None,
            missing=value is None,
            reason=None if value is not None else "no score" if key else "not entered",
        )
        for value, own_low, own_high, rank, key in columns
    ]


def _compared(
    row: TrackRow, ties: Ties, i: int, low: NDArray[np.float64], high: NDArray[np.float64]
) -> TrackRow:
    return replace(
        row,
        low=number(low[i]),
        high=number(high[i]),
        rank_low=int(ties.rank_low[i]),
        rank_high=int(ties.rank_high[i]),
        tied_first=bool(ties.tied_first[i]),
        behind_low=number(ties.behind_low[i]),
        behind_high=number(ties.behind_high[i]),
    )


def _prize(prize: str, share: float) -> str | None:
    if not share:
        return None
    n_winners = round(1 / share)
    return prize if n_winners == 1 else f"{prize} (shared by {counted(n_winners, 'team')})"


def _track(snapshot: Snapshot, track_id: str) -> Track:
    tracks = {track.id: track for track in snapshot.settings.track}
    if track_id not in tracks:
        raise WrongUse(
            Fault(
                "the track",
                repr(track_id),
                f"one of: {', '.join(tracks) or 'there is none yet'}",
                meant(track_id, tracks, "name one of these" if tracks else "ask the organiser"),
                code="unknown-track",
            )
        )
    return tracks[track_id]


def _left_out(snapshot: Snapshot, track: Track, subset: Subset) -> dict[str, str]:
    reasons = {}
    for task in track.tasks:
        if task not in snapshot.cards:
            reasons[task] = "not built yet, so it has no scores"
        elif (metric := snapshot.cards[task].task.get("metric")) != track.metric:
            reasons[task] = f"scored by {metric}, which cannot be averaged with {track.metric}"
        elif subset == "public" and task in snapshot.unscored:
            reasons[task] = (
                f"fewer than {SMALLEST_PUBLIC} public rows, so it shows no public score and stays "
                "out of every team's public mean; it counts after the close"
            )
    return reasons
