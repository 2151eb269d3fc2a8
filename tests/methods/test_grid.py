"""The grid on this machine: what fails stays in its cell, and what is finished is kept."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from challenge.errors import WrongUse
from challenge.methods import Caps, resolve_method
from challenge.methods.run.cell_answer import Answer, CellRecord
from challenge.methods.run.grid import Engine, GridCell, Outcome, run_grid
from challenge.methods.run.local import default_jobs, local_engine
from challenge.methods.run.runner import Options
from challenge.methods.run.saved_cells import keep_cell, kept_cell
from challenge.scoring import read_predictions
from challenge.task import Task
from tests.toy import build_toy
from tests.waiting import is_gone

CODE = """
import os, signal, time
from pathlib import Path

LOG = Path({log!r})

class Good:
    def fit(self, train, task):
        self.label = task.classes[0]
        with LOG.open("a") as log:
            print(type(self).__name__, task.id, os.getpid(), file=log)
    def predict(self, test):
        return test[["id"]].assign(label=self.label)

class Raises(Good):
    def fit(self, train, task):
        raise ValueError("no acorns")

class Wrong(Good):
    def predict(self, test):
        return test[["id"]].assign(label="nonsense")

class Dies(Good):
    def fit(self, train, task):
        os.kill(os.getpid(), signal.SIGKILL)

class Hangs(Good):
    def fit(self, train, task):
        super().fit(train, task)
        time.sleep(600)
