"""A small classification tree on whole numbers, grown best first.

The tree of scikit-learn's DecisionTreeClassifier with `max_leaf_nodes` (Gini; Breiman et al. 1984).
Importing that library takes longer than the rest of the audit of a hundred thousand rows.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["tree_shares"]

_Orders = dict[int, NDArray[np.int64]]
"""Per column that varies in a node: the node's rows, ascending by the column."""


@dataclass(frozen=True)
class _Split:
    """`column` up to `threshold` goes left, `n_left` rows; `gain` is the weighted loss of Gini."""

    column: int
    n_left: int
    threshold: float
    gain: float


def tree_shares(
    train: NDArray[np.int64],
    labels: NDArray[np.int64],
    test: NDArray[np.int64],
    k: int,
    *,
    most_leaves: int,
    least_rows: int,
) -> NDArray[np.float64]:
    """Return the label shares, (m, k), of the leaves into which the (m, f) rows of test fall.

    `train` is (n, f), its labels 0 … k-1; a leaf has at least `least_rows` rows of train.
    """
    n = len(train)
    # Short integers are sorted by their digits, several times as fast.
    few = k <= np.iinfo(np.int16).max
    short: NDArray[np.integer] = labels.astype(np.int16) if few else labels
    shares = np.zeros((len(test), k))
    inside = np.zeros(n, dtype=bool)
    heap: list[tuple[float, int, _Split, _Orders, NDArray[np.int64]]] = []
    n_nodes, n_splits = 0, most_leaves - 1

    def add(orders: _Orders, rows: NDArray[np.int64], any_order: NDArray[np.int64]) -> None:
        """Take in a node: its rows of train and of test."""
        nonlocal n_nodes
        n_nodes += 1
        counts = np.bincount(labels[any_order], minlength=k)
        shares[rows] = counts / max(1, len(any_order))
        split = _best_split(train, short, orders, counts, n, least_rows)
        if split is not None:
            heapq.heappush(heap, (-split.gain, n_nodes, split, orders, rows))

    root = {column: np.argsort(train[:, column], kind="stable") for column in range(train.shape[1])}
    add(_varying(train, root), np.arange(len(test)), np.arange(n))
    while heap and n_splits:
        _, _, split, orders, rows = heapq.heappop(heap)
        n_splits -= 1
        left = orders[split.column][: split.n_left]
        inside[left] = True
        sides: tuple[_Orders, _Orders] = ({}, {})
        for column, order in orders.items():
            chosen = inside[order]
            sides[0][column], sides[1][column] = order[chosen], order[~chosen]
        inside[left] = False
        goes = test[rows, split.column] <= split.threshold
        for side, part in zip(sides, (rows[goes], rows[~goes]), strict=True):
            add(_varying(train, side), part, side[split.column])
    return shares


def _varying(values: NDArray[np.int64], orders: _Orders) -> _Orders:
    return {
        column: order
        for column, order in orders.items()
        if len(order) and values[order[0], column] < values[order[-1], column]
    }


def _best_split(
    values: NDArray[np.int64],
    labels: NDArray[np.integer],
    orders: _Orders,
    counts: NDArray[np.int64],
    n_all: int,
    least: int,
) -> _Split | None:
    """Return the split that leaves the least Gini impurity; None where there is nothing to part."""
    n, squares = int(counts.sum()), int((counts * counts).sum())
    if n < 2 * least or not orders or squares == n * n:
        return None
    impurity = 1.0 - squares / (n * n)
    best: tuple[float, int, int, int, int] | None = None
    starts = np.cumsum(counts) - counts
    sizes = np.arange(least, n - least + 1)
    for column, order in orders.items():
        ascending = values[order, column]
        parts = ascending[sizes[0] : sizes[-1] + 1] > ascending[sizes[0] - 1 : sizes[-1]]
        if not parts.any():
            continue
        own = labels[order]
        by_label = np.argsort(own, kind="stable")
        earlier = np.empty(n, dtype=np.int64)
        earlier[by_label] = np.arange(n) - np.repeat(starts, counts)
        # A row that joins c of its label adds 2c + 1 to the sum of squares there, and leaving
        # t - c of them on the other side it takes away 2t - (2c + 1).
        left = np.cumsum(2 * earlier + 1)
        right = squares + left - np.cumsum(2 * counts[own])
        places = sizes[parts]
        purity = left[places - 1] / places + right[places - 1] / (n - places)
        top = int(np.argmax(purity))
        if best is None or purity[top] > best[0]:
            size = int(places[top])
            best = (float(purity[top]), column, size, int(left[size - 1]), int(right[size - 1]))
    if best is None:
        return None
    _, column, size, left_squares, right_squares = best
    rest = n - size
    after = (1.0 - right_squares / (rest * rest)) * (rest / n)
    before = (1.0 - left_squares / (size * size)) * (size / n)
    low, high = values[orders[column][size - 1], column], values[orders[column][size], column]
    return _Split(column, size, (low + high) / 2, n / n_all * (impurity - after - before))
