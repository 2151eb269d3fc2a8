"""What the reference entry reads of odd but legal tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from challenge.errors import WrongUse
from challenge.methods.builtin.candidate_choice import CandidateChoice
from challenge.methods.builtin.folds import spread_lone_classes
from challenge.methods.builtin.inputs import make_inputs
from challenge.methods.builtin.linear import Linear, logistic_regression, out_of_fold
from challenge.methods.protocol import silent
from challenge.task import Column, Task
from challenge.task.frames import read_train
from tests.toy import build_toy


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return build_toy(tmp_path_factory.mktemp("table"), n=120, images=False)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return build_toy(tmp_path_factory.mktemp("pairs"), "matching", n=90, images=False)


def read(task: Task, train: pd.DataFrame, *, frugal: bool = True, context: bool = False) -> Any:
    inputs = make_inputs(
        task,
        seed=0,
        threads=1,
        components=64,
        frugal=frugal,
        without=["text embedding"],
        context=context,
        progress=silent,
    )
    return inputs, inputs.fit(train)


def renamed(task: Task, names: Mapping[str, str]) -> tuple[Task, pd.DataFrame]:
    """Return the task and its train rows with columns renamed; what is not named is left out."""
    kept = [column for column in task.columns if column.name in names]
    columns = tuple(replace(column, name=names[column.name]) for column in kept)
    train = read_train(task)[["id", *(column.name for column in kept), "label"]]
    return replace(task, columns=columns), train.rename(columns=dict(names))


def test_no_name_of_a_column_hides_another(table: Task) -> None:
    names = {"words": "self", "size": "n-grams self", "count": "colour = 0", "colour": "colour"}
    task, train = renamed(table, names)
    inputs, found = read(task, train)
    plain = read(table, read_train(table))[1]
    assert found.trees.shape == plain.trees.shape
    pd.testing.assert_frame_equal(found.trees, plain.trees)
    assert inputs.transform(train).trees.shape == found.trees.shape


def test_frequent_values_of_a_category_are_columns_for_trees(table: Task) -> None:
    task, train = renamed(table, {"colour": "colour"})
    train = pd.concat([train, train], ignore_index=True)
    train["colour"] = [f"value {max(0, place - 2) // 2:02}" for place in range(len(train))]
    train.loc[train.index[-9:], "colour"] = "value 00"
    trees = read(task, train)[1].trees
    kinds = trees.iloc[:, 1:]
    assert kinds.shape[1] == 64
    assert kinds.iloc[:, 0].tolist() == (train["colour"] == "value 00").astype(float).tolist()
    assert (kinds.sum(axis=1) <= 1).all()


@pytest.mark.parametrize("frugal", [True, False])
@pytest.mark.parametrize("constant", ["oak and elm", "?", None])
def test_a_text_that_is_always_the_same_tells_nothing(
    table: Task, constant: str | None, frugal: bool
) -> None:
    train, other = read_train(table), read_train(table)
    train["words"], other["words"] = constant, "quite another text"
    inputs, found = read(table, train, frugal=frugal)
    for rows in (found, inputs.transform(other)):
        assert (rows.blocks["n-grams words"] == 0).all()


@pytest.mark.parametrize("frugal", [True, False])
@pytest.mark.parametrize("names", [("words", "colour"), ("words",)])
def test_sides_without_a_common_text_are_compared_as_wholes(
    pairs: Task, names: tuple[str, ...], frugal: bool
) -> None:
    left = {f"left_{name}": f"left_{name}" for name in names}
    right = {f"right_{name}": f"right_other_{name}" for name in names}
    task, train = renamed(pairs, left | right)
    found = read(task, train, frugal=frugal)[1]
    same = read_train(pairs)["label"].to_numpy(int) == 1
    overlap = found.trees["all text: token overlap"]
    assert overlap[same].mean() > overlap[~same].mean()


def test_candidates_are_told_by_whole_texts(pairs: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    helps = CandidateChoice(1.0, 0.0, "all candidates")
    monkeypatch.setattr("challenge.methods.builtin.inputs.choose_context", lambda *_: helps)
    start = "so long a start that a frugal reading sees nothing else " * 6
    train = read_train(pairs)
    whole = read(pairs, train, context=True)[1].trees["left candidates"]
    for name in ("left_words", "right_words"):
        train[name] = start + train[name].fillna("").astype(object)
    cut = read(pairs, train, context=True)[1].trees["left candidates"]
    assert cut.max() <= whole.max()


def test_nothing_to_compare_is_said(pairs: Task) -> None:
    task = replace(pairs, columns=(Column("left_image", "image"),))
    with pytest.raises(WrongUse, match="run trivial or linear"):
        read(task, read_train(pairs)[["id", "label"]])


@pytest.mark.baseline
def test_nothing_that_differs_is_said(table: Task) -> None:
    from challenge.methods.builtin.autogluon import AutoGluon

    task, train = renamed(table, {"colour": "colour"})
    train["colour"] = "red"
    with pytest.raises(WrongUse, match="differ between rows of train"):
        AutoGluon(threads=1, preset="fast").fit(train, task)


def test_a_fold_whose_others_have_one_class_gets_that_class() -> None:
    truth, folds = np.array([0, 0, 0, 0, 1, 0]), np.array([0, 0, 1, 1, 2, 2])
    rows = np.arange(6.0)[:, None]
    found = out_of_fold(logistic_regression, rows, truth, folds, 2)
    assert found[folds == 2].tolist() == [[1.0, 0.0], [1.0, 0.0]]
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_single_rows_of_a_class_stay_in_their_folds() -> None:
    folds, truth = np.arange(10) % 5, np.arange(10)
    assert spread_lone_classes(folds, truth).tolist() == folds.tolist()


def test_a_single_match_is_enough_for_linear(pairs: Task) -> None:
    train = read_train(pairs)
    matches = train.index[train["label"] == 1]
    train = train.drop(index=matches[1:]).reset_index(drop=True)
    method = Linear()
    method.fit(train, pairs)
    assert method.predict(train.drop(columns="label"))["score"].between(0, 1).all()


@pytest.mark.baseline
def test_a_single_match_is_too_few_for_folds(pairs: Task) -> None:
    from challenge.methods.builtin.autogluon import AutoGluon

    train = read_train(pairs)
    matches = train.index[train["label"] == 1]
    method = AutoGluon(threads=1, preset="fast")
    with pytest.raises(WrongUse, match="one training row of class 1"):
        method.fit(train.drop(index=matches[1:]).reset_index(drop=True), pairs)
