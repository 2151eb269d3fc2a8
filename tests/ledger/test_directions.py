"""Metrics whose lower values are better, and metrics without bounds."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from challenge.kinds import Metric
from challenge.ledger import close, history, open_ledger, read_snapshot, rehearse, submit
from challenge.ledger.contest.finals import choose_finals
from challenge.ledger.store import schema
from challenge.ledger.store.versions import current_scoring_versions
from challenge.ledger.submissions.best import best_positions, ranks_of
from challenge.ledger.submissions.ladder import Release, climb, metric_step, round_to_step
from challenge.ledger.submissions.score_rows import public_reference
from tests.ledger.toy import make_challenge, write_hits

RMSE = Metric("rmse", "RMSE", float, higher_is_better=False, bounds=(0.0, math.inf), primary=True)
R2 = Metric("r2", "R squared", float, bounds=(-math.inf, 1.0), primary=True)

CONTEST = """
format = 1
title = "Toy contest"
reveal = "contest"
opens = 2026-01-01T00:00:00Z
closes = 2026-02-01T00:00:00Z
finals = 1
"""


def test_the_ladder_climbs_down_where_lower_is_better() -> None:
    assert climb(RMSE, None, 12.34, 0.5) == Release(True, 12.5)
    assert climb(RMSE, 12.5, 12.1, 0.5) == Release(False, 12.5)
    assert climb(RMSE, 12.5, 13.5, 0.5) == Release(False, 12.5)
    assert climb(RMSE, 12.5, 11.9, 0.5) == Release(True, 12.0)
    assert climb(RMSE, 12.5, None, 0.5) == Release(False, 12.5)
    assert climb(R2, -3.0, -2.4, 0.5) == Release(True, -2.5)


def test_rounding_keeps_what_has_no_bounds() -> None:
    assert round_to_step(-7.3, 0.5) == -7.5
    assert round_to_step(1234.567, 0.02) == 1234.56
    assert round_to_step(0.00123, 0.0002) == 0.0012
    assert round_to_step(0.99, 0.27) == 1.0  # not 1.08
    assert round_to_step(math.inf, 0.5) == math.inf


def test_the_step_is_a_share_of_the_baseline_score_where_there_is_no_scale() -> None:
    assert metric_step(RMSE, 20_000, 200.0) == 1.0
    assert metric_step(RMSE, 20_000, 201.0) == metric_step(RMSE, 20_000, 400.0) == 2.0
    assert metric_step(R2, 20_000, -0.01) == 0.005
    assert metric_step(RMSE, 20_000, None) == 0.005


@pytest.mark.parametrize(("metric", "best"), [(RMSE, [1, 5]), (R2, [0, 5])])
def test_undefined_scores_come_last_in_both_directions(metric: Metric, best: list[int]) -> None:
    values = np.array([0.9, 0.2, 0.2, np.nan, np.nan, np.nan])
    merit = np.array([metric.merit(value) for value in values])
    submission = np.array([4, 5, 9, 1, 8, 2])
    team = np.array([1, 1, 1, 1, 2, 2])
    assert best_positions(merit, submission, team).tolist() == best


def test_ranks_are_by_merit_and_equal_scores_share_one() -> None:
    values = {1: 3.0, 2: 1.5, 3: 9.0, 4: 1.5}
    assert ranks_of({team: RMSE.merit(value) for team, value in values.items()}) == {
        1: 3,
        2: 1,
        3: 4,
        4: 1,
    }


def test_finals_history_and_rehearsal_follow_the_direction_of_the_metric(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-10T12:00:00Z")
    challenge = make_challenge(tmp_path / "c", CONTEST, n=1200)
    ledger, task = open_ledger(challenge), challenge.task("toy")

    def hand_in(hits: int, team: str) -> int:
        path = write_hits(task, tmp_path / "x.csv", hits, subset="public", salt=hits)
        return submit(ledger, task, path, team=team, method="m").submission.id

    low, high = hand_in(200, "Ada"), hand_in(400, "Ada")
    other = hand_in(300, "Bob")
    with ledger.store.reading() as connection:
        assert choose_finals(connection, ledger.settings)[1, "toy"] == (high,)
    # From here on the same figures are those of a metric whose lower values are better.
    with ledger.store.writing() as connection:
        card = {**json.loads((task.public / "task.json").read_text()), "metric": "log_loss"}
        connection.execute(schema.cards.update().values(task_json=json.dumps(card)))
    states = {row.submission.id: row.state for row in history(ledger)}
    assert states == {low: "on the board", high: "counted", other: "on the board"}
    with ledger.store.reading() as connection:
        version = current_scoring_versions(connection)["toy"]
        assert public_reference(connection, 1, version) == (0.35, 2)
        assert choose_finals(connection, ledger.settings)[1, "toy"] == (low,)
    assert rehearse(ledger, seed=1).snapshot.finals == {(1, "toy"): (low,), (2, "toy"): (other,)}
    assert read_snapshot(ledger).closed_at is None
    monkeypatch.setenv("CHALLENGE_NOW", "2026-02-01T00:00:00Z")
    close(ledger)
    assert read_snapshot(ledger).finals == {(1, "toy"): (low,), (2, "toy"): (other,)}
