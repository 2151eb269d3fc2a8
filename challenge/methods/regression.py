"""A logistic regression that finds out on each task how much weight each modality deserves.

On one task texts tell the label and pictures hardly anything, on the next it is the other way
round. So the weights, and whether few or all axes of the n-grams are read, are chosen by log loss
on the task's own folds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from challenge.methods.blend import choose_blend
from challenge.methods.folds import log_loss_of
from challenge.methods.linear import logistic_regression, out_of_fold

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ChosenRegression", "Weighing", "all_classes"]

_FAMILIES = {
    "n-grams": "n-grams",
    "MiniLM": "MiniLM",
    "pixels": "images",
    "Lite0": "images",
    "words": "words",
}
"""First word of a block's name, and the family that it is weighed with."""
_AXES = 128
_FLOOR = 1e-6


@dataclass(frozen=True)
class Weighing:
    """Weight of each family of blocks (1 where it is not named) and axes of n-grams (None: all)."""

    weights: Mapping[str, float]
    axes: int | None = _AXES

    def __call__(self, blocks: Mapping[str, Any]) -> Any:
        """Return the weighed blocks side by side; sparse if one of them is."""
        import numpy as np
        from scipy.sparse import hstack, issparse

        parts = [
            (rows[:, : self.axes] if _family(name) == "n-grams" else rows)
            * self.weights.get(_family(name), 1.0)
            for name, rows in blocks.items()
        ]
        return hstack(parts, format="csr") if any(map(issparse, parts)) else np.hstack(parts)


class ChosenRegression:
    """Logistic regression on blocks of columns; families of blocks are multiplied by weights.

    All families start at the first of `weights`; for one after the other the rest is tried, with
    at most 128 axes of n-grams; `whole` then tries all. `weighing` is what was best, after `fit`.
    """

    def __init__(self, strength: float, weights: Sequence[float], *, whole: bool) -> None:
        self._strength, self._weights, self._whole = strength, weights, whole

    def fit(
        self,
        blocks: Mapping[str, Any],
        truth: NDArray[Any],
        folds: NDArray[Any],
        n_classes: int,
        tell: Callable[[str], None],
    ) -> NDArray[Any]:
        """Choose, fit on all rows, and return the out-of-fold probabilities (rows x classes)."""

        def attempt(weighing: Weighing) -> tuple[float, Weighing, NDArray[Any]]:
            rows = weighing(blocks)
            tell(f"fitting logistic regression on {rows.shape[1]:,} columns")
            found = out_of_fold(self._make, rows, truth, folds, n_classes)
            # At its best temperature: the blend will give it one.
            tempered = choose_blend([found], truth, (_FLOOR,))([found])
            return log_loss_of(truth, tempered), weighing, found

        families = [name for name in dict.fromkeys(map(_family, blocks)) if name]
        best = attempt(Weighing(dict.fromkeys(families, self._weights[0])))
        for family in families:
            for weight in self._weights[1:]:
                rival = attempt(Weighing({**best[1].weights, family: weight}))
                best = min(best, rival, key=lambda one: one[0])
        wide = (_family(name) == "n-grams" and b.shape[1] > _AXES for name, b in blocks.items())
        if self._whole and any(wide):
            best = min(best, attempt(Weighing(best[1].weights, None)), key=lambda one: one[0])
        _, self.weighing, found = best
        self._model = self._make().fit(self.weighing(blocks), truth)
        self._n_classes = n_classes
        return found

    def predict_proba(self, blocks: Mapping[str, Any]) -> NDArray[Any]:
        """Return probabilities of other rows (rows x classes); 0 for a class never seen."""
        return all_classes(self._model, self.weighing(blocks), self._n_classes)

    def as_details(self) -> dict[str, object]:
        """Return what was chosen, as it is stored with a submission."""
        return {**self.weighing.weights, "n-gram axes": self.weighing.axes or "all"}

    def _make(self) -> Any:
        return logistic_regression(self._strength)


def all_classes(model: Any, rows: Any, n_classes: int) -> NDArray[Any]:
    """Return a fitted model's probabilities with a column for each class, seen or not."""
    import numpy as np

    found = np.zeros((rows.shape[0], n_classes))
    found[:, model.classes_] = model.predict_proba(rows)
    return found


def _family(name: str) -> str:
    return _FAMILIES.get(name.split()[0], "")
