"""Which class was taken for which: counts for pages that may show labels, and for no other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from challenge.scoring.predictions import Predictions
from challenge.scoring.solution import read_solution
from challenge.task import Subset, Task

__all__ = ["confusion_counts"]


def confusion_counts(task: Task, predictions: Predictions, subset: Subset) -> NDArray[np.int32]:
    """Return (m, 3) counts: position of the true class, of the predicted one, and rows above 0.

    Ascending by both classes; void rows count nowhere. None where no class is right. The counts
    reveal labels, so they are made when labels may be known: for a benchmark, or for a
    contest that is closed.
    """
    if not (task.kind.has_right_answers and task.kind.has_decisions):
        return np.zeros((0, 3), np.int32)
    solution = read_solution(task)
    rows = solution.rows(subset)
    n_classes = len(task.classes)
    cells = solution.labels[rows].astype(np.int64) * n_classes + predictions.codes[rows]
    counts = np.bincount(cells, minlength=n_classes**2)
    found = np.flatnonzero(counts)
    return np.stack([found // n_classes, found % n_classes, counts[found]], axis=1).astype(np.int32)
