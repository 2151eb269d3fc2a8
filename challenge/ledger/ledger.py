"""The ledger of one challenge: who submitted what, and what it scored."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from challenge.errors import ChallengeError
from challenge.ledger.contest.contest_rules import check_settings
from challenge.ledger.store import clock, schema
from challenge.ledger.store.clock import micros
from challenge.ledger.store.database import BUSY_S, Store, ledger_faults, open_store
from challenge.ledger.store.prediction_files import PredictionFiles
from challenge.ledger.store.records import Submission, Team
from challenge.ledger.store.rows import read_teams
from challenge.ledger.store.versions import newest_settings, record_settings
from challenge.ledger.submissions.failed_runs import record_failed_run
from challenge.ledger.submissions.names import fold
from challenge.ledger.submissions.quota import check_failures
from challenge.ledger.submissions.receipts import HistoryRow, Receipt
from challenge.task import Challenge, Subset, Task, sha256_of_file
from challenge.task.settings import Settings, read_settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from challenge.ledger.contest.finals import CloseReport
    from challenge.ledger.store.snapshot import Snapshot
    from challenge.ledger.submissions.rescore import RescoreReport

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
        from challenge.ledger.submissions.submit import submit

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
        from challenge.ledger.store.snapshot_queries import build_snapshot

        return build_snapshot(self, as_of)

    def replicates(self, submission_ids: Sequence[int], subset: Subset) -> NDArray[np.float32]:
        """Return (n, 1000) replicates of the current scoring versions, NaN where there are none."""
        return self.snapshot().replicates(submission_ids, subset)

    def refresh(self) -> list[str]:
        """Store challenge.toml and the cards of all built tasks where they changed.

        Returns notes in words, such as a task that waits for a rescore.
        """
        from challenge.ledger.contest.refresh import refresh

        return refresh(self)

    def history(self, *, task: str | None = None, team: str | None = None) -> list[HistoryRow]:
        """Return submissions ascending by id, each with what may be shown of it.

        Raises WrongUse for a team that nobody has heard of.
        """
        from challenge.ledger.submissions.history import history

        return history(self, task=task, team=team)

    def suspects(self) -> list[tuple[str, tuple[int, ...]]]:
        """Return identical predictions of different teams: task and submissions (organiser)."""
        from challenge.ledger.submissions.history import suspects

        return suspects(self)

    def rename_team(self, old: str, new: str) -> Team:
        """Give a team another name; history, slug and old names stay its own."""
        from challenge.ledger.submissions.roster import rename_team

        with self.store.writing() as connection:
            row = rename_team(connection, self.store, old, new, clock.now())
            return self.team_in(connection, row.id)

    def withdraw(self, submission_id: int) -> Submission:
        """Take a submission off the board; the one before it comes back, quota does not."""
        from challenge.ledger.contest.finals import withdraw

        return withdraw(self, submission_id)

    def select(self, submission_id: int, *, chosen: bool = True) -> tuple[int, ...]:
        """Select a submission as a final, or take that back; return those selected now."""
        from challenge.ledger.contest.finals import select

        return select(self, submission_id, chosen=chosen)

    def close(self, progress: Callable[[str], None] | None = None) -> CloseReport:
        """End the contest: score the private subset of every final and store it, all or nothing."""
        from challenge.ledger.contest.finals import close

        return close(self, progress)

    def rescore(
        self,
        task_ids: Sequence[str] = (),
        *,
        dry_run: bool = False,
        progress: Callable[[str], None] | None = None,
    ) -> list[RescoreReport]:
        """Score every submission of the tasks anew where task or scorer changed."""
        from challenge.ledger.submissions.rescore import rescore

        return rescore(self, task_ids, dry_run=dry_run, progress=progress)

    def record_failure(self, team: str, task: str, path: Path, error: ChallengeError) -> None:
        """Remember a file that was refused for its content; it counts against a cap of its own.

        What cannot be read at all is no file that a team handed in, and does not count; a pipe or
        a device could be read without end. Raises SubmissionError when the cap is reached.
        """
        if not path.is_file():
            return
        try:
            file_sha256 = sha256_of_file(path)
        except OSError:
            return
        faults = json.dumps([fault.as_json() for fault in error.faults], ensure_ascii=False)
        with self.store.writing() as connection:
            at = clock.now()
            check_failures(connection, self.settings.limits, team, task, at)
            connection.execute(
                schema.failures.insert().values(
                    at=micros(at),
                    folded=fold(team),
                    task=task,
                    file_sha256=file_sha256,
                    faults=faults,
                )
            )

    def record_failed_run(self, task: Task, *, team: str, method: str, code: str) -> None:
        """Remember that a team's method failed on a task; `code` is that of its first fault."""
        record_failed_run(self, task, team=team, method=method, code=code)

    def check_settings_in(self, connection: sa.Connection, at: datetime) -> bool:
        """Return whether challenge.toml is a new version; raise TaskError when it may not be."""
        old = newest_settings(connection)
        if old == self.settings:
            return False
        closed = connection.execute(sa.select(schema.closes.c.id)).first() is not None
        started = connection.execute(sa.select(schema.submissions.c.id).limit(1)).first()
        check_settings(old, self.settings, at, closed=closed, started=started is not None)
        return True

    def record_settings_in(self, connection: sa.Connection, at: datetime) -> None:
        """Store challenge.toml when it changed; raise TaskError when it may not have."""
        if self.check_settings_in(connection, at):
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
