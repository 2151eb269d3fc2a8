"""The primary metric in each published fold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from challenge.errors import TaskError
from challenge.scoring import fold_scores, read_predictions
from challenge.scoring.fold_scores import score_folds
from challenge.task import Task
from challenge.task.frames import read_folds, read_train
from tests.toy import build_toy


def scored(task: Task, rows: pd.DataFrame, path: Path) -> tuple[float, ...]:
    rows.to_csv(path, index=False)
    return score_folds(task, read_predictions(task, path, rows="train"))


def test_each_fold_is_scored_by_itself(tmp_path: Path) -> None:
    task = build_toy(tmp_path, n=120, images=False)
    table = read_train(task).merge(read_folds(task), on="id")
    # Wrong in every third row: the label of the row before.
    labels = table["label"].astype(str).tolist()
    table["said"] = [
        labels[place - 1] if place % 3 == 0 else label for place, label in enumerate(labels)
    ]
    shuffled = table.sample(frac=1, random_state=1)[["id", "said"]]
    found = scored(task, shuffled.rename(columns={"said": "label"}), tmp_path / "p.csv")
    expected = [
        f1_score(part["label"], part["said"], average="macro", labels=part["label"].unique())
        for _, part in table.groupby("fold")
    ]
    assert len(set(expected)) > 1
    assert found == pytest.approx(tuple(expected), abs=1e-12)


def test_a_fold_without_a_match_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = build_toy(tmp_path, "matching", n=120, images=False)
    train = read_train(task)
    folds = np.where(train["label"] == 1, 0, 3).astype(np.int32)
    monkeypatch.setattr(fold_scores, "_fold_of_rows", lambda task: folds)
    with pytest.raises(TaskError) as refused:
        scored(task, train[["id", "label"]], tmp_path / "p.csv")
    (fault,) = refused.value.faults
    assert "fold 3: f1 is undefined: no pair here is a match" in str(fault)
