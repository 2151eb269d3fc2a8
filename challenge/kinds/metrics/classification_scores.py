"""k-way classification: label metrics from counts per group, the others from row losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

from challenge.kinds.metrics.labels import GRADIENTS, LABEL_METRICS, Tallies, tally
from challenge.kinds.metrics.probabilities import (
    SMALLEST,
    RowLosses,
    expected_calibration_error,
    row_losses,
)
from challenge.kinds.scored_rows import Measured, ScoredRows, edge_of_shares, undefined
from challenge.scoring.predictions import Predictions
from challenge.scoring.statistics.distributions import clopper_pearson
from challenge.scoring.statistics.intervals import added_variance_of_share
from challenge.scoring.statistics.jackknife import Influence, influence_of_rows

__all__ = ["METRICS", "baseline_score", "diagnostics", "measure", "replicates", "resolution"]

_LABEL = ("accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "mcc")
_PROBABILITY = ("log_loss", "top_3_accuracy", "brier", "ece")
METRICS = _LABEL + _PROBABILITY

Floats = NDArray[np.float64]
Edge = tuple[float, float]


def measure(part: ScoredRows, predictions: Predictions) -> dict[str, Measured]:
    """Return every metric of the kind, in the order of METRICS."""
    if part.n == 0:
        return {name: undefined("no row counts here") for name in METRICS}
    codes = part.of(predictions.codes)
    measured = _of_labels(part, codes)
    if predictions.probabilities is None:
        why = "the file has no probabilities"
        return measured | {name: undefined(why) for name in _PROBABILITY}
    truth = np.zeros(part.n_table, np.int32)
    truth[part.rows] = part.labels
    losses = row_losses(predictions.probabilities.blocks(), truth, predictions.codes)
    return measured | _of_probabilities(part, losses, codes == part.labels)


def _tally(part: ScoredRows, codes: NDArray[np.int32]) -> Tallies:
    grouping = part.grouping
    return tally(part.labels, codes, len(part.classes), grouping.group, grouping.n_groups)


def _of_labels(part: ScoredRows, codes: NDArray[np.int32]) -> dict[str, Measured]:
    total = tally(part.labels, codes, len(part.classes))
    # Counts per group serve intervals only, once for all metrics.
    by_group = cache(lambda: _tally(part, codes))
    measured = {}
    for name in _LABEL:
        value = float(LABEL_METRICS[name](total))
        if name == "mcc" and not np.isfinite(value):
            side = "solution" if (total.true > 0).sum() == 1 else "predictions"
            measured[name] = undefined(f"the {side} have one class only: 0/0")
            continue
        measured[name] = Measured(
            value,
            scale="correlation" if name == "mcc" else "share",
            influence=_label_influence(part, codes, name, total, by_group),
            edge=_label_edge(part, name, total),
            added_variance=_label_added_variance(name, total, by_group),
        )
    return measured


def _label_influence(
    part: ScoredRows,
    codes: NDArray[np.int32],
    name: str,
    total: Tallies,
    by_group: Callable[[], Tallies],
) -> Callable[[], Influence]:
    def influence() -> Influence:
        """Take out each group; first-order where its class would go with it."""
        groups, gradient = by_group(), GRADIENTS[name](total)
        linear = gradient.of_groups(groups) / (1.0 - part.grouping.shares)
        if part.grouping.independent:
            return Influence(linear, np.zeros(0), float((linear**2) @ linear))
        rest = Tallies(
            total.hits - groups.hits,
            total.predicted - groups.predicted,
            total.true - groups.true,
            total.present,
        )
        moved = LABEL_METRICS[name](total) - LABEL_METRICS[name](rest)
        rows = gradient.of_rows(part.labels, codes)
        moved = np.where(np.isfinite(moved), moved, linear)
        return Influence(moved, np.zeros(0), float((rows**2) @ rows))

    return influence


def _label_added_variance(
    name: str, total: Tallies, by_group: Callable[[], Tallies]
) -> Callable[[], float]:
    """A class of few rows adds its doubt where all classes weigh alike.

    Its F1 is 2s / (1 + s) of the share s of hits among hits and errors, its recall a share itself.
    """

    def added_variance() -> float:
        here = total.present
        counts = by_group()
        hits, rows, groups = total.hits[here], total.true[here], counts.true[:, here]
        slopes = np.full(len(hits), 1.0 / len(hits))
        if name == "macro_f1":
            rows = rows + total.predicted[here] - hits
            groups = groups + counts.predicted[:, here] - counts.hits[:, here]
            slopes = 2.0 / (1.0 + hits / rows) ** 2 / len(hits)
        effective = rows**2 / (groups**2).sum(axis=0)
        return float(added_variance_of_share(hits / rows, effective, slopes).sum())

    return added_variance if name in ("macro_f1", "balanced_accuracy") else lambda: 0.0


def _label_edge(part: ScoredRows, name: str, total: Tallies) -> Callable[[], Edge] | None:
    """All of these are at their upper edge together, when every row is right; and so below."""
    right = bool(total.hits.sum() == total.true.sum())
    if not right and total.hits.sum() > 0:
        return None

    def edge() -> Edge:
        everything = part.grouping.effective_rows()
        share = clopper_pearson(everything if right else 0.0, everything)
        if name == "accuracy":
            return share
        shares = total.true / total.true.sum()
        if name == "mcc":
            # Near the edge MCC is Cohen's kappa: 1 - errors / errors expected by chance.
            chance = 1.0 - float((shares**2).sum())
            return max(-1.0, 1.0 - (1.0 - share[0]) / chance), 1.0
        here = np.flatnonzero(total.present)
        effective = [part.grouping.effective_rows(part.labels == code) for code in here]
        equal = [1.0 / len(here)] * len(here)
        weights = [float(shares[code]) for code in here] if name == "weighted_f1" else equal
        return edge_of_shares(right, effective, weights, jaccard=name != "balanced_accuracy")

    if name == "mcc" and not right:
        return None
    return edge


def _of_probabilities(
    part: ScoredRows, losses: RowLosses, right: NDArray[np.bool_]
) -> dict[str, Measured]:
    def worst(largest: float) -> Callable[[], Edge]:
        def edge() -> Edge:
            n = part.grouping.effective_rows()
            return 0.0, largest * (1.0 - clopper_pearson(n, n)[0])

        return edge

    measured = {
        "log_loss": _mean(part, part.of(losses.log_loss), worst(-float(np.log(SMALLEST)))),
        "top_3_accuracy": _top_3(part, part.of(losses.in_top_3)),
        "brier": _mean(part, part.of(losses.brier), worst(2.0)),
        "ece": Measured(
            expected_calibration_error(part.of(losses.confidence), right),
            "no interval: the calibration error of a sample is too high by an unknown amount",
        ),
    }
    return {name: measured[name] for name in _PROBABILITY}


def _mean(part: ScoredRows, losses: Floats, edge: Callable[[], Edge]) -> Measured:
    value = float(losses.mean())
    return Measured(
        value,
        scale="loss",
        influence=lambda: _mean_influence(part, losses, value),
        edge=edge if value == 0.0 else None,
    )


def _mean_influence(part: ScoredRows, values: Floats, mean: float) -> Influence:
    return influence_of_rows(part.grouping, (values - mean) / part.n)


def _top_3(part: ScoredRows, inside: NDArray[np.bool_]) -> Measured:
    if len(part.classes) <= 3:
        return undefined("the task has no more than three classes: always 1")
    value = float(inside.mean())

    def edge() -> Edge:
        n = part.grouping.effective_rows()
        return clopper_pearson(n * value, n)

    return Measured(
        value,
        influence=lambda: _mean_influence(part, inside.astype(np.float64), value),
        edge=edge if value in (0.0, 1.0) else None,
    )


def replicates(
    part: ScoredRows, predictions: Predictions, metric: str, draws: NDArray[np.float32]
) -> Floats:
    """Return a label metric under each draw of group weights."""
    by_group = _tally(part, part.of(predictions.codes))
    return LABEL_METRICS[metric](by_group.weighted(draws))


def baseline_score(part: ScoredRows, metric: str, majority: int) -> float | None:
    """Return the score of giving every row the most frequent class of train.

    MCC, undefined there, has the floor 0, the mean of guessing.
    """
    if part.n == 0:
        return None
    if metric == "mcc":
        return 0.0
    total = tally(part.labels, np.full(part.n, majority, np.int32), len(part.classes))
    return float(LABEL_METRICS[metric](total))


def resolution(part: ScoredRows, metric: str) -> float:
    """Return what a perfect file loses, on average over the rows, when one row turns wrong.

    The row goes to the most frequent other class. NaN without rows.
    """
    if part.n == 0:
        return float("nan")
    counts = np.bincount(part.labels, minlength=len(part.classes)).astype(np.float64)
    ranked = np.argsort(-counts, kind="stable")
    present = counts > 0
    lost = 0.0
    for code in np.flatnonzero(present):
        hits, predicted = counts.copy(), counts.copy()
        hits[code] -= 1
        predicted[code] -= 1
        predicted[ranked[0] if ranked[0] != code else ranked[1]] += 1
        value = LABEL_METRICS[metric](Tallies(hits, predicted, counts, present))
        lost += counts[code] / part.n * (1.0 - float(value))
    return lost


def diagnostics(part: ScoredRows, predictions: Predictions) -> Mapping[str, float | None]:
    """Return figures that no rank depends on: none for this kind."""
    del part, predictions
    return {}
