"""Parts of the test rows that a reader asks about: what is missing, what was seen, how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from challenge.scoring.solution import Solution, int_array
from challenge.task import Task
from challenge.task.modalities import MODALITIES, modality_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Slice", "SliceKind", "read_slices"]

SliceKind = Literal["class", "missing", "entity", "length"]


@dataclass(frozen=True, eq=False)
class Slice:
    """Rows of the test table that share something: `rows` is a mask over all of them."""

    kind: SliceKind
    name: str
    rows: NDArray[np.bool_]


def read_slices(task: Task, solution: Solution) -> tuple[Slice, ...]:
    """Return the slices of the test rows, those without a row left out.

    By true class, if there is one; by a missing value in any column of a modality; in matching by
    how many of the two records are in train; by the length of all texts together, in thirds.
    """
    slices = []
    if task.kind.has_right_answers:
        for code, name in enumerate(task.classes):
            slices.append(Slice("class", name, solution.labels == code))
    slices += _missing(task)
    if len(solution.seen):
        names = ("no record in train", "one record in train", "both records in train")
        slices += [Slice("entity", name, solution.seen == n) for n, name in enumerate(names)]
    slices += _lengths(task)
    return tuple(part for part in slices if part.rows.any())


def _read(task: Task, names: list[str]) -> pa.Table:
    import pyarrow.parquet as pq

    return pq.ParquetFile(task.public / "test.parquet").read(names, use_threads=False)


def _missing(task: Task) -> list[Slice]:
    import pyarrow as pa

    slices = []
    for modality in MODALITIES:
        names = [column.name for column in task.columns_of(modality)]
        if not names:
            continue
        table = _read(task, names)
        missing = np.zeros(table.num_rows, np.bool_)
        for column in table.columns:
            missing |= int_array(column.is_null().cast(pa.int32())) == 1
        if missing.any():
            slices.append(Slice("missing", f"{modality} missing", missing))
            slices.append(Slice("missing", f"{modality} complete", ~missing))
    return slices


def _lengths(task: Task) -> list[Slice]:
    import pyarrow as pa
    import pyarrow.compute as pc

    names = [column.name for column in task.columns if modality_of(column.modality).is_text]
    if not names:
        return []
    table = _read(task, names)
    length = np.zeros(table.num_rows, np.int64)
    for column in table.columns:
        counts = int_array(pc.utf8_length(column.cast(pa.string())))
        length += np.maximum(counts, 0)
    if len(length) == 0 or length.min() == length.max():
        return []
    first, second = (int(cut) for cut in np.quantile(length, [1 / 3, 2 / 3], method="lower"))
    return [
        Slice("length", f"texts of at most {first:,} characters", length <= first),
        Slice(
            "length", f"texts of {first + 1:,} to {second:,}", (length > first) & (length <= second)
        ),
        Slice("length", f"texts of more than {max(first, second):,}", length > max(first, second)),
    ]
