"""Majority, linear and estimators on toys of both kinds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from challenge.methods import resolve_method
from challenge.methods.protocol import decisions_frame, probabilities_frame
from challenge.methods.returned import write_table
from challenge.scoring import read_predictions, score_predictions
from challenge.task import Task
from challenge.task.frames import read_test, read_train
from tests.toy import build_toy


@pytest.fixture(scope="module")
def classification(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return build_toy(tmp_path_factory.mktemp("methods"), n=300)


@pytest.fixture(scope="module")
def matching(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return build_toy(tmp_path_factory.mktemp("methods"), "matching", n=300)


def predict(name: str, task: Task) -> pd.DataFrame:
    method = resolve_method(name).make(seed=0, threads=1)
    method.fit(read_train(task), task)
    return method.predict(read_test(task))


def score(found: pd.DataFrame, task: Task, path: Path) -> float:
    write_table(found, task, path)
    value = score_predictions(task, read_predictions(task, path), "all").metrics[task.metric].value
    assert value is not None
    return value


def test_majority_says_the_shares_of_train(classification: Task) -> None:
    found = predict("majority", classification)
    counts = read_train(classification)["label"].value_counts()
    for name in classification.classes:
        assert found[name].iloc[0] == pytest.approx(counts[name] / counts.sum())


def test_majority_matches_nothing(matching: Task, tmp_path: Path) -> None:
    found = predict("majority", matching)
    assert found["label"].sum() == 0
    assert score(found, matching, tmp_path / "p.parquet") == 0


@pytest.mark.parametrize("kind", ["classification", "matching"])
def test_linear_beats_majority_and_repeats_itself(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    task: Task = request.getfixturevalue(kind)
    found = predict("linear", task)
    assert score(found, task, tmp_path / "p.parquet") > 0.7
    pd.testing.assert_frame_equal(found, predict("linear", task), check_exact=True)


def test_linear_says_what_it_used(matching: Task) -> None:
    method = resolve_method("linear").make(seed=0)
    method.fit(read_train(matching), matching)
    details = method.details  # type: ignore[attr-defined]
    assert "token overlap" in details["features"]
    assert not any("MiniLM" in name or "Lite0" in name for name in details["features"])
    assert 0 < details["threshold"] < 1


def test_a_pipeline_gets_columns_and_gives_probabilities(
    classification: Task, tmp_path: Path
) -> None:
    file = tmp_path / "words.py"
    file.write_text(
        "from sklearn.compose import make_column_transformer\n"
        "from sklearn.feature_extraction.text import TfidfVectorizer\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "from sklearn.pipeline import make_pipeline\n"
        "pipeline = make_pipeline(\n"
        "    make_column_transformer((TfidfVectorizer(), 'words')), LogisticRegression(C=10)\n"
        ")\n"
    )
    found = predict(f"{file}:pipeline", classification)
    assert list(found.columns) == ["id", *classification.classes]
    assert score(found, classification, tmp_path / "p.parquet") > 0.5


def test_an_estimator_without_probabilities_gives_labels(
    classification: Task, tmp_path: Path
) -> None:
    file = tmp_path / "svm.py"
    file.write_text(
        "from sklearn.compose import make_column_transformer\n"
        "from sklearn.impute import SimpleImputer\n"
        "from sklearn.svm import LinearSVC\n"
        "from sklearn.pipeline import make_pipeline\n"
        "pipeline = make_pipeline(\n"
        "    make_column_transformer((SimpleImputer(), ['size', 'count'])), LinearSVC()\n"
        ")\n"
    )
    found = predict(f"{file}:pipeline", classification)
    assert list(found.columns) == ["id", "label"]
    assert score(found, classification, tmp_path / "p.parquet") > 0.1


def test_frames_of_a_submission(classification: Task, matching: Task) -> None:
    test = read_test(classification).head(2)
    rows = probabilities_frame(test, classification, [[2, 1, 1], [0, 0, 3]])
    assert rows[list(classification.classes)].to_numpy().tolist() == [[0.5, 0.25, 0.25], [0, 0, 1]]
    pairs = decisions_frame(read_test(matching).head(3), [0.2, 0.7, 1.1], 0.7)
    assert pairs["label"].tolist() == [0, 1, 1]
    assert pairs["score"].tolist() == [0.2, 0.7, 1.0]
    assert pairs["label"].dtype == np.int8
