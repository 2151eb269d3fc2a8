"""Tiny tasks with a solution written by hand, and predictions for them made from arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import ArrayLike

from challenge.kinds import kind_of
from challenge.kinds.forms import Form
from challenge.scoring.predictions import Predictions, Probabilities
from challenge.scoring.solution import Solution
from challenge.task import Task, read_task

SUBSETS = ("public", "private", "void")


def make_scored_task(
    folder: Path,
    labels: Sequence[Any],
    *,
    kind: str = "classification",
    metric: str | None = None,
    classes: Sequence[str] | None = None,
    subsets: Sequence[str] | None = None,
    cluster: Sequence[int] | None = None,
    other: Sequence[int] | None = None,
    train: Mapping[str, Sequence[Any]] | None = None,
    test: Mapping[str, Sequence[Any]] | None = None,
    columns: Sequence[dict[str, object]] = (),
    secret: bytes = b"s" * 32,
) -> Task:
    """Write `public/` and `private/` of a task whose test rows have these labels."""
    n = len(labels)
    matching = kind == "matching"
    names = ["0", "1"] if matching else sorted(classes or set(labels))
    if kind == "regression":
        names = []
    cluster = list(cluster if cluster is not None else range(n))
    ids = [f"r{i:016x}" for i in range(n)]
    public, private = folder / "public", folder / "private"
    public.mkdir(parents=True)
    private.mkdir(mode=0o700)
    train = dict(train or {"label": list(names)})
    n_train = len(train["label"])
    train = {"id": [f"t{i:016x}" for i in range(n_train)], **train}
    if matching:
        train["label"] = [int(word) for word in train["label"]]
        stored: Any = np.array([int(word) for word in labels], np.int8)
    else:
        stored = list(labels)
    pq.write_table(pa.table({"id": ids, **(test or {})}), public / "test.parquet")
    pq.write_table(pa.table(dict(train)), public / "train.parquet")
    solution = {
        "id": ids,
        "label": stored,
        "subset": list(subsets or ["private"] * n),
        "cluster": pa.array(cluster, pa.int32()),
        "other": pa.array(list(other if other is not None else cluster), pa.int32()),
    }
    pq.write_table(pa.table(solution), private / "solution.parquet")
    (private / "secret").write_bytes(secret)
    document = {
        "format": 1,
        "id": folder.name,
        "kind": kind,
        "title": "A tiny task",
        "description": "",
        "metric": metric or kind_of(kind).default_metric,
        "columns": list(columns),
        "record_ids": "left_id" in (test or {}),
        "classes": names,
        "n_train": n_train,
        "n_test": n,
        "digests": {"data": "d" * 64, "solution": "a" * 64, "card": "c" * 64},
    }
    (public / "task.json").write_text(json.dumps(document))
    return read_task(public)


def predict(
    task: Task,
    labels: Sequence[str] | None = None,
    *,
    probabilities: ArrayLike | None = None,
    scores: ArrayLike | None = None,
    numbers: ArrayLike | None = None,
    rows: Literal["test", "train"] = "test",
    sha256: str = "f" * 64,
) -> Predictions:
    """Return predictions as the reader makes them."""
    p = None if probabilities is None else np.asarray(probabilities)
    s = None if scores is None else np.asarray(scores, np.float64)
    predicted = None if numbers is None else np.asarray(numbers, np.float64)
    if predicted is not None:
        codes = np.zeros(0, np.int32)
    elif labels is not None:
        codes = np.array([task.classes.index(word) for word in labels], np.int32)
    elif p is not None:
        codes = p.argmax(axis=1).astype(np.int32)
    else:
        assert s is not None
        codes = (s >= 0.5).astype(np.int32)
    form = "numbers" if predicted is not None else None
    other = "probabilities" if p is not None else "scores" if s is not None else "labels"
    form = form or other
    return Predictions(
        task_id=task.id,
        kind=task.kind,
        data_digest=task.data_digest,
        codes=codes,
        probabilities=None if p is None else Probabilities.of(p),
        scores=s,
        sha256=sha256,
        form=cast(Form, form),
        rows=rows,
        numbers=predicted,
    )


def solution_of(
    labels: ArrayLike, cluster: ArrayLike | None = None, other: ArrayLike | None = None
) -> Solution:
    """Return a solution in which every row is private."""
    codes = np.asarray(labels, np.int32)
    left = np.arange(len(codes)) if cluster is None else np.asarray(cluster)
    right = left if other is None else np.asarray(other)
    subset = np.ones(len(codes), np.int8)
    return Solution(codes, subset, left.astype(np.int32), right.astype(np.int32))


__all__ = ["make_scored_task", "predict", "solution_of"]
