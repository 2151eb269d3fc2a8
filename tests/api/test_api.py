"""The Python API gives what the commands give, from public data, and refuses as they do."""

from __future__ import annotations

import ast
import inspect
import json
import re
import shutil
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.dummy import DummyClassifier

import challenge as ch
from tests.api.constant import Constant, constant
from tests.cli.shell import shell

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The contest of a newcomer: what `challenge init` writes, converted."""
    root = tmp_path_factory.mktemp("first") / "contest"
    # The Python calls have no clock of their own, so the contest must run today.
    today = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert shell(root.parent, "init", str(root), now=today).code == 0
    assert shell(root, "convert", "parcels").code == 0
    assert shell(root, "export", "parcels", "--to", str(root / "parcels.zip")).code == 0
    return root


@pytest.fixture
def newcomer(first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that contest, as the working directory."""
    root = shutil.copytree(first, tmp_path / "contest")
    monkeypatch.setenv("CHALLENGE_CACHE", str(root / "downloads"))
    monkeypatch.chdir(root)
    return root


def test_dir_has_every_public_name_and_each_has_a_docstring() -> None:
    assert dir(ch) == sorted(ch.__all__)
    for name in set(dir(ch)) - {"__version__"}:
        found = getattr(ch, name)
        assert inspect.getdoc(found), name
        assert f"`{name}" in PAGE or f"## {name}" in PAGE or name == "LoadedTask" or name in PAGE


def test_public_functions_have_numpydoc_sections() -> None:
    for found in (ch.load_task, ch.run, ch.compare, ch.LoadedTask.score, ch.Board.submit):
        text = inspect.getdoc(found) or ""
        assert "Parameters\n----------" in text and "Raises\n------" in text
        for name in set(inspect.signature(found).parameters) - {"self"}:
            assert re.search(rf"\b{name}\b", text), f"{found.__name__}: {name}"


def test_the_import_loads_no_heavy_library() -> None:
    code = (
        "import sys, challenge; dir(challenge); "
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"pandas", "sklearn", "pyarrow", "scipy", "numpy", "sqlalchemy", "pydantic", "typer"}
    assert not heavy & set(done.stdout.split())


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'lode_task'"):
        ch.lode_task  # noqa: B018


def test_a_folder_and_a_zip_are_the_same_task(task: ch.LoadedTask, root: Path) -> None:
    zipped = ch.load_task(root / "parcels.zip")
    again = ch.load_task("parcels.zip")
    assert zipped.task.data_digest == task.task.data_digest
    assert zipped.task.public == again.task.public, "unpacked once"
    assert not zipped.task.private.exists()
    assert zipped.train.equals(ch.load_task(task.task.public).train)


def test_a_zip_that_is_no_export_is_refused_in_four_parts(root: Path, tmp_path: Path) -> None:
    import zipfile

    for name, content in (("none.zip", None), ("other.zip", "a/b.txt"), ("out.zip", "../x/y")):
        path = tmp_path / name
        path.write_bytes(b"no zip")
        if content is not None:
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr(content, "x")
        with pytest.raises(ch.WrongUse) as refused:
            ch.load_task(path)
        assert refused.value.faults[0].code == "zip-of-task"


def test_an_address_without_a_task_is_refused() -> None:
    with pytest.raises(ch.WrongUse) as refused:
        ch.load_task("https://challenge.example.org")
    assert refused.value.faults[0].code == "task-address"


def test_text_and_html_show_sizes_columns_and_thumbnails_but_no_markup_of_the_data(
    task: ch.LoadedTask,
) -> None:
    assert f"train {task.task.n_train} rows" in repr(task)
    html = task._repr_html_()
    assert html.count("data:image/png;base64,") == 5
    task.train.loc[0, "words"] = "<script>alert(1)</script>"
    assert "<script>" not in task._repr_html_()


def test_a_check_has_the_faults_of_the_shell_as_objects_and_as_a_table(
    task: ch.LoadedTask, root: Path
) -> None:
    good = constant(task, task.test)
    assert task.check(good) and task.check(good).form == "labels"
    bad = good.iloc[3:].assign(label="no class")
    report = task.check(bad)
    assert not report
    bad.to_csv(root / "bad.csv", index=False)
    answer = shell(root, "check", "parcels", str(root / "bad.csv"), "--json")
    assert [one["code"] for one in answer.json()["faults"]] == [f.code for f in report.faults]
    assert report.to_frame()["code"].tolist() == [fault.code for fault in report.faults]
    assert "fix: " in repr(report) and "<script" not in report._repr_html_()
    with pytest.raises(ch.ChallengeError):
        report.raise_faults()


