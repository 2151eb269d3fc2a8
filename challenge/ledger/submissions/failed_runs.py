"""Runs that ended without predictions: the matrix shows them as failed, not as never run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import sqlalchemy as sa

from challenge.ledger.ledger import Ledger
from challenge.ledger.store import clock, schema
from challenge.ledger.store.clock import micros
from challenge.ledger.submissions.names import clean_text, fold

if TYPE_CHECKING:
    from challenge.task import Task

__all__ = ["FailedRuns", "failed_runs_until", "record_failed_run"]

FailedRuns = Mapping[tuple[int, str, str, str], str]
"""Code of the fault by team id, method, task and the task's data digest; of the last run."""


def record_failed_run(ledger: Ledger, task: Task, *, team: str, method: str, code: str) -> None:
    """Store that a team's method failed on a task; `code` is that of its first fault."""
    with ledger.store.writing() as connection:
        values = {
            "at": micros(clock.now()),
            "folded": fold(team),
            "task": task.id,
            "data_digest": task.data_digest,
            "method": clean_text(method),
            "code": code,
        }
        connection.execute(schema.failed_runs.insert().values(values))


def failed_runs_until(connection: sa.Connection, until: int) -> FailedRuns:
    """Return the failed runs of teams that submitted something, up to a moment in microseconds."""
    rows, names = schema.failed_runs, schema.team_names
    query = (
        sa.select(names.c.team, rows.c.method, rows.c.task, rows.c.data_digest, rows.c.code)
        .join(names, names.c.folded == rows.c.folded)
        .where(rows.c.at <= until)
        .order_by(rows.c.id)
    )
    return {
        (team, method, task, digest): code
        for team, method, task, digest, code in connection.execute(query)
    }
