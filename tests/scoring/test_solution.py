"""The prepared solution: as the file, rebuilt when stale or damaged, never of other rows."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from challenge.errors import TaskError
from challenge.scoring import sealed
from challenge.scoring.solution import Solution, read_solution, read_train_truth
from challenge.task import sha256_of_file
from tests.scoring.scored import make_scored_task

LABELS = ["b", "a", "b", "b"]
SUBSETS = ["public", "void", "private", "private"]


def same(a: Solution, b: Solution) -> bool:
    return all(np.array_equal(value, vars(b)[name]) for name, value in vars(a).items())


def prepared(folder: Path) -> Path:
    (path,) = folder.glob("private/prepared-*.bin")
    return path


def test_labels_subsets_and_clusters_are_those_of_the_file(tmp_path: Path) -> None:
    task = make_scored_task(tmp_path / "t", LABELS, subsets=SUBSETS, cluster=[7, 7, 3, 1])
    solution = read_solution(task)
    assert solution.labels.tolist() == [1, 0, 1, 1]
    assert solution.cluster.tolist() == [7, 7, 3, 1]
    assert [solution.rows(subset).tolist() for subset in ("public", "private", "all")] == [
        [0],
        [2, 3],
        [0, 2, 3],
    ]
    assert same(solution, read_solution(task))


def test_a_damaged_cache_is_rebuilt(tmp_path: Path) -> None:
    task = make_scored_task(tmp_path / "t", LABELS, subsets=SUBSETS)
    first = read_solution(task)
    path = prepared(task.folder)
    assert path.stat().st_mode & 0o777 == 0o600
    whole = path.read_bytes()
    for damaged in (b"", whole[:100], whole[:-60], b"x" * 500, flipped(whole, first.labels)):
        path.write_bytes(damaged)
        assert same(first, read_solution(task))
        assert len(path.read_bytes()) == len(whole)


def flipped(whole: bytes, labels: np.ndarray) -> bytes:
    """Return the file with one label changed inside, as a bad disk or a prober would."""
    at = whole.index(labels.astype(np.int8).tobytes())
    return whole[:at] + bytes([1 - whole[at]]) + whole[at + 1 :]


def test_a_cache_of_other_labels_is_stale(tmp_path: Path) -> None:
    task = make_scored_task(tmp_path / "t", LABELS, subsets=SUBSETS)
    read_solution(task)
    table = pq.read_table(task.private / "solution.parquet")
    changed = table.set_column(1, "label", pa.array(["a"] * 4))
    pq.write_table(changed, task.private / "solution.parquet")
    assert read_solution(task).labels.tolist() == [0, 0, 0, 0]


def test_an_old_solution_is_hashed_once_and_any_write_to_it_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[Path] = []

    def hash_and_count(path: Path) -> str:
        hashed.append(path)
        return sha256_of_file(path)

    monkeypatch.setattr(sealed, "sha256_of_file", hash_and_count)
    task = make_scored_task(tmp_path / "t", LABELS)
    path = task.private / "solution.parquet"
    read_solution(task)
    read_solution(task)
    # Just written: another write might leave the same times, so it is hashed each time.
    assert len(hashed) == 2
    monkeypatch.setattr(sealed, "_QUIET_NS", -(10**12))
    for _ in range(3):
        read_solution(task)
    assert len(hashed) == 3
    # Other labels in as many bytes, and the old time of modification set by hand.
    before, whole = path.stat(), path.read_bytes()
    pq.write_table(pq.read_table(path).set_column(1, "label", pa.array(["b", "a", "a", "a"])), path)
    assert path.stat().st_size == len(whole)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert read_solution(task).labels.tolist() == [1, 0, 0, 0]
    # The same bytes in another file, as a backup puts them back: hashed once, and as good.
    path.unlink()
    path.write_bytes(whole)
    assert read_solution(task).labels.tolist() == [1, 0, 1, 1]
    hashed.clear()
    assert read_solution(task).labels.tolist() == [1, 0, 1, 1]
    assert not hashed


def test_a_private_folder_that_cannot_be_written_still_serves_what_is_prepared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = make_scored_task(tmp_path / "t", LABELS)
    first = read_solution(task)
    monkeypatch.setattr(sealed, "_QUIET_NS", -(10**12))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(sealed, "atomic_file", refuse)
    assert same(first, read_solution(task))


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
    with pytest.raises(TaskError, match="not classes of the task") as caught:
        read_solution(task)
    assert "hidden" not in str(caught.value)


def test_a_row_without_a_label_must_be_void(tmp_path: Path) -> None:
    task = make_scored_task(tmp_path / "t", LABELS, subsets=SUBSETS)
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
