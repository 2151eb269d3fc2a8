"""The public ids of a task, ready to be compared with those of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from challenge.errors import Fault, TaskError
from challenge.scoring.predictions import Rows
from challenge.task import Task

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["read_id_column", "read_ids"]


def read_ids(task: Task, rows: Rows) -> list[bytes]:
    """Return the ids of the test or train rows, in file order."""
    return [value.encode() for value in read_id_column(task, rows).to_pylist()]


def read_id_column(task: Task, rows: Rows) -> pa.StringArray:
    """Return the ids of the test or train rows, in file order, as one Arrow array."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = task.public / f"{rows}.parquet"
    try:
        column = pq.ParquetFile(path).read(columns=["id"]).column("id")
        return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
    except (pa.ArrowException, OSError, KeyError, AttributeError) as error:
        raise TaskError(
            Fault(
                str(path),
                f"unreadable: {error}",
                "the public tables of a built task",
                "build or unpack the task again",
                "task-damaged",
            )
        ) from None
