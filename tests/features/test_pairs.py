"""Comparisons of two sides, by hand where a hand can do it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from challenge.features.pair_features import PairFeatures, row_cosine
from challenge.features.shapes import compare_ink
from challenge.features.text_comparison import TokenWeights, compare_texts, compare_tokens
from challenge.task import Task
from challenge.task.frames import read_test, read_train
from tests.toy import build_toy


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return build_toy(tmp_path_factory.mktemp("pairs"), "matching", n=120)


def test_token_overlaps_by_hand() -> None:
    found = compare_tokens(["sony dsc w55"], ["dsc w55 black"], TokenWeights([]))
    # Shared dsc, w55; four tokens in all, three on either side. All weights are log(1/1) + 1 = 1.
    assert found["token overlap"][0] == pytest.approx(2 / 4)
    assert found["token containment"][0] == pytest.approx(2 / 3)
    assert found["rare token overlap"][0] == pytest.approx(2 / 4)
    assert found["rarest unmatched left"][0] == pytest.approx(1)
    assert found["unmatched weight"][0] == pytest.approx(2)
    assert found["model number overlap"][0] == 1
    assert found["model number conflict"][0] == 0


def test_a_rare_token_weighs_more() -> None:
    weights = TokenWeights(["oak elm", "oak fir", "oak"])
    assert weights["oak"] == pytest.approx(1)
    assert weights["elm"] == pytest.approx(math.log(4 / 2) + 1)
    assert weights["never seen"] == pytest.approx(math.log(4) + 1)


def test_two_different_model_numbers_conflict() -> None:
    found = compare_tokens(["camera w55"], ["camera w-56"], TokenWeights([]))
    assert found["model number conflict"][0] == 1


def test_an_overlap_of_nothing_with_nothing_is_undefined() -> None:
    found = compare_tokens(["oak"], ["elm"], TokenWeights([]))
    assert math.isnan(found["number overlap"][0])


def test_spacing_does_not_hide_a_token() -> None:
    found = compare_tokens(["power shot"], ["powershot"], TokenWeights([]))
    assert found["token overlap"][0] == 0
    assert found["found squeezed"][0] == 1


def test_the_best_place_is_looked_for_in_the_first_characters_only() -> None:
    start = "oak elm fir " * 25  # 300 characters, more than are looked at
    found = compare_texts([start + "ash " * 200], [start + "yew " * 200])
    assert found["partial ratio"][0] == 1
    assert found["ratio"][0] < 1


def test_equal_texts_are_as_alike_as_can_be() -> None:
    found = compare_texts(["Red Oak!"], ["red oak"])
    for name in ("ratio", "token set ratio", "Jaro-Winkler", "same", "length ratio"):
        assert found[name][0] == pytest.approx(1), name


def test_a_shape_in_another_is_contained_and_an_outline_is_filled() -> None:
    full = np.zeros((32, 32), np.float32)
    full[8:24, 8:24] = 1
    outline = full.copy()
    outline[10:22, 10:22] = 0
    found = compare_ink(outline.reshape(1, -1), full.reshape(1, -1))
    assert found["ink containment"][0] == pytest.approx(1)
    # 256 pixels against 256 - 144.
    assert found["ink overlap"][0] == pytest.approx(112 / 256)
    assert found["filled overlap"][0] == pytest.approx(1)


def test_a_shifted_shape_is_found_again() -> None:
    random = np.random.default_rng(0)
    ink = np.zeros((1, 32, 32), np.float32)
    ink[0, 8:20, 8:20] = random.random((12, 12))
    found = compare_ink(ink.reshape(1, -1), np.roll(ink, 7, axis=2).reshape(1, -1))
    assert found["ink best shift"][0] == pytest.approx(1)
    assert found["ink overlap"][0] < 0.5


def test_empty_images_compare_as_zero_and_no_pairs_as_nothing() -> None:
    empty = np.zeros((2, 1024), np.float32)
    assert all(np.isfinite(values).all() for values in compare_ink(empty, empty).values())
    assert all(len(values) == 0 for values in compare_ink(empty[:0], empty[:0]).values())
    assert row_cosine(empty, empty).tolist() == [0, 0]


def test_features_do_not_depend_on_which_rows_come_with_them(task: Task) -> None:
    train, test = read_train(task), read_test(task)
    pairs = PairFeatures(task, weights=False).fit(train)
    whole = pairs.transform(test)
    some = test.iloc[::-3].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        pairs.transform(some), whole.iloc[::-3].reset_index(drop=True), rtol=1e-5, atol=1e-6
    )
    assert set(whole.dtypes.astype(str)) == {"float32"}


def test_swapping_the_sides_keeps_symmetric_comparisons(task: Task) -> None:
    train = read_train(task)
    pairs = PairFeatures(task, weights=False).fit(train)
    swapped = train.rename(
        columns=lambda name: (
            name.replace("left_", "right_", 1)
            if name.startswith("left_")
            else name.replace("right_", "left_", 1)
        )
    )
    one, other = pairs.transform(train), pairs.transform(swapped)
    for name in (
        "words: token overlap",
        "words: characters cosine",
        "size: gap",
        "image: HOG cosine",
    ):
        np.testing.assert_allclose(one[name], other[name], rtol=1e-5)


def test_a_missing_side_is_undefined_not_unlike(task: Task) -> None:
    train = read_train(task)
    found = PairFeatures(task, weights=False).fit(train).transform(train)
    absent = (train["left_colour"].isna() | train["right_colour"].isna()).to_numpy()
    assert absent.any()
    assert (found["colour: same"].isna().to_numpy() == absent).all()
    assert (found["colour: missing"].to_numpy() > 0).tolist() == absent.tolist()


def test_images_can_be_left_out(task: Task) -> None:
    pairs = PairFeatures(task, weights=False, images=False)
    found = pairs.fit(read_train(task)).transform(read_test(task))
    assert not any(name.startswith("image") for name in found.columns)
    assert not any("image" in name for name in pairs.used)


def test_the_cache_is_below_the_task(task: Task) -> None:
    PairFeatures(task, weights=False).fit(read_train(task)).transform(read_test(task))
    assert Path(task.cache / "features").is_dir()
