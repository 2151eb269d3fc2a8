"""A challenge.toml that is edited while its contest runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from challenge.errors import TaskError
from challenge.ledger import (
    Ledger,
    history,
    open_ledger,
    refresh,
    rescore,
    select,
    submit,
    withdraw,
)
from challenge.task import Challenge
from tests.ledger.toy import CONTEST, make_challenge, make_task, write_hits

NOW = "2026-01-05T12:00:00Z"
LATER = "2026-01-09T00:00:00Z"


@pytest.fixture
def challenge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Challenge:
    monkeypatch.setenv("CHALLENGE_NOW", NOW)
    challenge = make_challenge(tmp_path / "c", CONTEST.format(per_day=5), n=800)
    task = challenge.task("toy")
    for hits in (200, 240):
        path = write_hits(task, tmp_path / "x.csv", hits, subset="public")
        submit(open_ledger(challenge), task, path, team="Ada", method="m")
    return challenge


def edited(challenge: Challenge, old: str, new: str) -> Ledger:
    toml = challenge.root / "challenge.toml"
    text = toml.read_text()
    assert old in text
    toml.write_text(text.replace(old, new))
    return open_ledger(challenge)


def test_an_open_contest_is_not_opened_later_to_change_what_stands_still(
    challenge: Challenge,
) -> None:
    with pytest.raises(TaskError, match="opens: 2026-01-20"):
        refresh(edited(challenge, "opens = 2026-01-01", "opens = 2026-01-20"))
    earlier = edited(challenge, "opens = 2026-01-20", "opens = 2026-01-02")
    assert refresh(earlier) == []


def test_before_anybody_submitted_the_opening_can_be_put_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHALLENGE_NOW", NOW)
    challenge = make_challenge(tmp_path / "c", CONTEST.format(per_day=5), n=800)
    refresh(open_ledger(challenge))
    assert refresh(edited(challenge, "opens = 2026-01-01", "opens = 2026-01-20")) == []


def test_an_end_that_was_moved_after_it_had_passed_opens_nothing_again(
    challenge: Challenge, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh(edited(challenge, "closes = 2026-02-01", "closes = 2026-01-08"))
    monkeypatch.setenv("CHALLENGE_NOW", LATER)
    ledger = edited(challenge, "closes = 2026-01-08", "closes = 2026-03-08")
    for action in (lambda: select(ledger, 1), lambda: withdraw(ledger, 2)):
        with pytest.raises(TaskError, match="closes: 2026-03-08"):
            action()
    assert not any(row.selected or row.submission.withdrawn for row in history(ledger))


def test_the_end_cannot_be_moved_to_a_time_that_is_over(challenge: Challenge) -> None:
    with pytest.raises(TaskError, match="closes: moved to 2026-01-02") as refused:
        refresh(edited(challenge, "closes = 2026-02-01", "closes = 2026-01-02"))
    assert refused.value.faults[0].code == "closes-over"


def test_a_rescore_uses_the_rules_of_the_contest(challenge: Challenge) -> None:
    codes = np.random.default_rng(5).integers(0, 3, 800)
    make_task(challenge, "toy", n=800, solution="t", truth=codes)
    for old, new in (
        ('reveal = "contest"', 'reveal = "all"'),
        ("opens = ", "ladder_step = 0.001\nopens = "),
    ):
        ledger = edited(challenge, old, new)
        for dry_run in (True, False):
            with pytest.raises(TaskError, match=r"no change of this|reveal|ladder_step"):
                rescore(ledger, dry_run=dry_run)
        edited(challenge, new, old)
    assert [row.new_rank for row in rescore(open_ledger(challenge))[0].rows] == [1]


def test_a_task_cannot_count_twice_in_a_track(challenge: Challenge) -> None:
    ledger = edited(challenge, 'tasks = ["toy"]', 'tasks = ["toy", "toy"]')
    with pytest.raises(TaskError, match="toy more than once"):
        refresh(ledger)


def test_a_track_does_not_get_lost_while_its_contest_runs(challenge: Challenge) -> None:
    toml = challenge.root / "challenge.toml"
    whole = toml.read_text()
    toml.write_text(whole[: whole.index("[[track]]")])
    with pytest.raises(TaskError, match=r"track: no such track \(it was classes\)"):
        refresh(open_ledger(challenge))
    toml.write_text(whole)
    assert refresh(open_ledger(challenge)) == []
