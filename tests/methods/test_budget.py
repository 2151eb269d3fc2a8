"""A time limit covers the whole cell, with the models that are ready in time."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd
import pytest

from challenge.methods.builtin.autogluon import AutoGluon
from challenge.methods.builtin.budget import Budget, OutOfTime
from challenge.methods.builtin.inputs import Inputs, TableInputs
from challenge.methods.builtin.trivial import Trivial
from challenge.task import Task
from challenge.task.frames import read_test, read_train
from tests.toy import build_toy


class Clock:
    """Seconds that pass only when something is reported: `step`, or more at some texts."""

    def __init__(self, step: float, costs: Mapping[str, float] | None = None) -> None:
        self.now, self._step, self._costs = 0.0, step, costs or {}

    def __call__(self) -> float:
        """Return the time."""
        return self.now

    def report(self, text: str, /) -> None:
        """Let the time of this step pass."""
        costs = [cost for start, cost in self._costs.items() if text.startswith(start)]
        self.now += costs[0] if costs else self._step


def test_an_alarm_ends_a_stage_that_reports_nothing() -> None:
    budget, passed = Budget(3600), False
    with budget.stage(0.05):
        while True:
            pass
    passed = True
    assert passed


def test_a_stage_ends_at_a_report_after_its_time() -> None:
    clock = Clock(40)
    budget, reached = Budget(1000, clock), []
    report = budget.watched(clock.report)
    with budget.stage(100):
        for step in range(5):
            report("working")
            reached.append(step)
    assert reached == [0, 1]
    assert budget.left() == 950 - 120
    # Outside a stage nothing is interrupted.
    report("working")


def test_without_a_limit_nothing_is_interrupted() -> None:
    clock = Clock(1e9)
    budget = Budget(None, clock)
    with budget.stage(0):
        budget.watched(clock.report)("working")
    assert not budget.limited
    with pytest.raises(OutOfTime), budget.stage(0):
        raise OutOfTime


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return build_toy(tmp_path_factory.mktemp("table"), n=120, images=False)


def made(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> AutoGluon:
    """Return the entry with a limit of 100,000 s of this clock."""
    timed = partial(Budget, clock=clock)
    monkeypatch.setattr("challenge.methods.builtin.autogluon.Budget", timed)
    return AutoGluon(preset="fast", threads=1, time_limit=1e5, progress=clock.report)


def trivial(task: Task) -> pd.DataFrame:
    method = Trivial()
    method.fit(read_train(task), task)
    return method.predict(read_test(task))


@pytest.mark.baseline
def test_with_no_model_in_time_the_shares_of_the_classes_are_predicted(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(25e3)
    method = made(clock, monkeypatch)
    method.fit(read_train(task), task)
    assert method.predict(read_test(task)).equals(trivial(task))
    assert method.summary == "no model in time: as trivial"
    assert len(method.predict_out_of_fold()) == task.n_train
    assert clock.now <= 1.1e5


@pytest.mark.baseline
def test_with_too_little_time_for_autogluon_the_linear_model_is_ready(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(5e3, {"fitting AutoGluon": 60e3})
    method = made(clock, monkeypatch)
    method.fit(read_train(task), task)
    found = method.predict(read_test(task))
    shares: Any = method.details["shares"]
    assert set(shares) <= {"custom linear", "custom names of classes"}
    assert list(found.columns) == ["id", *task.classes]
    assert clock.now <= 1.1e5


@pytest.mark.baseline
def test_without_time_for_the_inputs_of_the_preset_those_of_fast_are_read(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = TableInputs.fit

    def only_frugal(self: TableInputs, train: pd.DataFrame) -> Inputs:
        if not self._frugal:
            raise OutOfTime
        return fit(self, train)

    monkeypatch.setattr(TableInputs, "fit", only_frugal)
    method = AutoGluon(preset="default", threads=1, time_limit=3600)
    method.fit(read_train(task), task)
    assert method.details["models"] == ["autogluon", "linear"]
    assert "wordllama" in str(method.details["features"])
    assert list(method.predict(read_test(task)).columns) == ["id", *task.classes]


@pytest.mark.slow
@pytest.mark.baseline
def test_models_that_cannot_predict_in_time_leave_the_blend(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(5e3)
    method = made(clock, monkeypatch)
    method.fit(read_train(task), task)
    ready = ["autogluon", "linear"]
    assert method.details["models"] == ready
    for now, models in ((40e3, ready), (88e3, ["linear"])):
        clock.now = now
        late = copy.copy(method)
        late.predict(read_test(task))
        assert late.details["models"] == models
        assert clock.now <= 1.1e5
    clock.now = 93e3
    assert method.predict(read_test(task)).equals(trivial(task))
