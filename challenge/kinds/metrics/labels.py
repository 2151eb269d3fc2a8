"""Metrics of decided labels: all of them are functions of three counts per class.

A class counts its rows (`true`), the rows that were given it (`predicted`) and those in both
(`hits`). Counts of parts add up to the counts of the whole; every function here works along the
last axis of stacked counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenge.kinds.base import Metric, Undefined
from challenge.kinds.scored_rows import Answers, Outcome, ScoredRows
from challenge.kinds.statistics.jackknife import vector_of_sums
from challenge.kinds.statistics.vector import Ratios, Vector

__all__ = [
    "METRICS",
    "LabelOutcome",
    "Tallies",
    "accuracy",
    "balanced_accuracy",
    "kappa",
    "macro_f1",
    "mcc",
    "ratio",
    "tally",
    "weighted_f1",
]

Floats = NDArray[np.float64]
_BLOCK = 1 << 20
"""Rows that are multiplied at once, so that no copy of all rows is needed."""


@dataclass(frozen=True, eq=False)
class Tallies:
    """Counts per class along the last axis; leading axes are clusters.

    `present` marks the classes of the solution part: it stays the same for all teams.
    """

    hits: Floats
    predicted: Floats
    true: Floats
    present: NDArray[np.bool_]


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


def ratio(above: Floats, below: Floats) -> Floats:
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
    return ratio(t.hits.sum(axis=-1), t.true.sum(axis=-1))


def balanced_accuracy(t: Tallies) -> Floats:
    """Return the mean recall of the classes in the solution part, 0 to 1.

    Definition: mean over present classes of hits over rows of the class. A class that no row of the
    solution has adds no term; predicting it costs the recall of the true class. Ties: none.
    One class: its recall. Empty input: NaN.

    >>> truth, predicted = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])
    >>> round(float(balanced_accuracy(tally(truth, predicted, 2))), 6)
    0.833333
    """
    recalls = ratio(t.hits[..., t.present], t.true[..., t.present])
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
    return ratio((true * _class_f1(t)).sum(axis=-1), true.sum(axis=-1))


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
    return ratio(both, np.sqrt(product))


def kappa(t: Tallies) -> Floats:
    """Return Cohen's kappa: the agreement beyond chance, -1 to 1 (Cohen 1960).

    Definition: (a - c) / (1 - c), a being the share of hits and c the share that two independent
    raters with these counts would agree on. Ties: none. One class in both the solution and the
    predictions: 0/0, NaN. Empty input: NaN.

    >>> float(kappa(tally(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 2)))
    0.5
    """
    rows = t.true.sum(axis=-1)
    chance = (t.true * t.predicted).sum(axis=-1)
    return ratio(t.hits.sum(axis=-1) * rows - chance, rows**2 - chance)


def _class_f1(t: Tallies) -> Floats:
    true = t.true[..., t.present]
    return ratio(2.0 * t.hits[..., t.present], true + t.predicted[..., t.present])


def _mean(values: Floats) -> Floats:
    return ratio(values.sum(axis=-1), np.asarray(float(values.shape[-1])))


class LabelOutcome(Outcome):
    """Classes of rows beside the predicted ones, counted once for all metrics."""

    @staticmethod
    def learn(labels: NDArray[Any], n_classes: int) -> float:
        """Return the trivial answer: the most frequent class of train, the first of equals."""
        return int(np.bincount(labels, minlength=n_classes).argmax())

    @classmethod
    def trivial(cls, rows: ScoredRows) -> Outcome:
        """Return the outcome of giving every row the most frequent class of train."""
        return cls(rows, Answers(np.full(rows.n_table, rows.trivial(), np.int32)))

    @cached_property
    def total(self) -> Tallies:
        """The counts of all rows."""
        return tally(self.rows.labels, self.codes, len(self.rows.classes))

    @cached_property
    def by_group(self) -> Tallies:
        """The counts of each group."""
        grouping, k = self.rows.grouping, len(self.rows.classes)
        return tally(self.rows.labels, self.codes, k, grouping.group, grouping.n_groups)


def _label(
    name: str,
    title: str,
    function: Callable[[Tallies], Floats],
    ratios: Callable[[LabelOutcome], Ratios] | None = None,
    **options: Any,
) -> Metric:
    """Return a metric that is a function of the counts per class."""

    def value(outcome: LabelOutcome) -> float | Undefined:
        found = float(function(outcome.total))
        return found if np.isfinite(found) else Undefined(_of_one_class(outcome.total))

    def vector(outcome: LabelOutcome) -> Vector:
        """Leave out each cluster."""

        def of_counts(counts: Floats) -> Floats:
            hits, predicted, true = np.split(counts, 3, axis=-1)
            return function(Tallies(hits, predicted, true, outcome.total.present))

        total, clusters = (_counts(one) for one in (outcome.total, outcome.by_group))
        return vector_of_sums(total, clusters, np.zeros((0, len(total))), of_counts)

    def resolution(rows: ScoredRows) -> float:
        return _resolution(function, rows)

    return Metric(
        name,
        title,
        value,
        ratios=ratios,
        vector=None if ratios else vector,
        resolution=resolution,
        primary=True,
        **options,
    )


def _counts(t: Tallies) -> Floats:
    return np.concatenate((t.hits, t.predicted, t.true), axis=-1)


def _class_ratios(
    above: Callable[[Tallies], Floats], below: Callable[[Tallies], Floats]
) -> Callable[[LabelOutcome], Ratios]:
    """Return the ratios of a mean over the classes present, from the counts of each class."""

    def ratios(outcome: LabelOutcome) -> Ratios:
        here = outcome.total.present
        parts = {}
        for name, counts in (("", outcome.by_group), ("total_", outcome.total)):
            for side, function in (("above", above), ("below", below)):
                parts[name + side] = function(counts)[..., here]
        k = int(here.sum())
        none = np.zeros((0, k))
        return Ratios(weights=np.full(k, 1.0 / k), couples_above=none, couples_below=none, **parts)

    return ratios


def _accuracy_ratio(outcome: LabelOutcome) -> Ratios:
    groups, total = outcome.by_group, outcome.total
    none = np.zeros((0, 1))
    return Ratios(
        above=groups.hits.sum(axis=1, keepdims=True),
        below=groups.true.sum(axis=1, keepdims=True),
        weights=np.ones(1),
        total_above=total.hits.sum(keepdims=True),
        total_below=total.true.sum(keepdims=True),
        couples_above=none,
        couples_below=none,
    )


def _of_one_class(total: Tallies) -> str:
    side = "solution has" if (total.true > 0).sum() == 1 else "predictions have"
    return f"the {side} one class only: 0/0"


def _resolution(function: Callable[[Tallies], Floats], rows: ScoredRows) -> float:
    """Return what a perfect file loses, on average over the rows, when one row turns wrong.

    The row goes to the most frequent other class.
    """
    counts = np.bincount(rows.labels, minlength=len(rows.classes)).astype(np.float64)
    ranked = np.argsort(-counts, kind="stable")
    present = counts > 0
    lost = 0.0
    for code in np.flatnonzero(present):
        hits, predicted = counts.copy(), counts.copy()
        hits[code] -= 1
        predicted[code] -= 1
        predicted[ranked[0] if ranked[0] != code else ranked[1]] += 1
        value = function(Tallies(hits, predicted, counts, present))
        lost += counts[code] / rows.n * (1.0 - float(value))
    return lost


def _powers(counts: Tallies, products: Floats) -> Floats:
    """Return the sums of 1, t, p, t², p² and t·p over rows: positions of true and predicted class.

    All are whole numbers, so the order of their summation changes no digit.
    """
    t = np.arange(counts.true.shape[-1], dtype=np.float64)
    true, predicted = counts.true, counts.predicted
    sums = (true.sum(axis=-1), true @ t, predicted @ t, true @ t**2, predicted @ t**2, products)
    return np.stack(sums, axis=-1)


def _total_powers(outcome: LabelOutcome) -> Floats:
    t, p = outcome.rows.labels, outcome.codes
    products = sum(
        float(t[start : start + _BLOCK].astype(np.float64) @ p[start : start + _BLOCK])
        for start in range(0, len(t), _BLOCK)
    )
    return _powers(outcome.total, np.asarray(products))


def _quadratic(sums: Floats) -> Floats:
    n, t, p, tt, pp, tp = np.moveaxis(sums, -1, 0)
    return 1.0 - ratio(n * (tt + pp - 2.0 * tp), n * (tt + pp) - 2.0 * t * p)


def _quadratic_kappa(outcome: LabelOutcome) -> float | Undefined:
    """Return kappa with errors weighted by their squared distance, -1 to 1 (Cohen 1968).

    Definition: 1 - squared distances over those expected by chance. The distance of two classes is
    that of their positions in the task's classes, which are sorted as text: name ordered classes
    so that they sort (`1 bad`, `2 fair`, `3 good`). Ties: none. One class in both the solution and
    the predictions: undefined. Empty input: undefined.
    """
    found = float(_quadratic(_total_powers(outcome)))
    return found if np.isfinite(found) else Undefined(_of_one_class(outcome.total))


def _quadratic_resolution(rows: ScoredRows) -> float:
    """Return what a perfect file loses on average when one row goes to a neighbouring class."""
    t = rows.labels.astype(np.float64)
    p = np.where(t + 1 < len(rows.classes), t + 1, t - 1)
    perfect = np.stack([np.ones(len(t)), t, t, t * t, t * t, t * t], axis=1)
    wrong = np.stack([np.ones(len(t)), t, p, t * t, p * p, t * p], axis=1)
    return float((1.0 - _quadratic(perfect.sum(axis=0) - perfect + wrong)).mean())


def _quadratic_vector(outcome: LabelOutcome) -> Vector:
    products = outcome.rows.labels * outcome.codes.astype(np.float64)
    clusters = _powers(outcome.by_group, outcome.rows.grouping.touched(products)[0])
    none = np.zeros((0, clusters.shape[1]))
    return vector_of_sums(_total_powers(outcome), clusters, none, _quadratic)


METRICS = (
    _label(
        "accuracy",
        "accuracy",
        accuracy,
        _accuracy_ratio,
        meaning="The share of rows whose class is right.",
    ),
    _label(
        "balanced_accuracy",
        "balanced accuracy",
        balanced_accuracy,
        _class_ratios(lambda t: t.hits, lambda t: t.true),
        classes_weigh_alike=True,
        meaning=(
            "The share of rows that are right in each class, averaged, so that each class counts "
            "the same."
        ),
    ),
    _label(
        "macro_f1",
        "macro F1",
        macro_f1,
        _class_ratios(lambda t: 2.0 * t.hits, lambda t: t.true + t.predicted),
        classes_weigh_alike=True,
        meaning=(
            "F1 of each class, averaged, so that a rare class counts as much as a common one. F1 "
            "falls with rows missed and with rows wrongly added."
        ),
    ),
    _label(
        "weighted_f1",
        "weighted F1",
        weighted_f1,
        meaning="F1 of each class, averaged with the number of its rows as weight.",
    ),
    _label(
        "mcc",
        "Matthews correlation",
        mcc,
        bounds=(-1.0, 1.0),
        baseline=0.0,  # undefined for one class: the mean of guessing,
        meaning="Correlation of predicted and true classes: 1 is perfect, 0 is chance.",
    ),
    _label(
        "kappa",
        "Cohen's kappa",
        kappa,
        bounds=(-1.0, 1.0),
        baseline=0.0,
        meaning="Agreement beyond chance: 1 is perfect, 0 is chance.",
    ),
    Metric(
        "quadratic_kappa",
        "quadratic kappa",
        _quadratic_kappa,
        bounds=(-1.0, 1.0),
        primary=True,
        vector=_quadratic_vector,
        baseline=0.0,
        resolution=_quadratic_resolution,
        meaning=(
            "Cohen's kappa for ordered classes: an error counts by the squared distance of the "
            "classes."
        ),
    ),
)
"""Label metrics of classification, in the order in which they are shown."""
