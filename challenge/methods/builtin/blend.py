"""Several models' probabilities as one, chosen on out-of-fold rows.

A blend is a weighted geometric mean. Its exponents minimise log loss; they need not sum to one, so
they include the temperature. The prior correction divides by a power of the class shares. It is
for metrics with equal class weights, and is chosen for the task's own metric.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from challenge.methods.builtin.folds import log_loss_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TREES", "Blend", "blend_models", "choose_blend", "softmax"]

TREES = "autogluon"
"""Name of AutoGluon's own models, trees all of them, in a blend."""

_TREE_LEAST, _LEAST = (1e-2, 1e-3, 1e-4), 1e-6
"""Least probability in the blend of the trees (the best out of fold) and of the other models."""

_PULL = 2e-3
"""Penalty towards equal exponents: without out-of-fold errors log loss has no minimum."""
_CORRECTIONS = (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 1.0)


@dataclass(frozen=True)
class Blend:
    """Exponents and least probabilities of the models, class shares and the power of these."""

    exponents: tuple[float, ...]
    least: tuple[float, ...]
    shares: tuple[float, ...]
    prior_correction: float = 0.0

    def __call__(self, tables: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Return blended probabilities of the models' tables (rows x classes)."""
        import numpy as np

        parts = zip(self.exponents, self.least, tables, strict=True)
        logs = sum(weight * _logs(table, low) for weight, low, table in parts)
        return softmax(np.asarray(logs) - self.prior_correction * np.log(self.shares))


def choose_blend(
    tables: Sequence[NDArray[Any]],
    truth: NDArray[Any],
    least: Sequence[float],
    measure: Callable[[NDArray[Any]], float] | None = None,
) -> Blend:
    """Choose exponents by log loss of out-of-fold `tables`, then the prior correction by `measure`.

    A probability below the `least` of its model counts as that: forests give 0 to classes
    that are only rare. `measure` takes the decided class of each row, higher is better; None means
    no correction. The least correction within a thousandth of the best is taken.
    """
    import numpy as np
    from scipy.optimize import minimize

    logs = [_logs(table, low) for table, low in zip(tables, least, strict=True)]
    rows = np.arange(len(truth))
    start = np.full(len(tables), 1 / len(tables))

    def loss(exponents: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        blended = softmax(sum(w * log for w, log in zip(exponents, logs, strict=True)))
        value = -np.log(np.maximum(blended[rows, truth], 1e-300)).mean()
        slopes = [((blended * log).sum(axis=1) - log[rows, truth]).mean() for log in logs]
        away = exponents - start
        return float(value) + _PULL * float(away @ away), np.array(slopes) + 2 * _PULL * away

    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, 5)] * len(tables))
    exponents = tuple(round(float(value), 4) for value in found.x)
    counts = np.bincount(truth, minlength=tables[0].shape[1]) + 0.5
    shares = tuple(float(value) for value in counts / counts.sum())
    powers = _CORRECTIONS if measure else (0.0,)
    blends = [Blend(exponents, tuple(least), shares, power) for power in powers]
    if measure is None:
        return blends[0]
    values = [measure(blend(tables).argmax(axis=1)) for blend in blends]
    near = next(index for index, value in enumerate(values) if value >= max(values) - 1e-3)
    return blends[near]


def blend_models(
    named: Mapping[str, NDArray[Any]],
    truth: NDArray[Any],
    measure: Callable[[NDArray[Any]], float] | None = None,
) -> Blend:
    """Choose a blend of the tables of models by their names.

    The least probability of trees (TREES) is the one of three with the least log loss out of fold.
    """
    tables = list(named.values())
    blends = [
        choose_blend(tables, truth, [low if name == TREES else _LEAST for name in named], measure)
        for low in (_TREE_LEAST if TREES in named else (_LEAST,))
    ]
    return min(
        blends, key=lambda blend: log_loss_of(truth, replace(blend, prior_correction=0.0)(tables))
    )


def softmax(logs: Any) -> NDArray[Any]:
    """Return probabilities from logarithms (rows x classes) that may be off by a constant a row."""
    import numpy as np

    raised = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _logs(table: NDArray[Any], low: float) -> NDArray[Any]:
    import numpy as np

    values = np.log(np.maximum(np.asarray(table, np.float64), low))
    return np.asarray(values - values.max(axis=1, keepdims=True))
