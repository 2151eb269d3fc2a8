"""The fixed-step Ladder: what of the public subset a team is told while a contest runs.

A team's public score on a task moves only when a submission beats it by more than a step, and is
shown rounded to the step (Blum and Hardt 2015, with a fixed step: the parameter-free form is
climbed by small local flips). Every public figure goes through `round_to_step` here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "SMALLEST_PUBLIC",
    "Release",
    "climb",
    "default_step",
    "public_metrics",
    "round_to_step",
]

SMALLEST_PUBLIC = 300
"""Below so many public rows a submission is accepted without a public score."""


def default_step(n_public: int) -> float:
    """Return max(0.005, 0.5 / sqrt(n)), at most 1; n counts independent rows or clusters.

    >>> round(default_step(1200), 5)
    0.01443
    >>> default_step(1_000_000)
    0.005
    """
    return max(0.005, 0.5 / math.sqrt(n_public)) if n_public > 0 else 1.0


def round_to_step(value: float, step: float) -> float:
    """Return the multiple of `step` nearest to the value, kept in [-1, 1]; step 0 is no rounding.

    Three decimals are kept, so that the digits of a shown figure carry nothing below the step.

    >>> round_to_step(0.6049, 0.02)
    0.6
    >>> round_to_step(0.6049, 0)
    0.6049
    """
    if step == 0 or math.isnan(value):
        return value
    return round(min(1.0, max(-1.0, round(value / step) * step)), 3)


@dataclass(frozen=True)
class Release:
    """Whether a score is let out, and the team's public score after it."""

    released: bool
    value: float | None


def climb(reference: float | None, value: float | None, step: float) -> Release:
    """Return what the Ladder does with a new score; `reference` is what it let out before.

    An undefined score never moves it. The first defined score is let out.

    >>> climb(None, 0.6049, 0.02)
    Release(released=True, value=0.6)
    >>> climb(0.6, 0.619, 0.02)
    Release(released=False, value=0.6)
    >>> climb(0.6, 0.6201, 0.02)
    Release(released=True, value=0.62)
    """
    if value is None or (reference is not None and not value > reference + step):
        return Release(False, reference)
    return Release(True, round_to_step(value, step))


def public_metrics(metric: str, metrics: str, step: float) -> Mapping[str, Mapping[str, Any]]:
    """Return the metrics of a stored score as far as they may be shown.

    Under a Ladder that is the primary metric alone, its ends rounded: the other metrics of one
    file would tell more about the labels than the Ladder lets out.
    """
    every: dict[str, dict[str, Any]] = json.loads(metrics)
    if step == 0:
        return every
    primary = every.get(metric, {})
    return {metric: {name: _rounded(value, step) for name, value in primary.items()}}


def _rounded(value: Any, step: float) -> Any:
    return round_to_step(value, step) if isinstance(value, float) else value
