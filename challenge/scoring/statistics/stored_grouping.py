"""The clusters of a task's rows, stored so that all submissions share them.

Which clusters are joined is decided by the task's secret.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenge.errors import Fault, TaskError
from challenge.kinds.statistics.grouping import Grouping, group_rows
from challenge.scoring.sealed import load_arrays, store_arrays
from challenge.scoring.solution import Solution
from challenge.task import Subset, Task

__all__ = ["group_solution", "grouping_hash", "read_grouping"]

GROUPING_FORMAT = 4

Ints = NDArray[np.int32]

_STORED = ("group", "other_of_crossing", "crossing", "cell", "cell_left", "cell_right")


def read_grouping(task: Task, solution: Solution, subset: Subset) -> Grouping:
    """Return the stored clusters of a subset; make and store them when there are none.

    Those of another solution, or with a byte that changed, are made again.
    """
    path = task.private / f"clusters-{subset}.bin"
    identity: dict[str, object] = {
        "format": GROUPING_FORMAT,
        "task": task.id,
        "subset": subset,
        "data": task.data_digest,
        "solution": task.solution_digest,
    }
    arrays, _ = load_arrays(path, identity) or (None, None)
    rows = solution.rows(subset)
    if arrays is None or len(arrays["group"]) != len(rows):
        grouping = group_solution(solution, subset, _key(task, subset))
        stored = {name: _narrow(getattr(grouping, name)) for name in _STORED}
        counts = [grouping.n_groups, grouping.n_clusters, grouping.effective_clusters]
        store_arrays(path, identity, stored | {"counts": np.array(counts, np.float64)})
        return grouping
    n_groups, n_clusters, effective = arrays["counts"].tolist()
    group = other = arrays["group"].astype(np.int32)
    if len(arrays["crossing"]):
        other = group.copy()
        other[arrays["crossing"]] = arrays["other_of_crossing"]
    return Grouping(
        group=group,
        other=other,
        crossing=arrays["crossing"].astype(np.intp),
        cell=arrays["cell"].astype(np.int32),
        cell_left=arrays["cell_left"].astype(np.int32),
        cell_right=arrays["cell_right"].astype(np.int32),
        n_groups=int(n_groups),
        n_clusters=int(n_clusters),
        effective_clusters=effective,
        cluster=_taken(solution.cluster, rows),
        second=_taken(solution.other, rows),
    )


def group_solution(solution: Solution, subset: Subset, key: bytes) -> Grouping:
    """Return the clusters of the rows of a subset, the same ones for the same `key`."""
    rows = solution.rows(subset)
    return group_rows(solution.cluster[rows], solution.other[rows], key)


def grouping_hash(grouping: Grouping) -> str:
    """Return what tells groupings apart: vectors of one hash may be subtracted."""
    digest = hashlib.sha256()
    for array in (grouping.group, grouping.other):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _taken(column: Ints, rows: NDArray[np.intp]) -> Ints:
    """Return the values of some rows; no copy when these are all of them."""
    return column if len(rows) == len(column) else column[rows]


def _narrow(array: NDArray[Any]) -> NDArray[Any]:
    """Use two bytes where they are enough: what is stored is hashed at every reading."""
    return array.astype(np.int16) if array.max(initial=0) < 2**15 else array


def _key(task: Task, subset: Subset) -> bytes:
    path = task.private / "secret"
    try:
        secret = path.read_bytes()
    except OSError as error:
        raise TaskError(
            Fault(
                str(path),
                f"unreadable: {error.strerror}",
                "the secret of a built task",
                "build the task again, or restore it from a backup",
                code="secret-missing",
            )
        ) from None
    return hmac.new(secret, f"weights {task.id} {subset}".encode(), hashlib.sha256).digest()
