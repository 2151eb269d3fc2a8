"""How much the pages of a Parquet column unpack to, known before anything is unpacked.

A few bytes of Parquet can stand for gigabytes, and the sizes in the footer may lie. Arrow believes
the header of each page, so the headers are walked (Thrift's compact protocol) and added up. A
dictionary needs a look inside: each of its values may be repeated in every row.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

__all__ = ["PageError", "unpacked_bytes"]

_HEADER = 512
_LONG_HEADER = 1 << 16
_DELTA_BYTE_ARRAY = 7
_PAGE_TYPE, _UNPACKED, _PACKED, _DATA, _DICTIONARY, _DATA_V2 = 1, 2, 3, 5, 7, 8


class PageError(ValueError):
    """The pages are not those of a sound file."""


def unpacked_bytes(chunk: Any, read_at: Callable[[int, int], bytes], most: int) -> int:
    """Return the most bytes that a column chunk (of Arrow's metadata) can take in memory.

    Stops early once it is more than `most`. Raises PageError when the pages make no sense.
    """
    offset = int(chunk.data_page_offset)
    if chunk.has_dictionary_page and chunk.dictionary_page_offset:
        offset = min(offset, chunk.dictionary_page_offset)
    end = offset + int(chunk.total_compressed_size)
    if offset < 4 or chunk.total_compressed_size < 0:
        raise PageError("a column lies outside the file")
    total, longest, n_values = 0, 0, 0
    while offset < end and n_values < chunk.num_values:
        try:
            header, size = _read_struct(read_at(offset, _HEADER), 0, 0)
        except IndexError:
            # Statistics can make a header long.
            header, size = _read_header(read_at(offset, _LONG_HEADER))
        packed, unpacked = int(header.get(_PACKED, -1)), int(header.get(_UNPACKED, -1))
        if packed < 0 or unpacked < 0:
            raise PageError("a page of negative size")
        total += unpacked
        if total > most:
            return total
        body = offset + size
        if _DICTIONARY in header:
            if chunk.physical_type == "BYTE_ARRAY":
                page = read_at(body, packed)
                longest = max(longest, _longest_value(page, unpacked, chunk.compression))
        elif _DATA in header or _DATA_V2 in header:
            data = header.get(_DATA) or header[_DATA_V2]
            encoding = data.get(2 if _DATA in header else 4, 0)
            if encoding == _DELTA_BYTE_ARRAY:
                # Each value may repeat the whole one before it.
                longest = max(longest, unpacked)
            n_values += max(data.get(1, 0), 0)
        offset = body + packed
    return total + longest * n_values


def _longest_value(page: bytes, unpacked: int, compression: str) -> int:
    """Return the bytes of the longest string in a dictionary page."""
    import pyarrow as pa

    codec = {"UNCOMPRESSED": "", "LZ4": "lz4_raw"}.get(compression, compression.lower())
    if codec:
        try:
            page = pa.Codec(codec).decompress(page, unpacked, asbytes=True)
        except (pa.ArrowException, OSError, ValueError):
            return unpacked
    at, longest = 0, 0
    while at + 4 <= len(page):
        (length,) = struct.unpack_from("<I", page, at)
        longest = max(longest, length)
        at += 4 + length
    return min(longest, unpacked)


def _read_header(text: bytes) -> tuple[dict[int, Any], int]:
    try:
        header, size = _read_struct(text, 0, 0)
    except IndexError:
        raise PageError("a page without a sound header") from None
    return header, size


def _read_struct(text: bytes, at: int, depth: int) -> tuple[dict[int, Any], int]:
    """Return the fields of a struct by number, numbers and structs only, and where it ends."""
    if depth > 8:
        raise PageError("a page header too deep")
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
        value, at = _read_value(text, at, kind, depth)
        fields[number] = value


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
    if kind == 12:
        return _read_struct(text, at, depth + 1)
    raise PageError("a page header of an unknown kind")


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
