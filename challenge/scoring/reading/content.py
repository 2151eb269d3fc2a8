"""The content of a file by row, before it is compared with the task; and reading CSV into it."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenge.errors import Fault
from challenge.scoring.reading.faults import Tally, fault, shown
from challenge.scoring.reading.layout import Layout, read_layout
from challenge.scoring.reading.number_text import LONGEST_NUMBER, parse_number
from challenge.scoring.reading.strict_csv import CsvText
from challenge.task import Task

__all__ = ["Content", "read_csv_content"]


@dataclass
class Content:
    """The rows of a file. None in `ids` or `labels` is a value that a malformed row lacks.

    `numbers[j]` are the values of `layout.numbers[j]`, NaN where there is none.
    `bad_numbers` counts those that could not be read, by fault code.
    """

    name: str
    layout: Layout
    unit: str
    positions: Sequence[int]
    ids: list[bytes | None]
    labels: list[bytes | None] | None
    numbers: NDArray[Any] | None
    bad_numbers: dict[str, Tally] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def position_of(self, row: int) -> str:
        """Return the line of a row in CSV, its number in Parquet."""
        return f"{self.unit} {self.positions[row]}"

    def count_bad(self, code: str, position: str, column: str, text: bytes | str) -> None:
        """Count a number that could not be read."""
        where = (
            position if len(self.layout.numbers) == 1 else f"{position}, column {shown(column, 30)}"
        )
        self.bad_numbers.setdefault(code, Tally()).add(f"{where}: {shown(text, 30)}")


def read_csv_content(task: Task, text: CsvText) -> Content:
    """Read all records; the faults of header and grammar are in `faults`."""
    records = text.records()
    header = next(records, (1, [b""]))[1]
    names = [name.decode("utf-8", "replace") for name in header]
    layout, faults = read_layout(task, names, f"{text.name}, header")
    positions = array("q")
    ids: list[bytes | None] = []
    labels: list[bytes | None] = []
    values = array("d")
    content = Content(text.name, layout, "line", positions, ids, None, None)
    ragged = Tally()
    for line, fields in records:
        positions.append(line)
        whole = len(fields) == layout.width
        if not whole:
            ragged.add(f"line {line} has {len(fields)}")
        ids.append(_at(fields, layout.id) if whole or layout.id == 0 else None)
        if layout.label is not None:
            labels.append(_at(fields, layout.label) if whole else None)
        if layout.numbers:
            _add_numbers(content, values, fields, line, whole)
    if ragged.n:
        faults.append(
            fault(
                "csv-fields",
                text.name,
                f"{ragged.n} line(s) whose number of fields differs from the header",
                f"{layout.width} fields in every line",
                "quote values that hold a comma or a line end; complete a line that was cut off",
                ragged.n,
                ragged.first,
            )
        )
    content.faults = [*text.faults, *faults, *text.grammar_faults()]
    content.labels = labels if layout.label is not None else None
    if layout.numbers:
        table = np.frombuffer(values, np.float64) if len(values) else np.empty(0)
        content.numbers = table.reshape(-1, len(layout.numbers)).T
    return content


def _at(fields: list[bytes], position: int | None) -> bytes | None:
    return fields[position] if position is not None and position < len(fields) else None


def _add_numbers(
    content: Content, values: array[float], fields: list[bytes], line: int, whole: bool
) -> None:
    layout = content.layout
    if whole and -1 not in layout.numbers:
        texts = [fields[position] for position in layout.numbers]
        # For these characters float() accepts exactly what parse_number() accepts.
        if not b",".join(texts).translate(None, b"0123456789.,eE+-"):
            try:
                row = [float(text) for text in texts]
            except ValueError:
                row = []
            if row and math.isfinite(math.fsum(row)) and max(map(len, texts)) <= LONGEST_NUMBER:
                values.extend(row)
                return
    for name, position in zip(layout.number_names, layout.numbers, strict=True):
        value: float | str = np.nan
        if whole and position >= 0:
            value = parse_number(fields[position])
        if isinstance(value, str):
            content.count_bad(value, f"line {line}", name, fields[position])
            value = np.nan
        values.append(value)
