"""What a metric loses when each group of rows is taken out: the delete-one-group jackknife.

A first-order influence misses what a group does to the shape of a ranking: with few large groups
its standard error of an average precision is too small. The metric is therefore computed again
without each group, from counts per group. Independent rows are too small a part of the whole to
need that; they keep the first order, except for ROC AUC, of which the jackknife is DeLong's
estimate: for other metrics it is too high when few rows count (Efron and Stein 1981).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from challenge.kinds.statistics.grouping import Grouping

__all__ = ["Influence", "influence_of_counts", "influence_of_rows", "split_cells"]

Floats = NDArray[np.float64]

_BLOCK = 64
"""So many groups are taken out at once: their counts stay near the processor."""


@dataclass(frozen=True, eq=False)
class Influence:
    """`groups`: the metric minus the metric without each group; `cells`: first-order, summed.

    `cubes` is the sum of the cubes of the rows' own first-order influences: the skew that the
    metric would have if all rows were independent, which its scale takes out. Influences of two
    submissions may be subtracted: that is the influence of their difference, which has no scale.
    """

    groups: Floats
    cells: Floats
    cubes: float = 0.0

    def __sub__(self, other: Influence) -> Influence:
        """Return the influence of the difference of two metrics."""
        return Influence(self.groups - other.groups, self.cells - other.cells)


def influence_of_rows(grouping: Grouping, rows: Floats) -> Influence:
    """Return the influence of groups from the first-order influence of rows, which sum to 0.

    A mean without a group moves by the group's sum over the share of rows that stay. A pair across
    two groups goes with either; what all such pairs have in common (matches and others move a
    metric differently) is shared out by halves, or the number of pairs of an entity would seem to
    move the metric.
    """
    inside, cells = grouping.sums(rows)
    own, common = split_cells(grouping, cells)
    touching = inside + grouping.touching(own + 0.5 * common)
    moved = touching / np.maximum(1.0 - grouping.shares, 0.5)
    alone = moved if grouping.independent else rows
    return Influence(moved, cells, float((alone**2) @ alone))


def split_cells(grouping: Grouping, cells: Floats) -> tuple[Floats, Floats]:
    """Return what is each cell's own, and what it has because all cells have it on average."""
    if len(cells) == 0:
        return cells, cells
    common = float(cells.sum() / grouping.cell_sizes.sum()) * grouping.cell_sizes
    return cells - common, common


def influence_of_counts(
    grouping: Grouping,
    column: NDArray[np.integer],
    n_columns: int,
    metric: Callable[[Floats], Floats],
    rows: Floats,
) -> Influence:
    """Return the influence of groups on a metric that is a function of counts.

    Row j counts in `column[j]`; `metric` maps counts (m, n_columns) to m values. `rows` (n,) is the
    first-order influence, which is used where the metric is undefined without a group. A group
    is taken out with all its pairs; pairs across groups then weigh as if half of those had gone,
    for the reason given in `influence_of_rows`.
    """
    linear = influence_of_rows(grouping, rows)
    crossing = grouping.crossing
    alone = np.ones(len(column), np.bool_)
    alone[crossing] = False
    inside = _Counts(grouping.group[alone], column[alone], n_columns)
    both = np.concatenate((grouping.group[crossing], grouping.other_of_crossing))
    across = _Counts(both, np.tile(column[crossing], 2), n_columns)
    total_inside, total_across = inside.total(), 0.5 * across.total()
    n_across = float(total_across.sum())
    whole = metric((total_inside + total_across)[None])[0]
    without = np.empty(grouping.n_groups)
    for start in range(0, grouping.n_groups, _BLOCK):
        stop = min(start + _BLOCK, grouping.n_groups)
        left = total_inside - inside.of_groups(start, stop)
        if n_across:
            gone = across.of_groups(start, stop)
            touching = gone.sum(axis=1, keepdims=True)
            weight = (n_across - 0.5 * touching) / np.maximum(n_across - touching, 1.0)
            left = left + weight * (total_across - gone)
        without[start:stop] = metric(left)
    moved = np.where(np.isfinite(without), whole - without, linear.groups)
    return replace(linear, groups=moved)


class _Counts:
    """Counts of columns in groups, made a few groups at a time: all at once may be a gigabyte."""

    def __init__(
        self, group: NDArray[np.integer], column: NDArray[np.integer], n_columns: int
    ) -> None:
        order = np.argsort(group, kind="stable")
        self._group, self._column = group[order].astype(np.int64), column[order]
        self._n_columns = n_columns

    def total(self) -> Floats:
        """Return the counts of all groups together."""
        return np.bincount(self._column, minlength=self._n_columns).astype(np.float64)

    def of_groups(self, start: int, stop: int) -> NDArray[np.intp]:
        """Return the counts (stop - start, n_columns) of some groups."""
        first, last = np.searchsorted(self._group, (start, stop))
        here = slice(first, last)
        cell = (self._group[here] - start) * self._n_columns + self._column[here]
        size = (stop - start) * self._n_columns
        return np.bincount(cell, minlength=size).reshape(stop - start, self._n_columns)
