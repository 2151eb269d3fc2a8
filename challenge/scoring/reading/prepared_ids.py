"""The public ids of a task, prepared once per data digest for a quick comparison.

The prepared file lies in `cache/`. It is believed only when its header names this very
`test.parquet` and its checksum holds; else it is made again. A file that it calls faulty is
checked once more against the Parquet file itself, so a cache can cost time but no truth.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from challenge.errors import Fault, TaskError
from challenge.scoring.predictions import Rows
from challenge.scoring.reading.byte_words import (
    WordIndex,
    Words,
    fields_of_arrow,
    fill_table,
    words_of_texts,
)
from challenge.task import Task, atomic_file

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["prepare_ids", "read_id_column", "read_ids"]

_FORMAT = 2
_FEW = 20_000
"""Below so many ids reading the Parquet file costs less than a cache is worth."""

_HEADER_BYTES = 4096
_LANES = 512


def read_ids(task: Task, rows: Rows) -> list[bytes]:
    """Return the ids of the test or train rows, in file order."""
    return [value.encode() for value in read_id_column(task, rows).to_pylist()]


def read_id_column(task: Task, rows: Rows) -> pa.StringArray:
    """Return the ids of the test or train rows, in file order, as one Arrow array."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = task.public / f"{rows}.parquet"
    try:
        column = pq.ParquetFile(path).read(columns=["id"], use_threads=False).column("id")
        ids = column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
        if not pa.types.is_string(ids.type) or ids.null_count:
            raise ValueError("its ids are no strings")
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
    """Return the index of the ids, from the cache when it is sound; None when they do not fit."""
    n = task.n_test if rows == "test" else task.n_train
    if n < _FEW or task.public.name != "public":
        return _build(task, rows)
    path = task.cache / f"ids-{rows}.bin"
    identity = _identity(task, rows)
    index = _load(path, identity)
    if index is None:
        index = _build(task, rows)
        if index is not None:
            # A folder that cannot be written costs time, nothing else.
            with suppress(OSError):
                _save(path, identity, index)
    return index


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


def _save(path: Path, identity: dict[str, Any], index: WordIndex) -> None:
    if index.texts is not None:
        parts = [_bytes_of(index.texts)]
    else:
        lengths = np.broadcast_to(np.asarray(index.words.lengths, np.int64), (len(index),))
        parts = [_bytes_of(array) for array in (*index.words.columns, lengths)]
    header = identity | {
        "n": len(index),
        "longest": index.longest,
        "one_length": index.texts is not None,
        "table": len(index.table),
        "sums": [_checksum(part) for part in parts],
        "table_sum": _checksum(_bytes_of(index.table)),
    }
    with atomic_file(path) as file:
        file.write(json.dumps(header).encode().ljust(_HEADER_BYTES))
        for part in [*parts, _bytes_of(index.table)]:
            file.write(part.data)


def _load(path: Path, identity: dict[str, Any]) -> WordIndex | None:
    """Return the cached index, None when it is missing, stale or damaged."""
    try:
        with path.open("rb") as file:
            header = json.loads(file.read(_HEADER_BYTES))
            if not identity or {key: header[key] for key in identity} != identity:
                return None
            n, longest, one_length = header["n"], header["longest"], header["one_length"]
            sizes = [n * longest] if one_length else [8 * n] * (max(1, -(-longest // 8)) + 1)
            body = [_read(file, size) for size in sizes]
            at, size = file.tell(), int(header["table"])
            if [_checksum(part) for part in body] != header["sums"]:
                return None
            table_sum = header["table_sum"]
            if path.stat().st_size != at + 4 * size:
                return None
    except (OSError, ValueError, KeyError, TypeError):
        return None

    texts = body[0].reshape(n, longest) if one_length else None

    def read_index_words() -> Words:
        if texts is not None:
            return words_of_texts(texts)
        *columns, lengths = (part.view(np.uint64) for part in body)
        return Words(columns, lengths.view(np.int64))

    def read_table() -> NDArray[np.int32]:
        # Only ids out of order need it.
        texts = index.texts
        with suppress(OSError, ValueError), path.open("rb") as file:
            file.seek(at)
            table = _read(file, 4 * size)
            if _checksum(table) == table_sum:
                return table.view(np.int32)
        rebuilt = fill_table(index.words)
        assert rebuilt is not None  # the same words filled one before
        with suppress(OSError):
            _save(path, identity, WordIndex(n, longest, index.words, rebuilt, texts))
        return rebuilt

    index = WordIndex(n, longest, read_index_words, read_table, texts)
    return index


def _bytes_of(array: NDArray[Any]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _read(file: Any, size: int) -> NDArray[np.uint8]:
    array = np.empty(size, np.uint8)
    if file.readinto(array.data) != size:
        raise ValueError("too short")
    return array


def _checksum(data: NDArray[np.uint8]) -> str:
    """Return a digest of sums by row and by lane: cheap, and any one damaged place shows."""
    whole = len(data) // (8 * _LANES) * 8 * _LANES
    lanes = data[:whole].view(np.uint64).reshape(-1, _LANES)
    digest = hashlib.sha256(np.add.reduce(lanes, axis=0).data)
    digest.update(np.add.reduce(lanes, axis=1).data)
    digest.update(data[whole:].data)
    return digest.hexdigest()
