"""The reference entry for upgrades: it keeps what an earlier run had right."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import challenge
from challenge.api.local_runs import earlier_folders
from challenge.errors import ChallengeError, WrongUse
from challenge.methods import resolve_method
from challenge.methods.builtin.autogluon_pc import AutoGluonPC
from challenge.methods.earlier import OUT_OF_FOLD
from challenge.methods.run.runner import Options, cell_key
from challenge.task import Task
from challenge.task.frames import read_test, read_train
from tests.toy import build_toy


def earlier_run(task: Task, to: Path, method: str = "linear") -> Path:
    """Run a method as an earlier entry; return the folder of its files."""
    for cv in (False, True):
        challenge.run(method, task.public, cv=cv, to=to, threads=1)
    return to / task.id


def test_without_an_earlier_run_it_says_how_to_make_one() -> None:
    with pytest.raises(WrongUse, match="add --earlier DIR"):
        AutoGluonPC()


def test_a_missing_file_of_an_earlier_run_is_named_with_the_command(tmp_path: Path) -> None:
    task = build_toy(tmp_path, n=60, images=False)
    with pytest.raises(WrongUse) as caught:
        challenge.run("autogluon-pc", task.public, earlier=tmp_path / "old")
    assert [fault.code for fault in caught.value.faults] == ["no-earlier"] * 2
    assert str(tmp_path / "old" / task.id / "predictions.parquet") in str(caught.value)
    assert f"run(METHOD, {task.id!r}, to={str(tmp_path / 'old')!r}, cv=True)" in str(caught.value)
    with pytest.raises(WrongUse, match=f"--task {task.id} --to {tmp_path / 'old'} --cv"):
        earlier_folders(tmp_path / "old", [task])


def test_a_faulty_file_of_an_earlier_run_is_refused_before_anything_trains(tmp_path: Path) -> None:
    task = build_toy(tmp_path, n=60, images=False)
    folder = earlier_run(task, tmp_path / "old", "trivial")
    file = folder / OUT_OF_FOLD
    pd.read_parquet(file).iloc[1:].to_parquet(file, index=False)
    with pytest.raises(WrongUse, match=r"1 of .* ids"):
        challenge.run("autogluon-pc", task.public, earlier=tmp_path / "old")


def test_the_key_of_a_cell_covers_the_files_of_the_earlier_run(tmp_path: Path) -> None:
    task = build_toy(tmp_path, n=60, images=False)
    folder = earlier_run(task, tmp_path / "old", "trivial")
    source, options = resolve_method("autogluon-pc"), Options(earlier=folder)
    before = cell_key(source, task, options)
    assert before != cell_key(source, task, replace(options, earlier=None))
    moved = folder.rename(tmp_path / "moved")
    assert cell_key(source, task, Options(earlier=moved)) == before
    (moved / OUT_OF_FOLD).write_bytes(b"other")
    assert cell_key(source, task, Options(earlier=moved)) != before


@pytest.mark.slow
@pytest.mark.baseline
@pytest.mark.parametrize("kind", ["classification", "matching"])
def test_it_reports_the_flips_without_and_with_the_earlier_run(kind: str, tmp_path: Path) -> None:
    task = build_toy(tmp_path, kind, n=120, images=False)
    folder = earlier_run(task, tmp_path / "old")
    method = AutoGluonPC(threads=1, preset="fast", earlier=str(folder))
    method.fit(read_train(task), task)
    report: Any = method.details["out_of_fold_upgrade"]
    flips, score = report["negative_flip_rate"], report["score"]
    assert flips["after"] <= flips["before"]
    assert score["after"] >= score["before"]
    assert f"{method.details['weight_of_earlier']:.0%} earlier" in method.summary
    assert len(method.predict(read_test(task))) == task.n_test
    assert len(method.predict_out_of_fold()) == task.n_train


@pytest.mark.slow
@pytest.mark.baseline
def test_labels_alone_cannot_be_blended(tmp_path: Path) -> None:
    task = build_toy(tmp_path, n=60, images=False)
    folder = earlier_run(task, tmp_path / "old", "trivial")
    train = read_train(task)
    train[["id", "label"]].to_parquet(folder / OUT_OF_FOLD, index=False)
    with pytest.raises(WrongUse, match="labels only"):
        AutoGluonPC(threads=1, preset="fast", earlier=str(folder)).fit(train, task)


@pytest.mark.baseline
def test_numbers_have_no_flips(tmp_path: Path) -> None:
    task = build_toy(tmp_path, "regression", n=60, images=False)
    with pytest.raises(ChallengeError, match="neither right nor wrong"):
        AutoGluonPC(threads=1, preset="fast", earlier=str(tmp_path)).fit(read_train(task), task)
