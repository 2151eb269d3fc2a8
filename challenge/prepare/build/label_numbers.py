"""Labels that are numbers: read from raw values, checked, and cut into ranges of equal size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from challenge.errors import Fault, TaskError, counted
from challenge.task.number_texts import NUMBER_FORMATS, NumberTally, read_number
from challenge.task.raw_values import Faults, is_text_type, text_values

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["check_numbers", "is_number_type", "number_labels", "number_ranges"]

_EXACT = 2**53
"""Up to here a double holds every whole number."""

_MOST_RANGES = 10
_ROWS_A_RANGE = 20
"""Of fewer rows, 30 % of 30 % is less than two rows."""


def is_number_type(kind: pa.DataType) -> bool:
    """Whether `number_labels` takes values of this type: numbers, or texts of numbers."""
    import pyarrow as pa

    number = pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    return bool(number) or (is_text_type(kind) and not pa.types.is_boolean(kind))


def number_labels(array: pa.Array, keys: pa.Array, faults: Faults) -> NDArray[np.float64]:
    """Return labels (without nulls) as doubles; add a fault for each that is no such number.

    Formatted amounts such as `$ 1,299.00` are read, too, if one number format explains all.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(array, pa.DictionaryArray):
        array = array.dictionary_decode()
    try:
        numbers = pc.cast(array, pa.float64())
        found = np.array(numbers.to_numpy(zero_copy_only=False), dtype=np.float64) + 0.0
        unread = np.zeros(len(found), dtype=bool)
    except pa.ArrowInvalid:
        texts = text_values(array)
        tally = NumberTally()
        tally.update(texts)
        # A text that can be several numbers is read as none.
        form = NUMBER_FORMATS[0] if not tally.forms or tally.question else tally.forms[0]
        read = [_number(text, form) for text in texts.to_pylist()]
        found = np.array([math.nan if one is None else one for one in read], np.float64) + 0.0
        unread = np.array([one is None for one in read], dtype=bool)
    inexact = np.zeros(len(found), dtype=bool)
    for row in np.flatnonzero(np.isfinite(found) & (np.abs(found) >= _EXACT)).tolist():
        inexact[row] = _is_other_integer(str(array[row].as_py()), float(found[row]))
    cases = (
        (
            inexact,
            "label-inexact",
            "whole numbers that a double cannot hold",
            "divide them, or take their logarithm, in the converter",
        ),
        (unread, "label-number", "values that are not numbers", "correct or empty them"),
        (np.isinf(found), "label-infinite", "infinite numbers", "correct or empty them"),
        (
            ~unread & np.isnan(found),
            "label-missing",
            "texts for a missing number",
            "empty them, or list them in `missing` under [raw]",
        ),
    )
    for wrong, code, problem, fix in cases:
        rows = np.flatnonzero(wrong).tolist()
        if rows:
            faults.add(
                code,
                "label",
                problem,
                "a finite number in every row that has a label",
                f"{fix}; rows without a label are dropped and counted",
                [f"{keys[row].as_py()}: {array[row].as_py()!r}" for row in rows],
            )
    return found


def _number(text: Any, form: str = NUMBER_FORMATS[0]) -> float | int | None:
    """Return the number of a text, NaN for a word such as `n/a`, None when it is neither."""
    try:
        number = read_number(text or "", form)
    except ValueError:
        try:
            number = float(text)
        except ValueError:
            return None
        return number if math.isinf(number) else None
    return math.nan if number is None else number


def _is_other_integer(text: str, found: float) -> bool:
    """Whether a text is a whole number, and not the one that was found."""
    try:
        return int(text) != int(found)
    except ValueError:
        number = _number(text)
        return isinstance(number, int) and number != int(found)


def check_numbers(numbers: NDArray[np.float64], where: str) -> None:
    """Raise TaskError when all labels are equal: there is nothing to predict."""
    if (numbers == numbers[0]).all():
        raise TaskError(
            Fault(
                f"{where}, column label",
                f"{float(numbers[0])!r} in all of {counted(len(numbers), 'row')}",
                "at least two different numbers",
                "check the label column",
                code="one-number",
            )
        )


def number_ranges(numbers: NDArray[np.float64]) -> NDArray[np.int32]:
    """Return the range of each number, 0 … 9 ascending; equal numbers share one.

    Ranges hold about equally many rows, at least twenty. Below twenty rows there is one range.
    """
    n = len(numbers)
    _, code, sizes = np.unique(numbers, return_inverse=True, return_counts=True)
    middle = (np.cumsum(sizes) - 0.5 * sizes)[code] / max(1, n)
    n_ranges = max(1, min(_MOST_RANGES, n // _ROWS_A_RANGE))
    return np.asarray(np.floor(middle * n_ranges), dtype=np.int32)
