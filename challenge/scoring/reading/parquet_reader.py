"""Reading a Parquet file: column types are checked, and values converted for the task."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from challenge.errors import Fault, SubmissionError, counted
from challenge.scoring.reading.alignment import Aligned, Aligner, NotClean, scatter
from challenge.scoring.reading.byte_words import WordIndex, fields_of_arrow
from challenge.scoring.reading.content import Content
from challenge.scoring.reading.faults import fault, shown
from challenge.scoring.reading.intake import Intake, too_much_unpacked
from challenge.scoring.reading.label_codes import LabelCodes
from challenge.scoring.reading.layout import Layout, forms_of, read_layout
from challenge.scoring.reading.parquet_pages import PageError, read_chunks, unpacked_bytes
from challenge.scoring.reading.spill import Columns, make_columns
from challenge.task import Task

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = ["read_fast_parquet", "read_parquet_content"]

_MOST_ROWS = 4
_READ_BYTES = 16 << 20
_PIECE = 1 << 17
_PART_ROWS = 1 << 20
_NUMPY_NAMES = {"float": "float32", "double": "float64"}


def read_fast_parquet(task: Task, intake: Intake, index: WordIndex) -> Aligned:
    """Return the aligned content of a clean file; raise NotClean otherwise.

    Columns are read a few at a time, and spilled to disk when they are large.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(intake.open())
        if any(path != name for path, name in _paths(file)):
            raise NotClean
        return _read_aligned(task, intake, file, index)
    except (pa.ArrowException, OSError, ValueError, MemoryError):
        raise NotClean from None


def _paths(file: pq.ParquetFile) -> Iterator[tuple[str, str]]:
    """Yield (path, name) of each leaf column; they differ in nested columns."""
    schema = file.schema
    for position in range(len(schema)):
        column = schema.column(position)
        yield column.path, column.name


def _read_aligned(task: Task, intake: Intake, file: pq.ParquetFile, index: WordIndex) -> Aligned:
    layout, faults = read_layout(task, file.schema_arrow.names, "")
    n = len(index)
    if faults or layout.id is None or layout.form is None or file.metadata.num_rows != n:
        raise NotClean
    wanted = [layout.id, *layout.numbers, *([] if layout.label is None else [layout.label])]
    if _unpacked(intake, wanted) > intake.most_bytes:
        raise NotClean
    aligner = Aligner(index)
    for part in _parts(file, layout.id):
        for piece in _pieces(part):
            aligner.add(fields_of_arrow(_textual(piece)))
    order = aligner.rows()
    codes = None
    if layout.label is not None:
        codes = scatter(_label_codes(task, _column(file, layout.label)), order)
    if not layout.numbers:
        return Aligned(layout, codes, None)
    return Aligned(layout, codes, _read_columns(file, layout, order, n))


def _column(file: pq.ParquetFile, position: int) -> pa.ChunkedArray:
    column = file.reader.read_all(column_indices=[position], use_threads=False).column(0)
    if len(column) != file.metadata.num_rows:
        raise ValueError("a column has another number of rows than the file")
    return column


def _parts(file: pq.ParquetFile, position: int) -> Iterator[pa.ChunkedArray]:
    """Yield a column, some row groups at a time: the ids of ten million rows take 250 MB."""
    groups: list[int] = []
    rows, last = 0, file.num_row_groups - 1
    for group in range(last + 1):
        groups.append(group)
        rows += file.metadata.row_group(group).num_rows
        if rows < _PART_ROWS and group < last:
            continue
        part = file.reader.read_row_groups(groups, column_indices=[position], use_threads=False)
        if part.num_rows != rows:
            raise ValueError("a column has another number of rows than its row groups")
        yield part.column(0)
        groups, rows = [], 0


def _pieces(column: pa.ChunkedArray) -> Iterator[pa.Array]:
    """Yield the values in pieces, since the converted values need more memory."""
    for chunk in column.chunks:
        for start in range(0, len(chunk), _PIECE):
            yield chunk.slice(start, _PIECE)


def _textual(chunk: pa.Array) -> pa.Array:
    import pyarrow as pa

    kind = chunk.type
    textual = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    if not textual or chunk.null_count:
        raise NotClean
    return chunk


