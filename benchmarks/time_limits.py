"""The reference entry under a time limit: how long the whole cell takes, and what is ready by then.

    python -m benchmarks.time_limits TASK_FOLDER … [--limits 30 60 120] [--json FILE]

TASK_FOLDER is a built task (`datasets/icon-tag`). Each limit is a cell of `challenge run` with
`--time-limit`, in a process of its own, without cached features. Seconds are wall time of the whole
cell, also of starting Python. They say something only on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.fits import add_fit_options, keep_cell
from challenge.methods import run_method
from challenge.scoring import read_predictions, score_predictions
from challenge.task import Task, read_task


def main() -> int:
    """Run every limit; print the table and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="+", type=Path)
    parser.add_argument("--limits", nargs="+", type=float, default=[30.0, 60.0, 120.0])
    add_fit_options(parser)
    options = parser.parse_args()
    cells = []
    for folder in options.tasks:
        for limit in options.limits:
            cell = _cell(read_task(folder / "public"), limit, options)
            keep_cell(cell, options.json)
            cells.append(cell)
    print(table(cells))
    return 0


def _cell(task: Task, limit: float, options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="time-limits-") as scratch:
        # The cache of features lies beside public/, so that a copy has none.
        copy = Path(scratch) / "task" / "public"
        shutil.copytree(task.public, copy)
        done = run_method(
            "autogluon",
            read_task(copy),
            Path(scratch) / "out",
            threads=options.threads,
            preset=options.preset,
            time_limit=limit,
        )
        found = read_predictions(task, done.predictions)
    shares: Any = done.details.get("shares", {})
    return {
        "task": task.id,
        "limit": limit,
        "seconds": done.seconds,
        "models": list(shares),
        "metric": task.metric,
        "value": score_predictions(task, found, "all").primary.value,
    }


def table(cells: Sequence[dict[str, Any]]) -> str:
    """Return the Markdown table: points in percent, seconds also as a share of the limit."""
    rows = [["task", "limit, s", "taken, s", "share", "models in the blend", "score"]]
    rows.append(["---"] * len(rows[0]))
    for cell in cells:
        taken = f"{cell['seconds']:.1f}", f"{cell['seconds'] / cell['limit']:.0%}"
        models = ", ".join(cell["models"]) or "none"
        score = f"{100 * cell['value']:.1f}"
        rows.append([cell["task"], f"{cell['limit']:.0f}", *taken, models, score])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
