"""The one order of boards, matrix, finals and plots: the largest merit first.

A merit is a score turned so that larger is better (`Metric.merit`). Equal merits share a rank
(1, 1, 3) and the earlier entry is listed first. Undefined scores come last and have no rank.
Merits are compared after rounding to 12 decimals: a mean of the same numbers in another order is an
equal score.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["comparable", "page_order", "shared_ranks"]

_DECIMALS = 12


def comparable(merits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the merits as they are compared: rounded, NaN where one is not finite."""
    return np.where(np.isfinite(merits), np.round(merits, _DECIMALS), np.nan)


def shared_ranks(merits: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the rank of each merit, 1 for the largest; 0 where it is not finite.

    A rank is one more than the number of strictly better entries.

    >>> shared_ranks(np.array([0.5, np.nan, 0.9, 0.9]))
    array([3, 0, 1, 1])
    """
    ranks = np.zeros(len(merits), dtype=np.int64)
    known = comparable(merits)
    finite = np.isfinite(known)
    ascending = np.sort(known[finite])
    better = len(ascending) - np.searchsorted(ascending, known[finite], side="right")
    ranks[finite] = better + 1
    return ranks


def page_order(
    merits: NDArray[np.float64], at: NDArray[np.int64], ids: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the indices of the entries from the top of the board to its end.

    At equal merits the earlier comes first, then the smaller id.

    >>> page_order(np.array([np.nan, 0.9, 0.9]), np.array([1, 7, 5]), np.array([1, 2, 3]))
    array([2, 1, 0])
    """
    return np.lexsort((ids, at, -comparable(merits))).astype(np.int64)
