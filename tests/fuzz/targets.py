"""What the fuzzers call: one input, read both ways; anything but a report is a finding.

A finding is kept in `corpus/` (`csv-*` or `parquet-*`), and the tests replay it ever after.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from challenge.errors import ChallengeError
from challenge.scoring import Predictions, read_predictions, write_predictions
from challenge.scoring.reading import check
from challenge.scoring.reading.alignment import NotClean
from challenge.scoring.reading.intake import take_in
from challenge.task import Task
from tests.scoring.made import make_task

__all__ = ["CORPUS", "Target", "mutate_parquet"]

CORPUS = Path(__file__).parent / "corpus"
IDS = ["a1", "a2", "x,y", 'q"q']
CLASSES = ["bird", "cat", "d,o", "7"]


class Target:
    """Two tiny tasks in a temporary folder; call `run` with the bytes of a file."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        root = Path(self._folder.name)
        self.path = root / "p.csv"
        self.tasks = [
            make_task(root / "animals", ids=IDS, classes=CLASSES),
            make_task(root / "pairs", kind="matching", ids=IDS),
        ]

    def run(self, data: bytes) -> None:
        """Read one file for each task; raise whatever is not a report, or a disagreement."""
        self.path.write_bytes(data)
        for task in self.tasks:
            strict = self._strictly(task)
            fast = self._quickly(task)
            if fast is not None and strict is None:
                raise AssertionError("the fast reader accepts what the strict one refuses")
            if fast is not None and strict is not None:
                np.testing.assert_array_equal(fast.codes, strict.codes)
            try:
                predictions = read_predictions(task, self.path)
            except ChallengeError:
                assert strict is None
                continue
            write_predictions(predictions, task, self.path.with_name("stored.parquet"))

    def _strictly(self, task: Task) -> Predictions | None:
        try:
            aligned = check._read_strictly(task, take_in(self.path), "test")
            return check._accept(task, aligned, "", "test")
        except ChallengeError as error:
            str(error)
            return None

    def _quickly(self, task: Task) -> Predictions | None:
        try:
            return check._accept(
                task, check._read_fast(task, take_in(self.path), "test"), "", "test"
            )
        except (ChallengeError, NotClean):
            return None


def mutate_parquet(rng: Random) -> bytes:
    """Return a Parquet file whose structure, values or bytes are a little wrong."""
    ids = list(IDS)
    columns: dict[str, pa.Array] = {"id": pa.array(ids)}
    if rng.random() < 0.5:
        columns["label"] = pa.array(rng.choices([*CLASSES, "0", "1", "x", None], k=len(ids)))
    else:
        names = rng.choice([CLASSES, ["score"], CLASSES[:2]])
        for name in names:
            values = rng.choices([0.25, 0.5, 1.0, 0.0, None, float("nan"), 2.0], k=len(ids))
            columns[name] = pa.array(values, rng.choice([pa.float32(), pa.float64()]))
    for name in list(columns):
        if rng.random() < 0.2:
            columns[name] = _other_type(columns[name], rng)
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression=rng.choice(["none", "snappy", "zstd", "gzip"]),
        data_page_version=rng.choice(["1.0", "2.0"]),
        use_dictionary=rng.random() < 0.5,
        row_group_size=rng.choice([1, 2, 100]),
        store_schema=rng.random() < 0.7,
    )
    data = bytearray(sink.getvalue().to_pybytes())
    for _ in range(rng.choice([0, 1, 1, 2, 8])):
        at = rng.randrange(len(data))
        kind = rng.random()
        if kind < 0.5:
            data[at] = rng.randrange(256)
        elif kind < 0.7:
            data[at] ^= 1 << rng.randrange(8)
        elif kind < 0.85:
            del data[at : at + rng.choice([1, 2, 16])]
        else:
            data[at:at] = bytes(rng.choices(range(256), k=rng.choice([1, 2, 16])))
    return bytes(data)


def _other_type(column: pa.Array, rng: Random) -> pa.Array:
    kind = rng.choice(["dictionary", "list", "binary", "large", "null", "int", "view"])
    n = len(column)
    if kind == "dictionary":
        return column.dictionary_encode()
    if kind == "list":
        return pa.array([[value] for value in column.to_pylist()])
    if kind == "null":
        return pa.nulls(n)
    if kind == "int":
        return pa.array(range(n), rng.choice([pa.int8(), pa.uint64(), pa.float16()]))
    texts = [None if value is None else str(value) for value in column.to_pylist()]
    kinds = {"binary": pa.binary(), "large": pa.large_string(), "view": pa.string_view()}
    return pa.array(texts, pa.string()).cast(kinds[kind])
