"""A cell ends well, or says how it ended; nothing of an earlier run is taken for its own."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from challenge.errors import ChallengeError, MissingRequirement, WrongUse
from challenge.methods import Caps, run_method
from challenge.methods.run.sandbox import Isolation, sandbox_fault
from challenge.task import Task
from tests.toy import build_toy
from tests.waiting import is_gone

HEAD = """
import os, sys, time
from pathlib import Path
import pandas as pd

class Mine:
    def __init__(self, seed, progress):
        self.seed, self.progress = seed, progress
        self.details = {"seed": seed, "nan": float("nan"), "where": Path("x")}
        self.summary = "two words"
    def fit(self, train, task):
        self.task = task
"""
GOOD = (
    HEAD
    + """
        print("chatter"); self.progress("half  way")
    def predict(self, test):
        return pd.DataFrame({"id": test["id"], "label": self.task.classes[0]})
"""
)


LOOK_AROUND = """
        import socket
        places = ("/home", "/etc/passwd", SECRET, task.folder / "private")
        seen = {"seen": [str(place) for place in places if os.path.exists(place)]}
        seen["test"] = (task.public / "test.csv").exists()
        seen["written"] = works(lambda: (task.public / "x").write_text("x"))
        seen["net"] = works(lambda: socket.create_connection(("1.1.1.1", 53), 2))
        seen["links"] = [name for _, name in socket.if_nameindex()]
        self.details = seen
    def predict(self, test):
        return pd.DataFrame({"id": test["id"], "label": self.task.classes[0]})

def works(action):
    try:
        action()
    except OSError:
        return False
    return True
"""


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return build_toy(tmp_path_factory.mktemp("runner"), n=60, images=False)


def write(folder: Path, code: str) -> str:
    file = folder / "mine.py"
    file.write_text(code)
    return f"{file}:Mine"


def test_a_run_leaves_a_file_and_tells_what_it_cost(task: Task, tmp_path: Path) -> None:
    heard: list[str] = []
    done = run_method(
        write(tmp_path, GOOD), task, tmp_path / "out", seed=4, threads=1, progress=heard.append
    )
    assert pq.read_table(done.predictions).column_names == ["id", "label"]
    assert done.predictions == tmp_path / "out" / "predictions.parquet"
    assert (done.method, done.note, done.title) == ("mine:Mine", "two words", "mine:Mine")
    assert not done.reused and done.cpu_s > 0
    assert "half way" in heard and "chatter" not in heard
    assert done.peak_mb > 10 and done.seconds > 0
    details = json.loads(json.dumps(dict(done.details), allow_nan=False))
    assert (
        details["seed"] == 4 and details["nan"] is None and details["isolation"] == done.isolation
    )
    assert details["versions"]["numpy"] and details["rows"] == {"train": 42, "test": 18}


def test_a_cell_fixes_the_threads_of_every_library(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    code = GOOD.replace(
        "        self.task = task\n",
        """
        import joblib, numpy, sklearn.svm, threadpoolctl
        pools = threadpoolctl.threadpool_info()
        kinds = {pool["user_api"]: pool["num_threads"] for pool in pools}
        self.details = {"pools": kinds, "workers": joblib.effective_n_jobs(-1)}
        self.task = task
