"""A small neural network for the blend: it can learn smooth interactions."""

from __future__ import annotations

from typing import Any

__all__ = ["network_model"]

_BATCH = 256


def network_model(hidden: int, n_rows: int, seed: int) -> Any:
    """Return an unfitted network of one hidden layer; 30 epochs, no torch.

    A step is taken every 256 rows, or every tenth of a table of `n_rows` rows that is smaller than
    ten such steps.
    """
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier(
        (hidden,),
        alpha=1e-2,
        batch_size=max(1, min(_BATCH, n_rows // 10)),
        learning_rate_init=4e-3,
        max_iter=30,
        random_state=seed,
    )
