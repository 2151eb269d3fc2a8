"""95 % intervals from the influence of each row, with dependent rows taken together.

The variance of a metric is the sum of its influences squared over clusters; a pair across two
clusters stands in both and is counted once (the dyadic estimate of Fafchamps and Gubert 2007).
Where it vanishes, at the edges, the exact interval of Clopper and Pearson takes over.
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
    "influence_of_rows",
    "interval",
    "standard_error",
]

MIN_CLUSTERS = 30
CONFIDENCE = 0.95

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


def standard_error(grouping: Grouping, influence: Influence) -> float:
    """Return the standard error of a metric from its influence.

    With groups as clusters: root of G/(G-1) times the sum of squares. It is never less than what
    pairs that do not depend on each other would give.
    """
    groups = influence.groups
    if len(influence.cells):
        touching = (
            groups
            + np.bincount(grouping.cell_left, weights=influence.cells, minlength=grouping.n_groups)
            + np.bincount(grouping.cell_right, weights=influence.cells, minlength=grouping.n_groups)
        )
        in_cells = float(influence.cells @ influence.cells)
        squares = max(float(touching @ touching) - in_cells, float(groups @ groups) + in_cells)
    else:
        squares = float(groups @ groups)
    n = grouping.n_groups
    return math.sqrt(squares * n / (n - 1)) if n > 1 else math.nan


def interval(value: float, error: float, df: float, scale: Scale) -> tuple[float, float]:
    """Return the 95 % interval of a metric that is not at an edge.

    The t interval is built on a scale without edges and mapped back: the logit of a share, the
    logit of (1 + correlation) / 2, the logarithm of a loss; a difference stays as it is.
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
    low, high = (_expit(end) for end in (logit - on_logit, logit + on_logit))
    return (2.0 * low - 1.0, 2.0 * high - 1.0) if scale == "correlation" else (low, high)


def _expit(x: float) -> float:
    return 0.5 * (1.0 + math.tanh(0.5 * x))
