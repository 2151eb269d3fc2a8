"""The hidden truth of a task, and the truth of its train rows, as arrays without ids.

`private/solution.parquet` is read once per build and kept beside it as `prepared-*.bin`. What is
kept is trusted only when its seal holds and it was made from these very bytes.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from challenge.errors import Fault, MissingRequirement, TaskError
from challenge.scoring.sealed import SourceStamp, load_arrays, store_arrays
from challenge.task import SUBSETS, Subset, Task
from challenge.task.columns import ROLES

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "PREPARED_FORMAT",
    "Solution",
    "count_public",
    "int_array",
    "is_gallery",
    "label_codes",
    "read_solution",
    "read_train_truth",
]

PREPARED_FORMAT = 5
VOID = SUBSETS.index("void")


@dataclass(frozen=True, eq=False)
class Solution:
    """The truth of every row of a table, in the order of the task; all arrays have length n.

    `labels` are positions in the task's classes, or numbers (float64). `subset` is 0 public,
    1 private, 2 void. `cluster` and `other` are the clusters that the row depends on: equal,
    unless a pair joins two entities.
    `left` and `right` number the records of each pair, `seen` counts how many of both are in
    train; these three are empty where rows have no record ids. `log` (n, columns) are the numbers
    of the kind's `log_columns`. Labels of things are numbered in this table alone, and `gallery`
    marks the rows among which they are looked for; it is empty for a task without things.
    """

    labels: NDArray[Any]
    subset: NDArray[np.int8]
    cluster: NDArray[np.int32]
    other: NDArray[np.int32]
    left: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    right: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    seen: NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8))
    log: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    gallery: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))

    def rows(self, subset: Subset) -> NDArray[np.intp]:
        """Return the positions of the rows that count in a subset.

        Void rows and those of a gallery count in none.
        """
        wanted = self.subset != VOID if subset == "all" else self.subset == SUBSETS.index(subset)
        return np.flatnonzero(wanted & ~self.gallery if len(self.gallery) else wanted)


def read_solution(task: Task) -> Solution:
    """Return the solution of a built task from `private/`; organisers only.

    Raises TaskError when it is missing, damaged, or not of the rows of `test.parquet`.
    """
    path = task.private / "solution.parquet"
    if not path.is_file():
        raise TaskError(
            Fault(
                str(path),
                "no such file",
                "the solution of a built task (the organiser has it)",
                f"run `challenge convert {task.id}`, or use `challenge score --on train`",
                code="solution-missing",
            )
        )
    identity: dict[str, object] = {
        "format": PREPARED_FORMAT,
        "task": task.id,
        "classes": list(task.classes),
        "data": task.data_digest,
        "solution": task.solution_digest,
    }
    kept = task.private / f"prepared-{task.solution_digest[:16]}.bin"
    arrays, made = load_arrays(kept, identity) or (None, None)
    if arrays is not None and made is not None and not made.is_stamp_of(path):
        again = SourceStamp.of(path)
        if again.sha256 != made.sha256:
            arrays = None
        elif again.stamp is not None:
            # From now on the file need not be hashed; where nothing can be written, it is.
            with suppress(MissingRequirement):
                store_arrays(kept, identity, arrays, again)
    if arrays is None:
        return _prepare(task, path, kept, identity)
    labels = arrays.pop("labels")
    if labels.dtype != np.float64:
        labels = labels.astype(np.int32)
    if len(arrays["other"]) < len(arrays["cluster"]):
        arrays["other"] = arrays["cluster"]
    return Solution(labels, **arrays)


def count_public(task: Task) -> int:
    """Return how many test rows are public; organisers only, nothing that is published has it."""
    return len(read_solution(task).rows("public"))


def _prepare(task: Task, path: Path, kept: Path, identity: dict[str, object]) -> Solution:
    made = SourceStamp.of(path)
    solution = _read_parquet(task, path)
    # What is stored is hashed at every reading: nothing twice, nothing wider than it need be.
    same = np.array_equal(solution.cluster, solution.other)
    labels = solution.labels
    if labels.dtype != np.float64:
        k = int(labels.max(initial=0)) + 1
        labels = labels.astype(np.int8 if k < 2**7 else np.int16 if k < 2**15 else np.int32)
    stored = vars(solution) | {"labels": labels}
    store_arrays(kept, identity, stored | ({"other": solution.other[:0]} if same else {}), made)
    return solution


def read_train_truth(task: Task) -> Solution:
    """Return the truth of the train rows from public data alone, for out-of-fold predictions.

    Clusters are what a participant can know: in matching the entities that follow from the matches
    of train (records connected by them), when records have ids; otherwise each row is its own.
    """
    import pyarrow.parquet as pq

    path = task.public / "train.parquet"
    names = ["label", *task.kind.log_columns]
    names += ("left_id", "right_id") if task.record_ids else ()
    names += ("role",) if task.kind.has_things else ()
    table = pq.ParquetFile(path).read(names, use_threads=False)
    labels = _truth(task, table.column("label"), path)
    n = len(labels)
    cluster = other = np.arange(n, dtype=np.int32)
    if task.kind.has_things:
        gallery = is_gallery(table.column("role"))
        return Solution(labels, np.ones(n, np.int8), labels, labels, gallery=gallery)
    if task.record_ids:
        from challenge.kinds.statistics.grouping import components

        codes = _record_codes([table])
        left, right = codes[:n], codes[n:]
        links = labels == 1
        entity = components(left[links], right[links], int(codes.max(initial=-1)) + 1)
        cluster, other = entity[left].astype(np.int32), entity[right].astype(np.int32)
        return Solution(labels, np.ones(n, np.int8), cluster, other, left, right)
    return Solution(labels, np.ones(n, np.int8), cluster, other, log=_log(task, table, path))


def is_gallery(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Return which rows are of the gallery, from the column of roles."""
    gallery: NDArray[np.bool_] = label_codes(column, ROLES, "role") == ROLES.index("gallery")
    return gallery


