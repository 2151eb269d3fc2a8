"""Estimates of policies beside their true values, on the log whose truth is known.

    challenge run uniform greedy linucb --task crossfire-offers --to DIR
    python -m benchmarks.known_truth datasets/crossfire-offers DIR

The reward of an offer is 1 for the shelf of the object, so a policy is truly worth its mean
probability of that shelf over the test rows. The converter knows the shelves; the log does not.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa

from challenge.prepare import load_converter
from challenge.prepare.build.ids import id_strings, keyed_draws
from challenge.prepare.sources.fetch import cache_folder, raw_folder
from challenge.scoring import Predictions, read_predictions, score_predictions
from challenge.task import Task, read_task
from challenge.task.definition import read_definition
from challenge.task.frames import read_test


def main() -> int:
    """Print SNIPS with its interval and the true value of each policy of the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", type=Path)
    parser.add_argument("runs", type=Path, help="what `challenge run --to` wrote")
    options = parser.parse_args()
    task = read_task(options.task / "public")
    shelves = true_arms(task, options.task)
    print("| policy | SNIPS (95 %) | true value | effective rows |\n| --- | --- | --- | --- |")
    for file in sorted(options.runs.glob(f"*/{task.id}/predictions.parquet")):
        found = read_predictions(task, file)
        score = score_predictions(task, found, "all")
        snips, rows = score.primary, score.diagnostics["n_effective_sample_size"] or 0.0
        ends = "–" if snips.low is None else f"{snips.low:.3f} to {snips.high:.3f}"
        value = "–" if snips.value is None else f"{snips.value:.3f}"
        true = true_value(task, found, shelves)
        print(f"| {file.parts[-3]} | {value} ({ends}) | {true:.3f} | {rows:,.0f} |")
    return 0


def true_arms(task: Task, folder: Path) -> dict[str, str]:
    """Return the shelf of the object of each row, by the id of the row."""
    definition = read_definition(folder)
    raw = raw_folder(definition, cache_folder(folder.parents[1]), folder)
    rows = pa.Table.from_batches(load_converter(folder / "convert.py").convert(raw).batches())
    secret = (task.private / "secret").read_bytes()
    ids = id_strings(keyed_draws(secret, "row", rows["key"].combine_chunks()).number, "r")
    return dict(zip(ids.to_pylist(), rows["shelf"].to_pylist(), strict=True))


def true_value(task: Task, found: Predictions, shelves: dict[str, str]) -> float:
    """Return the mean probability of the true arm over the test rows."""
    truth = np.array([task.classes.index(shelves[row]) for row in read_test(task)["id"]])
    if found.probabilities is None:
        return float((found.codes == truth).mean())
    shown = [
        rows[np.arange(len(rows)), truth[where]].sum()
        for where, rows in found.probabilities.blocks()
    ]
    return float(sum(shown) / len(truth))


if __name__ == "__main__":
    sys.exit(main())
