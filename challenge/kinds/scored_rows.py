"""The rows that count: their truth, and which of them depend on each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenge.kinds.statistics.grouping import Grouping

__all__ = ["Answers", "Gallery", "Outcome", "ScoredRows"]


def _unknown() -> float:
    raise ValueError("the answer of train is not known here")


def _no_rewards() -> NDArray[np.float64]:
    raise ValueError("no rewards are expected here")


@dataclass(frozen=True, eq=False)
class Gallery:
    """The rows among which queries are looked for: their positions in the table, and their things.

    `things` are numbered as the labels of the queries are. `old` returns the vectors (n_table, d)
    that the old model gives to every row of the table.
    """

    rows: NDArray[np.intp]
    things: NDArray[np.int32]
    old: Callable[[], NDArray[Any]]


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """The truth of the rows that count: `rows` are their positions in the table of `n_table` rows.

    `labels` (positions in `classes`, or numbers) and `grouping` are of these rows, `classes` the
    names of the task. `left`, `right` and `seen` are those of the solution, None without record
    ids. `trivial` returns what the trivial method answers to every row: it is learned from train.
    `log` (rows, columns) are the numbers of the kind's `log_columns`, None where it has none.
    `expected` returns (n_table, k) rewards that a model learned from train expects of each class.
    `gallery` is that of queries, which are then the rows; their `labels` number things.
    """

    rows: NDArray[np.intp]
    n_table: int
    labels: NDArray[Any]
    classes: tuple[str, ...]
    grouping: Grouping
    left: NDArray[np.int32] | None = None
    right: NDArray[np.int32] | None = None
    seen: NDArray[np.int8] | None = None
    trivial: Callable[[], float] = _unknown
    log: NDArray[np.float64] | None = None
    expected: Callable[[], NDArray[np.float64]] = _no_rewards
    gallery: Gallery | None = None

    @property
    def n(self) -> int:
        """Number of rows that count."""
        return len(self.rows)

    def of(self, column: NDArray[Any]) -> NDArray[Any]:
        """Return the values of the rows that count; no copy when all do."""
        return column if self.n == self.n_table else column[self.rows]

    def whole(self) -> ScoredRows:
        """Return the rows as a table of their own."""
        return replace(self, rows=np.arange(self.n), n_table=self.n, expected=_no_rewards)

    def kept(self, keep: NDArray[np.bool_]) -> ScoredRows:
        """Return some of the rows; their grouping is not updated."""
        return replace(
            self,
            rows=self.rows[keep],
            labels=self.labels[keep],
            left=None if self.left is None else self.left[keep],
            right=None if self.right is None else self.right[keep],
            seen=None if self.seen is None else self.seen[keep],
            log=None if self.log is None else self.log[keep],
        )


@dataclass(frozen=True, eq=False)
class Answers:
    """What a submission says of every row of the table; None where it says nothing.

    `codes` are decided classes, `probabilities` yields blocks of rows and their class
    probabilities, `scores` are probabilities of a match, `numbers` predicted numbers. `vectors`
    (n_table, d) are NaN in the rows of a gallery that has none.
    """

    codes: NDArray[np.int32] | None = None
    probabilities: Callable[[], Iterator[tuple[slice, NDArray[Any]]]] | None = None
    scores: NDArray[np.float64] | None = None
    numbers: NDArray[np.float64] | None = None
    vectors: NDArray[Any] | None = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """The truth of the rows that count, and the answers to them.

    The outcome of a kind adds what its metrics share, computed when first asked for.
    """

    rows: ScoredRows
    answers: Answers

    @staticmethod
    def learn(labels: NDArray[Any], n_classes: int) -> float:
        """Return what the trivial method answers to every row, learned from the labels of train."""
        raise NotImplementedError

    @classmethod
    def trivial(cls, rows: ScoredRows) -> Outcome:
        """Return the outcome of the trivial method."""
        raise NotImplementedError

    def kept(self, keep: NDArray[np.bool_]) -> Outcome:
        """Return the outcome on some of the rows."""
        return type(self)(self.rows.kept(keep), self.answers)

    def diagnostics(self) -> dict[str, float | None]:
        """Return figures that no rank depends on: none by default."""
        return {}

    def right_against(self, other: Outcome) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which rows this answer, and which the other one has right."""
        return self.codes == self.rows.labels, other.codes == other.rows.labels

    @cached_property
    def codes(self) -> NDArray[np.int32]:
        """The decided classes of the rows that count."""
        assert self.answers.codes is not None
        return self.rows.of(self.answers.codes)
