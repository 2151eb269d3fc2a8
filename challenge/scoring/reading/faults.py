"""The faults of a predictions file: one stable code each, and what each code means.

`docs/faults.md` describes every code; a test checks that none is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from challenge.errors import Fault

__all__ = ["CODES", "Tally", "fault", "shown"]

CODES: dict[str, str] = {
    # The file
    "file-missing": "there is no file at that path",
    "file-not-a-file": "the path is a directory, a pipe or a device",
    "file-suffix": "the suffix is not one of a predictions file",
    "file-unreadable": "the operating system refuses to read it",
    "file-changed": "it changed while it was read",
    "file-empty": "it has 0 bytes",
    "file-too-large": "it has more bytes than the cap",
    "file-unpacks-too-large": "it unpacks to more bytes than the cap",
    "file-damaged": "its compression or its Parquet structure is broken or cut off",
    "file-format": "it is neither CSV nor Parquet",
    "file-rows": "it has no rows, or far more than the task",
    # Text
    "text-encoding": "it is not UTF-8",
    "text-line-end": "lines end with a carriage return alone",
    "csv-delimiter": "fields are separated by something other than a comma",
    "csv-fields": "a line has more or fewer fields than the header",
    "csv-quote": "a quote is inside an unquoted field, or text is after a closing quote",
    "csv-unclosed-quote": "a quote is opened and never closed",
    "csv-blank-line": "a line is empty",
    # Columns
    "column-missing": "a needed column is not there",
    "column-spelling": "a column differs from a needed one by case, blanks or a typo",
    "column-unknown": "a column is not part of a submission",
    "column-index": "an index column of a data frame was written",
    "column-pair": "the records of a pair are named beside, or instead of, its id",
    "column-duplicate": "two columns have one name",
    "column-kind": "the columns do not fit the kind and metric of the task",
    "column-type": "a Parquet column has a type that cannot hold its values",
    # Ids
    "id-empty": "a row has no id",
    "id-missing": "ids of the task have no row",
    "id-unknown": "ids are not of the task",
    "id-duplicate": "one id has several rows",
    "id-other-rows": "ids belong to the other part of the task, such as train",
    "id-other-task": "no id belongs to the task",
    # Labels
    "label-empty": "a row has no label",
    "label-unknown": "a label is not a class of the task",
    # Numbers
    "number-empty": "a number is missing",
    "number-nan": "a number is NaN",
    "number-infinite": "a number is infinite",
    "number-overflow": "a number is too large for a double",
    "number-comma": "a number has a decimal comma",
    "number-percent": "a number has a percent sign",
    "number-text": "there is text where a number is expected",
    "number-range": "a number is outside [0, 1]",
    "number-sum": "the probabilities of a row do not sum to 1",
    "vector-zero": "a vector is 0 in every dimension",
}
"""Every code, and what is wrong in one clause."""


def fault(
    code: str,
    where: str,
    found: str,
    expected: str,
    fix: str,
    n: int = 1,
    first: Sequence[str] = (),
) -> Fault:
    """Return the fault; a code that is not in CODES is a bug (KeyError)."""
    CODES[code]
    return Fault(where, found, expected, fix, code, n, tuple(first))


@dataclass
class Tally:
    """The number of occurrences of a fault, and the first five positions."""

    n: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, position: str) -> None:
        """Count one more; the first five are kept as text."""
        self.n += 1
        if self.n <= 5:
            self.first.append(position)


def shown(value: bytes | str | None, limit: int = 60) -> str:
    """Return a value of a file as text that is safe on a terminal, quoted, cut at `limit`."""
    if value is None:
        return "nothing"
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    cut = text if len(text) <= limit else text[:limit] + "…"
    return repr(cut)
