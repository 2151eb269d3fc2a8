"""The fixed-step Ladder: which public scores a team sees while a contest runs.

A team's public score on a task changes only when a submission beats it by more than a step. It is
shown rounded to the step (Blum and Hardt 2015). The step is fixed, because the parameter-free form
can be climbed by small local flips. On small public subsets only a team's first submissions count
by one step, later ones by four: the noise that repeated attempts can climb is larger there. Every
public figure is rounded by `round_to_step`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from challenge.kinds import Metric

__all__ = [
    "MEASURED_CLIMB",
    "SMALLEST_PUBLIC",
    "Release",
    "climb",
    "default_step",
    "metric_step",
    "outward",
    "public_metrics",
    "round_to_step",
    "steps_to_beat",
]

SMALLEST_PUBLIC = 300
"""With fewer public rows a submission is accepted but gets no public score."""


_SIZES = (
    (0, 0.2, 1),
    (100, 0.1, 3),
    (300, 0.05, 12),
    (550, 0.05, 40),
    (650, 0.02, 12),
    (1_000, 0.02, 40),
    (2_000, 0.02, None),
    (4_000, 0.01, None),
    (16_000, 0.005, None),
)
"""From so many independent rows or clusters on: the step, and how many submissions of a team count
by one step (None: all). The smallest values of a 1-2-5 series for which 200 attempts without any
knowledge climb at most `MEASURED_CLIMB`; `benchmarks.ladder` measures it. So coarse a step does not
reveal the size of the public subset."""

MEASURED_CLIMB = 0.03
"""What 200 attempts climb at most, measured by `benchmarks.ladder`."""

_LATER_STEPS = 4


def default_step(n_public: int) -> float:
    """Return the step for n independent rows or clusters.

    >>> default_step(1200), default_step(1_000_000)
    (0.02, 0.005)
    """
    return _size(n_public)[1]


def steps_to_beat(n_public: int, n_before: int) -> int:
    """Return by how many steps a submission must be better after `n_before` of the team.

    >>> steps_to_beat(1200, 39), steps_to_beat(1200, 40), steps_to_beat(5000, 1000)
    (1, 4, 1)
    """
    most = _size(n_public)[2]
    return 1 if most is None or n_before < most else _LATER_STEPS


def _size(n_public: int) -> tuple[int, float, int | None]:
    return next(size for size in reversed(_SIZES) if n_public >= size[0])


def metric_step(metric: Metric, n: int, baseline_score: float | None) -> float:
    """Return the default step for a metric that rests on n independent rows or clusters.

    The default step is for metrics whose best value is 1. For others it is a share of the baseline
    score, since their values have no fixed scale: the next value of the 1-2-5 series.

    >>> metric_step(Metric("rmse", "RMSE", float, higher_is_better=False), 2500, 40.0)
    1.0
    """
    if metric.higher_is_better and metric.bounds[1] == 1.0:
        return default_step(n)
    wanted = default_step(n) * (abs(baseline_score or 0.0) or 1.0)
    unit = 10.0 ** math.floor(math.log10(wanted))
    return next(
        round(factor * unit, 12) for factor in (1, 2, 5, 10) if factor * unit >= 0.999 * wanted
    )


def round_to_step(value: float, step: float) -> float:
    """Return the multiple of `step` nearest to the value; step 0 is no rounding.

    A value in [-1, 1] stays there. Decimals below the step are cut, three are kept at least.

    >>> round_to_step(0.6049, 0.02), round_to_step(0.6049, 0), round_to_step(12.34, 0.25)
    (0.6, 0.6049, 12.25)
    """
    return _to_step(value, step, round)


def outward(low: float, high: float, step: float) -> tuple[float, float]:
    """Return the ends of an interval, each at the next multiple of `step` outside it.

    So it still holds what it held, and also the rounded value. Ends in [-1, 1] stay there.

    >>> outward(0.551, 0.649, 0.02)
    (0.54, 0.66)
    """
    return _to_step(low, step, math.floor), _to_step(high, step, math.ceil)


def _to_step(value: float, step: float, rounding: Callable[[float], int]) -> float:
    if step == 0 or not math.isfinite(value):
        return value
    # A multiple of the step is one, whatever its last bit.
    rounded = rounding(round(value / step, 9)) * step
    if abs(value) <= 1:
        rounded = min(1.0, max(-1.0, rounded))
    return round(rounded, max(3, -math.floor(math.log10(step))))


@dataclass(frozen=True)
class Release:
    """Whether a score is released, and the team's public score after it."""

    released: bool
    value: float | None


def climb(
    metric: Metric, reference: float | None, value: float | None, step: float, steps: int = 1
) -> Release:
    """Return what the Ladder does with a new score; `reference` is the team's score so far.

    A score is released when it is better by more than `steps` steps. An undefined score never is,
    the first defined score always.

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
    if reference is not None and not metric.merit(value) > metric.merit(reference) + steps * step:
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
    primary = dict(every.get(metric, {}))
    if primary.get("value") is not None:
        primary["value"] = round_to_step(float(primary["value"]), step)
    if primary.get("low") is not None:
        primary["low"], primary["high"] = outward(primary["low"], primary["high"], step)
    return {metric: primary}
