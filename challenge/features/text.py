"""Cell values, and text features without a model: tokens, TF-IDF of words and characters."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    "character_tfidf",
    "given_tfidf",
    "model_numbers",
    "number_tokens",
    "number_values",
    "text_values",
    "tokens",
    "word_tfidf",
]

_TOKEN = re.compile(r"[^\W_]+")
_DIGIT = re.compile(r"\d")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def text_values(column: pd.Series[Any]) -> list[str]:
    """Return the texts of a text, categorical or image column; missing is the empty text."""
    return [value if isinstance(value, str) else "" for value in column.astype(object)]


def number_values(column: pd.Series[Any]) -> NDArray[np.float64]:
    """Return a numeric column as float64, missing as NaN."""
    import numpy as np

    return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))


def tokens(text: str) -> list[str]:
    """Return the runs of characters and digits, case folded.

    >>> tokens("Sony DSC-W55, 7.2MP")
    ['sony', 'dsc', 'w55', '7', '2mp']
    """
    return _TOKEN.findall(text.casefold())


def number_tokens(text: str) -> set[str]:
    """Return the numbers in the text, with their decimal fractions.

    >>> sorted(number_tokens("Sony DSC-W55, 7.2MP"))
    ['55', '7.2']
    """
    return set(_NUMBER.findall(text))


def model_numbers(text: str) -> set[str]:
    """Return the words that mix characters and digits, without hyphens and similar characters.

    >>> sorted(model_numbers("Sony DSC-W55 camera, black"))
    ['dscw55']
    """
    words = {
        "".join(_TOKEN.findall(word)) for word in text.casefold().split() if _DIGIT.search(word)
    }
    return {word for word in words if not word.isdigit()}


def word_tfidf(texts: Iterable[str], *, min_df: int = 1, max_words: int = 1) -> Any:
    """Return a TfidfVectorizer of words (and runs of up to `max_words`), fitted on the texts.

    None when no text holds a word.
    """
    return _fitted(texts, tokenizer=tokens, ngram_range=(1, max_words), min_df=min_df)


def character_tfidf(
    texts: Iterable[str], *, sizes: tuple[int, int] = (3, 3), min_df: int = 1
) -> Any:
    """Return a TfidfVectorizer of character n-grams inside words, fitted; None without any."""
    return _fitted(texts, analyzer="char_wb", ngram_range=sizes, min_df=min_df)


def given_tfidf(documents: Iterable[list[str]], *, min_df: int = 1) -> Any:
    """Return a TfidfVectorizer of documents that are lists of words; None when all are empty."""
    return _fitted(documents, analyzer=list, min_df=min_df)


def _fitted(texts: Iterable[Any], **options: Any) -> Any:
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    if "tokenizer" in options:
        options |= {"token_pattern": None, "lowercase": False}
    vectorizer = TfidfVectorizer(sublinear_tf=True, dtype=np.float32, **options)
    documents = [text for text in texts if text]
    while documents:
        try:
            return vectorizer.fit(documents)
        except ValueError:
            # No n-gram is left: all are below min_df, or the texts are punctuation only.
            if vectorizer.min_df == 1:
                return None
            vectorizer.set_params(min_df=1)
    return None
