"""The public tables as pandas frames, read from Parquet, with the types of the standard form.

Text and image columns hold strings, missing as None or NaN (by pandas version); numeric
columns are float64 (int64 where declared and complete); categorical columns are Categorical;
points in time are datetime64[us, UTC].
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from challenge.task.registry import find_task
from challenge.task.task import Task

if TYPE_CHECKING:
    import pandas as pd
    from PIL import Image

__all__ = ["LoadedTask", "load_task", "read_folds", "read_test", "read_train"]


@dataclass(frozen=True)
class LoadedTask:
    """A task's public tables in memory; image columns hold paths, opened by `image`."""

    task: Task
    train: pd.DataFrame
    test: pd.DataFrame
    folds: pd.DataFrame

    def image(self, path: str) -> Image.Image:
        """Return the decoded image that a value of an image column names."""
        from PIL import Image

        with Image.open(self.task.image_path(path)) as image:
            image.load()
        return image


def load_task(name: str, start: Path | None = None) -> LoadedTask:
    """Load a task by id, from the challenge around `start` (default: here), or by folder.

    Raises WrongUse when there is no such task, TaskError when it is not built.
    """
    task = find_task(name, start or Path.cwd())
    return LoadedTask(task, read_train(task), read_test(task), read_folds(task))


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
