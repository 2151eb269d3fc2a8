"""Diagnostics of matching: what the decisions, read together, say about entities.

Decisions on pairs may contradict each other: A = B, B = C, but not A = C. Both figures look at the
records that occur in the scored pairs only, since the pairs are a sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["BCubed", "b_cubed", "intransitive_share"]

Ints = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class BCubed:
    """B-cubed precision, recall and F1, each 0 to 1."""

    precision: float
    recall: float
    f1: float


def b_cubed(predicted: Ints, true: Ints) -> BCubed | None:
    """Return B-cubed of a clustering of records (Bagga and Baldwin 1998); None without records.

    Definition: mean over records of |its predicted cluster and its true one| over the size of the
    predicted cluster (precision) and of the true one (recall). Ties: none. One class: no link gives
    precision 1. Empty input: None.

    Predicted {0, 1, 2}, {3}; true {0, 1}, {2, 3}: precision (2/3 + 2/3 + 1/3 + 1) / 4,
    recall (1 + 1 + 1/2 + 1/2) / 4:

    >>> figures = b_cubed(np.array([0, 0, 0, 3]), np.array([0, 0, 2, 2]))
    >>> round(figures.precision, 6), figures.recall
    (0.666667, 0.75)
    """
    if len(predicted) == 0:
        return None
    _, p = np.unique(predicted, return_inverse=True)
    _, t = np.unique(true, return_inverse=True)
    _, both, shared = np.unique(
        p.astype(np.int64) * (int(t.max()) + 1) + t, return_inverse=True, return_counts=True
    )
    common = shared[both]
    precision = float((common / np.bincount(p)[p]).mean())
    recall = float((common / np.bincount(t)[t]).mean())
    return BCubed(precision, recall, 2.0 * precision * recall / (precision + recall))


def intransitive_share(
    left: Ints, right: Ints, codes: Ints, component: NDArray[np.int64]
) -> float | None:
    """Return the share of pairs inside one predicted component that are decided as no match.

    Definition: of the scored pairs whose two records are connected by predicted matches, the share
    decided 0. Ties: none. No such pair (nothing is predicted as a match): None.

    0 = 1, 1 = 2, but not 0 = 2: one of three:

    >>> from challenge.kinds.statistics.grouping import components
    >>> left, right, codes = np.array([0, 1, 0]), np.array([1, 2, 2]), np.array([1, 1, 0])
    >>> links = codes == 1
    >>> round(intransitive_share(left, right, codes, components(left[links], right[links], 3)), 6)
    0.333333
    """
    inside = component[left] == component[right]
    if not inside.any():
        return None
    return float((codes[inside] == 0).mean())
