"""Metrics of decided labels: all of them are functions of three counts per class.

A class counts its rows (`true`), the rows that were given it (`predicted`) and those in both
(`hits`). Counts of parts add up to the counts of the whole, and weighted counts (a bootstrap draw)
give the weighted metric, so every function here works along the last axis of stacked counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenge.kinds.base import Interval, Metric, Undefined
from challenge.kinds.estimates import added_variance_of_share, edge_of_shares, influence_of_sums
from challenge.kinds.scored_rows import Answers, Outcome, ScoredRows
from challenge.kinds.statistics.distributions import clopper_pearson
from challenge.kinds.statistics.jackknife import Influence

__all__ = [
    "METRICS",
    "Gradient",
    "LabelOutcome",
    "Tallies",
    "accuracy",
    "accuracy_gradient",
    "balanced_accuracy",
    "balanced_gradient",
    "kappa",
    "macro_f1",
    "macro_gradient",
    "mcc",
    "mcc_gradient",
    "numeric_gradient",
    "ratio",
    "tally",
    "weighted_f1",
    "weighted_gradient",
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


def accuracy_gradient(t: Tallies) -> Gradient:
    """Return the gradient of the accuracy."""
    rows = t.true.sum()
    zero = np.zeros_like(t.true)
    return Gradient(zero + 1.0 / rows, zero, zero - t.hits.sum() / rows**2)


def balanced_gradient(t: Tallies) -> Gradient:
    """Return the gradient of the balanced accuracy."""
    k = t.present.sum()
    true = np.where(t.present, t.true, 1.0)
    on = t.present.astype(np.float64)
    return Gradient(on / (k * true), np.zeros_like(true), -on * t.hits / (k * true**2))


def macro_gradient(t: Tallies) -> Gradient:
    """Return the gradient of macro F1."""
    k = t.present.sum()
    below = np.where(t.present, t.true + t.predicted, 1.0)
    on = t.present.astype(np.float64)
    slope = -on * 2.0 * t.hits / (k * below**2)
    return Gradient(on * 2.0 / (k * below), slope, slope)


def weighted_gradient(t: Tallies) -> Gradient:
    """Return the gradient of weighted F1."""
    rows = t.true.sum()
    below = np.where(t.present, t.true + t.predicted, 1.0)
    scores = np.where(t.present, 2.0 * t.hits / below, 0.0)
    slope = -t.true * scores / below / rows
    value = (t.true * scores).sum() / rows
    return Gradient(2.0 * t.true / below / rows, slope, slope + (scores - value) / rows)


def mcc_gradient(t: Tallies) -> Gradient:
    """Return the gradient of Matthews' correlation."""
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


_STEP = 0.01
_BLOCK = 64


def numeric_gradient(function: Callable[[Tallies], Floats], t: Tallies) -> Gradient:
    """Return the gradient of a metric by central differences; 0 where it is undefined."""
    whole = {"hits": t.hits, "predicted": t.predicted, "true": t.true}
    slopes = {name: np.zeros(len(counts)) for name, counts in whole.items()}
    for name, counts in whole.items():
        for start in range(0, len(counts), _BLOCK):
            here = np.arange(start, min(start + _BLOCK, len(counts)))
            values = []
            for step in (_STEP, -_STEP):
                moved = np.repeat(counts[None], len(here), axis=0)
                moved[np.arange(len(here)), here] += step
                values.append(function(Tallies(**(whole | {name: moved}), present=t.present)))
            slopes[name][here] = np.nan_to_num((values[0] - values[1]) / (2.0 * _STEP))
    return Gradient(**slopes)


class LabelOutcome(Outcome):
    """Classes of rows beside the predicted ones, counted once for all metrics."""

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

    @property
    def all_right(self) -> bool:
        """Whether every row got its class."""
        return bool(self.total.hits.sum() == self.total.true.sum())

    @property
    def all_wrong(self) -> bool:
        """Whether no row got its class."""
        return not self.total.hits.sum() > 0


def _label(
    name: str,
    title: str,
    function: Callable[[Tallies], Floats],
    gradient: Callable[[Tallies], Gradient] | None = None,
    **options: Any,
) -> Metric:
    """Return a metric that is a function of the counts per class."""

    def value(outcome: LabelOutcome) -> float | Undefined:
        found = float(function(outcome.total))
        return found if np.isfinite(found) else Undefined(_of_one_class(outcome.total))

    def influence(outcome: LabelOutcome) -> Influence:
        """Take out each group; first-order where its class would go with it."""
        total, groups, grouping = outcome.total, outcome.by_group, outcome.rows.grouping
        slopes = gradient(total) if gradient else numeric_gradient(function, total)
        linear = slopes.of_groups(groups) / (1.0 - grouping.shares)
        if grouping.independent:
            return Influence(linear, np.zeros(0), float((linear**2) @ linear))
        rest = Tallies(
            total.hits - groups.hits,
            total.predicted - groups.predicted,
            total.true - groups.true,
            total.present,
        )
        moved = function(total) - function(rest)
        rows = slopes.of_rows(outcome.rows.labels, outcome.codes)
        moved = np.where(np.isfinite(moved), moved, linear)
        return Influence(moved, np.zeros(0), float((rows**2) @ rows))

    def replicates(outcome: LabelOutcome, draws: NDArray[np.float32]) -> Floats:
        return function(outcome.by_group.weighted(draws))

    def resolution(rows: ScoredRows) -> float:
        return _resolution(function, rows)

    return Metric(
        name,
        title,
        value,
        influence=influence,
        replicates=replicates,
        resolution=resolution,
        primary=True,
        **options,
    )


