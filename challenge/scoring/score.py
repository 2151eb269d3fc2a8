"""What one submission scored: every metric with its interval, and the primary one's replicates."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from challenge.kinds import Kind
from challenge.kinds.estimates import (
    MetricEstimate,
    baseline_of,
    estimates,
    replicates,
    resolution_of,
)
from challenge.kinds.scored_rows import ScoredRows
from challenge.kinds.statistics.grouping import Grouping, group_rows
from challenge.scoring.predictions import Predictions
from challenge.scoring.solution import Solution, read_solution, read_train_truth
from challenge.scoring.statistics.block_weights import Weights, read_weights
from challenge.scoring.statistics.intervals import interval, spread, too_few_clusters
from challenge.task import Subset, Task
from challenge.task.splits import SPLIT_RULES

__all__ = [
    "SCORER_VERSION",
    "MetricValue",
    "Score",
    "baseline_score",
    "score_on_train",
    "score_part",
    "score_predictions",
    "value_with_interval",
]

SCORER_VERSION = 3
"""Rises whenever the value of any score may change."""

WINS_TO_TELL = 6
"""The fewest wins without a loss that an exact McNemar test tells from chance: 2 / 2^6 < .05."""


@dataclass(frozen=True)
class MetricValue:
    """A metric with its 95 % interval.

    `value` is None when undefined; `low` and `high` are None together when there is no interval.
    `reason` says why something is missing.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None

    def as_json(self) -> dict[str, float | str | None]:
        """Return the metric as plain values."""
        return {"value": self.value, "low": self.low, "high": self.high, "reason": self.reason}


@dataclass(frozen=True, eq=False)
class Score:
    """What a submission scored on one half of a task (`train`: out-of-fold, on public data).

    `resolution` is what one row is worth, NaN for a metric that has none. `replicates` (1000,)
    belong to the primary metric and are the task's secret: enough of them tell the labels. None:
    undefined, or no interval.
    `notes` are sentences that belong beside the figures.
    """

    task_id: str
    kind: Kind
    metric: str
    subset: Subset | Literal["train"]
    n: int
    n_clusters: int
    data_digest: str
    solution_digest: str
    predictions_sha256: str
    scorer_version: int
    weights_hash: str
    metrics: Mapping[str, MetricValue]
    resolution: float
    diagnostics: Mapping[str, float | None]
    replicates: NDArray[np.float32] | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    @property
    def primary(self) -> MetricValue:
        """The primary metric."""
        return self.metrics[self.metric]

    def as_json(self) -> dict[str, Any]:
        """Return everything but the replicates as plain values; an undefined figure is None."""
        return {
            "task": self.task_id,
            "kind": self.kind.name,
            "metric": self.metric,
            "subset": self.subset,
            "n": self.n,
            "n_clusters": self.n_clusters,
            "data_digest": self.data_digest,
            "solution_digest": self.solution_digest,
            "predictions_sha256": self.predictions_sha256,
            "scorer_version": self.scorer_version,
            "weights_hash": self.weights_hash,
            "metrics": {name: metric.as_json() for name, metric in self.metrics.items()},
            "resolution": None if math.isnan(self.resolution) else self.resolution,
            "diagnostics": dict(self.diagnostics),
            "notes": list(self.notes),
        }


def score_predictions(task: Task, predictions: Predictions, subset: Subset) -> Score:
    """Score predictions of the test rows against the solution; organisers only.

    Void rows count in no half. Raises TaskError when the solution is missing or damaged, ValueError
    when the predictions are of another task or table.
    """
    refuse_strangers(task, predictions, "test")
    solution = read_solution(task)
    weights = read_weights(task, solution, subset)
    part = part_of(task, solution, subset, weights.grouping)
    return score_part(task, predictions, subset, part, weights)


def score_on_train(task: Task, path: Path) -> Score:
    """Score a file of out-of-fold predictions of the train rows, on public data alone.

    Intervals take rows as independent, in matching together by the entities that the matches of
    train join; a note says so where the task has groups, since the folds keep these together
    but do not name them. Raises SubmissionError with every fault of the file.
    """
    from challenge.scoring.reading.check import read_predictions

    predictions = read_predictions(task, path, rows="train")
    truth = read_train_truth(task)
    grouping = group_rows(truth.cluster, truth.other, task.data_digest.encode())
    part = part_of(task, truth, "all", grouping)
    return replace(score_part(task, predictions, "train", part, None), notes=_of_train(task))


def _of_train(task: Task) -> tuple[str, ...]:
    split = task.document.get("split", {})
    rule = SPLIT_RULES.get(split.get("by"))
    if not split.get("group") and (rule is None or not rule.paired or task.record_ids):
        return ()
    unknown = f"groups ({split['group']})" if split.get("group") else "entities"
    taken = "pairs as related by their records alone" if task.record_ids else "rows as independent"
    return (
        f"The {unknown} of the train rows are not public: the intervals take {taken} and may be "
        "too narrow.",
    )