@pytest.mark.parametrize("form", ["pandas", "arrow", "dict", "series", "array", "list", "file"])
def test_every_form_of_the_same_predictions_has_the_same_score(
    task: ch.LoadedTask, form: str, tmp_path: Path
) -> None:
    frame = constant(task, task.train)
    frame.loc[::3, "label"] = task.train["label"][::3].astype(str)
    path = tmp_path / "out.csv"
    frame.to_csv(path, index=False)
    given = {
        "pandas": frame,
        "arrow": pa.Table.from_pandas(frame),
        "dict": frame.to_dict("list"),
        "series": frame["label"],
        "array": frame["label"].to_numpy(),
        "list": frame["label"].tolist(),
        "file": str(path),
    }
    found = task.score(given[form])
    expected = json.loads(
        shell(Path.cwd(), "score", "--on", "folds", "parcels", str(path), "--json").out
    )
    assert found.metrics["macro_f1"].as_json() == expected["metrics"]["macro_f1"]
    assert found.to_frame().loc["macro_f1", "low"] == found.primary.low
    assert "macro_f1 *: " in repr(found)
    assert re.fullmatch(r"macro_f1: \.\d+ \[\.\d+, \.\d+\]", repr(found.primary))


def test_an_array_of_a_column_for_each_class_is_probabilities(task: ch.LoadedTask) -> None:
    rows = np.full((len(task.test), len(task.classes)), 1 / len(task.classes))
    assert task.check(rows).form == "probabilities"
    faults = task.check(rows[:, :-1]).faults
    assert "whose columns have no names" in faults[0].found


def test_test_rows_are_not_scored_here(task: ch.LoadedTask) -> None:
    for on in ("test", "private", "all"):
        with pytest.raises(ch.WrongUse) as refused:
            task.score(constant(task, task.train), on=on)
        assert refused.value.faults[0].code == "score-on"


def test_scoring_reads_nothing_private(root: Path, task: ch.LoadedTask) -> None:
    hidden = task.task.private.with_name("hidden")
    task.task.private.rename(hidden)
    try:
        assert task.score(constant(task, task.train)).primary.value is not None
    finally:
        hidden.rename(task.task.private)


@pytest.mark.parametrize("method", [Constant, Constant(), DummyClassifier()])
def test_objects_and_estimators_run(task: ch.LoadedTask, method: Any) -> None:
    run = ch.run(method, task, cv=True)
    assert run.score is not None and run.predictions["id"].nunique() == len(task.train)
    assert task.score(run.file).primary == run.score.primary
    assert task.check(ch.run(method, task).file)


def test_each_fold_is_predicted_by_a_copy_that_did_not_see_it(task: ch.LoadedTask) -> None:
    class Memory:
        seen: set[str] = set()

        def fit(self, train: pd.DataFrame, task: Any) -> None:
            self.seen = self.seen | set(train["id"])

        def predict(self, test: pd.DataFrame) -> pd.DataFrame:
            assert not self.seen & set(test["id"])
            return test[["id"]].assign(label="class 0")

    assert ch.run(Memory(), task, cv=True).score is not None


def test_a_kept_file_is_not_replaced(task: ch.LoadedTask, tmp_path: Path) -> None:
    run = ch.run(Constant, task, cv=True, to=tmp_path)
    assert run.file == tmp_path / "parcels" / "out-of-fold.parquet"
    with pytest.raises(ch.WrongUse) as refused:
        ch.run(Constant, task, cv=True, to=tmp_path)
    assert refused.value.faults[0].code == "output-exists"


