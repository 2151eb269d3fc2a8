"""Metrics of matching: of the decisions, of the ranking by scores, and what entities show."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from challenge.kinds.base import Interval, Metric, Undefined
from challenge.kinds.estimates import f1_of_jaccard, mean_loss
from challenge.kinds.metrics.entities import b_cubed, components, intransitive_share
from challenge.kinds.metrics.labels import Gradient, Tallies, ratio, tally
from challenge.kinds.metrics.probabilities import SMALLEST, binary_log_losses, loss_edge
from challenge.kinds.metrics.ranked import (
    Ranking,
    average_precision,
    average_precision_influence,
    binned,
    binned_average_precision,
    binned_roc_auc,
    rank,
    roc_auc,
    roc_auc_influence,
)
from challenge.kinds.scored_rows import Answers, Outcome, ScoredRows
from challenge.kinds.statistics.distributions import clopper_pearson
from challenge.kinds.statistics.grouping import Grouping
from challenge.kinds.statistics.jackknife import Influence, influence_of_counts, influence_of_rows

__all__ = [
    "METRICS",
    "PairOutcome",
    "f1",
    "f1_gradient",
    "precision",
    "precision_gradient",
    "recall",
    "recall_gradient",
]

RANK_BINS = 2_048
JACKKNIFE_BINS = 1_024
_BLOCK = 4_096
_NO_MATCH = "no pair here is a match"

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


class PairOutcome(Outcome):
    """The truth of pairs beside the predictions."""

    @staticmethod
    def learn(labels: NDArray[np.int32], n_classes: int) -> float:
        """Return the trivial answer: no match."""
        del labels, n_classes
        return 0.0

    @classmethod
    def trivial(cls, rows: ScoredRows) -> Outcome:
        """Return the outcome of saying no to every pair."""
        n = rows.n_table
        return cls(rows, Answers(np.zeros(n, np.int32), scores=np.zeros(n)))

    @cached_property
    def matches(self) -> Mask:
        """The pairs that match."""
        here: Mask = self.rows.labels == 1
        return here

    @cached_property
    def total(self) -> Tallies:
        """The counts of all pairs."""
        return tally(self.rows.labels, self.codes, 2)

    @cached_property
    def scores(self) -> Floats:
        """The scores of the pairs that count."""
        assert self.answers.scores is not None
        return self.rows.of(self.answers.scores)

    @cached_property
    def ranking(self) -> Ranking:
        """The pairs in the order of their scores."""
        return rank(self.scores, self.rows.labels)

    @cached_property
    def losses(self) -> Floats:
        """The log loss of each pair."""
        return binary_log_losses(self.scores, self.rows.labels)

    def diagnostics(self) -> dict[str, float | None]:
        """Return figures that no rank depends on; None where they are undefined.

        Positive clusters; with record ids also B-cubed of the closure of the predicted matches,
        the share of pairs in one predicted component that are decided as no match, and F1 of the
        pairs with two, one and no record that is in train.
        """
        rows, codes = self.rows, self.codes
        grouping, matches = rows.grouping, self.matches
        clusters = np.unique(np.concatenate((grouping.cluster[matches], grouping.second[matches])))
        figures: dict[str, float | None] = {"n_positive_clusters": float(len(clusters))}
        if rows.left is None or rows.right is None or rows.n == 0:
            return figures
        figures |= _of_closure(grouping, rows.left, rows.right, codes)
        if rows.seen is not None:
            for n_seen, name in enumerate(("f1_unseen", "f1_half_seen", "f1_seen")):
                here = rows.seen == n_seen
                value = float(f1(tally(rows.labels[here], codes[here], 2)))
                figures[name] = None if np.isnan(value) else value
        return figures


def _of_closure(
    grouping: Grouping,
    left: NDArray[np.int32],
    right: NDArray[np.int32],
    codes: NDArray[np.int32],
) -> dict[str, float | None]:
    n_records = int(max(left.max(), right.max())) + 1
    links = codes == 1
    component = components(left[links], right[links], n_records)
    entity = np.full(n_records, -1, np.int64)
    entity[left] = grouping.cluster
    entity[right] = grouping.second
    here = np.flatnonzero(entity >= 0)
    figures = b_cubed(component[here], entity[here])
    assert figures is not None
    return {
        "b_cubed_precision": figures.precision,
        "b_cubed_recall": figures.recall,
        "b_cubed_f1": figures.f1,
        "intransitive_share": intransitive_share(left, right, codes, component),
    }


def precision(t: Tallies) -> Floats:
    """Return the share of predicted matches that are matches, 0 to 1; class 1 is the match.

    Ties: none. Nothing predicted as a match: 0/0, NaN. Empty input: NaN.

    >>> float(precision(tally(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 0]), 2)))
    0.5
    """
    return ratio(t.hits[..., 1], t.predicted[..., 1])


def recall(t: Tallies) -> Floats:
    """Return the share of matches that were predicted, 0 to 1; class 1 is the match.

    Ties: none. No match in the solution part: 0/0, NaN. Empty input: NaN.

    >>> float(recall(tally(np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 0, 1]), 2)))
    0.6666666666666666
    """
    return ratio(t.hits[..., 1], t.true[..., 1])


def f1(t: Tallies) -> Floats:
    """Return 2·hits / (matches + predicted matches), 0 to 1; class 1 is the match.

    Ties: none. No predicted match: 0. No match in the solution part: NaN for any predictions,
    since the class is absent (scikit-learn says 0). Empty input: NaN.

    >>> float(f1(tally(np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 0, 1]), 2)))
    0.6666666666666666
    """
    below = t.true[..., 1] + t.predicted[..., 1]
    return ratio(2.0 * t.hits[..., 1], np.where(t.present[1], below, 0.0))


def _on_match(hits: float, predicted: float, true: float) -> Gradient:
    return Gradient(
        np.array([0.0, float(hits)]),
        np.array([0.0, float(predicted)]),
        np.array([0.0, float(true)]),
    )


def f1_gradient(t: Tallies) -> Gradient:
    """Return the gradient of F1."""
    below = t.true[1] + t.predicted[1]
    slope = -2.0 * t.hits[1] / below**2
    return _on_match(2.0 / below, slope, slope)


def precision_gradient(t: Tallies) -> Gradient:
    """Return the gradient of the precision."""
    return _on_match(1.0 / t.predicted[1], -t.hits[1] / t.predicted[1] ** 2, 0.0)


def recall_gradient(t: Tallies) -> Gradient:
    """Return the gradient of the recall."""
    return _on_match(1.0 / t.true[1], 0.0, -t.hits[1] / t.true[1] ** 2)


def _decision(
    name: str,
    title: str,
    function: Callable[[Tallies], Floats],
    gradient: Callable[[Tallies], Gradient],
    *,
    reason: str,
    counted: Callable[[PairOutcome], Mask],
    wanted: Callable[[float, float, float], bool],
    **options: object,
) -> Metric:
    """Return a metric of hits, predicted matches and matches.

    `wanted` says of these whether the metric is 1; `counted` are the pairs that it rests on.
    """

    def value(outcome: PairOutcome) -> float | Undefined:
        found = float(function(outcome.total))
        return Undefined(reason) if np.isnan(found) else found

    def influence(outcome: PairOutcome) -> Influence:
        grouping, labels, codes = outcome.rows.grouping, outcome.rows.labels, outcome.codes
        total = outcome.total
        rows = gradient(total).of_rows(labels, codes)
        if grouping.independent:
            return influence_of_rows(grouping, rows)

        def of_counts(counts: Floats) -> Floats:
            # columns: 2 · truth + decision
            hits, predicted, true = counts[:, 3], counts[:, [1, 3]].sum(1), counts[:, 2:].sum(1)
            return function(
                Tallies(_second(hits), _second(predicted), _second(true), total.present)
            )

        return influence_of_counts(grouping, 2 * labels + codes, 4, of_counts, rows)

    def edge(outcome: PairOutcome, value: float) -> Interval | None:
        """F1 is 2s / (1 + s) of the share s of hits among the pairs that count."""
        del value
        total = outcome.total
        hits, predicted, true = (float(c[1]) for c in (total.hits, total.predicted, total.true))
        right = wanted(hits, predicted, true)
        if not (right or hits == 0):
            return None
        low, high = _edge(outcome, right, counted(outcome))
        return (f1_of_jaccard(low), f1_of_jaccard(high)) if function is f1 else (low, high)

    def replicates(outcome: PairOutcome, draws: NDArray[np.float32]) -> Floats:
        """Return the metric under each draw; a pair across groups has the product of weights."""
        grouping, decided, matches = outcome.rows.grouping, outcome.codes == 1, outcome.matches
        hits = _weighted_sum(grouping, draws, decided & matches)
        predicted = _weighted_sum(grouping, draws, decided)
        true = _weighted_sum(grouping, draws, matches)
        present = np.array([False, bool(matches.any())])
        return function(Tallies(_second(hits), _second(predicted), _second(true), present))

    return Metric(
        name,
        title,
        value,
        influence=influence,
        edge=edge,
        replicates=replicates,
        **options,  # type: ignore[arg-type]
    )


def _edge(outcome: PairOutcome, right: bool, counted: Mask) -> Interval:
    n = outcome.rows.grouping.effective_rows(counted)
    return clopper_pearson(n if right else 0.0, n)


def _weighted_sum(
    grouping: Grouping, draws: NDArray[np.float32], chosen: NDArray[np.bool_]
) -> Floats:
    """Return the weight of the chosen pairs in each draw."""
    inside, cells = grouping.sums(chosen.astype(np.float64))
    weight = (draws @ inside.astype(np.float32)).astype(np.float64)
    if cells.any():
        table = np.zeros((grouping.n_groups, grouping.n_groups), np.float32)
        table[grouping.cell_left, grouping.cell_right] = cells
        rows = np.unique(grouping.cell_left[cells > 0])
        products = draws[:, rows] * (draws @ table[rows].T)
        weight += products.sum(axis=1, dtype=np.float64)
    return weight


def _second(counts: Floats) -> Floats:
    return np.stack([np.zeros_like(counts), counts], axis=1)


def _weighted_bins(
    grouping: Grouping, ranking: Ranking, draws: NDArray[np.float32]
) -> tuple[Floats, Floats]:
    """Return the weight of matches and of others in each rank bin of each draw."""
    bins, n_bins = binned(ranking, RANK_BINS)
    column = np.where(ranking.is_match, bins, bins + n_bins)
    group, other = grouping.group, grouping.other
    inside = group == other
    counts = np.bincount(
        group[inside].astype(np.int64) * (2 * n_bins) + column[inside],
        minlength=grouping.n_groups * 2 * n_bins,
    ).reshape(grouping.n_groups, 2 * n_bins)
    weights = (draws @ counts.astype(np.float32)).astype(np.float64)
    crossing = np.flatnonzero(~inside)
    crossing = crossing[np.argsort(column[crossing], kind="stable")]
    ends = np.flatnonzero(np.diff(column[crossing])) + 1
    by_group = np.ascontiguousarray(draws.T)
    for of_one in np.split(crossing, ends):
        for start in range(0, len(of_one), _BLOCK):
            rows = of_one[start : start + _BLOCK]
            left, right = by_group[group[rows]], by_group[other[rows]]
            weights[:, column[rows[0]]] += np.einsum("rd,rd->d", left, right)
    return weights[:, :n_bins], weights[:, n_bins:]


def _ranked(
    value: Callable[[PairOutcome], float | Undefined],
) -> Callable[[PairOutcome], float | Undefined]:
    """Return the metric of files with scores, undefined for others."""

    def checked(outcome: PairOutcome) -> float | Undefined:
        if outcome.answers.scores is None:
            return Undefined("the file has no scores")
        return value(outcome)

    return checked


def _ranked_influence(
    outcome: PairOutcome, rows: Floats, metric: Callable[[Floats, Floats], Floats]
) -> Influence:
    """Return the influence of groups on a ranked metric, from counts in rank bins."""
    ranking = outcome.ranking
    bins, n_bins = binned(ranking, JACKKNIFE_BINS)
    return influence_of_counts(
        outcome.rows.grouping,
        np.where(ranking.is_match, bins, bins + n_bins),
        2 * n_bins,
        lambda counts: metric(counts[:, :n_bins], counts[:, n_bins:]),
        rows,
    )


def _binned_replicates(
    metric: Callable[[Floats, Floats], Floats],
) -> Callable[[PairOutcome, NDArray[np.float32]], Floats]:
    def replicates(outcome: PairOutcome, draws: NDArray[np.float32]) -> Floats:
        return metric(*_weighted_bins(outcome.rows.grouping, outcome.ranking, draws))

    return replicates


def _average_precision(outcome: PairOutcome) -> float | Undefined:
    if not outcome.matches.any():
        return Undefined(_NO_MATCH)
    return average_precision(outcome.ranking)


def _average_precision_influence(outcome: PairOutcome) -> Influence:
    rows = average_precision_influence(outcome.ranking)
    if outcome.rows.grouping.independent:
        return influence_of_rows(outcome.rows.grouping, rows)
    return _ranked_influence(outcome, rows, binned_average_precision)


def _average_precision_edge(outcome: PairOutcome, value: float) -> Interval | None:
    return _edge(outcome, True, outcome.matches) if value == 1.0 else None


def _area(outcome: PairOutcome) -> float | Undefined:
    if outcome.matches.all() or not outcome.matches.any():
        return Undefined("all pairs here are of one class")
    return roc_auc(outcome.ranking)


def _area_influence(outcome: PairOutcome) -> Influence:
    return _ranked_influence(outcome, roc_auc_influence(outcome.ranking), binned_roc_auc)


def _area_edge(outcome: PairOutcome, value: float) -> Interval | None:
    """So many disjoint couples of a match and another were all in one order."""
    if value not in (0.0, 1.0):
        return None
    grouping, matches = outcome.rows.grouping, outcome.matches
    n = min(grouping.effective_rows(matches), grouping.effective_rows(~matches))
    return clopper_pearson(n * value, n)


def _resolution(
    of_counts: Callable[[int, int], float],
) -> Callable[[ScoredRows], float]:
    """Return what a perfect file loses when one match is missed (ranked: comes last).

    `of_counts` maps the numbers of matches and of pairs to it. NaN without matches.
    """

    def resolution(rows: ScoredRows) -> float:
        n_matches = int((rows.labels == 1).sum())
        return of_counts(n_matches, rows.n) if n_matches else float("nan")

    return resolution


_LOSSES = mean_loss(lambda outcome: outcome.losses)

METRICS = (
    _decision(
        "f1",
        "F1",
        f1,
        f1_gradient,
        reason=_NO_MATCH,
        counted=lambda outcome: outcome.matches | (outcome.codes == 1),
        wanted=lambda hits, predicted, true: hits == true == predicted,
        primary=True,
        units="n_positive_clusters",
        baseline=0.0,
        resolution=_resolution(lambda matches, n: 1.0 / (2 * matches - 1)),
    ),
    _decision(
        "precision",
        "precision",
        precision,
        precision_gradient,
        reason="nothing is predicted as a match: 0/0",
        counted=lambda outcome: outcome.codes == 1,
        wanted=lambda hits, predicted, true: hits == predicted,
    ),
    _decision(
        "recall",
        "recall",
        recall,
        recall_gradient,
        reason=_NO_MATCH,
        counted=lambda outcome: outcome.matches,
        wanted=lambda hits, predicted, true: hits == true,
    ),
    Metric(
        "average_precision",
        "average precision",
        _ranked(_average_precision),
        needs="scores",
        primary=True,
        influence=_average_precision_influence,
        edge=_average_precision_edge,
        replicates=_binned_replicates(binned_average_precision),
        baseline=lambda rows: float((rows.labels == 1).mean()),
        resolution=_resolution(lambda matches, n: (1.0 - matches / n) / matches),
    ),
    Metric(
        "roc_auc",
        "ROC AUC",
        _ranked(_area),
        needs="scores",
        primary=True,
        influence=_area_influence,
        edge=_area_edge,
        replicates=_binned_replicates(binned_roc_auc),
        baseline=0.5,
        resolution=_resolution(lambda matches, n: 1.0 / matches),
    ),
    Metric(
        "log_loss",
        "log loss",
        _ranked(_LOSSES["value"]),
        needs="scores",
        higher_is_better=False,
        bounds=(0.0, float("inf")),
        influence=_LOSSES["influence"],
        edge=loss_edge(-float(np.log(SMALLEST))),
    ),
)
"""All metrics of matching, in the order in which they are shown."""
