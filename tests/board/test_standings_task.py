"""Task boards: best submission, shared ranks, no score no rank, baselines, finals."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from challenge.board.rules.boards import TaskBoard
from challenge.board.rules.task_board import task_board
from challenge.errors import WrongUse
from tests.board.hand import HandSource, Made, snapshot_of, vector_like

NAN = float("nan")
few = settings(max_examples=40, deadline=None)


def board_of(*made: Made, **more: object) -> TaskBoard:
    snapshot = snapshot_of(made, tasks=["t1"], **more)  # type: ignore[arg-type]
    return task_board(snapshot, "t1", snapshot.vectors)


def places(board: TaskBoard) -> list[tuple[int | None, str]]:
    return [(row.rank, row.team_name) for row in board.rows]


def test_equal_scores_share_a_rank_and_the_earlier_stands_first() -> None:
    board = board_of(
        Made("late", "t1", 0.9, hour=5),
        Made("low", "t1", 0.5, hour=1),
        Made("early", "t1", 0.9, hour=2),
    )
    assert places(board) == [(1, "early"), (1, "late"), (3, "low")]


def test_the_gap_to_the_first_carries_no_dust_of_the_subtraction() -> None:
    board = board_of(Made("A", "t1", 0.605), Made("B", "t1", 0.578))
    assert board.rows[1].behind == 0.027
    assert 0.605 - 0.578 != 0.027


def test_at_the_same_instant_the_smaller_submission_id_stands_first() -> None:
    board = board_of(Made("b", "t1", 0.9), Made("a", "t1", 0.9))
    assert places(board) == [(1, "b"), (1, "a")]


def test_ten_percent_stands_above_nine_percent() -> None:
    board = board_of(Made("nine", "t1", 0.09), Made("ten", "t1", 0.1))
    assert places(board) == [(1, "ten"), (2, "nine")]


def test_a_score_of_zero_has_a_rank_and_an_undefined_one_has_none() -> None:
    board = board_of(
        Made("undefined", "t1", NAN, hour=0), Made("zero", "t1", 0.0, hour=1), Made("one", "t1", 1)
    )
    assert places(board) == [(1, "one"), (2, "zero"), (None, "undefined")]
    last = board.rows[-1]
    assert (last.value, last.reason) == (None, "no rows of a class")
    assert not last.tied_first
    assert last.rank_low is None


def test_only_undefined_scores_give_a_board_without_ranks() -> None:
    board = board_of(Made("b", "t1", NAN, hour=2), Made("a", "t1", NAN, hour=1))
    assert places(board) == [(None, "a"), (None, "b")]


def test_a_defined_score_beats_an_undefined_one_of_the_same_team() -> None:
    board = board_of(Made("a", "t1", NAN), Made("a", "t1", 0.1))
    assert [(row.value, row.n_submissions) for row in board.rows] == [(0.1, 2)]


def test_a_worse_later_submission_does_not_replace_a_better_one() -> None:
    board = board_of(
        Made("a", "t1", 0.8, hour=1, method="good"), Made("a", "t1", 0.7, hour=2, method="bad")
    )
    (row,) = board.rows
    assert (row.value, row.submission, row.method, row.n_submissions) == (0.8, 1, "good", 2)


def test_an_equal_later_submission_does_not_replace_the_earlier_one() -> None:
    board = board_of(Made("a", "t1", 0.8, hour=3), Made("a", "t1", 0.8, hour=1))
    assert board.rows[0].submission == 2


def test_a_baseline_is_ranked_among_all_and_marked() -> None:
    board = board_of(Made("reference", "t1", 0.9), Made("a", "t1", 0.8), baselines=["reference"])
    assert [(row.rank, row.baseline) for row in board.rows] == [(1, True), (2, False)]


def test_teams_without_vectors_count_as_tied_and_it_is_said() -> None:
    board = board_of(Made("a", "t1", 0.9), Made("b", "t1", 0.1), n_clusters=12)
    assert all(row.tied_first for row in board.rows)
    assert [(row.rank_low, row.rank_high) for row in board.rows] == [(1, 2), (1, 2)]
    assert board.n_clusters == 12
    assert "too few independent rows" in board.notes[0]


def test_without_a_source_of_vectors_only_equal_scores_are_tied() -> None:
    made = [Made("a", "t1", 0.9), Made("b", "t1", 0.9, hour=1), Made("c", "t1", 0.8)]
    board = task_board(snapshot_of(made), "t1", None)
    assert [row.tied_first for row in board.rows] == [True, True, False]
    assert board.n_compared == 0


def test_the_same_predictions_tie_exactly_and_a_plainly_worse_team_is_shut_out() -> None:
    noise, other = (vector_like(np.random.default_rng(seed), 0.01) for seed in (1, 2))
    board = board_of(
        Made("a", "t1", 0.9, hour=0, vector=noise),
        Made("copy", "t1", 0.9, hour=1, vector=noise),
        Made("worse", "t1", 0.5, hour=2, vector=other),
    )
    assert [row.tied_first for row in board.rows] == [True, True, False]
    copy = board.rows[1]
    assert (copy.behind, copy.behind_low, copy.behind_high) == (0.0, 0.0, 0.0)
    assert [(row.rank_low, row.rank_high) for row in board.rows] == [(1, 2), (1, 2), (3, 3)]


def test_a_final_is_the_better_of_two_with_its_vector() -> None:
    # The vector of a's better final is that of b: the difference of .1 has no noise.
    of_better, of_worse = (vector_like(np.random.default_rng(seed), 0.2) for seed in (1, 2))
    made = [
        Made("a", "t1", 0.8, vector=of_better),
        Made("a", "t1", 0.75, vector=of_worse),
        Made("b", "t1", 0.7, vector=of_better),
    ]
    snapshot = snapshot_of(made, tasks=["t1"], subset="private")
    board = task_board(snapshot, "t1", snapshot.vectors)
    assert [(row.team_name, row.value) for row in board.rows] == [("a", 0.8), ("b", 0.7)]
    b = board.rows[1]
    assert b.behind_low == pytest.approx(0.1) and b.behind_high == pytest.approx(0.1)
    assert not b.tied_first


def test_a_final_board_carries_the_public_rank() -> None:
    snapshot = snapshot_of(
        [Made("a", "t1", 0.8), Made("b", "t1", 0.9)],
        public=[Made("a", "t1", 0.95), Made("b", "t1", 0.9)],
        subset="private",
    )
    board = task_board(snapshot, "t1", snapshot.vectors)
    assert [(row.rank, row.team_name, row.public_rank) for row in board.rows] == [
        (1, "b", 2),
        (2, "a", 1),
    ]


def test_derived_ends_are_rounded_outward_to_the_step_while_the_contest_runs() -> None:
    generator = np.random.default_rng(3)
    made = [
        Made(team, "t1", value, vector=vector_like(generator, 0.03))
        for team, value in (("a", 0.6), ("b", 0.58))
    ]
    snapshot = snapshot_of(made, subset="public", steps={"t1": 0.02})
    board = task_board(snapshot, "t1", snapshot.vectors)
    ends = [board.rows[1].behind_low, board.rows[1].behind_high]
    assert all(end is not None and round(end / 0.02) * 0.02 == pytest.approx(end) for end in ends)


def test_a_public_subset_that_is_too_small_is_named() -> None:
    made = [Made("a", "t1", NAN)]
    snapshot = snapshot_of(made, subset="public", unscored=["t1"], baseline_scores={})
    board = task_board(snapshot, "t1", snapshot.vectors)
    assert "too small" in board.notes[0]
    assert board.baseline_score is None
    assert board.rows[0].reason == "the public subset is too small to show a score"


def test_all_teams_of_a_long_board_are_compared() -> None:
    generator = np.random.default_rng(4)
    made = [
        Made(f"team {i}", "t1", 0.9 - i / 1000, vector=vector_like(generator, 0.01))
        for i in range(450)
    ]
    snapshot = snapshot_of(made, tasks=["t1"])
    board = task_board(snapshot, "t1", snapshot.vectors)
    source = snapshot.source
    assert isinstance(source, HandSource)
    assert len(source.read) == board.n_compared == 450
    last = board.rows[-1]
    # independent errors of .01: teams nearer than about .05 cannot be told apart
    assert last.rank_low is not None and 380 < last.rank_low < 430
    assert last.rank_high == 450 and not last.tied_first
    middle = board.rows[225]
    assert middle.rank_low is not None and 150 < middle.rank_low < 226
    assert middle.rank_high is not None and 226 < middle.rank_high < 300


def test_more_than_ten_thousand_submissions_all_count() -> None:
    made = [Made(f"team {i}", "t1", i / 20_000) for i in range(10_050)]
    board = task_board(snapshot_of(made, tasks=["t1"]), "t1", None)
    assert len(board.rows) == 10_050
    assert (board.rows[-1].rank, board.rows[-1].team_name) == (10_050, "team 0")


def test_two_teams_of_one_name_are_two_rows() -> None:
    snapshot = snapshot_of([Made("a", "t1", 0.9), Made("b", "t1", 0.8)])
    export = type(snapshot.teams[2])(2, "a", "a-2")
    object.__setattr__(snapshot, "teams", {**snapshot.teams, 2: export})
    board = task_board(snapshot, "t1", None)
    assert [(row.team_name, row.slug) for row in board.rows] == [("a", "a"), ("a", "a-2")]


def test_an_unknown_task_is_told_with_the_nearest() -> None:
    with pytest.raises(WrongUse, match="did you mean 't1'"):
        task_board(snapshot_of([]), "t1x", None)


def test_the_private_subset_is_refused_before_the_close() -> None:
    with pytest.raises(WrongUse, match="a board of the subset 'private'"):
        task_board(snapshot_of([], subset="public"), "t1", None, subset="private")


def test_json_has_no_nan_and_no_vectors_and_csv_has_a_cell_a_column() -> None:
    vector = np.linspace(-0.001, 0.001, 1000)
    board = board_of(
        Made("a", "t1", 0.15, vector=vector), Made("b", "t1", NAN), Made("c", "t1", 0.1)
    )
    text = json.dumps(board.as_json(), allow_nan=False)
    assert "vector" not in text and len(text) < 3000
    rows = list(csv.reader(board.csv_text().splitlines()))
    assert len(rows) == 4
    assert {len(row) for row in rows} == {len(rows[0])}


scores = st.lists(
    st.tuples(
        st.sampled_from("abcdef"),
        st.one_of(st.just(NAN), st.integers(0, 10).map(lambda i: i / 10)),
        st.integers(0, 5),
    ),
    max_size=25,
)


@few
@given(scores)
def test_ranks_agree_with_counting_the_better_teams(entries: list[tuple[str, float, int]]) -> None:
    board = board_of(*(Made(team, "t1", value, hour) for team, value, hour in entries))
    best: dict[str, float] = {}
    for team, value, _ in entries:
        if not np.isnan(value):
            best[team] = max(value, best.get(team, 0.0))
    expected = {
        team: 1 + sum(other > value for other in best.values()) for team, value in best.items()
    }
    assert {row.team_name: row.rank for row in board.rows if row.rank} == expected
    ranks = [row.rank for row in board.rows]
    assert ranks == sorted(ranks, key=lambda rank: (rank is None, rank))


@few
@given(scores, st.sampled_from("abcdef"), st.integers(6, 9))
def test_a_worse_submission_changes_no_rank(
    entries: list[tuple[str, float, int]], team: str, hour: int
) -> None:
    made = [Made(name, "t1", value, at) for name, value, at in entries]
    before = {row.team_name: row for row in board_of(*made).rows}
    if team not in before or before[team].value is None:
        return
    worse = Made(team, "t1", (before[team].value or 0.0) / 2, hour)
    after = {row.team_name: row for row in board_of(*made, worse).rows}
    assert {name: row.rank for name, row in after.items()} == {
        name: row.rank for name, row in before.items()
    }
    assert after[team].submission == before[team].submission


@few
@given(scores, st.randoms(use_true_random=False))
def test_the_order_of_arcandidate_in_the_table_changes_nothing(
    entries: list[tuple[str, float, int]], random: object
) -> None:
    made = [Made(team, "t1", value, i) for i, (team, value, _) in enumerate(entries)]
    shuffled = list(made)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = board_of(*made), board_of(*shuffled)
    assert places(one) == places(other)
