"""Metrics of decided labels: all of them are functions of three counts per class.

A class counts its rows (`true`), the rows that were given it (`predicted`) and those in both
(`hits`). Counts of parts add up to the counts of the whole, and weighted counts (a bootstrap draw)
give the weighted metric, so every function here works along the last axis of stacked counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "GRADIENTS",
    "LABEL_METRICS",
    "Gradient",
    "Tallies",
    "accuracy",
    "balanced_accuracy",
    "f1",
    "macro_f1",
    "mcc",
    "precision",
    "recall",
    "tally",
    "weighted_f1",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Tallies:
    """Counts per class along the last axis; leading axes are groups or draws.

    `present` marks the classes of the solution part: it stays the same for all teams and draws.
    """

    hits: Floats
    predicted: Floats
    true: Floats
    present: NDArray[np.bool_]

    def __add__(self, other: Tallies) -> Tallies:
        """Return the tallies of both parts together."""
        return Tallies(
            self.hits + other.hits,
            self.predicted + other.predicted,
            self.true + other.true,
            self.present | other.present,
        )

    def total(self) -> Tallies:
        """Return the sum over the groups (the first axis)."""
        return Tallies(
            self.hits.sum(axis=0), self.predicted.sum(axis=0), self.true.sum(axis=0), self.present
        )

    def weighted(self, weights: NDArray[np.floating[Any]]) -> Tallies:
        """Return the tallies of each draw: `weights` is (draws, groups), self is (groups, k)."""
        counts = np.concatenate((self.hits, self.predicted, self.true), axis=1)
        drawn = (weights @ counts.astype(weights.dtype)).astype(np.float64)
        hits, predicted, true = np.split(drawn, 3, axis=1)
        return Tallies(hits, predicted, true, self.present)


def tally(
    truth: NDArray[np.integer[Any]],
    codes: NDArray[np.integer[Any]],
    n_classes: int,
    groups: NDArray[np.integer[Any]] | None = None,
    n_groups: int = 1,
) -> Tallies:
    """Return the counts of label codes, per group when `groups` is given (then (n_groups, k)).

    Codes are 0 to n_classes - 1; no row gives zeros.

    >>> counts = tally(np.array([0, 0, 1]), np.array([0, 1, 1]), 2)
    >>> counts.hits.tolist(), counts.predicted.tolist(), counts.true.tolist()
    ([1.0, 1.0], [1.0, 2.0], [2.0, 1.0])
    """
    if groups is None and n_classes <= 256:
        pairs = truth * np.int32(n_classes) + codes
        table = np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)
        hits, predicted, true = table.diagonal(), table.sum(axis=0), table.sum(axis=1)
    else:
        # Rows of class c in group g are counted in cell g · k + c.
        shape = (n_classes,) if groups is None else (n_groups, n_classes)
        size = n_groups * n_classes
        whole: Any = np.int32 if size < 2**31 else np.int64
        start: Any = 0 if groups is None else groups.astype(whole, copy=False) * whole(n_classes)
        of_truth = start + truth
        true = np.bincount(of_truth, minlength=size).reshape(shape)
        predicted = np.bincount(start + codes, minlength=size).reshape(shape)
        hits = np.bincount(of_truth[truth == codes], minlength=size).reshape(shape)
    present: NDArray[np.bool_] = true.reshape(-1, n_classes).any(axis=0)
    kind = np.float64
    return Tallies(hits.astype(kind), predicted.astype(kind), true.astype(kind), present)


def _ratio(above: Floats, below: Floats) -> Floats:
    """Divide; 0/0 is NaN, which the scorer turns into a reason."""
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Floats = np.divide(above, below)
    return result


def accuracy(t: Tallies) -> Floats:
    """Return the share of rows that got their label, 0 to 1.

    Definition: hits over rows. Ties: none. One class: as usual. Empty input: NaN (undefined).

    >>> float(accuracy(tally(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 2)))
    0.75
    """
    return _ratio(t.hits.sum(axis=-1), t.true.sum(axis=-1))


def balanced_accuracy(t: Tallies) -> Floats:
    """Return the mean recall of the classes in the solution part, 0 to 1.

    Definition: mean over present classes of hits over rows of the class. A class that no row of the
    solution has adds no term; predicting it costs the recall of the true class. Ties: none.
    One class: its recall. Empty input: NaN.

    >>> truth, predicted = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])
    >>> round(float(balanced_accuracy(tally(truth, predicted, 2))), 6)
    0.833333
    """
    recalls = _ratio(t.hits[..., t.present], t.true[..., t.present])
    return _mean(recalls)


def macro_f1(t: Tallies) -> Floats:
    """Return the mean F1 of the classes in the solution part, 0 to 1.

    Definition: mean over present classes of 2·hits / (true + predicted). A class that no row of the
    solution has adds no term; its predictions are misses of the true classes. scikit-learn calls
    this `f1_score(average="macro", labels=<present classes>)`. Ties: none. One class: its F1.
    Empty input: NaN.

    Class 0: 2·2/(3+2) = .8; class 1: 2·1/(1+2) = .667:

    >>> round(float(macro_f1(tally(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]), 3))), 6)
    0.733333
    """
    return _mean(_class_f1(t))


def weighted_f1(t: Tallies) -> Floats:
    """Return the F1 of the classes, each weighted by its rows in the solution part, 0 to 1.

    Definition: sum of true · F1 over the rows. Absent classes as in `macro_f1`. Ties: none.
    One class: its F1. Empty input: NaN.

    >>> round(float(weighted_f1(tally(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]), 2))), 6)
    0.766667
    """
    true = t.true[..., t.present]
    return _ratio((true * _class_f1(t)).sum(axis=-1), true.sum(axis=-1))


def mcc(t: Tallies) -> Floats:
    """Return Matthews' correlation of labels and predictions, -1 to 1 (Gorodkin 2004, R_K).

    Definition: covariance over the root of both variances, from the counts. Ties: none. One class
    in the solution or in the predictions: 0/0, NaN (undefined; scikit-learn says 0). Empty: NaN.

    >>> round(float(mcc(tally(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 2))), 6)
    0.57735
    """
    rows = t.true.sum(axis=-1)
    both = t.hits.sum(axis=-1) * rows - (t.true * t.predicted).sum(axis=-1)
    of_true = rows**2 - (t.true**2).sum(axis=-1)
    of_predicted = rows**2 - (t.predicted**2).sum(axis=-1)
    # Rounding may leave a tiny remainder where all weight is in one class.
    # One root of the product: a perfect file then has exactly 1.
    product = np.maximum(of_true, 0.0) * np.maximum(of_predicted, 0.0)
    return _ratio(both, np.sqrt(product))


def precision(t: Tallies) -> Floats:
    """Return the share of predicted matches that are matches, 0 to 1; class 1 is the match.

    Ties: none. Nothing predicted as a match: 0/0, NaN. Empty input: NaN.

    >>> float(precision(tally(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 0]), 2)))
    0.5
    """
    return _ratio(t.hits[..., 1], t.predicted[..., 1])


def recall(t: Tallies) -> Floats:
    """Return the share of matches that were predicted, 0 to 1; class 1 is the match.

    Ties: none. No match in the solution part: 0/0, NaN. Empty input: NaN.

    >>> float(recall(tally(np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 0, 1]), 2)))
    0.6666666666666666
    """
    return _ratio(t.hits[..., 1], t.true[..., 1])


def f1(t: Tallies) -> Floats:
    """Return 2·hits / (matches + predicted matches), 0 to 1; class 1 is the match.

    Ties: none. No predicted match: 0. No match in the solution part: NaN, whatever is predicted,
    since the class is absent (scikit-learn says 0). Empty input: NaN.

    >>> float(f1(tally(np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 0, 1]), 2)))
    0.6666666666666666
    """
    below = t.true[..., 1] + t.predicted[..., 1]
    return _ratio(2.0 * t.hits[..., 1], np.where(t.present[1], below, 0.0))


def _class_f1(t: Tallies) -> Floats:
    true = t.true[..., t.present]
    return _ratio(2.0 * t.hits[..., t.present], true + t.predicted[..., t.present])


def _mean(values: Floats) -> Floats:
    return _ratio(values.sum(axis=-1), np.asarray(float(values.shape[-1])))


@dataclass(frozen=True, eq=False)
class Gradient:
    """How much a metric moves for one more hit, prediction and row of each class, length k each.

    The sum over a row's counts is the row's influence on the metric (its empirical influence
    function); all influences together sum to zero.
    """

    hits: Floats
    predicted: Floats
    true: Floats

    def of_groups(self, groups: Tallies) -> Floats:
        """Return the summed influence of each group; `groups` is (n_groups, k)."""
        return groups.hits @ self.hits + groups.predicted @ self.predicted + groups.true @ self.true

    def of_rows(self, truth: NDArray[np.integer[Any]], codes: NDArray[np.integer[Any]]) -> Floats:
        """Return the influence of each row."""
        influence: Floats = self.true[truth] + self.predicted[codes]
        influence += self.hits[truth] * (truth == codes)
        return influence


def _accuracy_gradient(t: Tallies) -> Gradient:
    rows = t.true.sum()
    zero = np.zeros_like(t.true)
    return Gradient(zero + 1.0 / rows, zero, zero - t.hits.sum() / rows**2)


def _balanced_gradient(t: Tallies) -> Gradient:
    k = t.present.sum()
    true = np.where(t.present, t.true, 1.0)
    on = t.present.astype(np.float64)
    return Gradient(on / (k * true), np.zeros_like(true), -on * t.hits / (k * true**2))


def _macro_gradient(t: Tallies) -> Gradient:
    k = t.present.sum()
    below = np.where(t.present, t.true + t.predicted, 1.0)
    on = t.present.astype(np.float64)
    slope = -on * 2.0 * t.hits / (k * below**2)
    return Gradient(on * 2.0 / (k * below), slope, slope)


def _weighted_gradient(t: Tallies) -> Gradient:
    rows = t.true.sum()
    below = np.where(t.present, t.true + t.predicted, 1.0)
    scores = np.where(t.present, 2.0 * t.hits / below, 0.0)
    slope = -t.true * scores / below / rows
    value = (t.true * scores).sum() / rows
    return Gradient(2.0 * t.true / below / rows, slope, slope + (scores - value) / rows)


def _mcc_gradient(t: Tallies) -> Gradient:
    rows, hits = t.true.sum(), t.hits.sum()
    both = hits * rows - (t.true * t.predicted).sum()
    of_true = rows**2 - (t.true**2).sum()
    of_predicted = rows**2 - (t.predicted**2).sum()
    root = np.sqrt(of_true) * np.sqrt(of_predicted)
    subset = 0.5 * both / root
    return Gradient(
        np.full_like(t.true, rows / root),
        -t.true / root + subset * 2.0 * t.predicted / of_predicted,
        (hits - t.predicted) / root
        - subset * (2.0 * rows / of_predicted + (2.0 * rows - 2.0 * t.true) / of_true),
    )


def _on_match(hits: float, predicted: float, true: float) -> Gradient:
    return Gradient(
        np.array([0.0, float(hits)]),
        np.array([0.0, float(predicted)]),
        np.array([0.0, float(true)]),
    )


def _f1_gradient(t: Tallies) -> Gradient:
    below = t.true[1] + t.predicted[1]
    slope = -2.0 * t.hits[1] / below**2
    return _on_match(2.0 / below, slope, slope)


def _precision_gradient(t: Tallies) -> Gradient:
    return _on_match(1.0 / t.predicted[1], -t.hits[1] / t.predicted[1] ** 2, 0.0)


def _recall_gradient(t: Tallies) -> Gradient:
    return _on_match(1.0 / t.true[1], 0.0, -t.hits[1] / t.true[1] ** 2)


LABEL_METRICS: Mapping[str, Callable[[Tallies], Floats]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "macro_f1": macro_f1,
    "weighted_f1": weighted_f1,
    "mcc": mcc,
    "f1": f1,
    "precision": precision,
    "recall": recall,
}

GRADIENTS: Mapping[str, Callable[[Tallies], Gradient]] = {
    "accuracy": _accuracy_gradient,
    "balanced_accuracy": _balanced_gradient,
    "macro_f1": _macro_gradient,
    "weighted_f1": _weighted_gradient,
    "mcc": _mcc_gradient,
    "f1": _f1_gradient,
    "precision": _precision_gradient,
    "recall": _recall_gradient,
}
