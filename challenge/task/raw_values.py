"""Converts raw texts and numbers to the standard form; collects every fault with row and column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from challenge.errors import Fault, TaskError
from challenge.task.columns import Column
from challenge.task.number_texts import is_code, is_held

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "Faults",
    "is_text_type",
    "standard_numbers",
    "standard_texts",
    "text_values",
]

_SHOWN = 5
_NUMBERED = re.compile(r"row \d+(:|$)")
"""What names a row without a raw key."""
_COUNTED = "row 1 is the first row of data, and empty rows are not counted"


class Faults:
    """Faults of a raw table, counted by fault and column."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._found: dict[tuple[str, str], tuple[str, str, str, int, list[str]]] = {}

    def add(
        self,
        code: str,
        column: str,
        found: str,
        expected: str,
        fix: str,
        rows: Sequence[str] = (),
        n: int | None = None,
    ) -> None:
        """Add a fault of a column; `rows` are the keys of the affected rows."""
        count = len(rows) if n is None else n
        if (code, column) in self._found:
            old = self._found[code, column]
            shown = [*old[4], *rows[: _SHOWN - len(old[4])]] if len(old[4]) < _SHOWN else old[4]
            self._found[code, column] = (*old[:3], old[3] + count, shown)
        else:
            self._found[code, column] = (found, expected, fix, count, list(rows[:_SHOWN]))

    def stop(self) -> None:
        """Raise TaskError with every fault, if there is any.

        The first that names rows by their number says how they are counted.
        """
        found_in = sorted(self._found.items())
        numbered = next((key for key, one in found_in if any(map(_NUMBERED.match, one[4]))), None)
        faults = [
            Fault(
                f"{self._where}, column {column}" if column else self._where,
                found,
                expected,
                f"{fix}; {_COUNTED}" if (code, column) == numbered else fix,
                code=code,
                n=max(1, n),
                # Keys of rows without a raw key already have the form `row 7`.
                first=tuple(row if row.startswith("row ") else f"row {row}" for row in rows),
            )
            for (code, column), (found, expected, fix, n, rows) in found_in
        ]
        if faults:
            raise TaskError(faults)


def _is_castable(kind: pa.DataType) -> bool:
    from pyarrow import types

    return bool(
        types.is_null(kind)
        or types.is_integer(kind)
        or types.is_boolean(kind)
        or types.is_large_string(kind)
        or types.is_string_view(kind)
    )


def is_text_type(kind: pa.DataType) -> bool:
    """Whether `text_values` takes values of this type."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind)) or _is_castable(kind)


def text_values(array: pa.Array) -> pa.Array:
    """Return texts, whole numbers or booleans as strings, an empty text as null.

    Raises ValueError for another type or invalid UTF-8.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(array, pa.DictionaryArray):
        array = array.dictionary_decode()
    kind = array.type
    if _is_castable(kind):
        array = pc.cast(array, pa.string())
    elif not pa.types.is_string(kind):
        raise ValueError(f"values of type {kind}")
    array.validate(full=True)
    empty = pc.equal(pc.binary_length(array), 0)
    if not pc.any(empty).as_py():
        return array
    return pc.if_else(empty, pa.scalar(None, pa.string()), array)


def standard_texts(array: pa.Array, keys: pa.Array, column: Column, faults: Faults) -> pa.Array:
    """Return texts, an empty one as null; wrong types and NUL characters are faults."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        texts = text_values(array)
    except (ValueError, pa.ArrowInvalid) as problem:
        faults.add(
            "text-type",
            column.name,
            str(problem),
            "texts in UTF-8",
            "convert them to texts in the converter, or declare another modality",
            n=len(array),
        )
        return pa.nulls(len(array), pa.string())
    if b"\0" in memoryview(texts.buffers()[2] or b"").tobytes():
        bad = pc.fill_null(pc.match_substring(texts, "\0"), False)
        if pc.any(bad).as_py():
            faults.add(
                "text-nul",
                column.name,
                "a NUL character in a text",
                "characters that every CSV reader preserves",
                "remove it in the converter",
                keys.filter(bad).to_pylist(),
            )
    return texts


def standard_numbers(array: pa.Array, keys: pa.Array, column: Column, faults: Faults) -> pa.Array:
    """Return int64 or double, NaN as null; other values that are not finite numbers are faults."""
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = pa.int64() if column.integer else pa.float64()
    if isinstance(array, pa.DictionaryArray):
        array = array.dictionary_decode()
    if pa.types.is_floating(array.type):
        array = pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        array = text_values(array)
    try:
        if pa.types.is_boolean(array.type) or pa.types.is_temporal(array.type):
            raise pa.ArrowInvalid(f"values of type {array.type}")
        numbers = pc.cast(array, wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        _not_numbers(array, keys, column, wanted, faults)
        return pa.nulls(len(array), wanted)
    if pa.types.is_string(array.type) and (codes := _unheld(array, numbers)):
        faults.add(
            "number-code",
            column.name,
            f"{array[codes[0]].as_py()!r} is a code of digits, not a number",
            "numbers without leading zeros that a double or 64 bits hold exactly",
            'declare modality = "categorical" or "text"',
            [keys[row].as_py() for row in codes],
        )
        return pa.nulls(len(array), wanted)
    if not column.integer:
        endless = pc.fill_null(pc.is_inf(numbers), False)
        if pc.any(endless).as_py():
            faults.add(
                "number-infinite",
                column.name,
                "an infinite number",
                "finite numbers, or null for a missing one",
                "set it to null in the converter",
                keys.filter(endless).to_pylist(),
            )
        if pa.types.is_string(array.type):
            numbers = pc.if_else(pc.is_nan(numbers), pa.scalar(None, wanted), numbers)
    return numbers


def _unheld(texts: pa.Array, numbers: pa.Array) -> list[int]:
    """Return the rows whose text is not the number that it was read as: 007, or 20 digits."""
    import pyarrow as pa
    import pyarrow.compute as pc

    doubtful = pc.match_substring_regex(texts, r"^\s*[+-]?0[0-9]")
    if pa.types.is_floating(numbers.type):
        doubtful = pc.or_(doubtful, pc.greater_equal(pc.abs(numbers), 2.0**53))
    rows = pc.indices_nonzero(pc.fill_null(doubtful, False)).to_pylist()
    return [row for row in rows if is_code(texts[row].as_py()) or not is_held(texts[row].as_py())]


def _not_numbers(
    array: pa.Array, keys: pa.Array, column: Column, wanted: pa.DataType, faults: Faults
) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    bad, example = [], ""
    if not (pa.types.is_boolean(array.type) or pa.types.is_temporal(array.type)):
        for row in range(len(array)):
            try:
                pc.cast(array.slice(row, 1), wanted)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                bad.append(keys[row].as_py())
                example = example or repr(array[row].as_py())
    exact = "whole numbers within 64 bits" if column.integer else "numbers that a double holds"
    faults.add(
        "number-type",
        column.name,
        f"{example} is not one" if example else f"values of type {array.type}",
        exact,
        "correct the values or the modality"
        if not pa.types.is_integer(array.type)
        else "declare `integer = true`, or convert them to texts",
        bad,
        n=len(bad) or len(array),
    )
