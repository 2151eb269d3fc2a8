"""Metrics of class probabilities: means of per-row losses, computed in blocks of 4,096 rows.

One block fits the processor's cache, so that a million rows of a hundred classes cost one pass
over the matrix and little memory. Rows are taken as normalised.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ECE_BINS",
    "SMALLEST",
    "RowLosses",
    "binary_log_losses",
    "expected_calibration_error",
    "log_loss",
    "row_losses",
]

SMALLEST = float(np.finfo(np.float64).eps)
"""The smallest probability that `log_loss` knows: one impossible row costs 36.04, not infinity."""

ECE_BINS = 15
TOP = 3

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RowLosses:
    """What each row adds to the means; all length n.

    `log_loss`: -ln of the true class's probability, `brier`: squared distance to the 0/1 vector of
    the truth (0 to 2), `in_top_3`: whether fewer than three classes stand before the true one,
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
    probabilities the later class stands first, which is scikit-learn's order in
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
    """Return whether fewer than three classes stand before the true one, whose probability is p."""
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
