"""Checking a file leaves no thread behind that aborts the process at its exit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.scoring.made import ids_of, make_task

CODE = """
import sys
from pathlib import Path
from challenge.scoring import read_predictions
from challenge.task import read_task
read_predictions(read_task(Path(sys.argv[1])), Path(sys.argv[2]))
"""


def exits(folder: Path, runs: int, at_once: int = 5) -> list[int]:
    """Return the exit status of each run; several at once, since load brings the abort about."""
    task = make_task(folder / "t", kind="matching", n=3_000)
    path = folder / "p.csv"
    path.write_text(
        "id,score\n" + "".join(f"{one},0.{i:04}\n" for i, one in enumerate(ids_of(task)))
    )
    command = [sys.executable, "-c", CODE, str(task.public), str(path)]
    found: list[int] = []
    for _ in range(runs // at_once):
        started = [subprocess.Popen(command) for _ in range(at_once)]
        found += [one.wait() for one in started]
    return found


def test_a_clean_file_of_scores_ends_with_0(tmp_path: Path) -> None:
    assert exits(tmp_path, 20) == [0] * 20


@pytest.mark.slow
def test_a_clean_file_of_scores_ends_with_0_under_load(tmp_path: Path) -> None:
    assert exits(tmp_path, 200, at_once=8) == [0] * 200
