"""The public tables as pandas frames, read from Parquet, with the types of the standard form.

Text and image columns hold strings, missing as None or NaN (by pandas version); numeric
columns are float64 (int64 where declared and complete); categorical columns are Categorical;
points in time are datetime64[us, UTC].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from challenge.task.task import Task

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_folds", "read_test", "read_train"]


def read_train(task: Task) -> pd.DataFrame:
    """Return the labelled rows: `id`, features, what a log has beside the label, `label`."""
    return _read(task, "train")


def read_test(task: Task) -> pd.DataFrame:
    """Return the rows to predict: `id`, features."""
    return _read(task, "test")


def read_folds(task: Task) -> pd.DataFrame:
    """Return `id` and `fold` (0 to 4) of the labelled rows."""
    return _read(task, "folds")


def _read(task: Task, name: str) -> pd.DataFrame:
    import pyarrow.parquet as pq

    frame: pd.DataFrame = pq.read_table(task.public / f"{name}.parquet").to_pandas()
    return frame
