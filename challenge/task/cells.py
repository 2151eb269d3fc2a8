"""Parses texts of raw files: numbers from formatted amounts, days since 1970 from dates."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["DATE_FORMATS", "MISSING", "cell_numbers", "cell_texts", "date_format", "read_number"]

MISSING = frozenset(
    ["", "-", "--", "?", "na", "n/a", "n.a.", "nan", "none", "null", "nil", "missing", "unknown"]
)
"""Texts for a missing number; in texts and categories they are ordinary values."""

DATE_FORMATS = (
    "%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y",
    "%d/%m/%Y", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S.%f",
    "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%d %H:%M:%S%z", "%d.%m.%Y %H:%M",
    "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M", "%d-%b-%y", "%d-%b-%Y", "%b %d, %Y",
    "%B %d, %Y", "%d %b %Y", "%d %B %Y", "%Y%m%d",
)  # fmt: skip
_AROUND = re.compile(r"^[\s$€£¥₹~≈]+|[\s$€£¥₹%]+$")
_THOUSANDS = re.compile(r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$")
_SPACED = re.compile(r"^[+-]?\d{1,3}([ \u00a0\u202f']\d{3})+([.,]\d+)?$")
_COMMA = re.compile(r"^[+-]?\d+,\d+$")
_PLAIN = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")


def read_number(text: str) -> float | int | None:
    """Return the number in a formatted text; raise ValueError when it is not a number.

    Currency signs, a percent sign and separators of thousands are dropped; a lone comma is a
    decimal comma unless three digits follow it. Texts such as `n/a` give None.

    >>> [read_number(text) for text in ("$ 1,299.00", "12,5", "50%", "n/a", "007")]
    [1299.0, 12.5, 50, None, 7]
    """
    if text.strip().casefold() in MISSING:
        return None
    core = _AROUND.sub("", text)
    if core.startswith("(") and core.endswith(")"):
        core = "-" + _AROUND.sub("", core[1:-1])
    if _THOUSANDS.match(core):
        core = core.replace(",", "")
    elif _SPACED.match(core):
        core = re.sub(r"[ \u00a0\u202f']", "", core).replace(",", ".")
    elif _COMMA.match(core):
        core = core.replace(",", ".")
    if not _PLAIN.match(core):
        raise ValueError(text)
    return int(core) if re.fullmatch(r"[+-]?\d{1,18}", core) else float(core)


def date_format(texts: list[str], patterns: Sequence[str] = DATE_FORMATS) -> str | None:
    """Return the first pattern in which all of the texts are dates, None when there is none."""
    for pattern in patterns:
        if texts and all(_days(text, pattern) is not None for text in texts):
            return pattern
    return None


def _days(text: str, pattern: str) -> float | None:
    """Return a date as days since 1970, with the time of day as a fraction; UTC without a zone."""
    try:
        moment = datetime.strptime(text.strip(), pattern)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.timestamp() / 86_400


def cell_numbers(array: pa.Array, pattern: str | None = None) -> pa.Array:
    """Return numbers; if any text is not a number, return the texts unchanged.

    `pattern` is the format of dates; dates and times of typed files become days since 1970.
    """
    import pyarrow as pa

    if isinstance(array, pa.DictionaryArray):
        array = array.dictionary_decode()
    kind = array.type
    if pa.types.is_temporal(kind):
        return pa.array([_of_moment(value) for value in array.to_pylist()], pa.float64())
    if pa.types.is_boolean(kind):
        return array.cast(pa.int8())
    if pa.types.is_decimal(kind):
        return array.cast(pa.float64())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _numbers(array.cast(pa.string()), pattern)
    return array


def cell_texts(array: pa.Array) -> pa.Array:
    """Return texts: integers without a fraction, dates in ISO form, lists joined.

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
    if pa.types.is_list(kind):
        joined = [None if one is None else ", ".join(map(str, one)) for one in array.to_pylist()]
        return pa.array(joined, pa.string())
    try:
        return array.cast(pa.string())
    except pa.ArrowNotImplementedError:
        return array


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


def _numbers(array: pa.Array, pattern: str | None) -> pa.Array:
    """Return numbers if every text is one; else the texts, so that the build reports the rows."""
    import pyarrow as pa

    if pattern is None:
        for exact in (pa.int64(), pa.float64()):
            try:
                return array.cast(exact)
            except pa.ArrowInvalid:
                continue
    found: list[float | int | None] = []
    for text in array.to_pylist():
        if text is None:
            found.append(None)
            continue
        try:
            found.append(_days(text, pattern) if pattern else read_number(text))
        except ValueError:
            return array
        if pattern and found[-1] is None and text.strip().casefold() not in MISSING:
            return array
    if all(value is None or isinstance(value, int) for value in found):
        return pa.array(found, pa.int64())
    return pa.array([None if value is None else float(value) for value in found], pa.float64())
