"""Predictions in memory as the file that the shell would be given."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from challenge.methods.returned import arrow_table, as_table
from challenge.task import Task
from challenge.task.frames import read_test, read_train

__all__ = ["On", "as_file"]

On = Literal["test", "folds"]
"""Which rows are predicted: the test rows, or the train rows out of fold."""
_WHERE = "the predictions"


@contextmanager
def as_file(found: Any, task: Task, on: On) -> Iterator[Path]:
    """Yield the path of a predictions file; a path is yielded as it is.

    `found` is a path, a frame of pandas, polars or pyarrow, a dict of columns, or a series, list or
    array with a value for each row in the order of `task.test` (`on="folds"`: `task.train`). An
    array of two dimensions has a column for each class, in the order of `task.classes`, as
    `predict_proba` of an estimator that was fitted on `task.train` returns it.
    Raises ChallengeError for anything else, with how to give it.
    """
    if isinstance(found, str | Path):
        yield Path(found)
        return
    import pyarrow.parquet as pq

    rows = read_test(task) if on == "test" else read_train(task)
    named = as_table(_named(found, task, rows), rows, task, _WHERE)
    table = arrow_table(named, task, _WHERE, keep_missing=True)
    with tempfile.TemporaryDirectory(prefix="challenge-predictions-") as folder:
        path = Path(folder) / "predictions.parquet"
        pq.write_table(table, path)
        yield path


def _named(found: Any, task: Task, rows: Any) -> Any:
    """Return an array of a column for each class or dimension as the frame that it means."""
    shape, names = getattr(found, "shape", ()), task.answer_columns
    whole = hasattr(found, "__array__") and not hasattr(found, "columns")
    if not whole or shape != (len(rows), len(names)) or not names:
        return found
    if task.kind.paired:
        return found[:, 1]
    import pandas as pd

    frame = pd.DataFrame(found, columns=list(names))
    frame.insert(0, "id", rows["id"].tolist())
    return frame
