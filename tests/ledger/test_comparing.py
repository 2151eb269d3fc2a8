"""What a comparison of two submissions tells before and after the close."""

from __future__ import annotations

from pathlib import Path

import pytest

from challenge.errors import SubmissionError, WrongUse
from challenge.ledger import open_ledger
from challenge.ledger.comparing import ReleasedDifference, compare
from challenge.task import Challenge
from tests.ledger.toy import CONTEST, make_challenge, make_task, write_hits


def hand_in(challenge: Challenge, tmp_path: Path, hits: int, team: str, salt: int) -> int:
    task = challenge.task("toy")
    path = write_hits(task, tmp_path / "x.csv", hits, half="public", salt=salt)
    return open_ledger(challenge).submit(task, path, team=team, method="m").submission.id


@pytest.fixture
def contest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Challenge:
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:00Z")
    return make_challenge(tmp_path / "c", CONTEST.format(per_day=5), n=800)


def test_while_a_contest_runs_only_released_figures_are_compared(
    contest: Challenge, tmp_path: Path
) -> None:
    first = hand_in(contest, tmp_path, 203, "Ada", 1)
    second = hand_in(contest, tmp_path, 300, "Bob", 2)
    hidden = hand_in(contest, tmp_path, 301, "Bob", 3)
    ledger = open_ledger(contest)
    found = compare(ledger, second, first)
    assert isinstance(found, ReleasedDifference)
    assert (found.a, found.b, found.value, found.step) == (0.75, 0.5, 0.25, 0.025)
    assert found.low is not None and found.high is not None
    for end in (found.low, found.high):
        assert round(end / 0.025, 6) == round(end / 0.025)
    assert found.low < 0.25 < found.high
    with pytest.raises(SubmissionError, match=f"submission {hidden}: not released"):
        compare(ledger, first, hidden)
    assert "the contest runs" in "\n".join(found.lines())


def test_after_the_close_finals_are_compared_by_their_private_rows(
    contest: Challenge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = hand_in(contest, tmp_path, 250, "Ada", 1)
    second = hand_in(contest, tmp_path, 300, "Bob", 2)
    hidden = hand_in(contest, tmp_path, 200, "Bob", 3)
    monkeypatch.setenv("CHALLENGE_NOW", "2026-02-01T00:00:00Z")
    ledger = open_ledger(contest)
    ledger.close()
    found = compare(ledger, first, second)
    assert not isinstance(found, ReleasedDifference)
    assert (found.half, found.n) == ("private", 400)
    with pytest.raises(SubmissionError, match="no final"):
        compare(ledger, first, hidden)


def test_a_task_without_public_scores_compares_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:00Z")
    small = make_challenge(tmp_path / "c", CONTEST.format(per_day=5), n=100)
    ids = [hand_in(small, tmp_path, 20 + salt, "Ada", salt) for salt in (1, 2)]
    with pytest.raises(SubmissionError, match="not released"):
        compare(open_ledger(small), *ids)


def test_in_a_benchmark_all_rows_are_compared_and_two_tasks_never(tmp_path: Path) -> None:
    challenge = make_challenge(tmp_path / "c")
    first = hand_in(challenge, tmp_path, 20, "Ada", 1)
    second = hand_in(challenge, tmp_path, 25, "Bob", 2)
    make_task(challenge, "other")
    task = challenge.task("other")
    ledger = open_ledger(challenge)
    path = write_hits(task, tmp_path / "y.csv", 30)
    other = ledger.submit(task, path, team="Ada", method="m").submission.id
    found = compare(ledger, first, second)
    assert not isinstance(found, ReleasedDifference)
    assert (found.half, found.n) == ("all", 60)
    with pytest.raises(WrongUse, match="two submissions of one task"):
        compare(ledger, first, other)
    with pytest.raises(WrongUse, match="stored submission"):
        compare(ledger, first, 99)
