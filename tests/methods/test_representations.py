"""Vectors as methods: valid submissions, what they are for, and other tasks refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from challenge.errors import WrongUse
from challenge.methods import resolve_method
from challenge.methods.returned import as_table, write_table
from challenge.methods.run.cell import predict_out_of_fold
from challenge.scoring import Score, read_predictions, score_on_train, score_predictions
from challenge.task import Task
from challenge.task.columns import vector_columns
from challenge.task.frames import read_test, read_train
from tests.toy import build_toy

VECTORS = ("old-vectors", "naive-vectors", "procrustes-vectors", "class-mean-vectors")


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return build_toy(tmp_path_factory.mktemp("representations"), "retrieval", 800)


def score_of(task: Task, name: str, folder: Path) -> Score:
    method = resolve_method(name).make()
    method.fit(read_train(task), task)
    test = read_test(task)
    assert "label" not in test.columns
    write_table(as_table(method.predict(test), test, task, name), task, folder / "file.parquet")
    return score_predictions(task, read_predictions(task, folder / "file.parquet"), "all")


def value(score: Score, name: str) -> float:
    found = score.metrics[name].value
    assert found is not None
    return found


def test_each_entry_is_what_it_is_for(task: Task, tmp_path: Path) -> None:
    scores = {name: score_of(task, name, tmp_path) for name in VECTORS}
    old, naive, turned, drawn = scores.values()
    assert value(old, "cross_map") == value(old, "old_self_map")
    # A model of its own finds nothing in the old gallery, whatever it finds in its own.
    assert value(naive, "cross_map") < 0.5 * value(old, "cross_map")
    assert naive.diagnostics["compatible"] == 0.0
    # A rotation changes nothing among the new vectors, and brings them nearer to the old.
    assert value(turned, "new_self_map") == pytest.approx(value(naive, "new_self_map"), abs=1e-9)
    assert value(turned, "cross_map") > value(naive, "cross_map")
    assert value(drawn, "cross_map") > 2 * value(naive, "cross_map")


@pytest.mark.slow
def test_vectors_out_of_fold_are_made_without_labels(task: Task, tmp_path: Path) -> None:
    source = resolve_method("class-mean-vectors")
    found = predict_out_of_fold(source, task, {}, lambda text: None)
    write_table(found, task, tmp_path / "train.parquet")
    score = score_on_train(task, tmp_path / "train.parquet")
    assert score.primary.value is not None and score.primary.low is not None


def test_the_trivial_method_of_a_task_with_things_is_the_old_model(task: Task) -> None:
    assert resolve_method("trivial").on(task).name == "old-vectors"


def test_a_model_of_few_features_fills_up_with_zeros(task: Task) -> None:
    from challenge.methods.builtin.representations import NaiveVectors

    method = NaiveVectors()
    method._task = task
    rows = np.random.default_rng(0).normal(0, 1, (40, 2))
    found = method._learn(rows, np.arange(40) % 10, pd.DataFrame())
    assert found.shape == (2, len(vector_columns(task.dimensions)))
    assert (found[:, 2:] == 0.0).all() and np.isfinite(found).all()


def test_methods_of_vectors_refuse_other_kinds(tmp_path: Path) -> None:
    other = build_toy(tmp_path, "classification", 120, images=False)
    for name in VECTORS:
        with pytest.raises(WrongUse, match="no vectors of an old model"):
            resolve_method(name).make().fit(read_train(other), other)


@pytest.mark.parametrize(
    "name",
    [
        "majority",
        "linear",
        pytest.param("autogluon", marks=pytest.mark.baseline),
        pytest.param("autogluon-plain", marks=pytest.mark.baseline),
    ],
)
def test_methods_of_labels_refuse_vectors(task: Task, name: str) -> None:
    with pytest.raises(WrongUse, match="rows need a vector"):
        resolve_method(name).make().fit(read_train(task), task)
