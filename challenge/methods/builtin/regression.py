"""A logistic regression that finds out on each task how much weight each modality deserves.

On one task texts tell the label and images hardly anything, on the next it is the other way
round. So the weights, whether few or all axes of the n-grams are read, and the penalty are chosen
by log loss on the task's own folds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from challenge.methods.builtin.blend import choose_blend
from challenge.methods.builtin.folds import log_loss_of
from challenge.methods.builtin.linear import logistic_regression, out_of_fold

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


@dataclass(frozen=True)
class _Attempt:
    """The out-of-fold probabilities of a setting and their log loss; the lower one comes first."""

    loss: float
    weighing: Weighing
    strength: float
    found: NDArray[Any]

    def __lt__(self, other: _Attempt) -> bool:
        return self.loss < other.loss


class ChosenRegression:
    """Logistic regression on blocks of columns; families of blocks are multiplied by weights.

    Each family starts at the weight `start`, with at most 128 axes of n-grams and the first of
    `strengths` (inverse penalties). One family after the other moves along `weights` (ascending)
    as long as the log loss falls; then `whole` tries all axes, and the other strengths are tried.
    `weighing` and `strength` are what was best, after `fit`.
    """

    def __init__(
        self,
        strengths: Sequence[float],
        weights: Sequence[float],
        *,
        start: float = 1.0,
        whole: bool = False,
        solver: str = "lbfgs",
    ) -> None:
        self._strengths, self._weights, self._start = strengths, weights, start
        self._whole, self._make = whole, partial(logistic_regression, solver=solver)

    def fit(
        self,
        blocks: Mapping[str, Any],
        truth: NDArray[Any],
        folds: NDArray[Any],
        n_classes: int,
        report: Callable[[str], None],
    ) -> NDArray[Any]:
        """Choose, fit on all rows, and return the out-of-fold probabilities (rows x classes)."""

        def attempt(weighing: Weighing, strength: float) -> _Attempt:
            rows = weighing(blocks)
            report(f"fitting logistic regression on {rows.shape[1]:,} columns")
            found = out_of_fold(partial(self._make, strength), rows, truth, folds, n_classes)
            # At its best temperature: the blend will give it one.
            tempered = choose_blend([found], truth, (_FLOOR,))([found])
            return _Attempt(log_loss_of(truth, tempered), weighing, strength, found)

        first, *others = self._strengths
        families = [name for name in dict.fromkeys(map(_family, blocks)) if name]
        best = attempt(Weighing(dict.fromkeys(families, self._start)), first)
        for family in families:
            for way in (1, -1):
                start = best
                while (weight := self._next(best.weighing.weights[family], way)) is not None:
                    weights = {**best.weighing.weights, family: weight}
                    candidate = attempt(Weighing(weights), first)
                    if candidate.loss >= best.loss:
                        break
                    best = candidate
                if best is not start:
                    break
        wide = (_family(name) == "n-grams" and b.shape[1] > _AXES for name, b in blocks.items())
        if self._whole and any(wide):
            best = min(best, attempt(Weighing(best.weighing.weights, None), first))
        for strength in others:
            best = min(best, attempt(best.weighing, strength))
        self.weighing, self.strength = best.weighing, best.strength
        self._model = self._make(self.strength).fit(self.weighing(blocks), truth)
        self._n_classes = n_classes
        return best.found

    def _next(self, weight: float, way: int) -> float | None:
        place = self._weights.index(weight) + way
        return self._weights[place] if 0 <= place < len(self._weights) else None

    def predict_proba(self, blocks: Mapping[str, Any]) -> NDArray[Any]:
        """Return probabilities of other rows (rows x classes); 0 for a class never seen."""
        return all_classes(self._model, self.weighing(blocks), self._n_classes)

    def as_details(self) -> dict[str, object]:
        """Return what was chosen, as it is stored with a submission."""
        axes = self.weighing.axes or "all"
        return {**self.weighing.weights, "n-gram axes": axes, "strength": self.strength}


def all_classes(model: Any, rows: Any, n_classes: int) -> NDArray[Any]:
    """Return a fitted model's probabilities with a column for each class, seen or not."""
    import numpy as np

    found = np.zeros((rows.shape[0], n_classes))
    found[:, model.classes_] = model.predict_proba(rows)
    return found


def _family(name: str) -> str:
    return _FAMILIES.get(name.split()[0], "")
