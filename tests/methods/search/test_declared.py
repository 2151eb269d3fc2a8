"""A trial in its own process: what a method declares, and what it predicts out of fold."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from challenge.errors import ChallengeError, WrongUse
from challenge.methods import resolve_method
from challenge.methods.builtin.linear import Linear
from challenge.methods.protocol import silent
from challenge.methods.run.cell import predict_out_of_fold
from challenge.methods.search import KeptTrials, Trial, read_space, run_trial
from challenge.methods.search.declared import Declared
from challenge.methods.space import Choice, Float, Integer, Space
from challenge.task import Task
from challenge.task.frames import read_folds, read_train
from tests.toy import build_toy
from tests.waiting import at_most

MINE = """
import os
import pandas as pd
from challenge.methods.space import Choice, Float, Integer

class Mine:
    space = {"share": Float(0, 1), "way": Choice(("plain", "burst", "die"))}

    def __init__(self, *, share=0.5, way="plain", seed=0):
        self.share, self.way = share, way

    def fit(self, train, task):
        if self.way == "burst":
            raise ValueError("no way")
        if self.way == "die":
            os._exit(7)
        self.task, self.seen = task, set(train["id"])

    def predict(self, test):
        assert "label" not in test and not self.seen & set(test["id"])
        return pd.DataFrame({"id": test["id"], "label": self.task.classes[0]})

class Silent(Mine):
    space = None

class Strange(Mine):
    space = {"shar": Float(0, 1)}

class ByTask(Mine):
    @staticmethod
    def space(task):
        return {"share": Float(0, len(task.classes))}

class Off(Mine):
    space = {"share": Float(0.6, 1)}

def tree(*, depth=3, seed=0):
    from sklearn.tree import DecisionTreeClassifier
    return DecisionTreeClassifier(max_depth=depth)

