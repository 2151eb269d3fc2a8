"""Files that the server received whole, from their arrival to their outcome.

A file has a row before it is answered for, so that a kill loses none. A worker claims a row for
the time of a lease; when it dies, another one takes the row over. Teams take turns.
An upload that is repeated finds the row of the first one by its key, and gets its outcome.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from challenge.errors import Fault, LedgerError, SubmissionError, counted
from challenge.ledger.ledger import Ledger
from challenge.ledger.network.actions import Origin, key_reused
from challenge.ledger.store import clock, schema
from challenge.ledger.store.clock import from_micros, micros

__all__ = [
    "LEASE",
    "Arrival",
    "LineState",
    "add_arrival",
    "check_line",
    "check_no_arrivals",
    "claim",
    "finish",
    "is_open",
    "kept_files",
    "line_state",
    "outcome_of",
    "put_back",
    "remove_old",
    "renew",
]

LEASE = timedelta(seconds=30)
"""How long a worker keeps a file without a sign of life."""

_LINE, _LINE_OF_TEAM = 200, 10
_KEPT = timedelta(days=7)
_WAITING, _RUNNING, _DONE = "waiting", "running", "done"
_OF_THE_FILE = frozenset({201, 413, 422})
"""Statuses that the file alone decides, so that a repeated upload gets them again."""


@dataclass(frozen=True)
class Arrival:
    """A file with the fields that its team gave; `file` is its path below the spool folder."""

    id: int
    team: int
    team_name: str
    task: str
    method: str
    note: str
    file: str
    file_sha256: str
    tries: int
    origin: Origin


@dataclass(frozen=True)
class LineState:
    """How many files wait or are being scored, and the arrival of the oldest."""

    n_waiting: int
    n_running: int
    oldest: datetime | None


def add_arrival(
    ledger: Ledger,
    *,
    team: int,
    task: str,
    method: str,
    note: str,
    file: str,
    file_sha256: str,
    data: str,
    origin: Origin,
) -> tuple[int, bool]:
    """Store that a file has arrived; return its id, and whether its key was known already.

    `data` is the data digest of the task. Without a key in `origin`, team, task and content are the
    key. A known key gives the known id, except that a file which the rules or the server refused
    is tried again. Raises SubmissionError when the key names another file, LedgerError
    (`line-full`, `team-line-full`) when too many files wait.
    """
    rows = schema.arrivals
    with ledger.store.writing(chained=False) as connection:
        ledger.store.lock_all(connection)
        key = _key_of(connection, team, task, file_sha256, data, origin.key)
        query = sa.select(rows.c.id, rows.c.file_sha256, rows.c.outcome).where(rows.c.key == key)
        known = connection.execute(query).first()
        if known is not None:
            if known.file_sha256 != file_sha256:
                raise key_reused()
            if known.outcome is None or _is_of_the_file(json.loads(known.outcome)):
                return int(known.id), True
        _check_room(connection, team)
        values = {
            "at": micros(origin.arrived),
            "team": team,
            "token": origin.token,
            "task": task,
            "method": method,
            "note": note,
            "address": origin.address,
            "request": origin.request,
            "file": file,
            "file_sha256": file_sha256,
            "key": key,
            "state": _WAITING,
            "tries": 0,
            "outcome": None,
        }
        if known is not None:
            connection.execute(rows.update().where(rows.c.id == known.id).values(values))
            return int(known.id), False
        added = connection.execute(rows.insert().values(values)).inserted_primary_key
        assert added is not None
        return int(added[0]), False


def _key_of(
    connection: sa.Connection, team: int, task: str, file_sha256: str, data: str, given: str | None
) -> str:
    """Return what makes two uploads the same one: the given key, else the content of the file."""
    if given is not None:
        return f"{team} {task} key {given}"
    # A team that withdrew a submission may hand in its file again.
    rows, gone = schema.submissions, schema.withdrawals
    query = (
        sa.select(sa.func.count())
        .select_from(gone.join(rows, gone.c.submission == rows.c.id))
        .where(rows.c.team == team, rows.c.task == task, rows.c.file_sha256 == file_sha256)
    )
    n_withdrawn = connection.execute(query).scalar_one()
    return f"{team} {task} file {file_sha256} {data} {n_withdrawn}"


def _is_of_the_file(outcome: Mapping[str, Any]) -> bool:
    codes = {fault["code"] for fault in outcome.get("faults", ())}
    # The organiser may have raised the limits of a process since then.
    return outcome["status"] in _OF_THE_FILE and "file-ends-process" not in codes


def claim(ledger: Ledger, worker: str) -> Arrival | None:
    """Take the next file for this worker: of the team that was served the longest time ago."""
    rows = schema.arrivals
    at = clock.now()
    free = sa.or_(
        rows.c.state == _WAITING,
        sa.and_(rows.c.state == _RUNNING, rows.c.lease < micros(at)),
    )
    with ledger.store.reading() as connection:
        if connection.execute(sa.select(rows.c.id).where(free).limit(1)).first() is None:
            return None
    other = rows.alias()
    served = (
        sa.select(sa.func.coalesce(sa.func.max(other.c.claimed), 0))
        .where(other.c.team == rows.c.team)
        .scalar_subquery()
    )
    query = sa.select(rows).where(free).order_by(served, rows.c.id).limit(1)
    with ledger.store.writing(chained=False) as connection:
        row = connection.execute(query.with_for_update(skip_locked=True)).first()
        if row is None:
            return None
        connection.execute(
            rows.update()
            .where(rows.c.id == row.id)
            .values(
                state=_RUNNING,
                tries=row.tries + 1,
                claimed=micros(at),
                lease=micros(at + LEASE),
                worker=worker,
            )
        )
        names = schema.team_names
        name = sa.select(names.c.name).where(names.c.team == row.team).order_by(names.c.id.desc())
        return Arrival(
            id=row.id,
            team=row.team,
            team_name=connection.execute(name.limit(1)).scalar_one(),
            task=row.task,
            method=row.method,
            note=row.note,
            file=row.file,
            file_sha256=row.file_sha256,
            tries=row.tries + 1,
            origin=Origin(row.token, row.address, row.request, from_micros(row.at), row.key),
        )


def renew(ledger: Ledger, worker: str, ids: Sequence[int]) -> None:
    """Keep claimed files for another lease."""
    rows = schema.arrivals
    with ledger.store.writing(chained=False) as connection:
        connection.execute(
            rows.update()
            .where(rows.c.id.in_(ids), rows.c.worker == worker, rows.c.state == _RUNNING)
            .values(lease=micros(clock.now() + LEASE))
        )


def finish(ledger: Ledger, arrival: Arrival, outcome: Mapping[str, Any]) -> None:
    """Store the outcome of a file; the first one is kept.

    Nothing is stored when the file was uploaded again since then: the row is of that upload.
    """
    rows = schema.arrivals
    with ledger.store.writing(chained=False) as connection:
        connection.execute(
            rows.update()
            .where(rows.c.id == arrival.id, rows.c.file == arrival.file, rows.c.state != _DONE)
            .values(state=_DONE, outcome=json.dumps(outcome, ensure_ascii=False))
        )


def put_back(ledger: Ledger, arrival: Arrival) -> None:
    """Let a claimed file wait again; the try does not count."""
    rows = schema.arrivals
    with ledger.store.writing(chained=False) as connection:
        connection.execute(
            rows.update()
            .where(rows.c.id == arrival.id, rows.c.file == arrival.file, rows.c.state == _RUNNING)
            .values(state=_WAITING, tries=arrival.tries - 1)
        )


def is_open(ledger: Ledger, arrival: Arrival) -> bool:
    """Return whether the row is still of this upload and has no outcome."""
    rows = schema.arrivals
    query = sa.select(rows.c.id).where(
        rows.c.id == arrival.id, rows.c.file == arrival.file, rows.c.state != _DONE
    )
    with ledger.store.reading() as connection:
        return connection.execute(query).first() is not None


def outcome_of(ledger: Ledger, arrival: int, team: int) -> tuple[bool, Mapping[str, Any] | None]:
    """Return whether the team has such a file, and its outcome once there is one."""
    rows = schema.arrivals
    query = sa.select(rows.c.outcome).where(rows.c.id == arrival, rows.c.team == team)
    with ledger.store.reading() as connection:
        row = connection.execute(query).first()
    if row is None:
        return False, None
    return True, None if row.outcome is None else json.loads(row.outcome)


def line_state(ledger: Ledger) -> LineState:
    """Return how long the line is."""
    rows = schema.arrivals
    query = (
        sa.select(rows.c.state, sa.func.count(), sa.func.min(rows.c.at))
        .where(rows.c.state != _DONE)
        .group_by(rows.c.state)
    )
    with ledger.store.reading() as connection:
        found = {state: (n, oldest) for state, n, oldest in connection.execute(query)}
    oldest = min((at for _, at in found.values()), default=None)
    return LineState(
        n_waiting=found.get(_WAITING, (0, 0))[0],
        n_running=found.get(_RUNNING, (0, 0))[0],
        oldest=None if oldest is None else from_micros(oldest),
    )


def remove_old(ledger: Ledger) -> None:
    """Remove rows of files whose outcome is a week old."""
    rows = schema.arrivals
    with ledger.store.writing(chained=False) as connection:
        old = micros(clock.now() - _KEPT)
        connection.execute(rows.delete().where(rows.c.state == _DONE, rows.c.at < old))


def kept_files(ledger: Ledger) -> frozenset[str]:
    """Return the files that have no outcome yet, as paths below the spool folder."""
    rows = schema.arrivals
    with ledger.store.reading() as connection:
        found = connection.execute(sa.select(rows.c.file).where(rows.c.state != _DONE))
        return frozenset(found.scalars())


def check_no_arrivals(connection: sa.Connection, closes: datetime | None) -> None:
    """Raise SubmissionError while files that arrived before the end wait for their score."""
    rows = schema.arrivals
    query = sa.select(sa.func.count()).select_from(rows).where(rows.c.state != _DONE)
    if closes is not None:
        query = query.where(rows.c.at < micros(closes))
    n = connection.execute(query).scalar_one()
    if n:
        raise SubmissionError(
            Fault(
                "close",
                f"{counted(n, 'file')} arrived in time and wait for their score",
                "a line without files that arrived before the end",
                "keep `challenge serve` running until it has scored them, then close",
                code="files-waiting",
            )
        )


def _check_room(connection: sa.Connection, team: int) -> None:
    rows = schema.arrivals
    query = (
        sa.select(rows.c.team, sa.func.count()).where(rows.c.state != _DONE).group_by(rows.c.team)
    )
    check_line({int(key): int(n) for key, n in connection.execute(query)}, team)


def check_line(waiting: Mapping[int, int], team: int) -> None:
    """Raise LedgerError when a team, or all of them, have too many files in the line.

    `waiting` has the number of files by team.
    """
    fix = "send it again in some seconds; nothing was stored"
    if waiting.get(team, 0) >= _LINE_OF_TEAM:
        found = f"{counted(waiting[team], 'file')} of the team wait"
        fault = Fault("line", found, f"at most {_LINE_OF_TEAM}", fix, code="team-line-full")
        raise LedgerError(fault)
    if (n := sum(waiting.values())) >= _LINE:
        fault = Fault("line", f"{counted(n, 'file')} wait", f"at most {_LINE}", fix, "line-full")
        raise LedgerError(fault)
