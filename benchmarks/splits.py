"""One task split again with several seeds: how much of a score is the method, how much the split.

    python -m benchmarks.splits TASK_FOLDER … [--seeds 1 2 3 4 5] [--methods linear autogluon]

TASK_FOLDER holds a `task.toml` with `seed = N`. For each seed a copy is built in a temporary
folder (downloads come from the cache); every method learns from its train rows and is scored once
on its test rows. What is printed is the primary metric of each split and the mean over them, whose
interval is Student's over the splits: the splits share rows, so it is rather too narrow.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.fits import add_fit_options, keep_cell, seed_table
from challenge.methods import resolve_method
from challenge.methods.returned import write_table
from challenge.prepare.build.task_build import build_task
from challenge.prepare.sources.fetch import cache_folder
from challenge.scoring import read_predictions, score_predictions
from challenge.task.frames import read_test, read_train

_SEED = re.compile(r"^seed = \S+", re.MULTILINE)


def main() -> int:
    """Build, fit and score every split; print the table and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="+", type=Path)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--methods", nargs="+", default=["linear", "autogluon"])
    add_fit_options(parser)
    options = parser.parse_args()
    cells = []
    for source in options.tasks:
        for seed in options.seeds:
            with tempfile.TemporaryDirectory(prefix="splits-") as scratch:
                for cell in _cells(source, seed, Path(scratch) / source.name, options):
                    keep_cell(cell, options.json)
                    cells.append(cell)
    print(table(cells))
    return 0


def table(cells: Sequence[dict[str, Any]]) -> str:
    """Return the Markdown table, with the mean of each row and its interval."""
    return seed_table(cells, 1, {"mean (95 %)": _mean})


def _mean(values: Sequence[float]) -> str:
    import numpy as np
    from scipy.stats import t

    mean, n = float(np.mean(values)), len(values)
    if n < 2:
        return f"{mean:.1f}"
    arm = float(t.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n))
    return f"{mean:.1f} ({mean - arm:.1f} to {mean + arm:.1f})"


def _cells(
    source: Path, seed: int, folder: Path, options: argparse.Namespace
) -> list[dict[str, Any]]:
    shutil.copytree(
        source, folder, ignore=shutil.ignore_patterns("public", "private", "cache", "__pycache__")
    )
    definition = folder / "task.toml"
    text, n_seeds = _SEED.subn(f"seed = {seed}", definition.read_text(encoding="utf-8"))
    if n_seeds != 1:
        raise ValueError(f"{definition}: {n_seeds} lines `seed = …`; exactly one is needed")
    definition.write_text(text, encoding="utf-8")
    task = build_task(folder, cache=cache_folder(source.resolve().parent.parent)).task
    found = []
    for name in options.methods:
        began = time.process_time()
        method: Any = resolve_method(name).make(
            seed=0, threads=options.threads, preset=options.preset
        )
        method.fit(read_train(task), task)
        path = folder / f"{name}.parquet"
        write_table(method.predict(read_test(task)), task, path)
        score = score_predictions(task, read_predictions(task, path), "all")
        value = score.metrics[task.metric]
        found.append(
            {
                "task": task.id,
                "seed": seed,
                "method": name,
                "metric": task.metric,
                "value": value.value,
                "low": value.low,
                "high": value.high,
                "cpu_s": round(time.process_time() - began, 1),
            }
        )
    return found


if __name__ == "__main__":
    sys.exit(main())
