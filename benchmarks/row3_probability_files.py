"""Row 3: checking and scoring probabilities in CSV and in Parquet, against reading the CSV file."""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path

import pyarrow.csv as pc

from benchmarks.measure import measure, peak_memory_mb, report, slope
from benchmarks.row1_labels import check_and_measure
from benchmarks.scoring_files import CLASSES, make_task, write_labels, write_probabilities

__all__ = ["main"]


def main(full: bool) -> None:
    """Print row 3; three tenths of the rows that its target is for unless `full`."""
    n = 100_000 if full else 30_000
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        task = make_task(root / "task", n)
        text, columns = task.folder / "p.csv", task.folder / "p.parquet"
        write_probabilities(task, text)
        write_probabilities(task, columns)
        times = measure(
            {
                "read the CSV file with Arrow": lambda: pc.read_csv(text),
                "check and score CSV": lambda: check_and_measure(task, text),
                "check and score Parquet": lambda: check_and_measure(task, columns),
            }
        )
        read, csv, parquet = (timing.cpu_s for timing in times.values())
        tenth = make_task(root / "tenth", n // 10)
        write_probabilities(tenth, tenth.folder / "p.csv")
        fewer = measure({"run": partial(check_and_measure, tenth, tenth.folder / "p.csv")}, 3)
        cpu: list[float] = []
        widths = [2, 20, 100] + ([1000] if full else [])
        for k in widths:
            task = make_task(root / f"classes-{k}", 5000, [f"class {c:04}" for c in range(k)])
            write_probabilities(task, task.folder / "p.parquet")
            run = {"run": partial(check_and_measure, task, task.folder / "p.parquet")}
            cpu.append(measure(run, rounds=3)["run"].cpu_s)
        report(
            3,
            f"check + probability metrics, {n:,} x {len(CLASSES)}",
            "CSV at most 1.6 x the CSV read, float32 Parquet at most 0.25 x (100,000 rows)",
            {
                "CSV x read": csv / read,
                "Parquet x read": parquet / read,
                "slope by classes": slope(widths, cpu),
                "slope of CSV by rows": slope([n / 10, n], [fewer["run"].cpu_s, csv]),
            },
            met=csv <= 1.6 * read and parquet <= 0.25 * read if full else None,
            timings=times,
        )
        if full:
            small = make_task(root / "small", 1000)
            write_labels(small, small.folder / "p.csv")
            write_probabilities(small, small.folder / "p.parquet")
            check_and_measure(small, small.folder / "p.parquet")
            large = make_task(root / "large", 1_000_000)
            write_probabilities(large, large.folder / "p.parquet")
            peak = peak_memory_mb(lambda: check_and_measure(large, large.folder / "p.parquet"))
            report(
                "3, memory",
                "check + score of 1,000,000 x 100 in Parquet",
                "at most 250 MB above the interpreter",
                {"MB": peak},
                met=peak <= 250,
            )


if __name__ == "__main__":
    main("--full" in sys.argv)
