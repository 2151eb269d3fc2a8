"""A regression that chooses the weight of each modality for each task.

On some tasks texts predict the label better than images, on others images do. So the
weights, the number of components of the n-grams, and the penalty are chosen out of fold:
by log loss for classes and matches (logistic), by squared error for numbers (ridge).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from challenge.errors import counted
from challenge.methods.builtin.blend import choose_blend
from challenge.methods.builtin.folds import log_loss_of
from challenge.methods.builtin.linear import logistic_regression, out_of_fold
from challenge.methods.builtin.ridge import numbers_out_of_fold, ridge

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BlockWeights", "ChosenRegression", "all_classes"]

_FAMILIES = {
    "n-grams": "n-grams",
    "MiniLM": "MiniLM",
    "wordllama": "wordllama",
    "pixels": "images",
    "Lite0": "images",
    "words": "words",
}
"""First word of a block's name, and the family that it belongs to."""
_COMPONENTS = 128
_LEAST = 1e-6
_RIDGE_STRENGTHS = (0.1, 0.01, 0.001, 1.0)


@dataclass(frozen=True)
class BlockWeights:
    """Weight of each family of blocks (1 where not named), components of n-grams (None: all)."""

    by_family: Mapping[str, float]
    components: int | None = _COMPONENTS

    def __call__(self, blocks: Mapping[str, Any]) -> Any:
        """Return the weighted blocks side by side; sparse if one of them is."""
        import numpy as np
        from scipy.sparse import hstack, issparse

        parts = [
            (rows[:, : self.components] if _family(name) == "n-grams" else rows)
            * self.by_family.get(_family(name), 1.0)
            for name, rows in blocks.items()
        ]
        return hstack(parts, format="csr") if any(map(issparse, parts)) else np.hstack(parts)


@dataclass(frozen=True)
class _Attempt:
    """The out-of-fold predictions of a setting and their loss; the lower one comes first."""

    loss: float
    weights: BlockWeights
    strength: float
    found: NDArray[Any]

    def __lt__(self, other: _Attempt) -> bool:
        return self.loss < other.loss


class ChosenRegression:
    """Regression on blocks of columns; families of blocks are multiplied by weights.

    Each family starts at the weight `start`, with at most 128 components of n-grams and the first
    of `strengths` (inverse penalties). One family after the other moves along `weights`
    (ascending) as long as the loss falls; then `whole` tries all components, and the other
    strengths are tried. `numbers` makes it ridge, whose penalties are tried instead of strengths.
    After `settle`, `block_weights` and `strength` are the best ones found.
    """

    def __init__(
        self,
        strengths: Sequence[float],
        weights: Sequence[float],
        *,
        start: float = 1.0,
        whole: bool = False,
        numbers: bool = False,
    ) -> None:
        self._strengths, self._weights, self._start = strengths, weights, start
        self._whole, self._numbers = whole, numbers
        self._make: Callable[[float], Any] = logistic_regression
        self._best: _Attempt | None = None
        if numbers:
            self._strengths, self._make = _RIDGE_STRENGTHS, _ridge_of

    def search(
        self,
        blocks: Mapping[str, Any],
        truth: NDArray[Any],
        folds: NDArray[Any],
        n_classes: int,
        report: Callable[[str], None],
    ) -> None:
        """Try settings and keep the best; what was kept stays when the search is interrupted."""
        self._n_classes, self._best = n_classes, None

        def attempt(weights: BlockWeights, strength: float) -> _Attempt:
            rows = weights(blocks)
            report(
                f"fitting {'ridge' if self._numbers else 'logistic'} regression on "
                f"{counted(rows.shape[1], 'column')}"
            )
            made = partial(self._make, strength)
            if self._numbers:
                found = numbers_out_of_fold(made, rows, truth, folds)
                tried = _Attempt(float(((found - truth) ** 2).mean()), weights, strength, found)
            else:
                found = out_of_fold(made, rows, truth, folds, n_classes)
                # At its best temperature, since the blend chooses one too.
                tempered = choose_blend([found], truth, (_LEAST,))([found])
                tried = _Attempt(log_loss_of(truth, tempered), weights, strength, found)
            self._best = tried if self._best is None else min(self._best, tried)
            return tried

        first, *others = self._strengths
        families = [name for name in dict.fromkeys(map(_family, blocks)) if name]
        best = attempt(BlockWeights(dict.fromkeys(families, self._start)), first)
        for family in families:
            for step in (1, -1):
                start = best
                while (weight := self._next(best.weights.by_family[family], step)) is not None:
                    weights = {**best.weights.by_family, family: weight}
                    candidate = attempt(BlockWeights(weights), first)
                    if candidate.loss >= best.loss:
                        break
                    best = candidate
                if best is not start:
                    break
        wide = (
            _family(name) == "n-grams" and rows.shape[1] > _COMPONENTS
            for name, rows in blocks.items()
        )
        if self._whole and any(wide):
            best = min(best, attempt(BlockWeights(best.weights.by_family, None), first))
        for strength in others:
            best = min(best, attempt(best.weights, strength))

    def settle(self, blocks: Mapping[str, Any], truth: NDArray[Any]) -> NDArray[Any] | None:
        """Fit the best setting of `search` on all rows; return its out-of-fold predictions.

        Probabilities (rows x classes), or numbers (rows). None where no setting was tried in time.
        """
        if self._best is None:
            return None
        self.block_weights, self.strength = self._best.weights, self._best.strength
        self._model = self._make(self.strength).fit(self.block_weights(blocks), truth)
        return self._best.found

    def _next(self, weight: float, step: int) -> float | None:
        index = self._weights.index(weight) + step
        return self._weights[index] if 0 <= index < len(self._weights) else None

    def predict(self, blocks: Mapping[str, Any]) -> NDArray[Any]:
        """Return predictions of other rows, as `settle` does; 0 for a class never seen."""
        rows = self.block_weights(blocks)
        if self._numbers:
            found: NDArray[Any] = self._model.predict(rows)
            return found
        return all_classes(self._model, rows, self._n_classes)

    def as_details(self) -> dict[str, object]:
        """Return what was chosen, as it is stored with a submission."""
        components = self.block_weights.components or "all"
        return {
            **self.block_weights.by_family,
            "n-gram components": components,
            "strength": self.strength,
        }


def all_classes(model: Any, rows: Any, n_classes: int) -> NDArray[Any]:
    """Return a fitted model's probabilities with a column for each class, seen or not."""
    import numpy as np

    found = np.zeros((rows.shape[0], n_classes))
    found[:, model.classes_] = model.predict_proba(rows)
    return found


def _family(name: str) -> str:
    return _FAMILIES.get(name.split()[0], "")


def _ridge_of(strength: float) -> Any:
    return ridge(1 / strength)
