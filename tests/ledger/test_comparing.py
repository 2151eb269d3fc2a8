"""What two submissions may tell of one another: all in a benchmark, little while a contest runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from challenge.errors import SubmissionError, WrongUse
from challenge.ledger import Ledger, close, open_ledger, submit
from challenge.ledger.submissions.compare import ReleasedDifference, compare
from challenge.scoring import Comparison
from tests.ledger.toy import BENCHMARK, CONTEST, make_challenge, make_task, write_hits

SECOND = BENCHMARK.replace('tasks = ["toy"]', 'tasks = ["toy", "two"]')


def hand_in(ledger: Ledger, folder: Path, hits: int, *, team: str, task: str = "toy") -> int:
    built = ledger.challenge.task(task)
    subset = "public" if ledger.settings.is_contest() else "all"
    path = write_hits(built, folder / "x.csv", hits, subset=subset, salt=hits)
    return submit(ledger, built, path, team=team, method="m").submission.id


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:00Z")
    return open_ledger(make_challenge(tmp_path / "c", CONTEST.format(per_day=5), n=800))


def test_in_a_benchmark_the_rows_are_compared(tmp_path: Path) -> None:
    ledger = open_ledger(make_challenge(tmp_path / "c"))
    a = hand_in(ledger, tmp_path, 50, team="Ada")
    b = hand_in(ledger, tmp_path, 30, team="Bo")
    result = compare(ledger, a, b)
    assert isinstance(result, Comparison)
    assert any("accuracy" in line for line in result.lines())


def test_two_tasks_cannot_be_compared(tmp_path: Path) -> None:
    challenge = make_challenge(tmp_path / "c", SECOND)
    make_task(challenge, "two", seed=1)
    ledger = open_ledger(challenge)
    a = hand_in(ledger, tmp_path, 50, team="Ada")
    b = hand_in(ledger, tmp_path, 30, team="Ada", task="two")
    with pytest.raises(WrongUse, match="two submissions of one task"):
        compare(ledger, a, b)


def test_a_submission_that_does_not_exist_is_wrong_use(tmp_path: Path) -> None:
    ledger = open_ledger(make_challenge(tmp_path / "c"))
    a = hand_in(ledger, tmp_path, 50, team="Ada")
    with pytest.raises(WrongUse):
        compare(ledger, a, 99)


def test_while_a_contest_runs_every_figure_is_rounded_to_the_step(
    running: Ledger, tmp_path: Path
) -> None:
    # 400 public rows: the step is .05; 331 hits are .8275, shown as .85; 251 as .65.
    a = hand_in(running, tmp_path, 331, team="Ada")
    b = hand_in(running, tmp_path, 251, team="Bo")
    result = compare(running, a, b)
    assert isinstance(result, ReleasedDifference)
    assert (result.a, result.b, result.value, result.step) == (0.85, 0.65, 0.2, 0.05)
    assert result.low is not None and result.high is not None
    assert result.low < 0.2 < result.high
    for end in (result.low, result.high):
        assert end == round(end, 3)
        assert round(end / 0.05, 6).is_integer()
    assert "rows are compared after the close" in "\n".join(result.lines())
    assert set(result.as_json()) == {
        "task_id", "metric", "step", "a", "b", "value", "low", "high",
    }  # fmt: skip


def test_what_was_not_released_is_not_compared(running: Ledger, tmp_path: Path) -> None:
    a = hand_in(running, tmp_path, 300, team="Ada")
    mute = hand_in(running, tmp_path, 304, team="Ada")
    with pytest.raises(SubmissionError, match=f"submission {mute}: not released") as caught:
        compare(running, a, mute)
    assert caught.value.faults[0].code == "not-released"


def test_after_the_close_only_finals_are_compared(
    running: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = hand_in(running, tmp_path, 240, team="Ada")
    a = hand_in(running, tmp_path, 331, team="Ada")
    b = hand_in(running, tmp_path, 251, team="Bo")
    monkeypatch.setenv("CHALLENGE_NOW", "2026-02-01T00:00:00Z")
    close(running)
    assert isinstance(compare(running, a, b), Comparison)
    with pytest.raises(SubmissionError, match="only those have a private score"):
        compare(running, earlier, b)


def test_a_task_without_public_scores_compares_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:00Z")
    small = open_ledger(make_challenge(tmp_path / "c", CONTEST.format(per_day=5), n=100))
    ids = [hand_in(small, tmp_path, hits, team="Ada") for hits in (20, 25)]
    with pytest.raises(SubmissionError, match="not released"):
        compare(small, *ids)
