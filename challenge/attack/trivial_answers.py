"""Answers that need no look at the rows, scored by the real scorer with the real solution.

Constant, drawn and inverted answers may not score clearly above what such answers score on train.
Answers that follow ids or positions may not score significantly above answers in random order.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenge.errors import ChallengeError
from challenge.kinds.estimates import baseline_of, estimate
from challenge.kinds.scored_rows import ScoredRows
from challenge.kinds.statistics.grouping import group_rows
from challenge.methods import Caps, run_method
from challenge.scoring import Predictions, Probabilities, read_predictions
from challenge.scoring.attacks import MOST_GAIN, SURE, Attack
from challenge.scoring.score import part_of, score_part
from challenge.scoring.solution import Solution, read_solution, read_train_truth
from challenge.task import Subset, Task

__all__ = ["answers_of", "rows_of", "trivial_attacks"]

_DRAWS = 5
_NULL_DRAWS = 40
_BASELINE = "linear"
_HALF_WIDTH_SE = 1.96

Labels = NDArray[Any]


@dataclass(frozen=True)
class _Ground:
    """Both tables of a task: the rows that count, and the labels of train."""

    task: Task
    test: ScoredRows
    train: ScoredRows

    def value(self, part: ScoredRows, labels: Labels) -> float | None:
        """Return the primary metric of labels of all rows of a table."""
        task = self.task
        outcome = task.kind.outcome(part, answers_of(task, labels).answers)
        return estimate(task.kind.metric(task.metric), outcome).value

    def merit(self, part: ScoredRows, labels: Labels) -> float:
        """Return how good the labels are; minus infinity where the metric is undefined."""
        return self._merit(self.value(part, labels))

    def error(self, part: ScoredRows, labels: Labels) -> float:
        """Return the standard error of the score, 0 where it has no interval."""
        score = score_part(self.task, answers_of(self.task, labels), "all", part)
        low, high = score.primary.low, score.primary.high
        return 0.0 if low is None or high is None else (high - low) / 2 / _HALF_WIDTH_SE

    def chance(self) -> tuple[float, Labels]:
        """Return the merit of the best answer without a look on train, and that answer."""
        train = self.train
        answers = [np.full(train.n, one) for one in self.constants()]
        answers += list(self.drawn(train.n, _DRAWS))
        merits = [self.merit(train, answer) for answer in answers]
        best = int(np.argmax(merits))
        metric, outcome = self.task.kind.metric(self.task.metric), self.task.kind.outcome
        baseline = self._merit(baseline_of(metric, outcome, self.test))
        return max(merits[best], baseline), answers[best]

    def unrelated(self) -> tuple[float, float]:
        """Return the mean merit on test of labels in random order, and the error of a difference.

        That is the standard deviation of the merit of one more such answer less this mean.
        """
        test = self.test
        merits = [self.merit(test, one) for one in self.drawn(test.n_table, _NULL_DRAWS)]
        if not all(map(math.isfinite, merits)):
            return -math.inf, 0.0
        spread = float(np.std(merits, ddof=1)) * math.sqrt(1 + 1 / _NULL_DRAWS)
        return float(np.mean(merits)), spread

    def constants(self) -> NDArray[Any]:
        """Return every class, or the mean and the quartiles of numbers."""
        labels = self.train.labels
        if self.task.classes:
            return np.arange(len(self.task.classes), dtype=labels.dtype)
        return np.array([labels.mean(), *np.quantile(labels, (0.25, 0.5, 0.75))])

    def drawn(self, n: int, draws: int) -> Iterator[Labels]:
        """Yield labels drawn from those of train."""
        generator = np.random.default_rng(0)
        for _ in range(draws):
            yield generator.choice(self.train.labels, n)

    def _merit(self, value: float | None) -> float:
        return -math.inf if value is None else self.task.kind.metric(self.task.metric).merit(value)


@dataclass(frozen=True)
class _Reference:
    """What an answer is compared with: a merit and its standard error.

    `least` is the gain that is allowed in any case, `text` says both for the report.
    """

    merit: float
    error: float
    least: float
    text: str


_ABOVE_BEST = (
    f"above the best answer without a look at the rows; allowed are {MOST_GAIN:g}, or "
    f"{SURE:g} standard errors where that is more"
)
_ABOVE_UNRELATED = (
    f"above the mean of {_NULL_DRAWS} answers in random order; allowed are {SURE:g} standard errors"
)


def answers_of(task: Task, labels: Labels) -> Predictions:
    """Return labels of all rows as predictions in every form that a metric may need.

    Labels are positions in the task's classes, or numbers.
    """
    codes = np.zeros(0, np.int32)
    probabilities = scores = numbers = None
    if task.kind.label == "number":
        numbers = labels.astype(np.float64)
    else:
        codes = labels.astype(np.int32)
        if task.kind.label == "match":
            scores = codes.astype(np.float64)
        elif task.kind.metric(task.metric).needs == "probabilities":
            probabilities = Probabilities.of(np.eye(len(task.classes), dtype=np.float32)[codes])
    return Predictions(
        task_id=task.id,
        kind=task.kind,
        data_digest=task.data_digest,
        codes=codes,
        probabilities=probabilities,
        scores=scores,
        sha256="",
        form="labels",
        numbers=numbers,
    )


def rows_of(task: Task, truth: Solution, subset: Subset) -> ScoredRows:
    """Return the rows that count, with their clusters; no weights are drawn or stored."""
    rows = truth.rows(subset)
    key = task.data_digest.encode()
    grouping = group_rows(truth.cluster[rows], truth.other[rows], key)
    return part_of(task, truth, subset, grouping)


def trivial_attacks(task: Task, seconds: float) -> list[Attack]:
    """Score constant, drawn, neighbouring and inverted answers.

    `seconds` limits the run of the method whose answers are inverted.

    The gain is in units of the metric, or a share of the reference where the metric has no bounds.
    The reference of answers that follow ids or positions is the mean of labels in random order;
    any gain beyond chance is a leak. That of the others is the best constant or drawn answer on
    train, or the baseline score; up to .05 they may gain by different shares of classes.
    No answer of this sort names a thing: equal vectors find nothing.
    """
    if task.kind.has_things:
        return []
    truth = read_train_truth(task)
    test, train = (rows_of(task, one, "all") for one in (read_solution(task), truth))
    ground = _Ground(task, test, train)
    n_test = ground.test.n_table
    merit, answer = ground.chance()
    best = _Reference(merit, ground.error(ground.train, answer), MOST_GAIN, _ABOVE_BEST)
    unrelated = _Reference(*ground.unrelated(), 0.0, _ABOVE_UNRELATED)
    balance = "make train and test alike in their labels: check the split, and the share of classes"
    by_id = "build the task again with a secret of its own: delete private/secret first"
    attacks = []
    for name, answers, reference, how, fix in (
        (
            "constant answer",
            [np.full(n_test, one) for one in ground.constants()],
            best,
            "the best of every class, or of mean and quartiles, for all rows",
            balance,
        ),
        (
            "answers drawn from train",
            list(ground.drawn(n_test, _DRAWS)),
            best,
            f"the best of {_DRAWS} draws from the labels of train",
            balance,
        ),
        (
            "label of the nearest id",
            [_nearest(task, truth.labels)],
            unrelated,
            "each test row gets the label of the train row whose id precedes its own",
            by_id,
        ),
        (
            "label of the same position",
            [truth.labels[np.arange(n_test) * task.n_train // n_test]],
            unrelated,
            "each test row gets the label of the train row at the same relative position",
            by_id,
        ),
    ):
        attacks.append(_attack(ground, name, answers, reference, how, fix))
    attacks.append(_inverted(ground, best, seconds))
    return attacks


def _attack(
    ground: _Ground, name: str, answers: list[Labels], reference: _Reference, how: str, fix: str
) -> Attack:
    merits = [ground.merit(ground.test, answer) for answer in answers]
    best = int(np.argmax(merits))
    if not (math.isfinite(merits[best]) and math.isfinite(reference.merit)):
        reason = "the metric is undefined for these answers"
        return Attack(ground.task.id, name, 0.0, 0.0, reason, fix, tried=0)
    bounds = ground.task.kind.metric(ground.task.metric).bounds
    unit = 1.0 if math.isfinite(bounds[1] - bounds[0]) else abs(reference.merit) or 1.0
    own = ground.error(ground.test, answers[best])
    error = math.hypot(own, reference.error) if reference.least else max(own, reference.error)
    allowed = max(reference.least, SURE * error / unit)
    return Attack(
        ground.task.id,
        name,
        (merits[best] - reference.merit) / unit,
        allowed,
        f"{how}; {reference.text}",
        fix,
    )


def _nearest(task: Task, labels: Labels) -> Labels:
    """Return for each test row the label of the train row with the next smaller id."""
    import pyarrow.parquet as pq

    ids = {
        side: np.array(
            pq.read_table(task.public / f"{side}.parquet", columns=["id"])["id"].to_pylist()
        )
        for side in ("train", "test")
    }
    order = np.argsort(ids["train"], kind="stable")
    before = np.searchsorted(ids["train"][order], ids["test"]) - 1
    # Ids of both tables may have different first characters: then the digits alone are compared.
    if before.min() == before.max():
        digits = {side: np.array([one[1:] for one in values]) for side, values in ids.items()}
        order = np.argsort(digits["train"], kind="stable")
        before = np.searchsorted(digits["train"][order], digits["test"]) - 1
    found: Labels = labels[order[np.maximum(before, 0)]]
    return found


def _inverted(ground: _Ground, reference: _Reference, seconds: float) -> Attack:
    """Invert the answers of a built-in method; it is run first, or taken from its last run."""
    task = ground.task
    name, fix = "inverted answers", "check the labels, and the direction of the metric"
    try:
        with tempfile.TemporaryDirectory(prefix="challenge-attack-") as folder:
            run = run_method(_BASELINE, task, Path(folder), caps=Caps(seconds=seconds))
            predictions = read_predictions(task, run.predictions)
    except ChallengeError as error:
        found = f"no answers of {_BASELINE}: {error.faults[0].found}"
        return Attack(task.id, name, 0.0, 0.0, found, fix, tried=0)
    how = f"the answers of {_BASELINE}: the least likely class, or numbers mirrored at the mean"
    answers = [_invert(task, predictions, ground.train.labels)]
    return _attack(ground, name, answers, reference, how, fix)


def _invert(task: Task, predictions: Predictions, train: Labels) -> Labels:
    if predictions.numbers is not None:
        mirrored: Labels = 2 * train.mean() - predictions.numbers
        return mirrored
    if predictions.probabilities is not None:
        least: Labels = predictions.probabilities.as_array().argmin(axis=1)
        return least
    turned: Labels = (predictions.codes + 1) % len(task.classes)
    return turned
