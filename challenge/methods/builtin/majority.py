"""The trivial entry: shares of the training labels, whatever the row says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from challenge.methods.builtin.folds import label_codes
from challenge.methods.protocol import decisions_frame, probabilities_frame

if TYPE_CHECKING:
    import pandas as pd

    from challenge.task import Task

__all__ = ["Majority"]


class Majority:
    """Predicts each class with its share of train; in matching, that nothing matches."""

    def __init__(self) -> None:
        self.details: dict[str, object] = {"features": []}

    def fit(self, train: pd.DataFrame, task: Task) -> None:
        """Count the labels."""
        import numpy as np

        counts = np.bincount(label_codes(train, task), minlength=len(task.classes))
        self._task, self._shares = task, counts / counts.sum()

    def predict(self, test: pd.DataFrame) -> pd.DataFrame:
        """Return the same shares for every row."""
        import numpy as np

        if self._task.kind.paired:
            return decisions_frame(test, np.full(len(test), self._shares[1]), threshold=1.1)
        return probabilities_frame(test, self._task, np.tile(self._shares, (len(test), 1)))
