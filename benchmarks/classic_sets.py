"""The seven classic matching sets: our methods on the official splits, beside published figures.

    CHALLENGE_CLASSIC_SETS=DIR python -m benchmarks.classic_sets [--sets Beer …] [--json FILE]

DIR holds a folder for each set with `train.txt`, `valid.txt` and `test.txt` in ditto's text form.
A method learns from train only, its threshold is the best one on valid, and test is scored once.
The tasks are built in a temporary folder. What is printed holds figures, no rows of the sets.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.fits import add_fit_options, keep_cell
from challenge.methods import resolve_method
from challenge.methods.builtin.folds import best_f1_threshold
from challenge.methods.returned import write_table
from challenge.prepare.build.task_build import build_task
from challenge.scoring import MetricValue, read_predictions, score_predictions
from challenge.task import Task
from challenge.task.frames import read_test, read_train

if TYPE_CHECKING:
    import pandas as pd

PUBLISHED = {
    # Magellan, DeepMatcher, Ditto: F1 in percent as their papers give them; then a language model.
    "Amazon-Google": ("49.1", "69.3", "75.58", "80.25"),
    "Walmart-Amazon": ("71.9", "66.9", "86.76", "90.3"),
    "Abt-Buy": ("43.6", "62.8", "89.33", "94.5"),
    "DBLP-ACM": ("", "", "98.99", ""),
    "iTunes-Amazon": ("", "", "97.06", ""),
    "Beer": ("", "", "94.37", ""),
    "Fodors-Zagats": ("", "", "100", ""),
    "Fodors-Zagats without class": ("", "", "", ""),
}
_WITHOUT = {"Fodors-Zagats without class": ("Fodors-Zagats", "class")}
"""Sets of which a column is left out: the set, and the column. This one leaks the label."""
METHODS = ("majority", "linear", "autogluon", "autogluon-context")


def main() -> int:
    """Run the methods on the sets, print the table and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="*", default=list(PUBLISHED), choices=list(PUBLISHED))
    parser.add_argument("--methods", nargs="*", default=list(METHODS), choices=METHODS)
    add_fit_options(parser)
    options = parser.parse_args()
    source = os.environ.get("CHALLENGE_CLASSIC_SETS", "")
    if not source or not Path(source).is_dir():
        print("CHALLENGE_CLASSIC_SETS: name the folder that holds the sets", file=sys.stderr)
        return 3
    cells = []
    with tempfile.TemporaryDirectory(prefix="classic-sets-") as scratch:
        for name in options.sets:
            folder = _source(Path(source).resolve(), name, Path(scratch) / "sources")
            task = _build(folder, Path(scratch) / name.lower().replace(" ", "-"))
            for method in options.methods:
                cell = {"set": name, **_run(task, folder, method, options)}
                keep_cell(cell, options.json)
                cells.append(cell)
    print(table(cells))
    return 0


def table(cells: Sequence[dict[str, Any]]) -> str:
    """Return the Markdown table: F1 in percent with its interval, a row for each set."""
    methods = [method for method in METHODS if any(cell["method"] == method for cell in cells)]
    head = ["set", "test pairs / matches", "one error costs", *methods]
    rows = [[*head, "Magellan", "DeepMatcher", "Ditto", "language model"]]
    rows.append(["---"] * len(rows[0]))
    for name, published in PUBLISHED.items():
        of_set = {cell["method"]: cell for cell in cells if cell["set"] == name}
        if of_set:
            any_cell = next(iter(of_set.values()))
            rows.append(
                [
                    name,
                    f"{any_cell['n_test']:,} / {any_cell['n_matches']}",
                    f"{100 * of_set[methods[-1]]['resolution']:.2f}",
                    *(_percent(of_set.get(method)) for method in methods),
                    *(figure or "–" for figure in published),
                ]
            )
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _percent(cell: dict[str, Any] | None) -> str:
    if cell is None or cell["f1"] is None:
        return "–"
    ends = (cell["low"], cell["high"])
    low, high = ("–" if end is None else f"{100 * end:.1f}" for end in ends)
    return f"{100 * cell['f1']:.1f} ({low}–{high})"


