"""Ranks: higher is better, equal scores share a rank (1, 1, 3), no score means no rank.

Scores are compared after rounding to 12 decimals, so that a mean of the same numbers in another
order is an equal score. All arrays run over the same entries; nothing here knows what an entry is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["best_of_groups", "page_order", "shared_ranks"]

_DECIMALS = 12


def shared_ranks(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rank of each value, 1 for the highest; 0 where there is no finite value.

    A rank is one more than the number of strictly better entries, so equal values share it and
    the next rank is skipped. An empty array gives an empty array.

    >>> shared_ranks(np.array([0.5, np.nan, 0.9, 0.9]))
    array([3, 0, 1, 1])
    """
    ranks = np.zeros(len(values), dtype=np.int64)
    finite = np.isfinite(values)
    rounded = np.round(values[finite], _DECIMALS)
    ascending = np.sort(rounded)
    ranks[finite] = len(ascending) - np.searchsorted(ascending, rounded, side="right") + 1
    return ranks


def page_order(
    values: NDArray[np.float64], at: NDArray[np.int64], ids: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Positions of the entries from the top of the board to its end.

    Best value first; at equal values the earlier, then the smaller id. Entries without a finite
    value come last, the earlier first.

    >>> page_order(np.array([np.nan, 0.9, 0.9]), np.array([1, 7, 5]), np.array([1, 2, 3]))
    array([2, 1, 0])
    """
    falling = np.where(np.isfinite(values), -np.round(values, _DECIMALS), np.inf)
    return np.lexsort((ids, at, falling)).astype(np.int64)


def best_of_groups(
    groups: NDArray[np.int64],
    values: NDArray[np.float64],
    at: NDArray[np.int64],
    ids: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Position of the best entry of each group, in ascending order of the group.

    Best as in `page_order`; a group whose entries all lack a value is there with its earliest.

    >>> nothing = np.zeros(3, dtype=np.int64)
    >>> best_of_groups(np.array([4, 2, 4]), np.array([0.1, 0.3, 0.2]), nothing, np.arange(3))
    array([1, 2])
    """
    falling = np.where(np.isfinite(values), -np.round(values, _DECIMALS), np.inf)
    order = np.lexsort((ids, at, falling, groups))
    ordered = groups[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = ordered[1:] != ordered[:-1]
    return order[first].astype(np.int64)
