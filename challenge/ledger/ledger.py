"""The open ledger that all functions of this package take: challenge, settings, rows and files."""

from __future__ import annotations

import os
from datetime import datetime

import sqlalchemy as sa

from challenge.errors import Fault, WrongUse
from challenge.ledger.contest.contest_rules import check_settings
from challenge.ledger.store import schema
from challenge.ledger.store.bucket import Bucket, open_bucket
from challenge.ledger.store.database import BUSY_S, Store, open_store
from challenge.ledger.store.prediction_files import PredictionFiles
from challenge.ledger.store.versions import closed_at, newest_settings, record_settings
from challenge.task import Challenge
from challenge.task.registry import SERVER_MARKER
from challenge.task.settings import Settings, read_settings

__all__ = ["Ledger", "open_ledger"]


class Ledger:
    """An open ledger, with the challenge.toml that was in force when it was opened."""

    def __init__(
        self, challenge: Challenge, settings: Settings, store: Store, bucket: Bucket | None
    ) -> None:
        self.challenge = challenge
        self.settings = settings
        self.store = store
        self.bucket = bucket
        self.files = PredictionFiles(challenge.submissions / "predictions", bucket)

    def check_settings_in(self, connection: sa.Connection, at: datetime) -> bool:
        """Return whether challenge.toml is a new version; raise TaskError when it may not be."""
        old = newest_settings(connection)
        if old == self.settings:
            return False
        rows = schema.submissions
        of_teams = sa.select(rows.c.id).where(rows.c.baseline.is_(False)).limit(1)
        started = connection.execute(of_teams).first()
        closed = closed_at(connection) is not None
        check_settings(old, self.settings, at, closed=closed, started=started is not None)
        return True

    def record_settings_in(self, connection: sa.Connection, at: datetime) -> None:
        """Store challenge.toml when it changed; raise TaskError when the change is not allowed."""
        if self.check_settings_in(connection, at):
            record_settings(connection, self.settings, at)


def open_ledger(
    challenge: Challenge, *, busy_s: float = BUSY_S, bring_over: bool = False
) -> Ledger:
    """Open the ledger of a challenge; create it when missing.

    The environment variable CHALLENGE_LEDGER names another one by its SQLAlchemy URL, and
    CHALLENGE_BUCKET a bucket for its files.
    A writer waits `busy_s` seconds for another one. `bring_over` accepts the two formats before.
    Raises WrongUse for a participant's folder of a server.
    """
    if (challenge.root / SERVER_MARKER).exists():
        raise WrongUse(
            Fault(
                str(challenge.root),
                "a folder that belongs to a server, which has the ledger",
                "the organiser's challenge directory",
                "hand files in with `challenge submit`; the organiser runs the other commands",
                code="organiser-only",
            )
        )
    settings = read_settings(challenge.root)
    url = os.environ.get("CHALLENGE_LEDGER") or None
    path = challenge.submissions / "ledger.db"
    store = open_store(url, path, busy_s=busy_s, bring_over=bring_over)
    return Ledger(challenge, settings, store, open_bucket(os.environ.get("CHALLENGE_BUCKET")))
