"""A metric of one outcome: its value, its vector and its interval.

A new metric needs its value only. Its vector is then found by leaving out one cluster after
another, its interval has the scale that fits its bounds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from challenge.kinds.base import Interval, Metric, Undefined
from challenge.kinds.scored_rows import Outcome, ScoredRows
from challenge.kinds.statistics.vector import (
    Ratios,
    Vector,
    edge_interval,
    interval,
    ratio_of_rows,
    spread,
    too_few_clusters,
)

__all__ = ["SAME", "MetricEstimate", "baseline_of", "estimate", "estimates", "resolution_of"]

SAME = 1e-12
"""A relative error below this is rounding: no row moves the figure."""
_CONSTANT = "no interval: no row changes this value"


@dataclass(frozen=True, eq=False)
class MetricEstimate:
    """One metric of one outcome.

    `value` is None when it is undefined. `reason` says why, or why there is no interval.
    """

    metric: Metric
    outcome: Outcome
    value: float | None
    reason: str | None = None

    @cached_property
    def vector(self) -> Vector:
        """What the value loses without each cluster; secret, as the labels are."""
        if self.metric.ratios is not None:
            ratios: Ratios = self.metric.ratios(self.outcome)
            return ratios.vector()
        if self.metric.vector is not None:
            vector: Vector = self.metric.vector(self.outcome)
            return vector
        return _leave_out(self.metric, self.outcome)

    @cached_property
    def interval(self) -> Interval | str:
        """The 95 % interval, within the bounds and around the value, or why there is none."""
        assert self.value is not None
        if self.reason is not None:
            return self.reason
        if reason := too_few_clusters(self.outcome.rows.grouping):
            return reason
        low, high = self.metric.bounds
        if self.metric.largest is not None:
            high = self.metric.largest
        if self.value in (low, high):
            if not math.isfinite(high - low):
                return _CONSTANT
            return edge_interval(self.value, self._shares(), (low, high))
        found = spread(self.vector)
        if found.error <= SAME * abs(self.value):
            return _CONSTANT
        ends = interval(self.value, found, self.metric.interval_scale, (low, high))
        return ends or "no interval: a few rows make up most of this loss"

    @property
    def compared(self) -> Vector | None:
        """The vector by which the value is compared with others; None where it cannot be.

        A value that no row changes has no interval, but a vector of zeros: its difference from
        another value is as sure as that one is.
        """
        if not isinstance(self.interval, str):
            return self.vector
        return self.vector * 0.0 if self.interval == _CONSTANT else None

    def _shares(self) -> Vector:
        """Return the share of the value that rests on each cluster."""
        if self.metric.ratios is not None:
            ratios: Ratios = self.metric.ratios(self.outcome)
        else:
            rows = self.outcome.rows
            chosen = self.metric.rests_on(self.outcome) if self.metric.rests_on else np.ones(rows.n)
            ratios = ratio_of_rows(rows.grouping, chosen, chosen)
        return ratios.shares()


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


def _leave_out(metric: Metric, outcome: Outcome) -> Vector:
    """Return what a metric loses without each cluster, and without the pairs of each couple.

    A cluster whose loss leaves the metric undefined moves it by nothing.
    """
    grouping = outcome.rows.grouping
    whole = metric.value(outcome)

    def moved(keep: NDArray[np.bool_]) -> float:
        rest = metric.value(outcome.kept(keep)) if keep.any() else whole
        if isinstance(whole, Undefined) or isinstance(rest, Undefined) or math.isnan(rest):
            return 0.0
        return whole - rest

    every = np.ones(outcome.rows.n, np.bool_)
    clusters = np.array(
        [
            moved((grouping.group != group) & (grouping.other != group))
            for group in range(grouping.n_groups)
        ]
    )
    couples = np.zeros(len(grouping.cell_left))
    for cell in range(len(couples)):
        keep = every.copy()
        keep[grouping.crossing[grouping.cell == cell]] = False
        couples[cell] = moved(keep)
    return Vector(clusters, couples)
