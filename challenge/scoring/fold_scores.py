"""The primary metric in each published fold of train: what a search may look at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from challenge.errors import Fault, TaskError
from challenge.kinds.estimates import estimate
from challenge.kinds.statistics.grouping import group_rows
from challenge.scoring.predictions import Predictions
from challenge.scoring.score import part_of, refuse_strangers
from challenge.scoring.solution import VOID, Solution, int_array, read_train_truth
from challenge.task import SUBSETS, Task

__all__ = ["score_folds"]


def score_folds(task: Task, predictions: Predictions) -> tuple[float, ...]:
    """Return the primary metric of out-of-fold predictions in each fold, in the folds' order.

    Public data alone. Averages over classes run over those that a fold holds. Raises TaskError
    when the metric is undefined in a fold, ValueError when the predictions are of another table.
    """
    refuse_strangers(task, predictions, "train")
    truth, folds = read_train_truth(task), _fold_of_rows(task)
    found: list[float] = []
    faults: list[Fault] = []
    for fold in np.unique(folds):
        inside = folds == fold
        subset = np.where(inside, SUBSETS.index("public"), VOID).astype(np.int8)
        solution = Solution(truth.labels, subset, truth.cluster, truth.other)
        grouping = group_rows(truth.cluster[inside], truth.other[inside], task.data_digest.encode())
        part = part_of(task, solution, "public", grouping)
        outcome = task.kind.outcome(part, predictions.answers)
        measured = estimate(task.kind.metric(task.metric), outcome)
        if measured.value is None:
            faults.append(_undefined(task, int(fold), str(measured.reason)))
        else:
            found.append(measured.value)
    if faults:
        raise TaskError(faults)
    return tuple(found)


def _undefined(task: Task, fold: int, reason: str) -> Fault:
    return Fault(
        f"{task.id}, fold {fold}",
        f"{task.metric} is undefined: {reason}",
        "a value for every fold",
        "use a metric that is defined in small folds",
        code="fold-undefined",
    )


def _fold_of_rows(task: Task) -> NDArray[np.int32]:
    """Return the fold of each row of train, in its order."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    ids = pq.ParquetFile(task.public / "train.parquet").read(["id"], use_threads=False).column("id")
    folds = pq.ParquetFile(task.public / "folds.parquet").read(["id", "fold"], use_threads=False)
    rows = pc.index_in(ids.cast(pa.string()), folds.column("id").cast(pa.string()))
    return int_array(folds.column("fold").take(rows))
