"""Updating the ledger's copy of challenge.toml and of the tasks."""

from __future__ import annotations

import os

import sqlalchemy as sa

from challenge.errors import ChallengeError, LedgerError, counted
from challenge.ledger.ledger import Ledger, open_ledger
from challenge.ledger.store import clock, schema
from challenge.ledger.store.versions import (
    add_scoring_version,
    baseline_scores_of,
    current_scoring_versions,
    lacks_scores,
    record_baseline_score,
    record_card,
)
from challenge.ledger.submissions.submit import current_scoring_version, scored_subset
from challenge.task import Challenge, Task

__all__ = ["outdated_scores", "refresh"]

_ROWS = {"all": "all rows", "public": "the public rows", "private": "the private rows"}


def refresh(ledger: Ledger) -> list[str]:
    """Store what changed in challenge.toml and in the public folders of the built tasks.

    A task without its solution here gets a card, but no scoring version. A task that was rebuilt
    after the first submission keeps its old card until `rescore`; a returned note says so.
    """
    notes: list[str] = []
    with ledger.store.writing() as connection:
        ledger.record_settings_in(connection, clock.now())
    for task_id in ledger.challenge.built_ids():
        notes.extend(_refresh_task(ledger, ledger.challenge.task(task_id)))
    return notes


def _refresh_task(ledger: Ledger, task: Task) -> list[str]:
    from challenge.scoring.score import SCORER_VERSION, baseline_score

    solved = (task.private / "solution.parquet").is_file()
    subset = scored_subset(ledger.settings, task) if solved else None
    try:
        with ledger.store.reading() as connection:
            scoring_version = current_scoring_version(connection, task)
            known = scoring_version is not None and subset in baseline_scores_of(
                connection, scoring_version
            )
        baseline = None
        if subset is not None and not known:
            baseline = baseline_score(task, subset)
        with ledger.store.writing() as connection:
            ledger.store.lock_all(connection)
            at = clock.now()
            scoring_version = current_scoring_version(connection, task)
            if scoring_version is None and solved:
                scoring_version = add_scoring_version(connection, task, SCORER_VERSION, at)
            record_card(connection, task, at)
            if scoring_version is not None and baseline is not None and subset is not None:
                record_baseline_score(connection, scoring_version, subset, baseline.value, at)
            if scoring_version and subset and lacks_scores(connection, scoring_version, subset):
                return [
                    f"task {task.id}: submissions have no score on {_ROWS[subset]}, since `reveal` "
                    "changed or their files do not fit the data of today; run `challenge rescore "
                    f"{task.id}`; teams whose files do not fit must submit again"
                ]
    except LedgerError as error:
        if error.faults[0].code != "rescore-first":
            raise
        return [f"{fault.where}: {fault.found}; {fault.fix}" for fault in error.faults]
    return []


def outdated_scores(challenge: Challenge, task: Task) -> str:
    """Return a sentence when submissions were scored on other data than is built, else ""."""
    here = (challenge.submissions / "ledger.db").exists()
    if not here and not os.environ.get("CHALLENGE_LEDGER"):
        return ""
    try:
        with open_ledger(challenge).store.reading() as connection:
            version = current_scoring_versions(connection).get(task.id)
            rows = schema.submissions
            query = sa.select(sa.func.count()).where(rows.c.task == task.id)
            n = connection.execute(query).scalar_one()
    except ChallengeError as error:
        # The task is built all the same.
        return f"whether submissions are of the data before is not known: {error}"
    built = (task.data_digest, task.solution_digest)
    if n == 0 or version is None or (version.data_digest, version.solution_digest) == built:
        return ""
    return (
        f"{counted(n, 'submission', 'was', 'were')} scored on the data before. "
        f"`challenge rescore {task.id}` scores the files that still fit; the other teams submit "
        "again. Rows may have moved: a test row of before may be in train now, with its label"
    )
