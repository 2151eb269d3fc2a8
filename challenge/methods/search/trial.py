"""One set of options that was tried, and its scores."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from challenge.methods.space import Value

__all__ = ["Measured", "Trial", "best_of", "trial_from_json"]


@dataclass(frozen=True)
class Measured:
    """Scores of a trial's predictions: the primary metric per fold, and metrics of all rows."""

    fold_scores: tuple[float, ...]
    figures: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Trial:
    """One set of options and its scores; a failed trial has none, but a `reason`.

    `number` counts from 1; `figures` are metrics of all out-of-fold rows together.
    """

    number: int
    options: Mapping[str, Value]
    fold_scores: tuple[float, ...]
    seconds: float
    reason: str = ""
    figures: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether there is no score."""
        return not self.fold_scores

    @property
    def value(self) -> float:
        """The mean over the folds."""
        return math.fsum(self.fold_scores) / len(self.fold_scores)

    def as_json(self) -> dict[str, Any]:
        """Return the trial as plain values."""
        return {
            "number": self.number,
            "options": dict(self.options),
            "fold_scores": list(self.fold_scores),
            "seconds": self.seconds,
            "reason": self.reason,
            "figures": dict(self.figures),
        }


def trial_from_json(document: Mapping[str, Any]) -> Trial:
    """Return the trial that `as_json` described; KeyError or TypeError when it is none."""
    named = {name: document[name] for name in Trial.__dataclass_fields__}
    return Trial(**{**named, "fold_scores": tuple(named["fold_scores"])})


def best_of(trials: Sequence[Trial]) -> Trial:
    """Return the finished trial with the highest mean, of equals the earliest."""
    return max((trial for trial in trials if not trial.failed), key=lambda trial: trial.value)
