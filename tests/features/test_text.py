"""Values of cells, tokens and n-grams."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from challenge.features.text import character_tfidf, number_values, text_values, word_tfidf


@pytest.mark.parametrize("dtype", ["object", "string", "category"])
def test_a_missing_text_is_empty_whatever_pandas_calls_it(dtype: Any) -> None:
    assert text_values(pd.Series(["a", None, "NA"], dtype=dtype)) == ["a", "", "NA"]


def test_texts_read_from_arrow_keep_their_values() -> None:
    column = pa.array(["a", None, "NA"]).to_pandas()
    assert text_values(column) == ["a", "", "NA"]


def test_a_missing_number_is_nan_whatever_pandas_calls_it() -> None:
    dtypes: list[Any] = ["float64", "Float64"]
    for dtype in dtypes:
        values = number_values(pd.Series([1.5, None], dtype=dtype))
        assert values[0] == 1.5 and np.isnan(values[1])
    assert number_values(pd.Series([1, 2], dtype="int64")).tolist() == [1.0, 2.0]


def test_rows_of_tfidf_have_length_one() -> None:
    for vectorizer in (word_tfidf(["red oak", "oak"]), character_tfidf(["red oak", "oak"])):
        norms = np.asarray(vectorizer.transform(["red oak"]).power(2).sum(axis=1)).ravel()
        assert norms == pytest.approx([1.0])


def test_words_too_rare_for_the_limit_are_kept_when_nothing_else_is_left() -> None:
    assert set(word_tfidf(["oak", "elm"], min_df=2).vocabulary_) == {"oak", "elm"}


def test_texts_without_a_word_give_no_vectorizer() -> None:
    assert word_tfidf(["", "…", "!"]) is None
    assert word_tfidf([]) is None
