"""The trivial entry: the same answer for every row, learned from the labels of train."""

from __future__ import annotations

from typing import TYPE_CHECKING

from challenge.methods.builtin.folds import label_codes, label_numbers
from challenge.methods.protocol import (
    LABELS,
    decisions_frame,
    numbers_frame,
    probabilities_frame,
    refuse_other_kinds,
)

if TYPE_CHECKING:
    import pandas as pd

    from challenge.task import Task

__all__ = ["Trivial"]


class Trivial:
    """Predicts the class shares of train, no match for every pair, or the mean of numbers."""

    kinds = LABELS

    def __init__(self) -> None:
        self.details: dict[str, object] = {"features": []}

    def fit(self, train: pd.DataFrame, task: Task) -> None:
        """Average the labels."""
        import numpy as np

        refuse_other_kinds(task, self.kinds)
        self._task = task
        if task.kind.label == "number":
            self._mean = float(label_numbers(train).mean())
        else:
            counts = np.bincount(label_codes(train, task), minlength=len(task.classes))
            self._shares = counts / counts.sum()

    def predict(self, test: pd.DataFrame) -> pd.DataFrame:
        """Return the same for every row."""
        import numpy as np

        if self._task.kind.label == "number":
            return numbers_frame(test, np.full(len(test), self._mean))
        if self._task.kind.paired:
            return decisions_frame(test, np.full(len(test), self._shares[1]), threshold=1.1)
        return probabilities_frame(test, self._task, np.tile(self._shares, (len(test), 1)))
