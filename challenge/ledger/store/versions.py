"""Versions of `challenge.toml`, cards and scoring, each stored when it was first seen.

A *scoring version* is data digest, solution digest and scorer version; scores are comparable within
one. The newest one of a task is current. Before the first submission a rebuilt task gets a new one
at once; later only `rescore` adds one, so that no board mixes two.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from challenge.errors import Fault, LedgerError
from challenge.kinds import Metric, kind_of
from challenge.ledger.store import schema
from challenge.ledger.store.clock import from_micros, micros
from challenge.ledger.store.records import Card
from challenge.task import Subset, Task
from challenge.task.settings import Settings

__all__ = [
    "ScoringVersion",
    "add_scoring_version",
    "baseline_scores_of",
    "closed_at",
    "current_scoring_versions",
    "has_submissions",
    "lacks_right_rows",
    "lacks_scores",
    "newest_settings",
    "read_cards",
    "read_metric",
    "record_baseline_score",
    "record_card",
    "record_settings",
    "rescore_first",
]


@dataclass(frozen=True)
class ScoringVersion:
    """One scoring version of a task; `n_public` counts the rows of its public subset.

    It is never published.
    """

    id: int
    task: str
    data_digest: str
    solution_digest: str
    scorer_version: int
    n_public: int

    def is_of(self, task: Task, scorer_version: int) -> bool:
        """Whether scores made now belong to this scoring version."""
        return (self.data_digest, self.solution_digest, self.scorer_version) == (
            task.data_digest,
            task.solution_digest,
            scorer_version,
        )


def current_scoring_versions(
    connection: sa.Connection, until: int | None = None
) -> dict[str, ScoringVersion]:
    """Return the current scoring version of each task, at the moment `until` (microseconds)."""
    rows = schema.scoring_versions
    newest = sa.select(sa.func.max(rows.c.id)).group_by(rows.c.task)
    if until is not None:
        newest = newest.where(rows.c.at <= until)
    query = sa.select(
        rows.c.id,
        rows.c.task,
        rows.c.data_digest,
        rows.c.solution_digest,
        rows.c.scorer_version,
        rows.c.n_public,
    ).where(rows.c.id.in_(newest))
    return {
        row.task: ScoringVersion(*row) for row in connection.execute(query.order_by(rows.c.task))
    }


def add_scoring_version(
    connection: sa.Connection, task: Task, scorer_version: int, at: datetime
) -> ScoringVersion:
    """Make the task as it is now the current scoring version."""
    from challenge.scoring.solution import count_public

    n_public = count_public(task)
    key = connection.execute(
        schema.scoring_versions.insert().values(
            at=micros(at),
            task=task.id,
            data_digest=task.data_digest,
            solution_digest=task.solution_digest,
            scorer_version=scorer_version,
            n_public=n_public,
        )
    ).inserted_primary_key
    assert key is not None
    return ScoringVersion(
        int(key[0]),
        task.id,
        task.data_digest,
        task.solution_digest,
        scorer_version,
        n_public,
    )


def has_submissions(connection: sa.Connection, task_id: str) -> bool:
    """Whether the task has submissions."""
    rows = schema.submissions
    query = sa.select(rows.c.id).where(rows.c.task == task_id).limit(1)
    return connection.execute(query).first() is not None


def lacks_scores(connection: sa.Connection, scoring_version: ScoringVersion, subset: str) -> bool:
    """Whether submissions of the task have no score on the subset, but could have one."""
    scores = schema.scores

    def scored_on(*of: sa.ColumnElement[bool]) -> set[int]:
        query = sa.select(scores.c.submission).where(
            scores.c.scoring_version == scoring_version.id, *of
        )
        return set(connection.execute(query).scalars())

    wanted = scored_on(scores.c.subset == subset)
    if not wanted:
        return has_submissions(connection, scoring_version.task)
    # A submission without any score cannot be scored.
    return bool(scored_on() - wanted)


def lacks_right_rows(connection: sa.Connection, scoring_version: ScoringVersion) -> bool:
    """Whether scores that may show flips were stored without their right rows."""
    scores, right = schema.scores, schema.right_rows
    query = (
        sa.select(scores.c.id)
        .select_from(scores.outerjoin(right, right.c.score == scores.c.id))
        .where(
            scores.c.scoring_version == scoring_version.id,
            scores.c.subset != "public",
            right.c.score.is_(None),
        )
    )
    return connection.execute(query.limit(1)).first() is not None


def rescore_first(task_id: str, found: str) -> LedgerError:
    """Return the error for a submission that needs a new scoring version first."""
    return LedgerError(
        Fault(
            f"task {task_id}",
            found,
            "all submissions scored by the same solution and scorer",
            f"run `challenge rescore {task_id}`; nothing was stored",
            code="rescore-first",
        )
    )


def card_texts(task: Task) -> tuple[str, str]:
    """Return task.json and card.json of a built task as text."""
    task_json = (task.public / "task.json").read_text(encoding="utf-8")
    card = task.public / "card.json"
    return task_json, card.read_text(encoding="utf-8") if card.is_file() else "{}"


def record_card(connection: sa.Connection, task: Task, at: datetime) -> bool:
    """Store task.json and card.json when they changed; return whether they did."""
    rows = schema.cards
    texts = card_texts(task)
    newest = connection.execute(
        sa.select(rows.c.task_json, rows.c.card_json)
        .where(rows.c.task == task.id)
        .order_by(rows.c.id.desc())
        .limit(1)
    ).first()
    if newest is not None and tuple(newest) == texts:
        return False
    connection.execute(
        rows.insert().values(
            at=micros(at),
            task=task.id,
            data_digest=task.data_digest,
            solution_digest=task.solution_digest,
            card_digest=task.card_digest,
            task_json=texts[0],
            card_json=texts[1],
        )
    )
    return True


def read_cards(connection: sa.Connection, until: int | None = None) -> dict[str, Card]:
    """Return the newest card of each task, ascending by task id."""
    rows = schema.cards
    newest = sa.select(sa.func.max(rows.c.id)).group_by(rows.c.task)
    if until is not None:
        newest = newest.where(rows.c.at <= until)
    found = connection.execute(sa.select(rows).where(rows.c.id.in_(newest)).order_by(rows.c.task))
    return {
        row.task: Card(
            row.task,
            from_micros(row.at),
            row.data_digest,
            row.solution_digest,
            row.card_digest,
            json.loads(row.task_json),
            json.loads(row.card_json),
        )
        for row in found
    }


def read_metric(connection: sa.Connection, task_id: str) -> Metric:
    """Return the primary metric of a task by its newest card."""
    rows = schema.cards
    newest = sa.select(rows.c.task_json).where(rows.c.task == task_id).order_by(rows.c.id.desc())
    document = json.loads(connection.execute(newest.limit(1)).scalar_one())
    return kind_of(document["kind"]).metric(document["metric"])


def record_baseline_score(
    connection: sa.Connection,
    scoring_version: ScoringVersion,
    subset: Subset,
    value: float | None,
    at: datetime,
) -> None:
    """Store the score of the trivial method once per scoring version and subset."""
    if subset not in baseline_scores_of(connection, scoring_version):
        connection.execute(
            schema.baseline_scores.insert().values(
                at=micros(at), scoring_version=scoring_version.id, subset=subset, value=value
            )
        )


def baseline_scores_of(
    connection: sa.Connection, scoring_version: ScoringVersion, until: int | None = None
) -> Mapping[str, float | None]:
    """Return the baseline scores of a scoring version by subset."""
    rows = schema.baseline_scores
    query = sa.select(rows.c.subset, rows.c.value).where(
        rows.c.scoring_version == scoring_version.id
    )
    if until is not None:
        query = query.where(rows.c.at <= until)
    return {row.subset: row.value for row in connection.execute(query)}


def closed_at(connection: sa.Connection, until: int | None = None) -> datetime | None:
    """Return when the contest was closed, None while it is not."""
    query = sa.select(schema.closes.c.at)
    if until is not None:
        query = query.where(schema.closes.c.at <= until)
    found = connection.execute(query).scalar()
    return None if found is None else from_micros(found)


def newest_settings(connection: sa.Connection, until: int | None = None) -> Settings | None:
    """Return the settings in force, None before their first version."""
    rows = schema.settings
    query = sa.select(rows.c.document).order_by(rows.c.id.desc()).limit(1)
    if until is not None:
        query = query.where(rows.c.at <= until)
    document = connection.execute(query).scalar()
    return None if document is None else Settings.model_validate_json(document)


def record_settings(connection: sa.Connection, settings: Settings, at: datetime) -> None:
    """Store a version of challenge.toml."""
    document = settings.model_dump_json()
    connection.execute(schema.settings.insert().values(at=micros(at), document=document))
