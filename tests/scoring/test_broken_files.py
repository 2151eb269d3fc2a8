"""Every file in tests/broken gives the report beside it, to the character.

Files whose names begin with `pairs-` are for a matching task, `ranked-` for one whose metric is
average precision, all others for a classification task. To write the reports anew after a change
of words: `python -m tests.scoring.test_broken_files`, then read the difference.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from challenge.errors import SubmissionError
from challenge.scoring import read_predictions
from challenge.task import Task
from tests.scoring.made import make_task

BROKEN = Path(__file__).parents[1] / "broken"
FILES = sorted(path for path in BROKEN.iterdir() if path.suffix not in (".txt", ".md"))


def task_of(path: Path, folder: Path) -> Task:
    """Return the task that a broken file is meant for: four rows, a1 to a4."""
    ids, train = [f"a{n}" for n in range(1, 5)], [f"t{n}" for n in range(1, 5)]
    if path.name.startswith("pairs-"):
        return make_task(folder / "pairs", kind="matching", ids=ids, train_ids=train)
    if path.name.startswith("ranked-"):
        metric = "average_precision"
        return make_task(
            folder / "ranked", kind="matching", metric=metric, ids=ids, train_ids=train
        )
    return make_task(folder / "animals", ids=ids, train_ids=train)


def report_on(path: Path, folder: Path) -> str:
    """Return the whole report as text, codes first."""
    with pytest.raises(SubmissionError) as caught:
        read_predictions(task_of(path, folder), path)
    for fault in caught.value.faults:
        json.dumps(fault.as_json())
    return "".join(f"[{fault.code}] {fault}\n" for fault in caught.value.faults)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_broken_file_gives_its_report(path: Path, tmp_path: Path) -> None:
    expected = path.with_name(path.name + ".txt").read_text(encoding="utf-8")
    assert report_on(path, tmp_path) == expected


def test_every_report_has_its_file() -> None:
    reports = {path.name.removesuffix(".txt") for path in BROKEN.glob("*.txt")}
    assert reports == {path.name for path in FILES}


def write_reports() -> None:
    """Write all reports anew."""
    for path in FILES:
        with tempfile.TemporaryDirectory() as folder:
            text = report_on(path, Path(folder))
        path.with_name(path.name + ".txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_reports()
