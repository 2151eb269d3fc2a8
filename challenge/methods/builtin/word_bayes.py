"""Naive Bayes on words and categories for the blend: it needs few rows of a class."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from challenge.features.text import given_tfidf, text_values, tokens
from challenge.methods.builtin.blend import softmax

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from challenge.task import Task

__all__ = ["WordBayes", "WordCounts"]

_ADDED = 0.3
_SHARPNESS = 8.0
"""Factor of the log likelihoods of rows of length 1; the blend's exponent corrects it."""


class WordCounts:
    """TF-IDF of the words and pairs of words of all texts together, and of the categories."""

    def __init__(self, task: Task) -> None:
        self._texts = [column.name for column in task.columns_of("text")]
        self._categories = [column.name for column in task.columns_of("categorical")]

    def fit_transform(self, train: pd.DataFrame) -> Any:
        """Learn which words occur at least twice; return a sparse row each, None without any."""
        self._tfidf = given_tfidf(self._documents(train), min_df=2)
        return self.transform(train)

    def transform(self, table: pd.DataFrame) -> Any:
        """Return sparse rows of another table, None if `fit_transform` found no word."""
        return self._tfidf and self._tfidf.transform(self._documents(table))

    def _documents(self, table: pd.DataFrame) -> list[list[str]]:
        documents: list[list[str]] = [[] for _ in range(len(table))]
        for name in self._texts:
            for document, text in zip(documents, text_values(table[name]), strict=True):
                words = tokens(text)
                document += words
                document += [" ".join(pair) for pair in pairwise(words)]
        for name in self._categories:
            for document, value in zip(documents, text_values(table[name]), strict=True):
                document += [f"{name}={value}"] if value else []
        return documents


class WordBayes:
    """Complement naive Bayes (Rennie et al. 2003) with probabilities that a blend can use."""

    def fit(self, rows: Any, truth: NDArray[Any]) -> WordBayes:
        """Fit on sparse rows and class numbers; `classes_` are those that occur."""
        from sklearn.naive_bayes import ComplementNB

        self._model = ComplementNB(alpha=_ADDED).fit(rows, truth)
        self.classes_ = self._model.classes_
        return self

    def predict_proba(self, rows: Any) -> NDArray[Any]:
        """Return probabilities of other rows (rows x `classes_`)."""
        return softmax(_SHARPNESS * self._model.predict_joint_log_proba(rows))
