"""Updating the ledger's copy of challenge.toml and of the tasks."""

from __future__ import annotations

from challenge.errors import LedgerError
from challenge.ledger.ledger import Ledger
from challenge.ledger.store import clock
from challenge.ledger.store.versions import (
    add_scoring_version,
    baseline_scores_of,
    lacks_scores,
    record_baseline_score,
    record_card,
)
from challenge.ledger.submissions.submit import current_scoring_version, scored_subset
from challenge.task import Task

__all__ = ["refresh"]


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
                    f"task {task.id}: submissions without a score on the {subset} rows, since "
                    f"`reveal` changed; run `challenge rescore {task.id}`"
                ]
    except LedgerError as error:
        if error.faults[0].code != "rescore-first":
            raise
        return [f"{fault.where}: {fault.found}; {fault.fix}" for fault in error.faults]
    return []
