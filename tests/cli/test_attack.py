"""`challenge attack`: what holds, what falls, what is stored, and the exit code."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from challenge.attack import ATTACK_KINDS, run_attacks
from challenge.ledger.contest.attack_record import AttackRecord, write_record
from challenge.ledger.contest.climb_attack import answers_of_team, climb_gain
from challenge.ledger.store.clock import read_time
from challenge.task import Challenge
from challenge.task.settings import read_settings
from tests.cli.shell import Answer, shell
from tests.ledger.toy import CONTEST, make_challenge, make_task

ROSTER = '[[team]]\nname = "Ada"\n'
BEFORE = "2025-12-01T00:00:00Z"


def attacked(root: Path, *arguments: str, code: int = 0) -> Answer:
    answer = shell(root, "attack", *arguments, now=BEFORE)
    assert answer.code == code, answer
    return answer


def climbs_of(root: Path, code: int = 0) -> dict[str, str]:
    attacks = attacked(root, "--json", "--only", "ladder", code=code).json()["attacks"]
    assert all(one["fix"] for one in attacks)
    return {one["attack"]: one["state"] for one in attacks}


def test_a_contest_without_a_roster_falls_to_throw_away_teams(tmp_path: Path) -> None:
    make_challenge(tmp_path / "c", CONTEST.format(per_day=1), n=1000)
    answer = attacked(tmp_path / "c", "toy", "--only", "ladder", code=1)
    assert "declare a roster" in answer.out and "FELL" in answer.out


def test_a_roster_closes_that_door(tmp_path: Path) -> None:
    make_challenge(tmp_path / "c", CONTEST.format(per_day=1) + ROSTER, n=1000)
    assert climbs_of(tmp_path / "c") == {"Ladder, one team": "held"}


def test_a_ladder_without_steps_falls_to_one_team(tmp_path: Path) -> None:
    toml = CONTEST.format(per_day=40) + ROSTER
    toml = toml.replace("[limits]", "ladder_step = 0.0001\n[limits]", 1)
    make_challenge(tmp_path / "c", toml, n=700)
    assert climbs_of(tmp_path / "c", code=1) == {"Ladder, one team": "fell"}


def test_a_task_without_public_scores_has_no_ladder_to_climb(tmp_path: Path) -> None:
    make_challenge(tmp_path / "c", CONTEST.format(per_day=5), n=400)
    assert climbs_of(tmp_path / "c") == {}


def test_the_ladder_is_what_holds_one_team_back() -> None:
    held = climb_gain(1200, 150, one_team=True)
    free = climb_gain(1200, 150, one_team=False)
    assert held < 0.05 < 0.1 < free


def test_an_unknown_kind_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    make_challenge(tmp_path / "c")
    answer = attacked(tmp_path / "c", "--only", "leak", code=2)
    assert "guesses, ladder, leaks, files, methods" in answer.err


def content_of(challenge: Challenge) -> dict[str, bytes]:
    return {
        str(path.relative_to(challenge.root)): path.read_bytes()
        for path in challenge.root.rglob("*")
        if path.is_file() and "cache" not in path.parts and not path.name.startswith("prepared-")
    }


@pytest.mark.slow
def test_a_whole_attack_is_stored_and_changes_nothing_else(tmp_path: Path) -> None:
    toml = CONTEST.format(per_day=1) + ROSTER
    challenge = make_challenge(tmp_path / "c", toml, n=1000)
    page = tmp_path / "attack.html"
    before = content_of(challenge)
    answer = attacked(challenge.root, "--html", str(page), "--json")
    stored = json.loads((challenge.submissions / "attack.json").read_bytes())
    assert stored["attacks"] == answer.json()["attacks"]
    assert {one["kind"] for one in stored["attacks"]} >= set(ATTACK_KINDS) - {"leaks"}
    left = content_of(challenge)
    left.pop("submissions/attack.json")
    assert left == before
    text = page.read_text()
    assert all(one["attack"] in text for one in stored["attacks"])


def test_the_home_page_and_commands_show_the_state_until_the_contest_opens(tmp_path: Path) -> None:
    challenge = make_challenge(tmp_path / "c", CONTEST.format(per_day=1) + ROSTER, n=700)

    def line(now: str = BEFORE) -> str:
        answer = shell(challenge.root, "leaderboard", now=now)
        assert answer.code == 0, answer
        for command in (["tasks"], ["show", "toy"]):
            other = shell(challenge.root, *command, now=now)
            assert other.code == 0, other
            assert ("attack" in other.err) == ("attack" in answer.err)
        home = (challenge.leaderboard / "index.html").read_text()
        assert ("Before the opening" in home) == ("attack" in answer.err)
        found = re.search("note: (attack.*)", answer.err)
        return found[1] if found else ""

    assert line().startswith("attack not run")
    attacked(challenge.root, "--only", "ladder")
    assert line().startswith("attack not run"), "a part is not stored"
    settings = read_settings(challenge.root)
    held = [*run_attacks(challenge, settings, ["toy"], ["ladder"], progress=lambda text: None)]
    for attack, expected in (
        (held[0], ""),
        (replace(held[0], gain=0.2), "fell: Ladder, one team (toy)"),
        (replace(held[0], tried=0), "held; not tried: Ladder, one team (toy)"),
    ):
        at = read_time(BEFORE, "now")
        write_record(challenge, AttackRecord.of(challenge, settings, [attack], at, 1.0))
        assert line().endswith(expected) and bool(expected) == bool(line())
    toml = challenge.root / "challenge.toml"
    toml.write_text(toml.read_text().replace("per_day = 1", "per_day = 2"))
    assert line().startswith("attack stale"), "other limits"
    toml.write_text(toml.read_text().replace("per_day = 2", "per_day = 1"))
    assert "stale" not in line()
    make_task(challenge, "toy", n=700, seed=5, solution="r")
    assert line().startswith("attack stale"), "another solution"
    assert line("2026-01-02T00:00:00Z") == ""
    (challenge.submissions / "attack.json").write_text("[" * 100_000)
    assert line().startswith("attack not run")
    shutil.rmtree(challenge.datasets / "toy" / "private")
    assert shell(challenge.root, "tasks", now=BEFORE).err == "", "a participant"


def test_the_answers_of_a_team_are_those_that_its_limits_allow(tmp_path: Path) -> None:
    challenge = make_challenge(tmp_path / "c", CONTEST.format(per_day=5))
    settings = read_settings(challenge.root)
    limits = settings.limits.model_copy(update={"total": 7})
    assert answers_of_team(settings) > 7
    assert answers_of_team(settings.model_copy(update={"limits": limits})) == 7
    limits = settings.limits.model_copy(update={"per_day": 10**6})
    assert answers_of_team(settings.model_copy(update={"limits": limits})) == 2000
