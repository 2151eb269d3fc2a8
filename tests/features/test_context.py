"""Rivals of a pair and words of both sides, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from challenge.features.context import candidate_context
from challenge.features.matched import MatchedWords
from challenge.features.text_comparison import TokenWeights, compare_tokens, found_in
from challenge.task import Task
from tests.toy import build_toy


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return build_toy(tmp_path_factory.mktemp("context"), "matching", n=60, images=False)


def pairs(task: Task, left: list[str], right: list[str]) -> pd.DataFrame:
    sides = {"left": left, "right": right}
    data = {column.name: sides[column.side or "left"] for column in task.columns}
    data |= {f"{side}_id": names for side, names in sides.items()}
    return pd.DataFrame(data)


def test_rank_and_gap_are_among_the_pairs_of_the_same_record(task: Task) -> None:
    table = pairs(task, ["a", "a", "a", "b"], ["x", "y", "z", "x"])
    compared = pd.DataFrame({"words: ratio": [0.9, 0.5, 0.5, 0.4], "words: same": [1, 0, 0, 0]})
    found = candidate_context(task, table, compared)
    assert found["left candidates"].tolist() == [3, 3, 3, 1]
    assert found["right candidates"].tolist() == [2, 1, 1, 2]
    assert found["words: ratio: left rank"].tolist() == [1, 2, 2, 1]
    gaps = found["words: ratio: left gap"].tolist()
    assert gaps[:3] == pytest.approx([0.4, -0.4, -0.4])
    assert np.isnan(gaps[3]), "a lone candidate has no candidate"
    assert found["words: ratio: right gap"].tolist()[::3] == pytest.approx([0.5, -0.5])
    assert not any("same" in name for name in found.columns)


def test_an_unknown_comparison_has_no_rank_and_is_no_candidate(task: Task) -> None:
    table = pairs(task, ["a", "a"], ["x", "y"])
    found = candidate_context(task, table, pd.DataFrame({"words: ratio": [0.9, np.nan]}))
    assert np.isnan(found["words: ratio: left rank"][1])
    assert np.isnan(found["words: ratio: left gap"]).all()


def test_words_of_both_and_of_one_side_are_columns(task: Task) -> None:
    table = pairs(task, ["oak tree"] * 3, ["oak leaf"] * 3)
    words = MatchedWords(task)
    rows = words.fit_transform(table).toarray()
    names = list(words._vectorizer.get_feature_names_out())
    assert "both oak" in names
    assert {"one tree", "left tree", "right leaf"} <= set(names)
    assert "left leaf" not in names
    assert rows.shape == (3, len(names))
    # A word seen in fewer than three training pairs is no column.
    assert words.transform(pairs(task, ["elm"], ["elm"])).sum() == 0


def test_no_common_word_leaves_an_empty_column(task: Task) -> None:
    words = MatchedWords(task)
    assert words.fit_transform(pairs(task, ["?"] * 3, ["!"] * 3)).sum() == 0
    assert words.transform(pairs(task, ["oak"], ["oak"])).shape == (1, 1)


def test_numbers_and_near_words_by_hand() -> None:
    found = compare_tokens(["immersion 2.0 x"], ["immers 2.5"], TokenWeights([]))
    assert found["number conflict"][0] == 1
    assert found["numbers only left"][0] == 1
    assert found["first number gap"][0] == pytest.approx(0.5 / 2.5)
    # Tokens immersion, 2, 0, x against immers, 2, 5, all of weight 1: 2 is shared, and immers is
    # the beginning of immersion: (2 + 1 + 1) / (4 + 3).
    assert found["soft overlap"][0] == pytest.approx(4 / 7)


def test_a_model_number_is_found_elsewhere() -> None:
    found = found_in(["dsc w55"], ["sony dscw55 camera"], TokenWeights([]))
    assert found[0] == pytest.approx(0.0), "three characters are too few to be found squeezed"
    assert found_in(["w5500 x"], ["sony w-5500"], TokenWeights([]))[0] == pytest.approx(0.5)
    assert np.isnan(found_in([""], ["oak"], TokenWeights([]))[0])
