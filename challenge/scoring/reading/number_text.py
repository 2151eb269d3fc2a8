"""Numbers as text: the grammar of a CSV field, and common mistakes."""

from __future__ import annotations

import math
import re

__all__ = ["LONGEST_NUMBER", "number_fault", "parse_number"]

_NUMBER = re.compile(rb"[ \t]*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?[ \t]*")
_COMMA = re.compile(rb"\s*[+-]?\d*,\d+([eE][+-]?\d+)?\s*")
_PERCENT = re.compile(rb"\s*[+-]?\d*([.,]\d*)?\s*%\s*")
_NAN = (b"nan", b"-nan", b"+nan", b"na", b"n/a", b"null", b"none", b"<na>")
_INFINITE = (b"inf", b"+inf", b"-inf", b"infinity", b"+infinity", b"-infinity")
LONGEST_NUMBER = 400
"""Characters of the longest text that is accepted as a number."""


def parse_number(text: bytes) -> float | str:
    """Return the text as a finite number, else the code of its fault.

    >>> parse_number(b"2.5e-1"), parse_number(b"0,5"), parse_number(b"1e309")
    (0.25, 'number-comma', 'number-overflow')
    """
    if len(text) <= LONGEST_NUMBER and _NUMBER.fullmatch(text):
        value = float(text)
        return value if math.isfinite(value) else "number-overflow"
    return number_fault(text)


def number_fault(text: bytes) -> str:
    """Return the code of what is wrong with a text that is no number."""
    bare = text[:LONGEST_NUMBER].strip()
    if not bare:
        return "number-empty"
    if bare.lower() in _NAN:
        return "number-nan"
    if bare.lower() in _INFINITE:
        return "number-infinite"
    if _COMMA.fullmatch(bare):
        return "number-comma"
    if _PERCENT.fullmatch(bare):
        return "number-percent"
    return "number-text"
