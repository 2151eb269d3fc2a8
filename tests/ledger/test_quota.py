"""The cap of faulty files."""

from __future__ import annotations

from pathlib import Path

import pytest

from challenge.errors import SubmissionError
from challenge.ledger import history, open_ledger, rename_team, submit
from tests.ledger.toy import CONTEST, make_challenge, make_task, write_hits


def test_a_new_name_gives_no_more_faulty_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:00Z")
    challenge = make_challenge(tmp_path / "c", CONTEST.format(per_day=5))
    ledger, task = open_ledger(challenge), challenge.task("toy")
    submit(ledger, task, write_hits(task, tmp_path / "a.csv", 30), team="Ada", method="m")
    for number in range(3):
        if number == 2:
            rename_team(ledger, "Ada", "Ada and Co")
        faulty = tmp_path / f"{number}.csv"
        faulty.write_text(f"id,label\nnobody{number},cat\n")
        with pytest.raises(SubmissionError, match="unknown"):
            submit(ledger, task, faulty, team="Ada and Co" if number == 2 else "Ada", method="m")
    for name in ("Ada", "Ada and Co"):
        with pytest.raises(SubmissionError, match="3 today"):
            submit(ledger, task, faulty, team=name, method="m")
    with pytest.raises(SubmissionError, match="unknown"):
        submit(ledger, task, faulty, team="Bob", method="m")


def test_a_total_holds_over_all_days_and_each_task_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml = CONTEST.format(per_day=2).replace("\nper_day", "\ntotal = 3\nper_day")
    challenge = make_challenge(tmp_path / "c", toml, n=800)
    make_task(challenge, "other", n=800)
    ledger, left = open_ledger(challenge), []

    def hand_in(number: int, task: str = "toy") -> int | None:
        built = challenge.task(task)
        path = write_hits(built, tmp_path / "x.csv", 200, subset="public", salt=number)
        return submit(ledger, built, path, team="Ada", method="m").quota_left

    for number in range(1, 4):
        monkeypatch.setenv("CHALLENGE_NOW", f"2026-01-0{5 + number // 3}T12:00:00Z")
        left.append(hand_in(number))
    assert left == [1, 0, 0]
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-09T12:00:00Z")
    with pytest.raises(SubmissionError, match="at most 3 a team and task"):
        hand_in(4)
    assert hand_in(4, "other") == 1


def test_a_quota_that_is_lowered_or_raised_holds_from_the_next_file_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:00Z")
    challenge = make_challenge(tmp_path / "c", CONTEST.format(per_day=5), n=800)
    task = challenge.task("toy")

    def hand_in(number: int, per_day: int) -> int | None:
        (challenge.root / "challenge.toml").write_text(CONTEST.format(per_day=per_day))
        path = write_hits(task, tmp_path / "x.csv", 200, subset="public", salt=number)
        return submit(open_ledger(challenge), task, path, team="Ada", method="m").quota_left

    assert [hand_in(number, 5) for number in (1, 2, 3)] == [4, 3, 2]
    with pytest.raises(SubmissionError, match="3 submissions today"):
        hand_in(4, 1)
    assert hand_in(4, 4) == 0
    assert len(history(open_ledger(challenge))) == 4


def test_a_contest_without_a_roster_admits_few_new_teams_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each throw-away name would get a first public score that no Ladder holds back."""
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:00Z")
    toml = CONTEST.format(per_day=5).replace("[limits]", "[limits]\nnew_teams_per_day = 3")
    challenge = make_challenge(tmp_path / "c", toml)
    ledger, task = open_ledger(challenge), challenge.task("toy")

    def hand_in(number: int) -> None:
        path = write_hits(task, tmp_path / "x.csv", 30, salt=number)
        submit(ledger, task, path, team=f"Throw-away {number}", method="m")

    for number in range(3):
        hand_in(number)
    with pytest.raises(SubmissionError, match="at most 3 a day"):
        hand_in(3)
    hand_in(2)
    path = write_hits(task, tmp_path / "x.csv", 20)
    submit(ledger, task, path, team="Majority", method="m", baseline=True)
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-06T12:00:00Z")
    hand_in(3)


def test_names_of_baselines_are_reserved(tmp_path: Path) -> None:
    challenge = make_challenge(tmp_path / "c")
    ledger, task = open_ledger(challenge), challenge.task("toy")
    path = write_hits(task, tmp_path / "x.csv", 30)
    for name in ("AutoGluon", "linear", "Majоrity"):
        with pytest.raises(SubmissionError, match="cannot be confused with a baseline"):
            submit(ledger, task, path, team=name, method="m")
    submit(ledger, task, path, team="Ada", method="m")
    with pytest.raises(SubmissionError, match="cannot be confused with a baseline"):
        rename_team(ledger, "Ada", "AutoGluon")
    submit(ledger, task, path, team="AutoGluon", method="m", baseline=True)


def test_every_built_in_method_has_a_reserved_name() -> None:
    from challenge.ledger.submissions.names import BASELINE_NAMES
    from challenge.methods.method_sources import BUILTINS, resolve_method

    titles = {resolve_method(name).title for name in BUILTINS}
    assert titles <= set(BASELINE_NAMES)
