"""Rows 1 and 2: checking and scoring a label file, against reading it and against a peer's path.

The yardstick is Arrow's CSV reader with its defaults on the same file. The peer's path is made of
the calls that MLE-bench makes: `pandas.read_csv`, both sides sorted by id, scikit-learn.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow.csv as pc

from benchmarks.measure import measure, peak_memory_mb, report, slope
from benchmarks.scoring_files import make_task, write_labels
from challenge.scoring import read_predictions
from challenge.scoring.kinds import kind_module
from challenge.scoring.score import solution_part
from challenge.task import Task

__all__ = ["check_and_measure", "main"]


def check_and_measure(task: Task, path: Path) -> object:
    """Check a file and compute every metric that it can have, points only."""
    part = solution_part(task, "all")
    return kind_module(task.kind).measure(part, read_predictions(task, path))


def score_like_a_peer(task: Task, path: Path) -> object:
    """Compute the same five label metrics as MLE-bench would."""
    import pandas as pd
    from sklearn import metrics

    submission, answers = pd.read_csv(path), pd.read_csv(task.private / "answers.csv")
    submission = submission.sort_values("id").reset_index(drop=True)
    answers = answers.sort_values("id").reset_index(drop=True)
    if (submission["id"] != answers["id"]).any():
        raise ValueError("ids differ")
    truth, found = answers["label"], submission["label"]
    return (
        metrics.accuracy_score(truth, found),
        metrics.balanced_accuracy_score(truth, found),
        metrics.f1_score(truth, found, average="macro"),
        metrics.f1_score(truth, found, average="weighted"),
        metrics.matthews_corrcoef(truth, found),
    )


def main(full: bool) -> None:
    """Print rows 1 and 2; a tenth of the size unless `full`."""
    sizes = [10_000, 100_000, 1_000_000] + ([10_000_000] if full else [])
    n = 1_000_000 if full else 100_000
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        cpu: list[float] = []
        for size in [size for size in sizes if full or size <= n]:
            task = make_task(root / f"rows-{size}", size)
            write_labels(task, task.folder / "p.csv")
            one = {"check and score": partial(check_and_measure, task, task.folder / "p.csv")}
            cpu.append(measure(one, rounds=3)["check and score"].cpu_s)
        growth = slope(sizes[: len(cpu)], cpu)
        task = make_task(root / "task", n)
        stored, shuffled = task.folder / "stored.csv", task.folder / "shuffled.csv"
        write_labels(task, stored)
        write_labels(task, shuffled, shuffled=True)
        write_labels(task, task.private / "answers.csv")
        work: dict[str, Callable[[], object]] = {
            "read the file with Arrow": partial(pc.read_csv, stored),
            "check and score, stored order": partial(check_and_measure, task, stored),
            "check and score, shuffled": partial(check_and_measure, task, shuffled),
        }
        times = measure(work, rounds=7)
        times |= measure({"the peer's path": lambda: score_like_a_peer(task, stored)}, rounds=1)
        read, ordered, mixed, peer = (times[name].cpu_s for name in [*work, "the peer's path"])
        report(
            1,
            f"check + label metrics, {n:,} rows in the stored order",
            "at most 1.25 x the read; the peer at least 40 x slower",
            {"x read": ordered / read, "peer x slower": peer / ordered, "slope": growth},
            met=ordered <= 1.25 * read and peer >= 40 * ordered,
            timings=times,
        )
        report(
            2,
            f"the same, {n:,} rows shuffled",
            "at most 4 x the read",
            {"x read": mixed / read},
            met=mixed <= 4 * read,
        )
        if full:
            big = root / "rows-10000000"
            task = make_task(root / "again", 1000)  # warms what is imported on first use
            write_labels(task, task.folder / "p.csv")
            check_and_measure(task, task.folder / "p.csv")
            from challenge.task import read_task

            large = read_task(big / "public")
            peak = peak_memory_mb(lambda: check_and_measure(large, big / "p.csv"))
            report(
                "1, memory",
                "check + score of 10,000,000 labels",
                "at most 1,000 MB above the interpreter",
                {"MB": peak},
                met=peak <= 1000,
            )


if __name__ == "__main__":
    main("--full" in sys.argv)
