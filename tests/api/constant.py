"""The simplest predictions: one class for every row."""

from __future__ import annotations

from typing import Any

import pandas as pd

import challenge as ch

__all__ = ["Constant", "constant"]


class Constant:
    """A method that is an object: it answers the first class."""

    def fit(self, train: pd.DataFrame, task: Any) -> None:
        self.answer = task.classes[0]

    def predict(self, test: pd.DataFrame) -> pd.DataFrame:
        return test[["id"]].assign(label=self.answer)


def constant(task: ch.LoadedTask, rows: pd.DataFrame) -> pd.DataFrame:
    return rows[["id"]].assign(label=task.classes[0])
