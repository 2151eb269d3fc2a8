"""One submission, from the file to its receipt.

The file is checked, scored and stored in canonical form first. Then one short transaction checks
the rules again and inserts submission, score and vector together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from challenge.errors import Fault, SubmissionError
from challenge.ledger.contest.contest_rules import check_dates, check_roster
from challenge.ledger.ledger import Ledger
from challenge.ledger.network.actions import Origin, record_action, stored_under
from challenge.ledger.store import clock, schema
from challenge.ledger.store.clock import micros
from challenge.ledger.store.database import ledger_faults
from challenge.ledger.store.prediction_files import StagedFile
from challenge.ledger.store.versions import (
    ScoringVersion,
    add_scoring_version,
    closed_at,
    current_scoring_versions,
    has_submissions,
    record_baseline_score,
    record_card,
    rescore_first,
)
from challenge.ledger.submissions.ladder import SMALLEST_PUBLIC, climb
from challenge.ledger.submissions.names import clean_text, fold, name_faults
from challenge.ledger.submissions.quota import check_failures, check_new_team, check_quota
from challenge.ledger.submissions.receipt_rows import receipt_of
from challenge.ledger.submissions.receipts import Receipt
from challenge.ledger.submissions.roster import (
    TeamRow,
    add_team,
    baseline_name,
    check_reserved,
    check_spelling,
    check_team_name,
    find_team,
)
from challenge.ledger.submissions.score_rows import (
    Scored,
    insert_score,
    ladder_step,
    ladder_steps,
    public_reference,
    score_file,
)
from challenge.task import Subset, Task, sha256_of_file
from challenge.task.settings import Settings

if TYPE_CHECKING:
    from challenge.scoring import Predictions
    from challenge.scoring.score import Score

__all__ = [
    "check_entry",
    "check_run",
    "current_scoring_version",
    "record_failure",
    "scored_subset",
    "submit",
    "text_faults",
]

METHOD_LENGTH = 200
NOTE_LENGTH = 1000
_DETAILS_BYTES = 65_536


@dataclass(frozen=True)
class Entry:
    """The fields that a team gives with its file, cleaned and checked."""

    team: str
    method: str
    note: str
    details: str
    isolation: str
    baseline: bool


def submit(
    ledger: Ledger,
    task: Task,
    path: Path,
    *,
    team: str,
    method: str,
    note: str = "",
    details: Mapping[str, object] | None = None,
    baseline: bool = False,
    origin: Origin | None = None,
) -> Receipt:
    """Check, score and store a predictions file; return its receipt.

    `origin` is where a file from the network came from: it must have arrived before the end, and
    the same key gives the same receipt. Raises SubmissionError when the file or the rules refuse
    it, LedgerError when it cannot be stored. On an error nothing is stored.
    """
    entry = _entry(team, method, note, details, baseline)
    with ledger_faults(ledger.store.where):
        return _submit(ledger, task, path, entry, origin)


def check_entry(ledger: Ledger, task: str, team: str, *, baseline: bool = False) -> None:
    """Raise SubmissionError when name, roster, dates or quota refuse any file of the team.

    The name must be spelled as in the roster, or as the team was registered.
    """
    entry = Entry(check_team_name(team), "", "", "", "", baseline=baseline)
    with ledger.store.reading() as connection:
        at = clock.now()
        known = _admit(connection, ledger.settings, entry, at)
        check_spelling((*ledger.settings.roster(), *(known.names if known else ())), team)
        check_failures(connection, ledger.settings, entry.team, task, at)
        if baseline:
            return
        if known is None:
            check_new_team(connection, ledger.settings, at)
        else:
            check_quota(connection, ledger.settings, known.id, task, at)


def check_run(ledger: Ledger, task: Task, team: str, *, baseline: bool) -> None:
    """Raise what would refuse a submission whatever its file holds, before a method trains.

    That is what `check_entry` raises, TaskError when challenge.toml breaks a rule, LedgerError
    when the task needs a rescore first.
    """
    check_entry(ledger, task.id, team, baseline=baseline)
    with ledger.store.reading() as connection:
        ledger.check_settings_in(connection, clock.now())
        current_scoring_version(connection, task)


def _submit(ledger: Ledger, task: Task, path: Path, entry: Entry, origin: Origin | None) -> Receipt:
    subset = scored_subset(ledger.settings, task)
    with ledger.store.reading() as connection:
        at = clock.now()
        if origin is not None and origin.key is not None:
            known = stored_under(connection, origin.key, sha256_of_file(path))
            if known is not None:
                return receipt_of(connection, ledger, known, at)
        ledger.check_settings_in(connection, at)
        entry = _named(connection, entry)
        _admit(connection, ledger.settings, entry, origin.arrived if origin else at)
        current_scoring_version(connection, task)
        check_failures(connection, ledger.settings, entry.team, task.id, at)
    predictions = _checked(ledger, task, path, entry)
    with ledger.files.staged(predictions, task) as staged:
        with ledger.store.reading() as connection:
            team = find_team(connection, entry.team, ledger.settings.roster())
            earlier = _identical(connection, team, task, staged)
            if earlier is not None and team is not None:
                return receipt_of(connection, ledger, earlier, clock.now(), identical=True)
            if team is not None and not entry.baseline:
                check_quota(connection, ledger.settings, team.id, task.id, clock.now())
        from challenge.scoring.score import baseline_score

        scored = None if subset is None else score_file(task, predictions, subset)
        baseline = None if subset is None else baseline_score(task, subset).value
        ledger.files.keep(staged)
        with ledger.store.writing() as connection:
            return _store(
                connection, ledger, task, entry, predictions, staged, scored, baseline, origin
            )


def _entry(
    team: str, method: str, note: str, details: Mapping[str, object] | None, baseline: bool
) -> Entry:
    faults: list[Fault] = []
    try:
        team = check_team_name(team)
    except SubmissionError as error:
        faults.extend(error.faults)
    method, note = clean_text(method), clean_text(note)
    faults.extend(text_faults(method, note))
    text = json.dumps(details or {}, sort_keys=True, ensure_ascii=False, default=str)
    if len(text.encode()) > _DETAILS_BYTES:
        faults.append(
            Fault(
                "details",
                f"{len(text.encode()):,} bytes of JSON",
                f"at most {_DETAILS_BYTES:,}",
                "keep versions, seed and seconds; leave out logs",
                code="details-too-long",
            )
        )
    if faults:
        raise SubmissionError(faults)
    isolation = str((details or {}).get("isolation", ""))
    return Entry(team, method, note, text, isolation, baseline)


def text_faults(method: str, note: str) -> list[Fault]:
    """Return what is wrong with a cleaned method and note."""
    return [
        *name_faults(method, "method", longest=METHOD_LENGTH),
        *name_faults(note, "note", longest=NOTE_LENGTH, required=False),
    ]


def scored_subset(settings: Settings, task: Task) -> Subset | None:
    """Return the subset that is scored at once, None when it is too small for a public score."""
    if not settings.is_contest():
        return "all"
    from challenge.scoring.solution import count_public

    return "public" if count_public(task) >= SMALLEST_PUBLIC else None


def _named(connection: sa.Connection, entry: Entry) -> Entry:
    return replace(entry, team=baseline_name(connection, entry.team)) if entry.baseline else entry


def _admit(
    connection: sa.Connection, settings: Settings, entry: Entry, at: datetime
) -> TeamRow | None:
    """Raise SubmissionError when date, roster or name refuse the team; return it when known."""
    closed = closed_at(connection) is not None
    check_dates(settings, at, closed, what="submission", early=entry.baseline)
    known = find_team(connection, entry.team, settings.roster())
    if not entry.baseline:
        check_roster(settings, (*(known.names if known else ()), entry.team), "team")
        if known is None:
            check_reserved(entry.team)
    if known is not None and known.baseline != entry.baseline:
        found = "a baseline" if known.baseline else "a participating team"
        raise SubmissionError(
            Fault(
                "team",
                f"{known.names[-1]!r} is {found}",
                "baselines and teams under different names",
                "choose another name",
                code="team-baseline",
            )
        )
    return known


def current_scoring_version(connection: sa.Connection, task: Task) -> ScoringVersion | None:
    """Return the current scoring version of the task, None when it must be added."""
    from challenge.scoring.score import SCORER_VERSION

    scoring_version = current_scoring_versions(connection).get(task.id)
    if scoring_version is None or scoring_version.is_of(task, SCORER_VERSION):
        return scoring_version
    if has_submissions(connection, task.id):
        found = (
            f"scores of version {scoring_version.scorer_version}, now it is {SCORER_VERSION}"
            if scoring_version.data_digest == task.data_digest
            and scoring_version.solution_digest == task.solution_digest
            else "the task was rebuilt since the last submission"
        )
        raise rescore_first(task.id, found)
    return None


def _checked(ledger: Ledger, task: Task, path: Path, entry: Entry) -> Predictions:
    from challenge.scoring import read_predictions

    try:
        return read_predictions(task, path, max_bytes=ledger.settings.limits.file_mb << 20)
    except SubmissionError as error:
        record_failure(ledger, entry.team, task.id, path, error)
        raise


def record_failure(
    ledger: Ledger, team: str, task: str, path: Path, error: SubmissionError
) -> None:
    """Store a file that was refused for its content; it counts against a separate quota.

    A file refused for its size alone was not read, and does not count: reading it now takes longer
    than refusing it. Neither does a path that is not a readable regular file: a pipe or a device
    could be read without end. Raises SubmissionError when the quota is used up.
    """
    if not path.is_file() or path.stat().st_size > ledger.settings.limits.file_mb << 20:
        return
    try:
        file_sha256 = sha256_of_file(path)
    except OSError:
        return
    faults = json.dumps([fault.as_json() for fault in error.faults], ensure_ascii=False)
    with ledger.store.writing() as connection:
        at = clock.now()
        check_failures(connection, ledger.settings, team, task, at)
        connection.execute(
            schema.failures.insert().values(
                at=micros(at), folded=fold(team), task=task, file_sha256=file_sha256, faults=faults
            )
        )


def _identical(
    connection: sa.Connection, team: TeamRow | None, task: Task, staged: StagedFile
) -> int | None:
    """Return the team's earliest submission with the same values that is not withdrawn."""
    if team is None:
        return None
    rows, gone = schema.submissions, schema.withdrawals
    found = connection.execute(
        sa.select(rows.c.id)
        .select_from(rows.outerjoin(gone, gone.c.submission == rows.c.id))
        .where(
            rows.c.team == team.id,
            rows.c.task == task.id,
            rows.c.content == staged.content,
            gone.c.id.is_(None),
        )
        .order_by(rows.c.id)
        .limit(1)
    ).scalar()
    return None if found is None else int(found)


