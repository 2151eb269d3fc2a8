"""The method × task matrix: how each method of each team did on every task it was run on.

It answers "what if they used the other team's method on their data?": a method that was run on
every task has a full row. A row is a team and a method text; its cells are its best submissions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from challenge.board.entries import entries_of, floor_of
from challenge.board.task_board import number
from challenge.board.track_board import counted_tasks, normalised_scores
from challenge.ledger.snapshot import Snapshot

__all__ = ["Matrix", "MatrixRow", "method_matrix"]


@dataclass(frozen=True)
class MatrixRow:
    """One method of one team; its values stand in the order of `Matrix.tasks`."""

    team: int
    team_name: str
    slug: str
    baseline: bool
    method: str
    values: tuple[float | None, ...]
    submissions: tuple[int | None, ...]
    n_run: int
    normalised: float | None
    """Mean over all tasks on the scale 0 = floor, 1 = best of the task; not run counts 0."""

    def as_json(self) -> dict[str, object]:
        """Return the row as plain values."""
        return {
            "team": self.team_name,
            "slug": self.slug,
            "baseline": self.baseline,
            "method": self.method,
            "values": list(self.values),
            "submissions": list(self.submissions),
            "n_run": self.n_run,
            "normalised": self.normalised,
        }


@dataclass(frozen=True)
class Matrix:
    """Methods by tasks, the best first; `n_rows` counts the methods that there are in all."""

    tasks: tuple[str, ...]
    floors: tuple[float, ...]
    bests: tuple[float | None, ...]
    """Highest value of each task, None where there is no score."""
    rows: tuple[MatrixRow, ...]
    n_rows: int

    def csv_header(self) -> tuple[str, ...]:
        """Return the column names of the CSV twin; each task has a column of its own."""
        return ("team", "slug", "baseline", "method", "n_run", "normalised", *self.tasks)

    def csv_rows(self) -> list[tuple[object, ...]]:
        """Return the cells of the CSV twin, row by row; None is an empty cell."""
        return [
            (
                row.team_name,
                row.slug,
                row.baseline,
                row.method,
                row.n_run,
                row.normalised,
                *row.values,
            )
            for row in self.rows
        ]

    def as_json(self) -> dict[str, object]:
        """Return the matrix as plain values."""
        return {
            "format": 1,
            "tasks": list(self.tasks),
            "floors": list(self.floors),
            "bests": list(self.bests),
            "n_rows": self.n_rows,
            "rows": [row.as_json() for row in self.rows],
        }


def method_matrix(snapshot: Snapshot, n_rows: int = 200) -> Matrix:
    """Return the best `n_rows` methods over the tasks of all tracks, in their declared order.

    Order: normalised mean, then more tasks run, then team id and method. A task of two tracks
    stands once.
    """
    half = snapshot.half
    tracks = snapshot.settings.track
    tasks = tuple(
        dict.fromkeys(task for track in tracks for task in counted_tasks(snapshot, track.id, half))
    )
    keys, values, submissions = _best(snapshot, tasks)
    floors = np.array([floor_of(snapshot, task, half) for task in tasks], dtype=np.float64)
    normalised = normalised_scores(values, floors)
    n_run = np.isfinite(values).sum(axis=1)
    order = np.lexsort((np.arange(len(keys)), -n_run, -np.round(np.nan_to_num(normalised), 12)))
    highest = np.where(np.isfinite(values), values, -np.inf).max(axis=0, initial=-np.inf)
    rows = []
    for i in order[:n_rows].tolist():
        team_id, method = keys[i]
        team = snapshot.teams[team_id]
        rows.append(
            MatrixRow(
                team=team.id,
                team_name=team.name,
                slug=team.slug,
                baseline=team.baseline,
                method=method,
                values=tuple(number(value) for value in values[i]),
                submissions=tuple(None if one < 0 else one for one in submissions[i].tolist()),
                n_run=int(n_run[i]),
                normalised=number(normalised[i]),
            )
        )
    return Matrix(
        tasks,
        tuple(floors.tolist()),
        tuple(number(value) for value in highest),
        tuple(rows),
        len(keys),
    )


def _best(
    snapshot: Snapshot, tasks: Sequence[str]
) -> tuple[list[tuple[int, str]], NDArray[np.float64], NDArray[np.int64]]:
    """Return (team, method) in order, and the best value and the submission of each on each task.

    NaN and -1 where there is none; of equal values the earlier submission counts.
    """
    entries = [entries_of(snapshot, task) for task in tasks]
    scored = [np.flatnonzero(np.isfinite(own.value)) for own in entries]
    ids = [own.submission[at].tolist() for own, at in zip(entries, scored, strict=True)]
    methods = snapshot.methods([one for part in ids for one in part])
    codes = {method: code for code, method in enumerate(sorted({"", *methods.values()}))}
    names = list(codes)
    parts = [
        own.team[at] * len(codes)
        + np.array([codes[methods.get(one, "")] for one in part], dtype=np.int64)
        for own, at, part in zip(entries, scored, ids, strict=True)
    ]
    keys = np.unique(np.concatenate([*parts, np.zeros(0, dtype=np.int64)]))
    values = np.full((len(keys), len(tasks)), np.nan)
    submissions = np.full((len(keys), len(tasks)), -1, dtype=np.int64)
    for t, (own, at, part) in enumerate(zip(entries, scored, parts, strict=True)):
        # Exact values, not the rounded ones of a board: equal is equal here.
        order = np.lexsort((own.submission[at], -own.value[at], part))
        first = np.ones(len(order), dtype=bool)
        first[1:] = part[order][1:] != part[order][:-1]
        best = order[first]
        where = np.searchsorted(keys, part[best])
        values[where, t] = own.value[at][best]
        submissions[where, t] = own.submission[at][best]
    named = [(key // len(names), names[key % len(names)]) for key in keys.tolist()]
    return named, values, submissions
