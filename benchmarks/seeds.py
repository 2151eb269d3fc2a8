"""One method on one task with several seeds: how much of a score is chance of the fit.

    python -m benchmarks.seeds TASK_FOLDER … [--seeds 1 2 3 4 5] [--methods autogluon]

TASK_FOLDER is a built task (`datasets/icon-variants`). Each seed is a cell of `challenge run`, with
the threads of every library fixed. What is printed is the primary metric on the test rows for each
seed, their mean, and the spread: the largest minus the smallest.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.fits import add_fit_options, keep_cell, seed_table
from challenge.methods import run_method
from challenge.scoring import read_predictions, score_predictions
from challenge.task import read_task


def main() -> int:
    """Run every seed; print the table and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="+", type=Path)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--methods", nargs="+", default=["autogluon"])
    add_fit_options(parser)
    options = parser.parse_args()
    cells = []
    for folder in options.tasks:
        task = read_task(folder / "public")
        for name in options.methods:
            for seed in options.seeds:
                with tempfile.TemporaryDirectory(prefix="seeds-") as out:
                    done = run_method(
                        name,
                        task,
                        Path(out),
                        seed=seed,
                        threads=options.threads,
                        preset=options.preset,
                    )
                    found = read_predictions(task, done.predictions)
                cell = {
                    "task": task.id,
                    "method": name,
                    "seed": seed,
                    "metric": task.metric,
                    "value": score_predictions(task, found, "all").primary.value,
                    "cpu_s": done.cpu_s,
                }
                keep_cell(cell, options.json)
                cells.append(cell)
    print(table(cells))
    return 0


def table(cells: Sequence[dict[str, Any]]) -> str:
    """Return the Markdown table, with the mean and the spread of each row."""
    summaries = {
        "mean": lambda points: f"{sum(points) / len(points):.2f}",
        "spread": lambda points: f"{max(points) - min(points):.2f}",
    }
    return seed_table(cells, 2, summaries)


if __name__ == "__main__":
    sys.exit(main())
