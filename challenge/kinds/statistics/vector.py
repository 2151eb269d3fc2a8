"""What each cluster of rows contributes to a figure, and the 95 % interval that follows.

Everything that is said about the noise of a score is arithmetic on these vectors: its interval, a
paired difference, the mean of a track, rank ranges and ties.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenge.kinds.base import Interval, Scale
from challenge.kinds.statistics.distributions import t_quantile
from challenge.kinds.statistics.grouping import MIN_CLUSTERS, Grouping

__all__ = [
    "MIN_LOSS_DF",
    "Ratios",
    "Spread",
    "Vector",
    "edge_interval",
    "interval",
    "joined",
    "ratio_of_rows",
    "rest_of",
    "spread",
    "spreads",
    "too_few_clusters",
    "vector_of_rows",
]

Floats = NDArray[np.float64]

MIN_LOSS_DF = 5.0
"""Below so many degrees of freedom a few rows carry a loss, and its interval means little."""

_ADDED_ROWS = 1.0
"""Added to each of several ratios, at their common value: without it, classes of few rows that are
all right seem to have no variance, and intervals cover 87 to 90 %."""

_SMALLEST_REST = 0.5
"""Without a cluster at least this share of a denominator is taken to be left."""

_Z = 1.959963984540054


@dataclass(frozen=True, eq=False)
class Vector:
    """What a figure loses without each cluster (G,), and without the pairs of each couple (C,).

    Those of several figures are stacked, (n, G) and (n, C). A couple is two clusters
    that share pairs; there are none where rows lie in one cluster each.
    Vectors of one grouping may be subtracted and scaled: that is the vector of the difference.
    Enough of them reveal the labels, so they are as secret as the solution.
    """

    clusters: Floats
    couples: Floats = field(default_factory=lambda: np.zeros(0))

    def to_bytes(self) -> bytes:
        """Return the number of clusters, then all values, as 8-byte little-endian numbers."""
        size = np.array([len(self.clusters)], "<u8").tobytes()
        return size + np.concatenate((self.clusters, self.couples)).astype("<f8").tobytes()

    @classmethod
    def from_bytes(cls, content: bytes) -> Vector:
        """Return the vector that `to_bytes` wrote; raise ValueError for anything else."""
        size, values = np.frombuffer(content[:8], "<u8"), np.frombuffer(content[8:], "<f8")
        if len(size) != 1 or int(size[0]) > len(values) or not np.isfinite(values).all():
            raise ValueError("not a vector")
        return cls(values[: int(size[0])], values[int(size[0]) :])

    def __sub__(self, other: Vector) -> Vector:
        """Return the vector of the difference of two figures."""
        return Vector(self.clusters - other.clusters, self.couples - other.couples)

    def rows(self, index: Any) -> Vector:
        """Return some of several stacked vectors."""
        return Vector(self.clusters[index], self.couples[index])

    def __mul__(self, factor: float) -> Vector:
        """Return the vector of a multiple of the figure."""
        return Vector(self.clusters * factor, self.couples * factor)


def joined(vectors: Sequence[Vector]) -> Vector:
    """Return the vector of a sum of independent figures, such as those of several tasks."""
    return Vector(
        np.concatenate([one.clusters for one in vectors], axis=-1),
        np.concatenate([one.couples for one in vectors], axis=-1),
    )


@dataclass(frozen=True)
class Spread:
    """The standard error of a figure, and the degrees of freedom with which it is known."""

    error: float
    df: float
    quantile: float | None = None
    """That of Student's t, where it is known."""

    @property
    def reach(self) -> float:
        """Half the width of the plain interval: the error times the quantile of Student's t."""
        quantile = float(t_quantile(_Z, self.df)) if self.quantile is None else self.quantile
        return quantile * self.error


def spread(vector: Vector) -> Spread:
    """Return the standard error that a vector shows.

    Clusters: (1 - 1/G) times the sum of squares, the delete-one-cluster jackknife (Efron and Stein
    1981), with the degrees of freedom of Johnson and Rust (1992). With couples a pair is in two
    clusters: the dyadic estimate of Fafchamps and Gubert (2007) takes off what was counted twice,
    and is at least the variance that unrelated couples would have.

    >>> spread(Vector(np.array([3.0, -4.0]))).error.__round__(6)
    3.535534
    """
    moved = vector.clusters
    n = len(moved)
    squares = float(moved @ moved)
    if n < 2 or squares == 0.0:
        return Spread(0.0, max(n - 1.0, 1.0))
    shared = float(vector.couples @ vector.couples)
    variance = max((1.0 - 1.0 / n) * squares - shared, shared)
    fourth = float((moved**2) @ (moved**2))
    df = (3.16 - 2.77 / math.sqrt(n)) * squares**2 / fourth if fourth else n - 1.0
    return Spread(math.sqrt(variance), max(df, 1.0))


def spreads(vectors: Vector) -> list[Spread]:
    """Return what `spread` returns of each of several stacked vectors without couples, faster."""
    n = vectors.clusters.shape[1]
    assert vectors.couples.shape[1] == 0
    moved = vectors.clusters**2
    squares = moved.sum(axis=1)
    moved **= 2
    fourth = moved.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = (3.16 - 2.77 / math.sqrt(n)) * squares**2 / fourth
    df = np.where(squares > 0.0, np.maximum(np.nan_to_num(df, nan=1.0), 1.0), max(n - 1.0, 1.0))
    error = np.sqrt((1.0 - 1.0 / n) * squares)
    columns = (column.tolist() for column in (error, df, t_quantile(_Z, df)))
    return [Spread(*one) for one in zip(*columns, strict=True)]


