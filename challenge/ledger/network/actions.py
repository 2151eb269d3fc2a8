"""The audit log of the server: who did what, with which token, from where.

A row is written in the transaction of what was done, and the hash chain covers it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from challenge.errors import Fault, SubmissionError
from challenge.ledger.store import schema
from challenge.ledger.store.clock import micros

__all__ = ["Origin", "key_reused", "record_action", "stored_under"]


@dataclass(frozen=True)
class Origin:
    """Where a call came from.

    `arrived` is when the whole request had arrived, which is what a deadline is compared with.
    `key` names one upload of a team; the same key gives the same receipt. None where the caller
    gave none.
    """

    token: int | None
    address: str
    request: str
    arrived: datetime
    key: str | None = None


def record_action(
    connection: sa.Connection,
    origin: Origin | None,
    what: str,
    submission: int,
    at: datetime,
    *,
    file_sha256: str | None = None,
) -> None:
    """Store that `what` was done to a submission; nothing for a call without an origin."""
    if origin is None:
        return
    connection.execute(
        schema.actions.insert().values(
            at=micros(at),
            token=origin.token,
            what=what,
            address=origin.address,
            request=origin.request,
            arrived=micros(origin.arrived),
            submission=submission,
            key=origin.key,
            file_sha256=file_sha256,
        )
    )


def stored_under(connection: sa.Connection, key: str | None, file_sha256: str) -> int | None:
    """Return the submission that an upload with this key made, None when there is none.

    Raises SubmissionError when the key was used for another file.
    """
    if key is None:
        return None
    rows = schema.actions
    query = sa.select(rows.c.submission, rows.c.file_sha256).where(rows.c.key == key)
    found = connection.execute(query).first()
    if found is None:
        return None
    if found.file_sha256 != file_sha256:
        raise key_reused()
    return int(found.submission)


def key_reused() -> SubmissionError:
    """Return the refusal of a second file under the key of another one."""
    return SubmissionError(
        Fault(
            "Idempotency-Key",
            "a key that was used for another file",
            "one key for each file",
            "send another key, or none",
            code="idempotency-key-reused",
        )
    )
