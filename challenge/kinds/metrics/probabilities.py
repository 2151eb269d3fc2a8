"""Metrics of class probabilities: means of per-row losses, computed in blocks of 4,096 rows.

One block fits the processor's cache, so that a million rows of a hundred classes cost one pass
over the matrix and little memory. Rows are taken as normalised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenge.kinds.base import Metric, Undefined
from challenge.kinds.metrics.labels import LabelOutcome
from challenge.kinds.statistics.vector import Ratios, ratio_of_rows

__all__ = [
    "ECE_BINS",
    "LARGEST",
    "METRICS",
    "SMALLEST",
    "ClassOutcome",
    "RowLosses",
    "binary_log_losses",
    "expected_calibration_error",
    "log_loss",
    "mean_of_rows",
    "row_losses",
]

SMALLEST = float(np.finfo(np.float64).eps)
"""The smallest probability that `log_loss` knows: one impossible row costs 36.04, not infinity."""

LARGEST = -float(np.log(SMALLEST))
"""The largest log loss of a row, in nats."""

ECE_BINS = 15
TOP = 3

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RowLosses:
    """What each row adds to the means; all length n.

    `log_loss`: -ln of the true class's probability, `brier`: squared distance to the 0/1 vector of
    the truth (0 to 2), `in_top_3`: whether fewer than three classes rank before the true one,
    `confidence`: the largest probability.
    """

    log_loss: Floats
    brier: Floats
    in_top_3: NDArray[np.bool_]
    confidence: Floats


def row_losses(
    blocks: Iterable[tuple[slice, NDArray[Any]]],
    truth: NDArray[np.integer[Any]],
    codes: NDArray[np.integer[Any]],
) -> RowLosses:
    """Return the losses of each row; `blocks` are (rows, (b, k) probabilities), all rows once.

    `codes` are the classes of the largest probabilities. Ties in `in_top_3`: among equal
    probabilities the later class ranks first, which is scikit-learn's order in
    `top_k_accuracy_score`. Empty input: empty arrays.

    >>> p = np.array([[0.7, 0.2, 0.1, 0.0], [0.25, 0.25, 0.25, 0.25]])
    >>> losses = row_losses([(slice(0, 2), p)], np.array([0, 0]), np.array([0, 0]))
    >>> losses.log_loss.round(6).tolist(), losses.brier.round(6).tolist()
    ([0.356675, 1.386294], [0.14, 0.75])
    >>> losses.in_top_3.tolist(), losses.confidence.tolist()
    ([True, False], [0.7, 0.25])
    """
    n = len(truth)
    of_truth, squares, largest = np.empty(n), np.empty(n), np.empty(n)
    in_top = np.empty(n, np.bool_)
    for rows, block in blocks:
        mine, at = truth[rows], np.arange(len(block))
        p = block[at, mine]
        of_truth[rows], largest[rows] = p, block[at, codes[rows]]
        squares[rows] = np.einsum("ij,ij->i", block, block)
        in_top[rows] = _in_top(block, p, mine)
    brier = np.maximum(squares - 2.0 * of_truth + 1.0, 0.0)
    return RowLosses(log_loss(of_truth), brier, in_top, largest)


def _in_top(
    block: NDArray[Any], p: NDArray[Any], mine: NDArray[np.integer[Any]]
) -> NDArray[np.bool_]:
    """Return whether fewer than three classes rank before the true one, whose probability is p."""
    before = (block > p[:, None]).view(np.int8).sum(axis=1, dtype=np.int32)
    near = np.flatnonzero(before < TOP)
    equal = (block[near] == p[near, None]).view(np.int8).sum(axis=1, dtype=np.int32)
    for row in near[equal > 1]:
        before[row] += np.count_nonzero(block[row, mine[row] + 1 :] == p[row])
    inside: NDArray[np.bool_] = before < TOP
    return inside


def log_loss(p: NDArray[np.floating[Any]]) -> Floats:
    """Return -ln of each true class's probability, 0 to 36.04, in nats.

    A probability below 2.2e-16 counts as 2.2e-16, as in scikit-learn for float64, and for float32
    too, so that both formats of a file score alike. Certain and right: exactly 0. Empty: empty.

    >>> log_loss(np.array([1.0, 0.5, 0.0])).round(4).tolist()
    [0.0, 0.6931, 36.0437]
    """
    clipped = np.clip(p.astype(np.float64, copy=False), SMALLEST, 1.0)
    losses: Floats = np.abs(np.log(clipped))
    return losses


def binary_log_losses(scores: Floats, truth: NDArray[np.integer[Any]]) -> Floats:
    """Return each pair's log loss, the score read as the probability of a match; see `log_loss`.

    >>> binary_log_losses(np.array([0.75, 0.75]), np.array([1, 0])).round(4).tolist()
    [0.2877, 1.3863]
    """
    return log_loss(np.where(truth == 1, scores, 1.0 - scores))


def expected_calibration_error(confidence: Floats, right: NDArray[np.bool_]) -> float:
    """Return the mean gap between confidence and accuracy over 15 bins, 0 to 1.

    Definition (Guo et al. 2017): bins of equal width over the largest probability, open to the left
    (a confidence of exactly 0.2 is in the bin that ends there); the absolute difference of accuracy
    and mean confidence in each, weighted by its rows. Ties for the largest: the first class is the
    decision. One class: as usual. Empty input: NaN. The figure is too high on few rows.

    >>> right = np.array([True, False, True])
    >>> round(expected_calibration_error(np.array([0.9, 0.9, 0.6]), right), 6)
    0.4
    """
    n = len(confidence)
    if n == 0:
        return float("nan")
    bins = np.clip(np.ceil(confidence * ECE_BINS).astype(np.int64) - 1, 0, ECE_BINS - 1)
    gaps = np.bincount(bins, weights=confidence - right, minlength=ECE_BINS)
    return float(np.abs(gaps).sum() / n)


class ClassOutcome(LabelOutcome):
    """The classes of rows beside the predicted probabilities."""

    @cached_property
    def losses(self) -> RowLosses | None:
        """What each row that counts adds to the means; None without probabilities."""
        rows, answers = self.rows, self.answers
        if answers.probabilities is None or answers.codes is None:
            return None
        truth = np.zeros(rows.n_table, np.int32)
        truth[rows.rows] = rows.labels
        found = row_losses(answers.probabilities(), truth, answers.codes)
        return RowLosses(*(rows.of(column) for column in vars(found).values()))


def _of_losses(
    metric: Callable[[RowLosses], NDArray[Any]],
) -> Callable[[ClassOutcome], Floats]:
    def column(outcome: ClassOutcome) -> Floats:
        assert outcome.losses is not None
        return metric(outcome.losses).astype(np.float64, copy=False)

    return column


def _where_given(
    value: Callable[[ClassOutcome], float | Undefined],
) -> Callable[[ClassOutcome], float | Undefined]:
    """Return the metric of files with probabilities, undefined for others."""

    def checked(outcome: ClassOutcome) -> float | Undefined:
        if outcome.losses is None:
            return Undefined("the file has no probabilities")
        return value(outcome)

    return checked


def mean_of_rows(rows: Callable[[Any], Floats]) -> dict[str, Callable[[Any], Any]]:
    """Return value and ratios of a metric that is the mean of what each row adds."""

    def value(outcome: Any) -> float:
        return float(rows(outcome).mean())

    def ratios(outcome: Any) -> Ratios:
        added = rows(outcome)
        return ratio_of_rows(outcome.rows.grouping, added, np.ones(len(added)))

    return {"value": value, "ratios": ratios}


def _mean(metric: Callable[[RowLosses], NDArray[Any]]) -> dict[str, Any]:
    parts = mean_of_rows(_of_losses(metric))
    return parts | {"value": _where_given(parts["value"])}


def _top_3(outcome: ClassOutcome) -> float | Undefined:
    assert outcome.losses is not None
    if len(outcome.rows.classes) <= 3:
        return Undefined("the task has no more than three classes: always 1")
    return float(outcome.losses.in_top_3.mean())


def _calibration(outcome: ClassOutcome) -> float:
    assert outcome.losses is not None
    return expected_calibration_error(
        outcome.losses.confidence, outcome.codes == outcome.rows.labels
    )


METRICS = (
    Metric(
        "log_loss",
        "log loss",
        needs="probabilities",
        higher_is_better=False,
        bounds=(0.0, float("inf")),
        largest=LARGEST,
        **_mean(lambda losses: losses.log_loss),
        meaning=(
            "Mean of −log of the probability of the true class: 0 is perfect, and sure errors "
            "cost most."
        ),
    ),
    Metric(
        "top_3_accuracy",
        "top-3 accuracy",
        _where_given(_top_3),
        needs="probabilities",
        ratios=_mean(lambda losses: losses.in_top_3)["ratios"],
        meaning="The share of rows whose class is among the three most probable.",
    ),
    Metric(
        "brier",
        "Brier score",
        needs="probabilities",
        higher_is_better=False,
        bounds=(0.0, 2.0),
        **_mean(lambda losses: losses.brier),
        meaning=(
            "Squared errors of the probabilities, summed over the classes, averaged over the "
            "rows: 0 is perfect, 2 the worst."
        ),
    ),
    Metric(
        "ece",
        "calibration error",
        _where_given(_calibration),
        needs="probabilities",
        higher_is_better=False,
        no_interval=(
            "no interval: the calibration error of a sample is too high by an unknown amount"
        ),
        meaning="How far the stated probabilities are from the share that is right: 0 is perfect.",
    ),
)
"""Metrics of class probabilities, in the order in which they are shown."""
