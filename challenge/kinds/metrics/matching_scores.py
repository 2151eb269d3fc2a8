"""Matching of record pairs: F1 of the decisions, ranked metrics of the scores, entities."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from challenge.kinds.metrics.entities import b_cubed, components, intransitive_share
from challenge.kinds.metrics.labels import GRADIENTS, LABEL_METRICS, Tallies, tally
from challenge.kinds.metrics.probabilities import SMALLEST, binary_log_losses
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
from challenge.kinds.scored_rows import Measured, ScoredRows, f1_of_jaccard, undefined
from challenge.scoring.predictions import Predictions
from challenge.scoring.statistics.distributions import clopper_pearson
from challenge.scoring.statistics.jackknife import Influence, influence_of_counts, influence_of_rows

__all__ = ["METRICS", "baseline_score", "diagnostics", "measure", "replicates", "resolution"]

_LABEL = ("f1", "precision", "recall")
_SCORE = ("average_precision", "roc_auc", "log_loss")
METRICS = _LABEL + _SCORE

RANK_BINS = 2_048
JACKKNIFE_BINS = 1_024
_BLOCK = 4_096

Floats = NDArray[np.float64]
Edge = tuple[float, float]


def measure(part: ScoredRows, predictions: Predictions) -> dict[str, Measured]:
    """Return every metric of the kind, in the order of METRICS."""
    if part.n == 0:
        return {name: undefined("no row counts here") for name in METRICS}
    measured = _of_decisions(part, part.of(predictions.codes))
    if predictions.scores is None:
        return measured | {name: undefined("the file has no scores") for name in _SCORE}
    return measured | _of_scores(part, part.of(predictions.scores))


def _of_decisions(part: ScoredRows, codes: NDArray[np.int32]) -> dict[str, Measured]:
    total = tally(part.labels, codes, 2)
    hits, predicted, true = (float(c[1]) for c in (total.hits, total.predicted, total.true))
    reasons = {
        "f1": None if true else "no pair here is a match",
        "precision": None if predicted else "nothing is predicted as a match: 0/0",
        "recall": None if true else "no pair here is a match",
    }
    units = {
        "f1": (hits == true == predicted, (part.labels == 1) | (codes == 1)),
        "precision": (hits == predicted, codes == 1),
        "recall": (hits == true, part.labels == 1),
    }
    measured = {}
    for name in _LABEL:
        if reason := reasons[name]:
            measured[name] = undefined(reason)
            continue
        right, counted = units[name]
        measured[name] = Measured(
            float(LABEL_METRICS[name](total)),
            influence=_decision_influence(part, name, total, codes),
            edge=_edge(part, right, counted, name == "f1") if right or hits == 0 else None,
        )
    return measured


def _decision_influence(
    part: ScoredRows, name: str, total: Tallies, codes: NDArray[np.int32]
) -> Callable[[], Influence]:
    def of_counts(counts: Floats) -> Floats:
        # columns: 2 · truth + decision
        hits, predicted, true = counts[:, 3], counts[:, [1, 3]].sum(1), counts[:, 2:].sum(1)
        tallies = Tallies(_second(hits), _second(predicted), _second(true), total.present)
        return LABEL_METRICS[name](tallies)

    def influence() -> Influence:
        rows = GRADIENTS[name](total).of_rows(part.labels, codes)
        if part.grouping.independent:
            return influence_of_rows(part.grouping, rows)
        return influence_of_counts(part.grouping, 2 * part.labels + codes, 4, of_counts, rows)

    return influence


def _edge(
    part: ScoredRows, right: bool, counted: NDArray[np.bool_], jaccard: bool
) -> Callable[[], Edge]:
    """F1 is 2s / (1 + s) of the share s of hits among the pairs that are or are called a match."""

    def edge() -> Edge:
        n = part.grouping.effective_rows(counted)
        low, high = clopper_pearson(n if right else 0.0, n)
        return (f1_of_jaccard(low), f1_of_jaccard(high)) if jaccard else (low, high)

    return edge


def _of_scores(part: ScoredRows, scores: Floats) -> dict[str, Measured]:
    matches = part.labels == 1
    n_matches = int(matches.sum())
    losses = binary_log_losses(scores, part.labels)
    loss = float(losses.mean())
    measured = {
        "average_precision": undefined("no pair here is a match"),
        "roc_auc": undefined("all pairs here are of one class"),
        "log_loss": Measured(
            loss,
            scale="loss",
            influence=lambda: influence_of_rows(part.grouping, (losses - loss) / part.n),
            edge=(lambda: _loss_edge(part)) if loss == 0.0 else None,
        ),
    }
    if n_matches == 0:
        return measured
    ranking = rank(scores, part.labels)
    precision = average_precision(ranking)

    def influence() -> Influence:
        rows = average_precision_influence(ranking)
        if part.grouping.independent:
            return influence_of_rows(part.grouping, rows)
        return _ranked_influence(part, ranking, rows, binned_average_precision)

    measured["average_precision"] = Measured(
        precision,
        influence=influence,
        edge=_edge(part, True, matches, False) if precision == 1.0 else None,
    )
    if n_matches < part.n:
        measured["roc_auc"] = _area(part, ranking, matches)
    return measured


def _area(part: ScoredRows, ranking: Ranking, matches: NDArray[np.bool_]) -> Measured:
    area = roc_auc(ranking)

    def edge() -> Edge:
        # So many disjoint couples of a match and another were all in one order.
        n = min(part.grouping.effective_rows(matches), part.grouping.effective_rows(~matches))
        return clopper_pearson(n * area, n)

    def influence() -> Influence:
        return _ranked_influence(part, ranking, roc_auc_influence(ranking), binned_roc_auc)

    at_edge = area in (0.0, 1.0)
    return Measured(area, influence=influence, edge=edge if at_edge else None)


def _ranked_influence(
    part: ScoredRows, ranking: Ranking, rows: Floats, metric: Callable[[Floats, Floats], Floats]
) -> Influence:
    """Return the influence of groups on a ranked metric, from counts in rank bins."""
    bins, n_bins = binned(ranking, JACKKNIFE_BINS)
    return influence_of_counts(
        part.grouping,
        np.where(ranking.is_match, bins, bins + n_bins),
        2 * n_bins,
        lambda counts: metric(counts[:, :n_bins], counts[:, n_bins:]),
        rows,
    )


def _loss_edge(part: ScoredRows) -> Edge:
    n = part.grouping.effective_rows()
    return 0.0, -float(np.log(SMALLEST)) * (1.0 - clopper_pearson(n, n)[0])


def replicates(
    part: ScoredRows, predictions: Predictions, metric: str, draws: NDArray[np.float32]
) -> Floats:
    """Return the metric under each draw; a pair across two groups has the product of weights."""
    if metric in LABEL_METRICS:
        codes = part.of(predictions.codes)
        hits = _weighted_sum(part, draws, (codes == 1) & (part.labels == 1))
        predicted = _weighted_sum(part, draws, codes == 1)
        true = _weighted_sum(part, draws, part.labels == 1)
        present = np.array([False, bool((part.labels == 1).any())])
        counts = Tallies(_second(hits), _second(predicted), _second(true), present)
        return LABEL_METRICS[metric](counts)
    assert predictions.scores is not None
    ranking = rank(part.of(predictions.scores), part.labels)
    matches, others = _weighted_bins(part, ranking, draws)
    by_bins = {"average_precision": binned_average_precision, "roc_auc": binned_roc_auc}
    return by_bins[metric](matches, others)


def _weighted_sum(
    part: ScoredRows, draws: NDArray[np.float32], chosen: NDArray[np.bool_]
) -> Floats:
    """Return the weight of the chosen pairs in each draw."""
    grouping = part.grouping
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
    part: ScoredRows, ranking: Ranking, draws: NDArray[np.float32]
) -> tuple[Floats, Floats]:
    """Return the weight of matches and of others in each rank bin of each draw."""
    grouping = part.grouping
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


def baseline_score(part: ScoredRows, metric: str, majority: int) -> float | None:
    """Return the score of saying no to every pair (F1: 0), or of one score for all pairs."""
    del majority
    if part.n == 0 or metric == "f1":
        return 0.0 if part.n else None
    share = float((part.labels == 1).mean())
    return {"average_precision": share, "roc_auc": 0.5}[metric]


def resolution(part: ScoredRows, metric: str) -> float:
    """Return what a perfect file loses when one match is missed (ranked: comes last).

    F1: 1 - 2(m-1) / (2m-1) of m matches. NaN without matches.
    """
    n_matches = int((part.labels == 1).sum())
    if n_matches == 0:
        return float("nan")
    if metric == "f1":
        return 1.0 / (2 * n_matches - 1)
    if metric == "roc_auc":
        return 1.0 / n_matches
    return (1.0 - n_matches / part.n) / n_matches


def diagnostics(part: ScoredRows, predictions: Predictions) -> Mapping[str, float | None]:
    """Return figures that no rank depends on; None where they are undefined.

    Positive clusters; with record ids also B-cubed of the closure of the predicted matches, the
    share of pairs in one predicted component that are decided as no match, and F1 of the pairs with
    two, one and no record that stands in train.
    """
    matches = part.labels == 1
    grouping = part.grouping
    clusters = np.unique(np.concatenate((grouping.cluster[matches], grouping.second[matches])))
    figures: dict[str, float | None] = {"n_positive_clusters": float(len(clusters))}
    if part.left is None or part.right is None or part.n == 0:
        return figures
    codes = part.of(predictions.codes)
    figures |= _of_closure(part, part.left, part.right, codes)
    if part.seen is not None:
        for n_seen, name in enumerate(("f1_unseen", "f1_half_seen", "f1_seen")):
            here = part.seen == n_seen
            value = float(LABEL_METRICS["f1"](tally(part.labels[here], codes[here], 2)))
            figures[name] = None if np.isnan(value) else value
    return figures


def _of_closure(
    part: ScoredRows, left: NDArray[np.int32], right: NDArray[np.int32], codes: NDArray[np.int32]
) -> dict[str, float | None]:
    n_records = int(max(left.max(), right.max())) + 1
    links = codes == 1
    component = components(left[links], right[links], n_records)
    entity = np.full(n_records, -1, np.int64)
    entity[left] = part.grouping.cluster
    entity[right] = part.grouping.second
    here = np.flatnonzero(entity >= 0)
    figures = b_cubed(component[here], entity[here])
    assert figures is not None
    return {
        "b_cubed_precision": figures.precision,
        "b_cubed_recall": figures.recall,
        "b_cubed_f1": figures.f1,
        "intransitive_share": intransitive_share(left, right, codes, component),
    }
