"""Metrics of a ranking of pairs, from one sort: average precision and area under the ROC curve.

Pairs of one score form one step: nothing between them is decided, and no metric may depend on the
order of the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
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
    """How many matches and others have each score, the highest score first.

    `matches` and `others` (steps,) are the counts, `of_rows` (n,) the scores of the pairs in file
    order as whole numbers that rise from the highest score on, `is_match` (n,) their truth.
    """

    matches: Floats
    others: Floats
    of_rows: NDArray[np.int64]
    is_match: NDArray[np.bool_]

    @cached_property
    def step(self) -> NDArray[np.intp]:
        """The step of each pair, in file order."""
        order = np.argsort(self.of_rows)
        sizes = (self.matches + self.others).astype(np.int64)
        step = np.empty(len(order), np.intp)
        step[order] = np.repeat(np.arange(len(sizes)), sizes)
        return step


def rank(scores: Floats, truth: NDArray[np.integer[Any]]) -> Ranking:
    """Sort the pairs once; `truth` is 1 for a match, else 0.

    Raises ValueError unless all scores are from 0 to 1.

    >>> ranking = rank(np.array([0.1, 0.9, 0.9]), np.array([0, 1, 0]))
    >>> ranking.matches.tolist(), ranking.others.tolist()
    ([1.0, 0.0], [1.0, 1.0])
    """
    if len(scores) and not (scores.min() >= 0.0 and scores.max() <= 1.0):
        raise ValueError("scores outside [0, 1]")
    is_match = truth == 1
    # The bits of numbers >= 0 are whole numbers in the same order. Adding 0 turns -0 into 0;
    # negated, the highest comes first, and the lowest bit has room for the truth.
    keys = -(scores + 0.0).view(np.int64)
    both = np.sort((keys << 1) | is_match)
    ranked, matched = both >> 1, both & 1
    starts = np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1])))[: len(ranked)]
    sizes = np.diff(np.append(starts, len(ranked)))
    matches = (np.add.reduceat(matched, starts) if len(starts) else matched).astype(np.float64)
    return Ranking(matches, sizes - matches, keys, is_match)


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
    """Give each pair the value of its step and kind."""
    values: Floats = np.where(ranking.is_match, of_match[ranking.step], of_other[ranking.step])
    return values


def binned(ranking: Ranking, n_bins: int) -> tuple[NDArray[np.intp], int]:
    """Return a bin for each pair in file order, at most `n_bins`, and their number.

    Bin 0 has the highest scores. Bins hold about equally many pairs and never cut a step.
    """
    sizes = ranking.matches + ranking.others
    if len(sizes) == 0:
        return np.zeros(0, np.intp), 0
    first = np.cumsum(sizes) - sizes
    wanted = (first * n_bins // sizes.sum()).astype(np.intp)
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