tree.space = {"depth": Integer(1, 9)}
"""


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return build_toy(tmp_path_factory.mktemp("tuning"), n=100, images=False)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mine") / "mine.py"
    path.write_text(MINE)
    return path


@pytest.mark.slow
def test_a_method_says_what_a_search_may_choose(task: Task, file: Path) -> None:
    declared = read_space(resolve_method(f"{file}:Mine"), task)
    assert declared.space == {"share": Float(0, 1), "way": Choice(("plain", "burst", "die"))}
    assert declared.defaults == {"share": 0.5, "way": "plain"}
    by_task = read_space(resolve_method(f"{file}:ByTask"), task)
    assert by_task.space == {"share": Float(0, 3)}
    tree = read_space(resolve_method(f"{file}:tree"), task)
    assert (tree.space, tree.defaults) == ({"depth": Integer(1, 9)}, {"depth": 3})
    off = read_space(resolve_method(f"{file}:Off"), task)
    assert off.defaults == {}, "its own option lies outside of what it declares"


@pytest.mark.parametrize(
    ("name", "found"),
    [("Silent", "no options that a search may choose"), ("Strange", "does not take (first: shar)")],
)
def test_a_method_without_a_space_is_refused(task: Task, file: Path, name: str, found: str) -> None:
    with pytest.raises(WrongUse) as refused:
        read_space(resolve_method(f"{file}:{name}"), task)
    assert found in str(refused.value) and "fix: " in str(refused.value)


@pytest.mark.parametrize(
    ("defaults", "low"),
    [("{}", "-1e308"), ('{"share": 0.5}', "0"), ("{}", "0"), ('{"share": 1e400}', "0")],
)
def test_a_forged_declaration_is_a_fault_or_a_space(
    task: Task, tmp_path: Path, defaults: str, low: str
) -> None:
    ends = f'"low": {low}, "high": {"1e308" if low != "0" else "1"}'
    answer = (
        f'{{"space": {{"share": {{"type": "float", {ends}, "log": false}},'
        f' "other": {{"type": "choice", "values": [1, 2]}}}}, "defaults": {defaults}}}'
    )
    (file := tmp_path / "forged.py").write_text(
        "import os\nfrom pathlib import Path\n"
        f"Path(os.environ['HOME'], 'result.json').write_text({answer!r})\nos._exit(0)\n"
    )
    source = resolve_method(f"{file}:Mine")
    if (defaults, low) == ("{}", "0"):
        assert read_space(source, task).defaults == {}
        return
    with pytest.raises(ChallengeError) as refused:
        read_space(source, task)
    assert refused.value.faults[0].code == "answer-invalid"


def test_every_row_is_predicted_by_a_method_that_has_not_seen_it(task: Task, file: Path) -> None:
    found = predict_out_of_fold(resolve_method(f"{file}:Mine"), task, {}, silent)
    assert sorted(found["id"]) == sorted(read_train(task)["id"])


def test_a_trial_that_raises_or_dies_is_reported(task: Task, file: Path) -> None:
    source = resolve_method(f"{file}:Mine")
    for way, text in (("burst", "ValueError: no way"), ("die", "exit code 7")):
        with pytest.raises(ChallengeError, match=text):
            run_trial(source, task, {"way": way}, seed=0, threads=1)


@pytest.mark.parametrize("kind", ["classification", "matching"])
def test_linear_predicts_out_of_fold_after_one_fit(kind: str, tmp_path: Path) -> None:
    task = build_toy(tmp_path, kind, n=150, images=False)
    train = read_train(task)
    method = Linear(strength=0.3, balance=0.5)
    method.fit(train, task)
    found = method.predict_out_of_fold()
    # A model that knew a fold's rows would say something else of them.
    folds = read_folds(task)
    outside = train[train["id"].map(dict(zip(folds["id"], folds["fold"], strict=True))) == 0]
    column = "score" if kind == "matching" else task.classes[0]
    seen = method.predict(outside.drop(columns="label")).set_index("id")[column]
    unseen = found.set_index("id")[column][seen.index]
    assert list(found["id"]) == list(train["id"])
    assert not (seen - unseen).abs().max() < 1e-3
    if kind == "matching":
        assert set(found["label"]) == {0, 1}
    assert set(Linear.space(task)) <= {"strength", "balance", "ngrams", "text_weight"}


def test_trials_are_kept_up_to_the_first_that_is_damaged(task: Task, file: Path) -> None:
    source = resolve_method(f"{file}:Mine")
    declared = read_space(source, task)
    store = KeptTrials.of(task, source, declared, 0, 1)
    trials = [
        Trial(1, {"share": 0.5, "way": "plain"}, (0.25, 0.5), 1.5, "", {"log_loss": None}),
        Trial(2, {"share": 1.0, "way": "burst"}, (), 0.5, "ValueError: no way"),
        Trial(3, {"share": 0.0, "way": "plain"}, (0.25, 0.75), 1.0),
    ]
    for trial in trials:
        store.keep(trial)
    assert store.read() == trials
    assert KeptTrials.of(task, source, declared, 1, 1).read() == [], "another seed is another"
    (store.folder / "trial-0002.json").write_text('{"format": 1')
    assert store.read() == trials[:1]
    assert [trial.failed for trial in trials] == [False, True, False]


GOOD_TRIAL: dict[str, object] = {
    "format": 1,
    "number": 1,
    "options": {"share": 0.5, "way": "plain"},
    "fold_scores": [0.25, 0.5],
    "seconds": 1.5,
    "reason": "",
    "figures": {},
}


@pytest.fixture
def store(task: Task, file: Path) -> Iterator[KeptTrials]:
    source = resolve_method(f"{file}:Mine")
    space: Space = {"share": Float(0, 1), "way": Choice(("plain", "burst", "die"))}
    store = KeptTrials.of(task, source, Declared(space), 7, 1)
    store.folder.mkdir(parents=True)
    yield store
    shutil.rmtree(store.folder)


@pytest.mark.parametrize(
    "fields",
    [
        {"number": 2},
        {"number": "1"},
        {"fold_scores": ["0.5"]},
        {"fold_scores": [10**400]},
        {"fold_scores": 1},
        {"options": []},
        {"options": {"share": 0.5}},
        {"options": {"share": 7.0, "way": "plain"}},
        {"options": {"share": 0.5, "way": "plain", "other": 1}},
        {"seconds": "1"},
        {"reason": 5},
        {"figures": {"log_loss": "x"}},
        {"extra": 1},
    ],
)
def test_a_forged_kept_trial_is_not_read(store: KeptTrials, fields: dict[str, object]) -> None:
    path = store.folder / "trial-0001.json"
    path.write_text(json.dumps(GOOD_TRIAL))
    assert [trial.number for trial in store.read()] == [1]
    path.write_text(json.dumps({**GOOD_TRIAL, **fields}))
    assert store.read() == []


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"[]", b"[" * 100_000])
def test_damaged_bytes_are_no_kept_trial(store: KeptTrials, data: bytes) -> None:
    (store.folder / "trial-0001.json").write_bytes(data)
    assert store.read() == []


@pytest.mark.parametrize("way", ["symlink", "hard link", "pipe", "large"])
def test_only_a_plain_file_is_a_kept_trial(store: KeptTrials, tmp_path: Path, way: str) -> None:
    (outside := tmp_path / "outside.json").write_text(json.dumps(GOOD_TRIAL))
    path = store.folder / "trial-0001.json"
    if way == "symlink":
        path.symlink_to(outside)
    elif way == "hard link":
        path.hardlink_to(outside)
    elif way == "pipe":
        os.mkfifo(path)
    else:
        path.write_text(" " * (2 << 20) + json.dumps(GOOD_TRIAL))
    with at_most(10):
        assert store.read() == []


def test_a_long_reason_is_kept_in_part(store: KeptTrials) -> None:
    options: dict[str, str | int | float | bool] = {"share": 0.5, "way": "burst"}
    store.keep(Trial(1, options, (), 0.5, "x" * 5000))
    (trial,) = store.read()
    assert trial.failed and trial.reason == "x" * 2000
