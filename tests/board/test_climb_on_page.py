"""The rules of a contest that runs state what guessing gains in public, as simulated."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from challenge.board.pages import rules_text
from challenge.board.pages.rules_text import about_files
from challenge.board.site import read_context
from challenge.ledger.contest.climb_attack import climb_gain
from challenge.ledger.store.snapshot import Snapshot
from challenge.task.settings import RosterTeam
from tests.board.showcase import showcase


def climb_text(snapshot: Snapshot) -> str:
    """Return the text about guessing on the page of the rules; empty where there is none."""
    ((_, html),) = about_files(read_context(snapshot))
    found = re.search(r'<p id="climb">(.*?)</p>', str(html))
    return found.group(1) if found else ""


def with_settings(snapshot: Snapshot, **changes: object) -> Snapshot:
    return replace(snapshot, settings=snapshot.settings.model_copy(update=changes))


def test_the_page_states_the_simulated_gain_of_one_team_and_of_many() -> None:
    snapshot = showcase("running", n_teams=2, n_each=1)
    assert snapshot.settings.opens and snapshot.settings.closes
    days = (snapshot.settings.closes - snapshot.settings.opens).days
    step = snapshot.settings.ladder_step
    text = climb_text(with_settings(snapshot, team=[]))
    n_answers = min(2000, days * snapshot.settings.limits.per_day)
    n_teams = min(2000, days * snapshot.settings.limits.new_teams_per_day)
    assert "about 300 public rows" in text  # 30 % of 1,151 test rows
    one = climb_gain(300, n_answers, one_team=True, step=step)
    many = climb_gain(300, n_teams, one_team=False, step=step)
    assert many > one > 0
    assert f"gains {one:.2f} accuracy with {n_answers:,} answers".replace(" 0.", " .") in text
    assert f"{n_teams:,} new names gains {many:.2f} accuracy.".replace(" 0.", " .") in text


def test_a_gain_below_nothing_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules_text, "_gain", lambda *a, **k: -0.012)
    text = climb_text(with_settings(showcase("running", n_teams=2, n_each=1), team=[]))
    assert "One team gains nothing with" in text and "new names gains nothing." in text


def test_limits_change_what_the_page_states() -> None:
    snapshot = with_settings(showcase("running", n_teams=2, n_each=1), team=[])
    limits = snapshot.settings.limits.model_copy(update={"new_teams_per_day": 1, "total": 7})
    fewer = climb_text(with_settings(snapshot, limits=limits))
    assert "with 7 answers" in fewer
    assert fewer != climb_text(snapshot)
    roster = climb_text(with_settings(snapshot, team=[RosterTeam(name="Owls")]))
    assert "new names" not in roster and "One team gains" in roster


def test_nothing_is_stated_where_no_public_score_is_climbed(tmp_path: Path) -> None:
    assert climb_text(showcase("benchmark", n_teams=2, n_each=1)) == ""
    assert climb_text(showcase("closed", n_teams=2, n_each=1)) == ""
