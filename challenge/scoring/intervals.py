"""95 % intervals from the jackknife, with dependent rows taken together.

What each group moves (`jackknife`) is squared and summed; a pair across two groups stands in both
and is counted once (the dyadic estimate of Fafchamps and Gubert 2007). A rare class adds what a
quarter of a hit and of a miss more would tell, since six right rows of six prove no variance of
nothing. Where it vanishes, at the edges, the exact interval takes over.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from challenge.scoring.distributions import t_quantile
from challenge.scoring.jackknife import Influence, split_cells
from challenge.scoring.weights import Grouping

__all__ = [
    "MIN_CLUSTERS",
    "Scale",
    "Spread",
    "doubt_of_share",
    "interval",
    "spread",
    "too_few_clusters",
]

MIN_CLUSTERS = 30
CONFIDENCE = 0.95
STEEP = 4.0
"""Reach on the logit beyond which its slope says nothing: one right row among few gives 2 to 3."""
FLOOR = 0.1

Scale = Literal["share", "correlation", "loss", "difference"]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """Standard error of a metric, the degrees of freedom with which it is known, and its skew.

    `skew` is what the dependence of rows adds to the third cumulant, over the error cubed.
    """

    error: float
    df: float
    skew: float = 0.0

    def raised(self, variance: float) -> Spread:
        """Return the spread with a symmetric variance added."""
        error = math.hypot(self.error, math.sqrt(variance))
        return Spread(error, self.df, self.skew * (self.error / error) ** 3 if error else 0.0)


def too_few_clusters(grouping: Grouping) -> str | None:
    """Return why there is no interval when the clusters are worth fewer than 30, else None.

    With fewer the error is known too badly for any quantile to help (docs/intervals.md). Compared
    is the rounded figure, which is the one shown.
    """
    worth = grouping.effective_clusters
    if round(worth) >= MIN_CLUSTERS:
        return None
    if grouping.n_clusters < MIN_CLUSTERS:
        return f"no interval: {grouping.n_clusters} independent clusters, fewer than {MIN_CLUSTERS}"
    return (
        f"no interval: {grouping.n_clusters} clusters of unequal size or with pairs in common are "
        f"worth {worth:.0f} independent ones, fewer than {MIN_CLUSTERS}"
    )


def spread(grouping: Grouping, influence: Influence) -> Spread:
    """Return the standard error of a metric from its influence, groups being the clusters.

    The jackknife of clusters (CV3 of MacKinnon, Nielsen and Webb, "Leverage, influence, and the
    jackknife in clustered regression models", Stata Journal 2023), times 1 - sum of squared
    shares, which is (G - 1) / G when groups are equal. It holds second-order terms and so is not
    too low where the first-order influences nearly cancel (Efron and Stein 1981). The dyadic
    estimate may fall below 0 by chance; a tenth of what unrelated pairs would give is its floor.

    Degrees of freedom are the fewer of two counts. From the sizes alone: those of Bell and
    McCaffrey (2002) when rows of a group agree, (sum of squares)² / sum of fourth powers of the
    shares, less one for the mean. From what the groups moved: Satterthwaite's with the
    correction of Johnson and Rust (1992), (3.16 - 2.77 / √G) (sum d²)² / sum d⁴. Rounded down.

    The skew is the third cumulant beyond that of independent rows: a pair counts once, and what
    rows have by themselves, as a share of hits does, is the business of the scale.
    """
    if grouping.n_groups < 2:
        return Spread(math.nan, math.nan)
    moved = influence.groups
    own, common = split_cells(grouping, influence.cells)
    twice = float(own @ own) - 0.5 * float(common @ common)
    squares = grouping.shares**2
    total, second = float(squares.sum()), float(moved @ moved)
    variance = max((1.0 - total) * second - twice, FLOOR * _unrelated(grouping, influence))
    if second == 0.0:
        return Spread(math.sqrt(variance), grouping.n_groups - 1)
    from_sizes = total**2 / float(squares @ squares) - 1.0
    from_moves = (3.16 - 2.77 / math.sqrt(grouping.n_groups)) * second**2 / float((moved**4).sum())
    third = float((moved**3).sum() - (influence.cells**3).sum()) - influence.cubes
    skew = max(-1.0, min(third / variance**1.5, 1.0)) if variance > 0.0 else 0.0
    df = max(math.floor(min(from_sizes, from_moves)), 1)
    return Spread(math.sqrt(variance), df, skew)


def _unrelated(grouping: Grouping, influence: Influence) -> float:
    """Return the variance if only pairs of the same two groups depended on each other."""
    if len(influence.cells) == 0:
        return 0.0
    own, common = split_cells(grouping, influence.cells)
    alone = influence.groups - grouping.touching(own + 0.5 * common)
    return float(alone @ alone) + float(influence.cells @ influence.cells)


def doubt_of_share(shares: Floats, effective: Floats, slopes: Floats) -> Floats:
    """Return the variance that a quarter of a hit and of a miss more lend to shares of few rows.

    `effective` are their rows, `slopes` the derivatives of the metric by the shares.
    """
    spread_of_one: Floats = 0.25 * (shares**2 + (1.0 - shares) ** 2)
    return spread_of_one * (slopes / effective) ** 2


def interval(value: float, spread: Spread, scale: Scale) -> tuple[float, float]:
    """Return the 95 % interval of a metric that is not at an edge.

    The t interval is built on a scale without edges and mapped back: the logit of a share, the
    logit of (1 + correlation) / 2, the logarithm of a loss; a difference stays as it is. So near
    an edge that the logit is too steep (`STEEP`), a share stays as it is too, cut at the edge.
    Its two arms are those of a skewed mean (`_arms`): a metric that few bad groups can pull down
    has its long arm there.
    """
    below, above = _arms(spread)
    if scale == "difference":
        return value - below, value + above
    if scale == "loss":
        return value * math.exp(-min(below / value, 700.0)), value * math.exp(
            min(above / value, 700.0)
        )
    share = (1.0 + value) / 2.0 if scale == "correlation" else value
    if scale == "correlation":
        below, above = below / 2.0, above / 2.0
    logit, slope = math.log(share / (1.0 - share)), share * (1.0 - share)
    if max(below, above) / slope > STEEP:
        low, high = max(share - below, 0.0), min(share + above, 1.0)
    else:
        low, high = _expit(logit - below / slope), _expit(logit + above / slope)
    return (2.0 * low - 1.0, 2.0 * high - 1.0) if scale == "correlation" else (low, high)


def _arms(spread: Spread) -> tuple[float, float]:
    """Return how far the interval reaches below and above, both positive.

    The studentised mean T of skewed values is made symmetrical by T + s T²/3 + s² T³/27 + s/6, s
    being the skew of the mean (Hall 1992, "On the removal of skewness by transformation", JRSS B
    54); the arms are the T at which that is ± the quantile of Student's t. The jackknife's values
    are taken for the values, as Tukey does.
    """
    reach = t_quantile(0.5 + 0.5 * CONFIDENCE, spread.df)
    if abs(spread.skew) < 1e-9:
        return reach * spread.error, reach * spread.error
    third = spread.skew / 3.0

    def back(x: float) -> float:
        cube = 1.0 + 3.0 * third * (x - third / 2.0)
        return (math.copysign(abs(cube) ** (1.0 / 3.0), cube) - 1.0) / third

    return back(reach) * spread.error, -back(-reach) * spread.error


def _expit(x: float) -> float:
    return 0.5 * (1.0 + math.tanh(0.5 * x))
