"""The Python API at the address of a server: load, check, submit, standings, comparison."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import challenge as ch
from tests.server.live import Live, contest_toml, live_server

pytestmark = pytest.mark.slow


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    with live_server(tmp_path / "live", contest_toml(per_day=20)) as server:
        monkeypatch.setenv("CHALLENGE_CACHE", str(tmp_path / "downloads"))
        monkeypatch.setenv("CHALLENGE_TOKEN", server.tokens["Owls"])
        monkeypatch.chdir(tmp_path)
        yield server


def test_a_team_works_at_an_address_alone(live: Live) -> None:
    import polars as pl

    task = ch.load_task(f"{live.url}/tasks/toy")
    frame = pl.from_pandas(task.test[["id"]]).with_columns(label=pl.lit(task.classes[0]))
    assert task.check(frame).ok
    report = task.check(frame.slice(1))
    assert not report.ok and "id" in repr(report)

    board = ch.Board(live.url)
    receipt = board.submit(task, frame, method="constant")
    other = frame.with_columns(label=pl.lit(task.classes[1]))
    board.submit(task, other, method="another")
    assert receipt.document["team"] == "Owls"
    with pytest.raises(ch.SubmissionError):
        board.submit(task, frame.slice(1), method="constant")
    assert set(board.submissions()["method"]) == {"constant", "another"}
    assert board.task("toy").to_frame()["team"].tolist() == ["Owls"]
    for track in board.tracks:
        assert board.track(track).to_frame()["team"].tolist() == ["Owls"]
    with pytest.raises(ch.WrongUse):
        board.track("nothing")
    with pytest.raises(ch.WrongUse) as refused:
        board.ledger()
    assert refused.value.faults[0].code == "organiser-only"


def test_an_address_without_a_token_says_how_to_get_one(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHALLENGE_TOKEN")
    with pytest.raises(ch.ChallengeError) as refused:
        ch.Board(live.url)
    assert "challenge login" in str(refused.value)