def label_codes(column: pa.ChunkedArray, classes: tuple[str, ...], where: str) -> NDArray[np.int32]:
    """Return each label's position in `classes`; null is -1, another label raises TaskError."""
    import pyarrow as pa

    if pa.types.is_integer(column.type):
        column = column.cast(pa.int64()).cast(pa.string())
    elif pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    encoded = _whole(column).dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    position = {name: code for code, name in enumerate(classes)}
    if unknown := [text for text in texts if text not in position]:
        raise TaskError(
            Fault(
                f"{where}, column label",
                f"labels that are not classes of the task: {len(unknown):,}",
                "the classes of task.json",
                "build the task again",
                code="solution-labels",
                n=len(unknown),
            )
        )
    table = np.array([position[text] for text in texts] + [-1], np.int32)
    codes: NDArray[np.int32] = table[int_array(encoded.indices)]
    return codes


def _truth(task: Task, column: pa.ChunkedArray, path: Path) -> NDArray[Any]:
    """Return the labels as codes of classes or as numbers; null is -1 or NaN."""
    if task.kind.label == "number":
        return _double_array(column, path)
    if task.kind.has_things:
        import pyarrow as pa

        return int_array(_whole(column.cast(pa.string())).dictionary_encode().indices)
    return label_codes(column, task.classes, str(path))


def _log(task: Task, table: pa.Table, path: Path) -> NDArray[np.float64]:
    """Return the log's numbers, (n, columns); empty for a kind without."""
    names = task.kind.log_columns
    if not names:
        return np.zeros((0, 0))
    return np.stack([_double_array(table.column(name), path) for name in names], axis=1)


def _known(labels: NDArray[Any]) -> NDArray[np.bool_]:
    known: NDArray[np.bool_] = np.isfinite(labels) if labels.dtype == np.float64 else labels >= 0
    return known


