"""Reading a Parquet file: types checked by column, values as the task needs them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from challenge.errors import Fault, SubmissionError
from challenge.scoring.align import Aligned, Aligner, HandOver, scatter
from challenge.scoring.content import Content
from challenge.scoring.faults import fault, shown
from challenge.scoring.labels import LabelCodes
from challenge.scoring.layout import Layout, read_layout
from challenge.scoring.spill import Columns, make_columns
from challenge.scoring.words import WordIndex, fields_of_arrow
from challenge.task import Task

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = ["read_fast_parquet", "read_parquet_content"]

_READ_BYTES = 16 << 20
_NUMPY_NAMES = {"float": "float32", "double": "float64"}


def read_fast_parquet(task: Task, data: bytes, index: WordIndex) -> Aligned:
    """Return the aligned content of a clean file; raise HandOver at any doubt.

    Columns are read a few at a time, and go to disk when they are many and long.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        if any("." in path or path != name for path, name in _paths(file)):
            raise HandOver
        return _read_aligned(task, file, index)
    except (pa.ArrowException, OSError, ValueError, MemoryError):
        raise HandOver from None


def _paths(file: pq.ParquetFile) -> Iterator[tuple[str, str]]:
    """Yield (path, name) of each leaf column; they differ in nested columns."""
    schema = file.schema
    for position in range(len(schema)):
        column = schema.column(position)
        yield column.path, column.name


def _read_aligned(task: Task, file: pq.ParquetFile, index: WordIndex) -> Aligned:
    layout, faults = read_layout(task, file.schema_arrow.names, "")
    n = len(index.words)
    if faults or layout.id is None or layout.form is None or file.metadata.num_rows != n:
        raise HandOver
    aligner = Aligner(index)
    for chunk in _column(file, layout.id).chunks:
        aligner.add(fields_of_arrow(_textual(chunk)))
    order = aligner.rows()
    codes = None
    if layout.label is not None:
        codes = scatter(_label_codes(task, _column(file, layout.label)), order)
    if not layout.numbers:
        return Aligned(layout, codes, None)
    return Aligned(layout, codes, _read_columns(file, layout, order, n))


def _column(file: pq.ParquetFile, position: int) -> pa.ChunkedArray:
    return file.reader.read_all(column_indices=[position], use_threads=False).column(0)


def _textual(chunk: pa.Array) -> pa.Array:
    import pyarrow as pa

    kind = chunk.type
    textual = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    if not textual or chunk.null_count:
        raise HandOver
    return chunk


def _label_codes(task: Task, column: pa.ChunkedArray) -> NDArray[np.int32]:
    import pyarrow as pa

    labels = LabelCodes(task)
    parts = []
    for chunk in column.chunks:
        if chunk.null_count:
            raise HandOver
        if pa.types.is_dictionary(chunk.type):
            codes = labels.find(fields_of_arrow(_textual(chunk.dictionary)))
            parts.append(codes[_values(chunk.indices)])
        elif task.kind == "matching" and pa.types.is_integer(chunk.type):
            values = _values(chunk)
            if bool(((values != 0) & (values != 1)).any()):
                raise HandOver
            parts.append(values.astype(np.int32))
        else:
            parts.append(labels.find(fields_of_arrow(_textual(chunk))))
    return np.concatenate(parts)


