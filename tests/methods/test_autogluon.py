"""The reference entry on toys: strong enough, silent, and the same twice."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from challenge.errors import MissingRequirement, WrongUse
from challenge.methods import run_method
from challenge.methods.builtin import autogluon
from challenge.methods.builtin.autogluon import AutoGluon
from challenge.methods.builtin.autogluon_context import AutoGluonContext
from challenge.methods.builtin.autogluon_models import BaggedModels
from challenge.methods.builtin.autogluon_plain import AutoGluonPlain
from challenge.methods.run.runner import MethodRun
from challenge.scoring import read_predictions, score_predictions
from challenge.task import Task
from challenge.task.frames import read_test, read_train
from tests.toy import build_toy


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    package = "challenge.methods.builtin.autogluon_package.has_packages"
    monkeypatch.setattr(package, lambda *_: False)
    for method in (AutoGluon, AutoGluonPlain):
        with pytest.raises(MissingRequirement, match="pip install 'multimodal-challenge"):
            method()


def test_an_unknown_preset_gets_the_nearest_name() -> None:
    with pytest.raises(WrongUse, match="did you mean 'fast'"):
        AutoGluon(preset="fats")


def run_fresh(task: Task, out: Path) -> MethodRun:
    import shutil

    shutil.rmtree(task.cache / "runs", ignore_errors=True)
    return run_method("autogluon", task, out, threads=1)


@pytest.mark.slow
@pytest.mark.baseline
@pytest.mark.parametrize("kind", ["classification", "matching"])
def test_two_runs_agree_to_the_last_digit(kind: str, tmp_path: Path) -> None:
    task = build_toy(tmp_path, kind, n=160)
    one, other = (run_fresh(task, tmp_path / name) for name in "ab")
    assert one.predictions.read_bytes() == other.predictions.read_bytes()
    assert not other.reused
    score = score_predictions(task, read_predictions(task, one.predictions), "all")
    value = score.metrics[task.metric].value
    assert value is not None and value > 0.6
    details = one.details
    assert details["left_out"] == []
    assert any("MiniLM" in str(name) for name in details["features"])  # type: ignore[attr-defined]
    custom = ["regression"]
    if kind == "classification":
        custom += ["network", "kernel regression", "naive Bayes"]
    # Names of classes join where they help out of fold.
    names: Any = details.get("class_names", {"used": False})
    custom += ["names of classes"] if names["used"] else []
    assert ("class_names" in details) == (kind == "classification")
    assert one.method == "autogluon"
    shares = ", ".join(rf"{name} \d+%" for name in custom)
    assert re.fullmatch(rf"AutoGluon \d+% \(GBM \+ XT\); custom: {shares}", one.note)
    assert ("threshold" in details) == (kind == "matching")


@pytest.mark.slow
@pytest.mark.baseline
@pytest.mark.parametrize("preset", ["fast", "best"])
def test_presets_spend_less_or_more(preset: str, tmp_path: Path) -> None:
    task = build_toy(tmp_path, n=100, images=False)
    done = run_method("autogluon", task, tmp_path / "out", threads=1, preset=preset)
    read_predictions(task, done.predictions)
    used = done.details["features"]
    assert isinstance(used, list)
    assert ("MiniLM" in used) == (preset == "best")
    assert ("wordllama" in used) == (preset == "fast")


def test_it_says_what_takes_the_place_of_minilm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autogluon, "has_minilm", lambda: False)
    monkeypatch.setattr(autogluon, "has_wordllama", lambda: True)
    assert autogluon._left_out(frugal=False)[0].endswith("; wordllama reads the texts)")
    assert autogluon._left_out(frugal=True) == []


@pytest.mark.slow
@pytest.mark.baseline
def test_the_context_of_candidates_is_an_entry_of_its_own(tmp_path: Path) -> None:
    task = build_toy(tmp_path, "matching", n=120, images=False)
    done = run_method("autogluon-context", task, tmp_path / "out", threads=1, preset="fast")
    read_predictions(task, done.predictions)
    assert done.title == "AutoGluonContext"
    chosen: Any = done.details["candidates"]
    assert ("context of candidates" in str(done.details["features"])) == chosen["used"]


@pytest.mark.slow
@pytest.mark.baseline
@pytest.mark.parametrize("kind", ["classification", "matching", "regression"])
def test_the_shares_of_the_models_are_reported_and_each_can_be_kept_alone(
    kind: str, tmp_path: Path
) -> None:
    task = build_toy(tmp_path, kind, n=120, images=False)
    method = AutoGluon(threads=1, preset="fast")
    method.fit(read_train(task), task)
    shares, weights = (method.details[name] for name in ("shares", "autogluon_weights"))
    assert isinstance(shares, dict) and isinstance(weights, dict)
    names: Any = method.details.get("class_names", {"used": False})
    named = {"custom names of classes"} if names["used"] else set()
    assert set(shares) == {"AutoGluon's own models", "custom linear", *named}
    assert sum(shares.values()) == pytest.approx(1, abs=1e-3)
    assert set(weights) <= {"LightGBM_BAG_L1", "ExtraTrees_BAG_L1"}
    assert sum(weights.values()) == pytest.approx(1, abs=1e-3)
    alone = method.keeping(["linear"])
    test = read_test(task)
    assert alone.details["shares"] == {"custom linear": 1.0}
    assert len(alone.predict(test)) == task.n_test
    assert method.details["shares"] == shares
    blend: Any = method.details["blend"]
    assert set(blend) - {"names"} == {"autogluon", "linear"}


def tell_the_fold_as_later_releases_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let AutoGluon's predictor take `groups` as a `validation_structure` of its fit."""
    from autogluon.tabular import TabularPredictor

    make, fit = TabularPredictor.__init__, TabularPredictor.fit

    def made(self: Any, label: str, *, groups: str, **options: Any) -> None:
        make(self, label, **options)
        assert self._learner.groups is None
        assert groups == "fold"

    def fitted(self: Any, table: pd.DataFrame, **options: Any) -> Any:
        return fit(self, table, validation_structure={"group_on": "fold"}, **options)

    monkeypatch.setattr(TabularPredictor, "__init__", made)
    monkeypatch.setattr(TabularPredictor, "fit", fitted)


