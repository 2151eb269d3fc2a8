"""Metrics of matching: of the decisions, of the ranking by scores, and what entities show."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenge.kinds.base import Metric, Undefined
from challenge.kinds.metrics.entities import b_cubed, intransitive_share
from challenge.kinds.metrics.labels import Tallies, ratio, tally
from challenge.kinds.metrics.probabilities import LARGEST, binary_log_losses, mean_of_rows
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
from challenge.kinds.statistics.grouping import Grouping, components
from challenge.kinds.statistics.jackknife import vector_of_counts
from challenge.kinds.statistics.vector import Ratios, Vector, ratio_of_rows, vector_of_rows

__all__ = [
    "METRICS",
    "PairOutcome",
    "f1",
    "precision",
    "recall",
]

RANK_BINS = 1_024
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


def _decision(
    name: str,
    title: str,
    function: Callable[[Tallies], Floats],
    above: Callable[[Mask, Mask], NDArray[Any]],
    below: Callable[[Mask, Mask], NDArray[Any]],
    *,
    reason: str,
    **options: object,
) -> Metric:
    """Return a metric of hits, predicted matches and matches.

    `above` and `below` map which pairs match and which were predicted to what each pair adds.
    """

    def value(outcome: PairOutcome) -> float | Undefined:
        found = float(function(outcome.total))
        return Undefined(reason) if np.isnan(found) else found

    def ratios(outcome: PairOutcome) -> Ratios:
        masks = outcome.matches, outcome.codes == 1
        sides = (side(*masks).astype(np.float64) for side in (above, below))
        return ratio_of_rows(outcome.rows.grouping, *sides)

    return Metric(name, title, value, ratios=ratios, **options)  # type: ignore[arg-type]


def _ranked(
    value: Callable[[PairOutcome], float | Undefined],
) -> Callable[[PairOutcome], float | Undefined]:
    """Return the metric of files with scores, undefined for others."""

    def checked(outcome: PairOutcome) -> float | Undefined:
        if outcome.answers.scores is None:
            return Undefined("the file has no scores")
        return value(outcome)

    return checked


def _ranked_vector(
    outcome: PairOutcome, rows: Floats, metric: Callable[[Floats, Floats], Floats]
) -> Vector:
    """Return the vector of a ranked metric, from counts in rank bins."""
    ranking = outcome.ranking
    bins, n_bins = binned(ranking, RANK_BINS)
    return vector_of_counts(
        outcome.rows.grouping,
        np.where(ranking.is_match, bins, bins + n_bins),
        2 * n_bins,
        lambda counts: metric(counts[:, :n_bins], counts[:, n_bins:]),
        rows,
    )


def _average_precision(outcome: PairOutcome) -> float | Undefined:
    if not outcome.matches.any():
        return Undefined(_NO_MATCH)
    return average_precision(outcome.ranking)


def _average_precision_vector(outcome: PairOutcome) -> Vector:
    """Leave out each cluster; single pairs keep the first order, which is not too high."""
    rows = average_precision_influence(outcome.ranking)
    if outcome.rows.grouping.independent:
        return vector_of_rows(outcome.rows.grouping, rows)
    return _ranked_vector(outcome, rows, binned_average_precision)


def _area(outcome: PairOutcome) -> float | Undefined:
    if outcome.matches.all() or not outcome.matches.any():
        return Undefined("all pairs here are of one class")
    return roc_auc(outcome.ranking)


def _area_vector(outcome: PairOutcome) -> Vector:
    """Leave out each cluster; for single pairs that is DeLong's estimate."""
    return _ranked_vector(outcome, roc_auc_influence(outcome.ranking), binned_roc_auc)


def _rarer(outcome: PairOutcome) -> Mask:
    """So many disjoint couples of a match and another there are at most."""
    matches = outcome.matches
    return matches if 2 * matches.sum() <= len(matches) else ~matches


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


_LOSSES = mean_of_rows(lambda outcome: outcome.losses)

METRICS = (
    _decision(
        "f1",
        "F1",
        f1,
        lambda matches, predicted: 2.0 * (matches & predicted),
        lambda matches, predicted: matches + predicted.astype(np.float64),
        reason=_NO_MATCH,
        primary=True,
        units="n_positive_clusters",
        baseline=0.0,
        resolution=_resolution(lambda matches, n: 1.0 / (2 * matches - 1)),
        meaning="2 × right matches ÷ (true matches + predicted matches): 1 is perfect.",
    ),
    _decision(
        "precision",
        "precision",
        precision,
        lambda matches, predicted: matches & predicted,
        lambda matches, predicted: predicted,
        reason="nothing is predicted as a match: 0/0",
        meaning="The share of predicted matches that are right.",
    ),
    _decision(
        "recall",
        "recall",
        recall,
        lambda matches, predicted: matches & predicted,
        lambda matches, predicted: matches,
        reason=_NO_MATCH,
        meaning="The share of true matches that are found.",
    ),
    Metric(
        "average_precision",
        "average precision",
        _ranked(_average_precision),
        needs="scores",
        primary=True,
        vector=_average_precision_vector,
        rests_on=lambda outcome: outcome.matches,
        baseline=lambda rows: float((rows.labels == 1).mean()),
        resolution=_resolution(lambda matches, n: (1.0 - matches / n) / matches),
        meaning=(
            "Precision at each true match, from the highest score down, averaged: 1 where all "
            "matches come first."
        ),
    ),
    Metric(
        "roc_auc",
        "ROC AUC",
        _ranked(_area),
        needs="scores",
        primary=True,
        vector=_area_vector,
        rests_on=_rarer,
        baseline=0.5,
        resolution=_resolution(lambda matches, n: 1.0 / matches),
        meaning=(
            "How often a match has a higher score than a pair that is none: 1 is perfect, .5 is "
            "chance."
        ),
    ),
    Metric(
        "log_loss",
        "log loss",
        _ranked(_LOSSES["value"]),
        needs="scores",
        higher_is_better=False,
        bounds=(0.0, float("inf")),
        ratios=_LOSSES["ratios"],
        largest=LARGEST,
        meaning=(
            "Mean of −log of the probability of what is true: 0 is perfect, and sure errors cost "
            "most."
        ),
    ),
)
"""All metrics of matching, in the order in which they are shown."""
