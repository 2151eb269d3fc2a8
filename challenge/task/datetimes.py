"""Points in time: conversion to `timestamp[us, UTC]`, and to and from ISO 8601 texts.

Nothing is guessed or truncated. A value without a zone needs a declared zone; a value finer than
a microsecond or outside the years 1 to 9999 is a fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from challenge.errors import Fault, TaskError
from challenge.task.cells import cell_texts
from challenge.task.columns import Column
from challenge.task.date_texts import COUNTS, DATE_ORDERS, FINE, ZERO_DATE, read_date, read_iso
from challenge.task.number_texts import missing_mask
from challenge.task.raw_values import Faults, text_values
from challenge.task.toml_text import toml_key

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["YEAR_FIRST", "cell_datetimes", "iso_texts", "order_of_times", "standard_datetimes"]

_ZONE = r"[T ]\d\d[^Z+-]*(Z|[+-]\d\d(:?\d\d)?)$"
YEAR_FIRST = re.compile(r"[0-9]{4}([-/.]?(Q|W)?[0-9]{1,2})?")
"""Times less exact than a day, whose order as texts is their order in time."""
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].*)?")
_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The first and the last microsecond of the years 1 to 9999, since 1970."""


def iso_texts(array: pa.Array) -> pa.Array:
    """Return `timestamp[us, UTC]` as `2024-05-01T12:00:00Z`, with a fraction if needed.

    A fraction has no trailing zeros. Null stays null.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    seconds = pc.cast(array, pa.timestamp("s", "UTC"), safe=False)
    whole = pc.equal(pc.cast(seconds, array.type), array)
    if pc.all(whole).as_py():
        array = seconds
    texts = pc.replace_substring(pc.cast(array, pa.string()), " ", "T", max_replacements=1)
    if array is seconds:
        return texts
    return pc.replace_substring_regex(texts, r"\.?0*Z$", "Z")


def order_of_times(texts: pa.ChunkedArray, where: str) -> pa.ChunkedArray:
    """Return texts as points in time: ISO 8601, or with the year first and any separators.

    Texts of one shape with the year first, such as `2024-05`, are unchanged: they sort by time.
    Raises TaskError for other texts, and when only some have a zone: their order is unknown.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    read = read_iso(texts)
    if read is not None:
        return read
    distinct = pc.unique(texts)
    known = distinct.to_pylist()
    moments = [read_date(text, DATE_ORDERS[0]) for text in known]
    lacking = [text for text, one in zip(known, moments, strict=True) if one and not one.tzinfo]
    if 0 < len(lacking) < len(known) and None not in moments:
        raise TaskError(
            Fault(
                f"{where}, column time",
                f"{lacking[0]!r} has no time zone, others do",
                "a zone in every time, or in none",
                "add the zone to these times",
                code="time-zone",
                n=pc.sum(pc.is_in(texts, value_set=pa.array(lacking))).as_py(),
                first=tuple(lacking[:5]),
            )
        )
    if None not in moments:
        kind = pa.timestamp("us", None if lacking else "UTC")
        return pa.array(moments, kind).take(pc.index_in(texts, value_set=distinct))
    shapes = {re.sub("[0-9]", "0", text) for text in known}
    if len(shapes) == 1 and YEAR_FIRST.fullmatch(known[0]):
        return texts
    wrong = [text for text, one in zip(known, moments, strict=True) if one is None]
    raise TaskError(
        Fault(
            f"{where}, column time",
            f"{wrong[0]!r} is not a time that can be sorted",
            "numbers, or dates with the year first (2024-01-31), all in one form",
            "write all of them as 2024-01-31 or 2024-01-31T12:00:00",
            code="time-value",
            n=len(wrong),
            first=tuple(wrong[:5]),
        )
    )


def cell_datetimes(array: pa.Array, form: str | None = None) -> pa.Array:
    """Return the cells of a raw file as texts or points in time; texts such as `n/a` become null.

    `form` is the date format; texts become ISO 8601 texts. With an order of the parts, cells that
    are ISO 8601 are read as that: so come the dates of a workbook. If a cell does not match, the
    texts are unchanged, so that the build reports the rows. Counts since an epoch may be numbers.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(array, pa.DictionaryArray):
        array = array.dictionary_decode()
    if form in COUNTS and (pa.types.is_integer(array.type) or pa.types.is_floating(array.type)):
        array = cell_texts(array)
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        return array
    texts = pc.utf8_trim_whitespace(pc.cast(array, pa.string()))
    nothing = pc.or_(missing_mask(texts), pc.match_substring_regex(texts, ZERO_DATE))
    texts = pc.if_else(pc.fill_null(nothing, False), pa.scalar(None, pa.string()), texts)
    if form is None or (form == DATE_ORDERS[0] and read_iso(texts) is not None):
        return texts
    counted = texts.dictionary_encode()
    iso = _ISO if form in DATE_ORDERS else None
    found = [
        read_date(text, DATE_ORDERS[0] if iso and iso.fullmatch(text) else form)
        for text in counted.dictionary.to_pylist()
    ]
    if any(moment is None for moment in found):
        return texts
    written = pa.array([moment.isoformat() for moment in found if moment], pa.string())
    return pa.DictionaryArray.from_arrays(counted.indices, written).dictionary_decode()


def standard_datetimes(array: pa.Array, keys: pa.Array, column: Column, faults: Faults) -> pa.Array:
    """Return raw values as `timestamp[us, UTC]`; other values are added to `faults`.

    Takes ISO 8601 texts, timestamps and dates; those without a zone are read in `column.timezone`,
    a date as its midnight there. An empty text is null.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    utc = pa.timestamp("us", "UTC")
    if isinstance(array, pa.DictionaryArray):
        array = array.dictionary_decode()
    if pa.types.is_large_string(array.type):
        array = pc.cast(array, pa.string())
    read = _reader(array.type, column.timezone)
    if read is None:
        faults.add(
            "datetime-type",
            column.name,
            f"values of type {array.type}",
            "ISO 8601 texts, timestamps or dates",
            "convert them to texts such as 2024-05-01T12:00:00Z in the converter",
            n=len(array),
        )
        return pa.nulls(len(array), utc)
    if pa.types.is_string(array.type):
        array = text_values(array)
    try:
        return read(array)
    except (pa.ArrowInvalid, OverflowError):
        pass
    for row in range(len(array)):
        try:
            read(array.slice(row, 1))
        except (pa.ArrowInvalid, OverflowError):
            _explain(array, row, keys, column, faults)
    return pa.nulls(len(array), utc)