def _source(sets: Path, name: str, copies: Path) -> Path:
    """Return the folder of a set; of one without a column a copy that lacks it."""
    if name not in _WITHOUT:
        return sets / name
    origin, column = _WITHOUT[name]
    folder = copies / name
    folder.mkdir(parents=True)
    for file in ("train.txt", "valid.txt", "test.txt"):
        text = (sets / origin / file).read_text(encoding="utf-8")
        text = re.sub(rf"COL {column} VAL .*?(?=COL |\t)", "", text)
        (folder / file).write_text(text, encoding="utf-8")
    return folder


def _build(source: Path, folder: Path) -> Task:
    line = (source / "train.txt").read_text(encoding="utf-8").split("\t", 1)[0]
    names = re.findall(r"COL (\S+) VAL", line)
    accepted = ["identical-rows", "seen-records", "transitive-pairs", "near-identical-texts"]
    accepted += [f"telling-agreement-{name}" for name in names]
    folder.mkdir(parents=True)
    (folder / "task.toml").write_text(
        f'format = 1\nid = "{folder.name}"\nkind = "matching"\ntitle = "{source.name}"\n'
        f'metric = "f1"\n[[source]]\npath = "{source}"\n[raw]\nformat = "ditto"\n'
        '[split]\nby = "official"\nseed = 1\n'
        + "".join(f'[columns.{name}]\nmodality = "text"\n' for name in names)
        + "[accept]\n"
        + "".join(f'{name} = "the published split is kept"\n' for name in accepted),
        encoding="utf-8",
    )
    return build_task(folder, cache=folder.parent / "cache").task


def _run(task: Task, source: Path, name: str, options: argparse.Namespace) -> dict[str, Any]:
    began = time.process_time()
    method: Any = resolve_method(name).make(seed=0, threads=options.threads, preset=options.preset)
    both, test = read_train(task), read_test(task)
    in_valid = valid_rows(task, both, source / "valid.txt")
    train, valid = both[~in_valid].reset_index(drop=True), both[in_valid].reset_index(drop=True)
    method.fit(train, task)
    threshold, f1_valid = best_f1_threshold(
        valid["label"].to_numpy(int), method.predict(valid)["score"].to_numpy(float)
    )
    found = method.predict(test)
    found["label"] = (found["score"] >= threshold).astype("int8")
    path = task.public.parent / f"{name}.parquet"
    write_table(found, task, path)
    score = score_predictions(task, read_predictions(task, path), "all")
    value: MetricValue = score.metrics["f1"]
    return {
        "method": name,
        "f1": value.value,
        "low": value.low,
        "high": value.high,
        "resolution": score.resolution,
        "average_precision": score.metrics["average_precision"].value,
        "f1_valid": f1_valid,
        "threshold": threshold,
        "cpu_s": round(time.process_time() - began, 1),
        "n_train": len(train),
        "n_valid": len(valid),
        "n_test": len(test),
        "n_matches": _matches(source / "test.txt"),
    }


def valid_rows(task: Task, table: pd.DataFrame, file: Path) -> Any:
    """Return which rows of train and valid together are in `file`, each as often as there.

    Exports are alike in every value and the label, so it does not matter which of them is taken.
    """
    import numpy as np

    left = _counts(task, file)
    names = [column.name for column in task.columns]
    chosen = np.zeros(len(table), bool)
    cells = table[[*names, "label"]].astype(object)
    for place, row in enumerate(cells.where(cells.notna(), None).itertuples(index=False)):
        key = tuple(None if value is None else str(value) for value in row)
        if left.get(key, 0):
            left[key] -= 1
            chosen[place] = True
    missing = sum(left.values())
    if missing:
        raise ValueError(f"{file}: {missing} pairs are not in the task")
    return chosen


def _counts(task: Task, file: Path) -> dict[tuple[str | None, ...], int]:
    from challenge.prepare.converters import ditto
    from challenge.task.definition import read_definition

    definition = read_definition(task.public.parent)
    with tempfile.TemporaryDirectory(prefix="classic-valid-") as alone:
        (Path(alone) / "valid.txt").write_bytes(file.read_bytes())
        raw = ditto.convert(Path(alone), definition)
        counts: dict[tuple[str | None, ...], int] = {}
        for batch in raw.batches():
            for row in batch.to_pylist():
                key = (*(row[column.name] for column in task.columns), row["label"])
                counts[key] = counts.get(key, 0) + 1
    return counts


def _matches(file: Path) -> int:
    with file.open(encoding="utf-8", newline="\n") as lines:
        return sum(line.rstrip().endswith("\t1") for line in lines)


if __name__ == "__main__":
    sys.exit(main())