def baseline_score(task: Task, subset: Subset) -> MetricValue:
    """Return the primary metric of the trivial baseline, which a missing task counts as.

    Classification: every row gets the most frequent class of train (the first of equals); MCC: 0.
    Matching: 0 for F1, one score for all pairs for the ranked metrics. Regression: every row gets
    the mean of train. No interval.
    """
    part = solution_part(task, subset)
    value = baseline_of(task.kind.metric(task.metric), task.kind.outcome, part)
    return MetricValue(value, reason="no row counts here" if value is None else None)


def refuse_strangers(task: Task, predictions: Predictions, rows: str) -> None:
    """Raise ValueError unless the predictions were checked against this very table."""
    if (predictions.task_id, predictions.data_digest) != (task.id, task.data_digest):
        raise ValueError(f"predictions of {predictions.task_id}, another table than {task.id}")
    if predictions.rows != rows or predictions.n != (
        task.n_test if rows == "test" else task.n_train
    ):
        raise ValueError(f"predictions of {predictions.n} {predictions.rows} rows")


def part_of(task: Task, solution: Solution, subset: Subset, grouping: Grouping) -> ScoredRows:
    """Return the rows that count in a half, with their truth."""
    rows = solution.rows(subset)
    n_table = len(solution.labels)

    def counting(column: NDArray[Any]) -> NDArray[Any]:
        return column if len(rows) == n_table else column[rows]

    records = (solution.left, solution.right, solution.seen)
    left, right, seen = (counting(column) if len(column) else None for column in records)
    labels = counting(solution.labels)
    return ScoredRows(
        rows, n_table, labels, task.classes, grouping, left, right, seen, _trivial_answer(task)
    )


def solution_part(task: Task, subset: Subset) -> ScoredRows:
    """Return the part of the hidden truth that counts in a half; organisers only."""
    solution = read_solution(task)
    return part_of(task, solution, subset, read_weights(task, solution, subset).grouping)


def score_part(
    task: Task,
    predictions: Predictions,
    subset: Subset | Literal["train"],
    part: ScoredRows,
    weights: Weights | None,
) -> Score:
    """Score predictions against the truth of a part; without weights there are no replicates."""
    metrics = task.kind.metrics
    metric = metrics[task.metric]
    outcome = task.kind.outcome(part, predictions.answers)
    found = estimates(metrics.values(), outcome)
    values = {name: value_with_interval(part.grouping, one) for name, one in found.items()}
    primary, error = values[task.metric]
    drawn = None
    if weights is not None and error is not None and primary.value is not None:
        drawn = _centred(replicates(metric, outcome, weights.draws), primary.value, error)
    return Score(
        task_id=task.id,
        kind=task.kind,
        metric=task.metric,
        subset=subset,
        n=part.n,
        n_clusters=part.grouping.n_clusters,
        data_digest=task.data_digest,
        solution_digest="" if subset == "train" else task.solution_digest,
        predictions_sha256=predictions.sha256,
        scorer_version=SCORER_VERSION,
        weights_hash=weights.sha256 if weights else "",
        metrics={name: value for name, (value, _) in values.items()},
        resolution=(resolution := resolution_of(metric, part)),
        diagnostics={
            "smallest_gap": None if math.isnan(resolution) else WINS_TO_TELL * resolution,
            "clear_gap": None if error is None else 1.96 * math.sqrt(2.0) * error,
            **outcome.diagnostics(),
        },
        replicates=drawn,
    )


def value_with_interval(
    grouping: Grouping, found: MetricEstimate
) -> tuple[MetricValue, float | None]:
    """Return a metric with its interval, and its standard error when the interval exists.

    The interval holds the value and stays within the bounds of the metric.
    """
    value, metric = found.value, found.metric
    if value is None or found.reason is not None:
        return MetricValue(value, reason=found.reason), None
    if reason := too_few_clusters(grouping):
        return MetricValue(value, reason=reason), None
    if (edge := found.edge()) is not None:
        return MetricValue(value, *edge), 0.0
    plain = spread(grouping, found.influence())
    if plain.error <= 1e-12 * abs(value):
        return MetricValue(value, reason="no interval: no row moves this figure"), 0.0
    whole = plain.raised(found.added_variance())
    low, high = interval(value, whole, metric.interval_scale)
    least, largest = metric.bounds
    return MetricValue(
        value, min(max(low, least), value), max(min(high, largest), value)
    ), whole.error


def _centred(drawn: NDArray[np.float64], value: float, error: float) -> NDArray[np.float32]:
    """Move the draws to mean `value` and standard deviation `error`.

    Reweighting rows that hang together in pairs overstates their variance, up to threefold for
    pairs that are independent; the standard error does not (Owen 2007, section 4).
    """
    spread = float(drawn.std())
    scale = error / spread if spread > 0.0 and error > 0.0 else 0.0
    moved: NDArray[np.float64] = value + (drawn - drawn.mean()) * scale
    return moved.astype(np.float32)


def _trivial_answer(task: Task) -> Callable[[], float]:
    """Return what returns the answer of the trivial method, learned from train when it is asked."""

    @cache
    def answer() -> float:
        learned: float = task.kind.outcome.learn(read_train_truth(task).labels, len(task.classes))
        return learned

    return answer
