"""A metric of one outcome: its value, and what its interval is made of.

A new metric needs its value only. Its influence is then found by leaving out one group of rows
after another, its interval has the scale that fits its bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenge.kinds.base import Interval, Metric, Undefined
from challenge.kinds.scored_rows import Outcome, ScoredRows
from challenge.kinds.statistics.distributions import clopper_pearson
from challenge.kinds.statistics.jackknife import Influence, influence_of_rows

__all__ = [
    "MetricEstimate",
    "added_variance_of_share",
    "baseline_of",
    "edge_of_shares",
    "estimate",
    "estimates",
    "f1_of_jaccard",
    "influence_of_sums",
    "mean_loss",
    "replicates",
    "resolution_of",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MetricEstimate:
    """One metric of one outcome; `value` is None when it is undefined, and `reason` says why."""

    metric: Metric
    outcome: Outcome
    value: float | None
    reason: str | None = None

    def influence(self) -> Influence:
        """Return the influence of groups and cells: the fast form, else one left out at a time."""
        if self.metric.influence is not None:
            influence: Influence = self.metric.influence(self.outcome)
            return influence
        return _leave_out(self.metric, self.outcome)

    def edge(self) -> Interval | None:
        """Return the exact interval of a value at the edge of its bounds, None elsewhere."""
        assert self.value is not None
        if self.metric.edge is not None:
            return self.metric.edge(self.outcome, self.value)
        return _edge(self.metric, self.outcome, self.value)

    def added_variance(self) -> float:
        """Return the variance that few rows of a class add."""
        add = self.metric.added_variance
        return 0.0 if add is None else add(self.outcome)


def estimate(metric: Metric, outcome: Outcome) -> MetricEstimate:
    """Return a metric of an outcome."""
    if outcome.rows.n == 0:
        return MetricEstimate(metric, outcome, None, "no row is scored here")
    value = metric.value(outcome)
    if isinstance(value, Undefined):
        return MetricEstimate(metric, outcome, None, value.reason)
    if math.isnan(value):
        return MetricEstimate(metric, outcome, None, "0/0")
    return MetricEstimate(metric, outcome, value, metric.no_interval or None)


def estimates(metrics: Iterable[Metric], outcome: Outcome) -> dict[str, MetricEstimate]:
    """Return each metric of an outcome by name."""
    return {metric.name: estimate(metric, outcome) for metric in metrics}


def replicates(metric: Metric, outcome: Outcome, draws: NDArray[np.float32]) -> Floats:
    """Return a metric under each draw of group weights, (draws, groups) of mean 1.

    By default to the first order: the value plus what each group moves, weighted.
    """
    if metric.replicates is not None:
        drawn: Floats = metric.replicates(outcome, draws)
        return drawn
    found = estimate(metric, outcome)
    assert found.value is not None
    return found.value + (draws.astype(np.float64) - 1.0) @ found.influence().groups


def baseline_of(metric: Metric, outcome: type[Outcome], rows: ScoredRows) -> float | None:
    """Return what the trivial method scores, None without rows."""
    if rows.n == 0:
        return None
    if callable(metric.baseline):
        return metric.baseline(rows)
    if metric.baseline is not None:
        return metric.baseline
    return estimate(metric, outcome.trivial(rows)).value


def resolution_of(metric: Metric, rows: ScoredRows) -> float:
    """Return what one row is worth, NaN when it is not known."""
    if rows.n == 0 or metric.resolution is None:
        return math.nan
    return metric.resolution(rows)


def _leave_out(metric: Metric, outcome: Outcome) -> Influence:
    """Return what a metric loses without each group, and without the pairs of each cell.

    A group whose loss leaves the metric undefined moves it by nothing.
    """
    grouping = outcome.rows.grouping
    whole = metric.value(outcome)

    def moved(keep: NDArray[np.bool_]) -> float:
        rest = metric.value(outcome.kept(keep)) if keep.any() else whole
        if isinstance(whole, Undefined) or isinstance(rest, Undefined) or math.isnan(rest):
            return 0.0
        return whole - rest

    every = np.ones(outcome.rows.n, np.bool_)
    groups = np.array(
        [
            moved((grouping.group != group) & (grouping.other != group))
            for group in range(grouping.n_groups)
        ]
    )
    cells = np.zeros(len(grouping.cell_left))
    for cell in range(len(cells)):
        keep = every.copy()
        keep[grouping.crossing[grouping.cell == cell]] = False
        cells[cell] = moved(keep)
    return Influence(groups, cells, float((groups**2) @ groups) if grouping.independent else 0.0)


def influence_of_sums(
    outcome: Outcome, columns: Floats, value: Callable[[Floats], Floats]
) -> Influence:
    """Return the influence on a metric that is a function of sums of columns (n, m) over the rows.

    `value` maps sums (..., m) to values (...). It is exact for groups, and quick.
    """
    grouping = outcome.rows.grouping
    total = columns.sum(axis=0)
    whole = value(total)
    gone = [grouping.sums(column) for column in columns.T]
    inside = np.stack([groups for groups, _ in gone], axis=1)
    cells = np.stack([cells for _, cells in gone], axis=1)
    for side in (grouping.cell_left, grouping.cell_right):
        np.add.at(inside, side, cells)
    with np.errstate(divide="ignore", invalid="ignore"):
        groups = np.nan_to_num(whole - value(total - inside), posinf=0.0, neginf=0.0)
        of_cells = np.nan_to_num(whole - value(total - cells), posinf=0.0, neginf=0.0)
        alone = np.nan_to_num(whole - value(total - columns), posinf=0.0, neginf=0.0)
    return Influence(groups, of_cells, float((alone**2) @ alone))


def _edge(metric: Metric, outcome: Outcome, value: float) -> Interval | None:
    """Return the interval at an end of the bounds: all independent rows are right, or none is."""
    low, high = metric.bounds
    if value not in metric.bounds or not math.isfinite(high - low):
        return None
    n = outcome.rows.grouping.effective_rows()
    ends = clopper_pearson(n if value == high else 0.0, n)
    return low + (high - low) * ends[0], low + (high - low) * ends[1]


def f1_of_jaccard(share: float) -> float:
    """Return the F1 that belongs to hits / (hits + errors): 2s / (1 + s)."""
    return 2.0 * share / (1.0 + share)


def edge_of_shares(
    right: bool, effective: list[float], weights: list[float], *, jaccard: bool
) -> Interval:
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


def added_variance_of_share(shares: Floats, effective: Floats, slopes: Floats) -> Floats:
    """Return the variance that a quarter of a hit and of a miss more lend to shares of few rows.

    `effective` are their rows, `slopes` the derivatives of the metric by the shares.
    """
    spread_of_one: Floats = 0.25 * (shares**2 + (1.0 - shares) ** 2)
    return spread_of_one * (slopes / effective) ** 2


def mean_loss(losses: Callable[[Any], Floats]) -> dict[str, Callable[[Any], Any]]:
    """Return value and influence of a metric that is the mean of what each row adds."""

    def value(outcome: Outcome) -> float:
        return float(losses(outcome).mean())

    def influence(outcome: Outcome) -> Influence:
        found = losses(outcome)
        return influence_of_rows(
            outcome.rows.grouping, (found - float(found.mean())) / outcome.rows.n
        )

    return {"value": value, "influence": influence}
