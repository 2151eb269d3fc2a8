"""The prepared solution: as the file, rebuilt when stale or damaged, never of other rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from challenge.errors import TaskError
from challenge.scoring.solution import Solution, read_solution, read_train_truth
from tests.scoring.scored import make_scored_task

LABELS = ["b", "a", "b", "b"]
HALVES = ["public", "void", "private", "private"]


def same(a: Solution, b: Solution) -> bool:
    return all(np.array_equal(value, vars(b)[name]) for name, value in vars(a).items())


def prepared(folder: Path) -> Path:
    (path,) = folder.glob("private/prepared-*.npz")
    return path


def test_labels_halves_and_clusters_are_those_of_the_file(tmp_path: Path) -> None:
    task = make_scored_task(tmp_path / "t", LABELS, halves=HALVES, cluster=[7, 7, 3, 1])
    solution = read_solution(task)
    assert solution.labels.tolist() == [1, 0, 1, 1]
    assert solution.cluster.tolist() == [7, 7, 3, 1]
    assert [solution.rows(half).tolist() for half in ("public", "private", "all")] == [
        [0],
        [2, 3],
        [0, 2, 3],
    ]
    assert same(solution, read_solution(task))


def test_a_damaged_cache_is_rebuilt(tmp_path: Path) -> None:
    task = make_scored_task(tmp_path / "t", LABELS, halves=HALVES)
    first = read_solution(task)
    path = prepared(task.folder)
    assert path.stat().st_mode & 0o777 == 0o600
    whole = path.read_bytes()
    for damaged in (b"", whole[:100], whole[:-60], b"x" * 500, flipped(whole, first.labels)):
        path.write_bytes(damaged)
        assert same(first, read_solution(task))
        assert path.read_bytes() == whole


def flipped(whole: bytes, labels: np.ndarray) -> bytes:
    """Return the archive with one label changed inside, as a bad disk or a prober would."""
    at = whole.index(labels.astype(np.int16).tobytes())
    return whole[:at] + bytes([1 - whole[at]]) + whole[at + 1 :]


def test_a_cache_of_other_labels_is_stale(tmp_path: Path) -> None:
    task = make_scored_task(tmp_path / "t", LABELS, halves=HALVES)
    read_solution(task)
    table = pq.read_table(task.private / "solution.parquet")
    changed = table.set_column(1, "label", pa.array(["a"] * 4))
    pq.write_table(changed, task.private / "solution.parquet")
    assert read_solution(task).labels.tolist() == [0, 0, 0, 0]


def test_a_solution_of_other_rows_is_refused(tmp_path: Path) -> None:
    task = make_scored_task(tmp_path / "t", LABELS)
    table = pq.read_table(task.private / "solution.parquet")
    pq.write_table(table.take([1, 0, 2, 3]), task.private / "solution.parquet")
    with pytest.raises(TaskError, match=r"not those of test\.parquet"):
        read_solution(task)


def test_a_label_that_is_no_class_is_refused_without_being_told(tmp_path: Path) -> None:
    task = make_scored_task(tmp_path / "t", LABELS)
    table = pq.read_table(task.private / "solution.parquet")
    pq.write_table(
        table.set_column(1, "label", pa.array(["a", "b", "hidden", "a"])),
        task.private / "solution.parquet",
    )
    with pytest.raises(TaskError, match="no class of the task") as caught:
        read_solution(task)
    assert "hidden" not in str(caught.value)


def test_a_row_without_a_label_must_be_void(tmp_path: Path) -> None:
    task = make_scored_task(tmp_path / "t", LABELS, halves=HALVES)
    table = pq.read_table(task.private / "solution.parquet")
    for row, refused in ((1, False), (2, True)):
        labels: list[str | None] = list(LABELS)
        labels[row] = None
        pq.write_table(
            table.set_column(1, "label", pa.array(labels)), task.private / "solution.parquet"
        )
        if refused:
            with pytest.raises(TaskError, match="rows without a label"):
                read_solution(task)
        else:
            assert read_solution(task).rows("all").tolist() == [0, 2, 3]


def test_train_entities_follow_from_the_matches_of_train(tmp_path: Path) -> None:
    # a = b and b = c make one entity; d, e are their own
    train = {
        "left_id": ["a", "b", "a", "d"],
        "right_id": ["b", "c", "d", "e"],
        "label": ["1", "1", "0", "0"],
    }
    test = {"left_id": ["a", "x"], "right_id": ["y", "z"]}
    task = make_scored_task(tmp_path / "t", ["1", "0"], kind="matching", train=train, test=test)
    truth = read_train_truth(task)
    assert truth.cluster[0] == truth.other[0] == truth.cluster[1] == truth.cluster[2]
    assert truth.other[2] == truth.cluster[3] != truth.cluster[2]
    assert truth.other[3] not in (truth.cluster[3], truth.cluster[0])
    assert read_solution(task).seen.tolist() == [1, 0]
