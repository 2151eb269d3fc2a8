"""One validator: the predictions of a file, aligned to the task, or every fault of the file.

The fast readers only accept clean files. All others are read again by the strict reader, which
finds every fault. So only the strict reader decides what a fault is.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenge.errors import SubmissionError, counted
from challenge.scoring.old_vectors import query_rows
from challenge.scoring.predictions import BLOCK_ROWS, Predictions, Probabilities, Rows
from challenge.scoring.reading.alignment import Aligned, NotClean, scatter
from challenge.scoring.reading.byte_words import WordIndex
from challenge.scoring.reading.content import Content, read_csv_content
from challenge.scoring.reading.fast_csv import read_fast_csv
from challenge.scoring.reading.faults import fault
from challenge.scoring.reading.id_faults import find_id_faults
from challenge.scoring.reading.intake import MAX_BYTES, Intake, take_in
from challenge.scoring.reading.layout import forms_of
from challenge.scoring.reading.parquet_reader import read_fast_parquet, read_parquet_content
from challenge.scoring.reading.prepared_ids import prepare_ids, prepare_query_ids
from challenge.scoring.reading.spill import Columns, MemoryColumns
from challenge.scoring.reading.strict_csv import open_text
from challenge.scoring.reading.value_faults import (
    SUM_TOLERANCE,
    find_label_faults,
    find_number_faults,
)
from challenge.task import Task

__all__ = ["most_bytes", "read_predictions"]

_SPARE_BYTES = 16 << 20


def read_predictions(
    task: Task, path: Path, *, rows: Rows = "test", max_bytes: int = MAX_BYTES
) -> Predictions:
    """Read and check a predictions file; `rows="train"` reads out-of-fold predictions.

    Needs the public folder only. Raises SubmissionError with every fault of the file, TaskError
    when the task itself is damaged.
    """
    intake = take_in(path, min(max_bytes, most_bytes(task, rows)))
    try:
        return _accept(task, _read_fast(task, intake, rows), intake.sha256, rows)
    except NotClean:
        return _accept(task, _read_strictly(task, intake, rows), intake.sha256, rows)


def most_bytes(task: Task, rows: Rows) -> int:
    """Return the largest size in bytes of a file for the task, packed and unpacked.

    16 MB, and for each row 256 bytes with four times the longest class, or 64 bytes a class or
    dimension where that is more. See `docs/scoring.md`. The setting `file_mb` may lower it.
    """
    n_rows = task.n_test if rows == "test" else task.n_train
    columns = task.answer_columns
    names = sum(len(name.encode()) for name in columns)
    longest = max((len(name.encode()) for name in columns), default=0)
    return _SPARE_BYTES + 4 * names + n_rows * (256 + max(4 * longest, 64 * len(columns)))


def _read_fast(task: Task, intake: Intake, rows: Rows) -> Aligned:
    try:
        return _read_with(task, intake, prepare_ids(task, rows))
    except NotClean:
        if not task.kind.has_things:
            raise
        aligned = _read_with(task, intake, prepare_query_ids(task, rows))
        return replace(aligned, queries=query_rows(task, rows))


def _read_with(task: Task, intake: Intake, index: WordIndex | None) -> Aligned:
    if index is None:
        raise NotClean
    if intake.form == "parquet":
        return read_fast_parquet(task, intake, index)
    return read_fast_csv(task, intake.text, index)


def _read_strictly(task: Task, intake: Intake, rows: Rows) -> Aligned:
    """Read with the strict reader; raise SubmissionError with every fault when there is one."""
    n_rows = task.n_test if rows == "test" else task.n_train
    content = _read_content(task, intake, n_rows)
    faults = list(content.faults)
    if not content.ids:
        faults.append(
            fault(
                "file-rows",
                content.name,
                "no rows",
                f"{counted(n_rows, 'row')}, and {forms_of(task).expected}",
                "write the predictions below the header",
            )
        )
        raise SubmissionError(faults)
    codes, label_faults = find_label_faults(task, content)
    found, id_faults = find_id_faults(task, content, rows)
    faults += [*id_faults, *label_faults, *find_number_faults(task, content)]
    if faults:
        raise SubmissionError(faults)
    order, queries = found.astype(np.int32), None
    if len(order) < n_rows:
        # Without a gallery the queries, in the order of the table, are numbered anew.
        queries = query_rows(task, rows)
        order = np.searchsorted(queries, order).astype(np.int32)
    columns = None
    if content.numbers is not None:
        columns = MemoryColumns(np.empty_like(content.numbers, order="C"))
        for column, values in enumerate(content.numbers):
            columns.put(column, 0, scatter(values, order))
    aligned = None if content.labels is None else scatter(codes, order)
    return Aligned(content.layout, aligned, columns, queries)


def _read_content(task: Task, intake: Intake, n_rows: int) -> Content:
    if intake.form == "parquet":
        return read_parquet_content(task, intake, n_rows)
    text = open_text(intake.name, intake.text)
    if isinstance(text, list):
        raise SubmissionError(text)
    return read_csv_content(task, text)


def _accept(task: Task, aligned: Aligned, sha256: str, rows: Rows) -> Predictions:
    """Return the predictions; raise NotClean when a number is out of range or a sum is wrong."""
    codes, form = aligned.codes, aligned.layout.form
    notes: tuple[str, ...] = ()
    probabilities = scores = numbers = vectors = None
    if aligned.numbers is not None and form == "probabilities":
        probabilities = Probabilities(aligned.numbers)
        survey = probabilities.survey()
        codes = survey.codes
        in_range = survey.lowest >= 0 and survey.highest <= 1
        if not in_range or bool((np.abs(survey.sums - 1) > SUM_TOLERANCE).any()):
            raise NotClean
    elif aligned.numbers is not None and form == "vectors":
        n_rows = task.n_test if rows == "test" else task.n_train
        vectors, codes = _vectors(aligned.numbers, aligned.queries, n_rows), np.zeros(0, np.int32)
        if aligned.queries is not None:
            notes = ("no vectors of the gallery: the figures of new-self are undefined",)
    elif aligned.numbers is not None:
        every = slice(0, aligned.numbers.shape[1])
        values = aligned.numbers.column(0, every).astype(np.float64)
        least, largest = forms_of(task).number_range
        if not (values.min() >= least and values.max() <= largest and np.isfinite(values).all()):
            raise NotClean
        if form == "numbers":
            numbers, codes = values, np.zeros(0, np.int32)
        else:
            scores = values
    if codes is None and scores is not None:
        codes = (scores >= 0.5).astype(np.int32)
        notes = (
            f"no column `label`: score >= 0.5 decides, which makes "
            f"{int(codes.sum()):,} of {counted(len(codes), 'pair')} matches",
        )
    assert codes is not None and form is not None
    return Predictions(
        task_id=task.id,
        kind=task.kind,
        data_digest=task.data_digest,
        codes=codes,
        probabilities=probabilities,
        scores=scores,
        sha256=sha256,
        form=form,
        notes=notes,
        rows=rows,
        numbers=numbers,
        vectors=vectors,
    )


def _vectors(numbers: Columns, queries: NDArray[np.intp] | None, n_rows: int) -> NDArray[Any]:
    """Return (n_rows, d) vectors; raise NotClean for one that is not finite, or of zeros alone."""
    found = np.empty((numbers.shape[1], numbers.shape[0]), numbers.dtype)
    for start in range(0, len(found), BLOCK_ROWS):
        block = found[start : start + BLOCK_ROWS]
        numbers.fill(slice(start, start + len(block)), block)
        if not (np.isfinite(block).all() and block.any(axis=1).all()):
            raise NotClean
    if queries is None:
        return found
    whole = np.full((n_rows, found.shape[1]), np.nan, found.dtype)
    whole[queries] = found
    return whole