def _reader(kind: pa.DataType, zone: str | None) -> Callable[[pa.Array], pa.Array] | None:
    """Return the reader for values of a type, None for a type without points in time.

    The reader raises ArrowInvalid for a value without a zone, finer than a microsecond, or outside
    the years 1 to 9999.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    utc, local = pa.timestamp("us", "UTC"), pa.timestamp("us")

    def in_range(moments: pa.Array) -> pa.Array:
        ends = pc.min_max(pc.cast(moments, pa.int64())).as_py()
        if ends["min"] is not None and (ends["min"] < _FIRST or ends["max"] > _LAST):
            raise pa.ArrowInvalid("a year outside 1 to 9999")
        return moments

    def zoned(moments: pa.Array) -> pa.Array:
        return in_range(pc.cast(moments, utc))

    def zoneless(moments: pa.Array) -> pa.Array:
        if zone is None and moments.null_count < len(moments):
            raise pa.ArrowInvalid("no time zone")
        moments = in_range(pc.cast(moments, local))
        return in_range(pc.cast(pc.assume_timezone(moments, zone or "UTC"), utc))

    def texts(values: pa.Array) -> pa.Array:
        values = pc.replace_substring_regex(values, FINE, r"\1\2")
        if zone is None:
            return zoned(values)
        has_zone = pc.match_substring_regex(values, _ZONE)
        nothing = pa.scalar(None, pa.string())
        with_zone = zoned(pc.if_else(has_zone, values, nothing))
        return pc.coalesce(with_zone, zoneless(pc.if_else(has_zone, nothing, values)))

    if pa.types.is_string(kind):
        return texts
    if pa.types.is_timestamp(kind):
        return zoneless if kind.tz is None else zoned
    return zoneless if pa.types.is_date(kind) or pa.types.is_null(kind) else None


def _explain(array: pa.Array, row: int, keys: pa.Array, column: Column, faults: Faults) -> None:
    """Add the fault of one value that `_reader` refused."""
    import pyarrow as pa
    import pyarrow.compute as pc

    one = array.slice(row, 1)
    shown = str(pc.cast(one, pa.string())[0])
    row_key = [keys[row].as_py()]
    wide = pc.cast(one, pa.timestamp("s"), safe=False) if not pa.types.is_string(one.type) else None
    naive = _without_zone(one)
    if naive and column.timezone is None:
        faults.add(
            "datetime-zone",
            column.name,
            f"{shown!r} has no time zone",
            "a zone in each value, or a declared one",
            'write `timezone = "UTC"` (or the zone it is in) under '
            f"[columns.{toml_key(column.attribute)}]; a date is then its midnight",
            row_key,
        )
    elif naive and _is_local(one, str(column.timezone)):
        faults.add(
            "datetime-local",
            column.name,
            f"{shown!r} does not exist or is ambiguous in {column.timezone}, where clocks change",
            "exactly one point in time",
            "add the zone offset to these values in the converter",
            row_key,
        )
    elif re.search(r"\.\d{7,}", shown) and (wide is None or _in_years(wide)):
        faults.add(
            "datetime-precision",
            column.name,
            f"{shown!r} is finer than a microsecond",
            "at most six digits of a second",
            "round in the converter",
            row_key,
        )
    else:
        faults.add(
            "datetime-value",
            column.name,
            f"{shown!r} is not a point in time",
            "ISO 8601 such as 2024-05-01T12:00:00Z, a calendar date, years 0001 to 9999, "
            "no leap second",
            "correct the value, or leave it empty",
            row_key,
        )


def _without_zone(one: pa.Array) -> bool:
    """Whether a value is a valid point in time without a zone."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_string(one.type):
        return getattr(one.type, "tz", None) is None
    try:
        return bool(_in_years(pc.cast(one, pa.timestamp("us"))))
    except pa.ArrowInvalid:
        return False


def _is_local(one: pa.Array, zone: str) -> bool:
    """Whether a value is refused only because of a clock change in its zone."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        moment = pc.cast(one, pa.timestamp("us"))
    except pa.ArrowInvalid:
        return False
    return _in_years(moment) and _in_years(
        pc.assume_timezone(moment, zone, ambiguous="earliest", nonexistent="earliest")
    )


def _in_years(moments: pa.Array) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    value = pc.cast(moments, pa.int64())[0].as_py()
    scale = 1_000_000 if moments.type.unit == "s" else 1
    return bool(_FIRST <= value * scale <= _LAST)
