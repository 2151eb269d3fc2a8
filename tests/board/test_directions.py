"""Metrics whose lower values are better and that have no upper bound, on every part of a board."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from challenge.board.markup import number_text, score_decimals
from challenge.board.plots.scales import late_scale
from challenge.board.plots.shares import heat_class
from challenge.board.rules.method_matrix import method_matrix
from challenge.board.rules.progress import progress_series, track_progress
from challenge.board.rules.shake_up import shake_up
from challenge.board.rules.task_board import task_board
from challenge.board.rules.track_board import track_board
from challenge.board.site import write_site
from challenge.kinds import kind_of
from challenge.ledger.store.snapshot import Snapshot
from tests.board.hand import START, Made, snapshot_of, vector_like

NAN = float("nan")
LOSS = "log_loss"


def of_error(seed: int, scale: float) -> np.ndarray:
    return vector_like(np.random.default_rng(seed), scale)


MADE = [
    Made("worst", "t1", 31.5, 1, vector=of_error(1, 0.5), interval=(30.5, 32.5)),
    Made("best", "t1", 14.0, 2, vector=of_error(2, 0.5), interval=(13.0, 15.0)),
    Made("best", "t1", 12.3, 3, vector=of_error(3, 0.5), interval=(11.3, 13.3)),
    Made("close", "t1", 12.4, 4, vector=of_error(4, 0.5), interval=(11.4, 13.4)),
    Made("undefined", "t1", NAN, 5),
    Made("best", "t1", 15.0, 6, vector=of_error(5, 0.5), interval=(14.0, 16.0)),
]


@pytest.fixture
def snapshot() -> Snapshot:
    return snapshot_of(MADE, tasks=["t1"], baseline_scores={"t1": 40.0}, metric=LOSS)


def test_the_lowest_score_leads_and_an_undefined_one_is_last(snapshot: Snapshot) -> None:
    board = task_board(snapshot, "t1", snapshot.vectors)
    assert [(row.team_name, row.rank) for row in board.rows] == [
        ("best", 1),
        ("close", 2),
        ("worst", 3),
        ("undefined", None),
    ]
    assert board.rows[0].submission == 3
    assert [row.behind for row in board.rows] == [0.0, 0.1, 19.2, None]
    assert [row.tied_first for row in board.rows] == [True, True, False, False]
    last = board.rows[2]
    assert last.behind_low is not None
    assert last.behind_high is not None
    assert 0 < last.behind_low < 19.2 < last.behind_high
    assert (last.rank_low, last.rank_high) == (3, 3)


def test_equal_scores_share_a_rank_and_the_earlier_is_first() -> None:
    made = [Made("late", "t1", 12.3, 9), Made("early", "t1", 12.3, 1), Made("next", "t1", 13.0, 2)]
    board = task_board(snapshot_of(made, tasks=["t1"], metric=LOSS), "t1", None)
    assert [(row.team_name, row.rank) for row in board.rows] == [
        ("early", 1),
        ("late", 1),
        ("next", 3),
    ]


def test_intervals_may_leave_the_unit_interval(snapshot: Snapshot) -> None:
    row = track_board(snapshot, "main", snapshot.vectors).rows[0]
    assert (row.value, row.low, row.high, row.wins) == (12.3, 11.3, 13.3, 1)


def test_a_mean_of_losses_has_its_interval_on_the_logarithm() -> None:
    made = [Made("a", task, 12.3, vector=of_error(3, 0.5)) for task in ("t1", "t2")]
    two = snapshot_of(made, tasks=["t1", "t2"], metric=LOSS)
    row = track_board(two, "main", two.vectors).rows[0]
    assert row.low is not None and row.high is not None
    assert row.low * row.high == pytest.approx(12.3**2)
    assert row.high == pytest.approx(12.3 + 1 / 2**0.5, abs=0.1)


def test_the_matrix_finds_the_lowest_best_and_normalises_towards_it(snapshot: Snapshot) -> None:
    matrix = method_matrix(snapshot)
    assert matrix.bests == (12.3,)
    assert [row.team_name for row in matrix.rows] == ["best", "close", "worst", "undefined"]
    assert matrix.rows[0].cells[0].best
    assert matrix.rows[0].normalised == pytest.approx(1.0)
    assert matrix.rows[2].normalised == pytest.approx((40 - 31.5) / (40 - 12.3))
    swap = matrix.swap[2]
    assert (swap.team_name, swap.better, swap.worse) == ("worst", ("t1",), ())
    assert swap.change == pytest.approx(19.2)
    assert matrix.swap[0].better == ()


def test_the_best_so_far_falls(snapshot: Snapshot) -> None:
    found = progress_series(snapshot, "t1")
    hours = [((at - START) / timedelta(hours=1), value) for at, value in found.overall.points]
    assert hours == [(1, 31.5), (2, 14.0), (3, 12.3)]
    assert [series.team_name for series in found.teams] == ["best", "close", "worst"]
    assert track_progress(snapshot, "main").overall.points == found.overall.points


def test_the_shake_up_reports_how_much_better_the_public_score_was() -> None:
    final = [Made("a", "t1", 12.0, 1), Made("b", "t1", 11.0, 2), Made("c", "t1", 14.0, 3)]
    public = [Made("a", "t1", 10.0, 1), Made("b", "t1", 11.5, 2), Made("c", "t1", 15.0, 3)]
    closed = snapshot_of(final, tasks=["t1"], subset="private", public=public, metric=LOSS)
    found = shake_up(closed, "t1")
    assert found is not None
    assert [(move.team_name, move.change, move.gap) for move in found.moves] == [
        ("b", 1, -0.5),
        ("a", -1, 2.0),
        ("c", 0, -1.0),
    ]


def test_figures_of_any_size_are_shown_whole() -> None:
    metric = kind_of("classification").metric(LOSS)
    shown = [
        number_text(value, score_decimals(metric, [value]))
        for value in (12.3, 0.5, 12345.6, 0.0012)
    ]
    assert shown == ["12.3", ".500", "12,346", ".00120"]


def test_the_axis_is_cut_where_scores_are_bad_and_colours_run_to_the_lowest() -> None:
    metric = kind_of("classification").metric(LOSS)
    scale = late_scale(metric, [12.0, 12.5, 13.0, 900.0], [11.0, 950.0], 4, 0.05)
    assert scale.low < 11.0
    assert 13.0 < scale.high < 20.0
    assert heat_class(12.0, 40.0, 12.0) == "h8"
    assert heat_class(40.0, 40.0, 12.0) == "h0"
    assert heat_class(90.0, 40.0, 12.0) == "h0"
    assert heat_class(14.0, 40.0, 12.0) > heat_class(20.0, 40.0, 12.0)


@pytest.fixture
def site(tmp_path: Path, snapshot: Snapshot) -> Path:
    card = snapshot.cards["t1"]
    facts = {
        "description": "",
        "columns": [],
        "classes": [],
        "n_train": 10,
        "n_test": 10,
        "sources": [],
    }
    quantiles = {"label_quantiles": [[0.0, -2.5], [0.5, 12.25], [1.0, 1234.0]]}
    card = replace(card, task={**card.task, **facts}, card=quantiles)
    write_site(replace(snapshot, cards={"t1": card}), tmp_path)
    return tmp_path


def test_pages_and_exports_say_the_same_figures(site: Path) -> None:
    page = (site / "task" / "t1" / "index.html").read_text("utf-8")
    assert "<b>12.3</b><small>[11.3, 13.3]</small>" in page
    assert 'data-v="12.3"' in page
    first = dict(re.findall(r'data-col="(\w+)"( data-low-first)?', page))
    assert first["score"] == first["rank"] == " data-low-first"
    assert not first["entries"]
    rows = json.loads((site / "task" / "t1" / "board.json").read_text("utf-8"))["rows"]
    assert [row["value"] for row in rows] == [12.3, 12.4, 31.5, None]
    with (site / "task" / "t1" / "board.csv").open(encoding="utf-8") as file:
        assert [row["value"] for row in csv.DictReader(file)] == ["12.3", "12.4", "31.5", ""]
    assert "12.3" in (site / "index.html").read_text("utf-8")
    assert "Lower is better." in page
    assert "Standings by log loss (lower is better)" in page


def test_a_task_of_numbers_shows_quantiles_and_no_classes(site: Path) -> None:
    page = (site / "task" / "t1" / "index.html").read_text("utf-8")
    assert "12.25" in page
    assert "1,234" in page
    assert 'class="bars"' not in page
    assert not (site / "task" / "t1" / "classes.csv").exists()


def test_a_submission_shows_its_score_without_a_plot_of_shares(site: Path) -> None:
    page = (site / "submission" / "3.html").read_text("utf-8")
    assert "<b>12.3</b>" in page
    assert '<svg class="interval"' not in page
    assert '<svg class="axis"' not in page


def test_a_team_page_draws_its_falling_scores(site: Path) -> None:
    page = (site / "team" / "best" / "index.html").read_text("utf-8")
    assert "Best at the end: Task t1 at 12.3." in page
    assert page.count("on the board</span>") == 1
