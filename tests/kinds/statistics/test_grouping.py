"""Clusters: stored, the same for everybody, whole ones together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from challenge.errors import TaskError
from challenge.kinds.statistics.grouping import (
    MAX_CROSSED,
    MAX_GROUPS,
    Grouping,
    group_rows,
    uniform,
)
from challenge.scoring.solution import read_solution
from challenge.scoring.statistics.stored_grouping import grouping_hash, read_grouping
from tests.scoring.scored import make_scored_task, solution_of

KEY = b"k" * 32


def test_clusters_are_stored_and_stay_the_same(tmp_path: Path) -> None:
    task = make_scored_task(tmp_path / "t", ["a", "b"] * 40)
    solution = read_solution(task)
    first, second = (read_grouping(task, solution, "private") for _ in range(2))
    assert grouping_hash(first) == grouping_hash(second)
    assert first.n_clusters == 80 and first.effective_clusters == pytest.approx(80.0)
    path = task.private / "clusters-private.bin"
    assert path.stat().st_mode & 0o777 == 0o600
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    found = read_grouping(task, solution, "private")
    assert np.array_equal(found.group, first.group)
    assert path.read_bytes() == whole


def test_clusters_of_other_rows_are_made_anew(tmp_path: Path) -> None:
    task = make_scored_task(tmp_path / "t", ["a", "b"] * 40)
    read_grouping(task, read_solution(task), "all")
    assert len(read_grouping(task, solution_of([0, 1] * 45), "all").group) == 90


def test_another_secret_or_subset_gives_other_clusters(tmp_path: Path) -> None:
    labels, subsets = ["a", "b"] * 40, ["public", "private"] * 40
    hashes = set()
    for name in ("s", "t"):
        task = make_scored_task(tmp_path / name, labels, subsets=subsets, secret=name.encode() * 32)
        for subset in ("public", "private", "all"):
            hashes.add(grouping_hash(read_grouping(task, read_solution(task), subset)))
    assert len(hashes) == 6


def test_a_missing_secret_says_what_to_do(tmp_path: Path) -> None:
    task = make_scored_task(tmp_path / "t", ["a", "b"])
    (task.private / "secret").unlink()
    with pytest.raises(TaskError, match="restore it from a backup"):
        read_grouping(task, read_solution(task), "all")


def test_the_stream_of_numbers_never_changes() -> None:
    # A new release must not move anybody's interval.
    assert uniform(KEY, b"groups", 3).tolist() == FIRST


FIRST = [0.6182896504605979, 0.7713523370068658, 0.15137576460771346]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=40))
def test_whole_clusters_stay_together(pairs: list[tuple[int, int]]) -> None:
    left, right = (np.array([pair[side] for pair in pairs], np.int32) for side in (0, 1))
    grouping = group_rows(left, right, KEY)
    group_of = dict(zip([*left, *right], [*grouping.group, *grouping.other], strict=True))
    assert all(group_of[c] == g for c, g in zip(left, grouping.group, strict=True))
    assert grouping.n_groups == grouping.n_clusters == len(group_of)
    assert grouping.crossing.tolist() == [i for i, (a, b) in enumerate(pairs) if a != b]
    for row, cell in zip(grouping.crossing, grouping.cell, strict=True):
        ends = {int(grouping.cell_left[cell]), int(grouping.cell_right[cell])}
        assert ends == {int(grouping.group[row]), int(grouping.other[row])}
    clusters, couples = grouping.touched(np.ones(len(pairs)))
    assert clusters.sum() - couples.sum() == len(pairs)


def test_many_clusters_share_groups_evenly() -> None:
    one = np.arange(4_500, dtype=np.int32)
    grouping = group_rows(one, one, KEY)
    counts = np.bincount(grouping.group)
    assert (len(counts), counts.min(), counts.max()) == (MAX_GROUPS, 4, 5)
    assert grouping.n_clusters == 4_500


def test_entities_that_share_pairs_are_fewer() -> None:
    one = np.arange(4_500, dtype=np.int32)
    grouping = group_rows(one, (one + 1) % 4_500, KEY)
    assert (grouping.n_groups, grouping.n_clusters) == (MAX_CROSSED, 4_500)


def pairs_that_cross() -> tuple[np.ndarray, np.ndarray]:
    """Return both entities of 60 pairs in one ring, so that no component is a cluster."""
    left = np.arange(60, dtype=np.int32)
    return left, ((left + 1) % 60).astype(np.int32)


@pytest.mark.parametrize("crossing", [True, False])
def test_clusters_written_as_bytes_sum_rows_as_before(crossing: bool) -> None:
    left, right = pairs_that_cross()
    grouping = group_rows(left, right if crossing else left, KEY)
    assert bool(len(grouping.crossing)) is crossing
    found = Grouping.from_bytes(grouping.to_bytes())
    assert grouping_hash(found) == grouping_hash(grouping)
    assert found.n_clusters == grouping.n_clusters
    assert found.effective_clusters == grouping.effective_clusters
    right_rows = np.random.default_rng(0).random(60) < 0.7
    for one in (right_rows, right_rows.astype(np.float64)):
        for a, b in zip(found.touched(one), grouping.touched(one.astype(np.float64)), strict=True):
            assert np.array_equal(a, b)
