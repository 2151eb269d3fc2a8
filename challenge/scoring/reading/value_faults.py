"""Every fault of the labels and numbers of a file, and the codes of its labels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from challenge.errors import Fault, nearest, plain_form
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

_TRUTH = (("false", "true"), ("0", "1"))
"""Texts by which two classes are known, each in the order of the other's."""
_LONGEST = 200
"""Bytes of a label that is compared with the classes."""
_MOST = 8
"""Different labels whose classes a fix lists."""


def find_label_faults(task: Task, content: Content) -> tuple[NDArray[np.int32], list[Fault]]:
    """Return the class of each row (-1 when it has none), and the faults of the labels."""
    codes = np.full(len(content.ids), -1, np.int32)
    if content.labels is None:
        return codes, []
    code_of = {word.encode(): code for word, code in label_words(task).items()}
    empty, unknown, meant = Tally(), Tally(), _Meant(task)
    for row, label in enumerate(content.labels):
        if label is None:
            continue
        code = code_of.get(label, -1)
        codes[row] = code
        if code >= 0:
            continue
        if not label:
            empty.add(content.position_of(row))
            continue
        meant.add(label)
        if unknown.n < 5:
            guess = meant.guess(label)
            hint = f" (nearest class: {shown(guess)})" if guess else ""
            unknown.add(f"{content.position_of(row)}: {shown(label)}{hint}")
        else:
            unknown.n += 1
    return codes, list(_label_faults(task, content, empty, unknown, meant.fix))


class _Meant:
    """The class that each unknown label seems to mean, and the fix when only forms differ."""

    def __init__(self, task: Task) -> None:
        forms = forms_of(task)
        self._classes = forms.label_guesses
        self._fix = forms.label_expected[1]
        self._plain: dict[str, str | None] = {}
        for text, code in forms.label_texts.items():
            name, plain = forms.classes[code], plain_form(text)
            self._plain[plain] = name if self._plain.get(plain, name) == name else None
        for words, others in (_TRUTH, _TRUTH[::-1]):
            if set(self._plain) == set(words):
                self._plain |= {
                    other: self._plain[word] for word, other in zip(words, others, strict=True)
                }
        self._same: dict[bytes, str] | None = {}

    def add(self, label: bytes) -> None:
        """Note an unknown label; `fix` lists them while all differ from a class in form only."""
        if self._same is None or label in self._same:
            return
        same = self._class_of(label)
        self._same = {**self._same, label: same} if same and len(self._same) < _MOST else None

    def guess(self, label: bytes) -> str | None:
        """Return the class that differs from a label in its form only, else the nearest one."""
        if len(label) > _LONGEST or not self._classes:
            return None
        return self._class_of(label) or nearest(label.decode("utf-8", "replace"), self._classes)

    def _class_of(self, label: bytes) -> str | None:
        if len(label) > _LONGEST:
            return None
        return self._plain.get(plain_form(label.decode("utf-8", "replace")))

    @property
    def fix(self) -> str:
        """What to do: the class of each unknown label, when all differ in their form only."""
        if not self._same:
            return self._fix
        return "write " + ", ".join(
            f"{name!r} for {shown(text)}" for text, name in self._same.items()
        )


def _label_faults(
    task: Task, content: Content, empty: Tally, unknown: Tally, fix: str
) -> Iterator[Fault]:
    where = f"{content.name}, column label"
    expected = forms_of(task).label_expected[0]
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
    if content.layout.form == "vectors" and -1 not in content.layout.numbers:
        zero = np.flatnonzero(~values.any(axis=0))
        if len(zero):
            yield fault(
                "vector-zero",
                where,
                f"{len(zero):,} row(s) whose vector is 0 in every dimension",
                "a vector with a direction: vectors are compared by their angle",
                "find out why the model returned it; give the row another vector",
                len(zero),
                [content.position_of(row) for row in zero[:5].tolist()],
            )
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
