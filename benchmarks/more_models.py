"""Whether one more model of AutoGluon would help the entry.

    python -m benchmarks.more_models TASK_FOLDER … [--models LR RF …] [--json FILE] [--threads 1]

TASK_FOLDER is a built task (`datasets/icon-tag`) with two classes or more. Each model is bagged
over the published folds, on what the trees of the entry read, and joins the entry's blend as one
more model of AutoGluon's own; the last row has them all. The blend is chosen on four folds and
applied to the fifth, with the model and without. Train rows only. `XGB` and `CAT` need
`pip install xgboost-cpu catboost`; `GBM_PREP` is boosting on the features of TabPrep.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autogluon.tabular.configs.zeroshot.zeroshot_portfolio_cpu_2025_12_18 import (
    hyperparameter_portfolio_zeroshot_cpu_2025_12_18 as portfolio,
)

from benchmarks.ensemble import BLEND, choices_of, crossed, out_of_fold_models
from benchmarks.fits import add_fit_options, difference_text, keep_cell
from challenge.methods.builtin.folds import fold_codes, label_codes, spread_lone_classes
from challenge.methods.builtin.presets import MANY_CLASSES
from challenge.methods.returned import write_table
from challenge.scoring import compare_on_train
from challenge.task import Task, read_task
from challenge.task.frames import read_train

_MARK = "More"
"""Suffix of the names of the added models."""


def main() -> int:
    """Fit the models, choose the blends; print the table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="+", type=Path)
    parser.add_argument("--models", nargs="+", default=list(hyperparameters(2)))
    add_fit_options(parser)
    options = parser.parse_args()
    cells = []
    for folder in options.tasks:
        for cell in _cells(read_task(folder / "public"), options):
            keep_cell(cell, options.json)
            cells.append(cell)
    print(table(cells))
    return 0


def hyperparameters(n_classes: int) -> dict[str, dict[str, Any]]:
    """Return AutoGluon's hyperparameters of each model that can be added, by its key.

    Above 20 classes boosting is short, as it fits one tree per class and round.
    """
    many = n_classes > MANY_CLASSES
    rounds, rate = (40, 0.15) if many else (300, 0.05)
    boosting = {"learning_rate": rate, "num_boost_round": rounds, "seed": 0}
    prepared = {name: value for name, value in _portfolio_first().items() if "prep" in name}
    return {
        "LR": {},
        "RF": {"n_estimators": 200, "ag_args_ensemble": {"use_child_oof": False}},
        "XGB": {"learning_rate": rate, "n_estimators": rounds, "max_depth": 4, "seed": 0},
        "CAT": {"learning_rate": 2 * rate, "iterations": rounds, "depth": 4, "random_seed": 0},
        "GBM": {**boosting, "num_leaves": 8, "feature_fraction": 0.2},
        "GBM_PREP": {**boosting, "num_leaves": 8, "feature_fraction": 0.2, **prepared},
    }


def _portfolio_first() -> dict[str, Any]:
    """The first model with TabPrep features of the portfolio of AutoGluon 1.6 for processors."""
    found: dict[str, Any] = portfolio["GBM_PREP"][0]
    return found


def table(cells: Sequence[dict[str, Any]]) -> str:
    """Return the Markdown table: points in percent, the blend with each model minus without."""
    rows = [["task", "model", "alone", "with it minus without"], ["---"] * 4]
    for cell in cells:
        alone = f"{100 * cell['alone']:.1f}"
        rows.append([cell["task"], cell["model"], alone, difference_text(cell)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _cells(task: Task, options: argparse.Namespace) -> list[dict[str, Any]]:
    train = read_train(task)
    truth = label_codes(train, task)
    folds = spread_lone_classes(fold_codes(train, task), truth)
    known = hyperparameters(len(task.classes))
    more = {
        name: {**known[name], "ag_args": {"name_suffix": f"{_MARK}{name}"}}
        for name in options.models
    }
    models = out_of_fold_models(task, options.preset, options.threads, more)
    marked = {name: [one for one in models if f"{_MARK}{name}_" in one] for name in more}
    if len(more) > 1:
        marked[" + ".join(more)] = [one for several in marked.values() for one in several]
    own = {name: rows for name, rows in models.items() if _MARK not in name}
    choose = choices_of(task)[BLEND]
    found = []
    with tempfile.TemporaryDirectory(prefix="more-models-") as scratch:
        before, after, alone = (Path(scratch) / f"{index}.parquet" for index in range(3))
        write_table(crossed(task, own, truth, folds, choose), task, before)
        for name, added in marked.items():
            tables = {one: models[one] for one in added}
            write_table(crossed(task, {**own, **tables}, truth, folds, choose), task, after)
            write_table(crossed(task, tables, truth, folds, choose), task, alone)
            paired = compare_on_train(task, after, before).primary
            found.append(
                {
                    "task": task.id,
                    "model": name,
                    "metric": task.metric,
                    "before": paired.b,
                    "alone": compare_on_train(task, alone, before).primary.a,
                    "difference": paired.value,
                    "low": paired.low,
                    "high": paired.high,
                }
            )
    return found


if __name__ == "__main__":
    sys.exit(main())