def interval(value: float, found: Spread, scale: Scale, bounds: Interval) -> Interval | None:
    """Return the 95 % interval of a figure within its bounds; None where too little carries it.

    A share, and a correlation c as (1 + c) / 2, has the score interval of Wilson (1927, JASA 22); a
    loss that of its logarithm; an unbounded figure and a difference are taken as they are.
    """
    least, largest = bounds
    reach = found.reach
    if scale == "loss":
        if found.df < MIN_LOSS_DF:
            return None
        factor = math.exp(min(reach / value, 700.0))
        low, high = value / factor, value * factor
    elif scale == "identity":
        low, high = value - reach, value + reach
    else:
        share, width = (value - least) / (largest - least), reach / (largest - least)
        low, high = (least + (largest - least) * end for end in _wilson(share, width**2))
    return min(max(low, least), value), max(min(high, largest), value)


def edge_interval(value: float, weights: Vector, bounds: Interval) -> Interval:
    """Return the interval of a figure at an end of its bounds, where no cluster moves it.

    `weights` are the shares of the figure that rest on each cluster; they sum to 1. Wilson's
    interval of so many independent rows as these are worth.
    """
    least, largest = bounds
    squares = float(weights.clusters @ weights.clusters)
    shared = float(weights.couples @ weights.couples)
    ratio = _Z**2 * max(squares - shared, shared)
    distance = (largest - least) * ratio / (1.0 + ratio)
    return (least, least + distance) if value == least else (largest - distance, largest)


def _wilson(share: float, squared_reach: float) -> tuple[float, float]:
    variance = share * (1.0 - share)
    if variance <= 0.0:
        return share, share
    ratio = squared_reach / variance
    root = math.sqrt(ratio * (variance + ratio / 4.0))
    return tuple(  # type: ignore[return-value]
        (share + ratio / 2.0 + side * root) / (1.0 + ratio) for side in (-1.0, 1.0)
    )


@dataclass(frozen=True, eq=False)
class Ratios:
    """A figure that is a weighted mean of ratios of sums over rows: sum of w_c X_c / Y_c.

    `above` and `below` are X and Y of each cluster, (G, C); `couples_above` and `couples_below`
    those of each couple; `weights` (C,) sum to 1. Pairs across two clusters count in both.
    """

    above: Floats
    below: Floats
    weights: Floats
    total_above: Floats
    total_below: Floats
    couples_above: Floats
    couples_below: Floats

    @property
    def value(self) -> float:
        """The figure."""
        return float(self.weights @ (self.total_above / self.total_below))

    def vector(self) -> Vector:
        """Return what the figure loses without each cluster, in closed form."""
        if len(self.weights) == 1:
            expected = self.total_above / self.total_below
        else:
            expected = (self.total_above + _ADDED_ROWS * self.value) / (
                self.total_below + _ADDED_ROWS
            )

        def moved(above: Floats, below: Floats) -> Floats:
            rest = rest_of(self.total_below, below)
            lost: Floats = ((above - expected * below) / rest) @ self.weights
            return lost

        return Vector(moved(self.above, self.below), moved(self.couples_above, self.couples_below))

    def shares(self) -> Vector:
        """Return the share of the figure that rests on each cluster."""
        part = self.weights / self.total_below
        return Vector(self.below @ part, self.couples_below @ part)


def rest_of(total: Floats | float, below: Floats) -> Floats:
    """Return what is left of a denominator without each cluster."""
    rest: Floats = np.maximum(total - below, _SMALLEST_REST * total)
    return rest


def ratio_of_rows(
    grouping: Grouping, above: Floats | NDArray[np.bool_], below: Floats | None = None
) -> Ratios:
    """Return the ratio of two sums over rows, what each row adds to them being (n,) both.

    Without `below` it is the mean over all rows.
    """
    sums = grouping.every if below is None else grouping.touched(below)
    of_clusters, of_couples = zip(grouping.touched(above), sums, strict=True)
    return Ratios(
        above=of_clusters[0][:, None],
        below=of_clusters[1][:, None],
        weights=np.ones(1),
        total_above=np.array([above.sum()]),
        total_below=np.array([float(len(above)) if below is None else below.sum()]),
        couples_above=of_couples[0][:, None],
        couples_below=of_couples[1][:, None],
    )


def vector_of_rows(grouping: Grouping, rows: Floats) -> Vector:
    """Return the vector of a figure from the first-order influence of its rows, which sum to 0.

    A mean without a cluster moves by the cluster's sum over the share of rows that stay.
    """
    touching, couples = grouping.touched(rows)
    rest = np.maximum(1.0 - grouping.sizes / max(len(rows), 1), _SMALLEST_REST)
    return Vector(touching / rest, couples)


def too_few_clusters(grouping: Grouping) -> str | None:
    """Return why there is no interval when the clusters are worth fewer than 12, else None.

    The text is published, so it does not state how many there are.
    """
    if round(grouping.effective_clusters) >= MIN_CLUSTERS:
        return None
    if grouping.n_clusters < MIN_CLUSTERS:
        return f"no interval: fewer than {MIN_CLUSTERS} independent clusters"
    return (
        "no interval: clusters of unequal size or with pairs in common are worth fewer than "
        f"{MIN_CLUSTERS} independent ones"
    )
