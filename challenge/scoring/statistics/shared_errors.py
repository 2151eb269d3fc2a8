"""Which submissions have the same wrong answers more often than their error rates explain.

Two honest methods agree where they are right. A near-copy also agrees where it is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["SharedErrors", "false_discovery_rate", "shared_errors"]

_FEWEST = 10
"""Fewer shared wrong answers show nothing."""
_LEAST_SHARE = 0.5
"""Share of the fewer wrong answers that a near-copy has in common at least."""
_ENOUGH_PAIRS = 20
"""Pairs from which what is usual on a task can be estimated."""
_RATE = 0.05


@dataclass(frozen=True)
class SharedErrors:
    """Two submissions, by position, and how many wrong answers they share.

    `n_wrong` is the smaller number of wrong answers, `n_same` of how many rows both have the same
    wrong answer, `expected` how many their error rates explain, `q` the smallest false discovery
    rate at which the pair is shown.
    """

    a: int
    b: int
    n_wrong: int
    n_same: int
    expected: float
    q: float


def shared_errors(
    truth: NDArray[np.int32], answers: Sequence[NDArray[np.int32]], owners: Sequence[int]
) -> list[SharedErrors]:
    """Return the pairs of different owners that share more wrong answers than their error rates do.

    `truth` and each of `answers` are codes of the same rows. Expected are independent errors with
    the confusion rates of both. Where 20 or more pairs can be compared, their median and spread
    are taken as what is usual, since rows that are hard for one method are hard for others. False
    discovery rate: 5 % by Benjamini and Hochberg (1995).
    """
    from scipy.stats import norm

    if not answers:
        return []
    n_classes = int(max(truth.max(), *(codes.max() for codes in answers))) + 1
    per_class = np.bincount(truth, minlength=n_classes).astype(np.float64)
    wrong = [np.where(codes == truth, -1, codes) for codes in answers]
    rates = np.zeros((len(answers), n_classes * n_classes))
    for position, codes in enumerate(wrong):
        chosen = codes >= 0
        cells = truth[chosen].astype(np.int64) * n_classes + codes[chosen]
        rates[position] = np.bincount(cells, minlength=n_classes * n_classes)
    shares = rates / np.repeat(np.maximum(per_class, 1), n_classes)
    expected = (shares * np.repeat(per_class, n_classes)) @ shares.T
    n_wrong = [int((codes >= 0).sum()) for codes in wrong]
    pairs = [
        (a, b)
        for a in range(len(answers))
        for b in range(a + 1, len(answers))
        if owners[a] != owners[b]
    ]
    if not pairs:
        return []
    same = np.array([int(((wrong[a] == wrong[b]) & (wrong[a] >= 0)).sum()) for a, b in pairs])
    explained = np.array([expected[a, b] for a, b in pairs])
    z = (same - explained) / np.sqrt(np.maximum(explained, 1.0))
    if len(pairs) >= _ENOUGH_PAIRS:
        centre = float(np.median(z))
        z = (z - max(centre, 0.0)) / max(1.4826 * float(np.median(np.abs(z - centre))), 1.0)
    q = false_discovery_rate(norm.sf(z))
    return [
        SharedErrors(a, b, fewer, int(n_same), float(mean), float(rate))
        for (a, b), n_same, mean, rate in zip(pairs, same, explained, q, strict=True)
        if rate <= _RATE
        and n_same >= _FEWEST
        and n_same >= _LEAST_SHARE * (fewer := min(n_wrong[a], n_wrong[b]))
    ]


def false_discovery_rate(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each p-value the smallest rate at which Benjamini and Hochberg reject it.

    >>> false_discovery_rate(np.array([0.01, 0.5, 0.02])).tolist()
    [0.03, 0.5, 0.03]
    """
    order = np.argsort(p)
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    rates = np.empty_like(p)
    rates[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return rates
