"""The history of submissions."""

from __future__ import annotations

import numpy as np
import sqlalchemy as sa

from challenge.ledger.contest.finals import selected_of
from challenge.ledger.ledger import Ledger
from challenge.ledger.store import schema
from challenge.ledger.store.snapshot import Snapshot
from challenge.ledger.store.snapshot_queries import read_snapshot
from challenge.ledger.submissions.best import best_positions
from challenge.ledger.submissions.receipts import HistoryRow
from challenge.ledger.submissions.roster import require_team

__all__ = ["history"]


def history(
    ledger: Ledger,
    *,
    task: str | None = None,
    team: str | None = None,
    after: int = 0,
    limit: int | None = None,
) -> list[HistoryRow]:
    """Return submissions ascending by id, each with what may be shown of it.

    With a limit so many at most, of those after an id, at the cost of these alone. Raises WrongUse
    for a team that does not exist.
    """
    snapshot = read_snapshot(ledger)
    with ledger.store.reading() as connection:
        wanted = None if team is None else require_team(connection, team).id
        selected = {key for ids in selected_of(connection).values() for key in ids}
        within = None if limit is None else _page(connection, task, wanted, after, limit)
    shown = _shown(snapshot)
    rows = []
    for entry, score in snapshot.source.entries(snapshot.subset, team=wanted, within=within):
        if task is not None and entry.task != task:
            continue
        if entry.withdrawn:
            state = "withdrawn"
        elif entry.id in shown:
            state = "on the board"
        elif score is not None:
            state = "counted"
        elif snapshot.subset == "private":
            state = "not a final"
        elif entry.task in snapshot.unscored:
            state = "no public score"
        else:
            state = "not released"
        name = snapshot.teams[entry.team].name
        rows.append(HistoryRow(entry, name, score, state, entry.id in selected))
    return sorted(rows, key=lambda row: row.submission.id)


def _page(
    connection: sa.Connection, task: str | None, team: int | None, after: int, limit: int
) -> tuple[int, int]:
    """Return the ids between which the next `limit` submissions after an id are."""
    rows = schema.submissions
    query = sa.select(rows.c.id).where(rows.c.id > after).order_by(rows.c.id).limit(limit)
    if task is not None:
        query = query.where(rows.c.task == task)
    if team is not None:
        query = query.where(rows.c.team == team)
    return after + 1, max(connection.execute(query).scalars(), default=after)


def _shown(snapshot: Snapshot) -> set[int]:
    """Return the submissions that count for their teams on the boards."""
    primary = snapshot.primary
    sign = np.array([snapshot.cards[task].metric.merit(1.0) for task in primary.tasks])
    merit = sign[primary.task] * primary.value if len(primary) else primary.value
    best = best_positions(merit, primary.submission, primary.team, primary.task)
    return set(primary.submission[best[~np.isnan(merit[best])]].tolist())
