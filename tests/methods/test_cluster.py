"""The grid on a real Dask cluster of two workers on loopback, and what happens when one dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from challenge.errors import MissingRequirement
from challenge.methods import resolve_method
from challenge.methods.run import cluster as cluster_engine
from challenge.methods.run.cluster import dask_engine
from challenge.methods.run.grid import GridCell, Outcome, run_grid
from challenge.methods.run.local import local_engine
from challenge.methods.run.runner import Options
from challenge.scoring import read_predictions
from challenge.task import Task
from tests.toy import build_toy
from tests.waiting import is_gone

pytestmark = pytest.mark.slow

CODE = """
import os, time
from pathlib import Path

LOG = Path({log!r})

class Good:
    def fit(self, train, task):
        self.label = task.classes[0]
        keeper = Path(f"/proc/{{os.getppid()}}/stat").read_text()
        worker = keeper.rpartition(")")[2].split()[1]
        with LOG.open("a") as log:
            print(os.getpid(), worker, file=log, flush=True)
    def predict(self, test):
        return test[["id"]].assign(label=self.label)

class SlowAtFirst(Good):
    def fit(self, train, task):
        first = not LOG.exists()
        super().fit(train, task)
        if first:
            time.sleep(600)

class Hangs(Good):
    def fit(self, train, task):
        super().fit(train, task)
        time.sleep(600)

class Raises(Good):
    def fit(self, train, task):
        raise ValueError("no acorns")
"""

LIES = """
import hashlib, json, os

class Evil:
    # Who loads its pickle leaves a file with the number of the process.

    def __reduce__(self):
        return eval, ("open(" + repr({touched!r}) + " + str(__import__('os').getpid()), 'w')",)

class EvilError(Exception):
    __reduce__ = Evil.__reduce__

RECORD = {{
    "sha256": hashlib.sha256(b"x").hexdigest(), "title": "another team", "method": "m",
    "seconds": 1.0, "cpu_s": 1.0, "peak_mb": 1, "isolation": "none", "details": {{}}, "note": "",
}}

def packed(**head):
    whole = {{"format": 3, "record": RECORD, "faults": [], "lack": False, **head}}
    return json.dumps(whole).encode() + b"\\n" + b"x"

def lie(parcel, archive):
    from distributed import get_worker

    if parcel.options.seed == 5:
        for event in ((10**9, "x"), (-1, "x"), "x", (0, "x" * 10**6), (0, 1), None):
            get_worker().log_event(parcel.topic, event)
    if parcel.options.seed == 6:
        raise ValueError("no acorns")
    if parcel.options.seed == 7:
        raise EvilError("no acorns")
    nested = b"[" * 10_000 + b"]" * 10_000
    return [
        "a text", Evil(), 7, packed(record=None), packed(), b"x" * 10_000_000, None, None,
        packed()[:100], packed(record={{**RECORD, "seconds": float("nan")}}),
        packed().replace(b'"details": {{}}', b'"details": {{"x": ' + nested + b"}}"),
        packed(record={{**RECORD, "peak_mb": "1"}}), b"", None,
    ][parcel.options.seed]
"""


@dataclass(frozen=True)
class Cluster:
    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A scheduler and two workers without a nanny: one that dies does not come back."""
    from distributed import Client

    begun: list[subprocess.Popen[bytes]] = []

    def start(module: str, *words: str) -> None:
        command = [sys.executable, "-m", f"distributed.cli.{module}", *words, "--no-dashboard"]
        root = Path(__file__).parents[2]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(root), str(tmp_path)))}
        begun.append(
            subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=root, env=environment)
        )

    place = tmp_path / "scheduler.json"
    try:
        start(
            "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(place)
        )
        wait_for(place.exists)
        wait_for(lambda: place.read_text().endswith("}"))
        address = json.loads(place.read_text())["address"]
        for _ in range(2):
            words = ("--no-nanny", "--nthreads", "1", "--local-directory", str(tmp_path))
            start("dask_worker", address, *words)
        with Client(address) as client:
            client.wait_for_workers(2, timeout=120)
        yield Cluster(address, begun[0], begun[1:])
    finally:
        for process in begun:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> list[Task]:
    return [
        build_toy(tmp_path_factory.mktemp(kind), kind, n=60, images=False)
        for kind in ("classification", "matching")
    ]


def cells_of(folder: Path, names: list[str], tasks: list[Task]) -> list[GridCell]:
    file = folder / "oaks.py"
    file.write_text(CODE.format(log=str(folder / "log")))
    return [
        GridCell(
            resolve_method(name if name.islower() else f"{file}:{name}"),
            task,
            Options(threads=1),
            folder / name / task.id,
        )
        for name in names
        for task in tasks
    ]


def starts(folder: Path) -> list[tuple[int, int]]:
    """Return the process of each cell that began, and that of its worker."""
    log = folder / "log"
    lines = log.read_text().splitlines() if log.exists() else []
    return [(int(line.split()[0]), int(line.split()[1])) for line in lines]


