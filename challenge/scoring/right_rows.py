"""Which rows a submission has right, and their clusters: what flips are counted from, later on."""

from __future__ import annotations

import numpy as np

from challenge.kinds.statistics.grouping import Grouping
from challenge.scoring.predictions import Predictions
from challenge.scoring.score import solution_part
from challenge.scoring.solution import read_solution
from challenge.scoring.statistics.stored_grouping import read_grouping
from challenge.task import Subset, Task

__all__ = ["grouping_of", "right_rows"]


def right_rows(task: Task, predictions: Predictions, subset: Subset) -> bytes | None:
    """Return which rows of a subset are right, a bit a row; None where no answer is right.

    With the predictions they reveal the labels, so they are as secret as these.
    """
    if not task.kind.has_right_answers:
        return None
    outcome = task.kind.outcome(solution_part(task, subset), predictions.answers)
    return np.packbits(outcome.right_against(outcome)[0]).tobytes()


def grouping_of(task: Task, subset: Subset) -> Grouping:
    """Return the clusters of the rows of a subset."""
    return read_grouping(task, read_solution(task), subset)
