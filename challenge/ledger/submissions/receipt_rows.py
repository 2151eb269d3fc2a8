"""The receipt of a stored submission, read from its rows."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from challenge.ledger.ledger import Ledger
from challenge.ledger.store import schema
from challenge.ledger.store.records import StoredScore, Submission, Team
from challenge.ledger.store.rows import read_teams, score_of, score_rows, submission_row
from challenge.ledger.store.versions import ScoringVersion, current_scoring_versions
from challenge.ledger.submissions.ladder import SMALLEST_PUBLIC
from challenge.ledger.submissions.quota import quota_left
from challenge.ledger.submissions.receipts import Receipt, figure
from challenge.ledger.submissions.score_rows import public_reference
from challenge.task import Subset
from challenge.task.settings import Settings

__all__ = ["receipt_of"]


def receipt_of(
    connection: sa.Connection,
    ledger: Ledger,
    submission_id: int,
    at: datetime,
    *,
    identical: bool = False,
) -> Receipt:
    """Return the receipt of a stored submission from its rows alone."""
    submission, notes = submission_row(connection, submission_id)
    scoring_version = current_scoring_versions(connection)[submission.task]
    team = read_teams(connection, ledger.settings, team=submission.team)[submission.team]
    score = _shown_score(connection, submission_id, scoring_version, ledger.settings)
    reference = step = None
    if ledger.settings.is_contest():
        reference, _ = public_reference(connection, team.id, scoring_version)
        step = _step_in(connection, scoring_version)
    left = None
    if not submission.baseline:
        left = quota_left(connection, ledger.settings.limits, team.id, submission.task, at)
    return Receipt(
        submission=submission,
        team=team,
        score=score,
        released=score is not None,
        reference=reference,
        step=step or 0.0,
        identical_to=submission_id if identical else None,
        quota_left=left,
        message=_message(
            ledger.settings, submission, team, score, reference, scoring_version, identical
        ),
        notes=notes,
    )


def _shown_score(
    connection: sa.Connection,
    submission_id: int,
    scoring_version: ScoringVersion,
    settings: Settings,
) -> StoredScore | None:
    subset: Subset = "public" if settings.is_contest() else "all"
    row = connection.execute(score_rows(submission_id, subset, (scoring_version.id,))).first()
    return None if row is None else score_of(row, scoring_version)


def _step_in(connection: sa.Connection, scoring_version: ScoringVersion) -> float | None:
    scores = schema.scores
    return connection.execute(
        sa.select(scores.c.step)
        .where(scores.c.scoring_version == scoring_version.id, scores.c.subset == "public")
        .limit(1)
    ).scalar()


def _message(
    settings: Settings,
    submission: Submission,
    team: Team,
    score: StoredScore | None,
    reference: float | None,
    scoring_version: ScoringVersion,
    identical: bool,
) -> str:
    head = f"submission {submission.id} of {team.name} for {submission.task}"
    if identical:
        return f"identical to {head}: nothing new was stored, no quota was used"
    if submission.withdrawn:
        return f"{head}: withdrawn, it does not count"
    if score is not None:
        if score.value is None:
            return f"{head}: accepted, {score.metric} is undefined ({score.reason})"
        return f"{head}: accepted, {score.metric} {figure(score)}"
    if settings.is_contest() and scoring_version.n_public < SMALLEST_PUBLIC:
        return f"{head}: accepted; this task has no public score; it counts at the close"
    if reference is None:
        return f"{head}: accepted, its public score is undefined"
    shown = f"{reference:.3f}".removeprefix("0")
    return f"{head}: accepted, no improvement on {shown}"
