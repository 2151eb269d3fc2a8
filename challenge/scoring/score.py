"""What one submission scored: every metric with its interval, and the primary one's vector."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from challenge.errors import Fault, WrongUse, counted
from challenge.kinds import Kind
from challenge.kinds.estimates import (
    MetricEstimate,
    baseline_of,
    estimates,
    resolution_of,
)
from challenge.kinds.scored_rows import Gallery, ScoredRows
from challenge.kinds.statistics.grouping import Grouping, group_rows
from challenge.kinds.statistics.vector import Vector, spread
from challenge.scoring.figures import figure
from challenge.scoring.old_vectors import old_vectors
from challenge.scoring.predictions import Predictions, Rows
from challenge.scoring.reward_model import expected_rewards
from challenge.scoring.solution import Solution, read_solution, read_train_truth
from challenge.scoring.statistics.stored_grouping import grouping_hash, read_grouping
from challenge.task import Subset, Task
from challenge.task.splits import SPLIT_RULES

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "SCORER_VERSION",
    "MetricValue",
    "Score",
    "baseline_score",
    "require_train",
    "score_on_train",
    "score_part",
    "score_predictions",
    "train_part",
    "value_with_interval",
]

SCORER_VERSION = 4
"""Rises whenever the value of any score may change."""

DISTINGUISHABLE_WINS = 6
"""The fewest wins without a loss that an exact McNemar test finds significant: 2 / 2^6 < .05."""


@dataclass(frozen=True, repr=False)
class MetricValue:
    """A metric with its 95 % interval.

    `value` is None when undefined; `low` and `high` are None together when there is no interval.
    `reason` says why something is missing, `name` is that of the metric.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None
    name: str = field(default="", compare=False)

    def __repr__(self) -> str:
        shown = figure(self.value, self.low, self.high)
        return f"{self.name}: {shown} {self.reason or ''}".strip(": ")

    def as_json(self) -> dict[str, float | str | None]:
        """Return the metric as plain values."""
        return {"value": self.value, "low": self.low, "high": self.high, "reason": self.reason}


@dataclass(frozen=True, eq=False, repr=False)
class Score:
    """What a submission scored on one subset of a task (`train`: out-of-fold, on public data).

    `resolution` is what one row is worth. `vector` is what each cluster contributes to the primary
    metric, as secret as the labels; None: undefined, or no interval. Vectors of one
    `grouping_hash` may be compared. `notes` are sentences that belong beside the figures.
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
    grouping_hash: str
    metrics: Mapping[str, MetricValue]
    resolution: float
    diagnostics: Mapping[str, float | None]
    vector: Vector | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    @property
    def primary(self) -> MetricValue:
        """The primary metric."""
        return self.metrics[self.metric]

    def lines(self) -> list[str]:
        """Return the score as text: a line for each metric (`*`: the primary one), then notes."""
        worth = f"one row is worth {self.resolution:.2g}; "
        return [
            *(
                f"{name}{' *' if name == self.metric else ''}: "
                f"{figure(one.value, one.low, one.high)} {one.reason or ''}".rstrip()
                for name, one in self.metrics.items()
            ),
            f"{'' if math.isnan(self.resolution) else worth}{counted(self.n, 'row')}",
            *self.notes,
        ]

    def __repr__(self) -> str:
        return "\n".join([f"{self.task_id}, {self.subset}", *self.lines()])

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each metric: `value`, `low`, `high` (95 %) and `reason`."""
        import pandas as pd

        rows = {name: one.as_json() for name, one in self.metrics.items()}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("metric")

    def as_json(self) -> dict[str, Any]:
        """Return everything but the vector as plain values; an undefined figure is None."""
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
            "grouping_hash": self.grouping_hash,
            "metrics": {name: metric.as_json() for name, metric in self.metrics.items()},
            "resolution": None if math.isnan(self.resolution) else self.resolution,
            "diagnostics": dict(self.diagnostics),
            "notes": list(self.notes),
        }


def score_predictions(task: Task, predictions: Predictions, subset: Subset) -> Score:
    """Score predictions of the test rows against the solution; organisers only.

    Void rows count in no subset. Raises TaskError when the solution is missing or damaged,
    ValueError when the predictions are of another task or table.
    """
    refuse_strangers(task, predictions, "test")
    solution = read_solution(task)
    part = part_of(task, solution, subset, read_grouping(task, solution, subset))
    return score_part(task, predictions, subset, part)


def require_train(
    on: str, where: str = "--on", fix: str = "test rows are scored by `challenge submit`"
) -> None:
    """Raise WrongUse unless `on` is a name of the train rows, the only ones scored offline."""
    if on not in ("train", "folds"):
        raise WrongUse(Fault(where, repr(on), "train, or folds (the same)", fix, "score-on"))


def score_on_train(task: Task, path: Path) -> Score:
    """Score a file of out-of-fold predictions of the train rows, on public data alone.

    Intervals take rows as independent, in matching together by the entities that the matches of
    train join; a note says so where the task has groups, since the folds keep these together
    but do not name them. Raises SubmissionError with every fault of the file.
    """
    from challenge.scoring.reading.check import read_predictions

    predictions = read_predictions(task, path, rows="train")
    scored = score_part(task, predictions, "train", train_part(task))
    return replace(scored, notes=_of_train(task))


