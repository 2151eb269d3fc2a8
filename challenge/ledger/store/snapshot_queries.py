"""Reading a snapshot: few queries, and columns instead of one record per row."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import sqlalchemy as sa

from challenge.ledger.ledger import Ledger
from challenge.ledger.store import schema
from challenge.ledger.store.clock import from_micros, micros
from challenge.ledger.store.records import PrimaryScores
from challenge.ledger.store.rows import RowSource, plain_rows, read_teams
from challenge.ledger.store.snapshot import Snapshot
from challenge.ledger.store.versions import (
    ScoringVersion,
    baseline_scores_of,
    closed_at,
    current_scoring_versions,
    newest_settings,
    read_cards,
    read_metric,
)
from challenge.ledger.submissions.ladder import SMALLEST_PUBLIC, metric_step, outward, round_to_step

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from challenge.task import Subset
    from challenge.task.settings import Settings

__all__ = ["newest_event", "read_snapshot"]

_EVENTS = (
    schema.settings,
    schema.cards,
    schema.scoring_versions,
    schema.baseline_scores,
    schema.team_names,
    schema.submissions,
    schema.scores,
    schema.withdrawals,
    schema.selections,
    schema.closes,
)


def read_snapshot(ledger: Ledger, as_of: datetime | None = None) -> Snapshot:
    """Return the ledger as it was at `as_of`, or as it is now."""
    with ledger.store.reading() as connection:
        newest = newest_event(connection, None if as_of is None else micros(as_of))
        until = newest if newest is not None else 0
        settings = newest_settings(connection, until) or ledger.settings
        closed = closed_at(connection, until)
        scoring_versions = current_scoring_versions(connection, until)
        tasks = tuple(sorted(scoring_versions))
        subset: Subset = "all"
        if settings.is_contest():
            subset = "public" if closed is None else "private"
        finals = _finals(connection) if closed is not None else {}
        listed = _listed(connection, until)
        primary = _primary(connection, listed, scoring_versions, tasks, subset, until)
        public = None
        if settings.is_contest():
            public = primary
            if subset == "private":
                public = _primary(connection, listed, scoring_versions, tasks, "public", until)
        steps = _steps(connection, scoring_versions, until) if public is not None else {}
        return Snapshot(
            at=None if newest is None else from_micros(newest),
            settings=settings,
            cards=read_cards(connection, until),
            teams=read_teams(connection, settings, until),
            subset=subset,
            primary=primary,
            baseline_scores=_baseline_scores(
                connection, settings, scoring_versions, subset, steps, until
            ),
            source=RowSource(ledger.store, until, scoring_versions),
            closed_at=closed,
            public=public,
            public_baseline_scores=(
                {}
                if public is None
                else _baseline_scores(
                    connection, settings, scoring_versions, "public", steps, until
                )
            ),
            finals=finals,
            steps=steps,
            unscored=_unscored(scoring_versions) if public is not None else frozenset(),
        )


def newest_event(connection: sa.Connection, until: int | None = None) -> int | None:
    """Return the time of the newest row up to `until`, None in an empty ledger."""
    found: list[int] = []
    for table in _EVENTS:
        query = sa.select(sa.func.max(table.c.at))
        if until is not None:
            query = query.where(table.c.at <= until)
        newest = connection.execute(query).scalar()
        if newest is not None:
            found.append(int(newest))
    return max(found, default=None)


class _Listed:
    """Columns of all submissions up to a moment, ascending by id, and which are withdrawn."""

    def __init__(self, rows: NDArray[np.int64], gone: NDArray[np.int64]) -> None:
        self.id, self.team, self.at = rows
        self.counts = ~np.isin(self.id, gone)

    def positions(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.searchsorted(self.id, ids)


def _listed(connection: sa.Connection, until: int) -> _Listed:
    rows, gone = schema.submissions, schema.withdrawals
    found = plain_rows(
        connection, sa.select(rows.c.id, rows.c.team, rows.c.at).where(rows.c.at <= until)
    )
    withdrawn = connection.execute(sa.select(gone.c.submission).where(gone.c.at <= until)).scalars()
    columns = np.array(list(zip(*found, strict=True)), dtype=np.int64).reshape(3, -1)
    order = np.argsort(columns[0], kind="stable")
    return _Listed(columns[:, order], np.array(list(withdrawn), dtype=np.int64))


def _primary(
    connection: sa.Connection,
    listed: _Listed,
    scoring_versions: Mapping[str, ScoringVersion],
    tasks: tuple[str, ...],
    subset: Subset,
    until: int,
) -> PrimaryScores:
    scores = schema.scores
    value = scores.c.public_value if subset == "public" else scores.c.value
    parts: list[NDArray[np.float64]] = []
    for code, name in enumerate(tasks):
        query = sa.select(scores.c.submission, value, scores.c.low, scores.c.high, scores.c.step)
        query = query.where(
            scores.c.scoring_version == scoring_versions[name].id,
            scores.c.subset == subset,
            scores.c.at <= until,
        )
        if subset == "public":
            query = query.where(scores.c.released)
        rows = plain_rows(connection, query)
        part = np.empty((len(rows), 6))
        for position, column in enumerate(zip(*rows, strict=True)):
            part[:, position] = np.array(column, dtype=np.float64)
        part[:, 5] = code
        parts.append(part)
    if subset == "public":
        parts.append(_unscored_rows(connection, scoring_versions, tasks, until))
    table = np.concatenate(parts) if parts else np.empty((0, 6))
    table = table[np.argsort(table[:, 0], kind="stable")]
    ids = table[:, 0].astype(np.int64)
    rows_of = listed.positions(ids)
    keep = listed.counts[rows_of]
    table, ids, rows_of = table[keep], ids[keep], rows_of[keep]
    low, high = table[:, 2], table[:, 3]
    for step in np.unique(table[table[:, 4] > 0, 4]):
        rounded = table[:, 4] == step
        ends = zip(low[rounded].tolist(), high[rounded].tolist(), strict=True)
        low[rounded], high[rounded] = np.array([outward(*one, float(step)) for one in ends]).T
    return PrimaryScores(
        subset=subset,
        tasks=tasks,
        submission=ids,
        team=listed.team[rows_of],
        task=table[:, 5].astype(np.int32),
        value=table[:, 1].copy(),
        low=low.copy(),
        high=high.copy(),
        at=listed.at[rows_of],
    )


def _unscored_rows(
    connection: sa.Connection,
    scoring_versions: Mapping[str, ScoringVersion],
    tasks: tuple[str, ...],
    until: int,
) -> NDArray[np.float64]:
    codes = {name: tasks.index(name) for name in _unscored(scoring_versions)}
    listed = schema.submissions
    query = sa.select(listed.c.id, listed.c.task).where(
        listed.c.at <= until, listed.c.task.in_(codes)
    )
    rows = [
        (key, np.nan, np.nan, np.nan, 0.0, codes[task])
        for key, task in plain_rows(connection, query)
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, 6)


def _unscored(scoring_versions: Mapping[str, ScoringVersion]) -> frozenset[str]:
    return frozenset(
        name
        for name, scoring_version in scoring_versions.items()
        if scoring_version.n_public < SMALLEST_PUBLIC
    )


def _steps(
    connection: sa.Connection, scoring_versions: Mapping[str, ScoringVersion], until: int
) -> dict[str, float]:
    scores = schema.scores
    steps: dict[str, float] = {}
    for name, scoring_version in scoring_versions.items():
        step = connection.execute(
            sa.select(scores.c.step)
            .where(
                scores.c.scoring_version == scoring_version.id,
                scores.c.subset == "public",
                scores.c.at <= until,
            )
            .limit(1)
        ).scalar()
        if step is not None:
            steps[name] = float(step)
    return steps


def _baseline_scores(
    connection: sa.Connection,
    settings: Settings,
    scoring_versions: Mapping[str, ScoringVersion],
    subset: Subset,
    steps: Mapping[str, float],
    until: int,
) -> dict[str, float]:
    baseline_scores: dict[str, float] = {}
    for name, scoring_version in scoring_versions.items():
        value = baseline_scores_of(connection, scoring_version, until).get(subset)
        if value is not None:
            step = 0.0
            if subset == "public":
                # Before the first submission no stored score has a step.
                metric = read_metric(connection, name)
                first = metric_step(metric, scoring_version.n_public, value)
                step = steps.get(name, settings.ladder_step or first)
            baseline_scores[name] = round_to_step(float(value), step)
    return baseline_scores


def _finals(connection: sa.Connection) -> dict[tuple[int, str], tuple[int, ...]]:
    rows = schema.finals
    found: dict[tuple[int, str], tuple[int, ...]] = {}
    query = sa.select(rows.c.team, rows.c.task, rows.c.submission).order_by(rows.c.submission)
    for team, task, submission in connection.execute(query):
        found[team, task] = (*found.get((team, task), ()), submission)
    return found