"""


def write_methods(folder: Path) -> Path:
    file = folder / "oaks.py"
    file.write_text(CODE.format(log=str(folder / "log")))
    return file


def answer_of(predictions: bytes) -> Answer:
    record = CellRecord(
        sha256=hashlib.sha256(predictions).hexdigest(),
        title="Owls",
        method="oaks",
        seconds=1.0,
        cpu_s=1.0,
        peak_mb=1,
        isolation="none",
        details={},
        note="",
    )
    return Answer(record, predictions)


def starts(folder: Path) -> list[str]:
    log = folder / "log"
    return log.read_text().splitlines() if log.exists() else []


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> list[Task]:
    return [
        build_toy(tmp_path_factory.mktemp(kind), kind, n=60, images=False)
        for kind in ("classification", "matching")
    ]


def grid(
    folder: Path, methods: Sequence[str], tasks: Sequence[Task], **caps: float
) -> list[GridCell]:
    file = write_methods(folder)
    return [
        GridCell(
            resolve_method(f"{file}:{method}"),
            task,
            Options(threads=1),
            folder / method / task.id,
            Caps(seconds=caps.get("seconds", 120)),
        )
        for method in methods
        for task in tasks
    ]


def run(cells: Sequence[GridCell], engine: Engine | None = None) -> list[Outcome]:
    heard: list[int] = []
    outcomes = run_grid(
        cells, engine or local_engine(2), read_predictions, lambda place, words: heard.append(place)
    )
    found = sorted(outcomes, key=lambda outcome: outcome.index)
    assert set(heard) == set(range(len(cells)))
    return found


def codes(outcomes: Sequence[Outcome]) -> list[str]:
    return [outcome.error.faults[0].code if outcome.error else "" for outcome in outcomes]


@pytest.mark.slow
def test_what_goes_wrong_stays_in_its_cell(tasks: list[Task], tmp_path: Path) -> None:
    cells = grid(tmp_path, ["Raises", "Good", "Dies", "Wrong"], tasks[:1])
    found = run(cells)
    assert codes(found) == ["method-raised", "", "method-crashed", "label-unknown"]
    assert [outcome.run is not None for outcome in found] == [False, True, False, False]
    kept = [kept_cell(cell.task, cell.key) is not None for cell in cells]
    assert kept == [False, True, False, False]
    files = [(cell.folder / "predictions.parquet").is_file() for cell in cells]
    assert files == kept


def test_a_file_of_an_earlier_run_is_neither_replaced_nor_removed(
    tasks: list[Task], tmp_path: Path
) -> None:
    good, raises = grid(tmp_path, ["Good", "Raises"], tasks[:1])
    for cell in (good, raises):
        cell.folder.mkdir(parents=True)
        (cell.folder / "predictions.parquet").write_bytes(b"of an earlier run")
    before = starts(tmp_path)
    for cell in (good, raises):
        with pytest.raises(WrongUse) as refused:
            run([cell])
        assert refused.value.faults[0].code == "output-exists"
        assert (cell.folder / "predictions.parquet").read_bytes() == b"of an earlier run"
    assert starts(tmp_path) == before, "nothing trained"
    (good.folder / "predictions.parquet").unlink()
    assert codes(run([good])) == [""]
    assert codes(run([good])) == [""], "a kept cell and its own file"


@pytest.mark.slow
def test_an_interrupted_grid_ends_its_cells_and_goes_on_where_it_stood(
    tasks: list[Task], tmp_path: Path
) -> None:
    cells = grid(tmp_path, ["Good", "Hangs"], tasks)
    outcomes = run_grid(cells, local_engine(2), read_predictions, lambda place, words: None)
    with closing(outcomes):
        first = [next(outcomes), next(outcomes)]
        while len(starts(tmp_path)) < 4:
            time.sleep(0.05)
    assert {outcome.cell.source.name for outcome in first} == {"oaks:Good"}
    for line in starts(tmp_path):
        assert is_gone(int(line.split()[2])), "a cell outlived its driver"
    again = run(grid(tmp_path, ["Good", "Raises"], tasks))
    assert [outcome.run and outcome.run.reused for outcome in again] == [True, True, None, None]
    assert len(starts(tmp_path)) == 4


def test_a_cell_ends_when_the_process_that_asked_for_it_is_killed(
    tasks: list[Task], tmp_path: Path
) -> None:
    file = write_methods(tmp_path)
    code = (
        "import sys; from pathlib import Path\n"
        "from challenge.methods import run_method; from challenge.task import read_task\n"
        f"run_method({str(file) + ':Hangs'!r}, read_task(Path({str(tasks[0].public)!r})),"
        f" Path({str(tmp_path / 'out')!r}), threads=1, isolation='none')\n"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as driver:
        while not starts(tmp_path):
            assert driver.poll() is None
            time.sleep(0.05)
        driver.send_signal(signal.SIGKILL)
    cell = Path("/proc") / starts(tmp_path)[0].split()[2]
    wait = time.monotonic() + 30
    while cell.exists() and time.monotonic() < wait:
        time.sleep(0.05)
    assert not cell.exists()


def test_two_drivers_on_one_task_leave_whole_cells(tasks: list[Task]) -> None:
    """Both write and read one kept cell as fast as they can; what is read is one of the two."""
    task, key = tasks[0], "f" * 32
    wrong: list[object] = []

    def drive(character: bytes) -> None:
        for _ in range(40):
            keep_cell(task, key, answer_of(character * 50_000))
            kept = kept_cell(task, key)
            if kept is None or len(set(kept.predictions)) != 1:
                wrong.append(kept)

    drivers = [threading.Thread(target=drive, args=(character,)) for character in (b"a", b"b")]
    for driver in drivers:
        driver.start()
    for driver in drivers:
        driver.join()
    assert wrong == []


def test_cells_that_nobody_asks_for_make_room(
    tasks: list[Task], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = replace(tasks[1], public=tmp_path / "public")
    monkeypatch.setattr("challenge.methods.run.saved_cells._MOST_CELLS", 3)
    for place in range(3):
        keep_cell(task, f"{place:032}", answer_of(b"x"))
        file = task.cache / "runs" / f"{place:032}.run"
        os.utime(file, (1_000_000_000 + place, 1_000_000_000 + place))
    assert kept_cell(task, f"{0:032}") is not None
    keep_cell(task, f"{3:032}", answer_of(b"x"))
    left = [kept_cell(task, f"{place:032}") is not None for place in range(4)]
    assert left == [True, False, True, True]
    left_behind = task.cache / "runs" / ".half.tmp"
    left_behind.write_bytes(b"x")
    (task.cache / "runs" / ".fresh.tmp").write_bytes(b"x")
    os.utime(left_behind, (1_000_000_000, 1_000_000_000))
    monkeypatch.setattr("challenge.methods.run.saved_cells._MOST_BYTES", 10)
    keep_cell(task, f"{4:032}", answer_of(b"x" * 100))
    assert [kept_cell(task, f"{place:032}") is not None for place in range(5)] == [False] * 4 + [
        True
    ]
    assert not left_behind.exists()
    assert (task.cache / "runs" / ".fresh.tmp").exists(), "another driver writes it now"


def test_a_folder_that_may_not_be_written_keeps_nothing_and_a_full_disk_is_told(
    tasks: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(number: int) -> None:
        def write(path: Path, data: bytes) -> None:
            raise OSError(number, os.strerror(number), str(path))

        monkeypatch.setattr("challenge.methods.run.saved_cells.write_atomically", write)

    refuse(errno.EROFS)
    keep_cell(tasks[0], "e" * 32, answer_of(b"x"))
    assert kept_cell(tasks[0], "e" * 32) is None
    refuse(errno.ENOSPC)
    with pytest.raises(OSError, match="No space left"):
        keep_cell(tasks[0], "e" * 32, answer_of(b"x"))


def test_memory_is_capped_without_being_asked_for() -> None:
    assert Caps().on_this_machine(2, 1000).memory_mb == 400
    assert Caps(memory_mb=70).on_this_machine(2, 1000).memory_mb == 70
    assert (Caps().on_this_machine().memory_mb or 0) > 100


def test_cells_at_once_follow_cores_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("joblib.cpu_count", lambda: 16)
    monkeypatch.setattr("challenge.methods.run.local.machine_memory_mb", lambda: 20_000)
    assert [default_jobs(threads) for threads in (2, 4, 32)] == [4, 4, 1]
