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
from challenge.errors import SubmissionError
from challenge.kinds.estimates import estimates
from challenge.scoring import read_predictions
from challenge.scoring.score import solution_part
from challenge.task import Task, read_task

__all__ = ["check_and_measure", "main"]


def check_and_measure(task: Task, path: Path) -> object:
    """Check a file and compute every metric that it can have, points only."""
    part = solution_part(task, "all")
    outcome = task.kind.outcome(part, read_predictions(task, path).answers)
    return estimates(task.kind.metrics.values(), outcome)


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


def report_faults(task: Task) -> object:
    """Let the strict reader find a fault in every row."""
    try:
        return read_predictions(task, task.folder / "faulty.csv")
    except SubmissionError as error:
        return error


def growth_of(root: Path, sizes: list[int], *, faulty: bool) -> float:
    """Return the exponent by which the work grows with the rows; the tasks stay in `root`."""
    cpu: list[float] = []
    for size in sizes:
        folder = root / f"{'faulty' if faulty else 'rows'}-{size}"
        task = make_task(folder, size)
        run: Callable[[], object] = partial(check_and_measure, task, folder / "p.csv")
        write_labels(task, folder / "p.csv")
        if faulty:
            text = (folder / "p.csv").read_text().replace("class", "clash")
            (folder / "faulty.csv").write_text(text)
            run = partial(report_faults, task)
        cpu.append(measure({"run": run}, rounds=3)["run"].cpu_s)
    return slope(sizes, cpu)


def main(full: bool) -> None:
    """Print rows 1 and 2 at their size; the peer and the growth at a tenth of it unless `full`."""
    n = 1_000_000
    n_peer = n if full else n // 10
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        task = make_task(root / "task", n)
        stored, shuffled = task.folder / "stored.csv", task.folder / "shuffled.csv"
        write_labels(task, stored)
        write_labels(task, shuffled, shuffled=True)
        work: dict[str, Callable[[], object]] = {
            "read the file with Arrow": partial(pc.read_csv, stored),
            "check and score, stored order": partial(check_and_measure, task, stored),
            "check and score, shuffled": partial(check_and_measure, task, shuffled),
        }
        times = measure(work, rounds=7)
        read, ordered, mixed = (times[name].cpu_s for name in work)
        small = make_task(root / "peer", n_peer)
        write_labels(small, small.folder / "p.csv")
        write_labels(small, small.private / "answers.csv")
        pair = {
            "ours, beside the peer": partial(check_and_measure, small, small.folder / "p.csv"),
            "the peer's path": partial(score_like_a_peer, small, small.folder / "p.csv"),
        }
        beside = measure(pair, rounds=1 if full else 3)
        ours, peer = (beside[name].cpu_s for name in pair)
        # Growth comes last: a file of 10,000,000 rows leaves a heap in which all else is slower.
        sizes = [10_000, 100_000, *([1_000_000, 10_000_000] if full else [])]
        growth = growth_of(root, sizes, faulty=False)
        strict = growth_of(root, [3_000, 30_000, *([300_000] if full else [])], faulty=True)
        report(
            1,
            f"check + label metrics, {n:,} rows in the stored order (the peer: {n_peer:,} rows)",
            "at most 1.25 x the read; the peer at least 40 x slower",
            {
                "x read": ordered / read,
                "peer x slower": peer / ours,
                "slope by rows": growth,
                "slope of the strict reader by faulty rows": strict,
            },
            met=ordered <= 1.25 * read and peer >= 40 * ours,
            timings=times | beside,
        )
        report(
            2,
            f"the same, {n:,} rows shuffled",
            "at most 4 x the read",
            {"x read": mixed / read},
            met=mixed <= 4 * read,
        )
        if full:
            report_memory(root / "rows-10000000")


def report_memory(folder: Path) -> None:
    """Print the peak memory of 10,000,000 labels, in both formats and orders."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    task = read_task(folder / "public")
    for order in ("stored", "shuffled"):
        path = folder / f"{order}.csv"
        write_labels(task, path, shuffled=order == "shuffled")
        table = pc.read_csv(path, convert_options=pc.ConvertOptions(column_types=_TEXTS))
        pq.write_table(table, path.with_suffix(".parquet"))
        del table
        pa.default_memory_pool().release_unused()
        for file in (path, path.with_suffix(".parquet")):
            peak = peak_memory_mb(partial(check_and_measure, task, file))
            report(
                "1, memory",
                f"check + score of 10,000,000 labels, {order} order, {file.suffix[1:]}",
                "at most 1,000 MB above the interpreter",
                {"MB": peak},
                met=peak <= 1000,
            )


_TEXTS = {"id": "string", "label": "string"}


if __name__ == "__main__":
    main("--full" in sys.argv)
