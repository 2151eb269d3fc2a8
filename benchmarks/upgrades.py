"""Whether `autogluon-pc` upgrades with fewer negative flips than plain retraining.

    python -m benchmarks.upgrades TASK_FOLDER … --keep DIR [--old fast] [--old-seed 0]
                                  [--seeds 1 2 3 4 5] [--preset default] [--threads 1]

TASK_FOLDER is a built task (`datasets/icon-tag`) of classes or matches. The old entry is
`autogluon` of one preset and seed, the new ones are of another. Each new one is compared with the
old one as it is (plain retraining) and as `autogluon-pc` makes it. Fits are kept in DIR and not
repeated. Figures are of the test rows, in percent.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas as pd

from benchmarks.fits import add_fit_options, keep_cell
from challenge.methods.builtin.autogluon import AutoGluon
from challenge.methods.builtin.congruence import KeptAnswers
from challenge.methods.earlier import OUT_OF_FOLD
from challenge.methods.returned import write_table
from challenge.methods.run.handover import PREDICTIONS
from challenge.scoring import compare_predictions, read_predictions
from challenge.task import Task, read_task
from challenge.task.frames import read_test, read_train

_FIGURES = (
    *("score_old", "score_new", "score_pc", "nfr_new", "nfr_pc"),
    *("relative_new", "relative_pc"),
)
_COLUMNS = ("old score", "new", "pc", "NFR, new", "pc", "relative NFR, new", "pc")
"""The columns of the table and their titles; NFR is the negative flip rate."""


def main() -> int:
    """Fit what is not kept; print the table and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="+", type=Path)
    parser.add_argument("--keep", type=Path, required=True, help="where fits are kept")
    parser.add_argument("--old", default="fast", help="preset of the old entry")
    parser.add_argument("--old-seed", type=int, default=0)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    add_fit_options(parser)
    options = parser.parse_args()
    cells = []
    for folder in options.tasks:
        task = read_task(folder / "public")
        old = _fitted(task, options.old, options.old_seed, options)
        for seed in options.seeds:
            cell = _upgrade(task, old, _fitted(task, options.preset, seed, options))
            cell |= {"task": task.id, "old": old.name, "new": options.preset, "seed": seed}
            keep_cell(cell, options.json)
            cells.append(cell)
    print(table(cells))
    return 0


def table(cells: Sequence[dict[str, Any]]) -> str:
    """Return the Markdown table: a row for each seed, and one of the means of each upgrade."""
    head = ["task", "old", "new", "seed", *_COLUMNS, "flips less", "weight"]
    rows = [head, ["---"] * len(head)]
    for upgrade in dict.fromkeys(map(_upgrade_of, cells)):
        several = [cell for cell in cells if _upgrade_of(cell) == upgrade]
        mean = {name: fmean(cell[name] for cell in several) for name in (*_FIGURES, "weight")}
        for cell in (*several, {"seed": "mean", **mean}):
            points = [f"{100 * cell[name]:.2f}" for name in _FIGURES]
            less = 1 - cell["nfr_pc"] / cell["nfr_new"] if cell["nfr_new"] else 0.0
            rows.append([*upgrade, str(cell["seed"]), *points, f"{less:.0%}"])
            rows[-1].append(f"{cell['weight']:.2f}")
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _upgrade_of(cell: dict[str, Any]) -> tuple[str, str, str]:
    return cell["task"], cell["old"], cell["new"]


def _fitted(task: Task, preset: str, seed: int, options: argparse.Namespace) -> Path:
    """Return the folder of a run with both files; fit it where they are not kept."""
    folder: Path = options.keep / task.id / f"{preset}-{seed}"
    if not (folder / PREDICTIONS).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        method = AutoGluon(seed=seed, threads=options.threads, preset=preset)
        method.fit(read_train(task), task)
        write_table(method.predict_out_of_fold(), task, folder / OUT_OF_FOLD)
        write_table(method.predict(read_test(task)), task, folder / PREDICTIONS)
    return folder


def _upgrade(task: Task, old: Path, new: Path) -> dict[str, Any]:
    """Return scores and flips of the new run as it is, and as `autogluon-pc` makes it."""
    kept = KeptAnswers(old, task)
    kept.fit(read_train(task), pd.read_parquet(new / OUT_OF_FOLD))
    congruent = kept.predict(read_test(task), pd.read_parquet(new / PREDICTIONS))
    cell: dict[str, Any] = {"metric": task.metric, "weight": kept.weight}
    with tempfile.TemporaryDirectory(prefix="upgrades-") as scratch:
        write_table(congruent, task, Path(scratch) / PREDICTIONS)
        before = read_predictions(task, old / PREDICTIONS)
        news = {
            name: read_predictions(task, folder / PREDICTIONS)
            for name, folder in (("new", new), ("pc", Path(scratch)))
        }
        paired = compare_predictions(task, news["pc"], news["new"], "all").primary
        cell |= {"difference": paired.value, "low": paired.low, "high": paired.high}
        for name, after in news.items():
            found = compare_predictions(task, before, after, "all")
            assert found.upgrade is not None
            rates = {rate.name: rate.value for rate in found.upgrade.rates}
            cell |= {"score_old": found.primary.a, f"score_{name}": found.primary.b}
            cell |= {f"nfr_{name}": rates["negative_flip_rate"]}
            cell |= {f"relative_{name}": rates["relative_nfr"]}
    return cell


if __name__ == "__main__":
    sys.exit(main())
