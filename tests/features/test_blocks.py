"""A table as blocks of numbers, learned from train alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from challenge.features.blocks import TableBlocks
from challenge.features.text import character_tfidf, word_tfidf
from challenge.task import Task
from challenge.task.frames import read_test, read_train
from tests.toy import build_toy


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return build_toy(tmp_path_factory.mktemp("blocks"), n=150)


def test_every_column_has_its_blocks(task: Task) -> None:
    blocks = TableBlocks(task, weights=False)
    found = blocks.fit_transform(read_train(task))
    assert list(found) == [
        "number size",
        "number count",
        "category colour",
        "n-grams words",
        "pixels image",
    ]
    assert all(np.isfinite(rows).all() and len(rows) == task.n_train for rows in found.values())
    assert "MiniLM" not in blocks.used


def test_a_row_does_not_depend_on_its_neighbours(task: Task) -> None:
    blocks = TableBlocks(task, weights=False)
    blocks.fit_transform(read_train(task))
    test = read_test(task)
    whole, some = blocks.transform(test), blocks.transform(test.iloc[::-2])
    for name, rows in whole.items():
        np.testing.assert_allclose(some[name], rows[::-2], atol=1e-5, err_msg=name)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(task: Task) -> None:
    train = read_train(task)
    one, other = (TableBlocks(task, weights=False, seed=3).fit_transform(train) for _ in range(2))
    assert all((one[name] == other[name]).all() for name in one)


def test_columns_can_be_left_out(task: Task) -> None:
    blocks = TableBlocks(task, weights=False, text=False, images=False)
    assert not any(
        name.startswith(("n-grams", "pixels")) for name in blocks.fit_transform(read_train(task))
    )


def test_whole_texts_keep_the_angles_of_their_ngrams(task: Task) -> None:
    train = read_train(task)
    blocks = TableBlocks(task, weights=False, axes=2, whole_texts=True)
    rows = blocks.fit_transform(train)["n-grams words"].astype(float)
    texts = train["words"].fillna("").tolist()
    made = (
        word_tfidf(texts, max_words=2, min_df=2),
        character_tfidf(texts, sizes=(2, 4), min_df=2),
    )
    grams = np.hstack([vectorizer.transform(texts).toarray() for vectorizer in made])
    grams = grams - grams.mean(axis=0)
    expected = grams @ grams.T
    found = rows @ rows.T
    np.testing.assert_allclose(found / np.trace(found), expected / np.trace(expected), atol=1e-6)
    assert rows.shape[1] > 2


def test_what_was_never_seen_in_train_is_read_all_the_same(task: Task) -> None:
    train, test = read_train(task), read_test(task).head(3).copy()
    test["colour"] = ["unheard of", None, "red"]
    test["words"] = [None, "", "zzz"]
    test["size"] = [1e300, -1e300, np.nan]
    blocks = TableBlocks(task, weights=False)
    blocks.fit_transform(train)
    assert all(np.isfinite(rows).all() for rows in blocks.transform(test).values())


def test_a_column_without_any_value_is_no_obstacle(task: Task) -> None:
    train = read_train(task)
    train["words"], train["image"], train["size"] = None, None, np.nan
    train["colour"] = None
    found = TableBlocks(task, weights=False).fit_transform(train)
    assert all(np.isfinite(rows).all() for rows in found.values())


@pytest.mark.baseline
@pytest.mark.parametrize("network", [True, False])
def test_a_text_is_near_the_name_of_its_class(task: Task, network: bool) -> None:
    train = read_train(task)
    named = replace(task, classes=("an old oak", "a big dog", "+"))
    texts = ["oak tree", "puppies and dogs", ""]
    table = train.iloc[:3].assign(words=texts)
    blocks = TableBlocks(named, embedding=True, weights=network, class_names=True)
    rows = blocks.fit_transform(table)["names words"]
    assert rows.shape == (3, 3)
    assert rows[0].argmax() == 0
    assert rows[1].argmax() == 1
    assert not rows[2].any()
    np.testing.assert_allclose(rows[:2].mean(axis=0), 0, atol=1e-6)
    assert "names of classes" in blocks.used
    assert ("MiniLM" if network else "wordllama") in blocks.used
    without = TableBlocks(named, embedding=True, weights=network).fit_transform(table)
    assert not any(name.startswith("names") for name in without)
