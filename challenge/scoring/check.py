"""One validator: the predictions of a file, aligned to the task, or every fault of the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenge.errors import Fault, SubmissionError, nearest
from challenge.scoring.align import align_ids
from challenge.scoring.content import Content, read_csv_content
from challenge.scoring.faults import Tally, fault, shown
from challenge.scoring.intake import MAX_BYTES, Intake, take_in
from challenge.scoring.layout import expected_columns
from challenge.scoring.parquet_reader import read_parquet_content
from challenge.scoring.predictions import Predictions, Probabilities, Rows
from challenge.scoring.strict_csv import open_text
from challenge.task import Task

__all__ = ["SUM_TOLERANCE", "read_predictions"]

SUM_TOLERANCE = 1e-3
"""How far the sum of a row of probabilities may be from 1."""


def read_predictions(
    task: Task, path: Path, *, rows: Rows = "test", max_bytes: int = MAX_BYTES
) -> Predictions:
    """Read and check a predictions file; `rows="train"` reads out-of-fold predictions.

    Needs the public folder only. Raises SubmissionError with every fault of the file, TaskError
    when the task itself is damaged.
    """
    intake = take_in(path, max_bytes)
    content = _read_content(task, intake)
    faults = list(content.faults)
    n_rows = task.n_test if rows == "test" else task.n_train
    if not content.ids:
        faults.append(
            fault(
                "file-rows",
                content.name,
                "no rows",
                f"{n_rows:,} rows, and {expected_columns(task)}",
                "write the predictions below the header",
            )
        )
        raise SubmissionError(faults)
    codes, label_faults = _codes(task, content)
    found, id_faults = align_ids(task, content, rows)
    faults += [*id_faults, *label_faults, *_number_faults(task, content)]
    if faults:
        raise SubmissionError(faults)
    return _accepted(task, content, intake.sha256, found, codes, rows)


def _read_content(task: Task, intake: Intake) -> Content:
    if intake.form == "parquet":
        return read_parquet_content(task, intake.name, intake.data)
    text = open_text(intake.name, intake.data)
    if isinstance(text, list):
        raise SubmissionError(text)
    return read_csv_content(task, text)


def _codes(task: Task, content: Content) -> tuple[NDArray[np.int32], list[Fault]]:
    """Return the class of each row (-1 when it is none), and the faults of the labels."""
    codes = np.full(len(content.ids), -1, np.int32)
    if content.labels is None:
        return codes, []
    code_of = {name.encode(): code for code, name in enumerate(task.classes)}
    if task.kind == "matching":
        code_of |= {b"False": 0, b"True": 1}
    empty, unknown = Tally(), Tally()
    for row, label in enumerate(content.labels):
        if label is None:
            continue
        code = code_of.get(label, -1)
        codes[row] = code
        if code >= 0:
            continue
        if not label:
            empty.add(content.place(row))
        elif unknown.n < 5:
            unknown.add(f"{content.place(row)}: {_label_with_guess(task, label)}")
        else:
            unknown.n += 1
    return codes, list(_label_faults(task, content, empty, unknown))


def _label_with_guess(task: Task, label: bytes) -> str:
    guess = None
    if task.kind == "classification" and len(label) <= 200:
        guess = nearest(label.decode("utf-8", "replace"), task.classes)
    return shown(label) + (f" (nearest class: {shown(guess)})" if guess else "")


def _label_faults(task: Task, content: Content, empty: Tally, unknown: Tally) -> Iterator[Fault]:
    where = f"{content.name}, column label"
    if task.kind == "matching":
        expected = "1 (match) or 0 (no match); True and False are accepted"
        cure = "write 1 or 0; a probability goes into a column `score`"
    else:
        some = ", ".join(shown(name, 30) for name in task.classes[:5])
        expected = f"one of the {len(task.classes)} classes of the task: {some}"
        expected += ", …" if len(task.classes) > 5 else ""
        cure = "write the class exactly as train.csv has it, as text"
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
            f"{unknown.n:,} label(s) that are none of the task's",
            expected,
            cure,
            unknown.n,
            unknown.first,
        )


_NUMBER_WORDS = {
    "number-empty": ("empty", "predict every row; 0 is a probability, too"),
    "number-nan": ("not a number (NaN)", "find out why the model gave NaN; fill in a probability"),
    "number-infinite": ("infinite", "clip to [0, 1]"),
    "number-overflow": ("too large for a double", "clip to [0, 1]"),
    "number-comma": ("with a decimal comma", 'write a decimal point (decimal=".")'),
    "number-percent": ("with a percent sign", "divide by 100 and leave the sign out"),
    "number-text": ("text", "write a number such as 0.25"),
}


def _number_faults(task: Task, content: Content) -> Iterator[Fault]:
    if content.numbers is None:
        return
    matching = task.kind == "matching"
    where = f"{content.name}, " + ("column score" if matching else "class columns")
    expected = "a number in [0, 1]"
    for code, (words, cure) in _NUMBER_WORDS.items():
        tally = content.bad_numbers.get(code)
        if tally:
            found = f"{tally.n:,} value(s) {words}"
            yield fault(code, where, found, expected, cure, tally.n, tally.first)
    values = content.numbers
    outside = (values < 0) | (values > 1)
    n_outside = int(np.count_nonzero(outside))
    if n_outside:
        # The first rows, then columns: as a reader meets them.
        row_at, column_at = np.nonzero(outside.T)
        first = []
        for row, column in zip(row_at[:5].tolist(), column_at[:5].tolist(), strict=True):
            name = content.layout.number_names[column]
            place = content.place(row) + ("" if matching else f", column {shown(name, 30)}")
            first.append(f"{place}: {values[column, row]!s}")
        cure = "give probabilities: apply a softmax, or divide by the maximum if all are positive"
        found = f"{n_outside:,} value(s) outside [0, 1]"
        yield fault("number-range", where, found, expected, cure, n_outside, first)
    if matching or -1 in content.layout.numbers:
        return
    sums = _row_sums(values)
    wrong = np.flatnonzero(np.abs(sums - 1) > SUM_TOLERANCE)
    if len(wrong):
        yield fault(
            "number-sum",
            where,
            f"{len(wrong):,} row(s) whose probabilities do not sum to 1",
            f"a sum of 1, within {SUM_TOLERANCE}",
            "divide each row by its sum",
            len(wrong),
            [f"{content.place(row)}: {sums[row]:.6g}" for row in wrong[:5].tolist()],
        )


def _row_sums(values: NDArray[Any]) -> NDArray[np.float64]:
    """Sum the classes of every row, row by row as the accepted blocks are summed."""
    sums = np.empty(values.shape[1])
    for rows, block in Probabilities(values).raw_blocks():
        sums[rows] = block.sum(axis=1, dtype=np.float64)
    return sums


def _accepted(
    task: Task,
    content: Content,
    sha256: str,
    found: NDArray[np.int64],
    codes: NDArray[np.int32],
    rows: Rows,
) -> Predictions:
    aligned = np.empty_like(codes)
    aligned[found] = codes
    numbers = None
    if content.numbers is not None:
        numbers = np.empty_like(content.numbers, order="C")
        numbers[:, found] = content.numbers
    remarks: tuple[str, ...] = ()
    probabilities = scores = None
    if task.kind == "matching":
        scores = None if numbers is None else numbers[0].astype(np.float64)
        if scores is not None and content.labels is None:
            aligned = (scores >= 0.5).astype(np.int32)
            remarks = (_matches_remark(aligned),)
    elif numbers is not None:
        probabilities = Probabilities(numbers)
        for block_rows, block in probabilities.raw_blocks():
            aligned[block_rows] = block.argmax(axis=1)
    assert content.layout.form is not None
    return Predictions(
        task_id=task.id,
        kind=task.kind,
        data_digest=task.data_digest,
        codes=aligned,
        probabilities=probabilities,
        scores=scores,
        sha256=sha256,
        form=content.layout.form,
        remarks=remarks,
        rows=rows,
    )


def _matches_remark(codes: NDArray[np.int32]) -> str:
    return (
        f"no column `label`: score >= 0.5 decides, which makes "
        f"{int(codes.sum()):,} of {len(codes):,} pairs matches"
    )
