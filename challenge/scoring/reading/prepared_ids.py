"""The public ids of a task, indexed once per data digest for fast comparison.

The prepared file is in `cache/`. It is used only when it names this `test.parquet` and
its checksum is right; otherwise it is rebuilt. A file with faults is checked again against the
Parquet file itself. So a wrong cache can cost time but cannot change a result.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from challenge.errors import Fault, MissingRequirement, TaskError
from challenge.scoring.old_vectors import query_rows
from challenge.scoring.predictions import Rows
from challenge.scoring.reading.byte_words import (
    WordIndex,
    Words,
    fields_of_arrow,
    fill_table,
    words_of_texts,
)
from challenge.scoring.sealed import load_arrays, store_arrays
from challenge.task import Task

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["prepare_ids", "prepare_query_ids", "read_id_column", "read_ids"]

_FORMAT = 3
_FEW = 20_000
"""With fewer ids reading the Parquet file is faster than the cache."""


def read_ids(task: Task, rows: Rows) -> list[bytes]:
    """Return the ids of the test or train rows, in file order."""
    return [value.encode() for value in read_id_column(task, rows).to_pylist()]


def read_id_column(task: Task, rows: Rows) -> pa.StringArray:
    """Return the ids of the test or train rows, in file order, as one Arrow array."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = task.public / f"{rows}.parquet"
    try:
        # Threads of Arrow that are still alive after the read can abort the process when it exits.
        file = pq.ParquetFile(path, pre_buffer=False)
        column = file.read(columns=["id"], use_threads=False).column("id")
        ids = column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
        if not pa.types.is_string(ids.type) or ids.null_count:
            raise ValueError("its ids are not strings")
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise TaskError(
            Fault(
                str(path),
                f"unreadable: {error}",
                "the public tables of a built task",
                "build or unpack the task again",
                "task-damaged",
            )
        ) from None
    return ids


def prepare_ids(task: Task, rows: Rows) -> WordIndex | None:
    """Return the index of the ids, from a valid cache or new; None when it cannot be built."""
    n = task.n_test if rows == "test" else task.n_train
    if n < _FEW or task.public.name != "public":
        return _build(task, rows)
    path = task.cache / f"ids-{rows}.bin"
    identity = _identity(task, rows)
    index = _load(path, identity)
    if index is None:
        index = _build(task, rows)
        if index is not None:
            # Without a cache the ids are only slower to read.
            with suppress(MissingRequirement):
                _save(path, identity, index)
    return index


def prepare_query_ids(task: Task, rows: Rows) -> WordIndex | None:
    """Return the index of the ids of the queries alone; None when it cannot be built."""
    import pyarrow as pa

    positions = pa.array(query_rows(task, rows))
    return WordIndex.build(fields_of_arrow(read_id_column(task, rows).take(positions)))


def _build(task: Task, rows: Rows) -> WordIndex | None:
    return WordIndex.build(fields_of_arrow(read_id_column(task, rows)))


def _identity(task: Task, rows: Rows) -> dict[str, Any]:
    path = task.public / f"{rows}.parquet"
    try:
        status = path.stat()
    except OSError:
        return {}
    return {
        "format": _FORMAT,
        "data": task.data_digest,
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
    }


def _table_path(path: Path) -> Path:
    return path.with_suffix(".table.bin")


def _save(path: Path, identity: dict[str, Any], index: WordIndex) -> None:
    """Write the ids, and their table to a separate file that only ids out of order need."""
    if index.texts is not None:
        arrays: dict[str, NDArray[Any]] = {"texts": index.texts}
    else:
        lengths = np.broadcast_to(np.asarray(index.words.lengths, np.int64), (len(index),))
        arrays = {"words": np.stack(index.words.columns), "lengths": lengths}
    arrays["longest"] = np.array([index.longest])
    store_arrays(path, identity, arrays, quick=True, mode=0o644)
    store_arrays(_table_path(path), identity, {"table": index.table}, quick=True, mode=0o644)


def _load(path: Path, identity: dict[str, Any]) -> WordIndex | None:
    """Return the cached index, None when it is missing, stale or damaged."""
    arrays, _ = (identity and load_arrays(path, identity, quick=True)) or (None, None)
    if arrays is None:
        return None
    texts = arrays.get("texts")

    def read_index_words() -> Words:
        if texts is not None:
            return words_of_texts(texts)
        return Words([*arrays["words"]], arrays["lengths"])

    def read_table() -> NDArray[np.int32]:
        kept = load_arrays(_table_path(path), identity, quick=True)
        if kept is not None:
            return kept[0]["table"]
        rebuilt = fill_table(index.words)
        assert rebuilt is not None  # the same ids filled one before
        with suppress(MissingRequirement):
            store_arrays(_table_path(path), identity, {"table": rebuilt}, quick=True, mode=0o644)
        return rebuilt

    n = len(texts if texts is not None else arrays["lengths"])
    index = WordIndex(n, int(arrays["longest"][0]), read_index_words, read_table, texts)
    return index