def wait_for(fact: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not fact():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def test_a_worker_killed_in_the_middle_loses_and_doubles_nothing(
    cluster: Cluster, tasks: list[Task], tmp_path: Path
) -> None:
    killed: list[int] = []

    def kill_the_first(place: int, words: str) -> None:
        if not killed and (begun := starts(tmp_path)):
            killed.append(begun[0][0])
            os.kill(begun[0][1], signal.SIGKILL)

    names = ["SlowAtFirst", "linear", "Raises"]
    cells = cells_of(tmp_path, names, tasks)
    found: list[Outcome] = []
    for outcome in run_grid(cells, dask_engine(cluster.address), read_predictions, kill_the_first):
        found.append(outcome)
    assert killed and is_gone(killed[0])
    assert sorted(outcome.index for outcome in found) == list(range(6))
    failed = {o.cell.source.name: o.error.faults[0].code for o in found if o.error is not None}
    assert failed == {"oaks:Raises": "method-raised"}
    # The first try of the cell that died, its second one, and its sister: no cell ran in vain.
    assert len(starts(tmp_path)) == 3
    there = {o.index: o.run.sha256 for o in found if o.run is not None}
    for task in tasks:
        for file in (task.cache / "runs").iterdir():
            file.unlink()
    cells = [replace(cell, folder=tmp_path / "here" / str(i)) for i, cell in enumerate(cells)]
    here = run_grid(cells, local_engine(2), read_predictions, lambda place, words: None)
    assert {o.index: o.run.sha256 for o in here if o.run is not None} == there


def test_what_a_driver_leaves_is_ended_and_a_task_that_is_missing_is_sent(
    cluster: Cluster, tasks: list[Task], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = cells_of(tmp_path, ["Hangs"], tasks)
    with closing(dask_engine(cluster.address)(cells, lambda place, words: None)) as answers:
        # Nothing of it begins before the first answer is asked for, which never comes.
        def leave(place: int, words: str) -> None:
            if len(starts(tmp_path)) == 2:
                raise KeyboardInterrupt

        monkeypatch.setattr("challenge.methods.run.cluster.time.sleep", lambda s: leave(0, ""))
        with pytest.raises(KeyboardInterrupt):
            next(answers)
    monkeypatch.undo()
    wait_for(lambda: all(is_gone(process) for process, _ in starts(tmp_path)))

    real = cluster_engine._parcel
    monkeypatch.setattr(
        "challenge.methods.run.cluster._parcel",
        lambda *given: replace(real(*given), public="/nowhere/public"),
    )
    again = cells_of(tmp_path, ["Good"], tasks[:1])
    (outcome,) = run_grid(
        again,
        dask_engine(cluster.address),
        read_predictions,
        lambda index, text: None,
    )
    assert outcome.run is not None
    assert len(list(tmp_path.rglob("challenge-task-*"))) == 1, "unpacked by the worker that ran it"


def test_a_worker_with_other_code_is_refused_and_without_workers_a_cell_is_lost(
    cluster: Cluster, tasks: list[Task], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(cell: GridCell) -> Outcome:
        engine = dask_engine(cluster.address)
        (outcome,) = run_grid([cell], engine, read_predictions, lambda place, words: None)
        return outcome

    (cell,) = cells_of(tmp_path, ["Good"], tasks[:1])
    other = replace(cell, source=replace(cell.source, digest="0" * 64))
    with pytest.raises(MissingRequirement, match="has other code of") as error:
        run(other)
    assert {fault.code for fault in error.value.faults} == {"worker-differs"}
    assert len(error.value.faults) == 2

    # Workers that come when the run has begun were not asked before.
    monkeypatch.setattr("challenge.methods.run.cluster._shipped", lambda *given: {})
    late = run(other).error
    assert late is not None and late.faults[0].code == "worker-differs" and late.exit_code == 3
    assert starts(tmp_path) == []

    for worker in cluster.workers:
        worker.kill()
    monkeypatch.setattr("challenge.methods.run.cluster._PATIENCE_S", 3.0)
    lost = run(cell).error
    assert lost is not None and lost.faults[0].code == "cell-lost" and lost.exit_code == 3


def test_a_scheduler_that_is_killed_ends_the_run_with_its_cells_lost(
    cluster: Cluster, tasks: list[Task], tmp_path: Path
) -> None:
    cells = cells_of(tmp_path, ["Hangs"], tasks)

    def kill_the_scheduler(place: int, words: str) -> None:
        cluster.scheduler.kill()

    found = list(
        run_grid(cells, dask_engine(cluster.address), read_predictions, kill_the_scheduler)
    )
    assert sorted(outcome.index for outcome in found) == [0, 1]
    errors = [outcome.error.faults[0] for outcome in found if outcome.error is not None]
    assert [fault.code for fault in errors] == ["cell-lost", "cell-lost"]


def test_what_a_lying_worker_answers_is_the_fault_of_its_cell(
    cluster: Cluster, tasks: list[Task], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lies = tmp_path / "lies.py"
    lies.write_text(LIES.format(touched=str(tmp_path / "touched")))
    monkeypatch.syspath_prepend(str(tmp_path))
    import lies as liar  # type: ignore[import-not-found]

    names = ["text", "pickle", "number", "forged", "other", "huge_event", "raises", "evil_error"]
    names += ["truncated", "not_a_number", "nested", "wrong_type", "empty", "nothing"]
    monkeypatch.setattr("challenge.methods.run.cluster._run_there", liar.lie)
    monkeypatch.setattr("challenge.methods.run.cluster._shipped", lambda *given: {})
    cells = [
        replace(cell, options=replace(cell.options, seed=seed), folder=tmp_path / str(seed))
        for seed in range(len(names))
        for cell in cells_of(tmp_path, ["Good"], tasks[:1])
    ]
    found = {
        names[outcome.index]: outcome.error.faults[0].code if outcome.error else ""
        for outcome in run_grid(
            cells, dask_engine(cluster.address), read_predictions, lambda index, text: None
        )
    }
    assert found.pop("pickle") in ("answer-invalid", "cell-worker")
    assert found.pop("raises") == found.pop("evil_error") == "cell-worker"
    assert set(found.values()) == {"answer-invalid"}
    # The worker itself loads the pickle of an exception, to see whether it can be sent.
    assert list(tmp_path.glob("touched*")), "the attack works"
    assert not (tmp_path / f"touched{os.getpid()}").exists(), "the driver ran a worker's pickle"
