"""What each arm of a log is expected to earn: the model inside the estimates DR and DM.

One ridge regression an arm, learned from train, on numbers, dates, categories and hashed words.
Images are not read. It knows public data alone: no row of the hidden log moves it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from challenge.kinds.statistics.arm_ridge import fit_arms, out_of_fold
from challenge.scoring.predictions import Rows
from challenge.scoring.solution import int_array, read_train_truth
from challenge.task import Task
from challenge.task.columns import Column
from challenge.task.modalities import modality_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["expected_rewards"]

Floats = NDArray[np.float64]

_WORDS = 64
"""Columns that the words of a text are hashed into."""

_CATEGORIES = 32
"""Most frequent values of a category that become columns."""


@lru_cache(maxsize=2)
def expected_rewards(task: Task, rows: Rows) -> Floats:
    """Return the expected reward (n, k) of each arm in each row, in [0, 1].

    Rows of train: by a model that has not seen their fold. The arrays of the last task are kept.
    """
    from challenge.task.tables import read_parquet

    names = [column.name for column in task.columns]
    train = read_parquet(task.public / "train.parquet", ["id", *names])
    folds = int_array(read_parquet(task.public / "folds.parquet", ["fold"]).column("fold"))
    truth = read_train_truth(task)
    learned = [_learn(column, train.column(column.name)) for column in task.columns]

    def contexts(table: pa.Table) -> Floats:
        blocks = [
            make(table.column(column.name))
            for column, make in zip(task.columns, learned, strict=True)
        ]
        return np.hstack([np.zeros((table.num_rows, 0)), *blocks])

    rewards = truth.log[:, task.kind.log_columns.index("reward")]
    n_arms = len(task.classes)
    if rows == "train":
        return out_of_fold(contexts(train), truth.labels, rewards, n_arms, folds)
    model = fit_arms(contexts(train), truth.labels, rewards, n_arms, folds)
    return model(contexts(read_parquet(task.public / "test.parquet", names)))


def _learn(column: Column, train: pa.ChunkedArray) -> Callable[[Any], Floats]:
    """Return a function from a column to its block of numbers, with the scales of train."""
    modality = modality_of(column.modality)
    if modality.is_image:
        return lambda values: np.zeros((len(values), 0))
    if modality.is_text:
        return _words
    if modality.is_ordered:
        known = _numbers(train)
        present = known[np.isfinite(known)]
        middle = float(present.mean()) if len(present) else 0.0
        spread = float(present.std()) or 1.0 if len(present) else 1.0
        return lambda values: _scaled(_numbers(values), middle, spread)
    texts = _texts(train)
    sizes: dict[str, int] = {}
    for text in texts:
        sizes[text] = sizes.get(text, 0) + 1
    frequent = sorted(sizes, key=lambda text: (-sizes[text], text))[:_CATEGORIES]
    position = {text: index for index, text in enumerate(frequent)}

    def one_hot(values: Any) -> Floats:
        block = np.zeros((len(values), len(position)))
        for row, text in enumerate(_texts(values)):
            if text in position:
                block[row, position[text]] = 1.0
        return block

    return one_hot


def _numbers(values: pa.ChunkedArray) -> Floats:
    import pyarrow as pa

    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.int64())
    return np.array([np.nan if one is None else one for one in values.to_pylist()], np.float64)


def _scaled(numbers: Floats, middle: float, spread: float) -> Floats:
    """Return numbers in standard deviations, cut at 5, and which are missing."""
    missing = ~np.isfinite(numbers)
    scaled = np.clip((np.where(missing, middle, numbers) - middle) / spread, -5.0, 5.0)
    return np.column_stack([scaled, missing.astype(np.float64)])


def _texts(values: pa.ChunkedArray) -> list[str]:
    import pyarrow as pa

    return [text or "" for text in values.cast(pa.string()).to_pylist()]


def _words(values: pa.ChunkedArray) -> Floats:
    """Return signed counts of hashed words, each row of length 1."""
    block = np.zeros((len(values), _WORDS))
    for row, text in enumerate(_texts(values)):
        for word in text.lower().split():
            code = zlib.crc32(word.encode())
            block[row, code % _WORDS] += 1.0 if code & 0x8000_0000 else -1.0
    lengths = np.linalg.norm(block, axis=1, keepdims=True)
    return block / np.where(lengths > 0.0, lengths, 1.0)
