"""What conversion costs a row, 10k to 10M rows, beside pyarrow reading CSV and writing Parquet.

    python benchmarks/conversion.py                  # 10k, 100k, 1M
    python benchmarks/conversion.py --rows 10000000  # one size

Every run is a process of its own, so that its peak memory is its own. What a process pays once,
imports above all, is no cost of rows: a table of a thousand rows goes through before the clock
starts, and what that first table took stands on a line of its own. The yardstick is warmed up alike
and runs before and after. The image work is left out: it costs what decoding costs. Writing the
CSV form is measured apart, since the yardstick writes none, and the audit too: beside a whole
conversion of 100,000 rows, imports included on both sides.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from benchmarks.measure import report, slope
from challenge.prepare import RawTable
from challenge.prepare.build.raw_rows import plan_rows
from challenge.prepare.build.task_files import write_files
from challenge.task import tables
from challenge.task.definition import TaskDefinition
from challenge.task.image_store import ImageStore

BLOCK = 250_000
AUDITED = 100_000
FIRST = 1_000
STEADY = 500_000
"""Rows below which a run is repeated, so that its time can be read off the clock."""
DEFINITION = {
    "format": 1,
    "id": "synthetic",
    "kind": "classification",
    "title": "Synthetic",
    "metric": "macro_f1",
    "source": [{"path": "raw.csv"}],
    "raw": {"convert": "convert.py"},
    "columns": {
        "words": {"modality": "text"},
        "weight": {"modality": "numeric"},
        "count": {"modality": "numeric", "integer": True},
        "shop": {"modality": "categorical"},
        "colour": {"modality": "categorical"},
    },
}


def write_raw(path: Path, rows: int) -> None:
    """Write a CSV of text, numbers and categories; the same bytes each time."""
    random = np.random.default_rng(7)
    words = pa.array([f"word{place * 7919 % 5000}" for place in range(5000)])
    shops = pa.array([f"shop {place}" for place in range(1000)])
    colours = pa.array(["red", "green", "blue", "amber"])
    labels = pa.array([f"class {place}" for place in range(20)])
    with path.open("wb") as file:
        for start in range(0, rows, BLOCK):
            n = min(BLOCK, rows - start)
            picks = [words.take(pa.array(random.integers(0, 5000, n))) for _ in range(6)]
            table = pa.table(
                {
                    "key": pa.array(np.arange(start, start + n)).cast(pa.string()),
                    "words": pa.compute.binary_join_element_wise(*picks, " "),
                    "weight": np.round(random.normal(0, 100, n), 4),
                    "count": random.integers(0, 100_000, n),
                    "shop": shops.take(pa.array(random.integers(0, 1000, n))),
                    "colour": colours.take(pa.array(random.integers(0, 4, n))),
                    "label": labels.take(pa.array(random.integers(0, 20, n))),
                }
            )
            options = pyarrow.csv.WriteOptions(include_header=start == 0)
            pyarrow.csv.write_csv(table, file, options)


def read_raw(path: Path) -> Iterator[pa.RecordBatch]:
    """Read the raw CSV in batches, as a converter does."""
    types = {name: pa.string() for name in ("key", "words", "shop", "colour", "label")}
    yield from pyarrow.csv.open_csv(
        path, convert_options=pyarrow.csv.ConvertOptions(column_types=types)
    )


def rewrite(path: Path, out: Path) -> dict[str, float]:
    """Run the yardstick: the raw CSV read in batches and written as one Parquet file."""
    writer = None
    for batch in read_raw(path):
        writer = writer or pq.ParquetWriter(out / "raw.parquet", batch.schema, compression="zstd")
        writer.write_batch(batch)
    if writer is not None:
        writer.close()
    return {}


@contextmanager
def _count_time(owner: Any, name: str, spent: list[float]) -> Iterator[None]:
    """Let `owner.name` add the CPU seconds of its calls to `spent[0]`."""
    plain = getattr(owner, name)

    def timed(*words: Any) -> Any:
        start = time.process_time()
        try:
            return plain(*words)
        finally:
            spent[0] += time.process_time() - start

    setattr(owner, name, timed)
    yield
    setattr(owner, name, plain)


def convert(path: Path, out: Path) -> dict[str, float]:
    """Convert the raw CSV to the standard form, all but audit and cards."""
    definition = TaskDefinition.model_validate(DEFINITION)
    for name in ("public", "private", "spill"):
        (out / name).mkdir()
    spent = [0.0]
    raw = RawTable(lambda: read_raw(path), path.parent)
    secret = bytes(32)
    images = ImageStore(out / "public", raw.folder, lambda _: None)
    silent = {"progress": lambda _: None}
    with _count_time(tables, "_csv_rows", spent):
        plan = plan_rows(raw, definition, secret, images, out / "spill", **silent)
        write_files(plan, definition, secret, out / "public", out / "private", **silent)
    return {"csv_s": spent[0]}


def audit(path: Path, out: Path) -> dict[str, float]:
    """Build a task from the raw CSV; tell what the audit took of it."""
    from challenge.prepare.build import task_build as build

    folder = out / "synthetic"
    folder.mkdir()
    lines = [
        'format = 1\nid = "synthetic"\nkind = "classification"\ntitle = "Synthetic"',
        f'metric = "macro_f1"\n[[source]]\npath = "{path}"',
        '[raw]\nformat = "table"\nkey = "key"\nlabel = "label"',
        *(
            f'[columns.{name}]\nmodality = "{column["modality"]}"'
            for name, column in DEFINITION["columns"].items()  # type: ignore[attr-defined]
        ),
    ]
    (folder / "task.toml").write_text("\n".join(lines), encoding="utf-8")
    spent = [0.0]
    with _count_time(build, "_audit", spent):
        build.build_task(folder, cache=out / "cache")
    return {"audit_s": spent[0]}


def run_apart(what: str, path: Path, rows: int) -> dict[str, float]:
    """Run one piece of work in a process of its own; return CPU seconds and peak MB."""
    command = [sys.executable, "-m", "benchmarks.conversion", "--inside", what, str(path)]
    command += ["--rows", str(rows)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def inside(what: str, path: Path, rows: int) -> None:
    work = {"rewrite": rewrite, "convert": convert, "audit": audit}[what]
    found: dict[str, float] = {}
    if what != "audit":
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            write_raw(Path(folder) / "first.csv", FIRST)
            work(Path(folder) / "first.csv", Path(folder))
        found["first_s"] = time.process_time()
    runs = [run_once(work, path) for _ in range(max(1, STEADY // rows if what != "audit" else 1))]
    for name in runs[0]:
        found[name] = median(run[name] for run in runs)
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found))


def run_once(work: Callable[[Path, Path], dict[str, float]], path: Path) -> dict[str, float]:
    """Run the work in a folder of its own; return what it says, and CPU and wall seconds."""
    with tempfile.TemporaryDirectory(dir=path.parent) as out:
        cpu, wall = time.process_time(), time.perf_counter()
        found = work(path, Path(out))
        found |= {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    return found


def report_audit(folder: str) -> None:
    """Print what the audit of a task costs beside its conversion."""
    path = Path(folder) / "audited.csv"
    write_raw(path, AUDITED)
    found = run_apart("audit", path, AUDITED)
    ratio = found["audit_s"] / (found["cpu_s"] - found["audit_s"])
    report(
        "audit",
        f"{AUDITED:,} rows of text, numbers and categories",
        "at most 3 x the CPU of the conversion itself",
        {"ratio": ratio, "s": found["audit_s"]},
        met=ratio <= 3,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help="where to write; default: a temporary folder")
    arguments = parser.parse_args()
    if arguments.inside:
        inside(arguments.inside[0], Path(arguments.inside[1]), arguments.rows[0])
        return
    seconds, firsts = [], []
    for rows in arguments.rows:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            path = Path(folder) / "raw.csv"
            write_raw(path, rows)
            before, conversion, after = (
                run_apart(what, path, rows) for what in ("rewrite", "convert", "rewrite")
            )
        yardstick = {name: (before[name] + after[name]) / 2 for name in before}
        own = conversion["cpu_s"] - conversion["csv_s"]
        seconds.append(own)
        firsts.append(conversion["first_s"])
        ratio = own / yardstick["cpu_s"]
        report(
            "conversion",
            f"{rows:,} raw rows to the standard form, without writing CSV",
            "at most 4 x the CPU of pyarrow reading the raw CSV and writing one Parquet file",
            {
                "ratio": ratio,
                "us a row": own / rows * 1e6,
                "us a row for CSV": conversion["csv_s"] / rows * 1e6,
                "wall ratio, CSV included": conversion["wall_s"] / yardstick["wall_s"],
            },
            met=ratio <= 4,
        )
        report(
            "conversion",
            f"memory for {rows:,} raw rows",
            "at most 2,048 MB at the peak",
            {"MB": conversion["peak_mb"]},
            met=conversion["peak_mb"] <= 2048,
        )
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        report_audit(folder)
    report(
        "conversion",
        f"fixed part: a fresh process until its first {FIRST:,} rows are converted",
        "none: paid once, not a row (imports above all)",
        {"s": median(firsts)},
        met=None,
    )
    if len(seconds) > 1:
        exponent = slope(arguments.rows, seconds)
        report(
            "conversion",
            "growth of CPU with rows",
            "at most 1.1 (1 is linear)",
            {"exponent": exponent},
            met=exponent <= 1.1,
        )


if __name__ == "__main__":
    main()
