"""Words in both records of a pair, and in only one: columns for a linear model.

A word such as "upgrade" on one side only is often stronger evidence than overall similarity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from challenge.features.pair_features import joined_sides
from challenge.features.text import tokens
from challenge.task import Task

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MatchedWords"]

_LEAST_PAIRS = 3


class MatchedWords:
    """A sparse 0/1 table: word in both records, in one only, in the left or the right one only.

    A word that occurs in the other side's text without spaces counts as neither.
    Only columns of at least three training pairs are kept.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._vectorizer: Any = None

    def fit_transform(self, train: pd.DataFrame) -> Any:
        """Learn the columns and return their values for the training pairs."""
        from sklearn.feature_extraction.text import CountVectorizer

        documents = self._documents(train)
        least = min(_LEAST_PAIRS, max(1, len(documents)))
        self._vectorizer = CountVectorizer(analyzer=list, min_df=least, dtype="float32")
        try:
            found = self._vectorizer.fit_transform(documents)
        except ValueError:
            # No word is common enough, or there is no text at all.
            self._vectorizer = None
            return self._none(train)
        # Words come from sets: without sorting, sums would depend on Python's hash seed.
        found.sort_indices()
        return found

    def transform(self, pairs: pd.DataFrame) -> Any:
        """Return the same columns for other pairs."""
        if self._vectorizer is None:
            return self._none(pairs)
        return self._vectorizer.transform(self._documents(pairs))

    def _none(self, pairs: pd.DataFrame) -> Any:
        from scipy.sparse import csr_matrix

        return csr_matrix((len(pairs), 1), dtype="float32")

    def _documents(self, pairs: pd.DataFrame) -> list[list[str]]:
        left, right = joined_sides(self._task, pairs)
        read = {text: tokens(text) for text in {*left, *right}}
        squeezed = {text: "".join(found) for text, found in read.items()}
        documents = []
        for a, b in zip(left, right, strict=True):
            ones, others = set(read[a]), set(read[b])
            words = [f"both {word}" for word in ones & others]
            only = (("left", ones - others, squeezed[b]), ("right", others - ones, squeezed[a]))
            for side, unmatched, inside in only:
                for word in unmatched:
                    if word not in inside:
                        words += [f"one {word}", f"{side} {word}"]
            documents.append(words)
        return documents
