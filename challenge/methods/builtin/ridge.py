"""Ridge regression for numbers: its penalty is chosen out of fold, by squared error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PENALTIES", "choose_penalty", "numbers_out_of_fold", "ridge"]

PENALTIES = (0.1, 1.0, 10.0, 100.0, 1000.0)


def ridge(penalty: float) -> Any:
    """Return an unfitted ridge regression with an intercept."""
    from sklearn.linear_model import Ridge

    return Ridge(alpha=penalty)


def numbers_out_of_fold(
    make: Callable[[], Any], rows: Any, truth: NDArray[Any], folds: NDArray[Any]
) -> NDArray[Any]:
    """Return the prediction for each row by a model that has not seen its fold."""
    import numpy as np

    found = np.full(len(truth), float(truth.mean()))
    for fold in np.unique(folds):
        inside, outside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        if len(inside):
            found[outside] = make().fit(rows[inside], truth[inside]).predict(rows[outside])
    return found


def choose_penalty(
    make: Callable[[float], Any],
    rows: Any,
    truth: NDArray[Any],
    folds: NDArray[Any],
    penalties: Sequence[float] = PENALTIES,
) -> tuple[float, NDArray[Any]]:
    """Return the penalty with the least squared error out of fold, and those predictions.

    Of equal errors the largest penalty wins.
    """
    best = None
    for penalty in sorted(penalties, reverse=True):
        found = numbers_out_of_fold(partial(make, penalty), rows, truth, folds)
        error = float(((found - truth) ** 2).mean())
        if best is None or error < best[0]:
            best = error, penalty, found
    assert best is not None
    return best[1:]
