"""95 % intervals from the influence of each row, with dependent rows taken together.

The variance of a metric is the sum of its influences squared over clusters; a pair across two
clusters stands in both and is counted once (the dyadic estimate of Fafchamps and Gubert 2007). A
rare class adds what a quarter of a hit and of a miss more would tell, since six right rows of six
prove no variance of nothing. Where it vanishes, at the edges, the exact interval takes over.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from challenge.scoring.distributions import t_quantile
from challenge.scoring.weights import Grouping

__all__ = [
    "MIN_CLUSTERS",
    "Influence",
    "Scale",
    "Spread",
    "doubt_of_share",
    "effective_groups",
    "influence_of_rows",
    "interval",
    "spread",
]

MIN_CLUSTERS = 30
CONFIDENCE = 0.95
STEEP = 4.0
"""Reach on the logit beyond which its slope says nothing: one right row among few gives 2 to 3."""
FLOOR = 0.1
FEW_CLUSTERS = 2.0

Scale = Literal["share", "correlation", "loss", "difference"]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Influence:
    """Influence summed inside groups, and inside the cells of pairs across two groups.

    Influences of two submissions may be subtracted: that is the influence of their difference.
    """

    groups: Floats
    cells: Floats

    def __sub__(self, other: Influence) -> Influence:
        """Return the influence of the difference of two metrics."""
        return Influence(self.groups - other.groups, self.cells - other.cells)


def influence_of_rows(grouping: Grouping, rows: Floats) -> Influence:
    """Return the influence of each group and cell, from that of each row."""
    return Influence(*grouping.sums(rows))


@dataclass(frozen=True)
class Spread:
    """Standard error of a metric, and the degrees of freedom with which it is known."""

    error: float
    df: float


def spread(grouping: Grouping, influence: Influence) -> Spread:
    """Return the standard error of a metric from its influence, groups being the clusters.

    A pair across two groups stands in both; what all such pairs have in common (matches and others
    move a metric differently) is shared out by halves, or the number of pairs of an entity would
    seem to move it. Each group's sum is divided by the share of rows that do not depend on it, as
    the jackknife does: G/(G-1) in all when groups are equal. The dyadic estimate may fall below 0
    by chance; a tenth of what pairs without shared records would give is its floor. With
    few clusters the sum is too low, more so where a row depends on two: it is raised by 2 / (what
    the groups are worth) for each, which is what the simulations asked for.

    Degrees of freedom follow from how unequal the squares are: 2G / (kurtosis - 1), at least 4, and
    at most one less than the groups are worth; few clusters that decide count as few.
    """
    if grouping.n_groups < 2:
        return Spread(math.nan, math.nan)
    cells, rows = influence.cells, grouping.cell_sizes
    common = float(cells.sum() / rows.sum()) * rows if len(cells) else cells
    own = cells - common
    touching = _touching(grouping, Influence(influence.groups, own + 0.5 * common))
    twice = float(own @ own) - 0.5 * float(common @ common)
    apart = float(influence.groups @ influence.groups) + float(cells @ cells)
    n_rows = grouping.sizes.sum() - rows.sum()
    freed = touching / np.maximum(1.0 - grouping.sizes / n_rows, 0.5)
    shares = grouping.sizes / grouping.sizes.sum()
    worth = 1.0 / float((shares**2).sum())
    squares = (1.0 - 1.0 / worth) * float(freed @ freed) - twice
    squares *= 1.0 + FEW_CLUSTERS * (2.0 if len(cells) else 1.0) / worth
    return Spread(math.sqrt(max(squares, FLOOR * apart)), _degrees(touching, worth - 1.0))


def _degrees(sums: Floats, most: float) -> float:
    second, fourth = float((sums**2).mean()), float((sums**4).mean())
    if second == 0.0 or fourth <= second**2:
        return max(most, 4.0)
    return max(min(2.0 * len(sums) / (fourth / second**2 - 1.0), most), 4.0)


def _touching(grouping: Grouping, influence: Influence) -> Floats:
    """Return the summed influence of all rows that depend on each group."""
    touching = influence.groups.copy()
    for side in (grouping.cell_left, grouping.cell_right):
        touching += np.bincount(side, weights=influence.cells, minlength=grouping.n_groups)
    return touching


def effective_groups(grouping: Grouping, chosen: NDArray[np.bool_]) -> float:
    """Return how many groups of equal size the chosen rows are worth: (sum of sizes)² / squares."""
    sizes = _touching(grouping, Influence(*grouping.sums(chosen.astype(np.float64))))
    squares = float(sizes @ sizes)
    return float(sizes.sum()) ** 2 / squares if squares > 0.0 else 0.0


def doubt_of_share(shares: Floats, effective: Floats, slopes: Floats) -> Floats:
    """Return the variance that a quarter of a hit and of a miss more lend to shares of few rows.

    `effective` are their rows, `slopes` the derivatives of the metric by the shares.
    """
    spread_of_one: Floats = 0.25 * (shares**2 + (1.0 - shares) ** 2)
    return spread_of_one * (slopes / effective) ** 2


def interval(value: float, error: float, df: float, scale: Scale) -> tuple[float, float]:
    """Return the 95 % interval of a metric that is not at an edge.

    The t interval is built on a scale without edges and mapped back: the logit of a share, the
    logit of (1 + correlation) / 2, the logarithm of a loss; a difference stays as it is. So near
    an edge that the logit is too steep (`STEEP`), a share stays as it is too, cut at the edge.
    """
    reach = t_quantile(0.5 + 0.5 * CONFIDENCE, df) * error
    if scale == "difference":
        return value - reach, value + reach
    if scale == "loss":
        factor = math.exp(min(reach / value, 700.0))
        return value / factor, value * factor
    share = (1.0 + value) / 2.0 if scale == "correlation" else value
    if scale == "correlation":
        reach /= 2.0
    logit, on_logit = math.log(share / (1.0 - share)), reach / (share * (1.0 - share))
    if on_logit > STEEP:
        low, high = max(share - reach, 0.0), min(share + reach, 1.0)
    else:
        low, high = (_expit(end) for end in (logit - on_logit, logit + on_logit))
    return (2.0 * low - 1.0, 2.0 * high - 1.0) if scale == "correlation" else (low, high)


def _expit(x: float) -> float:
    return 0.5 * (1.0 + math.tanh(0.5 * x))
