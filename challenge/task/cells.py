"""Cells of raw files as numbers, days since 1970, and texts."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from challenge.task.date_texts import is_date_format, is_no_date, read_date
from challenge.task.number_texts import NUMBER_FORMATS, is_held, missing_mask, read_number

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["cell_numbers", "cell_texts", "list_text"]

_EXACT = 2**53


def cell_numbers(array: pa.Array, form: str | None = None) -> pa.Array:
    """Return numbers; if any text is not a number in the format, return the texts unchanged.

    `form` is a number format, or a date format: dates become days since 1970, as dates and times
    of typed files do. Durations become seconds.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(array, pa.DictionaryArray):
        array = array.dictionary_decode()
    kind = array.type
    if pa.types.is_duration(kind):
        units = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
        return pc.divide(pc.cast(pc.cast(array, pa.int64()), pa.float64()), units[kind.unit])
    if pa.types.is_temporal(kind):
        return pa.array([_of_moment(value) for value in array.to_pylist()], pa.float64())
    if pa.types.is_boolean(kind):
        return array.cast(pa.int8())
    if pa.types.is_decimal(kind):
        return _of_decimals(array)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _numbers(array.cast(pa.string()), form)
    return array


def _of_decimals(array: pa.Array) -> pa.Array:
    """Return whole decimals as int64 and others as doubles; texts where neither holds them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        if array.type.scale <= 0:
            return array.cast(pa.int64())
    except pa.ArrowInvalid:
        pass
    numbers = array.cast(pa.float64())
    large = pc.fill_null(pc.greater_equal(pc.abs(numbers), float(_EXACT)), False)
    texts = array.cast(pa.string())
    if all(is_held(text) for text in texts.filter(large).to_pylist()):
        return numbers
    return texts


def cell_texts(array: pa.Array) -> pa.Array:
    """Return texts: integers without a fraction, dates in ISO form, lists as `list_text` does.

    Bytes and types without a text form are unchanged; the build then reports them.
    """
    import pyarrow as pa

    if isinstance(array, pa.DictionaryArray):
        array = array.dictionary_decode()
    kind = array.type
    if pa.types.is_binary(kind):
        return array
    if pa.types.is_floating(kind):
        return pa.array([_plainly(value) for value in array.to_pylist()], pa.string())
    if pa.types.is_duration(kind):
        return cell_texts(cell_numbers(array))
    if pa.types.is_list(kind):
        return pa.array([list_text(one) for one in array.to_pylist()], pa.string())
    try:
        return array.cast(pa.string())
    except pa.ArrowNotImplementedError:
        return array


def list_text(values: list[Any] | None) -> str | None:
    """Return the values joined by comma and blank; as JSON where these do not show them apart.

    That is so for objects, lists, true or false, missing values, and texts with a comma. Fields of
    objects that are missing are left out.

    >>> list_text(["oak", "pine"]), list_text(["oak", None]), list_text([])
    ('oak, pine', '["oak", null]', '')
    """
    if values is None:
        return None
    if any(
        isinstance(one, dict | list | bool) or one is None or (isinstance(one, str) and "," in one)
        for one in values
    ):
        return json.dumps(_without_missing(values), ensure_ascii=False, default=str)
    return ", ".join(map(str, values))


def _without_missing(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_missing(one) for name, one in value.items() if one is not None}
    return [_without_missing(one) for one in value] if isinstance(value, list) else value


def _of_moment(value: Any) -> float | None:
    if value is None:
        return None
    if not hasattr(value, "hour"):
        value = datetime(value.year, value.month, value.day, tzinfo=timezone.utc)
    if not hasattr(value, "year"):
        return float(value.hour * 3600 + value.minute * 60 + value.second) / 86_400
    if value.tzinfo is None:
        value = value.replace(tzinfo=timezone.utc)
    return float(value.timestamp()) / 86_400


def _plainly(value: float | None) -> str | None:
    if value is None or value != value:
        return None
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def _numbers(array: pa.Array, form: str | None) -> pa.Array:
    """Return numbers if every text is one; else the texts, so that the build reports the rows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if form is not None and is_date_format(form):
        texts = array.to_pylist()
        days = [None if text is None or is_no_date(text) else _days(text, form) for text in texts]
        unread = any(
            day is None and text is not None and not is_no_date(text)
            for text, day in zip(texts, days, strict=True)
        )
        return array if unread else pa.array(days, pa.float64())
    if form in (None, NUMBER_FORMATS[0]):
        for texts in (array, pc.if_else(missing_mask(array), pa.scalar(None, pa.string()), array)):
            for exact in (pa.int64(), pa.float64()):
                try:
                    return _exactly(texts, texts.cast(exact))
                except pa.ArrowInvalid:
                    continue
    found: list[float | int | None] = []
    for text in array.to_pylist():
        try:
            found.append(None if text is None else read_number(text, form or NUMBER_FORMATS[0]))
        except ValueError:
            return array
        if text is not None and found[-1] is not None and not is_held(text, form or "1234.5"):
            return array
    if all(value is None or isinstance(value, int) for value in found):
        return pa.array(found, pa.int64())
    return pa.array([None if value is None else float(value) for value in found], pa.float64())


def _exactly(texts: pa.Array, numbers: pa.Array) -> pa.Array:
    """Return numbers, or the texts when a double does not hold the number that one writes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_floating(numbers.type):
        large = pc.fill_null(pc.greater_equal(pc.abs(numbers), float(_EXACT)), False)
        if not all(is_held(text) for text in texts.filter(large).to_pylist()):
            return texts
    return numbers


def _days(text: str, form: str) -> float | None:
    """Return a date as days since 1970, with the time of day as a fraction; UTC without a zone."""
    moment = read_date(text, form)
    return None if moment is None else _of_moment(moment)
