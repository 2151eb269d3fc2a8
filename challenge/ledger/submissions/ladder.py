"""The fixed-step Ladder: which public scores a team sees while a contest runs.

A team's public score on a task changes only when a submission beats it by more than a step. It is
shown rounded to the step (Blum and Hardt 2015). The step is fixed, because the parameter-free form
can be climbed by small local flips. Every public figure is rounded by `round_to_step`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from challenge.kinds import Metric

__all__ = [
    "SMALLEST_PUBLIC",
    "Release",
    "climb",
    "default_step",
    "metric_step",
    "public_metrics",
    "round_to_step",
]

SMALLEST_PUBLIC = 300
"""With fewer public rows a submission is accepted but gets no public score."""


def default_step(n_public: int) -> float:
    """Return max(0.005, 0.5 / sqrt(n)), at most 1; n counts independent rows or clusters.

    >>> round(default_step(1200), 5)
    0.01443
    >>> default_step(1_000_000)
    0.005
    """
    return max(0.005, 0.5 / math.sqrt(n_public)) if n_public > 0 else 1.0


def metric_step(metric: Metric, n: int, baseline_score: float | None) -> float:
    """Return the default step for a metric that rests on n independent rows or clusters.

    The default step is for metrics whose best value is 1. For others it is a share of the baseline
    score, since their values have no fixed scale.

    >>> metric_step(Metric("rmse", "RMSE", float, higher_is_better=False), 2500, 40.0)
    0.4
    """
    if metric.higher_is_better and metric.bounds[1] == 1.0:
        return default_step(n)
    return default_step(n) * (abs(baseline_score or 0.0) or 1.0)


def round_to_step(value: float, step: float) -> float:
    """Return the multiple of `step` nearest to the value; step 0 is no rounding.

    A value in [-1, 1] stays there. Decimals below the step are cut, three are kept at least.

    >>> round_to_step(0.6049, 0.02), round_to_step(0.6049, 0), round_to_step(12.34, 0.25)
    (0.6, 0.6049, 12.25)
    """
    if step == 0 or not math.isfinite(value):
        return value
    rounded = round(value / step) * step
    if abs(value) <= 1:
        rounded = min(1.0, max(-1.0, rounded))
    return round(rounded, max(3, -math.floor(math.log10(step))))


@dataclass(frozen=True)
class Release:
    """Whether a score is released, and the team's public score after it."""

    released: bool
    value: float | None


def climb(metric: Metric, reference: float | None, value: float | None, step: float) -> Release:
    """Return what the Ladder does with a new score; `reference` is the team's score so far.

    A score is released when it is better by more than a step. An undefined score never is, the
    first defined score always.

    >>> accuracy = Metric("accuracy", "accuracy", float)
    >>> climb(accuracy, None, 0.6049, 0.02)
    Release(released=True, value=0.6)
    >>> climb(accuracy, 0.6, 0.619, 0.02)
    Release(released=False, value=0.6)
    >>> climb(Metric("rmse", "RMSE", float, higher_is_better=False), 0.6, 0.579, 0.02)
    Release(released=True, value=0.58)
    """
    if value is None:
        return Release(False, reference)
    if reference is not None and not metric.merit(value) > metric.merit(reference) + step:
        return Release(False, reference)
    return Release(True, round_to_step(value, step))


def public_metrics(metric: str, metrics: str, step: float) -> Mapping[str, Mapping[str, Any]]:
    """Return the metrics of a stored score as far as they may be shown.

    Under a Ladder that is the primary metric alone, rounded to the step: other metrics would
    reveal more about the labels than the Ladder releases.
    """
    every: dict[str, dict[str, Any]] = json.loads(metrics)
    if step == 0:
        return every
    primary = every.get(metric, {})
    return {metric: {name: _rounded(value, step) for name, value in primary.items()}}


def _rounded(value: Any, step: float) -> Any:
    return round_to_step(value, step) if isinstance(value, float) else value