def _label_codes(task: Task, column: pa.ChunkedArray) -> NDArray[np.int32]:
    import pyarrow as pa

    labels = LabelCodes(task)
    integers = forms_of(task).label_type == "int8"
    parts = []
    whole = pa.types.is_dictionary(column.type)
    for chunk in column.chunks if whole else _pieces(column):
        if chunk.null_count:
            raise NotClean
        if whole:
            codes = labels.find(fields_of_arrow(_textual(chunk.dictionary)))
            parts.append(codes[_values(chunk.indices)])
        elif integers and pa.types.is_integer(chunk.type):
            values = _values(chunk)
            if bool(((values != 0) & (values != 1)).any()):
                raise NotClean
            parts.append(values.astype(np.int32))
        else:
            parts.append(labels.find(fields_of_arrow(_textual(chunk))))
    return np.concatenate(parts)


def _read_columns(
    file: pq.ParquetFile, layout: Layout, order: NDArray[np.int32] | None, n: int
) -> Columns:
    import pyarrow as pa

    schema = file.schema_arrow
    kinds = {schema.field(position).type for position in layout.numbers}
    if kinds - {pa.float32(), pa.float64()}:
        raise NotClean
    dtype = np.dtype(np.float32 if kinds == {pa.float32()} else np.float64)
    columns = make_columns(len(layout.numbers), n, dtype)
    names = schema.names
    step = max(1, _READ_BYTES // (n * dtype.itemsize))
    for first in range(0, len(layout.numbers), step):
        wanted = list(layout.numbers[first : first + step])
        table = file.reader.read_all(column_indices=wanted, use_threads=False)
        if table.num_rows != n:
            raise NotClean
        for column, position in enumerate(wanted, start=first):
            start, values = 0, np.empty(0, dtype)
            chunks = table.column(names[position]).chunks
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
        raise NotClean
    return _values(chunk)


def _values(array: pa.Array) -> NDArray[Any]:
    # An Arrow array's own to_numpy() may load pandas.
    dtype = np.dtype(_NUMPY_NAMES.get(str(array.type), str(array.type)))
    return np.frombuffer(array.buffers()[1], dtype, len(array), array.offset * dtype.itemsize)


def _unpacked(intake: Intake, leaves: list[int]) -> int:
    """Return how many bytes these columns unpack to, or a number above the cap."""
    total, most = 0, intake.most_bytes
    for chunks in read_chunks(intake.read_at, intake.size):
        if len(chunks) <= max(leaves, default=-1):
            raise PageError("a row group without all columns")
        for leaf in leaves:
            total += unpacked_bytes(chunks[leaf], intake.read_at, most - total)
            if total > most:
                return total
    return total


def read_parquet_content(task: Task, intake: Intake, n_rows: int) -> Content:
    """Read the columns that are used; raise SubmissionError when the Parquet file is damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(intake.open())
        return _read_content(task, intake, file, n_rows)
    except (pa.ArrowException, OSError, ValueError, MemoryError, OverflowError) as error:
        message = (str(error).splitlines() or [type(error).__name__])[0]
        raise SubmissionError(
            fault(
                "file-damaged",
                intake.name,
                f"broken Parquet: {shown(message, 200)}",
                "a whole Parquet file",
                "write or copy the file again",
            )
        ) from None


def _read_content(task: Task, intake: Intake, file: pq.ParquetFile, n_rows: int) -> Content:
    name, schema, n = intake.name, file.schema_arrow, file.metadata.num_rows
    if n > _MOST_ROWS * n_rows + 10_000:
        raise SubmissionError(
            fault(
                "file-rows",
                name,
                counted(n, "row"),
                counted(n_rows, "row"),
                "predict the rows of the task only",
            )
        )
    layout, faults = read_layout(task, list(schema.names), f"{name}, schema")
    content = Content(name, layout, "row", range(1, n + 1), [None] * n, None, None)
    content.faults = faults
    leaf = _leaves(file)
    positions = [layout.id, layout.label, *layout.numbers]
    wanted = [leaf[position] for position in positions if position is not None and position >= 0]
    leaves = [one for one in wanted if one is not None]
    if _unpacked(intake, leaves) > intake.most_bytes:
        raise too_much_unpacked(name, intake.most_bytes)
    if layout.id is not None:
        content.ids = _texts(content, file, leaf, layout.id, "id", ())
    if layout.label is not None:
        classes = forms_of(task).label_guesses
        content.labels = _texts(content, file, leaf, layout.label, "label", classes)
    if layout.numbers:
        columns = [
            _numbers(content, file, leaf, position, column)
            for column, position in zip(layout.number_names, layout.numbers, strict=True)
        ]
        single = all(values.dtype == np.float32 for values in columns)
        content.numbers = np.array(columns, np.float32 if single else np.float64)
    return content


def _leaves(file: pq.ParquetFile) -> list[int | None]:
    """Return the leaf column of each top-level column, None where it is nested."""
    import pyarrow as pa

    leaves: list[int | None] = []
    at = 0
    for field in file.schema_arrow:
        n_leaves = _count_leaves(field.type)
        leaves.append(None if pa.types.is_nested(field.type) else at)
        at += n_leaves
    return leaves


def _count_leaves(kind: pa.DataType) -> int:
    import pyarrow as pa

    if not pa.types.is_nested(kind):
        return 1
    return sum(_count_leaves(kind.field(child).type) for child in range(kind.num_fields))


def _texts(
    content: Content,
    file: pq.ParquetFile,
    leaf: list[int | None],
    position: int,
    name: str,
    known: Sequence[str],
) -> list[bytes | None]:
    """Return a column of texts; `known` are texts that it may have, for the fix of its type."""
    import pyarrow as pa

    full = file.schema_arrow.field(position).type
    kind = full.value_type if pa.types.is_dictionary(full) else full
    textual = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    # A column without any value has a type of its own; its rows are reported as empty.
    textual = textual or pa.types.is_string_view(kind) or pa.types.is_null(kind)
    whole = pa.types.is_integer(kind) or (pa.types.is_boolean(kind) and name == "label")
    at = leaf[position]
    if at is None or not (textual or whole):
        content.faults.append(_type_fault(content.name, name, full, "string", "str", known))
        return [None] * len(content.positions)
    values = _column(file, at).to_pylist()
    if pa.types.is_boolean(kind):
        # pandas writes True, Arrow and JSON true: a truth value has no form of its own.
        for truth in (False, True):
            same = [text for text in known if text.casefold() == str(truth).casefold()]
            if len(same) == 1:
                values = [same[0] if value is truth else value for value in values]
    return [b"" if value is None else str(value).encode() for value in values]


def _numbers(
    content: Content, file: pq.ParquetFile, leaf: list[int | None], position: int, name: str
) -> NDArray[Any]:
    """Return a column's numbers, NaN where there is none, and count values that are not numbers."""
    import pyarrow as pa

    n = len(content.positions)
    if position < 0:
        return np.full(n, np.nan, np.float32)
    kind = file.schema_arrow.field(position).type
    at = leaf[position]
    numeric = pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)
    if at is None or not numeric:
        content.faults.append(_type_fault(content.name, name, kind, "double", "float"))
        return np.full(n, np.nan, np.float32)
    single = pa.types.is_floating(kind) and kind.bit_width <= 32
    values = np.empty(n, np.float32 if single else np.float64)
    row = 0
    for chunk in _column(file, at).chunks:
        for value in chunk.to_pylist():
            code = None
            if value is None:
                code = "number-empty"
            elif not math.isfinite(value):
                code = "number-nan" if math.isnan(value) else "number-infinite"
            if code:
                content.count_bad(code, content.position_of(row), name, str(value))
            values[row] = np.nan if code else value
            row += 1
    return values


def _type_fault(
    where: str, column: str, found: Any, expected: str, python: str, known: Sequence[str] = ()
) -> Fault:
    return fault(
        "column-type",
        f"{where}, column {shown(column)}",
        f"type {shown(str(found))[1:-1]}",
        expected,
        f'convert it: df["{column[:60]}"]{_conversion(found, python, known)}',
    )


def _conversion(found: Any, python: str, known: Sequence[str]) -> str:
    """Return the pandas call that converts a column of the type that was found."""
    import pyarrow as pa

    pointed = any(text.endswith(".0") for text in known)
    if python == "str" and pa.types.is_floating(found) and not pointed:
        # 1.0 is the class 1.
        return '.astype("Int64").astype(str)'
    if python == "str" and (pa.types.is_binary(found) or pa.types.is_large_binary(found)):
        return '.str.decode("utf-8")'
    return f".astype({python})"
