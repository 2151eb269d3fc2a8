"""A rehearsal of the close: on simulated labels, in a temporary copy of the ledger.

The private subset is not opened and the ledger itself does not change.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from challenge.errors import counted
from challenge.ledger.contest.finals import (
    CloseReport,
    Finals,
    final_paths,
    finals_by_task,
    play_close,
    require_contest,
)
from challenge.ledger.ledger import Ledger
from challenge.ledger.store import clock, schema
from challenge.ledger.store.backup import copy_ledger
from challenge.ledger.store.database import Store
from challenge.ledger.store.snapshot import Snapshot
from challenge.ledger.store.snapshot_queries import read_snapshot
from challenge.ledger.submissions.score_rows import Scored
from challenge.ledger.submissions.submit import current_scoring_version

__all__ = ["Rehearsal", "rehearse"]


@dataclass(frozen=True)
class Rehearsal:
    """A simulated close: `snapshot` is as after the close, but with simulated private scores."""

    snapshot: Snapshot
    seed: int
    report: CloseReport

    def as_json(self) -> dict[str, object]:
        """Return what was rehearsed as plain values."""
        return {
            "rehearsal": True,
            "seed": self.seed,
            "n_teams": self.report.n_teams,
            "n_finals": self.report.n_finals,
            "tasks": list(self.report.tasks),
        }


def rehearse(
    ledger: Ledger, *, seed: int = 0, progress: Callable[[str], None] | None = None
) -> Rehearsal:
    """Simulate the close on labels drawn with `seed`; allowed at any time, stores nothing.

    Raises the errors of the close, such as for a task that waits for a rescore.
    """
    require_contest(ledger.settings, "close")
    closes = ledger.settings.closes_utc() or clock.now()
    copy = Ledger(
        ledger.challenge,
        ledger.settings.model_copy(update={"closes": closes}),
        _copy_without_close(ledger.store),
        ledger.bucket,
    )
    baseline_scores = dict(read_snapshot(copy).baseline_scores)

    def score_finals(finals: Finals) -> tuple[dict[int, Scored], dict[str, float | None]]:
        return _simulated_scores(copy, finals, seed, progress), {**baseline_scores}

    report = play_close(copy, score_finals, now=lambda: closes)
    return Rehearsal(read_snapshot(copy), seed, report)


def _copy_without_close(store: Store) -> Store:
    """Return a SQLite copy as before the close; its folder is removed with the last reference."""
    folder = Path(tempfile.mkdtemp(prefix="rehearsal-"))
    copy = copy_ledger(store, folder / "ledger.db")
    weakref.finalize(copy, shutil.rmtree, folder, ignore_errors=True)
    scores = schema.scores
    private = sa.select(scores.c.id).where(scores.c.subset == "private")
    with copy.writing() as connection:
        by_score = (schema.replicates, schema.vectors, schema.confusion_counts, schema.right_rows)
        for table in by_score:
            connection.execute(table.delete().where(table.c.score.in_(private)))
        for table in (scores, schema.baseline_scores, schema.groupings):
            connection.execute(table.delete().where(table.c.subset == "private"))
        for table in (schema.finals, schema.closes):
            connection.execute(table.delete())
    return copy


def _simulated_scores(
    ledger: Ledger, finals: Finals, seed: int, progress: Callable[[str], None] | None
) -> dict[int, Scored]:
    from challenge.scoring import read_predictions
    from challenge.scoring.simulation import score_simulated, simulate_solution

    scores: dict[int, Scored] = {}
    paths = final_paths(ledger, finals)
    for number, (task_id, ids) in enumerate(finals_by_task(finals).items()):
        task = ledger.challenge.task(task_id)
        with ledger.store.reading() as connection:
            current_scoring_version(connection, task)
        votes = [read_predictions(task, paths[key]) for key in ids]
        solution = simulate_solution(task, votes, seed + number)
        for key, predictions in zip(ids, votes, strict=True):
            scores[key] = Scored(score_simulated(task, predictions, solution, seed), None)
        if progress:
            progress(f"{task_id}: {counted(len(ids), 'final')} scored on simulated labels")
    return scores
