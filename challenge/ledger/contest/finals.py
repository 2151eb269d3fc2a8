"""Withdrawing, selecting and the close.

Only the close computes private scores, for the finals only, and it cannot be undone. A team's
finals on a task are at most `finals` submissions that it selected. Without a selection it is the
best public one, else the latest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from challenge.errors import Fault, LedgerError, SubmissionError, counted
from challenge.ledger.contest.contest_rules import check_dates
from challenge.ledger.ledger import Ledger
from challenge.ledger.network.actions import Origin, record_action
from challenge.ledger.network.arrivals import check_no_arrivals
from challenge.ledger.store import clock, schema
from challenge.ledger.store.clock import iso, micros
from challenge.ledger.store.records import Submission
from challenge.ledger.store.rows import submission_row
from challenge.ledger.store.versions import (
    closed_at,
    current_scoring_versions,
    read_metric,
    record_baseline_score,
)
from challenge.ledger.submissions.best import best_positions
from challenge.ledger.submissions.score_rows import Scored, insert_score, score_file
from challenge.ledger.submissions.submit import current_scoring_version
from challenge.task.settings import Settings

__all__ = [
    "CloseReport",
    "Finals",
    "check_closable",
    "check_withdrawable",
    "choose_finals",
    "close",
    "final_paths",
    "finals_by_task",
    "play_close",
    "require_contest",
    "select",
    "selected_of",
    "withdraw",
]

Finals = dict[tuple[int, str], tuple[int, ...]]
"""Team and task to the submissions that decide, ascending."""


@dataclass(frozen=True)
class CloseReport:
    """The result of a close: its time, the numbers of teams and finals, the tasks with finals."""

    at: datetime
    n_teams: int
    n_finals: int
    tasks: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """Return the report as plain values."""
        return {
            "closed_at": iso(self.at),
            "n_teams": self.n_teams,
            "n_finals": self.n_finals,
            "tasks": list(self.tasks),
        }


def check_withdrawable(ledger: Ledger, submission_id: int) -> Submission:
    """Return the submission; raise what would refuse to withdraw it now."""
    with ledger.store.reading() as connection:
        return _active_submission(connection, ledger, submission_id, clock.now(), "withdrawal")


def withdraw(ledger: Ledger, submission_id: int, *, origin: Origin | None = None) -> Submission:
    """Take a submission off the board: the team's next best counts again, quota does not return.

    Raises SubmissionError after the end or when it is already withdrawn.
    """
    with ledger.store.writing() as connection:
        at = clock.now()
        # The second of two simultaneous withdrawals of one submission waits and is refused.
        ledger.store.lock_team(connection, submission_row(connection, submission_id)[0].team)
        submission = _active_submission(connection, ledger, submission_id, at, "withdrawal")
        connection.execute(
            schema.withdrawals.insert().values(at=micros(at), submission=submission.id)
        )
        record_action(connection, origin, "withdraw", submission.id, at)
        return submission_row(connection, submission_id)[0]


def select(
    ledger: Ledger, submission_id: int, *, chosen: bool = True, origin: Origin | None = None
) -> tuple[int, ...]:
    """Select a submission as a final, or undo its selection; return the submissions selected now.

    Raises SubmissionError after the end, in a benchmark, or when there are enough already.
    """
    require_contest(ledger.settings, "selection")
    with ledger.store.writing() as connection:
        at = clock.now()
        ledger.store.lock_team(connection, submission_row(connection, submission_id)[0].team)
        submission = _active_submission(connection, ledger, submission_id, at, "selection")
        before = selected_of(connection).get((submission.team, submission.task), ())
        finals = ledger.settings.finals
        if chosen and submission_id not in before and len(before) >= finals:
            raise SubmissionError(
                Fault(
                    f"selection for {submission.task}",
                    f"{len(before)} are selected: {', '.join(map(str, before))}",
                    f"at most {finals} a team and task",
                    f"undo one first: `challenge select {before[0]} --undo`",
                    code="selected-enough",
                )
            )
        if chosen != (submission_id in before):
            connection.execute(
                schema.selections.insert().values(
                    at=micros(at), submission=submission_id, chosen=chosen
                )
            )
            what = "select" if chosen else "undo-select"
            record_action(connection, origin, what, submission_id, at)
        return selected_of(connection).get((submission.team, submission.task), ())


def close(ledger: Ledger, progress: Callable[[str], None] | None = None) -> CloseReport:
    """End the contest: score the private subset of every final and store it, all or nothing.

    Raises SubmissionError before the end and after a close, LedgerError when predictions are
    missing or a task waits for a rescore.
    """
    return play_close(ledger, lambda finals: _private_scores(ledger, finals, progress))


def check_closable(ledger: Ledger) -> None:
    """Raise SubmissionError unless `close` may begin now."""
    require_contest(ledger.settings, "close")
    with ledger.store.reading() as connection:
        _check_closable(connection, ledger.settings, clock.now())


def play_close(
    ledger: Ledger,
    score_finals: Callable[[Finals], tuple[dict[int, Scored], dict[str, float | None]]],
    *,
    now: Callable[[], datetime] = clock.now,
) -> CloseReport:
    """Store the close with the scores of the finals and the baseline score of each task."""
    require_contest(ledger.settings, "close")
    while True:
        with ledger.store.reading() as connection:
            _check_closable(connection, ledger.settings, now())
            finals = choose_finals(connection, ledger.settings)
        scores, baseline_scores = score_finals(finals)
        with ledger.store.writing() as connection:
            ledger.store.lock_still(connection)
            at = now()
            _check_closable(connection, ledger.settings, at)
            # A submission that was being stored when the scoring began must count.
            if choose_finals(connection, ledger.settings) != finals:
                continue
            ledger.record_settings_in(connection, at)
            connection.execute(schema.closes.insert().values(id=1, at=micros(at)))
            versions = current_scoring_versions(connection)
            for task_id, value in baseline_scores.items():
                record_baseline_score(connection, versions[task_id], "private", value, at)
            for (team, task_id), chosen in sorted(finals.items()):
                for key in chosen:
                    connection.execute(
                        schema.finals.insert().values(
                            close=1, team=team, task=task_id, submission=key
                        )
                    )
                    version = versions[task_id]
                    insert_score(connection, key, version, scores[key], at)
            n_teams = len({team for team, _ in finals})
            return CloseReport(at, n_teams, len(scores), tuple(sorted(finals_by_task(finals))))


def choose_finals(connection: sa.Connection, settings: Settings) -> Finals:
    """Return the finals of every team and task by the rules: selected, else best, else latest."""
    rows, scores, gone = schema.submissions, schema.scores, schema.withdrawals
    selected = selected_of(connection)
    scoring_versions = [
        scoring_version.id for scoring_version in current_scoring_versions(connection).values()
    ]
    released = sa.and_(
        scores.c.submission == rows.c.id,
        scores.c.subset == "public",
        scores.c.scoring_version.in_(scoring_versions),
        scores.c.released,
    )
    query = (
        sa.select(rows.c.id, rows.c.team, rows.c.task, scores.c.public_value)
        .select_from(
            rows.outerjoin(gone, gone.c.submission == rows.c.id).outerjoin(scores, released)
        )
        .where(gone.c.id.is_(None))
        .order_by(rows.c.id)
    )
    found = connection.execute(query).all()
    latest = {(row.team, row.task): row.id for row in found}
    tasks = sorted({task_id for _, task_id in latest})
    metrics = {task_id: read_metric(connection, task_id) for task_id in tasks}
    merit = np.array(
        [
            np.nan if row.public_value is None else metrics[row.task].merit(row.public_value)
            for row in found
        ]
    )
    team = np.array([row.team for row in found], dtype=np.int64)
    task = np.array([tasks.index(row.task) for row in found], dtype=np.int64)
    finals = {}
    for position in best_positions(merit, np.array([row.id for row in found]), team, task):
        row = found[position]
        key = (row.team, row.task)
        best = latest[key] if np.isnan(merit[position]) else row.id
        finals[key] = selected[key][: settings.finals] if key in selected else (best,)
    return finals


def selected_of(connection: sa.Connection) -> Finals:
    """Return what each team has selected on each task and not withdrawn."""
    rows, events, gone = schema.submissions, schema.selections, schema.withdrawals
    query = (
        sa.select(rows.c.team, rows.c.task, rows.c.id, events.c.chosen)
        .select_from(
            events.join(rows, rows.c.id == events.c.submission).outerjoin(
                gone, gone.c.submission == rows.c.id
            )
        )
        .where(gone.c.id.is_(None))
        .order_by(events.c.id)
    )
    chosen: dict[tuple[int, str], set[int]] = {}
    for team, task_id, submission_id, is_chosen in connection.execute(query):
        kept = chosen.setdefault((team, task_id), set())
        (kept.add if is_chosen else kept.discard)(submission_id)
    return {key: tuple(sorted(ids)) for key, ids in chosen.items() if ids}


def finals_by_task(finals: Finals) -> dict[str, list[int]]:
    """Return the finals of each task, by team."""
    by_task: dict[str, list[int]] = {}
    for (_, task_id), chosen in sorted(finals.items()):
        by_task.setdefault(task_id, []).extend(chosen)
    return by_task


def _private_scores(
    ledger: Ledger, finals: Finals, progress: Callable[[str], None] | None
) -> tuple[dict[int, Scored], dict[str, float | None]]:
    from challenge.scoring import read_predictions
    from challenge.scoring.score import baseline_score

    by_task, paths = finals_by_task(finals), final_paths(ledger, finals)
    scores: dict[int, Scored] = {}
    baseline_scores: dict[str, float | None] = {}
    with ledger.store.reading() as connection:
        known = current_scoring_versions(connection).keys()
    # A task without submissions has a baseline score too, which every team gets.
    for task_id in sorted(by_task.keys() | (known & set(ledger.challenge.built_ids()))):
        task = ledger.challenge.task(task_id)
        with ledger.store.reading() as connection:
            current_scoring_version(connection, task)
        baseline_scores[task_id] = baseline_score(task, "private").value
        ids = by_task.get(task_id, [])
        for done, submission_id in enumerate(ids, 1):
            predictions = read_predictions(task, paths[submission_id])
            scores[submission_id] = score_file(task, predictions, "private")
            if progress:
                progress(f"{task_id}: scored {done} of {counted(len(ids), 'final')}")
    return scores, baseline_scores


def final_paths(ledger: Ledger, finals: Finals) -> dict[int, Path]:
    """Return the file of each final; raise LedgerError with all that are missing."""
    rows = schema.submissions
    ids = [key for chosen in finals.values() for key in chosen]
    with ledger.store.reading() as connection:
        hashes = {
            key: connection.execute(sa.select(rows.c.sha256).where(rows.c.id == key)).scalar_one()
            for key in ids
        }
    missing = ledger.files.missing(hashes.values())
    if missing:
        raise LedgerError(missing)
    return {key: ledger.files.open_path(sha256) for key, sha256 in hashes.items()}


def _active_submission(
    connection: sa.Connection, ledger: Ledger, submission_id: int, at: datetime, what: str
) -> Submission:
    submission, _ = submission_row(connection, submission_id)
    # Moving `closes` after it has passed does not reopen the contest.
    ledger.check_settings_in(connection, at)
    closed = closed_at(connection) is not None
    check_dates(ledger.settings, at, closed, what=what, early=True)
    if submission.withdrawn:
        raise SubmissionError(
            Fault(
                f"submission {submission_id}",
                "already withdrawn",
                "a submission that is not withdrawn",
                "see `challenge submissions`",
                code="withdrawn",
            )
        )
    return submission


def require_contest(settings: Settings, what: str) -> None:
    """Raise SubmissionError in a benchmark, where no score is hidden."""
    if not settings.is_contest():
        raise SubmissionError(
            Fault(
                what,
                'reveal = "all": every score is shown at once',
                'a contest (reveal = "contest" in challenge.toml)',
                "nothing to do: the board shows all scores already",
                code="no-contest",
            )
        )


def _check_closable(connection: sa.Connection, settings: Settings, at: datetime) -> None:
    closed = closed_at(connection)
    if closed is not None:
        raise SubmissionError(
            Fault(
                "close",
                f"already closed, at {iso(closed)}",
                "a contest that is not closed",
                "see `challenge leaderboard`; a close cannot be undone or repeated",
                code="closed",
            )
        )
    closes = settings.closes_utc()
    if closes is None or at < closes:
        raise SubmissionError(
            Fault(
                "close",
                f"it is {iso(at)}",
                f"a time from {iso(closes)} on" if closes else "`closes` in challenge.toml",
                "wait; `challenge close --dry-run` is a rehearsal on simulated labels",
                code="not-over",
            )
        )
    check_no_arrivals(connection, closes)
