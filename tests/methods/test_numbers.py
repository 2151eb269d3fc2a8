"""Methods on a task whose labels are numbers."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from challenge.features.moments import moment_seconds
from challenge.kinds import kind_of
from challenge.methods import resolve_method
from challenge.methods.builtin.inputs import make_inputs
from challenge.methods.builtin.ridge import choose_penalty, numbers_out_of_fold, ridge
from challenge.methods.estimator import EstimatorMethod
from challenge.methods.protocol import silent
from challenge.methods.returned import write_table
from challenge.methods.template import init_method
from challenge.task import Task
from challenge.task.frames import read_test, read_train
from tests.toy import build_toy

KIND = kind_of("regression")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Task, pd.DataFrame, pd.DataFrame]:
    """A toy whose label is a number that sizes and colours decide."""
    task = build_toy(tmp_path_factory.mktemp("numbers"), n=160, images=False)
    task = replace(task, kind=KIND, metric="rmse", classes=())
    train, test = read_train(task), read_test(task)
    return task, train.assign(label=value_of(train)), test


def value_of(table: pd.DataFrame) -> Any:
    return 1000 + 50 * table["size"].fillna(0) + 30 * (table["colour"] == "red")


def rmse(method: Any, toy: tuple[Task, pd.DataFrame, pd.DataFrame], tmp_path: Path) -> float:
    task, train, test = toy
    method.fit(train, task)
    found = method.predict(test)
    write_table(found, task, tmp_path / "p.parquet")
    back = pd.read_parquet(tmp_path / "p.parquet")
    assert list(back.columns) == ["id", "label"] and back["label"].dtype == np.float64
    assert list(back["id"]) == list(test["id"]) and np.isfinite(back["label"]).all()
    return float(np.sqrt(((back["label"] - value_of(test)) ** 2).mean()))


def test_the_trivial_method_answers_the_mean_of_train(
    toy: tuple[Task, pd.DataFrame, pd.DataFrame], tmp_path: Path
) -> None:
    task, train, test = toy
    source = resolve_method("trivial").on(task)
    assert (source.name, source.title) == ("mean", "Mean")
    method = source.make(seed=0)
    spread = float(np.sqrt(((value_of(test) - train["label"].mean()) ** 2).mean()))
    assert rmse(method, toy, tmp_path) == pytest.approx(spread, rel=1e-12)


@pytest.mark.parametrize(
    "name",
    ["linear", pytest.param("autogluon", marks=pytest.mark.baseline)],
)
def test_a_method_learns_numbers_and_predicts_them_out_of_fold(
    name: str, toy: tuple[Task, pd.DataFrame, pd.DataFrame], tmp_path: Path
) -> None:
    task, train, _ = toy
    trivial = rmse(resolve_method("mean").make(), toy, tmp_path)
    method: Any = resolve_method(name).make(seed=0, threads=1, preset="fast")
    assert rmse(method, toy, tmp_path) < 0.5 * trivial
    found = method.predict_out_of_fold()
    assert list(found["id"]) == list(train["id"])
    error = float(np.sqrt(((found["label"] - train["label"]) ** 2).mean()))
    # Worse than on rows that it has seen, better than the mean.
    assert 0 < error < 0.6 * trivial
    assert "balance" not in method.space(task)


def test_trees_read_a_point_in_time(toy: tuple[Task, pd.DataFrame, pd.DataFrame]) -> None:
    task, train, _ = toy
    when = replace(task.columns[0], name="when", modality="datetime")
    task = replace(task, columns=(*task.columns_of("numeric"), when))
    days = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(range(len(train)), unit="D")
    train = train.assign(when=days.astype("datetime64[us, UTC]"))
    inputs = make_inputs(
        task,
        seed=0,
        threads=1,
        components=64,
        frugal=True,
        without=(),
        context=False,
        progress=silent,
    )
    columns = inputs.fit(train).trees.dtypes.astype(str).tolist()
    assert columns.count("datetime64[us, UTC]") == 1
    seconds = moment_seconds(pd.Series(["1970-01-02T00:00:00Z", None]))
    assert seconds[0] == 86400 and np.isnan(seconds[1])


def test_an_estimator_and_the_template_predict_numbers(
    toy: tuple[Task, pd.DataFrame, pd.DataFrame], tmp_path: Path
) -> None:
    trivial = rmse(resolve_method("mean").make(), toy, tmp_path)
    sizes = FunctionTransformer(lambda table: table[["size"]].fillna(0).to_numpy())
    model = EstimatorMethod(make_pipeline(sizes, Ridge(alpha=0.01)))
    assert rmse(model, toy, tmp_path) < 0.7 * trivial
    init_method(tmp_path / "mine.py")
    mine = resolve_method(f"{tmp_path / 'mine.py'}:MyMethod").make(seed=0)
    assert rmse(mine, toy, tmp_path) < 1.2 * trivial


def test_the_penalty_of_ridge_is_that_with_the_least_error_out_of_fold() -> None:
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(60, 30))
    truth = rows[:, 0] + generator.normal(size=60)
    folds = np.arange(60) % 5
    penalty, found = choose_penalty(ridge, rows, truth, folds)
    errors = {
        candidate: float(
            (
                (numbers_out_of_fold(partial(ridge, candidate), rows, truth, folds) - truth) ** 2
            ).mean()
        )
        for candidate in (0.1, 1.0, 10.0, 100.0, 1000.0)
    }
    assert penalty == min(errors, key=errors.__getitem__)
    assert float(((found - truth) ** 2).mean()) == errors[penalty]
    alone = Ridge(alpha=penalty).fit(rows[folds != 2], truth[folds != 2])
    assert found[folds == 2] == pytest.approx(alone.predict(rows[folds == 2]))
