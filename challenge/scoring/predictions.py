"""Predictions: what a file says, aligned to the rows of its task; no ids are left.

Class probabilities are returned in blocks of rows, so that a million rows of a hundred classes
need not be in memory at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from challenge.kinds import Kind
from challenge.kinds.forms import Form
from challenge.kinds.scored_rows import Answers
from challenge.scoring.reading.spill import Columns, MemoryColumns

__all__ = ["BLOCK_ROWS", "Predictions", "Probabilities", "Rows", "row_sums"]

Rows = Literal["test", "train"]

BLOCK_ROWS = 4096


@dataclass(frozen=True, eq=False)
class Survey:
    """The most probable class (the first of equals) and the sum of each row, and the range."""

    codes: NDArray[np.int32]
    sums: NDArray[np.float64]
    lowest: float
    highest: float


class Probabilities:
    """Probabilities of `shape[1]` classes for `shape[0]` rows, in the order of the task.

    They are stored as in the file, and normalised when they are read.
    """

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._sums: NDArray[np.float64] | None = None
        self.shape: tuple[int, int] = (columns.shape[1], columns.shape[0])
        self.dtype: np.dtype[Any] = columns.dtype

    @classmethod
    def of(cls, array: NDArray[Any]) -> Probabilities:
        """Return probabilities from an (n, k) array."""
        return cls(MemoryColumns(np.asarray(array).T))

    def raw_blocks(self) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Yield the values as the file gave them; see `blocks`."""
        n, k = self.shape
        buffer = np.empty((min(n, BLOCK_ROWS), k), self.dtype)
        for start in range(0, n, BLOCK_ROWS):
            rows = slice(start, min(start + BLOCK_ROWS, n))
            block = buffer[: rows.stop - start]
            self._columns.fill(rows, block)
            yield rows, block

    def blocks(self) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Yield (rows, values) in ascending order; values are (4096, k) or fewer rows at the end.

        Rows sum to 1. The array is C-contiguous and valid until the next step only.
        """
        for rows, block in self.raw_blocks():
            sums = row_sums(block) if self._sums is None else self._sums[rows]
            if bool((sums != 1).any()):
                block /= sums.astype(self.dtype)[:, None]
            yield rows, block

    def survey(self) -> Survey:
        """Return what a check needs to know of the values, from one pass."""
        codes = np.empty(self.shape[0], np.int32)
        sums = np.empty(self.shape[0])
        lowest, highest = np.inf, -np.inf
        for rows, block in self.raw_blocks():
            codes[rows] = block.argmax(axis=1)
            # Infinite and huge values are faults of the file, not warnings of a library.
            with np.errstate(invalid="ignore", over="ignore"):
                sums[rows] = row_sums(block)
            # A NaN makes both of them NaN.
            lowest = np.minimum(lowest, block.min())
            highest = np.maximum(highest, block.max())
        self._sums = sums
        return Survey(codes, sums, float(lowest), float(highest))

    def column(self, position: int, rows: slice) -> NDArray[Any]:
        """Return what the file gave for one class."""
        return self._columns.column(position, rows)

    def as_array(self) -> NDArray[Any]:
        """Return all rows as one (n, k) array, normalised."""
        array = np.empty(self.shape, self.dtype)
        for rows, block in self.blocks():
            array[rows] = block
        return array


def row_sums(block: NDArray[Any]) -> NDArray[np.float64]:
    """Sum each row of a C-contiguous block in double precision.

    One row's sum depends on that row alone, so it is the same in every order of the file.
    """
    sums: NDArray[np.float64] = block.astype(np.float64, copy=False).sum(axis=1)
    return sums


@dataclass(frozen=True, eq=False)
class Predictions:
    """One file's content; row j is row j of the task's test (or train) rows.

    `codes` are positions in the task's classes (matching: 0 or 1). With probabilities they are
    the class of the largest one, the first class among equals; with scores alone, `score >= 0.5`.
    Predicted `numbers` have no codes, nor have `vectors` (n, d), which are NaN for the rows of a
    gallery that the file does not have.
    """

    task_id: str
    kind: Kind
    data_digest: str
    codes: NDArray[np.int32]
    probabilities: Probabilities | None
    scores: NDArray[np.float64] | None
    sha256: str
    form: Form
    notes: tuple[str, ...] = ()
    rows: Rows = "test"
    numbers: NDArray[np.float64] | None = None
    vectors: NDArray[Any] | None = None

    @property
    def n(self) -> int:
        """Number of rows."""
        if self.vectors is not None:
            return len(self.vectors)
        return len(self.codes if self.numbers is None else self.numbers)

    @property
    def answers(self) -> Answers:
        """What the file says of every row, as metrics take it."""
        blocks = None if self.probabilities is None else self.probabilities.blocks
        return Answers(self.codes, blocks, self.scores, self.numbers, self.vectors)
