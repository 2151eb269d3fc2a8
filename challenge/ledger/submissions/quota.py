"""The quota of a team: submissions a day and in total, faulty files a day; and of new teams.

Withdrawn submissions count; identical and faulty ones do not. Days are UTC days.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from challenge.errors import Fault, SubmissionError, counted
from challenge.ledger.store import schema
from challenge.ledger.store.clock import day_start, iso, micros
from challenge.ledger.submissions.roster import folded_names
from challenge.task.settings import Limits, Settings

__all__ = ["check_failures", "check_new_team", "check_quota", "quota_left"]


def quota_left(
    connection: sa.Connection, limits: Limits, team: int, task: str, at: datetime
) -> int:
    """Return how many submissions the team has left for the task today."""
    today, total = _counts(connection, team, task, at)
    left = limits.per_day - today
    if limits.total is not None:
        left = min(left, limits.total - total)
    return max(left, 0)


def check_quota(
    connection: sa.Connection, settings: Settings, team: int, task: str, at: datetime
) -> None:
    """Raise SubmissionError when the team has nothing left for the task."""
    limits = settings.limits
    today, total = _counts(connection, team, task, at)
    if limits.total is not None and total >= limits.total:
        raise SubmissionError(
            Fault(
                f"quota of {task}",
                counted(total, "submission"),
                f"at most {limits.total} a team and task",
                "none is left; choose among the stored ones with `challenge select`",
                code="quota-total",
            )
        )
    if today >= limits.per_day:
        raise SubmissionError(
            Fault(
                f"quota of {task}",
                f"{counted(today, 'submission')} today",
                f"at most {limits.per_day} a team, task and day",
                _tomorrow(settings, at, "submit it after {day}"),
                code=_waiting_code(settings, at, "quota-day"),
            )
        )


def check_failures(
    connection: sa.Connection, settings: Settings, team: str, task: str, at: datetime
) -> None:
    """Raise SubmissionError after too many faulty files today, under all names of the team."""
    limits, failures = settings.limits, schema.failures
    count = connection.execute(
        sa.select(sa.func.count())
        .select_from(failures)
        .where(
            failures.c.folded.in_(folded_names(connection, team)),
            failures.c.task == task,
            failures.c.at >= micros(day_start(at)),
        )
    ).scalar_one()
    if count >= limits.failed_per_day:
        raise SubmissionError(
            Fault(
                f"failed files of {task}",
                f"{count} today",
                f"at most {limits.failed_per_day} a team, task and day",
                "find the faults with `challenge check`; "
                + _tomorrow(settings, at, "submit after {day}"),
                code=_waiting_code(settings, at, "quota-failed"),
            )
        )


def check_new_team(connection: sa.Connection, settings: Settings, at: datetime) -> None:
    """Raise SubmissionError when a contest without a roster has no room for a new team today.

    Each new team gets a first public score to which no Ladder applies. So one person could climb
    under many names.
    """
    most = settings.limits.new_teams_per_day
    if settings.team or not settings.is_contest():
        return
    teams = schema.teams
    count = connection.execute(
        sa.select(sa.func.count()).where(
            teams.c.at >= micros(day_start(at)), teams.c.baseline.is_(False)
        )
    ).scalar_one()
    if count >= most:
        raise SubmissionError(
            Fault(
                "new teams",
                f"{count} today",
                f"at most {most} a day in a contest without a roster",
                _tomorrow(settings, at, "hand it in after {day}")
                + ", or ask the organiser for a roster",
                code=_waiting_code(settings, at, "quota-new-teams"),
            )
        )


def _last_day(settings: Settings, at: datetime) -> bool:
    """Whether the challenge ends before the next UTC day begins."""
    closes = settings.closes_utc()
    return closes is not None and closes <= day_start(at) + timedelta(days=1)


def _tomorrow(settings: Settings, at: datetime, fix: str) -> str:
    """Return the fix with the next day in it, or that there is none before the close."""
    if _last_day(settings, at):
        closes = settings.closes_utc()
        assert closes is not None
        return f"none is left: the challenge ends at {iso(closes)}"
    return fix.format(day=iso(day_start(at) + timedelta(days=1)))


def _waiting_code(settings: Settings, at: datetime, code: str) -> str:
    """Return the code of a quota; it is another one when waiting is of no use."""
    return "quota-last-day" if _last_day(settings, at) else code


def _counts(connection: sa.Connection, team: int, task: str, at: datetime) -> tuple[int, int]:
    submissions = schema.submissions
    today = sa.func.sum(sa.case((submissions.c.at >= micros(day_start(at)), 1), else_=0))
    row = connection.execute(
        sa.select(sa.func.coalesce(today, 0), sa.func.count()).where(
            submissions.c.team == team, submissions.c.task == task
        )
    ).one()
    return int(row[0]), int(row[1])
