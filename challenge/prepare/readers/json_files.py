"""JSON tables: objects in an array or one per line, and the forms that pandas writes.

Nested objects are flattened to `outer.inner`; a column of several types is read as texts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from challenge.prepare.readers.arrow_types import plain_columns
from challenge.prepare.readers.json_caps import check_records, has_plain_lines

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["read_json_lines", "read_json_records"]

_FORMS = (
    "an array of objects, one object per line, or what pandas writes with orient = split, columns, "
    "index, table or values"
)

_LONG = re.compile(rb"[0-9.]{17,}")
"""A number that may have more digits than a double holds."""


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
            times = [field.name for field in table.schema if pa.types.is_timestamp(field.type)]
            if times:
                # Texts that look like times would lose their zone.
                schema = pa.schema([(name, pa.string()) for name in times])
                options = fast.ParseOptions(explicit_schema=schema)
                table = fast.read_json(path, parse_options=options)
            if not _has(table.schema, pa.types.is_timestamp) and not (
                _has(table.schema, pa.types.is_floating) and _has_long_numbers(path)
            ):
                return plain_columns(table)
        except pa.ArrowException:
            pass
    records = []
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                record = _loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from None
            if not isinstance(record, dict):
                raise ValueError(f"line {number}: not an object")
            records.append(record)
    return _of_objects(records)


def _has(fields: Any, wanted: Callable[[pa.DataType], bool]) -> bool:
    """Whether a field of a schema or struct is of a wanted type, at any depth."""
    import pyarrow as pa

    def inside(kind: pa.DataType) -> bool:
        if pa.types.is_list(kind):
            return inside(kind.value_type)
        if pa.types.is_struct(kind):
            return _has(kind, wanted)
        return wanted(kind)

    return any(inside(field.type) for field in fields)


def _has_long_numbers(path: Path) -> bool:
    with path.open("rb") as file:
        return any(_LONG.search(line) for line in file)


def read_json_records(path: Path) -> pa.Table:
    """Return the table of a JSON file in one of the usual forms; raise ValueError otherwise."""
    content = path.read_bytes()
    try:
        document = _loads(content.decode(json.detect_encoding(content)).removeprefix("\ufeff"))
    except ValueError as error:
        if "Extra data" not in str(error):
            raise
        # One object per line, under another suffix.
        return read_json_lines(path)
    records = _records(document)
    if records is None:
        raise ValueError(f"not {_FORMS}")
    return _of_objects(records)


def _loads(text: str) -> Any:
    """Return a JSON value; raise ValueError for an object that has a name twice.

    A number with more digits than a double holds stays the text that it is.
    """
    return json.loads(text, object_pairs_hook=_once, parse_float=_float_or_text)


class _Digits(str):
    """A number with more digits than a double holds, as it is written."""

    __slots__ = ()


def _float_or_text(text: str) -> float | _Digits:
    number = float(text)
    return number if len(text) < 17 or Decimal(text) == Decimal(repr(number)) else _Digits(text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has {twice!r} twice")
    return found


def _records(document: Any) -> Sequence[Mapping[str, Any]] | None:
    """Return the rows of a document as objects, None when it is in no known form."""
    if isinstance(document, list):
        if all(isinstance(one, dict) for one in document):
            return document
        return _of_rows(document, None)
    if not isinstance(document, dict):
        return None
    if isinstance(document.get("data"), list):
        names = document.get("columns")
        if isinstance(names, list):
            return _of_rows(document["data"], [str(name) for name in names])
        if set(document) <= {"data", "schema"}:
            return _records(document["data"])
    tables = [one for one in document.values() if isinstance(one, list) and one]
    if len(tables) == 1 and all(isinstance(row, dict) for row in tables[0]):
        return _records(tables[0])
    columns = list(document.values())
    if all(isinstance(one, list) for one in columns):
        if len({len(one) for one in columns}) != 1:
            return None
        return [dict(zip(document, row, strict=True)) for row in zip(*columns, strict=True)]
    if columns and all(isinstance(one, dict) for one in columns):
        return _of_objects_in_object(document)
    return None


def _of_rows(rows: Any, names: list[str] | None) -> list[dict[str, Any]] | None:
    """Return arrays of equal length as objects; unnamed columns are column_1 and so on."""
    if not rows or not all(isinstance(row, list) for row in rows):
        return None
    width = len(rows[0])
    names = names or [f"column_{number}" for number in range(1, width + 1)]
    if any(len(row) != len(names) for row in rows):
        return None
    return [dict(zip(names, row, strict=True)) for row in rows]


def _of_objects_in_object(document: dict[str, dict[str, Any]]) -> list[dict[str, Any]] | None:
    """Return the rows of an object of objects: by row, or by column, whichever has one type each.

    Keys of rows become the column `index`, unless they number the rows from 0.
    Raises ValueError when both have, and the keys do not show which of them number rows.
    """
    inner = list(dict.fromkeys(key for one in document.values() for key in one))
    by_column = [{name: column.get(key) for name, column in document.items()} for key in inner]
    by_row = list(document.values())
    fits_column, fits_row = _one_type_each(by_column), _one_type_each(by_row)
    if fits_column and fits_row:
        fits_column, fits_row = _numbered(inner), _numbered(list(document))
    if fits_column == fits_row:
        raise ValueError("an object of objects whose keys may be rows or columns")
    keys, rows = (inner, by_column) if fits_column else (list(document), by_row)
    if keys == [str(number) for number in range(len(keys))] or any("index" in row for row in rows):
        return rows
    return [{"index": key, **row} for key, row in zip(keys, rows, strict=True)]


def _one_type_each(rows: list[dict[str, Any]]) -> bool:
    kinds: dict[str, set[str]] = {}
    for row in rows:
        for name, value in row.items():
            if value is not None:
                number = isinstance(value, int | float | _Digits) and not isinstance(value, bool)
                kinds.setdefault(name, set()).add("number" if number else type(value).__name__)
    return all(len(one) == 1 for one in kinds.values())


def _numbered(keys: list[str]) -> bool:
    return all(key.lstrip("-").isdecimal() for key in keys)


def _of_objects(records: Sequence[Mapping[str, Any]]) -> pa.Table:
    import pyarrow as pa

    check_records(records)
    arrays = {}
    for name in dict.fromkeys(name for one in records for name in one):
        values = [one.get(name) for one in records]
        try:
            arrays[name] = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            arrays[name] = pa.array([_text(value) for value in values], pa.string())
    return plain_columns(pa.table(arrays))


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
