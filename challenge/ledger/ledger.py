"""The ledger of one challenge: who submitted what, and what it scored."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from challenge.errors import ChallengeError
from challenge.ledger import clock, schema
from challenge.ledger.clock import micros
from challenge.ledger.files import PredictionFiles
from challenge.ledger.quota import check_failures
from challenge.ledger.reading import read_teams
from challenge.ledger.receipts import Receipt
from challenge.ledger.records import Team
from challenge.ledger.rules import check_settings
from challenge.ledger.store import BUSY_S, Store, ledger_faults, open_store
from challenge.ledger.teams import fold
from challenge.ledger.versions import newest_settings, record_settings
from challenge.task import Challenge, Half, Task, sha256_of_file
from challenge.task.settings import Settings, read_settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from challenge.ledger.snapshot import Snapshot

__all__ = ["Ledger", "open_ledger"]


class Ledger:
    """An open ledger, with the challenge.toml that was in force when it was opened."""

    def __init__(self, challenge: Challenge, settings: Settings, store: Store) -> None:
        self.challenge = challenge
        self.settings = settings
        self.store = store
        self.files = PredictionFiles(challenge.submissions / "predictions")

    def submit(
        self,
        task: Task,
        path: Path,
        *,
        team: str,
        method: str,
        note: str = "",
        details: Mapping[str, object] | None = None,
        baseline: bool = False,
    ) -> Receipt:
        """Check, score and store a predictions file; return what its team may know.

        Raises SubmissionError when the file or the rules refuse it, LedgerError when it cannot be
        stored; then nothing of it is.
        """
        from challenge.ledger.submitting import submit

        with ledger_faults(self.store.where):
            return submit(
                self,
                task,
                path,
                team=team,
                method=method,
                note=note,
                details=details,
                baseline=baseline,
            )

    def snapshot(self, as_of: datetime | None = None) -> Snapshot:
        """Return the ledger as it stood at a moment, or as it stands now."""
        from challenge.ledger.building import build_snapshot

        return build_snapshot(self, as_of)

    def replicates(self, submission_ids: Sequence[int], half: Half) -> NDArray[np.float32]:
        """Return (n, 1000) replicates of the current editions; rows of NaN where there are none."""
        return self.snapshot().replicates(submission_ids, half)

    def refresh(self) -> list[str]:
        """Store challenge.toml and the cards of all built tasks where they changed.

        Returns remarks in words, such as a task that waits for a rescore.
        """
        from challenge.ledger.refreshing import refresh

        return refresh(self)

    def record_failure(self, team: str, task: str, path: Path, error: ChallengeError) -> None:
        """Remember a file that was refused for its content; it counts against a cap of its own.

        Raises SubmissionError when the cap is reached.
        """
        try:
            file_sha256 = sha256_of_file(path) if path.is_file() else ""
        except OSError:
            file_sha256 = ""
        faults = json.dumps([fault.as_json() for fault in error.faults], ensure_ascii=False)
        with self.store.writing() as connection:
            at = clock.now()
            check_failures(connection, self.settings.limits, fold(team), task, at)
            connection.execute(
                schema.failures.insert().values(
                    at=micros(at),
                    folded=fold(team),
                    task=task,
                    file_sha256=file_sha256,
                    faults=faults,
                )
            )

    def record_settings_in(self, connection: sa.Connection, at: datetime) -> None:
        """Store challenge.toml when it changed; raise TaskError when it may not have."""
        old = newest_settings(connection)
        if old == self.settings:
            return
        closed = connection.execute(sa.select(schema.closes.c.id)).first() is not None
        check_settings(old, self.settings, at, closed=closed)
        record_settings(connection, self.settings, at)

    def team_in(self, connection: sa.Connection, team: int) -> Team:
        """Return a team by id."""
        return read_teams(connection, self.settings, team=team)[team]


def open_ledger(challenge: Challenge, *, busy_s: float = BUSY_S) -> Ledger:
    """Open the ledger of a challenge; create it when missing.

    The environment variable CHALLENGE_LEDGER names another one by its SQLAlchemy URL. `busy_s` is
    how long a writer waits for another one.
    """
    settings = read_settings(challenge.root)
    url = os.environ.get("CHALLENGE_LEDGER") or None
    return Ledger(
        challenge, settings, open_store(url, challenge.submissions / "ledger.db", busy_s=busy_s)
    )
