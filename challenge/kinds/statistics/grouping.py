"""Which rows depend on each other: clusters, and the groups that these are put into.

Clusters (groups of rows, entities) are put into at most 1,000 random groups, whole clusters
together.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_GROUPS", "Grouping", "group_rows", "uniform"]

MAX_GROUPS = 1_000

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Grouping:
    """Which rows of a subset depend on each other.

    Row j depends on the groups `group[j]` and `other[j]`. Where these differ the row is in a
    cell, the unordered couple of both: `crossing` are those rows, `cell` the cell of each, and
    `cell_left`, `cell_right` the groups of each cell. `n_clusters` counts the clusters themselves,
    `cluster` and `second` are those of each row.
    """

    group: Ints
    other: Ints
    crossing: NDArray[np.intp]
    cell: Ints
    cell_left: Ints
    cell_right: Ints
    n_groups: int
    n_clusters: int
    cluster: Ints
    second: Ints

    @property
    def other_of_crossing(self) -> Ints:
        """The second group of the rows that have two."""
        return self.other[self.crossing]

    @cached_property
    def sizes(self) -> Floats:
        """How many rows depend on each group."""
        both = np.bincount(self.group, minlength=self.n_groups)
        second = np.bincount(self.other_of_crossing, minlength=self.n_groups)
        return (both + second).astype(np.float64)

    @cached_property
    def cell_sizes(self) -> Floats:
        """The number of rows in each cell."""
        return np.bincount(self.cell, minlength=len(self.cell_left)).astype(np.float64)

    @property
    def independent(self) -> bool:
        """Whether every row is a cluster of its own."""
        return self.n_clusters == len(self.group) and len(self.crossing) == 0

    @cached_property
    def shares(self) -> Floats:
        """Share of the rows that each group is worth; half a pair to either side. They sum to 1."""
        rows = self.sizes - 0.5 * self.touching(self.cell_sizes)
        shares: Floats = rows / rows.sum()
        return shares

    @cached_property
    def effective_clusters(self) -> float:
        """How many independent clusters of equal size the clusters are worth.

        Kish's n² / sum of squared sizes (Survey Sampling, 1965). A pair across two clusters has
        half its noise from each and so weighs 1/√2 in both: 30 equal clusters whose pairs all
        cross are worth 15, the number of pairs that share none. 0 without rows.
        """
        left, right = self.cluster, self.second
        n = len(left)
        if n == 0:
            return 0.0
        size = int(max(left.max(), right.max())) + 1
        crossing = np.flatnonzero(left != right)
        sizes = np.bincount(left, minlength=size).astype(np.float64)
        if len(crossing):
            first = np.bincount(left[crossing], minlength=size)
            second = np.bincount(right[crossing], minlength=size)
            sizes += math.sqrt(0.5) * (first + second) - first
        return n * n / float(sizes @ sizes)

    def touching(self, cells: Floats) -> Floats:
        """Return the sum of the values of the cells that each group is a side of."""
        sums: Floats = np.zeros(self.n_groups)
        for side in (self.cell_left, self.cell_right):
            sums += np.bincount(side, weights=cells, minlength=self.n_groups)
        return sums

    def sums(self, values: Floats) -> tuple[Floats, Floats]:
        """Return the sums of row values inside each group, and inside each cell."""
        inside = values
        if len(self.crossing):
            inside = values.copy()
            inside[self.crossing] = 0.0
        groups = np.bincount(self.group, weights=inside, minlength=self.n_groups)
        cells = np.bincount(self.cell, weights=values[self.crossing], minlength=len(self.cell_left))
        return groups.astype(np.float64), cells.astype(np.float64)

    def effective_rows(self, chosen: NDArray[np.bool_] | None = None) -> float:
        """Return how many independent rows the chosen ones are worth if dependent rows agree.

        Kish's n² / sum of squared cluster sizes; a pair across two clusters counts in both, and
        itself once. Without clusters it is the number of rows.
        """
        left, right = self.cluster, self.second
        if chosen is not None:
            left, right = left[chosen], right[chosen]
        n = len(left)
        if n == 0:
            return 0.0
        crossing = left != right
        size = int(max(left.max(), right.max())) + 1
        counts = np.bincount(left, minlength=size) + np.bincount(right[crossing], minlength=size)
        squares = float((counts.astype(np.float64) ** 2).sum())
        if crossing.any():
            low = np.minimum(left[crossing], right[crossing]).astype(np.int64)
            high = np.maximum(left[crossing], right[crossing])
            together = np.unique(low * size + high, return_counts=True)[1]
            squares -= float((together.astype(np.float64) ** 2).sum())
        return n * n / squares


def group_rows(cluster: Ints, other: Ints, key: bytes) -> Grouping:
    """Put the clusters into at most 1,000 groups of about equally many clusters, by chance."""
    present = np.unique(np.concatenate((cluster, other)))
    n_clusters = len(present)
    n_groups = min(n_clusters, MAX_GROUPS)
    # Sorting by a keyed number per cluster is a shuffle that no library release can change.
    shuffled = np.argsort(uniform(key, b"groups", n_clusters), kind="stable")
    group_of = np.empty(n_clusters, np.int32)
    group_of[shuffled] = np.arange(n_clusters) % max(n_groups, 1)
    table = np.zeros(int(present[-1]) + 1 if n_clusters else 0, np.int32)
    table[present] = group_of
    group, second = table[cluster], table[other]
    crossing = np.flatnonzero(group != second)
    low = np.minimum(group[crossing], second[crossing]).astype(np.int64)
    high = np.maximum(group[crossing], second[crossing])
    pairs, cell = np.unique(low * max(n_groups, 1) + high, return_inverse=True)
    return Grouping(
        group=group,
        other=second,
        crossing=crossing,
        cell=cell.astype(np.int32),
        cell_left=(pairs // max(n_groups, 1)).astype(np.int32),
        cell_right=(pairs % max(n_groups, 1)).astype(np.int32),
        n_groups=n_groups,
        n_clusters=n_clusters,
        cluster=cluster,
        second=other,
    )


def uniform(key: bytes, purpose: bytes, n: int) -> Floats:
    """Return n numbers in (0, 1) from SHAKE-256 of key and purpose."""
    stream = hashlib.shake_256(b"challenge\x00" + purpose + b"\x00" + key).digest(8 * n)
    numbers: Floats = (np.frombuffer(stream, "<u8") >> np.uint64(11)).astype(np.float64)
    return (numbers + 0.5) * 2.0**-53
