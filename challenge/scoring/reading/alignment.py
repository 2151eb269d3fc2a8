"""Maps the ids of a file to rows of the task; raises NotClean unless each row occurs once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenge.scoring.reading.byte_words import Fields, WordIndex, read_texts, read_words
from challenge.scoring.reading.layout import Layout
from challenge.scoring.reading.spill import Columns

__all__ = ["Aligned", "Aligner", "NotClean", "scatter"]

_CHUNK = 1 << 14


class NotClean(Exception):
    """The fast reader cannot show that the file is clean."""


@dataclass(frozen=True, eq=False)
class Aligned:
    """The content of a file in the order of the task; ranges and sums are not checked yet.

    `queries` are the rows of the table that it has, where it has no gallery; else None.
    """

    layout: Layout
    codes: NDArray[np.int32] | None
    numbers: Columns | None
    queries: NDArray[np.intp] | None = None


def scatter(values: NDArray[Any], rows: NDArray[np.int32] | None) -> NDArray[Any]:
    """Return values of the file's rows in the order of the task."""
    if rows is None:
        return values
    aligned = np.empty_like(values)
    aligned[rows] = values
    return aligned


class Aligner:
    """Collects the ids of a file in chunks; ids in the stored order need no lookup."""

    def __init__(self, index: WordIndex) -> None:
        self._index = index
        self._n = 0
        self._rows: list[NDArray[np.int32]] = []
        self._shuffled_from: int | None = None

    def add(self, ids: Fields) -> None:
        """Add the next ids; raise NotClean when one is not in the task."""
        for start in range(0, len(ids), _CHUNK):
            stop = min(start + _CHUNK, len(ids))
            lengths = ids.lengths if isinstance(ids.lengths, int) else ids.lengths[start:stop]
            self._add_chunk(Fields(ids.buffer, ids.starts[start:stop], lengths))

    def _add_chunk(self, ids: Fields) -> None:
        index, n = self._index, len(ids)
        longest = ids.lengths if isinstance(ids.lengths, int) else int(ids.lengths.max())
        if self._n + n > len(index) or longest > index.longest:
            raise NotClean
        if self._shuffled_from is None:
            if self._are_next(ids):
                self._n += n
                return
            self._shuffled_from = self._n
        words = read_words(ids, index.n_words)
        rows = index.find(words)
        if bool((rows < 0).any()):
            raise NotClean
        self._rows.append(rows.astype(np.int32))
        self._n += n

    def _are_next(self, ids: Fields) -> bool:
        """Whether these are the next ids of the task, in its order."""
        index, here = self._index, slice(self._n, self._n + len(ids))
        if index.texts is None:
            words = read_words(ids, index.n_words)
            return bool(words.equal(index.words, here).all())
        length = index.texts.shape[1]
        if not isinstance(ids.lengths, int) or ids.lengths != length:
            return False
        return np.array_equal(read_texts(ids, length), index.texts[here])

    def rows(self) -> NDArray[np.int32] | None:
        """Return the task's row of each id; None when all are in the stored order.

        Raises NotClean unless every row of the task occurs exactly once.
        """
        if self._n != len(self._index):
            raise NotClean
        if self._shuffled_from is None:
            return None
        rows = np.concatenate([np.arange(self._shuffled_from, dtype=np.int32), *self._rows])
        self._rows.clear()
        seen = np.zeros(self._n, np.bool_)
        seen[rows] = True
        if not bool(seen.all()):
            raise NotClean
        return rows