def test_two_runs_are_compared_and_two_tasks_are_not(task: ch.LoadedTask) -> None:
    frame = constant(task, task.train)
    best = frame.assign(label=task.train["label"].astype(str).to_numpy())
    found = ch.compare(best, frame, task=task)
    assert found.verdict.startswith("Significantly better is a,")
    assert float(found.to_frame()["low"].loc["macro_f1"]) > 0
    with pytest.raises(ch.WrongUse) as refused:
        ch.compare(frame, best)
    assert refused.value.faults[0].code == "two-tasks"
    one, two = ch.run(Constant, task, cv=True), ch.run("majority", task, cv=True)
    assert repr(ch.compare(one, two)).splitlines()[:2] == ["a: Constant", "b: majority"]
    assert "a: Constant" in ch.compare(one, two)._repr_html_()
    of_test = ch.run(Constant, task)
    for sides, name in (((one, of_test), "b"), ((of_test, two), "a")):
        with pytest.raises(ch.WrongUse) as refused:
            ch.compare(*sides)
        (fault,) = refused.value.faults
        assert (fault.code, fault.where) == ("run-of-test", name)
        assert "cv=True" in fault.fix


def test_submissions_are_compared_by_the_ids_of_their_table(task: ch.LoadedTask) -> None:
    board = ch.Board(".")
    for n, team in enumerate(("Owls", "Foxes")):
        frame = constant(task, task.test).assign(label=task.classes[n])
        board.submit(task, frame, method="constant", team=team)
    first, second = board.submissions()["id"]
    found = ch.compare(first, second, board=board)
    assert repr(found).splitlines()[0].startswith(f"a: submission {first}")


def test_a_board_is_that_of_the_shell(task: ch.LoadedTask, root: Path) -> None:
    board = ch.Board(".")
    with pytest.raises(ch.WrongUse) as refused:
        board.submit(task, constant(task, task.test), method="constant")
    assert refused.value.faults[0].code == "team-missing"
    receipt = board.submit("parcels", constant(task, task.test), method="constant", team="Owls")
    assert receipt.document["team"] == "Owls" and str(receipt.rank).endswith("of 1")
    with pytest.raises(ch.SubmissionError):
        board.submit(task, constant(task, task.test).iloc[1:], method="constant", team="Owls")
    shown = shell(root, "leaderboard", "--json").json()["tracks"][0]
    frame = board.track("classification").to_frame()
    assert frame["team"].tolist() == [row["team"] for row in shown["rows"]]
    assert frame["value"].tolist() == [row["value"] for row in shown["rows"]]
    assert board.task("parcels").to_frame()["rank"].tolist() == [1]
    assert board.submissions(team="Owls")["method"].tolist() == ["constant"]
    with pytest.raises(ch.WrongUse):
        board.track("clasification")


def run_code(code: str, names: dict[str, Any]) -> None:
    exec(compile(ast.parse(code), "<block>", "exec"), names)


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_cell_by_cell(notebook: Path, newcomer: Path) -> None:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    names: dict[str, Any] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            run_code("".join(cell["source"]), names)
    assert "task" in names


@pytest.mark.slow
def test_the_participant_needs_the_zip_alone(
    newcomer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (newcomer / "parcels.zip").rename(folder / "parcels.zip")
    monkeypatch.chdir(folder)
    assert ch.load_task("parcels").id == ch.load_task("parcels.zip").id == "parcels"
    with pytest.raises(ch.WrongUse) as refused:
        ch.load_task("parcel.zip")
    (fault,) = refused.value.faults
    assert (fault.code, fault.fix) == ("no-such-task", "did you mean 'parcels.zip'?")


@pytest.mark.slow
def test_the_blocks_of_the_page_run_as_they_are(newcomer: Path) -> None:
    names: dict[str, Any] = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE, re.S):
        run_code(code, names)
    assert not names["report"].ok


def test_a_frame_gets_every_fault_that_its_file_would_get(
    task: ch.LoadedTask, tmp_path: Path
) -> None:
    frame = constant(task, task.test).iloc[2:]
    frame = frame.assign(label=frame["label"].where(frame.index != 2), other=1.0)
    frame.to_csv(tmp_path / "frame.csv", index=False)
    found = {fault.code for fault in task.check(frame).faults}
    assert found == {fault.code for fault in task.check(tmp_path / "frame.csv").faults}
    assert len(found) >= 3


def test_a_kind_equals_its_name(task: ch.LoadedTask) -> None:
    assert task.task.kind == "classification" == task.kind
    assert task.task.kind != "regression"
    assert len({task.task.kind, "classification"}) == 1


def test_standings_begin_with_what_a_reader_looks_for(task: ch.LoadedTask) -> None:
    board = ch.Board(".")
    board.submit(task, constant(task, task.test), method="constant", team="Owls")
    columns = list(board.track("classification").to_frame().columns)
    assert columns[:6] == ["rank", "team", "value", "low", "high", "tied_first"]
