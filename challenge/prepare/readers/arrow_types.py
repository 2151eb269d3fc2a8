"""Columns of typed files as the types that the modalities read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from challenge.task.cells import list_text

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["plain_columns"]

_IMAGE = {"bytes", "path"}


def plain_columns(table: pa.Table) -> pa.Table:
    """Return a table whose columns have plain types, under the same names.

    Structs are flattened to `outer.inner`; of image structs only the bytes remain. Lists of any
    kind become lists, texts and bytes of any kind strings and binary. A type without a plain form
    becomes texts.
    """
    import pyarrow as pa

    for index, field in enumerate(table.schema):
        if pa.types.is_struct(field.type) and {one.name for one in field.type} == _IMAGE:
            # The usual struct of an image; the path is of the machine that wrote it.
            content = pa.chunked_array(
                [chunk.field("bytes") for chunk in table.column(index).chunks],
                field.type.field("bytes").type,
            )
            table = table.set_column(index, field.name, content)
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    for index, field in enumerate(table.schema):
        column = _plain(table.column(index))
        if column.type != field.type:
            table = table.set_column(index, field.name, column)
    return table


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        chunks = [chunk.storage for chunk in column.chunks]
        return _plain(pa.chunked_array(chunks, kind.storage_type))
    if pa.types.is_run_end_encoded(kind):
        chunks = [pc.run_end_decode(chunk) for chunk in column.chunks]
        return _plain(pa.chunked_array(chunks, kind.value_type))
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.string())
    if (
        pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
    ):
        return column.cast(pa.binary())
    if pa.types.is_float16(kind):
        return column.cast(pa.float32())
    known = (
        pa.types.is_string, pa.types.is_binary, pa.types.is_boolean, pa.types.is_integer,
        pa.types.is_floating, pa.types.is_decimal, pa.types.is_null, pa.types.is_timestamp,
        pa.types.is_date, pa.types.is_time, pa.types.is_duration, pa.types.is_list,
    )  # fmt: skip
    if any(is_known(kind) for is_known in known):
        return column
    if pa.types.is_dictionary(kind):
        inner = _plain(pa.chunked_array([pa.array([], kind.value_type)])).type
        return column if inner == kind.value_type else _plain(column.cast(kind.value_type))
    if pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return column.cast(pa.list_(kind.value_type))
    return pa.chunked_array([_texts(chunk) for chunk in column.chunks], pa.string())


def _texts(chunk: pa.Array) -> pa.Array:
    import pyarrow as pa

    return pa.array([_text(value) for value in chunk.to_pylist()], pa.string())


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, list):
        return list_text(value)
    return str(value)
