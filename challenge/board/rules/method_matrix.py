"""The method × task matrix: how each method of each team did on every task it was run on.

It answers "what if they used the other team's method on their data?": a method that was run on
every task has a full row. A row is a team and the name of a method; its cells are its best
submissions. The name decides, not the digest of the code: a method that was corrected, or whose
libraries were updated, is still the same row. With `by_team` a row is a team, whatever its methods.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from challenge.board.rules.entries import baseline_score_of, entries_of
from challenge.board.rules.ranking import page_order
from challenge.board.rules.swap import Swap, swaps_of
from challenge.board.rules.task_board import number
from challenge.board.rules.ties import compare_with_first, stacked
from challenge.board.rules.track_board import counted_tasks, normalised_scores
from challenge.kinds.statistics.vector import Vector
from challenge.ledger.store.snapshot import Snapshot

__all__ = ["Matrix", "MatrixCell", "MatrixRow", "method_matrix"]

CellState = Literal["scored", "no score", "failed", "not run"]


@dataclass(frozen=True)
class MatrixCell:
    """One method of one team on one task; a state other than `scored` has no figures.

    `tied` is whether the best of the task cannot be distinguished from it (simultaneous
    over the rows shown). `seconds` (wall) and `peak_mb` are
    what the run reported, None for a file made by hand.
    """

    state: CellState
    submission: int | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    best: bool = False
    tied: bool = False
    seconds: float | None = None
    peak_mb: float | None = None
    fault: str | None = None
    method: str | None = None

    def as_json(self) -> dict[str, object]:
        """Return the cell as plain values."""
        return dict(vars(self))


@dataclass(frozen=True)
class MatrixRow:
    """One method of one team, or one team; its cells are in the order of `Matrix.tasks`."""

    team: int
    team_name: str
    slug: str
    baseline: bool
    method: str
    """Empty in a row of a team with several."""
    cells: tuple[MatrixCell, ...]
    normalised: float | None
    """Mean over all tasks, where 0 is the baseline score and 1 the best; not run counts 0."""

    @property
    def values(self) -> tuple[float | None, ...]:
        """The score of each task."""
        return tuple(cell.value for cell in self.cells)

    @property
    def submissions(self) -> tuple[int | None, ...]:
        """The submission of each task."""
        return tuple(cell.submission for cell in self.cells)

    @property
    def n_run(self) -> int:
        """Tasks with a score."""
        return sum(cell.state == "scored" for cell in self.cells)

    @property
    def n_best(self) -> int:
        """Tasks on which it has the best score."""
        return sum(cell.best for cell in self.cells)

    @property
    def n_tied(self) -> int:
        """Tasks where it is the best or cannot be distinguished from it."""
        return sum(cell.tied for cell in self.cells)

    @property
    def seconds(self) -> float | None:
        """Wall seconds over all tasks for which they are known."""
        known = [cell.seconds for cell in self.cells if cell.seconds is not None]
        return sum(known) if known else None

    def as_json(self) -> dict[str, object]:
        """Return the row as plain values."""
        return {
            "team": self.team_name,
            "slug": self.slug,
            "baseline": self.baseline,
            "method": self.method,
            "values": list(self.values),
            "submissions": list(self.submissions),
            "cells": [cell.as_json() for cell in self.cells],
            "n_run": self.n_run,
            "n_best": self.n_best,
            "n_tied": self.n_tied,
            "seconds": self.seconds,
            "normalised": self.normalised,
        }


_PER_TASK = ("low", "high", "state", "best", "tied", "seconds", "peak_mb", "method")


@dataclass(frozen=True)
class Matrix:
    """Methods by tasks, the best first; `n_rows` counts all methods.

    `swap` gives for each team what the best method of another team would change.
    """

    tasks: tuple[str, ...]
    baseline_scores: tuple[float, ...]
    bests: tuple[float | None, ...]
    """Best score of each task, None where there is none."""
    rows: tuple[MatrixRow, ...]
    n_rows: int
    signs: tuple[float, ...] = ()
    """Of each task: -1 where lower scores are better."""
    swap: tuple[Swap, ...] = ()

    def of_tasks(self, tasks: Collection[str]) -> Matrix:
        """Return the columns of these tasks and the rows that were run on any, ordered by them."""
        kept = [i for i, task in enumerate(self.tasks) if task in tasks]
        rows = [
            replace(row, cells=tuple(row.cells[i] for i in kept))
            for row in self.rows
            if any(row.cells[i].state != "not run" for i in kept)
        ]
        signs = np.array([self.signs[i] for i in kept])
        values = np.array([row.values for row in rows], dtype=np.float64)
        merits = signs * values.reshape(len(rows), len(kept))
        base = signs * np.array([self.baseline_scores[i] for i in kept])
        normalised = normalised_scores(merits, base)
        n_run = np.array([row.n_run for row in rows], dtype=np.int64)
        order = page_order(np.nan_to_num(normalised), -n_run, np.arange(len(rows)))
        return Matrix(
            tuple(self.tasks[i] for i in kept),
            tuple(self.baseline_scores[i] for i in kept),
            tuple(self.bests[i] for i in kept),
            tuple(replace(rows[i], normalised=number(normalised[i])) for i in order.tolist()),
            len(rows),
            tuple(self.signs[i] for i in kept),
        )

    def csv_header(self) -> tuple[str, ...]:
        """Return the column names of the CSV export; each task has columns of its own."""
        parts = [(task, *(f"{task} {part}" for part in _PER_TASK)) for task in self.tasks]
        first = ("team", "slug", "baseline", "method", "n_run", "n_best", "n_tied", "normalised")
        return (*first, *(name for part in parts for name in part))

    def csv_rows(self) -> list[tuple[object, ...]]:
        """Return the cells of the CSV export, row by row; None is an empty cell."""
        return [
            (
                row.team_name,
                row.slug,
                row.baseline,
                row.method,
                row.n_run,
                row.n_best,
                row.n_tied,
                row.normalised,
                *(getattr(cell, name) for cell in row.cells for name in ("value", *_PER_TASK)),
            )
            for row in self.rows
        ]

    def as_json(self) -> dict[str, object]:
        """Return the matrix as plain values."""
        return {
            "format": 1,
            "tasks": list(self.tasks),
            "baseline_scores": list(self.baseline_scores),
            "bests": list(self.bests),
            "n_rows": self.n_rows,
            "rows": [row.as_json() for row in self.rows],
            "swap": [one.as_json() for one in self.swap],
        }


@dataclass(frozen=True)
class _Table:
    """(team, method) by tasks: NaN where there is no value, -1 where there is no submission."""

    keys: list[tuple[int, str]]
    signs: NDArray[np.float64]
    """Of each task: -1 where lower scores are better."""
    values: NDArray[np.float64]
    lows: NDArray[np.float64]
    highs: NDArray[np.float64]
    submissions: NDArray[np.int64]

    @property
    def merits(self) -> NDArray[np.float64]:
        """The values, turned so that larger is better."""
        return self.signs * self.values


def method_matrix(snapshot: Snapshot, n_rows: int = 200, *, by_team: bool = False) -> Matrix:
    """Return the best `n_rows` methods over the tasks of all tracks, in their declared order.

    With `by_team` a row is a team, with its best submission of each task, and there is no swap.

    Order: normalised mean, then more tasks run, then team id and method. A task of two tracks is
    there once.
    """
    subset = snapshot.subset
    tracks = snapshot.settings.track
    tasks = tuple(
        dict.fromkeys(
            task for track in tracks for task in counted_tasks(snapshot, track.id, subset)
        )
    )
    failed = {
        (team, "" if by_team else method, task): code
        for (team, method, task, digest), code in snapshot.failed_runs().items()
        if task in tasks and snapshot.cards[task].data_digest == digest
    }
    table = _with_rows(_table(snapshot, tasks, by_team), {key[:2] for key in failed})
    baseline_scores = np.array(
        [baseline_score_of(snapshot, task, subset) for task in tasks], dtype=np.float64
    )
    merits = table.merits
    normalised = normalised_scores(merits, table.signs * baseline_scores)
    n_run = np.isfinite(table.values).sum(axis=1)
    order = page_order(np.nan_to_num(normalised), -n_run, np.arange(len(table.keys)))
    bests = np.where(np.isfinite(merits), merits, -np.inf).max(axis=0, initial=-np.inf)
    shown = order[:n_rows]
    vectors = [_vectors(snapshot, table, task, shown) for task in range(len(tasks))]
    steps = [snapshot.steps.get(task, 0.0) if subset == "public" else 0.0 for task in tasks]
    tied = np.stack(
        [_tied(table, t, shown, vectors[t], steps[t]) for t in range(len(tasks))] or [shown > 0], 1
    )
    submissions = [one for one in table.submissions[shown].ravel().tolist() if one >= 0]
    details, methods = snapshot.details(submissions), snapshot.methods(submissions)
    rows = []
    for index, i in enumerate(shown.tolist()):
        team_id, method = table.keys[i]
        team = snapshot.teams[team_id]
        cells = []
        for t, task in enumerate(tasks):
            fault = failed.get((team_id, method, task))
            best = bool(merits[i, t] == bests[t])
            cells.append(_cell(table, i, t, best, bool(tied[index, t]), details, methods, fault))
        if by_team:
            used = {cell.method for cell in cells if cell.method is not None}
            method = used.pop() if len(used) == 1 else ""
        rows.append(
            MatrixRow(
                team=team.id,
                team_name=team.name,
                slug=team.slug,
                baseline=team.baseline,
                method=method,
                cells=tuple(cells),
                normalised=number(normalised[i]),
            )
        )
    return Matrix(
        tasks,
        tuple(baseline_scores.tolist()),
        tuple(number(value) for value in table.signs * bests),
        tuple(rows),
        len(table.keys),
        tuple(table.signs.tolist()),
        ()
        if by_team
        else swaps_of(
            [(row.team, row.team_name, row.method) for row in rows],
            merits[shown],
            vectors,
            tasks,
            steps,
        ),
    )


def _cell(
    table: _Table,
    i: int,
    t: int,
    best: bool,
    tied: bool,
    details: Mapping[int, Mapping[str, Any]],
    methods: Mapping[int, str],
    fault: str | None,
) -> MatrixCell:
    submission, value = int(table.submissions[i, t]), number(table.values[i, t])
    if submission < 0:
        return MatrixCell("not run") if fault is None else MatrixCell("failed", fault=fault)
    if value is None:
        return MatrixCell("no score", submission, method=methods[submission])
    cost = details.get(submission, {})
    return MatrixCell(
        state="scored",
        submission=submission,
        value=value,
        low=number(table.lows[i, t]),
        high=number(table.highs[i, t]),
        best=best,
        tied=tied,
        seconds=_figure(cost.get("seconds")),
        peak_mb=_figure(cost.get("peak_mb")),
        method=methods[submission],
    )


def _figure(value: object) -> float | None:
    # Details are any values that a team submitted.
    fine = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number(float(str(value))) if fine else None


def _vectors(snapshot: Snapshot, table: _Table, t: int, shown: NDArray[np.int64]) -> Vector:
    """Return the vectors of the merits shown, stacked; NaN where there is none."""
    found: list[Vector | None] = [None] * len(shown)
    scored = np.flatnonzero(np.isfinite(table.values[shown, t])).tolist()
    own = snapshot.vectors(table.submissions[shown[scored], t].tolist())
    for index, vector in zip(scored, own, strict=True):
        found[index] = vector
    return stacked(found) * float(table.signs[t])


def _tied(
    table: _Table, t: int, shown: NDArray[np.int64], vectors: Vector, step: float
) -> NDArray[np.bool_]:
    """Return for each row shown whether it cannot be distinguished from the best on the task."""
    merits = table.merits[shown, t]
    submissions = table.submissions[shown, t]
    found = np.zeros(len(shown), dtype=bool)
    top = page_order(merits, submissions, submissions)[: int(np.isfinite(merits).sum())]
    if len(top):
        found[top] = compare_with_first(merits[top], vectors.rows(top), step).tied_first
    return found


def _table(snapshot: Snapshot, tasks: Sequence[str], by_team: bool) -> _Table:
    """Return the best submission of each team and method, or of each team, on each task."""
    entries = [entries_of(snapshot, task) for task in tasks]
    ids = [own.submission.tolist() for own in entries]
    methods = snapshot.methods(list(chain.from_iterable(ids)))
    if by_team:
        methods = dict.fromkeys(methods, "")
    names = sorted(set(methods.values()))
    codes = {method: code for code, method in enumerate(names)}
    parts = [
        own.team * len(codes) + np.array([codes[methods[one]] for one in part], dtype=np.int64)
        for own, part in zip(entries, ids, strict=True)
    ]
    keys = np.unique(np.concatenate([*parts, np.zeros(0, dtype=np.int64)]))
    values, lows, highs = (np.full((len(keys), len(tasks)), np.nan) for _ in range(3))
    submissions = np.full((len(keys), len(tasks)), -1, dtype=np.int64)
    for t, (own, part) in enumerate(zip(entries, parts, strict=True)):
        best = own.best(part)
        where = np.searchsorted(keys, part[best])
        values[where, t] = own.value[best]
        lows[where, t], highs[where, t] = own.low[best], own.high[best]
        submissions[where, t] = own.submission[best]
    named = [(key // len(names), names[key % len(names)]) for key in keys.tolist()]
    signs = np.array([own.metric.merit(1.0) for own in entries])
    return _Table(named, signs, values, lows, highs, submissions)


def _with_rows(table: _Table, keys: set[tuple[int, str]]) -> _Table:
    """Return the table with an empty row for each key that it does not have."""
    new = sorted(keys - set(table.keys))
    empty = np.full((len(new), table.values.shape[1]), np.nan)
    return _Table(
        [*table.keys, *new],
        table.signs,
        np.concatenate([table.values, empty]),
        np.concatenate([table.lows, empty]),
        np.concatenate([table.highs, empty]),
        np.concatenate([table.submissions, np.full(empty.shape, -1, dtype=np.int64)]),
    )
