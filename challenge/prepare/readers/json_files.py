"""JSON tables: an array of objects or one object per line, flattened to `outer.inner`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from challenge.prepare.readers.json_caps import check_records, has_plain_lines

if TYPE_CHECKING:
    import pyarrow as pa

_IMAGE = {"bytes", "path"}

__all__ = ["laid_out", "read_json_lines", "read_json_records"]


def read_json_lines(path: Path) -> pa.Table:
    """Return the table of a file with one object per line; raise ValueError with the faulty line.

    A column of mixed types is read as texts.
    """
    import pyarrow as pa
    from pyarrow import json as fast

    if has_plain_lines(path):
        try:
            table = fast.read_json(path)
            # It does not check that texts are UTF-8; the lines are read again to name the line.
            table.validate(full=True)
            return laid_out(table)
        except pa.ArrowException:
            pass
    records = []
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from None
            if not isinstance(record, dict):
                raise ValueError(f"line {number}: not an object")
            records.append(record)
    return _of_objects(records)


def read_json_records(path: Path) -> pa.Table:
    """Return the table of a file with one array of objects; raise ValueError otherwise."""
    records = json.loads(path.read_bytes())
    if not (isinstance(records, list) and all(isinstance(one, dict) for one in records)):
        raise ValueError("not an array of objects")
    return _of_objects(records)


def _of_objects(records: list[dict[str, Any]]) -> pa.Table:
    import pyarrow as pa

    check_records(records)
    arrays = {}
    for name in dict.fromkeys(name for one in records for name in one):
        values = [one.get(name) for one in records]
        try:
            arrays[name] = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            arrays[name] = pa.array([_text(value) for value in values], pa.string())
    return laid_out(pa.table(arrays))


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def laid_out(table: pa.Table) -> pa.Table:
    """Return a table with nested columns flattened; of image structs only the bytes remain."""
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
    return table