def _store(
    connection: sa.Connection,
    ledger: Ledger,
    task: Task,
    entry: Entry,
    predictions: Predictions,
    staged: StagedFile,
    scored: Scored | None,
    baseline: float | None,
    origin: Origin | None,
) -> Receipt:
    settings = ledger.settings
    ledger.store.lock_still(connection, shared=True)
    entry = _named(connection, entry)
    at = clock.now()
    team = _admit(connection, settings, entry, origin.arrived if origin else at)
    scoring_version = current_scoring_version(connection, task)
    if team is None or scoring_version is None:
        # To avoid deadlocks, every process takes the lock for all before the lock for a team.
        ledger.store.lock_all(connection)
        scoring_version = current_scoring_version(connection, task)
        if team is None:
            if not entry.baseline:
                check_new_team(connection, settings, at)
            team = add_team(
                connection,
                ledger.store,
                entry.team,
                settings.roster(),
                baseline=entry.baseline,
                at=at,
            )
    ledger.store.lock_team(connection, team.id)
    # The time of the submission is read while the locks are held.
    at = clock.now()
    arrived = origin.arrived if origin else at
    check_dates(settings, arrived, False, what="submission", early=entry.baseline)
    earlier = _identical(connection, team, task, staged)
    if earlier is not None:
        return receipt_of(connection, ledger, earlier, at, identical=True)
    if not entry.baseline:
        check_quota(connection, settings, team.id, task.id, at)
    ledger.record_settings_in(connection, at)
    record_card(connection, task, at)
    if scoring_version is None:
        scoring_version = add_scoring_version(connection, task, _scorer_version(), at)
    values = {
        "at": micros(at),
        "team": team.id,
        "task": task.id,
        "method": entry.method,
        "note": entry.note,
        "sha256": staged.sha256,
        "content": staged.content,
        "file_sha256": predictions.sha256,
        "form": predictions.form,
        "details": entry.details,
        "notes": json.dumps(list(predictions.notes), ensure_ascii=False),
        "baseline": entry.baseline,
        "isolation": entry.isolation,
    }
    key = connection.execute(schema.submissions.insert().values(values)).inserted_primary_key
    assert key is not None
    record_action(connection, origin, "submit", int(key[0]), at, file_sha256=predictions.sha256)
    if scored is not None:
        score = scored.score
        _check_grouping(connection, scoring_version, score)
        assert score.subset != "train"
        record_baseline_score(connection, scoring_version, score.subset, baseline, at)
        step, release = 0.0, None
        if score.subset == "public":
            step = ladder_step(settings, task, score, baseline)
            reference, n_before = public_reference(connection, team.id, scoring_version)
            steps = ladder_steps(settings, task, score, n_before)
            metric = task.kind.metric(task.metric)
            release = climb(metric, reference, score.primary.value, step, steps)
        insert_score(
            connection, int(key[0]), scoring_version, scored, at, step=step, release=release
        )
    return receipt_of(connection, ledger, int(key[0]), at)


def _scorer_version() -> int:
    from challenge.scoring.score import SCORER_VERSION

    return int(SCORER_VERSION)


def _check_grouping(
    connection: sa.Connection, scoring_version: ScoringVersion, score: Score
) -> None:
    scores = schema.scores
    other = connection.execute(
        sa.select(scores.c.grouping_hash)
        .where(scores.c.scoring_version == scoring_version.id, scores.c.subset == score.subset)
        .limit(1)
    ).scalar()
    if other is not None and other != score.grouping_hash:
        raise rescore_first(scoring_version.task, "the rows were put into clusters again")
