"""Policies as methods: they learn from a log, return valid submissions, and refuse other tasks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from challenge.errors import WrongUse
from challenge.methods import resolve_method
from challenge.prepare import build_task
from challenge.scoring import read_predictions, score_predictions
from challenge.task import Task
from challenge.task.frames import read_test, read_train
from tests.toy import build_toy, declare_toy, toy_log

POLICIES = ("uniform", "logging", "greedy", "epsilon-greedy", "linucb", "majority")


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return build_toy(tmp_path_factory.mktemp("policies"), "bandit", 3_000)


def answers(task: Task, name: str) -> pd.DataFrame:
    method = resolve_method(name).make()
    method.fit(read_train(task), task)
    return method.predict(read_test(task))


def value(task: Task, name: str, folder: Path) -> float:
    answers(task, name).to_csv(folder / "file.csv", index=False)
    found = score_predictions(task, read_predictions(task, folder / "file.csv"), "all")
    assert found.primary.value is not None, found.primary.reason
    return found.primary.value


def test_policies_that_learn_earn_more_than_those_that_do_not(task: Task, tmp_path: Path) -> None:
    earned = {name: value(task, name, tmp_path) for name in POLICIES}
    # The right arm earns .8, the others .2: uniform .4.
    assert earned["uniform"] == earned["logging"] == pytest.approx(0.4, abs=0.05)
    assert earned["majority"] == pytest.approx(0.4, abs=0.05)
    assert earned["greedy"] > 0.6 and earned["linucb"] > 0.5
    assert earned["uniform"] < earned["epsilon-greedy"] < earned["greedy"]


def test_the_logging_policy_of_a_skewed_log_is_learned(tmp_path: Path) -> None:
    folder = declare_toy(tmp_path / "skewed", "bandit", raw=toy_log(900, uniform=False))
    skewed = build_task(folder, cache=tmp_path / "cache").task
    found = answers(skewed, "logging")[list(skewed.classes)].to_numpy()
    assert np.abs(found.mean(axis=0) - np.array([1, 2, 3]) / 6).max() < 0.05


def test_a_policy_refuses_a_task_that_is_no_log(tmp_path: Path) -> None:
    other = build_toy(tmp_path, "classification", 120, images=False)
    for name in ("uniform", "logging", "greedy", "epsilon-greedy", "linucb"):
        with pytest.raises(WrongUse, match="no propensities and rewards"):
            resolve_method(name).make().fit(read_train(other), other)
