"""Files of beginners: names of known modules, helpers beside them, threads that they leave over."""

from __future__ import annotations

from pathlib import Path

import pytest

from challenge.errors import ChallengeError
from challenge.methods import resolve_method, run_method
from challenge.methods.run.sandbox import sandbox_fault
from challenge.task import Task
from tests.toy import build_toy

pytestmark = pytest.mark.slow

CODE = """
import threading, time
{extra}
class Mine:
    def fit(self, train, task):
        self.label = {label}
        {fit}
    def predict(self, test):
        return [self.label] * len(test)
"""


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return build_toy(tmp_path_factory.mktemp("files"), n=80, images=False)


def write(
    folder: Path, name: str, extra: str = "", label: str = "train['label'][0]", fit: str = ""
) -> str:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(CODE.format(extra=extra, label=label, fit=fit or "pass"))
    return f"{folder / name}.py:Mine"


@pytest.mark.parametrize(
    "name",
    [
        "challenge",
        "json",
        "numpy",
        "my method",
        "2nd_try",
        "a.b",
        "cell",
    ],
)
def test_a_file_may_have_the_name_of_a_module(task: Task, tmp_path: Path, name: str) -> None:
    extra = "import json, random, types, numpy, pandas, sklearn.linear_model, challenge.features"
    method = write(tmp_path / "d", name, extra)
    done = run_method(method, task, tmp_path / "out", threads=1, isolation="none")
    assert done.predictions.is_file()


def test_a_thread_that_is_left_over_does_not_keep_the_cell(task: Task, tmp_path: Path) -> None:
    fit = "threading.Thread(target=time.sleep, args=(600,)).start()"
    method = write(tmp_path / "d", "mine", fit=fit)
    done = run_method(method, task, tmp_path / "out", threads=1, isolation="none")
    assert done.seconds < 300


def test_a_changed_helper_is_another_method(task: Task, tmp_path: Path) -> None:
    method = write(tmp_path / "d", "mine", "from helper import label", "label(task)")
    helper = tmp_path / "d" / "helper.py"
    helper.write_text(
        "from deeper.part import index\ndef label(task): return task.classes[index]\n"
    )
    part = tmp_path / "d" / "deeper" / "part.py"
    part.parent.mkdir()
    part.write_text("index = 0\n")
    (tmp_path / "d" / "unused.py").write_text("a = 1\n")
    first = run_method(method, task, tmp_path / "one", threads=1, isolation="none")
    again = run_method(method, task, tmp_path / "two", threads=1, isolation="none")
    assert again.reused and again.sha256 == first.sha256
    (tmp_path / "d" / "unused.py").write_text("a = 2\n")
    before = resolve_method(method).digest
    part.write_text("index = 1\n")
    assert resolve_method(method).digest != before
    other = run_method(method, task, tmp_path / "three", threads=1, isolation="none")
    assert not other.reused and other.sha256 != first.sha256
    assert resolve_method(method).needs.readable == (part, helper), "the sandbox shows them"


def test_a_changed_data_file_needs_fresh(task: Task, tmp_path: Path) -> None:
    from tests.cli.shell import shell

    (tmp_path / "d").mkdir()
    weights = tmp_path / "d" / "weights.txt"
    weights.write_text(task.classes[0])
    label = "__import__('pathlib').Path(__file__).with_name('weights.txt').read_text()"
    method = write(tmp_path / "d", "mine", label=label)

    def run(out: str, *more: str) -> tuple[str, bytes]:
        words = ("--task", str(task.public), "--isolation", "none", "--to", str(tmp_path / out))
        done = shell(tmp_path, "run", method, *words, *more)
        assert done.code == 0, done.err
        return done.out, (tmp_path / out / task.id / "predictions.parquet").read_bytes()

    _, first = run("one")
    weights.write_text(task.classes[1])
    said, kept = run("two")
    assert kept == first and "--fresh runs it again" in said
    said, fresh = run("three", "--fresh")
    assert fresh != first and "kept" not in said


def test_a_data_file_that_the_sandbox_hides_is_named_with_the_way_out(
    task: Task, tmp_path: Path
) -> None:
    label = "__import__('pathlib').Path(__file__).with_name('weights.txt').read_text()"
    method = write(tmp_path / "d", "mine", label=label)
    (tmp_path / "d" / "weights.txt").write_text(task.classes[0])
    if sandbox_fault() is None:
        with pytest.raises(ChallengeError, match="the sandbox hides it") as refused:
            run_method(method, task, tmp_path / "one", threads=1, isolation="bwrap")
        assert "--isolation none" in refused.value.faults[0].fix
    assert run_method(method, task, tmp_path / "two", threads=1, isolation="none").seconds > 0
