"""Which rows depend on each other, and the clusters that they are put into.

Rows of one group or entity are one cluster. More than 1,000 of them are joined by chance, whole
ones together. A pair of records belongs to two entities: connected components of entities are
clusters of their own where there are enough; else pairs lie across two clusters.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "MAX_CROSSED",
    "MAX_GROUPS",
    "MIN_CLUSTERS",
    "Grouping",
    "components",
    "effective_clusters",
    "group_rows",
    "uniform",
]

MAX_GROUPS = 1_000
MAX_CROSSED = 250
"""So many clusters where pairs lie across two: their couples grow with the square."""

MIN_CLUSTERS = 12
"""Below so many independent clusters an accuracy is covered in 90 to 92 % only."""

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]

_COLUMNS = ("group", "other", "crossing", "cell", "cell_left", "cell_right")


@dataclass(frozen=True, eq=False)
class Grouping:
    """Which rows of a subset depend on each other.

    Row j is in the clusters `group[j]` and `other[j]`. Where these differ the row is in a couple,
    the unordered pair of both: `crossing` are those rows, `cell` the couple of each, `cell_left`
    and `cell_right` the clusters of each couple. `n_clusters` counts the clusters before any were
    joined, `effective_clusters` how many independent ones of equal size these are worth.
    `cluster` and `second` are the group or the entities of each row.
    """

    group: Ints
    other: Ints
    crossing: NDArray[np.intp]
    cell: Ints
    cell_left: Ints
    cell_right: Ints
    n_groups: int
    n_clusters: int
    effective_clusters: float
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

    @property
    def independent(self) -> bool:
        """Whether every row is a cluster of its own."""
        return self.n_clusters == len(self.group) and len(self.crossing) == 0

    @cached_property
    def every(self) -> tuple[Floats, Floats]:
        """How many rows each cluster, and each couple has."""
        return self.touched(np.ones(len(self.group)))

    def touched(self, values: Floats | NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Return the sums of row values (n,) over the rows of each cluster, and of each couple.

        A pair across two clusters counts in both. Few true values are summed fast.
        """
        clusters: Floats = np.zeros(self.n_groups)
        if values.dtype == np.bool_ and not len(self.crossing):
            clusters += np.bincount(self.group[np.flatnonzero(values)], minlength=self.n_groups)
            return clusters, np.zeros(len(self.cell_left))
        clusters += np.bincount(self.group, weights=values, minlength=self.n_groups)
        crossing = values[self.crossing]
        clusters += np.bincount(self.other_of_crossing, weights=crossing, minlength=self.n_groups)
        couples = np.bincount(self.cell, weights=crossing, minlength=len(self.cell_left))
        return clusters, couples.astype(np.float64)

    def to_bytes(self) -> bytes:
        """Return which rows are in which cluster or couple, without the groups behind them."""
        columns = [getattr(self, name).astype("<i4") for name in _COLUMNS]
        head = [self.n_groups, self.n_clusters, self.effective_clusters, *map(len, columns)]
        parts = [np.array(head, "<f8").tobytes(), *(column.tobytes() for column in columns)]
        return zlib.compress(b"".join(parts))

    @classmethod
    def from_bytes(cls, content: bytes) -> Grouping:
        """Return the grouping that `to_bytes` wrote; its clusters stand for the groups."""
        plain = zlib.decompress(content)
        size = 8 * (3 + len(_COLUMNS))
        n_groups, n_clusters, effective, *lengths = np.frombuffer(plain[:size], "<f8").tolist()
        ends = np.cumsum([int(length) for length in lengths])[:-1]
        columns = np.split(np.frombuffer(plain[size:], "<i4"), ends)
        found = dict(zip(_COLUMNS, columns, strict=True))
        return cls(
            **found,
            n_groups=int(n_groups),
            n_clusters=int(n_clusters),
            effective_clusters=effective,
            cluster=found["group"],
            second=found["other"],
        )


