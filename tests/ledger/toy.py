"""A toy challenge on the disk: tasks whose truth the tests know, and files that hit it at will."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from challenge.kinds import kind_of
from challenge.task import Challenge, Task, read_task, sha256_of_file
from challenge.task.digests import TableDigest, data_digest
from challenge.task.tables import TableWriter, modalities_of, table_schema

CLASSES = ("bird", "cat", "dog")

BENCHMARK = """
format = 1
title = "Toy"
reveal = "all"
[limits]
per_day = 5
[[track]]
id = "classes"
title = "Classes"
kind = "classification"
metric = "accuracy"
tasks = ["toy"]
"""

CONTEST = """
format = 1
title = "Toy contest"
reveal = "contest"
opens = 2026-01-01T00:00:00Z
closes = 2026-02-01T00:00:00Z
[limits]
per_day = {per_day}
failed_per_day = 3
[[track]]
id = "classes"
title = "Classes"
kind = "classification"
metric = "accuracy"
tasks = ["toy"]
"""


def make_challenge(root: Path, toml: str = BENCHMARK, *, n: int = 60) -> Challenge:
    """Write a challenge directory with one task `toy` of n test rows."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "challenge.toml").write_text(toml)
    challenge = Challenge(root.resolve())
    make_task(challenge, "toy", n=n)
    return challenge


def make_task(
    challenge: Challenge,
    name: str,
    *,
    n: int = 60,
    public: float = 0.5,
    classes: Sequence[str] = CLASSES,
    solution: str = "s",
    title: str = "Toy",
    truth: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> Task:
    """Write a built classification task; truth and halves follow from the seed."""
    folder = challenge.datasets / name
    (folder / "public").mkdir(parents=True, exist_ok=True)
    (folder / "private").mkdir(mode=0o700, exist_ok=True)
    (folder / "task.toml").write_text("format = 1\n")
    generator = np.random.default_rng(seed)
    ids = sorted(f"r{generator.integers(0, 2**63):016x}" for _ in range(n))
    codes = generator.integers(0, len(classes), n) if truth is None else truth
    subsets = np.where(generator.permutation(n) < round(public * n), "public", "private")
    labels = [classes[code] for code in codes]
    train = {"id": [f"t{i:016x}" for i in range(6)], "label": (list(classes) * 6)[:6]}
    digests = []
    for table_name, columns in (("train", train), ("test", {"id": ids})):
        table = pa.table(columns)
        schema = table_schema(
            (), kind_of("classification"), record_ids=False, label=table_name == "train"
        )
        with TableWriter(folder / "public", table_name, schema, {}) as writer:
            writer.write(table)
        digest = TableDigest(table_name, modalities_of(schema))
        digest.update({key: table[key].combine_chunks() for key in schema.names})
        digests.append(digest)
    sample = "id,label\n" + "".join(f"{one},{classes[0]}\n" for one in ids)
    (folder / "public" / "sample_submission.csv").write_text(sample)
    clusters = pa.array(range(n), pa.int32())
    pq.write_table(
        pa.table(
            {
                "id": ids,
                "label": labels,
                "subset": pa.array(subsets.tolist()),
                "cluster": clusters,
                "other": clusters,
            }
        ),
        folder / "private" / "solution.parquet",
    )
    (folder / "private" / "secret").write_bytes(b"x" * 32)
    document = {
        "format": 1,
        "id": name,
        "kind": "classification",
        "title": title,
        "description": "",
        "metric": "accuracy",
        "columns": [],
        "record_ids": False,
        "classes": list(classes),
        "n_train": 6,
        "n_test": n,
        "split": {"public": public},
        "n_folds": 5,
        "digests": {
            "data": data_digest("classification", classes, digests),
            "solution": solution * 64,
            "card": title,
        },
    }
    (folder / "public" / "task.json").write_text(json.dumps(document))
    (folder / "public" / "card.json").write_text(json.dumps({"format": 1, "title": title}))
    files = [
        {"name": path.name, "sha256": sha256_of_file(path)}
        for path in sorted((folder / "public").glob("t*.[cp]*"))
    ]
    croissant = json.dumps({"distribution": files})
    (folder / "public" / "croissant.json").write_text(croissant)
    return read_task(folder / "public")


def truth_of(task: Task) -> list[str]:
    """Return the hidden labels in the order of the task."""
    labels: list[str] = pq.read_table(task.private / "solution.parquet").column("label").to_pylist()
    return labels


def subsets_of(task: Task) -> list[str]:
    """Return the subset of each row in the order of the task."""
    subsets: list[str] = (
        pq.read_table(task.private / "solution.parquet").column("subset").to_pylist()
    )
    return subsets


def write_labels(task: Task, path: Path, labels: Sequence[str]) -> Path:
    """Write a predictions file with these labels, in the order of the task."""
    ids = pq.read_table(task.public / "test.parquet").column("id").to_pylist()
    rows = "".join(f"{key},{label}\n" for key, label in zip(ids, labels, strict=True))
    path.write_text("id,label\n" + rows)
    return path


def write_hits(task: Task, path: Path, hits: int, *, subset: str = "all", salt: int = 0) -> Path:
    """Write a file with exactly `hits` right labels in a half; other rows of it are wrong.

    Rows of the other half are right by a coin that `salt` throws, so that files differ.
    """
    truth, subsets = truth_of(task), subsets_of(task)
    coin = np.random.default_rng(1000 + salt)
    labels, right = [], 0
    order = list(range(len(truth)))
    if salt:
        order = coin.permutation(len(truth)).tolist()
    inside_subset = [row for row in order if subset in ("all", subsets[row])]
    chosen = set(inside_subset[:hits])
    for row, label in enumerate(truth):
        inside = subset in ("all", subsets[row])
        hit = row in chosen if inside else bool(coin.random() < 0.5)
        wrong = task.classes[(task.classes.index(label) + 1) % len(task.classes)]
        labels.append(label if hit else wrong)
        right += hit
    return write_labels(task, path, labels)