def _of_one_class(total: Tallies) -> str:
    side = "solution" if (total.true > 0).sum() == 1 else "predictions"
    return f"the {side} have one class only: 0/0"


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


def _added_variance(*, of_f1: bool) -> Callable[[LabelOutcome], float]:
    """A class of few rows adds its variance where all classes weigh alike.

    Its F1 is 2s / (1 + s) of the share s of hits among hits and errors, its recall a share itself.
    """

    def added_variance(outcome: LabelOutcome) -> float:
        total, counts = outcome.total, outcome.by_group
        here = total.present
        hits, rows, groups = total.hits[here], total.true[here], counts.true[:, here]
        slopes = np.full(len(hits), 1.0 / len(hits))
        if of_f1:
            rows = rows + total.predicted[here] - hits
            groups = groups + counts.predicted[:, here] - counts.hits[:, here]
            slopes = 2.0 / (1.0 + hits / rows) ** 2 / len(hits)
        effective = rows**2 / (groups**2).sum(axis=0)
        return float(added_variance_of_share(hits / rows, effective, slopes).sum())

    return added_variance


def _share_of_right(outcome: LabelOutcome) -> Interval:
    everything = outcome.rows.grouping.effective_rows()
    return clopper_pearson(everything if outcome.all_right else 0.0, everything)


def _edge_of_accuracy(outcome: LabelOutcome, value: float) -> Interval | None:
    del value
    return _share_of_right(outcome) if outcome.all_right or outcome.all_wrong else None


def _edge_beyond_chance(outcome: LabelOutcome, value: float) -> Interval | None:
    """Near 1 MCC is Cohen's kappa: 1 - errors / errors expected by chance."""
    del value
    if not outcome.all_right:
        return None
    shares = outcome.total.true / outcome.total.true.sum()
    chance = 1.0 - float((shares**2).sum())
    return max(-1.0, 1.0 - (1.0 - _share_of_right(outcome)[0]) / chance), 1.0


def _edge_of_classes(
    *, by_rows: bool, jaccard: bool
) -> Callable[[LabelOutcome, float], Interval | None]:
    """All averages over classes are at their edge together, when all rows are right or wrong."""

    def edge(outcome: LabelOutcome, value: float) -> Interval | None:
        del value
        if not (outcome.all_right or outcome.all_wrong):
            return None
        total, rows = outcome.total, outcome.rows
        shares = total.true / total.true.sum()
        here = np.flatnonzero(total.present)
        effective = [rows.grouping.effective_rows(rows.labels == code) for code in here]
        equal = [1.0 / len(here)] * len(here)
        weights = [float(shares[code]) for code in here] if by_rows else equal
        return edge_of_shares(outcome.all_right, effective, weights, jaccard=jaccard)

    return edge


def _powers(outcome: LabelOutcome) -> Floats:
    """Return 1, t, p, t², p² and t·p of each row: positions of its true and predicted class."""
    t, p = outcome.rows.labels.astype(np.float64), outcome.codes.astype(np.float64)
    return np.stack([np.ones(len(t)), t, p, t * t, p * p, t * p], axis=1)


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
    found = float(_quadratic(_powers(outcome).sum(axis=0)))
    return found if np.isfinite(found) else Undefined(_of_one_class(outcome.total))


def _quadratic_influence(outcome: LabelOutcome) -> Influence:
    return influence_of_sums(outcome, _powers(outcome), _quadratic)


METRICS = (
    _label("accuracy", "accuracy", accuracy, accuracy_gradient, edge=_edge_of_accuracy),
    _label(
        "balanced_accuracy",
        "balanced accuracy",
        balanced_accuracy,
        balanced_gradient,
        classes_weigh_alike=True,
        edge=_edge_of_classes(by_rows=False, jaccard=False),
        added_variance=_added_variance(of_f1=False),
    ),
    _label(
        "macro_f1",
        "macro F1",
        macro_f1,
        macro_gradient,
        classes_weigh_alike=True,
        edge=_edge_of_classes(by_rows=False, jaccard=True),
        added_variance=_added_variance(of_f1=True),
    ),
    _label(
        "weighted_f1",
        "weighted F1",
        weighted_f1,
        weighted_gradient,
        edge=_edge_of_classes(by_rows=True, jaccard=True),
    ),
    _label(
        "mcc",
        "Matthews correlation",
        mcc,
        mcc_gradient,
        bounds=(-1.0, 1.0),
        edge=_edge_beyond_chance,
        baseline=0.0,  # undefined for one class: the mean of guessing
    ),
)
"""Label metrics of classification, in the order in which they are shown."""
