"""Metrics of a ranking of pairs, from one sort: average precision and area under the ROC curve.

Pairs of one score form one step: nothing between them is decided, and no metric may depend on the
order in which they stand in the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Ranking",
    "average_precision",
    "average_precision_influence",
    "binned",
    "binned_average_precision",
    "binned_roc_auc",
    "rank",
    "roc_auc",
    "roc_auc_influence",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ranking:
    """Pairs in falling order of score, and how many matches and others stand at each step.

    `order` (n,) are the rows, `step` and `is_match` (n,) the step and the truth of each of them
    in that order, `matches` and `others` (steps,) the counts of each step, the highest score first.
    """

    order: NDArray[np.intp]
    step: NDArray[np.intp]
    is_match: NDArray[np.bool_]
    matches: Floats
    others: Floats


def rank(scores: Floats, truth: NDArray[np.integer[Any]]) -> Ranking:
    """Sort the pairs once; `truth` is 1 for a match, else 0.

    >>> ranking = rank(np.array([0.1, 0.9, 0.9]), np.array([0, 1, 0]))
    >>> ranking.matches.tolist(), ranking.others.tolist()
    ([1.0, 0.0], [1.0, 1.0])
    """
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    starts = np.empty(len(ranked), np.bool_)
    starts[:1] = True
    np.not_equal(ranked[1:], ranked[:-1], out=starts[1:])
    step = np.cumsum(starts) - 1
    n_steps = int(step[-1]) + 1 if len(step) else 0
    total = np.bincount(step, minlength=n_steps).astype(np.float64)
    is_match = truth[order] == 1
    matches = np.bincount(step[is_match], minlength=n_steps).astype(np.float64)
    return Ranking(order, step, is_match, matches, total - matches)


def average_precision(ranking: Ranking) -> float:
    """Return the mean, over the matches, of the precision at each match's score, 0 to 1.

    Definition: sum over steps of (recall gained) · precision, as in scikit-learn. Ties: one step,
    precision counted at its end. No match: NaN (undefined; scikit-learn says 0). Matches only: 1.
    Empty input: NaN.

    Steps .9 {match, other} and .1 {match}: (1/2)·(1/2) + (1/2)·(2/3):

    >>> r = rank(np.array([0.1, 0.9, 0.9]), np.array([1, 1, 0]))
    >>> round(average_precision(r), 6)
    0.583333
    """
    n_matches = ranking.matches.sum()
    if n_matches == 0:
        return float("nan")
    found = np.cumsum(ranking.matches)
    precision = found / (found + np.cumsum(ranking.others))
    return float((ranking.matches * precision).sum() / n_matches)


def average_precision_influence(ranking: Ranking) -> Floats:
    """Return how much each pair (in file order) moves the average precision; they sum to 0.

    The derivative of the weighted metric by the pair's weight: a match at step s adds precision
    there and lifts the precision of every step below, another pair lowers them.
    """
    n_matches = ranking.matches.sum()
    found = np.cumsum(ranking.matches)
    seen = found + np.cumsum(ranking.others)
    precision = found / seen
    value = (ranking.matches * precision).sum() / n_matches
    # d precision_j / d weight = (1 - precision_j) / seen_j for a match, - precision_j / seen_j else
    lift = np.cumsum((ranking.matches * (1.0 - precision) / seen)[::-1])[::-1]
    loss = np.cumsum((ranking.matches * precision / seen)[::-1])[::-1]
    of_match = (precision - value + lift) / n_matches
    of_other = -loss / n_matches
    return _by_row(ranking, of_match, of_other)


def roc_auc(ranking: Ranking) -> float:
    """Return the share of (match, other) couples in which the match has the higher score, 0 to 1.

    Definition: Mann-Whitney. Ties: half a couple. One class only: NaN (undefined). Empty: NaN.

    Couples: (.9, .9) a half, (.1, .9) none:

    >>> roc_auc(rank(np.array([0.1, 0.9, 0.9]), np.array([1, 1, 0])))
    0.25
    """
    n_matches, n_others = ranking.matches.sum(), ranking.others.sum()
    if n_matches == 0 or n_others == 0:
        return float("nan")
    below = n_others - np.cumsum(ranking.others)
    won = (ranking.matches * (below + 0.5 * ranking.others)).sum()
    return float(won / (n_matches * n_others))


def roc_auc_influence(ranking: Ranking) -> Floats:
    """Return how much each pair (in file order) moves the area: DeLong's structural components.

    A match: (share of others below it - area) / matches; another: (share of matches above it -
    area) / others (DeLong, DeLong and Clarke-Pearson 1988). Ties count one half. They sum to 0.
    """
    n_matches, n_others = ranking.matches.sum(), ranking.others.sum()
    value = roc_auc(ranking)
    below = (n_others - np.cumsum(ranking.others) + 0.5 * ranking.others) / n_others
    above = (np.cumsum(ranking.matches) - 0.5 * ranking.matches) / n_matches
    return _by_row(ranking, (below - value) / n_matches, (above - value) / n_others)


def _by_row(ranking: Ranking, of_match: Floats, of_other: Floats) -> Floats:
    """Give each row the value of its step and kind."""
    values: Floats = np.empty(len(ranking.order))
    values[ranking.order] = np.where(
        ranking.is_match, of_match[ranking.step], of_other[ranking.step]
    )
    return values


def binned(ranking: Ranking, n_bins: int) -> tuple[NDArray[np.intp], int]:
    """Return a bin per row in falling order, at most `n_bins`, and their number.

    Bins hold about equally many rows and never cut a step.
    """
    if len(ranking.order) == 0:
        return np.zeros(0, np.intp), 0
    sizes = ranking.matches + ranking.others
    first = np.cumsum(sizes) - sizes
    wanted = (first * n_bins // max(sizes.sum(), 1.0)).astype(np.intp)
    codes = np.cumsum(np.concatenate(([0], np.diff(wanted) > 0)))
    return codes[ranking.step], int(codes[-1]) + 1


def binned_average_precision(matches: Floats, others: Floats) -> Floats:
    """Return the average precision of weighted bin counts, one for each row of (draws, bins)."""
    found = np.cumsum(matches, axis=1)
    seen = found + np.cumsum(others, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(seen > 0, found / seen, 0.0)
        result: Floats = (matches * precision).sum(axis=1) / found[:, -1]
    return result


def binned_roc_auc(matches: Floats, others: Floats) -> Floats:
    """Return the area of weighted bin counts, one for each row of (draws, bins)."""
    below = others.sum(axis=1, keepdims=True) - np.cumsum(others, axis=1) + 0.5 * others
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Floats = (matches * below).sum(axis=1) / (matches.sum(axis=1) * others.sum(axis=1))
    return result
