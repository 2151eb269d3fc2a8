"""From the labels of a file to the codes of classes, quickly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from challenge.scoring.align import HandOver
from challenge.scoring.words import Fields, WordIndex, fields_of_bytes, read_words
from challenge.task import Task

__all__ = ["LabelCodes", "label_words"]


def label_words(task: Task) -> dict[str, int]:
    """Return every text that is a label of the task, with the position of its class."""
    words = {name: code for code, name in enumerate(task.classes)}
    return words | {"False": 0, "True": 1} if task.kind == "matching" else words


class LabelCodes:
    """Finds the classes of labels; raises HandOver at a label that it does not know."""

    def __init__(self, task: Task) -> None:
        # In a file without quotes a label cannot hold what ends a field.
        words = {
            word: code for word, code in label_words(task).items() if not set(word) & set('",\r\n')
        }
        index = WordIndex.build(fields_of_bytes([word.encode() for word in words]))
        if index is None:
            raise HandOver
        self._index = index
        self._codes = np.array(list(words.values()), np.int32)

    def find(self, labels: Fields) -> NDArray[np.int32]:
        """Return the code of each label."""
        longest = labels.lengths if isinstance(labels.lengths, int) else labels.lengths.max()
        if longest > self._index.longest:
            raise HandOver
        found = self._index.find(read_words(labels, self._index.n_words))
        if bool((found < 0).any()):
            raise HandOver
        codes: NDArray[np.int32] = self._codes[found]
        return codes