def train_part(task: Task) -> ScoredRows:
    """Return the train rows with their truth and the clusters that public data shows."""
    truth = read_train_truth(task)
    rows = truth.rows("all")
    key = task.data_digest.encode()
    grouping = group_rows(truth.cluster[rows], truth.other[rows], key)
    return part_of(task, truth, "all", grouping, "train")


def _of_train(task: Task) -> tuple[str, ...]:
    split = task.document.get("split", {})
    rule = SPLIT_RULES.get(split.get("by"))
    if not split.get("group") and (rule is None or not rule.paired or task.record_ids):
        return ()
    unknown = f"groups ({split['group']})" if split.get("group") else "entities"
    taken = "pairs as related by their records alone" if task.record_ids else "rows as independent"
    if task.kind.has_things:
        taken = "queries as related by their thing alone"
    return (
        f"The {unknown} of the train rows are not public: the intervals take {taken} and may be "
        "too narrow.",
    )


def baseline_score(task: Task, subset: Subset) -> MetricValue:
    """Return the primary metric of the trivial baseline, which a missing task counts as.

    Classification: every row gets the most frequent class of train (the first of equals); MCC: 0.
    Matching: 0 for F1, one score for all pairs for the ranked metrics. Regression: every row gets
    the mean of train. Bandit: what the log itself earned. Retrieval: the old model. No interval.
    """
    part = solution_part(task, subset)
    value = baseline_of(task.kind.metric(task.metric), task.kind.outcome, part)
    reason = "no row is scored here" if value is None else None
    return MetricValue(value, reason=reason, name=task.metric)


def refuse_strangers(task: Task, predictions: Predictions, rows: str) -> None:
    """Raise ValueError unless the predictions were checked against this very table."""
    if (predictions.task_id, predictions.data_digest) != (task.id, task.data_digest):
        raise ValueError(f"predictions of {predictions.task_id}, another table than {task.id}")
    if predictions.rows != rows or predictions.n != (
        task.n_test if rows == "test" else task.n_train
    ):
        raise ValueError(f"predictions of {predictions.n} {predictions.rows} rows")


def part_of(
    task: Task, solution: Solution, subset: Subset, grouping: Grouping, table: Rows = "test"
) -> ScoredRows:
    """Return the rows of a table that count in a subset, with their truth."""
    rows = solution.rows(subset)
    n_table = len(solution.labels)

    def counting(column: NDArray[Any]) -> NDArray[Any]:
        return column if len(rows) == n_table else column[rows]

    records = (solution.left, solution.right, solution.seen)
    left, right, seen = (counting(column) if len(column) else None for column in records)
    return ScoredRows(
        rows,
        n_table,
        counting(solution.labels),
        task.classes,
        grouping,
        left,
        right,
        seen,
        _trivial_answer(task),
        counting(solution.log) if len(solution.log) else None,
        partial(expected_rewards, task, table),
        _gallery(task, solution, table) if task.kind.has_things else None,
    )


def _gallery(task: Task, solution: Solution, table: Rows) -> Gallery:
    rows = np.flatnonzero(solution.gallery)
    return Gallery(rows, solution.labels[rows], partial(old_vectors, task, table))


def solution_part(task: Task, subset: Subset) -> ScoredRows:
    """Return the part of the hidden truth that counts in a subset; organisers only."""
    solution = read_solution(task)
    return part_of(task, solution, subset, read_grouping(task, solution, subset))


def score_part(
    task: Task,
    predictions: Predictions,
    subset: Subset | Literal["train"],
    part: ScoredRows,
) -> Score:
    """Score predictions against the truth of a part."""
    metrics = task.kind.metrics
    metric = metrics[task.metric]
    outcome = task.kind.outcome(part, predictions.answers)
    found = estimates(metrics.values(), outcome)
    values = {name: replace(value_with_interval(one), name=name) for name, one in found.items()}
    primary = found[task.metric]
    vector = None if primary.value is None else primary.compared
    resolution = resolution_of(metric, part)
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
        grouping_hash=grouping_hash(part.grouping),
        metrics=values,
        resolution=resolution,
        diagnostics={
            "smallest_gap": None if math.isnan(resolution) else DISTINGUISHABLE_WINS * resolution,
            "clear_gap": _clear_gap(values[task.metric], vector),
            **outcome.diagnostics(),
        },
        vector=vector,
    )


def _clear_gap(value: MetricValue, vector: Vector | None) -> float | None:
    """Return a difference that is clear between two scores like this one; None without interval."""
    if value.low is None or vector is None:
        return None
    return 1.96 * math.sqrt(2.0) * spread(vector).error


def value_with_interval(found: MetricEstimate) -> MetricValue:
    """Return a metric with its interval, or the reason why there is none."""
    if found.value is None:
        return MetricValue(None, reason=found.reason)
    if isinstance(found.interval, str):
        return MetricValue(found.value, reason=found.interval)
    return MetricValue(found.value, *found.interval)


def _trivial_answer(task: Task) -> Callable[[], float]:
    """Return a function that learns the answer of the trivial method from train when called."""

    @cache
    def answer() -> float:
        learned: float = task.kind.outcome.learn(read_train_truth(task).labels, len(task.classes))
        return learned

    return answer
