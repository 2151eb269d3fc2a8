"""`challenge attack`: what holds, what falls, and the exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from challenge.ledger.contest.climb_attack import answers_of_team, climb_gain
from challenge.methods.run.sandbox import sandbox_fault
from challenge.task.settings import read_settings
from tests.cli.shell import shell
from tests.ledger.toy import CONTEST, make_challenge

ROSTER = '[[team]]\nname = "Ada"\n'


@pytest.mark.skipif(sandbox_fault() != "", reason="no sandbox here")
def test_a_benchmark_holds(tmp_path: Path) -> None:
    make_challenge(tmp_path / "c", n=600)
    answer = shell(tmp_path / "c", "attack", "--json")
    assert answer.code == 0, answer
    assert answer.json()["held"] is True
    assert {one["target"] for one in answer.json()["attacks"]} == {"toy", "sandbox"}


def test_a_contest_without_a_roster_falls_to_throw_away_teams(tmp_path: Path) -> None:
    make_challenge(tmp_path / "c", CONTEST.format(per_day=1), n=5000)
    answer = shell(tmp_path / "c", "attack", "toy")
    assert answer.code == 1
    assert "declare a roster" in answer.out and "FELL" in answer.out


def test_a_roster_closes_that_door(tmp_path: Path) -> None:
    make_challenge(tmp_path / "c", CONTEST.format(per_day=1) + ROSTER, n=5000)
    attacks = shell(tmp_path / "c", "attack", "--json").json()["attacks"]
    climbs = {one["attack"]: one["held"] for one in attacks if "Ladder" in one["attack"]}
    assert climbs == {"Ladder, one team": True}


def test_a_task_without_public_scores_has_no_ladder_to_climb(tmp_path: Path) -> None:
    make_challenge(tmp_path / "c", CONTEST.format(per_day=5), n=400)
    attacks = shell(tmp_path / "c", "attack", "--json").json()["attacks"]
    assert not [one for one in attacks if "Ladder" in one["attack"]]
    assert all(one["fix"] for one in attacks)


def test_the_ladder_is_what_holds_one_team_back() -> None:
    held = climb_gain(1200, 150, one_team=True)
    free = climb_gain(1200, 150, one_team=False)
    assert held < 0.05 < 0.1 < free


def test_the_answers_of_a_team_are_those_that_its_limits_allow(tmp_path: Path) -> None:
    challenge = make_challenge(tmp_path / "c", CONTEST.format(per_day=5))
    settings = read_settings(challenge.root)
    limits = settings.limits.model_copy(update={"total": 7})
    assert answers_of_team(settings) > 7
    assert answers_of_team(settings.model_copy(update={"limits": limits})) == 7
    limits = settings.limits.model_copy(update={"per_day": 10**6})
    assert answers_of_team(settings.model_copy(update={"limits": limits})) == 2000
