"""Vectors for retrieval: the old model's, a new model's, and two that fit the old gallery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from challenge.features.blocks import TableBlocks
from challenge.methods.builtin.folds import fold_codes
from challenge.methods.builtin.ridge import PENALTIES, ridge
from challenge.methods.protocol import THINGS, Progress, refuse_other_kinds, silent, vectors_frame
from challenge.task.columns import vector_columns

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from challenge.task import Task

__all__ = ["ClassMeanVectors", "NaiveVectors", "OldVectors", "ProcrustesVectors"]

_COMPONENTS = 256
"""Components of each text or image that rows have."""

_OWN = 0.1
"""Added to the scatter within things, as a share of its mean: few rows show each thing."""


class OldVectors:
    """The vectors of the old model: what every new one has to beat."""

    kinds = THINGS

    def __init__(self) -> None:
        self.details: dict[str, object] = {"features": []}

    def fit(self, train: pd.DataFrame, task: Task) -> None:
        """Learn nothing."""
        del train
        refuse_other_kinds(task, self.kinds)
        self._task = task

    def predict(self, test: pd.DataFrame) -> pd.DataFrame:
        """Return the old vectors."""
        return vectors_frame(test, _old(test, self._task))


class _OfRows:
    """Vectors that are a linear function of the features of a row."""

    kinds = THINGS

    def __init__(self, *, seed: int = 0, threads: int = 1, progress: Progress = silent) -> None:
        self._options: dict[str, Any] = {"seed": seed, "threads": threads, "progress": progress}
        self.details: dict[str, object] = {}

    def fit(self, train: pd.DataFrame, task: Task) -> None:
        """Learn the function."""
        import numpy as np

        refuse_other_kinds(task, self.kinds)
        self._task = task
        self._blocks = TableBlocks(task, axes=_COMPONENTS, weights=False, **self._options)
        rows = np.hstack(list(self._blocks.fit_transform(train).values())).astype(np.float64)
        things = np.unique(train["label"].astype(str), return_inverse=True)[1]
        self._mean = rows.mean(axis=0)
        self._matrix = self._learn(rows - self._mean, things, train)
        self.details["features"] = list(self._blocks.used)

    def predict(self, test: pd.DataFrame) -> pd.DataFrame:
        """Return the vectors."""
        import numpy as np

        rows = np.hstack(list(self._blocks.transform(test).values())).astype(np.float64)
        return vectors_frame(test, (rows - self._mean) @ self._matrix)

    def _learn(self, rows: NDArray[Any], things: NDArray[Any], train: pd.DataFrame) -> NDArray[Any]:
        """Return the matrix from centred features to vectors."""
        raise NotImplementedError


class NaiveVectors(_OfRows):
    """A new model that knows nothing of the old one: directions in which things differ most.

    Linear discriminants (Fisher 1936): scatter of the means of things against that within them.
    """

    def _learn(self, rows: NDArray[Any], things: NDArray[Any], train: pd.DataFrame) -> NDArray[Any]:
        import numpy as np
        from scipy.linalg import eigh

        del train
        sizes = np.bincount(things)[:, None]
        means = _sums(rows, things) / sizes
        inside = rows - means[things]
        within = inside.T @ inside / len(rows)
        within += np.eye(len(within)) * (_OWN * np.trace(within) / len(within) or 1.0)
        between = (means * sizes).T @ means / len(rows)
        d = self._task.dimensions
        found = eigh(between, within)[1][:, ::-1][:, :d]
        matrix = np.zeros((rows.shape[1], d))
        matrix[:, : found.shape[1]] = found
        return matrix


class ProcrustesVectors(NaiveVectors):
    """The naive vectors, rotated so that those of train come nearest to the old ones.

    Orthogonal Procrustes (Schönemann 1966): what new queries find in a new gallery is unchanged.
    """

    def _learn(self, rows: NDArray[Any], things: NDArray[Any], train: pd.DataFrame) -> NDArray[Any]:
        import numpy as np

        matrix = super()._learn(rows, things, train)
        left, _, right = np.linalg.svd(_unit(rows @ matrix).T @ _unit(_old(train, self._task)))
        return np.asarray(matrix @ (left @ right))


class ClassMeanVectors(_OfRows):
    """The old direction of a row, and as much of the mean old direction of its thing.

    The mean is predicted from the features, by one ridge regression with a penalty that is chosen
    out of fold, by squared error. So the old model's centres bind the new one, as its classifier
    does in backward-compatible training (Shen et al. 2020). Queries need the old model, too.
    """

    def predict(self, test: pd.DataFrame) -> pd.DataFrame:
        """Return the vectors."""
        means = _unit(_old(super().predict(test), self._task))
        return vectors_frame(test, _unit(_old(test, self._task)) + means)

    def _learn(self, rows: NDArray[Any], things: NDArray[Any], train: pd.DataFrame) -> NDArray[Any]:
        import numpy as np

        wanted = _unit(_sums(_unit(_old(train, self._task)), things))[things]
        folds = fold_codes(train, self._task)
        errors = []
        for penalty in PENALTIES:
            error = 0.0
            for fold in np.unique(folds):
                out = folds == fold
                if not out.all():
                    model = ridge(penalty).fit(rows[~out], wanted[~out])
                    error += float(((model.predict(rows[out]) - wanted[out]) ** 2).sum())
            errors.append(error)
        best = PENALTIES[int(np.argmin(errors))]
        self.details["penalty"] = best
        model = ridge(best).fit(rows, wanted - wanted.mean(axis=0))
        return np.asarray(model.coef_.T)


def _old(table: pd.DataFrame, task: Task) -> NDArray[Any]:
    """Return the vectors of the old model."""
    import numpy as np

    return table[list(vector_columns(task.dimensions))].to_numpy(np.float64)


def _sums(rows: NDArray[Any], things: NDArray[Any]) -> NDArray[Any]:
    """Return the sum of the rows of each thing."""
    import numpy as np

    sums = np.zeros((int(things.max()) + 1, rows.shape[1]))
    np.add.at(sums, things, rows)
    return sums


def _unit(rows: NDArray[Any]) -> NDArray[Any]:
    """Return the rows with length 1; zeros stay."""
    import numpy as np

    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0.0, lengths, 1.0))
