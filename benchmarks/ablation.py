"""What each part is worth to the reference entry: one left out at a time, of features and models.

    python -m benchmarks.ablation TASK_FOLDER … [--only PART …] [--json FILE] [--threads 2]

TASK_FOLDER is a built task (`datasets/icon-tag`). The full entry and the entry without the text
embedding, the images, the pair features are fitted on the same rows. `models` takes the models of
the full entry apart: AutoGluon's own alone, all others, and all but each of these. `plain` is
`autogluon-plain`.
The paired difference of the primary metric on the test rows has the interval of `challenge
compare`, the figure beside it is of the out-of-fold predictions of the train rows. Parts that a
task does not have are not run; `--only` runs these parts alone.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.fits import add_fit_options, difference_text, keep_cell
from challenge.methods.builtin.autogluon import TITLES, AutoGluon
from challenge.methods.builtin.autogluon_plain import AutoGluonPlain
from challenge.methods.builtin.blend import TREES
from challenge.methods.builtin.inputs import PARTS
from challenge.methods.protocol import Method
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

FULL, MODELS, PLAIN = "(full)", "models", "plain"


def main() -> int:
    """Run the entry with and without each part; print the table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="+", type=Path)
    parser.add_argument("--only", nargs="+", choices=[*PARTS, MODELS, PLAIN], help="parts to run")
    add_fit_options(parser)
    options = parser.parse_args()
    cells = []
    with tempfile.TemporaryDirectory(prefix="ablation-") as scratch:
        for folder in options.tasks:
            task = read_task(folder / "public")
            full: Predictions | None = None
            for entry, make in entries(task, options):
                cell, found = _run(task, entry, make, full, Path(scratch))
                full = full or found
                keep_cell(cell, options.json)
                cells.append(cell)
    print(table(cells))
    return 0


def entries(task: Task, options: argparse.Namespace) -> Iterator[tuple[str, Callable[[], Method]]]:
    """Yield the name of each entry and what returns it fitted; the full one comes first."""
    wanted = options.only or [*PARTS, MODELS, PLAIN]
    train = read_train(task)
    full: list[AutoGluon] = []

    def fitted(without: Sequence[str] = ()) -> Method:
        method = AutoGluon(threads=options.threads, preset=options.preset, without=without)
        method.fit(train, task)
        full.append(method)
        return method

    def plain() -> Method:
        method = AutoGluonPlain(threads=options.threads)
        method.fit(train, task)
        return method

    yield FULL, fitted
    for part in parts_of(task):
        if part in wanted:
            yield f"without {part}", partial(fitted, [part])
    if MODELS in wanted:
        models: Any = full[0].details["models"]
        yield "AutoGluon's own models only", partial(full[0].keeping, [TREES])
        for left_out in models if len(models) > 2 else [TREES]:
            others = set(models) - {left_out}
            yield f"without {TITLES[left_out]}", partial(full[0].keeping, others)
    if PLAIN in wanted:
        yield PLAIN, plain


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
        ["task", "entry", "test", "minus full, test", "out of fold", "difference"],
        ["---"] * 6,
    ]
    for cell in cells:
        full = next(one for one in cells if (one["task"], one["entry"]) == (cell["task"], FULL))
        missing = difference_text(cell)
        own = apart = "–"
        if cell["out_of_fold"] is not None:
            own = f"{100 * cell['out_of_fold']:.1f}"
            if cell["entry"] != FULL:
                apart = f"{100 * (cell['out_of_fold'] - full['out_of_fold']):+.1f}"
        rows.append([cell["task"], cell["entry"], f"{100 * cell['test']:.1f}", missing, own, apart])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _run(
    task: Task, entry: str, make: Callable[[], Method], full: Predictions | None, scratch: Path
) -> tuple[dict[str, Any], Predictions]:
    began = time.process_time()
    method: Any = make()
    path, own = scratch / "test.parquet", scratch / "train.parquet"
    write_table(method.predict(read_test(task)), task, path)
    found = read_predictions(task, path)
    against = compare_predictions(task, found, full, "all").primary if full else None
    out_of_fold = None
    if isinstance(method, AutoGluon):
        write_table(method.predict_out_of_fold(), task, own)
        out_of_fold = score_on_train(task, own).primary.value
    cell = {
        "task": task.id,
        "entry": entry,
        "metric": task.metric,
        "test": score_predictions(task, found, "all").primary.value,
        "out_of_fold": out_of_fold,
        "difference": against.value if against else None,
        "low": against.low if against else None,
        "high": against.high if against else None,
        "cpu_s": round(time.process_time() - began, 1),
        "shares": method.details.get("shares"),
    }
    return cell, found


if __name__ == "__main__":
    sys.exit(main())