def _read_columns(
    file: pq.ParquetFile, layout: Layout, order: NDArray[np.int32] | None, n: int
) -> Columns:
    import pyarrow as pa

    kinds = {file.schema_arrow.field(position).type for position in layout.numbers}
    if kinds - {pa.float32(), pa.float64()}:
        raise HandOver
    dtype = np.dtype(np.float32 if kinds == {pa.float32()} else np.float64)
    columns = make_columns(len(layout.numbers), n, dtype)
    step = max(1, _READ_BYTES // (n * dtype.itemsize))
    for first in range(0, len(layout.numbers), step):
        wanted = list(layout.numbers[first : first + step])
        table = file.reader.read_all(column_indices=wanted, use_threads=False)
        # The table has the columns in the order of the file.
        place = {position: at for at, position in enumerate(sorted(wanted))}
        for column, position in enumerate(wanted, start=first):
            start, values = 0, np.empty(0, dtype)
            chunks = table.column(place[position]).chunks
            if order is not None:
                values = np.concatenate([_numbers_of(chunk) for chunk in chunks])
                columns.put(column, 0, scatter(values.astype(dtype, copy=False), order))
                continue
            for chunk in chunks:
                values = _numbers_of(chunk)
                columns.put(column, start, values)
                start += len(values)
    return columns


def _numbers_of(chunk: pa.Array) -> NDArray[Any]:
    if chunk.null_count:
        raise HandOver
    return _values(chunk)


def _values(array: pa.Array) -> NDArray[Any]:
    # An Arrow array's own to_numpy() may load pandas.
    dtype = np.dtype(_NUMPY_NAMES.get(str(array.type), str(array.type)))
    return np.frombuffer(array.buffers()[1], dtype, len(array), array.offset * dtype.itemsize)


def read_parquet_content(task: Task, name: str, data: bytes) -> Content:
    """Read all rows; raise SubmissionError when the file is no whole Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        table = file.read(use_threads=False)
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        raise SubmissionError(
            fault(
                "file-damaged",
                name,
                f"broken Parquet: {shown(str(error).splitlines()[0], 200)}",
                "a whole Parquet file",
                "write or copy the file again",
            )
        ) from None
    names = list(table.schema.names)
    layout, faults = read_layout(task, names, f"{name}, schema")
    content = Content(name, layout, "row", range(1, table.num_rows + 1), [], None, None)
    content.faults = faults
    content.ids = [None] * table.num_rows
    if layout.id is not None:
        content.ids = _texts(content, table.column(layout.id), "id")
    if layout.label is not None:
        content.labels = _texts(content, table.column(layout.label), "label")
    if layout.numbers:
        _read_numbers(content, table)
    return content


def _texts(content: Content, column: pa.ChunkedArray, name: str) -> list[bytes | None]:
    import pyarrow as pa

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    textual = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    textual = textual or pa.types.is_string_view(kind)
    whole = pa.types.is_integer(kind) or (pa.types.is_boolean(kind) and name == "label")
    if not (textual or whole):
        content.faults.append(_type_fault(content.name, name, column.type, "string", "str"))
        return [None] * len(column)
    return [b"" if value is None else str(value).encode() for value in column.to_pylist()]


def _read_numbers(content: Content, table: pa.Table) -> None:
    import pyarrow as pa

    layout = content.layout
    columns: list[NDArray[Any]] = []
    for name, position in zip(layout.number_names, layout.numbers, strict=True):
        if position < 0:
            columns.append(np.full(table.num_rows, np.nan, np.float32))
            continue
        column = table.column(position)
        kind = column.type
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
            content.faults.append(_type_fault(content.name, name, kind, "double", "float"))
            columns.append(np.full(table.num_rows, np.nan, np.float32))
            continue
        columns.append(_numbers(content, column, name))
    dtype = np.float32 if all(c.dtype == np.float32 for c in columns) else np.float64
    content.numbers = np.array(columns, dtype)


def _numbers(content: Content, column: pa.ChunkedArray, name: str) -> NDArray[Any]:
    import pyarrow as pa

    dtype = (
        np.float32
        if column.type.bit_width <= 32 and pa.types.is_floating(column.type)
        else np.float64
    )
    pylist = column.to_pylist()
    values = np.empty(len(pylist), dtype)
    for row, value in enumerate(pylist):
        code = None
        if value is None:
            code = "number-empty"
        elif value != value:
            code = "number-nan"
        elif value in (np.inf, -np.inf):
            code = "number-infinite"
        if code:
            content.count_bad(code, content.place(row), name, str(value))
        values[row] = np.nan if code else value
    return values


def _type_fault(where: str, column: str, found: Any, expected: str, python: str) -> Fault:
    return fault(
        "column-type",
        f"{where}, column {shown(column)}",
        f"type {shown(str(found))[1:-1]}",
        expected,
        f'convert it: df["{column[:60]}"].astype({python})',
    )
