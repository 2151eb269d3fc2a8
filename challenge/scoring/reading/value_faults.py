"""Every fault of the labels and numbers of a file, and the codes of its labels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from challenge.errors import Fault, nearest
from challenge.scoring.predictions import Probabilities
from challenge.scoring.reading.content import Content
from challenge.scoring.reading.faults import Tally, fault, shown
from challenge.scoring.reading.label_codes import label_words
from challenge.scoring.reading.layout import forms_of
from challenge.scoring.reading.spill import MemoryColumns
from challenge.task import Task

__all__ = ["SUM_TOLERANCE", "find_label_faults", "find_number_faults"]

SUM_TOLERANCE = 1e-3
"""How far the sum of a row of probabilities may be from 1."""


def find_label_faults(task: Task, content: Content) -> tuple[NDArray[np.int32], list[Fault]]:
    """Return the class of each row (-1 when it has none), and the faults of the labels."""
    codes = np.full(len(content.ids), -1, np.int32)
    if content.labels is None:
        return codes, []
    code_of = {word.encode(): code for word, code in label_words(task).items()}
    empty, unknown = Tally(), Tally()
    for row, label in enumerate(content.labels):
        if label is None:
            continue
        code = code_of.get(label, -1)
        codes[row] = code
        if code >= 0:
            continue
        if not label:
            empty.add(content.position_of(row))
        elif unknown.n < 5:
            unknown.add(f"{content.position_of(row)}: {_label_with_guess(task, label)}")
        else:
            unknown.n += 1
    return codes, list(_label_faults(task, content, empty, unknown))


def _label_with_guess(task: Task, label: bytes) -> str:
    guess = None
    if len(label) <= 200:
        text, classes = label.decode("utf-8", "replace"), forms_of(task).label_guesses
        forms = (text.removesuffix(".0"), f"{text}.0")
        guess = next((form for form in forms if form in classes), nearest(text, classes))
    return shown(label) + (f" (nearest class: {shown(guess)})" if guess else "")


def _label_faults(task: Task, content: Content, empty: Tally, unknown: Tally) -> Iterator[Fault]:
    where = f"{content.name}, column label"
    expected, fix = forms_of(task).label_expected
    if empty.n:
        yield fault(
            "label-empty",
            where,
            f"{empty.n:,} row(s) without a label",
            expected,
            "predict every row",
            empty.n,
            empty.first,
        )
    if unknown.n:
        yield fault(
            "label-unknown",
            where,
            f"{unknown.n:,} label(s) that are not classes of the task",
            expected,
            fix,
            unknown.n,
            unknown.first,
        )


_NUMBER_TEXT = {
    "number-empty": "empty",
    "number-nan": "not a number (NaN)",
    "number-infinite": "infinite",
    "number-overflow": "too large for a double",
    "number-comma": "with a decimal comma",
    "number-percent": "with a percent sign",
    "number-text": "text",
}


def find_number_faults(task: Task, content: Content) -> Iterator[Fault]:
    """Yield the faults of the columns of numbers."""
    if content.numbers is None:
        return
    forms = forms_of(task)
    alone = len(content.layout.numbers) == 1
    where = f"{content.name}, {forms.number_columns}"
    for code, text in _NUMBER_TEXT.items():
        tally = content.bad_numbers.get(code)
        if tally:
            found = f"{tally.n:,} value(s) {text}"
            yield fault(
                code,
                where,
                found,
                forms.number_expected,
                forms.number_fix(code),
                tally.n,
                tally.first,
            )
    values = content.numbers
    least, largest = forms.number_range
    outside = (values < least) | (values > largest)
    n_outside = int(np.count_nonzero(outside))
    if n_outside:
        # Row by row, in the order of the file.
        row_at, column_at = np.nonzero(outside.T)
        first = []
        for row, column in zip(row_at[:5].tolist(), column_at[:5].tolist(), strict=True):
            name = content.layout.number_names[column]
            position = content.position_of(row) + ("" if alone else f", column {shown(name, 30)}")
            first.append(f"{position}: {values[column, row]!s}")
        fix = "give probabilities: apply a softmax, or divide by the maximum if all are positive"
        found = f"{n_outside:,} value(s) outside [0, 1]"
        yield fault("number-range", where, found, forms.number_expected, fix, n_outside, first)
    if content.layout.form != "probabilities" or -1 in content.layout.numbers:
        return
    sums = Probabilities(MemoryColumns(values)).survey().sums
    wrong = np.flatnonzero(np.abs(sums - 1) > SUM_TOLERANCE)
    if len(wrong):
        yield fault(
            "number-sum",
            where,
            f"{len(wrong):,} row(s) whose probabilities do not sum to 1",
            f"a sum of 1, within {SUM_TOLERANCE}",
            "divide each row by its sum",
            len(wrong),
            [f"{content.position_of(row)}: {sums[row]:.6g}" for row in wrong[:5].tolist()],
        )
