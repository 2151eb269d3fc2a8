"""The plain entry: one logistic regression on features that anybody would try first.

No network and no weights: TF-IDF of text, scaled numbers, one-hot categories, simple image
features; in matching, comparisons of the two sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from challenge.features.blocks import TableBlocks
from challenge.features.pairs import PairFeatures
from challenge.methods.folds import (
    best_f1_threshold,
    fold_codes,
    label_codes,
    spread_lone_classes,
)
from challenge.methods.protocol import Progress, decisions_frame, probabilities_frame, silent

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from challenge.task import Task

__all__ = ["Linear", "logistic_regression", "out_of_fold", "pair_regression"]


class Linear:
    """Logistic regression on blocks of the table (classification) or on pair features."""

    title = "Linear"

    def __init__(self, *, seed: int = 0, threads: int = 1, progress: Progress = silent) -> None:
        self._seed, self._threads, self._progress = seed, threads, progress
        self.details: dict[str, object] = {"model": "logistic regression"}
        self.summary = "logistic regression"

    def fit(self, train: pd.DataFrame, task: Task) -> None:
        """Learn; in matching the threshold for F1 is chosen out of fold."""
        self._task = task
        truth = label_codes(train, task)
        options: Any = {"weights": False, "threads": self._threads, "progress": self._progress}
        if task.kind == "matching":
            self._pairs = PairFeatures(task, **options).fit(train)
            rows = self._pairs.transform(train).to_numpy()
            self.details["features"] = list(self._pairs.used)
            self._progress(f"fitting logistic regression on {rows.shape[1]:,} columns")
            self._model = pair_regression().fit(rows, truth)
            folds = spread_lone_classes(fold_codes(train, task), truth)
            scores = out_of_fold(pair_regression, rows, truth, folds)[:, 1]
            self._threshold, f1 = best_f1_threshold(truth, scores)
            self.details |= {"threshold": self._threshold, "out_of_fold_f1": f1}
            return
        self._blocks = TableBlocks(task, seed=self._seed, axes=128, **options)
        rows = _joined(self._blocks.fit_transform(train))
        self.details["features"] = list(self._blocks.used)
        self._progress(f"fitting logistic regression on {rows.shape[1]:,} columns")
        self._model = logistic_regression().fit(rows, truth)

    def predict(self, test: pd.DataFrame) -> pd.DataFrame:
        """Return probabilities of the classes, or scores of matches and decisions."""
        import numpy as np

        if self._task.kind == "matching":
            scores = self._model.predict_proba(self._pairs.transform(test).to_numpy())[:, 1]
            return decisions_frame(test, scores, self._threshold)
        rows = np.full((len(test), len(self._task.classes)), 1e-9)
        found = self._model.predict_proba(_joined(self._blocks.transform(test)))
        rows[:, self._model.classes_] += found
        return probabilities_frame(test, self._task, rows)


def logistic_regression(strength: float = 1.0) -> Any:
    """Return an unfitted multinomial regression; its optimum does not depend on a seed."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=500)


def out_of_fold(
    make: Any, rows: NDArray[Any], truth: NDArray[Any], folds: NDArray[Any]
) -> NDArray[Any]:
    """Return class probabilities of each row from a model that has not seen its fold."""
    import numpy as np

    found = np.zeros((len(rows), int(truth.max(initial=0)) + 1))
    for inside, outside in _parts(folds):
        model = make().fit(rows[inside], truth[inside])
        found[np.ix_(outside, model.classes_)] = model.predict_proba(rows[outside])
    return found


def _parts(folds: NDArray[Any]) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    import numpy as np

    for fold in np.unique(folds):
        yield np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)


def pair_regression() -> Any:
    """Return an unfitted regression for pair features: median for NaN, unit variance."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    return make_pipeline(imputer, StandardScaler(), logistic_regression())


def _joined(blocks: dict[str, NDArray[Any]]) -> NDArray[Any]:
    import numpy as np

    return np.hstack(list(blocks.values()))
