"""Labels, folds, and the metrics that methods optimise out of fold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from challenge.task import Task

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    "best_f1_threshold",
    "fold_codes",
    "label_codes",
    "label_numbers",
    "log_loss_of",
    "macro_f1_of",
    "spread_lone_classes",
]


def fold_codes(train: pd.DataFrame, task: Task) -> NDArray[Any]:
    """Return the published fold of each row, -1 for a row that the task does not have."""
    import numpy as np

    from challenge.task.frames import read_folds

    folds = read_folds(task)
    known = dict(zip(folds["id"], folds["fold"], strict=True))
    return np.array([known.get(row, -1) for row in train["id"]], dtype=np.int64)


def label_codes(train: pd.DataFrame, task: Task) -> NDArray[Any]:
    """Return the labels as positions in the task's classes."""
    import numpy as np

    codes = {name: code for code, name in enumerate(task.classes)}
    return np.array([codes[str(label)] for label in train["label"]], dtype=np.int64)


def label_numbers(train: pd.DataFrame) -> NDArray[Any]:
    """Return the labels as numbers, float64."""
    import numpy as np

    return train["label"].to_numpy(np.float64)


def spread_lone_classes(folds: NDArray[Any], truth: NDArray[Any]) -> NDArray[Any]:
    """Return the folds, with each class that occurs in one fold only spread over all folds.

    A model that never saw a class cannot predict it. A single row keeps its fold.
    Rows of the fold -1 join fold 0.
    """
    import numpy as np

    spread = np.maximum(folds, 0)
    numbers = np.unique(spread)
    for code in np.unique(truth):
        rows = np.flatnonzero(truth == code)
        if len(rows) > 1 and len(np.unique(spread[rows])) == 1:
            spread[rows] = numbers[np.arange(len(rows)) % len(numbers)]
    return np.asarray(spread)


def best_f1_threshold(truth: NDArray[Any], scores: NDArray[Any]) -> tuple[float, float]:
    """Return the threshold of scores that maximises F1, and that F1.

    The threshold is midway between two scores. Of equal F1 the middle of the widest plateau wins,
    so that one changed row moves it little. No match in `truth` gives 0.5 and 0.

    >>> import numpy as np
    >>> best_f1_threshold(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.6, 0.9]))
    (0.5, 1.0)
    """
    import numpy as np

    if not truth.any():
        return 0.5, 0.0
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(truth[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + truth.sum())
    following = np.append(ranked[1:], 0.0)
    gaps = ranked - following
    gaps[-1] = max(gaps[-1], 1e-9)  # from the least score on: all rows
    f1[gaps <= 0] = -1  # equal scores cannot be separated
    best = float(f1.max())
    near = np.flatnonzero(f1 >= best - 1e-12)
    at = near[np.argmax(gaps[near])]
    return float((ranked[at] + following[at]) / 2), best


def log_loss_of(truth: NDArray[Any], rows: NDArray[Any], least: float = 1e-6) -> float:
    """Mean negative logarithm of the true class's probability, none below `least`; 0 is best."""
    import numpy as np

    return float(-np.log(np.maximum(rows[np.arange(len(truth)), truth], least)).mean())


def macro_f1_of(truth: NDArray[Any], decisions: NDArray[Any], n_classes: int) -> float:
    """Mean F1 over the classes that occur in `truth`."""
    import numpy as np

    hits = np.bincount(truth[truth == decisions], minlength=n_classes)
    size = np.bincount(truth, minlength=n_classes)
    called = np.bincount(decisions, minlength=n_classes)
    present = size > 0
    return float((2 * hits[present] / (size + called)[present]).mean())
