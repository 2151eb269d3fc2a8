"""A scikit-learn estimator or pipeline as a method: X is the table without id and label.

Text and image columns are strings, the empty string where missing. Numbers are floats, NaN where
missing. Categories are as pandas stores them. With `predict_proba` the submission
holds probabilities.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from challenge.errors import ChallengeError, Fault
from challenge.features.text import text_values
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

__all__ = ["EstimatorMethod"]

_NO_NUMBER = ("could not convert string to float", "float() argument must be", "DType")
"""What scikit-learn and NumPy say of texts and times in the place of numbers."""


class EstimatorMethod:
    """Wraps a clone of the estimator; its parameters named `random_state` get the seed."""

    def __init__(self, estimator: Any, *, seed: int = 0) -> None:
        from sklearn.base import clone

        self._model = clone(estimator)
        seeds = [
            name
            for name, value in self._model.get_params(deep=True).items()
            if name.rpartition("__")[2] == "random_state" and value is None
        ]
        self._model.set_params(**dict.fromkeys(seeds, seed))
        self.details: dict[str, object] = {"model": " ".join(repr(self._model).split())[:500]}

    def fit(self, train: pd.DataFrame, task: Task) -> None:
        """Fit on the feature columns and the labels, as they are in the files."""
        refuse_other_kinds(task, LABELS)
        self._task = task
        labels: Any
        if task.kind.label == "number":
            labels = label_numbers(train)
        else:
            labels = [str(task.classes[code]) for code in label_codes(train, task)]
        features = self._features(train)
        try:
            self._model.fit(features, labels)
        except (TypeError, ValueError) as error:
            refused = self._words_for_numbers(features, error)
            raise (refused or error) from error

    def predict(self, test: pd.DataFrame) -> pd.DataFrame:
        """Return probabilities where the estimator has them, labels or numbers otherwise."""
        import numpy as np
        import pandas as pd

        features = self._features(test)
        if self._task.kind.label == "number":
            return numbers_frame(test, self._model.predict(features))
        if hasattr(self._model, "predict_proba"):
            found = np.asarray(self._model.predict_proba(features))
            indices = [self._task.classes.index(str(name)) for name in self._model.classes_]
            rows = np.zeros((len(test), len(self._task.classes)))
            rows[:, indices] = found
            if self._task.kind.paired:
                return decisions_frame(test, rows[:, 1], threshold=0.5)
            return probabilities_frame(test, self._task, rows)
        labels = [str(label) for label in self._model.predict(features)]
        return pd.DataFrame({"id": list(test["id"]), "label": labels})

    def _words_for_numbers(self, features: pd.DataFrame, error: Exception) -> ChallengeError | None:
        """Return the error of an estimator of numbers that got other columns too, else None."""
        from pandas.api.types import is_numeric_dtype

        names = [name for name, one in features.items() if not is_numeric_dtype(one)]
        if not names or not any(sign in str(error) for sign in _NO_NUMBER):
            return None
        return ChallengeError(
            Fault(
                f"method {type(self._model).__name__}",
                f"{error}; columns that are not numbers: {', '.join(map(str, names))}",
                "a Pipeline with a ColumnTransformer, which turns the columns into numbers",
                "make_pipeline(make_column_transformer((TfidfVectorizer(), 'a text'), …), model); "
                "columns that it does not name are left out",
                code="estimator-columns",
            )
        )

    def _features(self, table: pd.DataFrame) -> pd.DataFrame:
        import pandas as pd

        columns: dict[str, Any] = {}
        for column in self._task.columns:
            values = table[column.name]
            is_text = column.modality in ("text", "image")
            columns[column.name] = text_values(values) if is_text else values.reset_index(drop=True)
        return pd.DataFrame(columns)
