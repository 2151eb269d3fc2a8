"""Leaving out one cluster after another, for figures that are no ratios.

A first-order influence misses what a cluster does to the shape of a ranking: with few large
clusters its standard error of an average precision is too small. The figure is therefore computed
again without each cluster, from sums or counts per cluster.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from challenge.kinds.statistics.grouping import Grouping
from challenge.kinds.statistics.vector import Vector, vector_of_rows

__all__ = ["vector_of_counts", "vector_of_sums"]

Floats = NDArray[np.float64]

_BLOCK = 64
"""So many clusters are left out at once: their counts stay near the processor."""


def vector_of_sums(
    total: Floats, clusters: Floats, couples: Floats, value: Callable[[Floats], Floats]
) -> Vector:
    """Return the vector of a figure that is a function of sums of m columns.

    `total` (m,), `clusters` (G, m) and `couples` (C, m) are the sums over all rows, over those of
    each cluster and each couple; `value` maps sums (..., m) to figures (...). Where a cluster
    leaves nothing to compute, twice what half of it moves stands in.
    """
    whole = value(total)

    def moved(sums: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            lost = whole - value(total - sums)
            gone = ~np.isfinite(lost)
            if gone.any():
                lost[gone] = 2.0 * (whole - value(total - 0.5 * sums[gone]))
        return np.nan_to_num(lost, posinf=0.0, neginf=0.0)

    return Vector(moved(clusters), moved(couples))


def vector_of_counts(
    grouping: Grouping,
    column: NDArray[np.integer],
    n_columns: int,
    value: Callable[[Floats], Floats],
    rows: Floats,
) -> Vector:
    """Return the vector of a figure that is a function of counts of rows in columns.

    Row j counts in `column[j]`; `value` maps counts (m, n_columns) to m figures. `rows` (n,) is the
    first-order influence: it stands in where the figure is undefined without a cluster, and gives
    what couples share.
    """
    linear = vector_of_rows(grouping, rows)
    both = np.concatenate((grouping.group, grouping.other_of_crossing))
    counts = _Counts(both, np.append(column, column[grouping.crossing]), n_columns)
    total = np.bincount(column, minlength=n_columns).astype(np.float64)
    whole = value(total[None])[0]
    without = np.empty(grouping.n_groups)
    for start in range(0, grouping.n_groups, _BLOCK):
        stop = min(start + _BLOCK, grouping.n_groups)
        without[start:stop] = value(total - counts.of_groups(start, stop))
    moved = np.where(np.isfinite(without), whole - without, linear.clusters)
    return Vector(moved, linear.couples)


class _Counts:
    """Counts of columns in clusters, made a few clusters at a time: all may be a gigabyte."""

    def __init__(
        self, group: NDArray[np.integer], column: NDArray[np.integer], n_columns: int
    ) -> None:
        order = np.argsort(group, kind="stable")
        self._group, self._column = group[order].astype(np.int64), column[order]
        self._n_columns = n_columns

    def of_groups(self, start: int, stop: int) -> NDArray[np.intp]:
        """Return the counts (stop - start, n_columns) of some clusters."""
        first, last = np.searchsorted(self._group, (start, stop))
        here = slice(first, last)
        cell = (self._group[here] - start) * self._n_columns + self._column[here]
        size = (stop - start) * self._n_columns
        return np.bincount(cell, minlength=size).reshape(stop - start, self._n_columns)
