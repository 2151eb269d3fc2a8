"""The command that searches options, on toys."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest

from challenge.task import Task
from tests.cli.shell import refused, shell
from tests.toy import build_toy

MINE = """
import pandas as pd
from beside import sure_of
from challenge.methods.space import Choice, Float

class Mine:
    space = {"share": Float(0, 1), "way": Choice(("<i>", "fail"))}

    def __init__(self, *, share=0.3, way="<i>", seed=0):
        self.share, self.way = share, way

    def fit(self, train, task):
        if self.way == "fail":
            raise ValueError("<script>")
        self.task = task

    def predict(self, test):
        sure = sure_of(test, self.share)
        first, second = self.task.classes[:2]
        return pd.DataFrame({"id": test["id"], "label": [first if s else second for s in sure]})
"""


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    root = tmp_path_factory.mktemp("tune")
    (root / "mine.py").write_text(MINE)
    (root / "beside.py").write_text(
        "def sure_of(test, share): return test['count'].fillna(0) < 9 * share\n"
    )
    return build_toy(root, n=100, images=False)


def tune(task: Task, *words: str) -> Any:
    root = task.folder.parents[1]
    return shell(root, "tune", *words, "--task", str(task.folder), "--threads", "1")


def test_without_the_sampler_the_extra_is_named(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    refused(tune(task, "linear"), 3, "optuna is not installed", "multimodal-challenge[tune]")


def test_an_unknown_rule_gets_the_nearest(task: Task) -> None:
    refused(tune(task, "linear", "--stop", "regrets"), 2, "did you mean 'regret'?")


@pytest.mark.slow
def test_a_search_ends_in_a_file_that_runs(task: Task, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    root = task.folder.parents[1]
    words = (f"{root / 'mine.py'}:Mine", "--to", str(tmp_path), "--stop", "none", "--trials")
    done = tune(task, *words, "6")
    assert done.code == 0, done.err
    assert "macro_f1" in done.out and "against its defaults" in done.out
    assert "6 of 6 trials" in done.out

    folder = tmp_path / task.id
    document = json.loads((folder / "tuning.json").read_text())
    assert document["trials"][0]["options"] == {"share": 0.3, "way": "<i>"}
    assert document["would_stop"] == {"regret": None, "stagnation": None}
    assert len(document["best"]["fold_scores"]) == 5
    assert any(
        str(trial["reason"]).startswith("ValueError: <script>") for trial in document["trials"]
    )

    page = (folder / "tuning.html").read_text()
    assert "<script" not in page and "&lt;script&gt;" in page and "&lt;i&gt;" in page
    assert not re.search(r"(src|href)=", page)

    # More trials go on from those that were kept, and answer as JSON.
    taken = tune(task, *words, "7", "--json")
    assert taken.code == 2 and taken.fault() == "output-exists"
    words = (words[0], "--to", str(tmp_path / "more"), *words[3:])
    more = tune(task, *words, "7", "--json")
    assert more.code == 0 and "6 trials kept" in more.err
    (found,) = more.json()["searches"]
    assert found["trials"][:6] == document["trials"] and len(found["trials"]) == 7

    run = shell(root, "run", f"{folder / 'tuned.py'}:tuned", "--task", str(task.folder))
    assert run.code == 0, run.err
    share = json.loads((folder / "tuning.json").read_text())["best"]["options"]["share"]
    assert f"share={share!r}" in (folder / "tuned.py").read_text()


@pytest.mark.slow
def test_a_method_without_a_space_is_refused_by_the_command(task: Task) -> None:
    pytest.importorskip("optuna")
    refused(tune(task, "majority"), 2, "method majority", "a class attribute `space`")
