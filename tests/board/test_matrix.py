"""The method × task matrix: marks, intervals, costs, failed cells, and the other team's method."""

from __future__ import annotations

import json

import numpy as np
import pytest

from challenge.board.rules.method_matrix import method_matrix
from challenge.board.rules.swap import swaps_of
from challenge.kinds.statistics.vector import Vector
from tests.board.hand import Made, snapshot_of, vector_like

BASELINE_SCORES = {"t1": 0.2, "t2": 0.4}


def of_error(seed: int, spread: float = 0.01) -> np.ndarray:
    return vector_like(np.random.default_rng(seed), spread)


def test_what_cannot_be_told_from_the_best_is_tied() -> None:
    # Noise of .01 each and independent: .80 and .79 cannot be told apart, .80 and .60 can. The
    # vector of C is that of A: their difference has no noise, and .01 is a difference.
    made = [
        Made("A", "t1", 0.80, method="a", vector=of_error(1)),
        Made("B", "t1", 0.79, method="b", vector=of_error(2)),
        Made("C", "t1", 0.79, method="c", vector=of_error(1)),
        Made("D", "t1", 0.60, method="d", vector=of_error(3)),
    ]
    rows = method_matrix(snapshot_of(made, tasks=["t1"], baseline_scores=BASELINE_SCORES)).rows
    marks = {row.team_name: (row.n_best, row.n_tied) for row in rows}
    assert marks == {"A": (1, 1), "B": (0, 1), "C": (0, 0), "D": (0, 0)}


def test_a_cell_tells_what_its_run_cost_and_a_row_the_sum() -> None:
    cost = {"seconds": 12.5, "peak_mb": 300}
    made = [
        Made("A", "t1", 0.5, method="a", details=cost),
        Made("A", "t1", 0.7, method="a", details={**cost, "seconds": 20}),
        Made("A", "t2", 0.7, method="a", details={"seconds": "soon", "peak_mb": True}),
    ]
    (row,) = method_matrix(
        snapshot_of(made, tasks=["t1", "t2"], baseline_scores=BASELINE_SCORES)
    ).rows
    assert [(cell.seconds, cell.peak_mb) for cell in row.cells] == [(20, 300), (None, None)]
    assert row.seconds == 20


def test_a_row_of_a_team_has_its_best_submission_of_each_task_whatever_the_method() -> None:
    made = [
        Made("A", "t1", 0.5, method="a"),
        Made("A", "t1", 0.7, method="b"),
        Made("A", "t2", 0.9, method="a"),
        Made("B", "t1", 0.6, method="c"),
    ]
    failed = {("B", "c", "t2"): "method-time"}
    snapshot = snapshot_of(made, tasks=["t1", "t2"], baseline_scores=BASELINE_SCORES, failed=failed)
    matrix = method_matrix(snapshot, by_team=True)
    a, b = matrix.rows
    assert [(cell.value, cell.method) for cell in a.cells] == [(0.7, "b"), (0.9, "a")]
    assert (a.method, b.method) == ("", "c")
    assert [cell.state for cell in b.cells] == ["scored", "failed"]
    assert (matrix.n_rows, matrix.swap) == (2, ())
    assert {len(row) for row in matrix.csv_rows()} == {len(matrix.csv_header())}


def test_the_matrix_of_a_track_is_ordered_by_its_tasks_alone() -> None:
    # On t1 B is first; over both tasks A is. C was never run on t1.
    made = [
        Made("A", "t1", 0.6, method="a"),
        Made("A", "t2", 0.9, method="a"),
        Made("B", "t1", 0.7, method="b"),
        Made("C", "t2", 0.8, method="c"),
    ]
    whole = method_matrix(
        snapshot_of(made, tasks=["t1", "t2"], baseline_scores=BASELINE_SCORES), by_team=True
    )
    assert whole.rows[0].team_name == "A"
    one = whole.of_tasks(["t1"])
    assert (one.tasks, one.bests, one.n_rows) == (("t1",), (0.7,), 2)
    assert [row.team_name for row in one.rows] == ["B", "A"]
    assert [row.normalised for row in one.rows] == pytest.approx([1.0, (0.6 - 0.2) / (0.7 - 0.2)])
    assert whole.of_tasks(["t1", "t2"]) == whole


def test_failed_and_untried_cells_are_told_apart_and_a_later_success_counts() -> None:
    made = [
        Made("A", "t1", 0.5, method="a"),
        Made("B", "t1", 0.6, method="b"),
        Made("B", "t2", float("nan"), method="b"),
    ]
    failed = {
        ("A", "a", "t2"): "method-time",
        ("B", "b", "t1"): "method-raised",
        ("B", "only failed", "t2"): "method-crashed",
    }
    snapshot = snapshot_of(
        made, tasks=["t1", "t2", "t3"], baseline_scores=BASELINE_SCORES, failed=failed
    )
    matrix = method_matrix(snapshot)
    states = {row.method: [cell.state for cell in row.cells] for row in matrix.rows}
    assert states == {
        "a": ["scored", "failed", "not run"],
        "b": ["scored", "no score", "not run"],
        "only failed": ["not run", "failed", "not run"],
    }
    assert [row.cells[1].fault for row in matrix.rows if row.team_name == "A"] == ["method-time"]
    json.dumps(matrix.as_json(), allow_nan=False)
    assert {len(row) for row in matrix.csv_rows()} == {len(matrix.csv_header())}


def test_the_other_teams_method_is_judged_on_the_tasks_that_both_ran() -> None:
    # A against B, other minus own: t1 .3 (told apart), t2 .001 (not), t3 only A; mean .1505.
    made = [
        Made("A", "t1", 0.5, method="a", vector=of_error(1)),
        Made("A", "t2", 0.6, method="a", vector=of_error(2)),
        Made("A", "t3", 0.1, method="a", vector=of_error(3)),
        Made("B", "t1", 0.8, method="b", vector=of_error(4)),
        Made("B", "t2", 0.601, method="b", vector=of_error(5)),
        Made("B", "t1", 0.3, method="worse", vector=of_error(6)),
    ]
    ours, theirs = sorted(method_matrix(snapshot_of(made)).swap, key=lambda one: one.team_name)
    assert (ours.team_name, ours.method, ours.other_method) == ("A", "a", "b")
    assert (ours.better, ours.worse, ours.alike) == (("t1",), (), ("t2",))
    assert ours.change == pytest.approx((0.3 + 0.001) / 2)
    assert (theirs.better, theirs.worse, theirs.alike) == ((), ("t1",), ("t2",))
    assert theirs.change == pytest.approx(-(0.3 + 0.001) / 2)


def test_one_team_alone_has_nobody_to_learn_from() -> None:
    assert method_matrix(snapshot_of([Made("A", "t1", 0.5)])).swap == ()


def test_without_vectors_nothing_is_told_apart() -> None:
    values, vectors = np.array([[0.1], [0.9]]), [Vector(np.full((2, 1), np.nan), np.zeros((2, 0)))]
    (one, _) = swaps_of([(1, "A", "a"), (2, "B", "b")], values, vectors, ["t1"], [0.0])
    assert (one.better, one.alike) == ((), ("t1",))
