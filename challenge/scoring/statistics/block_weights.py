"""The bootstrap draws that all submissions share.

Each of 1,000 draws gives every group of rows a weight. The draws come from the task's secret and
are stored, so they are the same for every submission and in every later release.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenge.errors import Fault, TaskError
from challenge.kinds.statistics.grouping import Grouping, group_rows, uniform
from challenge.scoring.sealed import load_arrays, store_arrays
from challenge.scoring.solution import Solution
from challenge.task import Subset, Task

__all__ = ["N_DRAWS", "Weights", "draw_weights", "read_weights"]

N_DRAWS = 1_000
WEIGHTS_FORMAT = 3

Ints = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Weights:
    """The draws of one task and subset: `draws` is (1000, n_groups) float32, mean 1 per draw."""

    grouping: Grouping
    draws: NDArray[np.float32]
    sha256: str


def read_weights(task: Task, solution: Solution, subset: Subset) -> Weights:
    """Return the stored weights of a task and subset; draw and store them when there are none.

    Stored weights of another solution, or with a byte that changed, are drawn again.
    """
    path = task.private / f"weights-{subset}.bin"
    identity: dict[str, object] = {
        "format": WEIGHTS_FORMAT,
        "task": task.id,
        "subset": subset,
        "data": task.data_digest,
        "solution": task.solution_digest,
    }
    arrays, _ = load_arrays(path, identity) or (None, None)
    rows = solution.rows(subset)
    if arrays is None or len(arrays["group"]) != len(rows):
        weights = draw_weights(solution, subset, _key(task, subset))
        grouping = weights.grouping
        stored = {name: _narrow(getattr(grouping, name)) for name in _STORED}
        counts = np.array([grouping.n_groups, grouping.n_clusters], np.int64)
        sha256 = np.frombuffer(bytes.fromhex(weights.sha256), np.uint8)
        store_arrays(
            path, identity, stored | {"draws": weights.draws, "counts": counts, "sha256": sha256}
        )
        return weights
    n_groups, n_clusters = (int(count) for count in arrays["counts"])
    group = second = arrays["group"].astype(np.int32)
    if len(arrays["crossing"]):
        second = group.copy()
        second[arrays["crossing"]] = arrays["other_of_crossing"]
    grouping = Grouping(
        group=group,
        other=second,
        crossing=arrays["crossing"].astype(np.intp),
        cell=arrays["cell"].astype(np.int32),
        cell_left=arrays["cell_left"].astype(np.int32),
        cell_right=arrays["cell_right"].astype(np.int32),
        n_groups=n_groups,
        n_clusters=n_clusters,
        cluster=_taken(solution.cluster, rows),
        second=_taken(solution.other, rows),
    )
    return Weights(grouping, arrays["draws"], arrays["sha256"].tobytes().hex())


_STORED = ("group", "other_of_crossing", "crossing", "cell", "cell_left", "cell_right")


def _taken(column: Ints, rows: NDArray[np.intp]) -> Ints:
    """Return the values of some rows; no copy when these are all of them."""
    return column if len(rows) == len(column) else column[rows]


def _narrow(array: NDArray[Any]) -> NDArray[Any]:
    """Use two bytes where they are enough: what is stored is hashed at every reading."""
    return array.astype(np.int16) if array.max(initial=0) < 2**15 else array


def draw_weights(solution: Solution, subset: Subset, key: bytes) -> Weights:
    """Group the rows of a subset and draw their weights, the same ones for the same `key`."""
    rows = solution.rows(subset)
    grouping = group_rows(solution.cluster[rows], solution.other[rows], key)
    draws = _draw(key, grouping.n_groups)
    return Weights(grouping, draws, _sha256(grouping, draws))


def _draw(key: bytes, n_groups: int) -> NDArray[np.float32]:
    """Exponential weights: the Bayesian bootstrap (Rubin 1981).

    Unlike counts of drawn rows they are never zero, so that no class vanishes from a draw.
    """
    weights = -np.log(uniform(key, b"draws", N_DRAWS * n_groups)).reshape(N_DRAWS, n_groups)
    if n_groups:
        weights /= weights.mean(axis=1, keepdims=True)
    return weights.astype(np.float32)


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


def _sha256(grouping: Grouping, draws: NDArray[Any]) -> str:
    digest = hashlib.sha256()
    for array in (grouping.group, grouping.other, draws):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
