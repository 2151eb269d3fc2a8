"""The small models that the reference entry adds to its blend of classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from challenge.methods.builtin.autogluon import AutoGluon
from challenge.methods.builtin.autogluon_models import BaggedModels
from challenge.methods.builtin.chosen_regression import BlockWeights
from challenge.methods.builtin.class_names import named_probabilities
from challenge.methods.builtin.inputs import Inputs, make_inputs
from challenge.methods.builtin.kernel import KernelRegression
from challenge.methods.builtin.linear import logistic_regression
from challenge.methods.builtin.own_model import OwnModel
from challenge.methods.builtin.word_bayes import WordBayes, WordCounts
from challenge.methods.protocol import silent
from challenge.task import Task
from challenge.task.frames import read_test, read_train
from tests.toy import build_toy


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return build_toy(tmp_path_factory.mktemp("table"), n=120, images=False)


def rings(n: int = 240) -> tuple[NDArray[Any], NDArray[Any]]:
    """Two classes that no straight line separates: inside and outside of a circle."""
    rows = np.random.default_rng(0).normal(size=(n, 2))
    return rows, ((rows**2).sum(axis=1) > 1.4).astype(np.int64)


def accuracy(make: Any, rows: Any, truth: NDArray[Any]) -> float:
    half = len(truth) // 2
    found = make().fit(rows[:half], truth[:half]).predict_proba(rows[half:])
    return float((found.argmax(axis=1) == truth[half:]).mean())


def test_a_kernel_separates_what_no_line_does() -> None:
    rows, truth = rings()
    assert accuracy(KernelRegression, rows, truth) > 0.9
    assert accuracy(logistic_regression, rows, truth) < 0.7


def test_a_kernel_does_not_depend_on_the_unit_or_on_how_rows_are_stored() -> None:
    rows, truth = rings(80)
    one = KernelRegression().fit(rows, truth).predict_proba(rows)
    scaled = KernelRegression().fit(1000 * rows, truth).predict_proba(1000 * rows)
    sparse = KernelRegression().fit(csr_matrix(rows), truth).predict_proba(csr_matrix(rows))
    np.testing.assert_allclose(one.sum(axis=1), 1)
    np.testing.assert_allclose(one, scaled, atol=1e-9)
    np.testing.assert_allclose(one, sparse, atol=1e-9)


def test_a_kernel_on_equal_rows_gives_the_shares_an_order() -> None:
    truth = np.array([0, 0, 0, 2])
    model = KernelRegression().fit(np.ones((4, 3)), truth)
    found = model.predict_proba(np.ones((1, 3)))
    assert model.classes_.tolist() == [0, 2]
    assert found[0, 0] > 0.9


def test_a_text_like_the_name_of_a_class_speaks_for_it() -> None:
    found = named_probabilities(np.array([[0.4, 0.1, -0.2], [0.0, 0.0, 0.0]]))
    assert found[0, 0] > 0.95
    np.testing.assert_allclose(found[1], 1 / 3)


def test_words_and_categories_are_counted_together(task: Task) -> None:
    train = read_train(task)
    counts = WordCounts(task)
    rows = counts.fit_transform(train)
    columns = set(counts._tfidf.vocabulary_)
    assert "oak" in columns
    assert "colour=red" in columns
    assert any(" " in name for name in columns)
    assert rows.shape == (len(train), len(columns))
    blank = train.assign(words=None, colour=None)
    assert counts.transform(blank).nnz == 0
    assert WordCounts(task).fit_transform(blank) is None


def test_naive_bayes_knows_a_word_of_a_rare_class() -> None:
    rows = csr_matrix(np.array([[1.0, 0, 0]] * 20 + [[0, 1.0, 0]] * 20 + [[0, 0, 1.0]] * 2))
    truth = np.array([0] * 20 + [1] * 20 + [4] * 2)
    model = WordBayes().fit(rows, truth)
    found = model.predict_proba(rows)
    assert model.classes_.tolist() == [0, 1, 4]
    assert (model.classes_[found.argmax(axis=1)] == truth).all()


def test_out_of_fold_rows_come_from_other_folds() -> None:
    rows, truth = rings()
    read = Inputs(pd.DataFrame(), {"a": rows})
    model = OwnModel(KernelRegression, lambda read: read.blocks["a"])
    folds = np.arange(len(truth)) % 3
    found = model.fit(read, truth, folds, 3)
    for fold in range(3):
        alone = KernelRegression().fit(rows[folds != fold], truth[folds != fold])
        np.testing.assert_array_equal(
            found[folds == fold, :2], alone.predict_proba(rows[folds == fold])
        )
    assert not found[:, 2].any()
    assert model.predict(read).shape == (len(truth), 3)


def inputs_of(task: Task, *, frugal: bool) -> tuple[Inputs, Inputs]:
    made = make_inputs(
        task,
        seed=0,
        threads=1,
        components=8,
        frugal=frugal,
        without=(),
        context=False,
        progress=silent,
    )
    return made.fit(read_train(task)), made.transform(read_test(task))


def test_frugal_inputs_have_no_words(task: Task) -> None:
    for read in inputs_of(task, frugal=True):
        assert read.words is None


@pytest.mark.baseline
@pytest.mark.parametrize("frugal", [False, True])
def test_names_of_classes_are_beside_the_blocks_not_in_them(task: Task, frugal: bool) -> None:
    for read in inputs_of(task, frugal=frugal):
        assert read.names is not None
        assert read.names.shape == (len(read.trees), len(task.classes))
        assert (read.words is None) == frugal
        assert not any(name.startswith("names") for name in read.blocks)


@pytest.mark.baseline
def test_kernel_regression_reads_all_blocks_alike_and_the_network_their_chosen_weights(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BaggedModels, "fit", lambda *_: None)
    method = AutoGluon(threads=1)
    method.fit(read_train(task), task)
    read = method._inputs.fit(read_train(task))
    chosen = BlockWeights({"n-grams": 4.0, "MiniLM": 0.5})
    method._inputs.regression.block_weights = chosen
    method._fit_own(read)
    alike, weighted = (of(read.blocks) for of in (BlockWeights({}), chosen))
    assert not np.array_equal(alike, weighted)
    np.testing.assert_array_equal(method._own["kernel"]._rows_of(read), alike)
    np.testing.assert_array_equal(method._own["network"]._rows_of(read), weighted)