def group_rows(cluster: Ints, other: Ints, key: bytes) -> Grouping:
    """Put rows into clusters: at most 1,000, or 250 where more have pairs in common, by chance."""
    first, second = _clusters(cluster, other)
    present = np.unique(np.concatenate((first, second)))
    n_clusters = len(present)
    n_groups = n_clusters
    if n_clusters > MAX_GROUPS:
        n_groups = MAX_GROUPS if first is second else MAX_CROSSED
    # Sorting by a keyed number per cluster is a shuffle that no library release can change.
    shuffled = np.argsort(uniform(key, b"groups", n_clusters), kind="stable")
    group_of = np.empty(n_clusters, np.int32)
    group_of[shuffled] = np.arange(n_clusters) % max(n_groups, 1)
    table = np.zeros(int(present[-1]) + 1 if n_clusters else 0, np.int32)
    table[present] = group_of
    left, right = table[first], table[second]
    crossing = np.flatnonzero(left != right)
    low = np.minimum(left[crossing], right[crossing]).astype(np.int64)
    high = np.maximum(left[crossing], right[crossing])
    couples, cell = np.unique(low * max(n_groups, 1) + high, return_inverse=True)
    return Grouping(
        group=left,
        other=right,
        crossing=crossing,
        cell=cell.astype(np.int32),
        cell_left=(couples // max(n_groups, 1)).astype(np.int32),
        cell_right=(couples % max(n_groups, 1)).astype(np.int32),
        n_groups=n_groups,
        n_clusters=n_clusters,
        effective_clusters=_worth(first, second),
        cluster=cluster,
        second=other,
    )


def _clusters(cluster: Ints, other: Ints) -> tuple[Ints, Ints]:
    """Return the cluster of each row twice, or both of its entities."""
    if np.array_equal(cluster, other):
        return cluster, cluster
    n_nodes = int(max(cluster.max(), other.max())) + 1
    component = components(cluster, other, n_nodes)[cluster].astype(np.int32)
    if round(_worth(component, component)) >= MIN_CLUSTERS:
        return component, component
    return cluster, other


def effective_clusters(cluster: Ints, other: Ints) -> float:
    """Return how many independent clusters of equal size those of these rows are worth."""
    return _worth(*_clusters(cluster, other))


def _worth(left: Ints, right: Ints) -> float:
    """Return how many independent clusters of equal size the clusters are worth.

    Kish's n² / sum of squared sizes (Survey Sampling, 1965). A pair across two clusters has half
    its noise from each and so weighs 1/√2 in both: 30 equal clusters whose pairs all cross are
    worth 15, the number of pairs that share none. 0 without rows.
    """
    n = len(left)
    if n == 0:
        return 0.0
    if left is right:
        counts = np.bincount(left).astype(np.float64)
        return n * n / float(counts @ counts)
    size = int(max(left.max(), right.max())) + 1
    weights = np.where(left == right, 0.5, np.sqrt(0.5))
    sizes = np.bincount(left, weights, size) + np.bincount(right, weights, size)
    return n * n / float(sizes @ sizes)


def components(
    left: NDArray[np.integer], right: NDArray[np.integer], n_nodes: int
) -> NDArray[np.int64]:
    """Return the connected component of each node, as its smallest node; links are (left, right).

    >>> components(np.array([0, 1]), np.array([1, 2]), 4).tolist()
    [0, 0, 0, 3]
    """
    parent = np.arange(n_nodes, dtype=np.int64)
    one, two = left.astype(np.int64), right.astype(np.int64)
    while len(one):
        low, high = np.minimum(parent[one], parent[two]), np.maximum(parent[one], parent[two])
        open_links = low != high
        one, two, low, high = (a[open_links] for a in (one, two, low, high))
        np.minimum.at(parent, high, low)
        while not np.array_equal(shorter := parent[parent], parent):
            parent = shorter
    return parent


def uniform(key: bytes, purpose: bytes, n: int) -> Floats:
    """Return n numbers in (0, 1) from SHAKE-256 of key and purpose."""
    stream = hashlib.shake_256(b"challenge\x00" + purpose + b"\x00" + key).digest(8 * n)
    numbers: Floats = (np.frombuffer(stream, "<u8") >> np.uint64(11)).astype(np.float64)
    return (numbers + 0.5) * 2.0**-53
