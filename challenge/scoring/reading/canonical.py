"""The canonical file of accepted predictions: the same bytes for any order and format of the input.

It is a valid submission itself, so a rescore reads it as any other file. Its bytes contain the
version of the library that wrote them. So contents are compared by the digest of the values.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from challenge.scoring.old_vectors import query_rows
from challenge.scoring.predictions import BLOCK_ROWS, Predictions
from challenge.scoring.reading.layout import forms_of
from challenge.scoring.reading.prepared_ids import read_id_column
from challenge.task import Task, sha256_of_file

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["content_digest", "write_predictions"]

_GROUP_ROWS = 16 * BLOCK_ROWS
_NUMPY_NAMES = {"int8": "int8", "int32": "int32", "float": "float32", "double": "float64"}


def write_predictions(predictions: Predictions, task: Task, path: Path) -> str:
    """Write the canonical Parquet file and return its SHA-256.

    Ids ascending; decisions as int8, classes as text, probabilities as the file gave them, other
    numbers as doubles. `path` is overwritten, not replaced atomically: give a temporary name and
    rename it.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    predictions, ids = _listed(predictions, task)
    schema = pa.schema([("id", pa.string()), *_fields(predictions, task)])
    with pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        use_dictionary=["label"] if predictions.numbers is None else False,
        write_statistics=False,
        store_schema=False,
    ) as writer:
        for start in range(0, predictions.n, _GROUP_ROWS):
            rows = slice(start, min(start + _GROUP_ROWS, predictions.n))
            columns = [ids.slice(start, rows.stop - start), *_columns(predictions, task, rows)]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
    return sha256_of_file(path)


def content_digest(predictions: Predictions, task: Task) -> str:
    """Return the SHA-256 of the canonical values, the same under every version of a library.

    Column by column: name, type, and the values as little-endian numbers, or as the lengths of
    the texts and the texts; each part has its own length before it.
    """
    digest = hashlib.sha256()
    predictions, ids = _listed(predictions, task)
    rows = slice(0, predictions.n)
    names = ["id", *(name for name, _ in _fields(predictions, task))]
    for name, array in zip(names, (ids, *_columns(predictions, task, rows)), strict=True):
        for part in (name.encode(), str(array.type).encode(), *_value_bytes(array)):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
    return digest.hexdigest()


def _listed(predictions: Predictions, task: Task) -> tuple[Predictions, pa.StringArray]:
    """Return the predictions of the rows that the file has, and their ids."""
    ids = read_id_column(task, predictions.rows)
    vectors = predictions.vectors
    if vectors is None or np.isfinite(vectors).all():
        return predictions, ids
    import pyarrow as pa

    queries = query_rows(task, predictions.rows)
    return replace(predictions, vectors=vectors[queries]), ids.take(pa.array(queries))


def _value_bytes(array: pa.Array) -> Iterator[bytes]:
    if str(array.type) != "string":
        size = array.type.bit_width // 8
        yield bytes(array.buffers()[1])[array.offset * size : (array.offset + len(array)) * size]
        return
    _, starts, text = array.buffers()
    offsets = np.frombuffer(starts, "<i4")[array.offset : array.offset + len(array) + 1]
    yield np.diff(offsets).astype("<i4").tobytes()
    yield bytes(text)[int(offsets[0]) : int(offsets[-1])] if len(array) else b""


def _fields(predictions: Predictions, task: Task) -> Iterator[tuple[str, pa.DataType]]:
    import pyarrow as pa

    if "labels" in predictions.form:
        yield "label", pa.int8() if _as_integers(task) else pa.string()
    if predictions.scores is not None:
        yield "score", pa.float64()
    if predictions.numbers is not None:
        yield "label", pa.float64()
    if predictions.probabilities is not None:
        single = predictions.probabilities.dtype == np.float32
        for name in task.classes:
            yield name, pa.float32() if single else pa.float64()
    if predictions.vectors is not None:
        single = predictions.vectors.dtype == np.float32
        for name in task.answer_columns:
            yield name, pa.float32() if single else pa.float64()


def _columns(predictions: Predictions, task: Task, rows: slice) -> Iterator[pa.Array]:
    import pyarrow as pa

    if "labels" in predictions.form:
        codes = predictions.codes[rows]
        yield _array(codes, pa.int8()) if _as_integers(task) else _labels(codes, task)
    if predictions.scores is not None:
        yield _array(predictions.scores[rows], pa.float64())
    if predictions.numbers is not None:
        yield _array(predictions.numbers[rows], pa.float64())
    if predictions.probabilities is not None:
        single = predictions.probabilities.dtype == np.float32
        for code in range(len(task.classes)):
            values = predictions.probabilities.column(code, rows)
            yield _array(values, pa.float32() if single else pa.float64())
    if predictions.vectors is not None:
        single = predictions.vectors.dtype == np.float32
        for values in predictions.vectors[rows].T:
            yield _array(values, pa.float32() if single else pa.float64())


def _as_integers(task: Task) -> bool:
    return forms_of(task).label_type == "int8"


def _labels(codes: NDArray[np.int32], task: Task) -> pa.Array:
    import pyarrow as pa

    names = [name.encode() for name in task.classes]
    offsets = np.concatenate([[0], np.cumsum([len(name) for name in names])])
    starts = pa.py_buffer(offsets.astype(np.int32))
    classes = pa.StringArray.from_buffers(len(names), starts, pa.py_buffer(b"".join(names)))
    return classes.take(_array(codes, pa.int32()))


def _array(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    # pa.array() would import pandas, as would to_pandas_dtype().
    import pyarrow as pa

    values = np.ascontiguousarray(values, _NUMPY_NAMES[str(kind)])
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])
