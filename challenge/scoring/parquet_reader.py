"""Reading a Parquet file: types checked by column, values as the task needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from challenge.errors import Fault, SubmissionError
from challenge.scoring.content import Content
from challenge.scoring.faults import fault, shown
from challenge.scoring.layout import read_layout
from challenge.task import Task

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["read_parquet_content"]


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
