"""Boards of a real ledger: the columns that it writes are the columns that the rules read."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

from challenge.board.rules.progress import track_progress
from challenge.board.rules.shake_up import shake_up
from challenge.board.rules.task_board import task_board
from challenge.board.rules.track_board import track_board
from challenge.ledger import Ledger, close, open_ledger, read_snapshot, select, submit, withdraw
from challenge.ledger.store import rows as reading
from tests.ledger.toy import CONTEST, make_challenge, subsets_of, truth_of, write_hits, write_labels


def test_withdrawing_the_best_brings_the_one_before_back(tmp_path: Path) -> None:
    ledger = open_ledger(make_challenge(tmp_path / "c", n=100))
    task = ledger.challenge.task("toy")
    ids = [
        submit(
            ledger,
            task,
            write_hits(task, tmp_path / "x.csv", hits),
            team="A",
            method=f"{hits} hits",
        ).submission.id
        for hits in (70, 90, 80)
    ]
    before = read_snapshot(ledger)
    (row,) = task_board(before, "toy", before.vectors).rows
    assert (row.value, row.submission, row.method, row.n_submissions) == (0.9, ids[1], "90 hits", 3)
    withdraw(ledger, ids[1])
    after = read_snapshot(ledger)
    (row,) = task_board(after, "toy", after.vectors).rows
    assert (row.value, row.submission, row.n_submissions) == (0.8, ids[2], 2)


def test_the_same_predictions_tie_exactly_and_a_plainly_worse_team_is_shut_out(
    tmp_path: Path,
) -> None:
    ledger = open_ledger(make_challenge(tmp_path / "c", n=200))
    task = ledger.challenge.task("toy")
    truth = truth_of(task)
    wrong = {"bird": "cat", "cat": "dog", "dog": "bird"}
    for team, n_wrong in (("A", 20), ("Copy", 20), ("Close", 24), ("Worse", 90)):
        labels = [wrong[label] if i < n_wrong else label for i, label in enumerate(truth)]
        submit(ledger, task, write_labels(task, tmp_path / "x.csv", labels), team=team, method="m")
    snapshot = read_snapshot(ledger)
    board = task_board(snapshot, "toy", snapshot.vectors)
    assert [(row.rank, row.team_name) for row in board.rows] == [
        (1, "A"),
        (1, "Copy"),
        (3, "Close"),
        (4, "Worse"),
    ]
    # Close has 4 rows more wrong and none more right: McNemar's p is .125.
    assert [row.tied_first for row in board.rows] == [True, True, True, False]
    assert (board.n, board.n_clusters) == (200, 200)
    copy = board.rows[1]
    assert (copy.behind_low, copy.behind_high) == (0.0, 0.0)
    first = board.rows[0]
    assert first.low is not None and first.value is not None and first.low < first.value


def test_methods_read_in_one_pass_are_those_read_by_their_ids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = open_ledger(make_challenge(tmp_path / "c", n=100))
    task = ledger.challenge.task("toy")
    for hits in (60, 70, 80, 90):
        path = write_hits(task, tmp_path / "x.csv", hits)
        submit(ledger, task, path, team="A", method=f"{hits} hits")
    snapshot = read_snapshot(ledger)
    expected = {2: "70 hits", 4: "90 hits"}
    assert snapshot.methods([4, 2, 99]) == expected
    monkeypatch.setattr(reading, "_MANY", 1)
    assert snapshot.methods([4, 2, 99]) == expected


@pytest.fixture
def contest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """Two teams of two submissions each; A leads in public, B in private."""
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:00Z")
    ledger = open_ledger(make_challenge(tmp_path / "c", CONTEST.format(per_day=5), n=1600))
    task = ledger.challenge.task("toy")
    truth, subsets = truth_of(task), np.array(subsets_of(task))
    wrong = {"bird": "cat", "cat": "dog", "dog": "bird"}
    shares = [("A", 0.8, 0.6), ("A", 0.9, 0.5), ("B", 0.5, 0.7), ("B", 0.6, 0.8)]
    for team, public, private in shares:
        right = np.zeros(len(truth), dtype=bool)
        for subset, share in (("public", public), ("private", private)):
            rows = np.flatnonzero(subsets == subset)
            right[rows[: round(share * len(rows))]] = True
        labels = [label if fine else wrong[label] for label, fine in zip(truth, right, strict=True)]
        path = write_labels(task, tmp_path / "x.csv", labels)
        submit(ledger, task, path, team=team, method="m")
    return ledger


def test_the_close_turns_public_ranks_into_final_ones(
    contest: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = read_snapshot(contest)
    public = track_board(running, "classes", running.vectors)
    assert public.subset == "public"
    assert [(row.rank, row.team_name) for row in public.rows] == [(1, "A"), (2, "B")]
    assert [row.public_rank for row in public.rows] == [None, None]
    of_task = {row.team: row for row in task_board(running, "toy", running.vectors).rows}
    for row in public.rows:
        same = of_task[row.team]
        assert (row.value, row.low, row.high) == (same.value, same.low, same.high)
    step = running.steps["toy"]
    figures = [
        end
        for row in public.rows
        for end in (row.value, row.low, row.high, row.behind_low, row.behind_high)
        if end is not None
    ]
    assert len(figures) == 8
    assert all(abs(end / step - round(end / step)) < 0.5e-3 / step + 1e-9 for end in figures)
    assert shake_up(running, "classes") is None

    for submission in (1, 2):
        select(contest, submission)
    monkeypatch.setenv("CHALLENGE_NOW", datetime(2026, 2, 2, tzinfo=timezone.utc).isoformat())
    close(contest)
    closed = read_snapshot(contest)
    final = track_board(closed, "classes", closed.vectors)
    assert final.subset == "private"
    assert [(row.rank, row.team_name, row.public_rank) for row in final.rows] == [
        (1, "B", 2),
        (2, "A", 1),
    ]
    # A selected both of its submissions: the better private score counts.
    assert [row.value for row in final.rows] == pytest.approx([0.8, 0.6], abs=1e-3)
    assert [row.tied_first for row in final.rows] == [True, False]
    moves = shake_up(closed, "classes")
    assert moves is not None
    assert [(m.team_name, m.change) for m in moves.moves] == [("B", 1), ("A", -1)]
    assert track_progress(closed, "classes").subset == "public"
