"""What each modality is worth to the reference entry: one part left out at a time.

    python -m benchmarks.ablation TASK_FOLDER … [--json FILE] [--preset default] [--threads 2]

TASK_FOLDER is a built task (`datasets/icon-tag`). The full entry and the entry without the text
embedding, the images, the pair features are fitted on the same rows; the paired difference of the
primary metric on the test rows has the interval of `challenge compare`, the figure beside it is of
the out-of-fold predictions of the train rows. Parts that a task does not have are not run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.fits import add_fit_options, keep_cell
from challenge.methods.builtin.autogluon import AutoGluon
from challenge.methods.builtin.inputs import PARTS
from challenge.methods.returned import write_table
from challenge.scoring import (
    Predictions,
    compare_predictions,
    read_predictions,
    score_on_train,
    score_predictions,
)
from challenge.task import Task, read_task
from challenge.task.frames import read_test, read_train


def main() -> int:
    """Run the entry with and without each part; print the table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="+", type=Path)
    add_fit_options(parser)
    options = parser.parse_args()
    cells = []
    with tempfile.TemporaryDirectory(prefix="ablation-") as scratch:
        for folder in options.tasks:
            task = read_task(folder / "public")
            full: Predictions | None = None
            for left_out in ("", *parts_of(task)):
                cell, found = _run(task, left_out, full, Path(scratch), options)
                full = full or found
                keep_cell(cell, options.json)
                cells.append(cell)
    print(table(cells))
    return 0


def parts_of(task: Task) -> tuple[str, ...]:
    """Return the parts that can be left out of the task."""
    there = {
        "text embedding": bool(task.columns_of("text")),
        "images": bool(task.columns_of("image")),
        "pair features": task.kind.paired,
    }
    return tuple(part for part in PARTS if there[part])


def table(cells: Sequence[dict[str, Any]]) -> str:
    """Return the Markdown table: points in percent, differences with their paired interval."""
    rows = [
        ["task", "without", "test", "without minus full, test", "out of fold", "difference"],
        ["---"] * 6,
    ]
    for cell in cells:
        full = next(one for one in cells if one["task"] == cell["task"] and not one["without"])
        missing = "–"
        if cell["without"] and cell["difference"] is not None:
            ends = (cell["low"], cell["high"])
            low, high = ("–" if end is None else f"{100 * end:+.1f}" for end in ends)
            missing = f"{100 * cell['difference']:+.1f} ({low} to {high})"
        apart = 100 * (cell["out_of_fold"] - full["out_of_fold"])
        rows.append(
            [
                cell["task"],
                cell["without"] or "(full)",
                f"{100 * cell['test']:.1f}",
                missing,
                f"{100 * cell['out_of_fold']:.1f}",
                f"{apart:+.1f}" if cell["without"] else "–",
            ]
        )
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _run(
    task: Task,
    left_out: str,
    full: Predictions | None,
    scratch: Path,
    options: argparse.Namespace,
) -> tuple[dict[str, Any], Predictions]:
    began = time.process_time()
    method = AutoGluon(
        threads=options.threads,
        preset=options.preset,
        without=[left_out] if left_out else [],
    )
    method.fit(read_train(task), task)
    path, own = scratch / "test.parquet", scratch / "train.parquet"
    write_table(method.predict(read_test(task)), task, path)
    write_table(method.predict_out_of_fold(), task, own)
    found = read_predictions(task, path)
    against = compare_predictions(task, found, full, "all").primary if full else None
    cell = {
        "task": task.id,
        "without": left_out,
        "metric": task.metric,
        "test": score_predictions(task, found, "all").metrics[task.metric].value,
        "out_of_fold": score_on_train(task, own).metrics[task.metric].value,
        "difference": against.value if against else None,
        "low": against.low if against else None,
        "high": against.high if against else None,
        "cpu_s": round(time.process_time() - began, 1),
        "details": {name: method.details[name] for name in ("blend", "weights", "features")},
    }
    return cell, found


if __name__ == "__main__":
    sys.exit(main())
