"""Reading predictions leaves no computing thread of Arrow behind: it can abort the exit."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.scoring.made import ids_of, make_task
from tests.scoring.scored import make_scored_task

THREADS = """
import os, sys
from pathlib import Path
import pyarrow.csv, pyarrow.parquet
from challenge.scoring import read_predictions
from challenge.task import read_task
before = len(os.listdir("/proc/self/task"))
print(read_predictions(read_task(Path(sys.argv[1])), Path(sys.argv[2])).form)
sys.exit(len(os.listdir("/proc/self/task")) - before)
"""


def scored(folder: Path, n: int) -> tuple[Path, Path]:
    """Return the public folder of a matching task of `n` rows, and a valid file with scores."""
    task = make_task(folder / "task", kind="matching", n=n)
    path = folder / "scores.csv"
    rows = [f"{row},{int(i % 3 == 0)},{i / n:.17f}" for i, row in enumerate(ids_of(task))]
    path.write_text("\n".join(["id,label,score", *rows]) + "\n")
    return task.public, path


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
@pytest.mark.parametrize("n", [2_000, 120_000])
def test_no_computing_thread_outlives_the_reading(n: int, tmp_path: Path) -> None:
    """One idle thread of Arrow's input may stay; its computing threads may not."""
    public, path = scored(tmp_path, n)
    done = subprocess.run(
        [sys.executable, "-c", THREADS, str(public), str(path)],
        # Arrow starts up to eight threads of input, as many as happen to be asked for at once.
        env={**os.environ, "ARROW_IO_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "labels+scores\n", done.stderr
    assert done.returncode <= 1


@pytest.mark.slow
def test_check_never_aborts_at_its_exit(tmp_path: Path) -> None:
    public, path = scored(tmp_path, 2_000)
    command = [sys.executable, "-m", "challenge", "check", str(public), str(path)]

    def code(_: int) -> int:
        return subprocess.run(command, capture_output=True, check=False).returncode

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(code, range(30))) == {0}


OTHER_READERS = """
import os, sys
from pathlib import Path
import pyarrow.csv, pyarrow.parquet
from challenge.scoring.solution import read_solution, read_train_truth
from challenge.task import read_task
from challenge.task.tables import read_parquet
task = read_task(Path(sys.argv[1]))
before = len(os.listdir("/proc/self/task"))
read_solution(task)
read_train_truth(task)
read_parquet(task.public / "test.parquet")
sys.exit(len(os.listdir("/proc/self/task")) - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_no_computing_thread_outlives_the_reading_of_a_task(tmp_path: Path) -> None:
    task = make_scored_task(tmp_path / "task", ["a", "b", "c"] * 40_000)
    done = subprocess.run(
        [sys.executable, "-c", OTHER_READERS, str(task.public)],
        env={**os.environ, "ARROW_IO_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode <= 1
