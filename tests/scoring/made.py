"""Tiny public folders of tasks, written by hand: ids, classes and nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from challenge.task import Task, read_task

CLASSES = ("bird", "cat", "dog")


def make_task(
    folder: Path,
    *,
    kind: str = "classification",
    metric: str | None = None,
    classes: Sequence[str] = CLASSES,
    ids: Sequence[str] | None = None,
    train_ids: Sequence[str] | None = None,
    n: int = 8,
) -> Task:
    """Write `public/` with the ids of test and train, and read the task."""
    test = sorted(ids or (f"r{i * 7 + 1:016x}" for i in range(n)), key=str.encode)
    train = sorted(train_ids or (f"r{i * 7 + 3:016x}" for i in range(n)), key=str.encode)
    public = folder / "public"
    public.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"id": pa.array(test, pa.string())}), public / "test.parquet")
    pq.write_table(pa.table({"id": pa.array(train, pa.string())}), public / "train.parquet")
    matching = kind == "matching"
    document = {
        "format": 1,
        "id": folder.name,
        "kind": kind,
        "title": "A tiny task",
        "description": "",
        "metric": metric or ("f1" if matching else "macro_f1"),
        "columns": [],
        "record_ids": False,
        "classes": ["0", "1"] if matching else sorted(classes),
        "n_train": len(train),
        "n_test": len(test),
        "digests": {"data": "d" * 64, "solution": "s" * 64, "card": "c" * 64},
    }
    (public / "task.json").write_text(json.dumps(document))
    return read_task(public)


def ids_of(task: Task) -> list[str]:
    """Return the ids of the test rows."""
    ids: list[str] = pq.read_table(task.public / "test.parquet").column("id").to_pylist()
    return ids
