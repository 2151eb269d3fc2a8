"""Rows of scores: the scorer's figures, what the Ladder released of them, and the vectors."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from challenge.ledger.store import schema
from challenge.ledger.store.clock import micros
from challenge.ledger.store.versions import ScoringVersion, read_metric
from challenge.ledger.submissions.ladder import Release, metric_step, steps_to_beat
from challenge.task import Subset, Task
from challenge.task.settings import Settings

if TYPE_CHECKING:
    from challenge.kinds.statistics.grouping import Grouping
    from challenge.scoring import Predictions
    from challenge.scoring.score import Score

__all__ = [
    "Scored",
    "confusion_matrix_of",
    "insert_score",
    "ladder_step",
    "ladder_steps",
    "public_reference",
    "score_file",
]


@dataclass(frozen=True)
class Scored:
    """The figures of a submission on one subset, which are stored together.

    `confusion_counts` (m, 3) counts rows by true and predicted class, `right_rows` are those that
    are right, packed, and `grouping` reads their clusters. All are None for a public subset, of
    which the ledger stores released figures only.
    """

    score: Score
    confusion_counts: NDArray[np.int32] | None
    right_rows: bytes | None = None
    grouping: Callable[[], Grouping] | None = None


def score_file(task: Task, predictions: Predictions, subset: Subset) -> Scored:
    """Score predictions of the test rows on a subset."""
    from challenge.scoring import confusion_counts, score_predictions
    from challenge.scoring.right_rows import grouping_of, right_rows

    score = score_predictions(task, predictions, subset)
    if subset == "public":
        return Scored(score, None)
    return Scored(
        score,
        confusion_counts(task, predictions, subset),
        right_rows(task, predictions, subset),
        partial(grouping_of, task, subset),
    )


def confusion_matrix_of(packed: bytes | None) -> NDArray[np.int32] | None:
    """Return the counts that `insert_score` packed."""
    if packed is None:
        return None
    return np.frombuffer(zlib.decompress(packed), "<i4").reshape(-1, 3)


def ladder_step(
    settings: Settings, task: Task, score: Score, baseline_score: float | None
) -> float:
    """Return the step of the Ladder for a public score."""
    if settings.ladder_step is not None:
        return settings.ladder_step
    metric = task.kind.metric(score.metric)
    return metric_step(metric, task.kind.ladder_units(score), baseline_score)


def ladder_steps(settings: Settings, task: Task, score: Score, n_before: int) -> int:
    """Return by how many steps a public score must be better after `n_before` of the team.

    A step that challenge.toml states holds for all.
    """
    if settings.ladder_step is not None:
        return 1
    return steps_to_beat(task.kind.ladder_units(score), n_before)


def public_reference(
    connection: sa.Connection, team: int, scoring_version: ScoringVersion
) -> tuple[float | None, int]:
    """Return the best public score released to the team, and how many of its were scored.

    Withdrawn submissions are included.
    """
    rows, scores = schema.submissions, schema.scores
    better = read_metric(connection, scoring_version.task).higher_is_better
    released = sa.case((scores.c.released, scores.c.public_value))
    value, n_before = connection.execute(
        sa.select((sa.func.max if better else sa.func.min)(released), sa.func.count())
        .select_from(scores.join(rows, rows.c.id == scores.c.submission))
        .where(
            rows.c.team == team,
            scores.c.scoring_version == scoring_version.id,
            scores.c.subset == "public",
        )
    ).one()
    return None if value is None else float(value), int(n_before)


def _score_values(score: Score) -> dict[str, Any]:
    """Return the columns of a score that do not depend on the Ladder."""
    primary = score.metrics[score.metric]
    return {
        "subset": score.subset,
        "metric": score.metric,
        "value": primary.value,
        "low": primary.low,
        "high": primary.high,
        "n": score.n,
        "n_clusters": score.n_clusters,
        "grouping_hash": score.grouping_hash,
        "resolution": None if math.isnan(score.resolution) else score.resolution,
        "metrics": json.dumps(
            {
                name: {
                    "value": metric.value,
                    "low": metric.low,
                    "high": metric.high,
                    "reason": metric.reason,
                }
                for name, metric in score.metrics.items()
            },
            allow_nan=False,
        ),
        "diagnostics": json.dumps(dict(score.diagnostics), sort_keys=True),
    }


def insert_score(
    connection: sa.Connection,
    submission: int,
    scoring_version: ScoringVersion,
    scored: Scored,
    at: datetime,
    *,
    step: float = 0.0,
    release: Release | None = None,
) -> None:
    """Insert a score with its vector, counts and right rows.

    A public one goes in with what the Ladder decided, and without counts and rows.
    """
    score = scored.score
    key = connection.execute(
        schema.scores.insert().values(
            at=micros(at),
            submission=submission,
            scoring_version=scoring_version.id,
            public_value=release.value if release and release.released else None,
            released=release is None or release.released,
            step=step,
            **_score_values(score),
        )
    ).inserted_primary_key
    assert key is not None
    if score.vector is not None:
        vector = score.vector.to_bytes()
        connection.execute(schema.vectors.insert().values(score=int(key[0]), vector=vector))
    if scored.confusion_counts is not None:
        packed = zlib.compress(scored.confusion_counts.astype("<i4").tobytes())
        connection.execute(
            schema.confusion_counts.insert().values(score=int(key[0]), counts=packed)
        )
    if scored.right_rows is not None and scored.grouping is not None:
        right = {"score": int(key[0]), "packed": scored.right_rows}
        connection.execute(schema.right_rows.insert().values(right))
        # The clusters are stored once, with the first score of the subset.
        rows = schema.groupings
        own = {"scoring_version": scoring_version.id, "subset": score.subset}
        known = sa.select(rows.c.id).filter_by(**own).limit(1)
        if connection.execute(known).first() is None:
            content = scored.grouping().to_bytes()
            connection.execute(rows.insert().values(**own, content=content))
