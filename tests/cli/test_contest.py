"""Commands of a contest: inbox, selection, withdrawal, close, rescore, backup; how they refuse."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from challenge.task import Challenge
from tests.cli.shell import Answer, refused, shell
from tests.ledger.toy import CONTEST, make_challenge, make_task, write_hits

AFTER = "2026-02-01T00:00:00Z"


@pytest.fixture
def contest(tmp_path: Path) -> Challenge:
    return make_challenge(tmp_path / "c", CONTEST.format(per_day=5), n=800)


def hand_in(challenge: Challenge, hits: int, team: str = "Ada") -> Answer:
    path = challenge.root.parent / f"{hits}.csv"
    write_hits(challenge.task("toy"), path, hits, subset="public", salt=hits)
    words = ("submit", "toy", str(path), "--team", team, "--method", "m", "--json")
    return shell(challenge.root, *words)


def test_an_empty_inbox_says_so(contest: Challenge) -> None:
    assert shell(contest.root, "collect").out == "nothing new in the inbox\n"
    assert shell(contest.root, "collect", "--json").json() == {"collected": [], "notes": []}


def test_collect_tells_the_outcome_of_each_file(contest: Challenge) -> None:
    folder = contest.inbox / "Ada" / "toy"
    folder.mkdir(parents=True)
    write_hits(contest.task("toy"), folder / "good.csv", 300, subset="public")
    (folder / "bad.csv").write_text("id,label\n")
    (contest.inbox / "Ada" / "toys").mkdir()
    (contest.inbox / "Ada" / "toys" / "good.csv").write_text("id,label\n")
    answer = shell(contest.root, "collect", "--json").json()
    assert sorted(row["status"] for row in answer["collected"]) == [
        "accepted",
        "refused",
        "refused",
    ]
    receipt = (contest.inbox / "Ada" / "toys" / "good.csv.receipt.txt").read_text()
    assert "Ada/toy/" in receipt
    assert "fix:" in (folder / "bad.csv.receipt.txt").read_text()


def test_nobody_to_ask_means_no_withdrawal(
    contest: Challenge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert hand_in(contest, 240, "Ada").code == 0
    refused(shell(contest.root, "withdraw", "1"), 2, "--yes")
    # What cannot be withdrawn is told before anybody is asked.
    refused(shell(contest.root, "withdraw", "99"), 2, "99")


@pytest.mark.parametrize(
    ("n", "why"),
    [(800, "no team has submitted"), (120, "toy: fewer than 300 public rows, so it shows no")],
)
def test_a_board_without_scores_says_why(tmp_path: Path, n: int, why: str) -> None:
    contest = make_challenge(tmp_path / "c", CONTEST.format(per_day=5), n=n)
    if n == 120:
        assert hand_in(contest, 30).code == 0
    assert f"\nno scores yet: {why}" in shell(contest.root, "leaderboard").out
    if n == 800:
        assert hand_in(contest, 240).code == 0
        assert "no scores yet" not in shell(contest.root, "leaderboard").out


def test_a_contest_from_the_first_file_to_the_close(contest: Challenge) -> None:
    for hits, team in ((240, "Ada"), (300, "Ada"), (200, "Bo")):
        assert hand_in(contest, hits, team).code == 0
    assert shell(contest.root, "select", "1").out == "selected now: 1\n"
    assert shell(contest.root, "select", "2").out == "selected now: 1, 2\n"
    assert shell(contest.root, "select", "2", "--undo").out == "selected now: 1\n"
    assert "none (the best" in shell(contest.root, "select", "1", "--undo").out
    assert shell(contest.root, "withdraw", "2", "--yes").out == "submission 2 on toy is withdrawn\n"
    refused(shell(contest.root, "withdraw", "2", "--yes"), 1, "withdrawn")
    refused(shell(contest.root, "close"), 1, "2026-02-01")
    first = shell(contest.root, "close", "--dry-run", "--seed", "3")
    assert first.out.startswith("rehearsal on simulated labels, seed 3")
    assert shell(contest.root, "close", "--dry-run", "--seed", "3").out == first.out
    assert shell(contest.root, "close", "--dry-run", "--json").json()["rehearsal"] is True
    assert shell(contest.root, "close", "--dry-run", "--seed", "-3").code == 2
    assert "closed: 2 finals of 2 teams" in shell(contest.root, "close", now=AFTER).out
    refused(shell(contest.root, "close", now=AFTER), 1, "already closed")
    refused(shell(contest.root, "select", "1", now=AFTER), 1, "nothing can be submitted")
    board = shell(contest.root, "leaderboard", "--json", now=AFTER).json()["tracks"][0]
    assert (board["subset"], len(board["rows"])) == ("private", 2)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("select", "99"), 2, "99"),
        (("withdraw", "99", "--yes"), 2, "99"),
        (("rename", "Nobody", "Somebody"), 2, "Nobody"),
        (("rename", "Ada", "Bo"), 1, "Bo"),
        (("backup", "challenge.toml"), 3, "nothing is overwritten"),
        (("rescore", "toys"), 2, "did you mean 'toy'?"),
        (("restore", "nowhere.zip"), 3, "nothing is overwritten"),
        (("backup", "/proc/nowhere/x.zip"), 3, "/proc/nowhere"),
    ],
)
def test_wrong_words_are_refused_with_a_fix(
    contest: Challenge, words: tuple[str, ...], code: int, said: str
) -> None:
    for hits, team in ((240, "Ada"), (200, "Bo")):
        assert hand_in(contest, hits, team).code == 0
    refused(shell(contest.root, *words), code, said)


@pytest.mark.parametrize("words", [("select", "1"), ("close",), ("close", "--dry-run")])
def test_a_benchmark_has_no_close_and_no_finals(tmp_path: Path, words: tuple[str, ...]) -> None:
    challenge = make_challenge(tmp_path / "c")
    assert hand_in(challenge, 30).code == 0
    refused(shell(challenge.root, *words), 1, "contest")


def test_a_task_that_was_built_anew_waits_for_a_rescore(contest: Challenge) -> None:
    assert hand_in(contest, 240).code == 0
    make_task(contest, "toy", n=800, solution="t", seed=0)
    answer = hand_in(contest, 250)
    assert (answer.code, answer.fault()) == (3, "rescore-first")
    dry = shell(contest.root, "rescore", "--dry-run")
    assert "not stored (dry run)" in dry.out
    assert "scored again, stored" in shell(contest.root, "rescore").out
    assert shell(contest.root, "rescore").out == "toy: unchanged, 1 submission\n"
    assert hand_in(contest, 250).code == 0


def test_verify_finds_a_flipped_bit(contest: Challenge) -> None:
    assert hand_in(contest, 240).code == 0
    assert shell(contest.root, "verify").out.endswith("no damage\n")
    file = next((contest.submissions / "predictions").rglob("*.parquet"))
    data = file.read_bytes()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    done = shell(contest.root, "verify")
    assert done.code == 3
    assert "fix: copy the file from a backup" in done.err
    assert shell(contest.root, "verify", "--json").code == 3


def test_a_backup_goes_into_an_empty_folder(contest: Challenge, tmp_path: Path) -> None:
    assert hand_in(contest, 240).code == 0
    shell(contest.root, "leaderboard")
    archive = tmp_path / "contest.zip"
    assert "keep it private" in shell(contest.root, "backup", str(archive)).out
    other = tmp_path / "other"
    other.mkdir()
    assert "files restored" in shell(other, "restore", str(archive)).out
    rows = [shell(root, "submissions", "--json").out for root in (contest.root, other)]
    assert rows[0] == rows[1]
    refused(shell(other, "restore", str(archive)), 3, "nothing is overwritten")
    archive.write_bytes(archive.read_bytes()[:-100])
    refused(shell(tmp_path / "third", "restore", str(archive)), 3, "use an older backup")


def close_in_a_terminal(root: Path, now: str) -> subprocess.CompletedProcess[str]:
    """Return how the close ends for a person who answers no."""
    person, terminal = os.openpty()
    try:
        os.write(person, b"n\n")
        return subprocess.run(
            [sys.executable, "-m", "challenge", "-C", str(root), "close"],
            stdin=terminal,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "CHALLENGE_NOW": now},
        )
    finally:
        os.close(terminal)
        os.close(person)


def test_in_a_terminal_the_close_asks_first_unless_it_is_too_early(contest: Challenge) -> None:
    early = close_in_a_terminal(contest.root, "2026-01-31T23:59:59Z")
    assert early.returncode == 1
    assert "a time from 2026-02-01" in early.stderr and "undone" not in early.stderr
    done = close_in_a_terminal(contest.root, AFTER)
    assert done.returncode == 1
    assert "This cannot be undone." in done.stderr
    assert "Aborted" in done.stderr
    assert "closed: 0 finals" in shell(contest.root, "close", now=AFTER).out
