"""A small neural network for the blend: it can learn smooth interactions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from challenge.methods.builtin.chosen_regression import BlockWeights, all_classes
from challenge.methods.builtin.linear import out_of_fold

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Network", "network_model"]

_BATCH = 256


class Network:
    """One hidden layer on the blocks, with the block weights of a regression; 30 epochs, no torch.

    A step is taken every 256 rows, or every tenth of a table that is smaller than ten such steps.
    """

    def __init__(self, weights: BlockWeights, hidden: int, seed: int) -> None:
        self._weights, self._hidden, self._seed = BlockWeights(weights.by_family), hidden, seed

    def fit(
        self, blocks: Mapping[str, Any], truth: NDArray[Any], folds: NDArray[Any], n_classes: int
    ) -> NDArray[Any]:
        """Fit on all rows, and return the out-of-fold probabilities (rows x classes)."""
        rows = self._weights(blocks)
        make = partial(network_model, self._hidden, len(truth), self._seed)
        self._model, self._n_classes = make().fit(rows, truth), n_classes
        return out_of_fold(make, rows, truth, folds, n_classes)

    def predict(self, blocks: Mapping[str, Any]) -> NDArray[Any]:
        """Return probabilities of other rows (rows x classes); 0 for a class never seen."""
        return all_classes(self._model, self._weights(blocks), self._n_classes)


def network_model(hidden: int, n_rows: int, seed: int) -> Any:
    """Return an unfitted network; its steps are those of a table of `n_rows` rows."""
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier(
        (hidden,),
        alpha=1e-2,
        batch_size=max(1, min(_BATCH, n_rows // 10)),
        learning_rate_init=4e-3,
        max_iter=30,
        random_state=seed,
    )
