"""A logistic regression that finds out on each task how much weight its texts deserve.

On one task texts tell the label and pictures hardly anything, on the next it is the other way
round. So the weight, and whether few or all axes of the n-grams are read, are chosen by log loss
on the task's own folds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from challenge.methods.blend import choose_blend
from challenge.methods.folds import log_loss_of
from challenge.methods.linear import logistic_regression, out_of_fold

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ChosenRegression"]

_TEXTS = ("n-grams", "MiniLM", "words")
_AXES = 128
_FLOOR = 1e-6


class ChosenRegression:
    """Logistic regression on blocks of columns; those of texts are multiplied by a weight.

    `weights` are tried in turn, with at most 128 axes of each block; `whole` then tries all axes
    under the best weight. `chosen` tells weight and axes (None: all), after `fit`.
    """

    def __init__(self, strength: float, weights: Sequence[float], *, whole: bool) -> None:
        self._strength, self._weights, self._whole = strength, weights, whole
        self.chosen: dict[str, object] = {}

    def fit(
        self,
        blocks: Mapping[str, Any],
        truth: NDArray[Any],
        folds: NDArray[Any],
        n_classes: int,
        tell: Callable[[str], None],
    ) -> NDArray[Any]:
        """Choose, fit on all rows, and return the out-of-fold probabilities (rows x classes)."""
        tried: dict[tuple[float, int | None], tuple[float, NDArray[Any]]] = {}

        def attempt(weight: float, axes: int | None) -> None:
            rows = _weighted(blocks, weight, axes)
            tell(f"fitting logistic regression on {rows.shape[1]:,} columns")
            found = out_of_fold(self._make, rows, truth, folds, n_classes)
            # At its best temperature: the blend will give it one.
            tempered = choose_blend([found], truth, (_FLOOR,))([found])
            tried[weight, axes] = log_loss_of(truth, tempered), found

        def best() -> tuple[float, int | None]:
            return min(tried, key=lambda setting: tried[setting][0])

        for weight in self._weights:
            attempt(weight, _AXES)
        if self._whole and any(rows.shape[1] > _AXES for rows in _axed(blocks).values()):
            attempt(best()[0], None)
        self._setting = best()
        self.chosen = {"text weight": self._setting[0], "n-gram axes": self._setting[1] or "all"}
        self._model = self._make().fit(_weighted(blocks, *self._setting), truth)
        self._n_classes = n_classes
        return tried[self._setting][1]

    def predict_proba(self, blocks: Mapping[str, Any]) -> NDArray[Any]:
        """Return probabilities of other rows (rows x classes); 0 for a class never seen."""
        import numpy as np

        rows = _weighted(blocks, *self._setting)
        found = np.zeros((rows.shape[0], self._n_classes))
        found[:, self._model.classes_] = self._model.predict_proba(rows)
        return found

    def _make(self) -> Any:
        return logistic_regression(self._strength)


def _axed(blocks: Mapping[str, Any]) -> dict[str, Any]:
    return {name: rows for name, rows in blocks.items() if name.startswith("n-grams ")}


def _weighted(blocks: Mapping[str, Any], weight: float, axes: int | None) -> Any:
    import numpy as np
    from scipy.sparse import hstack, issparse

    parts = [
        (rows[:, :axes] if name in _axed(blocks) else rows)
        * (weight if name.split()[0] in _TEXTS else 1.0)
        for name, rows in blocks.items()
    ]
    return hstack(parts, format="csr") if any(map(issparse, parts)) else np.hstack(parts)
