"""What the Python API refuses: with what was given, what is expected, and a fix in Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import challenge as ch
from tests.api.constant import constant

ANY: Any = ch
"""The package for calls that are wrong on purpose."""
BROKEN = """\
class Broken:

    def fit(self, train, task):
        print("fitting")
        self.x = train["nosuch"]

    def predict(self, test):
        return None
"""


def test_what_is_no_folder_and_no_address_does_not_mean_the_challenge_around(
    task: ch.LoadedTask, root: Path
) -> None:
    for where, code in (("ftp://x", "server-url"), ("nosuch", "no-folder"), ("", "wrong-argument")):
        with pytest.raises(ch.WrongUse) as refused:
            ch.Board(where)
        assert refused.value.faults[0].code == code
        with pytest.raises(ch.WrongUse) as refused:
            ch.load_task("parcels", start=where)
        assert refused.value.faults[0].code in ("no-folder", "wrong-argument")
    with pytest.raises(ch.WrongUse) as refused:
        ch.load_task("ftp://x/tasks/parcels")
    assert refused.value.faults[0].code == "server-url"
    assert repr(ch.Board("datasets")) == repr(ch.Board(root)), "a folder may look upwards"


def test_a_board_without_a_challenge_is_named_in_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for call in (ch.Board, lambda: ch.compare(1, 2)):
        with pytest.raises(ch.WrongUse) as refused:
            call()
        (fault,) = refused.value.faults
        assert fault.code == "no-challenge" and "Board(FOLDER)" in fault.fix


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_missing_probabilities_are_counted_whether_all_or_some(
    task: ch.LoadedTask, share: float
) -> None:
    n = round(share * len(task.test))
    frame = task.test[["id"]].assign(**dict.fromkeys(task.classes, 1 / len(task.classes)))
    frame.loc[: n - 1, task.classes[0]] = np.nan
    (fault,) = task.check(frame).faults
    assert (fault.code, fault.n) == ("number-empty", n)


@pytest.mark.slow
def test_a_lazy_frame_is_to_be_collected(task: ch.LoadedTask) -> None:
    import polars as pl

    report = task.check(pl.from_pandas(constant(task, task.test)).lazy())
    assert [fault.fix for fault in report.faults] == ["add .collect()"]


@pytest.mark.parametrize("isolation", ["none", None])
def test_an_error_names_the_line_of_the_participants_file(
    task: ch.LoadedTask, tmp_path: Path, isolation: Any
) -> None:
    (tmp_path / "mine.py").write_text(BROKEN)
    with pytest.raises(ch.ChallengeError) as raised:
        ch.run(f"{tmp_path / 'mine.py'}:Broken", task, isolation=isolation)
    (fault,) = raised.value.faults
    assert fault.found == "KeyError: 'nosuch' (mine.py, line 5: self.x = train[\"nosuch\"])"
    assert fault.fix == "fix the method; the last lines it printed: fitting"
    (tmp_path / "mine.py").write_text("class Broken:\n    def fit(self:\n")
    with pytest.raises(ch.ChallengeError) as raised:
        ch.run(f"{tmp_path / 'mine.py'}:Broken", task, isolation=isolation)
    assert "(mine.py, line 2: def fit(self:)" in raised.value.faults[0].found


def test_a_missing_image_says_so(task: ch.LoadedTask) -> None:
    with pytest.raises(ch.WrongUse) as refused:
        task.images.open(float("nan"))  # type: ignore[arg-type]
    assert refused.value.faults[0].code == "image-value"


def test_an_image_that_the_task_does_not_have_says_so(task: ch.LoadedTask) -> None:
    with pytest.raises(ch.WrongUse) as refused:
        task.images.open("nosuch.png")
    (fault,) = refused.value.faults
    assert fault.code == "image-value" and "'nosuch.png'" in fault.found


@pytest.mark.parametrize(
    ("where", "call"),
    [
        ("the task", lambda task: ANY.load_task(5)),
        ("the task", lambda task: ANY.load_task(None)),
        ("the task", lambda task: ANY.load_task(["parcels"])),
        ("the task", lambda task: ANY.load_task("")),
        ("start", lambda task: ANY.load_task("parcels", start=3)),
        ("the board", lambda task: ANY.Board(3)),
        ("the track", lambda task: ANY.Board().track(3)),
        ("the task", lambda task: ANY.Board().task(3)),
        ("team", lambda task: ANY.Board().submissions(team=3)),
        ("method", lambda task: ANY.Board().submit(task, [], method=3)),
        ("method", lambda task: ANY.Board().submit(task, [], method="")),
        ("note", lambda task: ANY.Board().submit(task, [], method="m", note=3)),
        ("team", lambda task: ANY.Board().submit(task, [], method="m", team=3)),
        ("the task", lambda task: ANY.Board().submit(3, [], method="m")),
        ("the task", lambda task: ANY.run("majority", 3)),
        ("cv", lambda task: ANY.run("majority", task, cv=5)),
        ("cv", lambda task: ANY.run("majority", task, cv=1)),
        ("cv", lambda task: ANY.run("majority", task, cv=None)),
        ("to", lambda task: ANY.run("majority", task, to=3)),
        ("seed", lambda task: ANY.run("majority", task, seed=True)),
        ("threads", lambda task: ANY.run("majority", task, threads="2")),
        ("preset", lambda task: ANY.run("majority", task, preset=2)),
        ("time_limit", lambda task: ANY.run("majority", task, time_limit=True)),
        ("isolation", lambda task: ANY.run("majority", task, isolation="docker")),
        ("earlier", lambda task: ANY.run("majority", task, earlier=3)),
        ("progress", lambda task: ANY.run("majority", task, progress=True)),
        ("on", lambda task: task.check([], on="tset")),
        ("task", lambda task: ANY.compare([], [], task="parcels")),
    ],
)
def test_an_argument_of_another_type_is_refused_in_four_parts(
    task: ch.LoadedTask, where: str, call: Any
) -> None:
    before = sorted(Path().iterdir())
    with pytest.raises(ch.WrongUse) as refused:
        call(task)
    (fault,) = refused.value.faults
    assert (fault.code, fault.where) == ("wrong-argument", where)
    assert fault.found and fault.expected and fault.fix
    assert sorted(Path().iterdir()) == before
    if where == "cv":
        assert "the folds are those of the task" in fault.fix


def test_an_estimator_of_numbers_is_told_which_columns_are_none(task: ch.LoadedTask) -> None:
    from sklearn.linear_model import LogisticRegression

    with pytest.raises(ch.ChallengeError) as refused:
        ch.run(LogisticRegression(), task)
    (fault,) = refused.value.faults
    assert (fault.code, fault.where) == ("estimator-columns", "method LogisticRegression")
    assert "could not convert string to float" in fault.found
    assert fault.found.endswith("columns that are not numbers: words, colour, image")
    assert "ColumnTransformer" in fault.expected


def test_fixes_in_python_are_calls_and_no_options_of_the_shell(
    task: ch.LoadedTask, tmp_path: Path
) -> None:
    calls: list[tuple[str, Any]] = [
        ("score-on", lambda: task.score([], on="test")),
        ("no-earlier", lambda: ch.run("majority", task, earlier=tmp_path)),
        ("unknown-track", lambda: ch.Board().track("clasification")),
        ("unknown-track", lambda: ch.Board().track("x")),
        ("unknown-task", lambda: ch.Board().task("x")),
        ("team-missing", lambda: ch.Board().submit(task, constant(task, task.test), method="m")),
    ]
    fixes = []
    for code, call in calls:
        with pytest.raises(ch.WrongUse) as refused:
            call()
        for fault in refused.value.faults:
            assert fault.code == code
            assert "--" not in str(fault) and "challenge.toml" not in str(fault)
            fixes.append(fault.fix)
    assert "did you mean 'classification'?" in fixes and "name one of these" in fixes
    assert f"run(METHOD, 'parcels', to={str(tmp_path)!r}, cv=True)" in fixes


def test_numbers_of_numpy_are_numbers(task: ch.LoadedTask) -> None:
    seed: Any = np.int64(1)
    assert ANY.run("majority", task, seed=seed, threads=seed, time_limit=np.float32(60)).file
