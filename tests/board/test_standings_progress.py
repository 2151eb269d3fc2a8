"""Score over time as steps, and the method × task matrix."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from challenge.board.rules.method_matrix import method_matrix
from challenge.board.rules.progress import progress_series, track_progress
from challenge.board.rules.task_board import task_board
from challenge.board.rules.track_board import track_board
from tests.board.hand import START, Made, snapshot_of

NAN = float("nan")
BASELINE_SCORES = {"t1": 0.2, "t2": 0.4, "t3": 0.0}


def hours(series: tuple[tuple[object, float], ...]) -> list[tuple[float, float]]:
    return [((at - START) / timedelta(hours=1), value) for at, value in series]  # type: ignore[operator]


def test_a_line_moves_only_when_the_best_so_far_is_beaten() -> None:
    snapshot = snapshot_of(
        [
            Made("A", "t1", 0.5, hour=1),
            Made("A", "t1", 0.4, hour=2),
            Made("B", "t1", 0.6, hour=3),
            Made("A", "t1", NAN, hour=4),
            Made("A", "t1", 0.6, hour=5),
        ]
    )
    found = progress_series(snapshot, "t1")
    assert hours(found.overall.points) == [(1, 0.5), (3, 0.6)]
    assert [series.team_name for series in found.teams] == ["B", "A"]
    assert hours(found.teams[1].points) == [(1, 0.5), (5, 0.6)]
    json.dumps(found.as_json(), allow_nan=False)


def test_who_reaches_the_score_of_the_leader_draws_level_and_who_beats_both_leads() -> None:
    made = [
        Made("A", "t1", 0.1, hour=1),
        Made("A", "t2", 0.2, hour=2),
        Made("A", "t3", 0.3, hour=3),
        Made("B", "t1", 0.3, hour=4),
        # The mean of these three differs from that of A by rounding only.
        Made("B", "t2", 0.2, hour=5),
        Made("B", "t3", 0.1, hour=6),
        Made("A", "t1", 0.4, hour=7),
        Made("A", "t1", 0.5, hour=8),
    ]
    found = track_progress(snapshot_of(made, baseline_scores={"t1": 0, "t2": 0, "t3": 0}), "main")
    assert [
        (one.team_name, one.level, hour)
        for one, (hour, _) in zip(
            found.leaders,
            hours(tuple((one.at, one.value) for one in found.leaders)),
            strict=True,
        )
    ] == [("A", False, 1), ("B", True, 6), ("A", False, 7)]


def test_ids_do_not_decide_what_came_first() -> None:
    snapshot = snapshot_of([Made("A", "t1", 0.6, hour=9), Made("A", "t1", 0.5, hour=1)])
    assert hours(progress_series(snapshot, "t1").overall.points) == [(1, 0.5), (9, 0.6)]


def test_a_track_begins_with_the_floors_and_ends_with_the_board() -> None:
    made = [
        Made("A", "t1", 0.8, hour=1),
        Made("A", "t2", 0.6, hour=2),
        Made("B", "t1", 0.1, hour=3),
        Made("A", "t3", 0.4, hour=4),
    ]
    snapshot = snapshot_of(made, baseline_scores=BASELINE_SCORES)
    found = track_progress(snapshot, "main")
    # A: (.8 + .4 + 0)/3, (.8 + .6 + 0)/3, (.8 + .6 + .4)/3; B: (.1 + .4 + 0)/3, below the floor.
    assert [value for _, value in found.teams[0].points] == pytest.approx([0.4, 1.4 / 3, 0.6])
    assert [value for _, value in found.teams[1].points] == pytest.approx([0.5 / 3])
    board = track_board(snapshot, "main", None)
    assert [series.points[-1][1] for series in found.teams] == pytest.approx(
        [row.value for row in board.rows]
    )


def test_after_the_close_the_story_is_of_the_public_subset() -> None:
    snapshot = snapshot_of(
        [Made("A", "t1", 0.7)], public=[Made("A", "t1", 0.9, hour=2)], subset="private"
    )
    found = progress_series(snapshot, "t1")
    assert found.subset == "public"
    assert hours(found.overall.points) == [(2, 0.9)]


def test_only_the_best_teams_have_a_line_of_their_own() -> None:
    snapshot = snapshot_of([Made(f"team {i}", "t1", i / 10) for i in range(10)])
    found = progress_series(snapshot, "t1", n_teams=2)
    assert [series.team_name for series in found.teams] == ["team 9", "team 8"]


def test_a_matrix_row_is_a_team_and_a_method() -> None:
    # Scales, floor to best: t1 .2 to .8, t2 .4 to .6.
    #   A gbm   .8  .6   (1 + 1)/2 = 1
    #   A knn   .5  -    (.5 + 0)/2 = .25
    #   B gbm   -   .5   (0 + .5)/2 = .25
    made = [
        Made("A", "t1", 0.8, method="gbm"),
        Made("A", "t1", 0.7, method="gbm"),
        Made("A", "t1", 0.5, method="knn"),
        Made("B", "t2", 0.5, method="gbm"),
        Made("A", "t2", 0.6, method="gbm"),
    ]
    found = method_matrix(snapshot_of(made, tasks=["t1", "t2"], baseline_scores=BASELINE_SCORES))
    assert [(row.team_name, row.method, row.values) for row in found.rows] == [
        ("A", "gbm", (0.8, 0.6)),
        ("A", "knn", (0.5, None)),
        ("B", "gbm", (None, 0.5)),
    ]
    assert [row.normalised for row in found.rows] == pytest.approx([1, 0.25, 0.25])
    assert found.rows[0].submissions == (1, 5)
    assert found.bests == (0.8, 0.6)
    json.dumps(found.as_json(), allow_nan=False)
    assert {len(row) for row in found.csv_rows()} == {len(found.csv_header())}


def test_of_equal_values_the_earlier_submission_stands_in_the_matrix() -> None:
    made = [Made("A", "t1", value, method="gbm") for value in (0.5, 0.7, 0.7)]
    (row,) = method_matrix(snapshot_of(made)).rows
    assert (row.values[0], row.submissions[0]) == (0.7, 2)


def test_a_long_matrix_shows_its_top_and_says_how_long_it_is() -> None:
    found = method_matrix(snapshot_of([Made(f"t {i}", "t1", i / 10) for i in range(9)]), n_rows=3)
    assert (len(found.rows), found.n_rows) == (3, 9)
    assert found.rows[0].team_name == "t 8"


def test_an_empty_ledger_gives_empty_boards() -> None:
    snapshot = snapshot_of([])
    assert task_board(snapshot, "t1", snapshot.vectors).rows == ()
    assert track_board(snapshot, "main", snapshot.vectors).rows == ()
    assert progress_series(snapshot, "t1").teams == ()
    assert track_progress(snapshot, "main").overall.points == ()
    assert method_matrix(snapshot).rows == ()
