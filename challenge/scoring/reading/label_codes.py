"""Maps the labels of a file to the codes of classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from challenge.scoring.reading.alignment import NotClean
from challenge.scoring.reading.byte_words import (
    Fields,
    WordIndex,
    Words,
    fields_of_bytes,
    read_words,
)
from challenge.scoring.reading.layout import forms_of
from challenge.task import Task

__all__ = ["LabelCodes", "label_words"]

_SLOT_BITS = 12
_MOST_SHORT = 128
_MOST_TRIES = 64
_FACTOR = 0x9E3779B97F4A7C15


def label_words(task: Task) -> dict[str, int]:
    """Return every text that is a label of the task, with the position of its class."""
    return dict(forms_of(task).label_texts)


class LabelCodes:
    """Finds the classes of labels; raises NotClean at a label that is not of the task."""

    def __init__(self, task: Task) -> None:
        # In a file without quotes a label cannot hold what ends a field.
        words = {
            word: code for word, code in label_words(task).items() if not set(word) & set('",\r\n')
        }
        index = WordIndex.build(fields_of_bytes([word.encode() for word in words]))
        if index is None:
            raise NotClean
        self._index = index
        self._codes = np.array(list(words.values()), np.int32)
        self._short = _ShortLabels.of(index, self._codes)

    def find(self, labels: Fields) -> NDArray[np.int32]:
        """Return the code of each label."""
        longest = labels.lengths if isinstance(labels.lengths, int) else labels.lengths.max()
        if longest > self._index.longest:
            raise NotClean
        words = read_words(labels, self._index.n_words)
        if self._short is not None and (quick := self._short.find(words)) is not None:
            return quick
        found = self._index.find(words)
        if bool((found < 0).any()):
            raise NotClean
        codes: NDArray[np.int32] = self._codes[found]
        return codes


@dataclass(frozen=True, eq=False)
class _ShortLabels:
    """Labels of at most eight bytes in a table without collisions: one lookup per label."""

    factor: np.uint64
    words: NDArray[np.uint64]
    lengths: NDArray[np.int64]
    codes: NDArray[np.int32]

    @classmethod
    def of(cls, index: WordIndex, codes: NDArray[np.int32]) -> _ShortLabels | None:
        """Try some hash factors; None when labels are too long, too many, or collide each time."""
        words = index.words.columns[0]
        if index.n_words > 1 or len(words) > _MOST_SHORT:
            return None
        for odd in range(1, 2 * _MOST_TRIES, 2):
            factor = np.uint64(odd * _FACTOR % 2**64)
            slots = _slots(words, factor)
            if len(np.unique(slots)) < len(words):
                continue
            table = np.zeros(1 << _SLOT_BITS, np.uint64)
            # No label has this length, so an empty slot matches none.
            lengths, of_slot = np.full(len(table), -1), np.zeros(len(table), np.int32)
            table[slots], lengths[slots], of_slot[slots] = words, index.words.lengths, codes
            return cls(factor, table, lengths, of_slot)
        return None

    def find(self, labels: Words) -> NDArray[np.int32] | None:
        """Return the code of each label, None when one is not among these."""
        words = labels.columns[0]
        slots = _slots(words, self.factor)
        if not bool((self.words[slots] == words).all()):
            return None
        if not bool((self.lengths[slots] == labels.lengths).all()):
            return None
        codes: NDArray[np.int32] = self.codes[slots]
        return codes


def _slots(words: NDArray[np.uint64], factor: np.uint64) -> NDArray[np.int64]:
    return ((words * factor) >> np.uint64(64 - _SLOT_BITS)).view(np.int64)
