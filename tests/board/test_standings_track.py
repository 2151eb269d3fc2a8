"""Track boards: mean over all tasks, floors, coverage, extra columns, the prize, the shake-up."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from challenge.board.rules.board_rows import TrackRow
from challenge.board.rules.boards import TrackBoard
from challenge.board.rules.shake_up import shake_up
from challenge.board.rules.task_board import task_board
from challenge.board.rules.track_board import track_board
from challenge.errors import WrongUse
from challenge.kinds.statistics.vector import Vector, interval, spread
from tests.board.hand import Made, snapshot_of, vector_like

NAN = float("nan")
few = settings(max_examples=40, deadline=None)
Table = dict[str, tuple[float | None, ...]]

# Floors .2, .3, .1; a dash is a task that the team did not enter.
#
#   team    t1    t2    t3     mean                         ranks        (0 = floor, 1 = best)
#   A      .8    .7    .6     2.1/3        = .7            2, 2, 2      6/7, 4/6, 5/6
#   B      .9    .9    -      (1.8 + .1)/3 = .6333         1, 1, last=3 1,   1,   0
#   C      .5    .6    .7     1.8/3        = .6            3, 3, 1      3/7, 3/6, 1
#
# Over the entered tasks alone B would be first with .9.
BASELINE_SCORES = {"t1": 0.2, "t2": 0.3, "t3": 0.1}
TABLE: Table = {"A": (0.8, 0.7, 0.6), "B": (0.9, 0.9, None), "C": (0.5, 0.6, 0.7)}


def made_of(table: Table) -> list[Made]:
    return [
        Made(team, f"t{t + 1}", value, hour=t)
        for team, values in table.items()
        for t, value in enumerate(values)
        if value is not None
    ]


def board_of(made: list[Made], **more: object) -> TrackBoard:
    more = {"baseline_scores": BASELINE_SCORES, **more}
    snapshot = snapshot_of(made, **more)  # type: ignore[arg-type]
    return track_board(snapshot, "main", snapshot.vectors)


def row_of(board: TrackBoard, team: str) -> TrackRow:
    return next(row for row in board.rows if row.team_name == team)


def test_the_table_worked_out_by_hand() -> None:
    board = board_of(made_of(TABLE))
    assert [(row.rank, row.team_name) for row in board.rows] == [(1, "A"), (2, "B"), (3, "C")]
    assert [row.value for row in board.rows] == pytest.approx([0.7, 1.9 / 3, 0.6])
    assert [row.coverage() for row in board.rows] == ["3/3", "2/3", "3/3"]
    assert [row.eligible for row in board.rows] == [True, False, True]
    assert [row.mean_rank for row in board.rows] == pytest.approx([2, 5 / 3, 7 / 3])
    assert [row.wins for row in board.rows] == [0, 2, 1]
    assert [row.normalised for row in board.rows] == pytest.approx(
        [(6 / 7 + 4 / 6 + 5 / 6) / 3, 2 / 3, (3 / 7 + 3 / 6 + 1) / 3]
    )


def test_a_missing_task_is_marked_and_counts_as_its_floor() -> None:
    missing = row_of(board_of(made_of(TABLE)), "B").cells[2]
    assert missing.missing and missing.value is None and missing.rank is None
    assert (missing.counted, missing.reason) == (0.1, "not entered")


def test_an_undefined_score_counts_as_the_floor_and_costs_the_eligibility() -> None:
    board = board_of([*made_of(TABLE), Made("B", "t3", NAN)])
    row = row_of(board, "B")
    assert row.value == pytest.approx(1.9 / 3)
    assert not row.eligible and row.cells[2].reason == "no score"


def test_a_score_below_the_floor_is_not_raised_to_it() -> None:
    row = row_of(board_of([*made_of(TABLE), Made("D", "t1", 0.0)]), "D")
    assert row.value == pytest.approx((0.0 + 0.3 + 0.1) / 3)
    assert row.normalised is not None and row.normalised < 0


def test_a_team_with_undefined_scores_only_stands_below_all_without_a_rank() -> None:
    last = board_of([*made_of(TABLE), Made("D", "t1", NAN)]).rows[-1]
    assert (last.team_name, last.rank, last.value) == ("D", None, None)
    assert (last.mean_rank, last.normalised, last.tied_first) == (None, None, False)


def test_leaving_out_the_hardest_task_never_helps() -> None:
    full = board_of(made_of({"A": (0.8, 0.7, 0.2), "B": (0.7, 0.7, 0.2)}))
    without = board_of(made_of({"A": (0.8, 0.7, 0.2), "B": (0.7, 0.7, None)}))
    assert row_of(full, "B").value > row_of(without, "B").value  # type: ignore[operator]


def test_equal_means_share_a_rank_whatever_the_order_of_the_addends() -> None:
    table: Table = {
        "A": (0.1, 0.2, 0.3),
        "B": (0.3, 0.2, 0.1),
        "C": (0.0, 0.0, 0.0),
    }
    assert [row.rank for row in board_of(made_of(table)).rows] == [1, 1, 3]


def test_at_equal_means_the_team_that_was_complete_earlier_stands_first() -> None:
    made = [
        Made("A", "t1", 0.5, hour=1),
        Made("A", "t2", 0.5, hour=9),
        Made("B", "t1", 0.5, hour=2),
        Made("B", "t2", 0.5, hour=3),
    ]
    board = board_of(made, tasks=["t1", "t2"])
    assert [(row.rank, row.team_name) for row in board.rows] == [(1, "B"), (1, "A")]


def test_a_track_of_one_task_agrees_with_its_task_board() -> None:
    generator = np.random.default_rng(5)
    made = [
        Made(team, "t1", value, vector=vector_like(generator, 0.02))
        for team, value in zip("abcde", (0.9, 0.89, 0.85, 0.8, 0.2), strict=True)
    ]
    snapshot = snapshot_of(made, tasks=["t1"], baseline_scores=BASELINE_SCORES)
    track = track_board(snapshot, "main", snapshot.vectors)
    task = task_board(snapshot, "t1", snapshot.vectors)
    assert [(r.rank, r.team, r.rank_low, r.rank_high, r.tied_first) for r in track.rows] == [
        (r.rank, r.team, r.rank_low, r.rank_high, r.tied_first) for r in task.rows
    ]


def test_a_task_added_later_is_missing_for_all_and_counts_its_floor() -> None:
    made = made_of({"A": (0.8, 0.7), "B": (0.9, 0.5)})
    before = board_of(made, tasks=["t1", "t2"])
    after = board_of(made, tasks=["t1", "t2", "t3"])
    assert [row.team_name for row in before.rows] == [row.team_name for row in after.rows]
    assert [row.coverage() for row in after.rows] == ["2/3", "2/3"]
    assert not any(row.eligible for row in after.rows)


def test_a_retired_task_counts_for_nobody() -> None:
    board = board_of(made_of(TABLE), tasks=["t1", "t2"])
    assert [row.team_name for row in board.rows] == ["B", "A", "C"]
    assert row_of(board, "B").eligible


def test_a_task_that_is_not_built_is_left_out_for_all_with_the_reason() -> None:
    board = board_of(made_of({"A": (0.8, 0.7), "B": (0.9, 0.5)}), cards=["t1", "t2"])
    assert board.tasks == ("t1", "t2")
    assert "not built" in board.left_out["t3"]
    assert [row.value for row in board.rows] == pytest.approx([0.75, 0.7])


def test_a_task_of_another_metric_is_left_out_of_the_mean() -> None:
    snapshot = snapshot_of(made_of({"A": (0.8, 0.7), "B": (0.9, 0.5)}), tasks=["t1", "t2"])
    card = snapshot.cards["t2"]
    other = replace(card, task={**card.task, "metric": "macro_f1"})
    board = track_board(replace(snapshot, cards={**snapshot.cards, "t2": other}), "main", None)
    assert board.tasks == ("t1",)
    assert board.left_out == {"t2": "scored by macro_f1, which cannot be averaged with accuracy"}
    assert [row.value for row in board.rows] == [0.9, 0.8]


def test_a_public_subset_that_is_too_small_stays_out_of_every_mean() -> None:
    made = [*made_of({"A": (0.8, 0.7, None), "B": (0.9, 0.4, None)}), Made("A", "t3", NAN)]
    board = board_of(made, subset="public", unscored=["t3"])
    assert board.tasks == ("t1", "t2")
    assert [row.value for row in board.rows] == pytest.approx([0.75, 0.65])
    assert "fewer than 300 public rows" in board.left_out["t3"]


def test_the_interval_of_a_mean_comes_from_the_joined_vectors() -> None:
    generator = np.random.default_rng(7)
    vectors = [vector_like(generator, error) for error in (0.03, 0.04, 0.05)]
    made = [Made("A", f"t{i + 1}", 0.6, vector=one) for i, one in enumerate(vectors)]
    row = board_of(made).rows[0]
    found = spread(Vector(np.concatenate(vectors) / 3))
    assert (row.low, row.high) == pytest.approx(interval(0.6, found, "share", (0.0, 1.0)))
    assert found.error == pytest.approx((0.03**2 + 0.04**2 + 0.05**2) ** 0.5 / 3, rel=0.1)


def test_a_mean_at_an_edge_has_no_point_as_its_interval() -> None:
    still = np.zeros(50)
    made = [Made("A", task, 0.0, vector=still, interval=(0.0, 0.1)) for task in ("t1", "t2")]
    row = board_of(made, tasks=["t1", "t2"]).rows[0]
    assert (row.low, row.high) == pytest.approx((0.0, 0.1 / 2**0.5))


def test_a_mean_of_one_task_has_its_interval_and_a_baseline_score_adds_nothing() -> None:
    vector = vector_like(np.random.default_rng(3), 0.04)
    alone = interval(0.6, spread(Vector(vector)), "share", (0.0, 1.0))
    assert alone is not None
    made = Made("A", "t1", 0.6, vector=vector, interval=alone)
    row = board_of([made], tasks=["t1"]).rows[0]
    assert (row.low, row.high) == alone
    # The baseline score of t2 is .3: a mean of .45, with half the error.
    half = board_of([Made("A", "t1", 0.6, vector=vector)], tasks=["t1", "t2"]).rows[0]
    assert half.low is not None and half.high is not None and row.low is not None
    assert row.high is not None
    assert (half.high - half.low) / (row.high - row.low) == pytest.approx(0.5, rel=0.02)


def test_a_missing_task_brings_no_noise() -> None:
    noise = vector_like(np.random.default_rng(8), 0.03)
    made = [
        Made("A", "t1", 0.6, vector=noise),
        Made("B", "t1", 0.5, vector=noise),
        Made("B", "t2", 0.3, vector=np.zeros(400)),
    ]
    board = board_of(made, tasks=["t1", "t2"])
    b = row_of(board, "B")
    assert b.behind_low == pytest.approx(0.05, abs=1e-6) == b.behind_high


def test_a_team_without_an_interval_on_one_task_counts_as_tied() -> None:
    generator = np.random.default_rng(9)
    made = [
        Made(team, "t1", value, vector=vector_like(generator, 0.01))
        for team, value in (("A", 0.9), ("B", 0.5), ("C", 0.4))
    ]
    board = board_of([*made, Made("C", "t2", 0.35)], tasks=["t1", "t2"])
    assert [row.tied_first for row in board.rows] == [True, False, True]
    assert row_of(board, "C").low is None
    assert row_of(board, "C").rank_low == 1 and row_of(board, "C").rank_high == 3
    assert "1 of the teams compared have no interval" in board.notes[0]


def final(team: str, value: float, hour: float, error: float) -> Made:
    generator = np.random.default_rng(int(value * 1e6) + int(hour))
    return Made(team, "t1", value, hour, vector=vector_like(generator, error))


def prizes(tie: str, *made: Made, baselines: tuple[str, ...] = ()) -> dict[str, str | None]:
    snapshot = snapshot_of(
        made,
        tasks=["t1"],
        subset="private",
        prize="$ 100",
        prize_tie=tie,
        baselines=baselines,
    )
    board = track_board(snapshot, "main", snapshot.vectors)
    return {row.team_name: row.prize for row in board.rows}


def test_a_split_prize_is_shared_by_the_teams_tied_with_the_first() -> None:
    made = [final("A", 0.9, 1, 0.02), final("B", 0.89, 2, 0.02), final("C", 0.3, 3, 0.02)]
    shared = "$ 100 (shared by 2 teams)"
    assert prizes("split", *made) == {"A": shared, "B": shared, "C": None}


def test_the_rule_earlier_gives_the_prize_to_the_highest_score() -> None:
    made = [final("A", 0.9, 5, 0.02), final("B", 0.89, 2, 0.02), final("C", 0.3, 3, 0.02)]
    assert prizes("earlier", *made) == {"A": "$ 100", "B": None, "C": None}


def test_the_rule_earlier_decides_between_equal_scores() -> None:
    made = [final("A", 0.9, 5, 0.02), final("B", 0.9, 2, 0.02)]
    assert prizes("earlier", *made) == {"A": None, "B": "$ 100"}


def test_a_baseline_in_front_takes_no_prize_and_shuts_nobody_out() -> None:
    made = [final("R", 0.95, 0, 0.001), final("A", 0.9, 1, 0.02), final("B", 0.89, 2, 0.02)]
    shared = "$ 100 (shared by 2 teams)"
    found = prizes("split", *made, baselines=("R",))
    assert found == {"R": None, "A": shared, "B": shared}


def test_a_team_that_missed_a_task_takes_no_prize() -> None:
    made = [final("A", 0.9, 1, 0.01), final("B", 0.3, 1, 0.01), Made("B", "t2", 0.1)]
    snapshot = snapshot_of(
        made, tasks=["t1", "t2"], subset="private", prize="p", prize_tie="earlier"
    )
    board = track_board(snapshot, "main", snapshot.vectors)
    assert [(row.team_name, row.prize) for row in board.rows] == [("A", None), ("B", "p")]


def test_no_prize_is_named_before_the_close() -> None:
    made = [final("A", 0.9, 1, 0.01)]
    snapshot = snapshot_of(made, tasks=["t1"], subset="public", prize="p", prize_tie="split")
    assert track_board(snapshot, "main", snapshot.vectors).rows[0].prize is None


def test_the_shake_up_counts_the_places_between_public_and_final_board() -> None:
    snapshot = snapshot_of(
        [Made("A", "t1", 0.7), Made("B", "t1", 0.8), Made("C", "t1", 0.6)],
        tasks=["t1"],
        public=[Made("A", "t1", 0.9), Made("B", "t1", 0.8), Made("C", "t1", 0.5)],
        subset="private",
    )
    found = shake_up(snapshot, "main")
    assert found is not None
    assert [(m.team_name, m.public_rank, m.final_rank, m.change) for m in found.moves] == [
        ("B", 2, 1, 1),
        ("A", 1, 2, -1),
        ("C", 3, 3, 0),
    ]
    assert found.moves[1].gap == pytest.approx(0.2)
    # Ranks (2, 1, 3) against (1, 2, 3): 1 - 6 × (1 + 1 + 0) / (3 × 8) = .5
    assert found.correlation == pytest.approx(0.5)
    assert [row.public_rank for row in track_board(snapshot, "main", None).rows] == [2, 1, 3]
    json.dumps(found.as_json(), allow_nan=False)


def test_there_is_no_shake_up_before_the_close() -> None:
    assert shake_up(snapshot_of([Made("A", "t1", 0.7)], subset="public"), "main") is None


def test_an_unknown_track_is_told_with_the_nearest() -> None:
    with pytest.raises(WrongUse, match="did you mean 'main'"):
        track_board(snapshot_of([]), "mian", None)


def test_json_has_no_nan_and_csv_has_a_cell_a_column() -> None:
    board = board_of([*made_of(TABLE), Made("D", "t1", NAN)])
    json.dumps(board.as_json(), allow_nan=False)
    rows = list(csv.reader(board.csv_text().splitlines()))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert rows[0][-3:] == ["t1", "t2", "t3"]
    assert rows[2][-3:] == ["0.9", "0.9", ""]


tables = st.dictionaries(
    st.sampled_from("ABCDEF"),
    st.tuples(*[st.one_of(st.none(), st.integers(0, 10).map(lambda i: i / 10))] * 3),
    min_size=1,
)


def sketch(board: TrackBoard) -> dict[str, tuple[object, ...]]:
    return {
        row.team_name: (row.rank, row.value, row.mean_rank, row.wins, row.normalised, row.eligible)
        for row in board.rows
    }


@few
@given(tables, st.randoms(use_true_random=False))
def test_permuting_the_teams_permutes_nothing_else(table: Table, random: object) -> None:
    names = list(table)
    random.shuffle(names)  # type: ignore[attr-defined]
    shuffled = {name: table[name] for name in names}
    assert sketch(board_of(made_of(table))) == sketch(board_of(made_of(shuffled)))


@few
@given(tables)
def test_permuting_the_tasks_changes_no_rank(table: Table) -> None:
    one = board_of(made_of(table))
    other = board_of(made_of(table), tasks=["t3", "t1", "t2"])
    assert {r.team_name: r.rank for r in one.rows} == {r.team_name: r.rank for r in other.rows}


@few
@given(tables, st.sampled_from("ABCDEF"), st.sampled_from(["t1", "t2", "t3"]))
def test_a_worse_submission_changes_no_rank(table: Table, team: str, task: str) -> None:
    value = table.get(team, (None,) * 3)[int(task[1]) - 1]
    if value is None:
        return
    made = made_of(table)
    before, after = board_of(made), board_of([*made, Made(team, task, value / 2, hour=99)])
    assert sketch(before) == sketch(after)


@few
@given(tables, st.sampled_from(["t1", "t2", "t3"]))
def test_removing_a_task_equals_a_track_that_never_had_it(table: Table, gone: str) -> None:
    kept = [task for task in ("t1", "t2", "t3") if task != gone]
    made = made_of(table)
    removed = sketch(board_of(made, tasks=kept))
    never = sketch(board_of([one for one in made if one.task != gone], tasks=kept))
    assert {name: row for name, row in removed.items() if name in never} == never


@few
@given(tables)
def test_the_mean_stands_between_the_worst_and_the_best_counted_score(
    table: Table,
) -> None:
    for row in board_of(made_of(table)).rows:
        counted = [cell.counted for cell in row.cells]
        assert row.value is not None
        assert min(counted) - 1e-12 <= row.value <= max(counted) + 1e-12
