"""The simple entry: one linear model on the usual features.

No network and no pretrained weights: TF-IDF of text, scaled numbers, one-hot categories, simple
image features; in matching, comparisons of the two sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from challenge.errors import counted
from challenge.features.blocks import Ngrams, TableBlocks
from challenge.features.pair_features import PairFeatures
from challenge.methods.builtin.calibration import choose_temperature
from challenge.methods.builtin.folds import (
    best_f1_threshold,
    fold_codes,
    label_codes,
    label_numbers,
    spread_lone_classes,
)
from challenge.methods.builtin.ridge import PENALTIES, choose_penalty, ridge
from challenge.methods.protocol import (
    LABELS,
    Progress,
    decisions_frame,
    numbers_frame,
    probabilities_frame,
    refuse_other_kinds,
    silent,
)
from challenge.methods.space import Choice, Dimension, Float

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from challenge.task import Task

__all__ = ["Linear", "class_weights", "logistic_regression", "out_of_fold", "pair_regression"]

_LEAST = 1e-9
"""Added to each probability, so that a class without training rows has more than 0."""


class Linear:
    """Logistic regression on blocks of the table or on pair features; ridge for numbers.

    `strength` is the inverse of the penalty; for ridge it scales the penalties, of which one is
    chosen out of fold. `balance` is the exponent of the class weights (0: equal rows, 1: equal
    classes). Blocks of text and of images are multiplied by their weights. `ngrams` of the text are
    of words, characters or both.
    """

    title = "Linear"
    kinds = LABELS

    def __init__(
        self,
        *,
        strength: float = 1.0,
        balance: float = 0.0,
        ngrams: Ngrams = "both",
        text_weight: float = 1.0,
        image_weight: float = 1.0,
        seed: int = 0,
        threads: int = 1,
        progress: Progress = silent,
    ) -> None:
        self._strength, self._balance, self._ngrams = strength, balance, ngrams
        self._weights = {"n-grams": text_weight, "pixels": image_weight}
        self._seed, self._threads, self._progress = seed, threads, progress
        self.details: dict[str, object] = {}
        self.summary = ""

    @staticmethod
    def space(task: Task) -> dict[str, Dimension]:
        """Return the options that a search may choose; those of text and images only if present."""
        space: dict[str, Dimension] = {"strength": Float(0.01, 100, log=True)}
        if task.kind.label != "number":
            space["balance"] = Float(0, 1)
        if not task.kind.paired and task.columns_of("text"):
            space["ngrams"] = Choice(("both", "words", "characters"))
            space["text_weight"] = Float(0.25, 4, log=True)
        if not task.kind.paired and task.columns_of("image"):
            space["image_weight"] = Float(0.25, 4, log=True)
        return space

    def fit(self, train: pd.DataFrame, task: Task) -> None:
        """Learn; temperature, threshold for F1 and penalty of ridge are chosen out of fold."""
        refuse_other_kinds(task, self.kinds)
        self._task, self._train = task, train[["id"]]
        options: Any = {"weights": False, "threads": self._threads, "progress": self._progress}
        if task.kind.paired:
            self._pairs = PairFeatures(task, **options).fit(train)
            used = self._pairs.used
        else:
            self._blocks = TableBlocks(
                task,
                seed=self._seed,
                axes=128,
                ngrams=self._ngrams,
                whole_texts=True,
                **options,
            )
            used = self._blocks.used
        rows = self._rows(train, fitting=True)
        folds = fold_codes(train, task)
        is_number = task.kind.label == "number"
        self.summary = "ridge regression" if is_number else "logistic regression"
        self.details |= {"model": self.summary, "features": list(used)}
        self._progress(f"fitting {self.summary} on {counted(rows.shape[1], 'column')}")
        if is_number:
            self._fit_numbers(rows, label_numbers(train), folds)
        else:
            self._fit_classes(rows, label_codes(train, task), folds)

    def _fit_numbers(self, rows: NDArray[Any], truth: NDArray[Any], folds: NDArray[Any]) -> None:
        make = pair_ridge if self._task.kind.paired else ridge
        penalties = [penalty / self._strength for penalty in PENALTIES]
        penalty, self._out_of_fold = choose_penalty(make, rows, truth, folds, penalties)
        self._model = make(penalty).fit(rows, truth)
        self.details["penalty"] = penalty

    def _fit_classes(self, rows: NDArray[Any], truth: NDArray[Any], folds: NDArray[Any]) -> None:
        task = self._task
        make = pair_regression if task.kind.paired else logistic_regression
        made = partial(make, self._strength, class_weights(truth, self._balance))
        self._model = made().fit(rows, truth)
        self._progress("choosing the temperature out of fold")
        self._truth, self._folds = truth, spread_lone_classes(folds, truth)
        found = out_of_fold(made, rows, truth, self._folds, len(task.classes))
        self._temperature = choose_temperature(found, truth)
        self._out_of_fold = self._temperature(found + _LEAST)
        self.details |= self._temperature.as_details()
        if task.kind.paired:
            scores = self._out_of_fold[:, 1]
            self._threshold, f1 = best_f1_threshold(truth, scores)
            self.details |= {"threshold": self._threshold, "out_of_fold_f1": f1}

    def predict(self, test: pd.DataFrame) -> pd.DataFrame:
        """Return probabilities of the classes, scores of matches and decisions, or numbers."""
        import numpy as np

        features = self._rows(test)
        if self._task.kind.label == "number":
            return numbers_frame(test, self._model.predict(features))
        found = np.full((len(test), len(self._task.classes)), _LEAST)
        found[:, self._model.classes_] += self._model.predict_proba(features)
        rows = self._temperature(found)
        if self._task.kind.paired:
            return decisions_frame(test, rows[:, 1], self._threshold)
        return probabilities_frame(test, self._task, rows)

    def predict_out_of_fold(self) -> pd.DataFrame:
        """Return predictions of the training rows by models that did not see their fold.

        In matching each fold is decided by the threshold that is best on the others.
        """
        if self._task.kind.label == "number":
            return numbers_frame(self._train, self._out_of_fold)
        if self._task.kind.has_classes:
            return probabilities_frame(self._train, self._task, self._out_of_fold)
        scores = self._out_of_fold[:, 1]
        found = decisions_frame(self._train, scores, self._threshold)
        for inside, outside in _parts(self._folds):
            threshold, _ = best_f1_threshold(self._truth[inside], scores[inside])
            found.loc[outside, "label"] = (scores[outside] >= threshold).astype("int8")
        return found

    def _rows(self, table: pd.DataFrame, *, fitting: bool = False) -> NDArray[Any]:
        import numpy as np

        if self._task.kind.paired:
            return np.asarray(self._pairs.transform(table).to_numpy(), np.float64)
        make = self._blocks.fit_transform if fitting else self._blocks.transform
        return np.hstack(
            [rows * self._weights.get(name.split()[0], 1.0) for name, rows in make(table).items()]
        )


def logistic_regression(
    strength: float = 1.0, weights: dict[int, float] | None = None, *, solver: str = "lbfgs"
) -> Any:
    """Return an unfitted multinomial regression; its optimum does not depend on a seed.

    The solver "newton-cholesky" is ten times faster on two classes and a few hundred dense columns.
    """
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=500, class_weight=weights, solver=solver)


def class_weights(truth: NDArray[Any], balance: float) -> dict[int, float] | None:
    """Return the weight of each class's rows: (mean class size / class size) ** balance.

    >>> import numpy as np
    >>> weights = class_weights(np.array([0, 0, 0, 1]), 1.0)
    >>> {code: round(weight, 6) for code, weight in weights.items()}
    {0: 0.666667, 1: 2.0}
    """
    import numpy as np

    if balance == 0:
        return None
    codes, sizes = np.unique(truth, return_counts=True)
    weights = (sizes.mean() / sizes) ** balance
    return {int(code): float(weight) for code, weight in zip(codes, weights, strict=True)}


def out_of_fold(
    make: Any,
    rows: NDArray[Any],
    truth: NDArray[Any],
    folds: NDArray[Any],
    n_classes: int | None = None,
) -> NDArray[Any]:
    """Return class probabilities of each row from a model that has not seen its fold."""
    import numpy as np

    found = np.zeros((len(truth), n_classes or int(truth.max(initial=0)) + 1))
    for inside, outside in _parts(folds):
        if len(seen := np.unique(truth[inside])) == 1:
            found[np.ix_(outside, seen)] = 1.0
            continue
        model = make().fit(rows[inside], truth[inside])
        found[np.ix_(outside, model.classes_)] = model.predict_proba(rows[outside])
    return found


def _parts(folds: NDArray[Any]) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    import numpy as np

    for fold in np.unique(folds):
        yield np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)


def pair_regression(strength: float = 1.0, weights: dict[int, float] | None = None) -> Any:
    """Return an unfitted regression for pair features: median for NaN, unit variance."""
    return _on_pairs(logistic_regression(strength, weights, solver="newton-cholesky"))


def pair_ridge(penalty: float) -> Any:
    """Return an unfitted ridge regression for pair features: median for NaN, unit variance."""
    return _on_pairs(ridge(penalty))


def _on_pairs(model: Any) -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    return make_pipeline(imputer, StandardScaler(), model)
