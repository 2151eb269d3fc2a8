"""A model of classes with the form of scikit-learn's, out of fold and for other rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from challenge.methods.builtin.chosen_regression import all_classes
from challenge.methods.builtin.linear import out_of_fold

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from challenge.methods.builtin.inputs import Inputs

__all__ = ["OwnModel"]


class OwnModel:
    """Fits what `make` returns (`fit`, `predict_proba`, `classes_`) on rows chosen by `rows_of`."""

    def __init__(self, make: Callable[[], Any], rows_of: Callable[[Inputs], Any]) -> None:
        self._make, self._rows_of = make, rows_of

    def fit(
        self, read: Inputs, truth: NDArray[Any], folds: NDArray[Any], n_classes: int
    ) -> NDArray[Any]:
        """Fit on all rows, and return the out-of-fold probabilities (rows x classes)."""
        rows = self._rows_of(read)
        self._model, self._n_classes = self._make().fit(rows, truth), n_classes
        return out_of_fold(self._make, rows, truth, folds, n_classes)

    def predict(self, read: Inputs) -> NDArray[Any]:
        """Return probabilities of other rows (rows x classes); 0 for a class never seen."""
        return all_classes(self._model, self._rows_of(read), self._n_classes)
