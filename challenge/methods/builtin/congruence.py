"""How much of an earlier run to keep, so that few rows that it had right become wrong.

The blend is the weighted geometric mean of both runs' probabilities. Its weight is chosen out of
fold: of the weights whose score is at least that of the new run alone, the one with the fewest
negative flips. Yan et al. ("Positive-Congruent Training", CVPR 2021) train and blend for this.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from challenge.methods.builtin.calibration import choose_temperature
from challenge.methods.builtin.folds import best_f1_threshold, label_codes, macro_f1_of
from challenge.methods.earlier import OUT_OF_FOLD, read_earlier
from challenge.methods.protocol import (
    RIGHT_ANSWERS,
    decisions_frame,
    frame_values,
    probabilities_frame,
    refuse_other_kinds,
)
from challenge.methods.run.handover import PREDICTIONS

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from challenge.task import Task

__all__ = ["WEIGHTS", "EarlierWeight", "KeptAnswers", "blend_with_earlier", "choose_weight"]

WEIGHTS = tuple(step / 20 for step in range(11))
"""Weights of the earlier run: at most a half, so that the new one is never the lesser part."""

_LEAST = 1e-6
"""Least probability: of an earlier run that is sure, none is 0."""


@dataclass(frozen=True)
class EarlierWeight:
    """The weight of the earlier run, and score and negative flip rate without and with it."""

    weight: float
    score_before: float
    score: float
    flips_before: float
    flips: float

    def as_details(self) -> dict[str, object]:
        """Return what is stored with a submission."""
        return {
            "weight_of_earlier": self.weight,
            "out_of_fold_upgrade": {
                "score": {"before": round(self.score_before, 6), "after": round(self.score, 6)},
                "negative_flip_rate": {
                    "before": round(self.flips_before, 6),
                    "after": round(self.flips, 6),
                },
            },
        }


class KeptAnswers:
    """The predictions of a method, blended with those of an earlier run in `folder`."""

    def __init__(self, folder: Path, task: Task) -> None:
        refuse_other_kinds(task, RIGHT_ANSWERS)
        self._folder, self._task = folder, task
        self.details: dict[str, object] = {}

    def fit(self, train: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
        """Choose the weight on out-of-fold predictions of train; return their blend."""
        truth = label_codes(train, self._task)
        earlier, answers = read_earlier(self._folder / OUT_OF_FOLD, train, self._task)
        new = frame_values(found, self._task)
        chosen = choose_weight(new, earlier, answers == truth, truth, self._decider(truth))
        self.weight = chosen.weight
        rows = blend_with_earlier(new, earlier, self.weight)
        self._temperature = choose_temperature(rows, truth)
        rows = self._temperature(rows)
        if self._task.kind.paired:
            self._threshold, _ = best_f1_threshold(truth, rows[:, 1])
        self.details = {**self._temperature.as_details(), **chosen.as_details()}
        return self._submission(train, rows)

    def predict(self, test: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
        """Return the blend of the predictions of test."""
        earlier, _ = read_earlier(self._folder / PREDICTIONS, test, self._task)
        rows = blend_with_earlier(frame_values(found, self._task), earlier, self.weight)
        return self._submission(test, self._temperature(rows))

    def _submission(self, table: pd.DataFrame, rows: NDArray[Any]) -> pd.DataFrame:
        if self._task.kind.paired:
            return decisions_frame(table, rows[:, 1], self._threshold)
        return probabilities_frame(table, self._task, rows)

    def _decider(self, truth: NDArray[Any]) -> Callable[[NDArray[Any]], tuple[NDArray[Any], float]]:
        """Return what decides probabilities and scores these decisions."""
        paired, n_classes = self._task.kind.paired, len(self._task.classes)
        alike = self._task.kind.metrics[self._task.metric].classes_weigh_alike

        def decide(rows: NDArray[Any]) -> tuple[NDArray[Any], float]:
            if paired:
                threshold, f1 = best_f1_threshold(truth, rows[:, 1])
                return (rows[:, 1] >= threshold).astype(int), f1
            decided = rows.argmax(axis=1)
            if alike:
                return decided, macro_f1_of(truth, decided, n_classes)
            return decided, float((decided == truth).mean())

        return decide


def blend_with_earlier(new: NDArray[Any], earlier: NDArray[Any], weight: float) -> NDArray[Any]:
    """Return the geometric mean of two tables of probabilities (n, k); rows sum to 1.

    >>> import numpy as np
    >>> new, earlier = np.array([[0.9, 0.1]]), np.array([[0.1, 0.9]])
    >>> blend_with_earlier(new, earlier, 0.5).round(3).tolist()
    [[0.5, 0.5]]
    """
    import numpy as np

    logs = (1 - weight) * np.log(np.maximum(new, _LEAST))
    logs += weight * np.log(np.maximum(earlier, _LEAST))
    raised = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def choose_weight(
    new: NDArray[Any],
    earlier: NDArray[Any],
    right: NDArray[Any],
    truth: NDArray[Any],
    decide: Callable[[NDArray[Any]], tuple[NDArray[Any], float]],
) -> EarlierWeight:
    """Choose the weight on out-of-fold probabilities (n, k); of equal flips the least.

    `right` (n,) marks the rows that the earlier run has right. `decide` returns the decided
    classes of probabilities, and their score, higher is better.
    """
    found = []
    for weight in WEIGHTS:
        decided, score = decide(blend_with_earlier(new, earlier, weight))
        found.append((float((right & (decided != truth)).mean()), weight, score))
    flips_before, _, score_before = found[0]
    flips, weight, score = min(one for one in found if one[2] >= score_before)
    return EarlierWeight(weight, score_before, score, flips_before, flips)
