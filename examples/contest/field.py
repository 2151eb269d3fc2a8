"""The simulated teams: their skill, and the predictions files that follow from it.

A row is predicted correctly when skill exceeds its difficulty, which teams share in part: real
teams fail on the same rows. The truth is read from `private/` because this script plays all sides;
no team uses the subset of a row.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from challenge.task import Task

__all__ = ["Player", "Truth", "predict", "read_truth", "write_labels", "write_scores"]

_SHARED = 0.7
"""Share of a row's difficulty that all teams have in common."""


@dataclass(frozen=True)
class Player:
    """A simulated team: its first skill, what it learns a day, and its attempts a day and task."""

    name: str
    skill: float
    growth: float
    tries_a_day: float
    method: str


@dataclass(frozen=True)
class Truth:
    """The hidden labels of a task, and the difficulty of its rows."""

    task: Task
    ids: list[str]
    codes: NDArray[np.int64]
    difficulty: NDArray[np.float64]
    decoy: NDArray[np.int64]

    def labels(self, codes: NDArray[np.int64]) -> list[str]:
        """Return codes as the task writes labels."""
        return [self.task.classes[code] for code in codes]


def read_truth(task: Task, seed: int) -> Truth:
    """Read the solution of a task and draw the difficulty of its rows."""
    table = pq.ParquetFile(task.private / "solution.parquet").read(["id", "label"])
    index = {name: code for code, name in enumerate(task.classes)}
    codes = np.array([index[str(label)] for label in table.column("label").to_pylist()])
    draw = np.random.default_rng(seed)
    n, k = len(codes), len(task.classes)
    decoy = (codes + draw.integers(1, k, n)) % k
    return Truth(task, table.column("id").to_pylist(), codes, draw.normal(size=n), decoy)


def predict(truth: Truth, skill: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return predicted codes and the confidence in each, 0.5 to 1."""
    draw = np.random.default_rng(seed)
    n, k = len(truth.codes), len(truth.task.classes)
    noise = draw.normal(size=n)
    margin = skill - _SHARED * truth.difficulty - np.sqrt(1 - _SHARED**2) * noise
    if truth.task.kind.paired:
        # Most pairs are clearly no match.
        margin = margin + np.where(truth.codes == 0, 0.9, 0.0)
    other = np.where(draw.random(n) < 0.7, truth.decoy, draw.integers(0, k, n))
    codes = np.where(margin > 0, truth.codes, other)
    return codes, 0.5 + 0.499 * np.tanh(np.abs(margin))


def write_labels(truth: Truth, codes: NDArray[np.int64], path: Path) -> Path:
    """Write decisions as CSV; `.gz` compresses it."""
    rows = zip(truth.ids, truth.labels(codes), strict=True)
    text = "id,label\n" + "".join(f'{key},"{label}"\n' for key, label in rows)
    data = text.encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


def write_scores(
    truth: Truth, codes: NDArray[np.int64], confidence: NDArray[np.float64], path: Path
) -> Path:
    """Write Parquet: a probability per class, or in matching the score of a match."""
    ids = pa.array(truth.ids)
    if truth.task.kind.paired:
        columns = {"score": np.where(codes == 1, confidence, 1 - confidence)}
    else:
        k = len(truth.task.classes)
        rest = (1 - confidence) / (k - 1)
        columns = {
            name: np.where(codes == code, confidence, rest)
            for code, name in enumerate(truth.task.classes)
        }
    pq.write_table(pa.table({"id": ids, **columns}), path)
    return path
