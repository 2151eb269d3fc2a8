"""How well one column alone predicts the label: an AUC that is honest on small tables.

Scores are made out of fold. With several classes the AUC is the mean of each class against the
rest, over classes of at least ten rows. Numbers are cut into ranges, whose codes are `ordered`: the
AUC is then the mean over the bounds between ranges, of the rows above a bound against those below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from challenge.prepare.audit.tree import tree_shares

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Auc", "auc_of_categories", "auc_of_numbers", "auc_of_scores", "number_array"]

Auc = tuple[float, float]
"""The AUC and five standard errors of it when there is nothing to find."""

_FOLDS = 5
_MIN_ROWS = 10
_MAX_CLASSES = 100


def auc_of_scores(
    scores: NDArray[np.float64], labels: NDArray[np.int64], *, ordered: bool = False
) -> Auc | None:
    """Return the mean AUC of (n, k) scores; None when no class has ten rows and ten others.

    Ties count one half; the standard error is that of a random order (Mann and Whitney 1947).
    """
    n = len(labels)
    if ordered:
        return _auc_of_order(scores @ np.arange(scores.shape[1]), labels, scores.shape[1])
    counts = np.bincount(labels, minlength=scores.shape[1])
    common = np.argsort(-counts, kind="stable")[:_MAX_CLASSES].tolist()
    classes = [c for c in common if counts[c] >= _MIN_ROWS and n - counts[c] >= _MIN_ROWS]
    if not classes:
        return None
    total = variance = 0.0
    for code in classes:
        ranks = _mean_ranks(scores[:, code])
        n_in, n_out = int(counts[code]), n - int(counts[code])
        total += (ranks[labels == code].sum() - n_in * (n_in + 1) / 2) / (n_in * n_out)
        variance += (n + 1) / (12 * n_in * n_out)
    if scores.shape[1] == 2:
        # Two classes are one question: the second AUC repeats the first.
        variance *= 2 if len(classes) == 2 else 1
    return float(total / len(classes)), float(5 * np.sqrt(variance) / len(classes))


def _auc_of_order(values: NDArray[np.float64], labels: NDArray[np.int64], k: int) -> Auc | None:
    """Return the mean AUC of numbers over all bounds of ranges with ten rows on either side."""
    n = len(labels)
    ranks = _mean_ranks(values)
    found, errors = [], []
    for code in range(1, k):
        above = labels >= code
        n_in = int(above.sum())
        if min(n_in, n - n_in) >= _MIN_ROWS:
            found.append((ranks[above].sum() - n_in * (n_in + 1) / 2) / (n_in * (n - n_in)))
            errors.append(np.sqrt((n + 1) / (12 * n_in * (n - n_in))))
    # The bounds ask nearly one question: the mean is hardly more certain than one of them.
    return (float(np.mean(found)), float(5 * np.mean(errors))) if found else None


def _mean_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    back, counts = np.unique(values, return_inverse=True, return_counts=True)[1:]
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[back], dtype=np.float64)


def auc_of_categories(
    codes: NDArray[np.int64],
    labels: NDArray[np.int64],
    k: int,
    *,
    ordered: bool = False,
    folds: NDArray[np.int64] | None = None,
) -> Auc | None:
    """Return the AUC of the out-of-fold label shares of each value of a column.

    `folds` are the fold of each row; without them five folds are drawn.
    """
    if not len(labels):
        return None
    scores = np.zeros((len(labels), k))
    n_values = int(codes.max(initial=0)) + 1
    prior = np.bincount(labels, minlength=k) / max(len(labels), 1)
    for fold, rest in _folds(len(labels)) if folds is None else _given_folds(folds):
        # Only values that recur in the fold are counted, so unique texts cost no memory.
        known, back = np.unique(codes[fold], return_inverse=True)
        place = np.full(n_values, -1)
        place[known] = np.arange(len(known))
        inside = place[codes[rest]] >= 0
        table = np.zeros((len(known), k))
        np.add.at(table, (place[codes[rest][inside]], labels[rest][inside]), 1.0)
        scores[fold] = ((table + prior) / (table.sum(axis=1, keepdims=True) + 1.0))[back]
    return auc_of_scores(scores, labels, ordered=ordered)


def auc_of_numbers(
    values: NDArray[np.float64], labels: NDArray[np.int64], k: int, *, ordered: bool = False
) -> Auc | None:
    """Return the AUC of a small tree on columns of numbers (NaN allowed), out of fold.

    Of ordered labels: or of the order of one column, up or down, when that predicts them better.
    """
    if not len(labels):
        return None
    values = np.where(np.isfinite(values), values, np.nan).reshape(len(labels), -1)
    present = ~np.isnan(values)
    filled = np.column_stack([np.where(present, values, 0.0), present])
    # Ranks alone count for a tree, and whole numbers are compared without rounding.
    ranks = np.column_stack([np.unique(one, return_inverse=True)[1] for one in filled.T])
    scores = np.zeros((len(labels), k))
    for fold, rest in _folds(len(labels)):
        scores[fold] = tree_shares(
            ranks[rest],
            labels[rest],
            ranks[fold],
            k,
            most_leaves=min(4 * k, 256),
            least_rows=max(2, len(rest) // 1000),
        )
    found = auc_of_scores(scores, labels, ordered=ordered)
    if not ordered or found is None:
        return found
    straight = [_auc_of_order(column, labels, k) for column in ranks[:, : values.shape[1]].T]
    either = [(max(one[0], 1.0 - one[0]), one[1]) for one in straight if one is not None]
    return max([found, *either])


def _folds(n: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    order = np.random.default_rng(5).permutation(n)
    return [
        (np.sort(order[start::_FOLDS]), np.sort(np.delete(order, np.s_[start::_FOLDS])))
        for start in range(_FOLDS)
    ]


def _given_folds(folds: NDArray[np.int64]) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    return [
        (np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)) for fold in np.unique(folds)
    ]


def number_array(values: pa.Array) -> NDArray[np.float64]:
    """Return numbers, or points in time as microseconds since 1970; missing as NaN."""
    import pyarrow as pa

    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.int64())
    return np.asarray(
        values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64
    )
