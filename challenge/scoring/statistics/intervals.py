"""95 % intervals from the jackknife, with dependent rows taken together.

The change of the metric without each group (`jackknife`) is squared and summed. A pair across two
groups belongs to both and is counted once (the dyadic estimate of Fafchamps and Gubert 2007). A
rare class adds the variance of a quarter of a hit and a quarter of a miss: six correct rows of six
are no evidence of a variance of 0. At the edges, where it vanishes, the exact interval is used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from challenge.errors import counted
from challenge.kinds.base import Scale
from challenge.kinds.statistics.distributions import t_quantile
from challenge.kinds.statistics.grouping import Grouping
from challenge.kinds.statistics.jackknife import Influence, split_cells

__all__ = [
    "MIN_CLUSTERS",
    "Spread",
    "interval",
    "spread",
    "too_few_clusters",
]

MIN_CLUSTERS = 30
CONFIDENCE = 0.95
LEAST_VARIANCE_SHARE = 0.1
SLOPE = 2.0
"""A half-width grows at most twice as fast as the quantile, for any skew of the metric."""

FAR = 3.0
"""The longest half-width, in those of the plain interval; one hit among independent rows reaches
2.4. A macro-F1 of .0004 is not a share of rows: if its error grew like one, it would reach .4."""

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

    With fewer, the error itself is hardly known (docs/intervals.md). The rounded number is
    compared, because it is the one shown.
    """
    worth = grouping.effective_clusters
    if round(worth) >= MIN_CLUSTERS:
        return None
    if grouping.n_clusters < MIN_CLUSTERS:
        found = counted(grouping.n_clusters, "independent cluster")
        return f"no interval: {found}, fewer than {MIN_CLUSTERS}"
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
    estimate may fall below 0 by chance, so it is at least a tenth of what unrelated pairs give.

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
    variance = max(
        (1.0 - total) * second - twice, LEAST_VARIANCE_SHARE * _unrelated(grouping, influence)
    )
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


def interval(value: float, spread: Spread, scale: Scale) -> tuple[float, float]:
    """Return the 95 % interval of a metric that is not at an edge.

    A loss has a t interval on its logarithm. An unbounded metric and a difference have one on their
    own scale.

    A share s, and a correlation c as the share (1 + c) / 2, has the score interval of Wilson (1927,
    JASA 22). It contains each share p whose distance from s is at most the half-width; the error at
    p is that at s times √(p (1 - p) / s (1 - s)). It stays in [0, 1], and unlike a logit it is not
    steep near the edges. Where the half-width is longer than √(s (1 - s)), s is worth less than
    about four rows and the error elsewhere is unknown. The share then stays on its own scale, cut
    at the edges. No end is further than `FAR` half-widths. The two half-widths are those of a
    skewed mean (`_half_widths`): a metric that few bad groups can lower has the longer one below.
    """
    below, above = _half_widths(spread)
    if scale == "identity":
        return value - below, value + above
    if scale == "loss":
        return value * math.exp(-min(below / value, 700.0)), value * math.exp(
            min(above / value, 700.0)
        )
    if scale == "correlation":
        share = (1.0 + value) / 2.0
        low, high = _score_end(share, below / 2.0, -1), _score_end(share, above / 2.0, 1)
        return min(2.0 * low - 1.0, value), max(2.0 * high - 1.0, value)
    return _score_end(value, below, -1), _score_end(value, above, 1)


def _score_end(share: float, half_width: float, side: Literal[-1, 1]) -> float:
    variance = share * (1.0 - share)
    if variance == 0.0 or (ratio := half_width**2 / variance) > 1.0:
        return min(max(share + side * half_width, 0.0), 1.0)
    root: float = math.sqrt(ratio * (variance + ratio / 4.0))
    end = (share + ratio / 2.0 + side * root) / (1.0 + ratio)
    if side > 0:
        return max(min(end, share + FAR * half_width, 1.0), share)
    return min(max(end, share - FAR * half_width, 0.0), share)


def _half_widths(spread: Spread) -> tuple[float, float]:
    """Return how far the interval reaches below and above, both positive.

    The studentised mean T of skewed values is made symmetrical by T + s T²/3 + s² T³/27 + s/6, s
    being the skew of the mean (Hall 1992, "On the removal of skewness by transformation", JRSS B
    54). The half-widths are the T at which that is ± the quantile of Student's t. The jackknife's
    values are used as the values (Tukey). Solved for T this is a cubic root, which is vertical at
    0: there the root, not the data, would decide the half-width (nine standard errors of a metric
    that one cluster dominates). Where its slope exceeds `SLOPE`, the tangent is used instead.
    """
    reach = t_quantile(0.5 + 0.5 * CONFIDENCE, spread.df)
    if abs(spread.skew) < 1e-9:
        return reach * spread.error, reach * spread.error
    third = spread.skew / 3.0

    edge = math.pow(SLOPE, -1.5)

    def back(x: float) -> float:
        cube = 1.0 + 3.0 * third * (x - third / 2.0)
        beyond = min(cube - edge, 0.0)
        return (math.pow(max(cube, edge), 1.0 / 3.0) - 1.0 + beyond * SLOPE / 3.0) / third

    return back(reach) * spread.error, -back(-reach) * spread.error
