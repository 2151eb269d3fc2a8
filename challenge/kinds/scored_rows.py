"""What a kind is given to score, and what it says about each metric."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenge.scoring.statistics.block_weights import Grouping
from challenge.scoring.statistics.distributions import clopper_pearson
from challenge.scoring.statistics.intervals import Scale
from challenge.scoring.statistics.jackknife import Influence

__all__ = ["Measured", "ScoredRows", "edge_of_shares", "f1_of_jaccard", "undefined"]


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """The truth of the rows that count: `rows` are their positions in the table of `n_table` rows.

    `labels` and `grouping` are of these rows, `classes` the names of the task. `left`, `right` and
    `seen` are those of the solution, None without record ids.
    """

    rows: NDArray[np.intp]
    n_table: int
    labels: NDArray[np.int32]
    classes: tuple[str, ...]
    grouping: Grouping
    left: NDArray[np.int32] | None = None
    right: NDArray[np.int32] | None = None
    seen: NDArray[np.int8] | None = None

    @property
    def n(self) -> int:
        """Number of rows that count."""
        return len(self.rows)

    def of(self, column: NDArray[Any]) -> NDArray[Any]:
        """Return the values of the rows that count; no copy when all do."""
        return column if self.n == self.n_table else column[self.rows]


@dataclass(frozen=True, eq=False)
class Measured:
    """One metric of one submission.

    `value` is None when it is undefined, and `reason` says why (or why there is no interval).
    `influence` gives the influence of groups and cells, `added_variance` the variance that few rows
    of a class add, `edge` is the exact interval for a value on the edge of its range, where no
    influence is left.
    """

    value: float | None
    reason: str | None = None
    scale: Scale = "share"
    influence: Callable[[], Influence] | None = None
    edge: Callable[[], tuple[float, float]] | None = None
    added_variance: Callable[[], float] = lambda: 0.0


def undefined(reason: str) -> Measured:
    """Return a metric without a value."""
    return Measured(None, reason)


def f1_of_jaccard(share: float) -> float:
    """Return the F1 that belongs to hits / (hits + errors): 2s / (1 + s)."""
    return 2.0 * share / (1.0 + share)


def edge_of_shares(
    right: bool, effective: list[float], weights: list[float], *, jaccard: bool
) -> tuple[float, float]:
    """Return the interval of a weighted mean of shares that are all 1 (`right`) or all 0.

    Each share has its exact interval from its effective number of rows; their distances from the
    edge are joined as roots of squares (MOVER, Zou and Donner 2008). With `jaccard` the shares are
    hits / (hits + errors), and the mean is one of F1.
    """
    total = 0.0
    for n, weight in zip(effective, weights, strict=True):
        low, high = clopper_pearson(n if right else 0.0, n)
        share = low if right else high
        if jaccard:
            share = f1_of_jaccard(share)
        total += (weight * (1.0 - share if right else share)) ** 2
    distance = min(1.0, math.sqrt(total))
    return (1.0 - distance, 1.0) if right else (0.0, distance)
