"""What a converter hands to the build: rows with a label, or records with known entities.

Both are a folder (where image paths start) and a re-openable iterator of Arrow batches, so that
a table larger than memory passes through. All batches have the schema of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["RawRecords", "RawTable", "in_batches"]


@dataclass(frozen=True)
class RawTable:
    """Rows of a task to be, one a record (classification) or one a pair (matching).

    Columns: `key` (unique text), every feature under its name in the files (`left_x`, `right_x`
    in matching), `label` (null: the row is dropped and counted). As the task asks for them:
    `group`, `time`, `split` ("train" or "test"), `subset` ("public" or "private"), and in matching
    `left_key` and `right_key` (one namespace: equal keys are one record), `left_entity` and
    `right_entity`. An image is a path relative to `folder`, or the bytes of an encoded image.
    `report` says how the raw files were read, as the shipped converters state it.
    """

    batches: Callable[[], Iterator[pa.RecordBatch]]
    folder: Path
    report: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RawRecords:
    """Records with known entities; the build makes the pairs, inside each side of the split.

    Columns: `key` (unique text), `entity` (the complete truth: equal entity is a match), features
    without a side, and optionally `table` ("left" or "right": pairs cross the tables only) and
    `group` (its records stay on one side of the split without being one entity).
    `candidates` gives hard negatives as an (m, 2) array of row positions in the records that it is
    handed (never of two sides of the split); without it they are the nearest by their text.
    At most `positives` pairs of one entity are taken, chosen by keyed chance; None takes all.
    """

    batches: Callable[[], Iterator[pa.RecordBatch]]
    folder: Path
    candidates: Callable[[pa.Table], NDArray[np.int64]] | None = None
    positives: int | None = None


def in_batches(table: pa.Table, rows: int = 65_536) -> Callable[[], Iterator[pa.RecordBatch]]:
    """Return the re-openable iterator of a table that is in memory."""

    def batches() -> Iterator[pa.RecordBatch]:
        yield from table.to_batches(max_chunksize=rows)
        if table.num_rows == 0:
            import pyarrow as pa

            yield pa.RecordBatch.from_pylist([], schema=table.schema)

    return batches
