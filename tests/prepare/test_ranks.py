import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from challenge.prepare.build.integer_ranks import count_distinct, dense_codes, order_by_word

WORDS = st.one_of(st.integers(0, 3), st.integers(2**64 - 3, 2**64 - 1), st.integers(0, 2**64 - 1))
CODES = st.one_of(st.integers(0, 2), st.integers(0, 70_000))


@given(st.lists(st.tuples(WORDS, CODES)))
def test_rows_stand_by_code_then_word_then_place(rows: list[tuple[int, int]]) -> None:
    word = np.array([word for word, _ in rows], dtype=np.uint64)
    code = np.array([code for _, code in rows], dtype=np.int64)
    assert order_by_word(word, code).tolist() == np.lexsort((word, code)).tolist()
    assert order_by_word(word).tolist() == np.argsort(word, kind="stable").tolist()


@pytest.mark.parametrize("shift", [0, 30, 50])
def test_words_that_agree_in_their_first_bits_are_set_right(shift: int) -> None:
    word = np.random.default_rng(1).integers(0, 2**64, 20_000, dtype=np.uint64) >> np.uint64(shift)
    code = np.arange(20_000) % 3
    assert (order_by_word(word, code) == np.lexsort((word, code))).all()
    assert (order_by_word(word) == np.argsort(word, kind="stable")).all()


@given(st.lists(st.integers(0, 50)))
def test_dense_codes_are_the_ranks_of_distinct_values(values: list[int]) -> None:
    codes = np.array(values, dtype=np.int64)
    distinct, ranks = np.unique(codes, return_inverse=True)
    assert dense_codes(codes).tolist() == ranks.tolist()
    assert count_distinct(codes) == len(distinct)
