"""The unpacked size of the pages of a Parquet column, computed before anything is unpacked.

A few bytes of Parquet can unpack to gigabytes, and the sizes in the footer may be wrong. Arrow
allocates what the header of each page says. So the headers are read (Thrift's compact protocol)
and their sizes added. Dictionaries are unpacked too, since every row may repeat each value.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Chunk", "PageError", "read_chunks", "unpacked_bytes"]

_HEADER = 512
_LONG_HEADER = 1 << 16
_DELTA_BYTE_ARRAY = 7
_GROUPS, _COLUMNS, _METADATA = 4, 1, 3
_CODECS = {1: "snappy", 2: "gzip", 4: "brotli", 6: "zstd", 7: "lz4_raw"}
_PAGE_TYPE, _UNPACKED, _PACKED, _DATA, _DICTIONARY, _DATA_V2 = 1, 2, 3, 5, 7, 8


class PageError(ValueError):
    """The pages are not those of a valid file."""


@dataclass(frozen=True)
class Chunk:
    """The position and size of one column of one row group, from the footer."""

    start: int
    end: int
    n_values: int
    is_text: bool
    codec: int


def read_chunks(read_at: Callable[[int, int], bytes], size: int) -> list[list[Chunk]]:
    """Return the chunks of each row group, in the order of the columns.

    The footer is read here, since Arrow crashes on the footer of some damaged files.
    Raises PageError when it is not valid.
    """
    tail = read_at(max(size - 8, 0), 8)
    length = int.from_bytes(tail[:4], "little")
    if len(tail) < 8 or tail[4:] != b"PAR1" or length > size - 8:
        raise PageError("no footer")
    footer = _read_header(read_at(size - 8 - length, length))[0]
    groups = [_list(group, _COLUMNS) for group in _list(footer, _GROUPS)]
    return [[_chunk(_struct(column, _METADATA)) for column in columns] for columns in groups]


def _chunk(column: dict[int, Any]) -> Chunk:
    start = _integer(column, 9)
    if start == 0 and _integer(column, 5) == 0:
        # Writers store an empty table this way: no values, no page, and so no offset.
        start = 4
    if isinstance(column.get(11), int) and 0 < column[11] < start:
        start = column[11]
    packed = _integer(column, 7)
    if start < 4 or packed < 0:
        raise PageError("a column lies outside the file")
    return Chunk(
        start, start + packed, _integer(column, 5), _integer(column, 1) == 6, _integer(column, 4)
    )


def unpacked_bytes(chunk: Chunk, read_at: Callable[[int, int], bytes], most: int) -> int:
    """Return the most bytes that a column chunk can take in memory.

    Stops early once it is more than `most`. Raises PageError when the pages are not valid.
    """
    offset, end = chunk.start, chunk.end
    total, longest, n_values = 0, 0, 0
    while offset < end and n_values < chunk.n_values:
        try:
            header, size = _read_struct(read_at(offset, _HEADER), 0, 0)
        except IndexError:
            # Statistics can make a header long.
            header, size = _read_header(read_at(offset, _LONG_HEADER))
        packed, unpacked = _integer(header, _PACKED), _integer(header, _UNPACKED)
        if packed < 0 or unpacked < 0:
            raise PageError("a page of negative size")
        total += unpacked
        if total > most:
            return total
        body = offset + size
        if _DICTIONARY in header:
            if chunk.is_text:
                page = read_at(body, packed)
                longest = max(longest, _longest_value(page, unpacked, chunk.codec))
        elif _DATA in header or _DATA_V2 in header:
            data = _struct(header, _DATA if _DATA in header else _DATA_V2)
            if _integer(data, 2 if _DATA in header else 4) == _DELTA_BYTE_ARRAY:
                # Each value may repeat the whole one before it.
                longest = max(longest, unpacked)
            n_values += max(_integer(data, 1), 0)
        offset = body + packed
    return total + longest * n_values


def _integer(fields: dict[int, Any], number: int) -> int:
    value = fields.get(number)
    if not isinstance(value, int):
        raise PageError("a page with a damaged header")
    return value


def _struct(fields: Any, number: int) -> dict[int, Any]:
    value = fields.get(number) if isinstance(fields, dict) else None
    if not isinstance(value, dict):
        raise PageError("not a valid Parquet structure")
    return value


def _list(fields: Any, number: int) -> list[Any]:
    value = fields.get(number) if isinstance(fields, dict) else None
    if not isinstance(value, list):
        raise PageError("not a valid Parquet structure")
    return value


def _longest_value(page: bytes, unpacked: int, codec: int) -> int:
    """Return the bytes of the longest string in a dictionary page."""
    import pyarrow as pa

    if codec:
        try:
            page = pa.Codec(_CODECS.get(codec, "unknown")).decompress(page, unpacked, asbytes=True)
        except (pa.ArrowException, OSError, ValueError):
            return unpacked
    at, longest = 0, 0
    if (length := _one_length(page)) is not None:
        return length
    while at + 4 <= len(page):
        (length,) = struct.unpack_from("<I", page, at)
        longest = max(longest, length)
        at += 4 + length
    return min(longest, unpacked)


def _one_length(page: bytes) -> int | None:
    """Return the length of all strings of a page when they have one, as ids do."""
    import numpy as np

    length = int.from_bytes(page[:4], "little")
    if len(page) < 4 or len(page) % (length + 4):
        return None
    # No page is large enough for a length of 2 GB or more.
    strings = np.frombuffer(page, np.dtype([("length", "<u4"), ("text", f"V{length}")]))
    return length if bool((strings["length"] == length).all()) else None


def _read_header(text: bytes) -> tuple[dict[int, Any], int]:
    try:
        header, size = _read_struct(text, 0, 0)
    except IndexError:
        raise PageError("a page with a damaged header") from None
    return header, size


def _read_struct(text: bytes, at: int, depth: int) -> tuple[dict[int, Any], int]:
    """Return the fields of a struct by number, numbers and structs only, and where it ends."""
    if depth > 16:
        raise PageError("a page header that is nested too deeply")
    fields: dict[int, Any] = {}
    number = 0
    while True:
        mark = text[at]
        at += 1
        if mark == 0:
            return fields, at
        step, kind = mark >> 4, mark & 15
        if step:
            number += step
        else:
            number, at = _read_integer(text, at)
        # Most fields are small numbers, short texts or structs, and a file has many of them.
        byte = text[at]
        if byte < 128 and kind in (5, 6):
            fields[number] = (byte >> 1) ^ -(byte & 1)
            at += 1
        elif byte < 128 and kind == 8:
            at += 1 + byte
        elif kind == 12:
            fields[number], at = _read_struct(text, at, depth + 1)
        else:
            fields[number], at = _read_value(text, at, kind, depth)


def _read_value(text: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (1, 2):
        return kind == 1, at
    if kind == 3:
        return text[at], at + 1
    if kind in (4, 5, 6):
        return _read_integer(text, at)
    if kind == 7:
        return None, at + 8
    if kind == 8:
        length, at = _read_varint(text, at)
        return None, at + length
    if kind in (9, 10):
        return _read_list(text, at, depth)
    if kind == 12:
        return _read_struct(text, at, depth + 1)
    raise PageError("a page header of an unknown kind")


def _read_list(text: bytes, at: int, depth: int) -> tuple[list[Any], int]:
    size, kind = text[at] >> 4, text[at] & 15
    at += 1
    if size == 15:
        size, at = _read_varint(text, at)
    if size > len(text):
        raise PageError("a list longer than its bytes")
    values = []
    for _ in range(size):
        # In a list each boolean takes one byte.
        value, at = _read_value(text, at, 3 if kind in (1, 2) else kind, depth + 1)
        values.append(value)
    return values, at


def _read_integer(text: bytes, at: int) -> tuple[int, int]:
    value, at = _read_varint(text, at)
    return (value >> 1) ^ -(value & 1), at


def _read_varint(text: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = text[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise PageError("a number too long")