""",
    )
    # OpenMP takes what is asked for, but joblib no more than there are cores.
    for threads, workers in ((1, 1), (2, min(2, len(os.sched_getaffinity(0))))):
        done = run_method(write(tmp_path, code), task, tmp_path / f"{threads}", threads=threads)
        assert done.details["pools"] == {"blas": 1, "openmp": threads}
        assert done.details["workers"] == workers


def test_the_same_question_is_answered_from_what_was_kept(task: Task, tmp_path: Path) -> None:
    method = write(tmp_path, GOOD + "# kept\n")
    first = run_method(method, task, tmp_path / "a", threads=1)
    again = run_method(method, task, tmp_path / "b", threads=1)
    other = run_method(method, task, tmp_path / "c", threads=1, seed=1)
    assert (first.reused, again.reused, other.reused) == (False, True, False)
    assert again.predictions.read_bytes() == first.predictions.read_bytes()
    assert dict(again.details) == dict(first.details)


@pytest.mark.slow
def test_a_damaged_cell_is_run_again(task: Task, tmp_path: Path) -> None:
    method = write(tmp_path, GOOD + "# damaged\n")
    before = set((task.cache / "runs").glob("*"))
    first = run_method(method, task, tmp_path / "a", threads=1)
    (file,) = set((task.cache / "runs").glob("*")) - before
    whole = file.read_bytes()
    for damaged in (whole[:-1], b"{", b"", b"[]\n" + whole.partition(b"\n")[2]):
        file.write_bytes(damaged)
        (tmp_path / "a" / "predictions.parquet").unlink()
        again = run_method(method, task, tmp_path / "a", threads=1)
        assert not again.reused and again.sha256 == first.sha256
    assert run_method(method, task, tmp_path / "a", threads=1).reused


def test_what_a_method_raises_is_told_and_writes_nothing(task: Task, tmp_path: Path) -> None:
    code = HEAD + "        raise ValueError('out of oaks')\n    def predict(self, test): ...\n"
    with pytest.raises(ChallengeError, match="ValueError: out of oaks") as error:
        run_method(write(tmp_path, code), task, tmp_path / "out", threads=1)
    assert error.value.faults[0].code == "method-raised"
    assert not (tmp_path / "out" / "predictions.parquet").exists()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("os.kill(os.getpid(), 11)", "ended by signal 11"),
        ("os._exit(0)", "exit code 0, and no predictions"),
        ("sys.exit(3)", "exit code 3"),
    ],
)
def test_a_crash_is_told(task: Task, tmp_path: Path, body: str, words: str) -> None:
    code = HEAD + f"        {body}\n    def predict(self, test): ...\n"
    with pytest.raises(ChallengeError, match=words):
        run_method(write(tmp_path, code), task, tmp_path / "out", threads=1)


@pytest.mark.slow
def test_a_hang_ends_at_the_cap_with_its_children(task: Task, tmp_path: Path) -> None:
    code = HEAD + (
        "        import subprocess\n"
        "        child = subprocess.Popen(['sleep', '600'])\n"
        f"        Path({str(tmp_path / 'child')!r}).write_text(str(child.pid))\n"
        "        time.sleep(600)\n    def predict(self, test): ...\n"
    )
    with pytest.raises(ChallengeError, match="still running after 12 s"):
        run_method(
            write(tmp_path, code),
            task,
            tmp_path / "out",
            caps=Caps(seconds=12),
            threads=1,
            isolation="none",
        )
    assert is_gone(int((tmp_path / "child").read_text()))


@pytest.mark.parametrize("isolation", ["none", "bwrap"])
def test_too_much_memory_is_stopped(task: Task, tmp_path: Path, isolation: Isolation) -> None:
    if isolation == "bwrap" and sandbox_fault():
        pytest.skip("bubblewrap may not make its sandbox here")
    code = HEAD + (
        "        hoard = []\n"
        "        while True: hoard.append(b'x' * (50 << 20)); time.sleep(0.05)\n"
        "    def predict(self, test): ...\n"
    )
    with pytest.raises(ChallengeError, match="MB of memory"):
        run_method(
            write(tmp_path, code),
            task,
            tmp_path / "out",
            caps=Caps(memory_mb=900),
            threads=1,
            isolation=isolation,
        )


def test_endless_messages_are_stopped(task: Task, tmp_path: Path) -> None:
    code = HEAD + ("        while True: print('x' * 100000)\n    def predict(self, test): ...\n")
    with pytest.raises(ChallengeError) as error:
        run_method(write(tmp_path, code), task, tmp_path / "out", caps=Caps(file_mb=8), threads=1)
    assert error.value.faults[0].code in ("method-output", "method-raised", "method-crashed")


def test_a_method_that_lacks_something_says_so_with_its_own_words(
    task: Task, tmp_path: Path
) -> None:
    code = (
        "from challenge.errors import MissingRequirement, Fault\n"
        "def Mine():\n"
        "    raise MissingRequirement(Fault('here', 'no acorns', 'acorns', 'plant an oak'))\n"
    )
    with pytest.raises(MissingRequirement, match="plant an oak"):
        run_method(write(tmp_path, code), task, tmp_path / "out", threads=1)


def test_an_unknown_method_is_wrong_use(task: Task, tmp_path: Path) -> None:
    with pytest.raises(WrongUse):
        run_method("majorty", task, tmp_path / "out")


@pytest.mark.skipif(sandbox_fault() != "", reason="bubblewrap may not make its sandbox here")
def test_inside_the_sandbox_there_is_public_and_nothing_else(task: Task, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("beside the method")
    code = f"SECRET = {str(tmp_path / 'secret')!r}\n{HEAD}{LOOK_AROUND}"
    done = run_method(write(tmp_path, code), task, tmp_path / "out", isolation="bwrap", threads=1)
    seen = done.details
    assert seen["test"] is True and seen["written"] is False
    assert seen["seen"] == [] and seen["links"] == ["lo"] and seen["net"] is False
    assert done.isolation == "bwrap"