@pytest.mark.baseline
def test_no_model_reads_the_fold_in_either_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = build_toy(tmp_path, n=100, images=False)
    random = np.random.default_rng(0)
    table = pd.DataFrame({"a": random.normal(size=60), "b": random.normal(size=60)})
    truth, folds = np.arange(60) // 20, np.arange(60) % 3
    found = []
    for _ in range(2):
        bagged = BaggedModels(task, threads=1, stacked=False)
        rows = bagged.fit(table, truth, folds, {"XT": {"n_estimators": 5}}, None)
        assert bagged._predictor.features() == ["x0", "x1"]
        found.append(np.array([rows, bagged.predict(table)]))
        tell_the_fold_as_later_releases_want_it(monkeypatch)
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)


@pytest.mark.baseline
def test_a_table_without_pairs_has_no_candidates(tmp_path: Path) -> None:
    task = build_toy(tmp_path, n=100, images=False)
    with pytest.raises(WrongUse, match="classification has no candidates"):
        AutoGluonContext(threads=1, preset="fast").fit(read_train(task), task)


@pytest.mark.baseline
def test_an_unknown_part_gets_the_nearest_name(tmp_path: Path) -> None:
    task = build_toy(tmp_path, n=100, images=False)
    with pytest.raises(WrongUse, match="did you mean 'images'"):
        AutoGluon(without=["image"]).fit(read_train(task), task)


@pytest.mark.slow
@pytest.mark.baseline
def test_parts_can_be_left_out_and_rows_predicted_out_of_fold(tmp_path: Path) -> None:
    task = build_toy(tmp_path, "matching", n=120)
    method = AutoGluon(threads=1, preset="fast", without=["pair features", "images"])
    train = read_train(task)
    method.fit(train, task)
    features = str(method.details["features"])
    assert "scaled numbers" in features
    assert "overlap" not in features
    assert "pixels" not in features
    found = method.predict_out_of_fold()
    assert found["id"].tolist() == train["id"].tolist()
    assert found["score"].between(0, 1).all()


@pytest.mark.slow
@pytest.mark.baseline
@pytest.mark.parametrize("kind", ["classification", "matching"])
def test_what_a_search_may_choose_moves_the_predictions(kind: str, tmp_path: Path) -> None:
    task = build_toy(tmp_path, kind, n=100, images=False)
    train = read_train(task)
    other: dict[str, Any] = {"leaves": 4, "learning_rate_scale": 2.0}
    if kind == "classification":
        other["components"] = 8
    found = []
    for options in ({}, other):
        method = AutoGluon(threads=1, preset="fast", **options)
        method.fit(train, task)
        found.append(method.predict_out_of_fold())
    assert not found[0].equals(found[1])
    space = AutoGluon.space(task)
    assert set(other) <= set(space)
    defaults = inspect.signature(AutoGluon).parameters
    assert all(value.holds(defaults[name].default) for name, value in space.items())


@pytest.mark.slow
@pytest.mark.baseline
@pytest.mark.parametrize("kind", ["classification", "matching", "regression"])
def test_plain_autogluon_reads_all_but_images_and_shows_its_own_score(
    kind: str, tmp_path: Path
) -> None:
    task = build_toy(tmp_path, kind, n=160)
    done = run_method("autogluon-plain", task, tmp_path / "out", threads=1)
    score = score_predictions(task, read_predictions(task, done.predictions), "all")
    value = score.metrics[task.metric].value
    assert value is not None and value > 0.3
    assert done.details["columns_not_read"] == [one.name for one in task.columns_of("image")]
    assert done.note.endswith("images not read")
    own: Any = done.details["own_validation"]
    assert own["metric"] in ("accuracy", "root_mean_squared_error")


def test_plain_autogluon_takes_the_presets_of_autogluon() -> None:
    with pytest.raises(WrongUse, match="did you mean 'best_quality'"):
        AutoGluonPlain(preset="best_qualty")
