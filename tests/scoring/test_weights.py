"""The shared draws: stored, the same for everybody, whole clusters together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from challenge.errors import TaskError
from challenge.kinds.statistics.grouping import MAX_GROUPS, group_rows
from challenge.scoring.solution import read_solution
from challenge.scoring.statistics.block_weights import draw_weights, read_weights
from tests.scoring.scored import make_scored_task, solution_of

KEY = b"k" * 32


def test_weights_are_stored_and_stay_the_same(tmp_path: Path) -> None:
    task = make_scored_task(tmp_path / "t", ["a", "b"] * 40)
    solution = read_solution(task)
    first, second = (read_weights(task, solution, "private") for _ in range(2))
    assert first.sha256 == second.sha256
    assert np.array_equal(first.draws, second.draws)
    path = task.private / "weights-private.bin"
    assert path.stat().st_mode & 0o777 == 0o600
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    assert read_weights(task, solution, "private").sha256 == first.sha256
    assert path.read_bytes() == whole


def test_weights_of_other_rows_are_drawn_anew(tmp_path: Path) -> None:
    task = make_scored_task(tmp_path / "t", ["a", "b"] * 40)
    read_weights(task, read_solution(task), "all")
    assert len(read_weights(task, solution_of([0, 1] * 45), "all").grouping.group) == 90


def test_another_secret_or_half_gives_other_weights(tmp_path: Path) -> None:
    labels, subsets = ["a", "b"] * 40, ["public", "private"] * 40
    hashes = set()
    for name in ("s", "t"):
        task = make_scored_task(tmp_path / name, labels, subsets=subsets, secret=name.encode() * 32)
        for subset in ("public", "private", "all"):
            hashes.add(read_weights(task, read_solution(task), subset).sha256)
    assert len(hashes) == 6


def test_a_missing_secret_says_what_to_do(tmp_path: Path) -> None:
    task = make_scored_task(tmp_path / "t", ["a", "b"])
    (task.private / "secret").unlink()
    with pytest.raises(TaskError, match="restore it from a backup"):
        read_weights(task, read_solution(task), "all")


def test_the_stream_of_numbers_never_changes() -> None:
    # The first weights of a fixed key: a new release must not move anybody's interval.
    weights = draw_weights(solution_of([0, 1, 0]), "all", KEY)
    assert weights.draws[0].tolist() == pytest.approx(FIRST, rel=1e-6)
    assert weights.draws.shape == (1000, 3)
    assert weights.draws.mean(axis=1) == pytest.approx(1.0, abs=1e-6)


FIRST = [1.8600711822509766, 0.9476116895675659, 0.19231712818145752]


def test_draws_have_mean_1_and_variance_1() -> None:
    draws = draw_weights(solution_of(np.zeros(500)), "all", KEY).draws.astype(np.float64)
    assert draws.min() >= 0.0
    assert draws.mean() == pytest.approx(1.0)
    assert draws.var() == pytest.approx(1.0, abs=0.02)
    assert abs(np.corrcoef(draws[:, 0], draws[:, 1])[0, 1]) < 0.1


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
    inside, cells = grouping.sums(np.ones(len(pairs)))
    assert inside.sum() + cells.sum() == len(pairs)


def test_many_clusters_share_groups_evenly() -> None:
    one = np.arange(4_500, dtype=np.int32)
    grouping = group_rows(one, one, KEY)
    counts = np.bincount(grouping.group)
    assert (len(counts), counts.min(), counts.max()) == (MAX_GROUPS, 4, 5)
    assert grouping.n_clusters == 4_500


def test_effective_rows_worked_out_by_hand() -> None:
    def worth(left: list[int], right: list[int]) -> float:
        return group_rows(np.array(left, np.int32), np.array(right, np.int32), KEY).effective_rows()

    assert worth([0, 1, 2], [0, 1, 2]) == 3.0
    # clusters of 3 and 1 rows: 4² / (9 + 1)
    assert worth([0, 0, 0, 1], [0, 0, 0, 1]) == 1.6
    # two pairs that share record 0: clusters see 2, 1, 1 rows, each pair once too much: 4/(6-2)
    assert worth([0, 0], [1, 2]) == 1.0
    # two pairs without a shared record: 4 / (4 - 2)
    assert worth([0, 2], [1, 3]) == 2.0
