"""What the temperature does to log loss and calibration error (ECE); fills docs/calibration.md.

    python -m benchmarks.calibration [--method linear] [TASK...] [--write]

Each method is fitted once on each task. A temperature can be undone, p^T normalised again, so
one fit gives both columns, out of fold and on all test rows. Tasks must be built with their
solution. Scores are those of the scorer.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from challenge.methods import resolve_method
from challenge.methods.returned import write_table
from challenge.scoring import Score, read_predictions, score_on_train, score_predictions
from challenge.task import Task, find_task
from challenge.task.frames import read_test, read_train

PAGE = Path(__file__).parents[1] / "docs" / "calibration.md"
START, END = "<!-- made by benchmarks/calibration.py -->", "<!-- end of calibration -->"
TASKS = ("icon-tag", "crossfire-objects", "emoji-subgroup")
HEADS = ("task", "method", "rows", "T", "log loss as fitted", "with T", "ECE as fitted", "with T")


def measure(task: Task, name: str) -> list[list[str]]:
    """Return the two lines of a task: out of fold, and on the test rows."""
    method: Any = resolve_method(name).make(seed=0, threads=1)
    method.fit(read_train(task), task)
    temperature = float(method.details["temperature"])
    lines = []
    for rows, found in (
        ("out of fold", method.predict_out_of_fold()),
        ("test", method.predict(read_test(task))),
    ):
        before, after = (
            _score(task, table, rows) for table in (_undone(found, task, temperature), found)
        )
        figures = [
            _figure(score, metric) for metric in ("log_loss", "ece") for score in (before, after)
        ]
        lines.append([task.id, name, rows, f"{temperature:.2f}", *figures])
    return lines


def _undone(found: pd.DataFrame, task: Task, temperature: float) -> pd.DataFrame:
    """Return the predictions before the temperature divided their logarithms."""
    if task.kind.paired:
        scores = found["score"].to_numpy()
        both = np.column_stack([1 - scores, scores])
        return found.assign(score=_raised(both, temperature)[:, 1])
    raised = _raised(found[list(task.classes)].to_numpy(), temperature)
    return pd.DataFrame({"id": found["id"], **dict(zip(task.classes, raised.T, strict=True))})


def _raised(rows: np.ndarray, power: float) -> np.ndarray:
    raised = rows**power
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _score(task: Task, table: pd.DataFrame, rows: str) -> Score:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "p.parquet"
        write_table(table, task, path)
        if rows == "test":
            return score_predictions(task, read_predictions(task, path), "all")
        return score_on_train(task, path)


def _figure(score: Score, metric: str) -> str:
    found = score.metrics.get(metric)
    return "–" if found is None or found.value is None else f"{found.value:.4f}"


def main() -> None:
    """Print the table; with --write put it into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*", default=list(TASKS))
    parser.add_argument("--method", action="append")
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args()
    lines = [list(HEADS), ["---"] * len(HEADS)]
    for task_id in chosen.tasks:
        for name in chosen.method or ["linear"]:
            lines += measure(find_task(task_id, Path.cwd()), name)
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    print(table)
    if chosen.write:
        page = PAGE.read_text(encoding="utf-8")
        head, rest = page.split(START)
        tail = rest.split(END)[1]
        PAGE.write_text(f"{head}{START}\n\n{table}\n\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
