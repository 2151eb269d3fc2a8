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
from challenge.scoring.words import WordIndex, Words, fields_of_arrow, fill_table
from challenge.task import Task, atomic_file

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["prepare_ids", "read_id_column", "read_ids"]

_FORMAT = 1
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
    lengths = index.words.lengths
    body = [np.ascontiguousarray(column) for column in index.words.columns]
    if not isinstance(lengths, int):
        body.append(lengths.view(np.uint64))
    header = identity | {
        "n": len(index.words),
        "longest": index.longest,
        "length": lengths if isinstance(lengths, int) else None,
        "table": len(index.table),
        "words_sum": [_checksum(array) for array in body],
        "table_sum": _checksum(index.table.view(np.uint64)),
    }
    with atomic_file(path) as file:
        file.write(json.dumps(header).encode().ljust(_HEADER_BYTES))
        for array in body:
            file.write(array.data)
        file.write(index.table.data)


def _load(path: Path, identity: dict[str, Any]) -> WordIndex | None:
    """Return the cached index, None when it is missing, stale or damaged."""
    try:
        with path.open("rb") as file:
            header = json.loads(file.read(_HEADER_BYTES))
            if not identity or {key: header[key] for key in identity} != identity:
                return None
            n, longest, length = header["n"], header["longest"], header["length"]
            n_columns = max(1, -(-longest // 8))
            body = [_read(file, n) for _ in range(n_columns + (length is None))]
            at, size = file.tell(), int(header["table"])
            if [_checksum(array) for array in body] != header["words_sum"]:
                return None
            table_sum = header["table_sum"]
            if path.stat().st_size != at + 4 * size:
                return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    lengths = length if length is not None else body.pop().view(np.int64)
    words = Words(body, lengths)

    def read_table() -> NDArray[np.int32]:
        # Only ids out of order need it.
        with suppress(OSError, ValueError), path.open("rb") as file:
            file.seek(at)
            table = _read(file, size // 2)
            if _checksum(table) == table_sum:
                return table.view(np.int32)
        rebuilt = fill_table(words)
        assert rebuilt is not None  # the same words filled one before
        with suppress(OSError):
            _save(path, identity, WordIndex(words, rebuilt, longest))
        return rebuilt

    return WordIndex(words, read_table, longest)


def _read(file: Any, n: int) -> NDArray[np.uint64]:
    array = np.empty(n, np.uint64)
    if file.readinto(array.data.cast("B")) != array.nbytes:
        raise ValueError("too short")
    return array


def _checksum(array: NDArray[np.uint64]) -> str:
    """Return a digest of sums by row and by lane: cheap, and any one damaged place shows."""
    whole = len(array) // _LANES * _LANES
    lanes = array[:whole].reshape(-1, _LANES)
    digest = hashlib.sha256(np.add.reduce(lanes, axis=0).data)
    digest.update(np.add.reduce(lanes, axis=1).data)
    digest.update(array[whole:].data)
    return digest.hexdigest()
