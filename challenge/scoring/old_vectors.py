"""What the old model gives to each row, as the public tables have it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenge.scoring.predictions import Rows
from challenge.scoring.solution import is_gallery
from challenge.task import Task
from challenge.task.columns import vector_columns

__all__ = ["old_vectors", "query_rows"]


@lru_cache(maxsize=2)
def old_vectors(task: Task, rows: Rows) -> NDArray[Any]:
    """Return the vectors (n, d) of the rows of test or train, in the order of the task."""
    import pyarrow.parquet as pq

    names = vector_columns(task.dimensions)
    file = pq.ParquetFile(task.public / f"{rows}.parquet")
    found = np.empty((task.n_test if rows == "test" else task.n_train, len(names)))
    start = 0
    for group in range(file.num_row_groups):
        table = file.read_row_group(group, list(names), use_threads=False)
        stop = start + table.num_rows
        for column, name in enumerate(names):
            values = table.column(name).combine_chunks()
            found[start:stop, column] = np.frombuffer(
                values.buffers()[1], np.float64, len(values), 8 * values.offset
            )
        start = stop
    return found


@lru_cache(maxsize=4)
def query_rows(task: Task, rows: Rows) -> NDArray[np.intp]:
    """Return the positions of the queries in test or train."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(task.public / f"{rows}.parquet")
    return np.flatnonzero(~is_gallery(file.read(["role"], use_threads=False).column("role")))