def _double_array(column: pa.ChunkedArray, path: Path) -> NDArray[np.float64]:
    """Copy numbers out of Arrow, null as NaN; Arrow's own way to numpy loads pandas."""
    import pyarrow as pa

    try:
        array = _whole(column).cast(pa.float64()).fill_null(float("nan"))
    except pa.ArrowInvalid as error:
        raise _damaged(path, f"labels that are not numbers: {error}") from None
    if len(array) == 0:
        return np.zeros(0)
    return np.frombuffer(array.buffers()[1], np.float64, len(array), 8 * array.offset).copy()


def _record_codes(tables: list[pa.Table]) -> NDArray[np.int32]:
    """Return a number per record: the left ones of a table, its right ones, then the next table."""
    import pyarrow as pa

    sides = [
        _whole(table.column(name).cast(pa.string()))
        for table in tables
        for name in ("left_id", "right_id")
    ]
    return int_array(pa.concat_arrays(sides).dictionary_encode().indices)


def _records(
    task: Task,
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int8]]:
    """Return left and right record of each test pair, and how many of both are in train."""
    import pyarrow.parquet as pq

    test, train = (
        pq.ParquetFile(task.public / f"{name}.parquet").read(
            ["left_id", "right_id"], use_threads=False
        )
        for name in ("test", "train")
    )
    codes = _record_codes([test, train])
    n = test.num_rows
    known = np.zeros(int(codes.max(initial=-1)) + 1, np.bool_)
    known[codes[2 * n :]] = True
    left, right = codes[:n], codes[n : 2 * n]
    return left, right, known[left].astype(np.int8) + known[right]


def _read_parquet(task: Task, path: Path) -> Solution:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path).read(
            ["id", "label", *task.kind.log_columns, "subset", "cluster", "other"],
            use_threads=False,
        )
        ids = (
            pq.ParquetFile(task.public / "test.parquet")
            .read(["id"], use_threads=False)
            .column("id")
        )
    except (OSError, pa.ArrowException) as error:
        raise _damaged(path, f"unreadable: {error}") from None
    if not table.column("id").cast(pa.string()).equals(ids.cast(pa.string())):
        raise _damaged(path, "ids that are not those of test.parquet in its order")
    labels = _truth(task, table.column("label"), path)
    subset = label_codes(table.column("subset"), SUBSETS, str(path)).astype(np.int8)
    cluster, other = (int_array(_whole(table.column(name))) for name in ("cluster", "other"))
    if (
        (subset < 0).any()
        or not (_known(labels) | (subset == VOID)).all()
        or min(cluster.min(initial=0), other.min(initial=0)) < 0
    ):
        raise _damaged(path, "rows without a label, a subset or a cluster")
    labels[~_known(labels)] = 0
    log = _log(task, table, path)
    if task.kind.has_things:
        roles = pq.ParquetFile(task.public / "test.parquet").read(["role"], use_threads=False)
        return Solution(labels, subset, cluster, other, gallery=is_gallery(roles.column("role")))
    if not task.record_ids:
        return Solution(labels, subset, cluster, other, log=log)
    return Solution(labels, subset, cluster, other, *_records(task), log=log)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    import pyarrow as pa

    chunks = column.chunks
    return pa.concat_arrays(chunks) if chunks else pa.nulls(0, column.type)


def int_array(array: pa.Array | pa.ChunkedArray) -> NDArray[np.int32]:
    """Copy whole numbers out of Arrow, null as -1; Arrow's own way to numpy loads pandas."""
    import pyarrow as pa

    if isinstance(array, pa.ChunkedArray):
        array = _whole(array)
    array = array.cast(pa.int32())
    if len(array) == 0:
        return np.zeros(0, np.int32)
    valid, values = array.buffers()
    here = slice(array.offset, array.offset + len(array))
    numbers = np.frombuffer(values, np.int32)[here].copy()
    if array.null_count:
        bits = np.unpackbits(np.frombuffer(valid, np.uint8), bitorder="little")
        numbers[bits[here] == 0] = -1
    return numbers


def _damaged(path: Path, found: str) -> TaskError:
    return TaskError(
        Fault(
            str(path),
            found,
            "the solution that belongs to public/",
            "build the task again",
            code="solution-damaged",
        )
    )
