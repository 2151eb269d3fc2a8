"""Tasks and predictions files for the benchmarks of checking: made from a seed."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from challenge.task import Task, read_task

__all__ = ["CLASSES", "make_ids", "make_task", "write_labels", "write_probabilities"]

CLASSES = [f"class {code:02d}" for code in range(100)]


def make_ids(n: int) -> list[str]:
    """Return n ids of 15 bytes in ascending order."""
    numbers = np.random.default_rng(0).choice(2**40, n, replace=False)
    return [f"r{number:014x}" for number in np.sort(numbers).tolist()]


def make_task(folder: Path, n: int, classes: list[str] = CLASSES) -> Task:
    """Write a public folder with n test ids, and a solution drawn at random beside it."""
    public, private = folder / "public", folder / "private"
    public.mkdir(parents=True)
    private.mkdir(mode=0o700)
    ids = make_ids(n)
    pq.write_table(pa.table({"id": ids}), public / "test.parquet")
    pq.write_table(pa.table({"id": ["t"]}), public / "train.parquet")
    truth = make_truth(n, len(classes))
    solution = {
        "id": ids,
        "label": pa.array(classes).take(pa.array(truth)),
        "subset": ["public"] * n,
        "cluster": np.arange(n, dtype=np.int32),
        "other": np.arange(n, dtype=np.int32),
    }
    pq.write_table(pa.table(solution), private / "solution.parquet")
    (private / "secret").write_bytes(bytes(32))
    document = {
        "format": 1,
        "id": folder.name,
        "kind": "classification",
        "title": "A benchmark",
        "description": "",
        "metric": "macro_f1",
        "columns": [],
        "record_ids": False,
        "classes": classes,
        "n_train": 1,
        "n_test": n,
        "digests": {"data": "d" * 64, "solution": "s" * 64, "card": "c" * 64},
    }
    (public / "task.json").write_text(json.dumps(document))
    return read_task(public)


def make_truth(n: int, k: int) -> NDArray[np.int64]:
    """Return the codes of the solution."""
    return np.random.default_rng(1).integers(0, k, n)


def write_labels(task: Task, path: Path, *, shuffled: bool = False) -> None:
    """Write a clean label file, seven of ten right."""
    rng = np.random.default_rng(2)
    n, k = task.n_test, len(task.classes)
    codes = np.where(rng.random(n) < 0.7, make_truth(n, k), rng.integers(0, k, n))
    order = rng.permutation(n) if shuffled else np.arange(n)
    ids = make_ids(n)
    with path.open("w", encoding="utf-8") as file:
        file.write("id,label\n")
        pairs = zip(order.tolist(), codes[order].tolist(), strict=True)
        file.writelines(f"{ids[row]},{task.classes[code]}\n" for row, code in pairs)


def write_probabilities(task: Task, path: Path) -> None:
    """Write clean probabilities: float32 in Parquet, their shortest decimals in CSV."""
    rng = np.random.default_rng(3)
    n, k = task.n_test, len(task.classes)
    columns: dict[str, Any] = {"id": make_ids(n)}
    values = rng.standard_gamma(0.3, (n, k)).astype(np.float32)
    values[np.arange(n), make_truth(n, k)] += 1
    values /= values.sum(axis=1, keepdims=True)
    columns |= {name: values[:, code] for code, name in enumerate(task.classes)}
    if path.suffix == ".parquet":
        pq.write_table(pa.table(columns), path)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for one, row in zip(columns["id"], values, strict=True):
            writer.writerow([one, *map(str, row)])
