"""Short byte strings as 64-bit words, and an index that finds them by hash and then by bytes.

Ids and labels never become Python strings here. A field of a text or of an Arrow buffer is a start
and a length. A few numpy calls compare a million fields.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "LONGEST",
    "Fields",
    "WordIndex",
    "Words",
    "fields_of_arrow",
    "fields_of_bytes",
    "read_texts",
    "read_words",
    "words_of_texts",
]

LONGEST = 64
"""Bytes of the longest string that the index takes; the strict reader takes longer ones."""

_MOST_PROBES = 64
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_LOW_BYTES = np.array([(1 << 8 * n) - 1 for n in range(9)], np.uint64)


@dataclass(frozen=True)
class Fields:
    """Strings in a buffer: `starts[i]`, and `lengths[i]` or one length of all.

    At least 8 bytes follow the start of every field (pad the buffer).
    """

    buffer: NDArray[np.uint8]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64] | int

    def __len__(self) -> int:
        return len(self.starts)


@dataclass(frozen=True)
class Words:
    """The same strings as `columns`, 64-bit words that overlap at the end, and their lengths."""

    columns: list[NDArray[np.uint64]]
    lengths: NDArray[np.int64] | int

    def __len__(self) -> int:
        return len(self.columns[0])

    def equal(self, other: Words, at: NDArray[np.int64] | slice) -> NDArray[np.bool_]:
        """Return for each string whether it equals the string of `other` at that position."""
        same = self.columns[0] == other.columns[0][at]
        for mine, theirs in zip(self.columns[1:], other.columns[1:], strict=True):
            same &= mine == theirs[at]
        if isinstance(self.lengths, int) and isinstance(other.lengths, int):
            return same if self.lengths == other.lengths else np.zeros_like(same)
        theirs_long = other.lengths if isinstance(other.lengths, int) else other.lengths[at]
        result: NDArray[np.bool_] = same & (self.lengths == theirs_long)
        return result

    def hashes(self) -> NDArray[np.uint64]:
        """Return 64-bit hashes whose high bits are well mixed."""
        mixed = self.columns[0] * _FACTOR
        for column in self.columns[1:]:
            mixed ^= mixed >> np.uint64(29)
            mixed ^= column
            mixed *= _FACTOR
        mixed ^= mixed >> np.uint64(32)
        mixed *= _FACTOR
        return mixed


def read_words(fields: Fields, n_words: int) -> Words:
    """Return the first `n_words` words of each field; the last one ends where the field ends."""
    buffer = fields.buffer
    view: NDArray[np.uint64] = np.ndarray((max(len(buffer) - 7, 0),), "<u8", buffer, strides=(1,))
    starts, lengths = fields.starts, fields.lengths
    columns = []
    if isinstance(lengths, int):
        for word in range(n_words):
            offset = min(8 * word, max(lengths - 8, 0))
            column = view[starts + offset] if offset else view[starts]
            columns.append(column & _LOW_BYTES[lengths] if lengths < 8 else column)
        return Words(columns, lengths)
    low = _LOW_BYTES[np.minimum(lengths, 8)]
    last = np.maximum(lengths - 8, 0)
    for word in range(n_words):
        at = starts + np.minimum(8 * word, last) if word else starts
        columns.append(view[at] & low)
    return Words(columns, lengths)


def read_texts(fields: Fields, length: int) -> NDArray[np.uint8]:
    """Return strings that all have this length, at least 1, as the rows of an (n, length) array."""
    buffer = fields.buffer
    shape = (max(len(buffer) - length + 1, 0),)
    view: NDArray[np.void] = np.ndarray(shape, f"V{length}", buffer, strides=(1,))
    return view[fields.starts].view(np.uint8).reshape(-1, length)


def words_of_texts(texts: NDArray[np.uint8]) -> Words:
    """Return the rows of an (n, length) array as words."""
    n, length = texts.shape
    if length < 8:
        texts = np.concatenate([texts, np.zeros((n, 8 - length), np.uint8)], axis=1)
    offsets = [min(8 * word, max(length - 8, 0)) for word in range(_n_words(length))]
    columns = [
        np.ascontiguousarray(texts[:, offset : offset + 8]).view("<u8").reshape(-1)
        for offset in offsets
    ]
    return Words(columns, length)


def _n_words(longest: int) -> int:
    return max(1, -(-longest // 8))


def fields_of_arrow(array: Any) -> Fields:
    """Return the strings of an Arrow string or binary array that has no nulls."""
    _, offset_buffer, data = array.buffers()
    wide = str(array.type).startswith("large_")
    kind = np.dtype(np.int64 if wide else np.int32)
    offsets = np.frombuffer(offset_buffer, kind, len(array) + 1, array.offset * kind.itemsize)
    first, stop = (int(offsets[0]), int(offsets[-1])) if len(array) else (0, 0)
    text = np.frombuffer(data, np.uint8, stop - first, first) if stop > first else _NONE
    starts = offsets.astype(np.int64) - first
    lengths = np.diff(starts)
    shortest, longest = (int(lengths.min()), int(lengths.max())) if len(lengths) else (0, 0)
    if shortest < 8:
        text = np.concatenate([text, np.zeros(8, np.uint8)])
    return Fields(text, starts[:-1], longest if shortest == longest else lengths)


def fields_of_bytes(values: list[bytes]) -> Fields:
    """Return a few strings as fields."""
    lengths = np.array([len(value) for value in values], np.int64)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])[:-1]
    return Fields(np.frombuffer(b"".join(values) + bytes(8), np.uint8), starts, lengths)


_NONE = np.zeros(0, np.uint8)


class WordIndex:
    """An index of strings: an open-addressed hash table of positions, -1 where a slot is empty.

    `texts` are the strings as an (n, length) array when they all have one length, else None. Words
    and table may be callables, which run at the first lookup.
    """

    def __init__(
        self,
        n: int,
        longest: int,
        words: Words | Callable[[], Words],
        table: NDArray[np.int32] | Callable[[], NDArray[np.int32]],
        texts: NDArray[np.uint8] | None = None,
    ) -> None:
        self._n = n
        self.longest = longest
        self.texts = texts
        self._words = words
        self._table = table

    def __len__(self) -> int:
        return self._n

    @property
    def words(self) -> Words:
        """The strings as words."""
        if callable(self._words):
            # Only ids out of order are looked up by words, so `texts` is not needed then.
            self._words, self.texts = self._words(), None
        return self._words

    @property
    def table(self) -> NDArray[np.int32]:
        """The positions; its length is a power of two."""
        if callable(self._table):
            self._table = self._table()
        return self._table

    @property
    def n_words(self) -> int:
        """How many words of a field `find` needs."""
        return _n_words(self.longest)

    @classmethod
    def build(cls, fields: Fields) -> WordIndex | None:
        """Index the strings; None when they are too long, repeated, or collide too much."""
        lengths = fields.lengths
        if not len(fields):
            return None
        longest = lengths if isinstance(lengths, int) else int(lengths.max())
        if longest > LONGEST:
            return None
        texts = read_texts(fields, lengths) if isinstance(lengths, int) and lengths else None
        words = read_words(fields, _n_words(longest))
        table = fill_table(words)
        return None if table is None else cls(len(fields), longest, words, table, texts)

    def find(self, words: Words) -> NDArray[np.int64]:
        """Return the position of each string, -1 where it is not in the index."""
        table = self.table
        mask = len(table) - 1
        slots = _slots(words, len(table))
        found = table[slots].astype(np.int64)
        wrong = np.flatnonzero(~words.equal(self.words, found) & (found >= 0))
        while len(wrong):
            slots[wrong] = (slots[wrong] + 1) & mask
            candidates = table[slots[wrong]].astype(np.int64)
            found[wrong] = candidates
            part = _taken(words, wrong)
            wrong = wrong[~part.equal(self.words, candidates) & (candidates >= 0)]
        return found


def _taken(words: Words, at: NDArray[np.int64]) -> Words:
    lengths = words.lengths if isinstance(words.lengths, int) else words.lengths[at]
    return Words([column[at] for column in words.columns], lengths)


def _slots(words: Words, size: int) -> NDArray[np.int64]:
    return (words.hashes() >> np.uint64(64 - (size.bit_length() - 1))).astype(np.int64)


def fill_table(words: Words) -> NDArray[np.int32] | None:
    """Return the table of an index of these strings; None when too many of them collide."""
    n = len(words)
    size = 1 << max(4, (2 * n - 1).bit_length())
    table = np.full(size, -1, np.int32)
    waiting = np.arange(n, dtype=np.int64)
    slots = _slots(words, size)
    for _ in range(_MOST_PROBES):
        free = table[slots] < 0
        # When several strings hash to one free slot, the last one gets it; the others probe on.
        table[slots[free]] = waiting[free]
        left = table[slots] != waiting
        waiting, slots = waiting[left], (slots[left] + 1) & (size - 1)
        if not len(waiting):
            return table
    return None
