"""Files from the network: their line, leases and turns, and what a key and an arrival mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from challenge.errors import LedgerError, SubmissionError
from challenge.ledger import Ledger, close, enter_team, open_ledger, submit, withdraw
from challenge.ledger.network import arrivals
from challenge.ledger.network.actions import Origin
from challenge.ledger.network.tokens import new_token
from challenge.ledger.store.clock import read_time
from challenge.ledger.store.integrity import verify
from challenge.task import sha256_of_file
from tests.ledger.toy import CONTEST, make_challenge, write_hits

NOON = "2026-01-05T12:00:00Z"


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setenv("CHALLENGE_NOW", NOON)
    ledger = open_ledger(make_challenge(tmp_path / "c", CONTEST.format(per_day=5), n=800))
    for name in ("Owls", "Cats"):
        enter_team(ledger, name)
        new_token(ledger, team=name)
    return ledger


def origin_of(key: str | None, arrived: str = NOON, token: int = 1) -> Origin:
    return Origin(token, "127.0.0.1", "r1", read_time(arrived, "at"), key)


def put(
    ledger: Ledger,
    key: str | None,
    team: int = 1,
    sha256: str = "a",
    arrived: str = NOON,
    data: str = "d",
    file: str | None = None,
) -> int:
    origin = origin_of(key, arrived, team)
    file = file or key or sha256
    fields = {"task": "toy", "method": "m", "note": "", "file": file, "data": data}
    return arrivals.add_arrival(ledger, team=team, file_sha256=sha256, origin=origin, **fields)[0]


def test_teams_take_turns(ledger: Ledger) -> None:
    for key in ("a1", "a2", "a3"):
        put(ledger, key, team=1)
    put(ledger, "b1", team=2)
    claimed = []
    for _ in range(4):
        found = arrivals.claim(ledger, "w")
        assert found is not None
        claimed.append(found.file)
    assert claimed[:2] in (["a1", "b1"], ["b1", "a1"])
    assert claimed[2:] == ["a2", "a3"]
    assert arrivals.claim(ledger, "w") is None


def test_a_dead_worker_is_replaced_and_a_live_one_is_not(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(ledger, "a")
    first = arrivals.claim(ledger, "one")
    assert first is not None and first.tries == 1
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:29Z")
    assert arrivals.claim(ledger, "two") is None
    arrivals.renew(ledger, "one", [first.id])
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:58Z")
    assert arrivals.claim(ledger, "two") is None
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:01:00Z")
    again = arrivals.claim(ledger, "two")
    assert again is not None and (again.id, again.tries) == (first.id, 2)
    assert arrivals.is_open(ledger, first)
    arrivals.finish(ledger, first, {"status": "one"})
    arrivals.finish(ledger, again, {"status": "two"})
    assert not arrivals.is_open(ledger, again)
    assert arrivals.outcome_of(ledger, first.id, 1) == (True, {"status": "one"})
    assert arrivals.outcome_of(ledger, first.id, 2) == (False, None)


def test_the_line_has_an_end_for_a_team_and_for_all(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "_LINE_OF_TEAM", 3)
    monkeypatch.setattr(arrivals, "_LINE", 4)
    for number in range(3):
        put(ledger, f"a{number}")
    with pytest.raises(LedgerError, match="3 files of the team wait"):
        put(ledger, "a3")
    put(ledger, "b0", team=2)
    with pytest.raises(LedgerError, match="4 files wait"):
        put(ledger, "b1", team=2)
    assert arrivals.line_state(ledger).n_waiting == 4
    assert put(ledger, "a0") == 1, "a known key needs no room"


def test_a_key_is_for_one_file(ledger: Ledger) -> None:
    assert put(ledger, "a", sha256="1") == put(ledger, "a", sha256="1")
    with pytest.raises(SubmissionError, match="used for another file"):
        put(ledger, "a", sha256="2")


def test_without_a_key_the_content_is_the_key_of_a_team_and_a_task(ledger: Ledger) -> None:
    first = put(ledger, None)
    assert put(ledger, None) == first
    others = [
        put(ledger, None, sha256="b"),
        put(ledger, None, team=2),
        put(ledger, None, data="e"),
        put(ledger, "a"),
    ]
    assert len({first, *others}) == 5


@pytest.mark.parametrize("key", [None, "k"])
@pytest.mark.parametrize(
    ("status", "code", "again"),
    [
        *((201, None, False), (422, "id-missing", False), (413, "file-too-large", False)),
        *((200, None, True), (409, "closed", True), (429, "quota-day", True)),
        *((503, "server", True), (422, "file-ends-process", True)),
    ],
)
def test_what_the_file_does_not_decide_is_tried_again(
    ledger: Ledger, key: str | None, status: int, code: str | None, again: bool
) -> None:
    first = put(ledger, key)
    claimed = arrivals.claim(ledger, "w")
    assert claimed is not None
    outcome = {"status": status, "faults": [{"code": code}] if code else []}
    arrivals.finish(ledger, claimed, outcome)
    assert put(ledger, key, arrived="2026-01-05T12:00:07Z") == first
    found = arrivals.claim(ledger, "w")
    assert (found is not None) == again
    if found is not None:
        assert (found.tries, found.origin.arrived) == (1, read_time("2026-01-05T12:00:07Z", "at"))
        assert arrivals.outcome_of(ledger, first, 1) == (True, None)


def test_an_upload_does_not_get_what_came_of_an_earlier_one(ledger: Ledger) -> None:
    number = put(ledger, None, file="first")
    first = arrivals.claim(ledger, "w")
    assert first is not None
    arrivals.finish(ledger, first, {"status": 200})
    # The same content again, before the process of the first upload is found to have ended.
    assert put(ledger, None, file="second") == number
    assert not arrivals.is_open(ledger, first)
    arrivals.finish(ledger, first, {"status": 503})
    assert arrivals.outcome_of(ledger, number, 1) == (True, None)
    second = arrivals.claim(ledger, "w")
    assert second is not None and second.file == "second"
    arrivals.finish(ledger, second, {"status": 200})
    assert arrivals.outcome_of(ledger, number, 1) == (True, {"status": 200})


def test_a_withdrawn_file_may_come_again(ledger: Ledger, tmp_path: Path) -> None:
    path = write_hits(ledger.challenge.task("toy"), tmp_path / "x.csv", 300, subset="public")

    def hand_in() -> int:
        put(ledger, None, sha256=sha256_of_file(path))
        found = arrivals.claim(ledger, "w")
        if found is None:
            return 0
        task = ledger.challenge.task("toy")
        receipt = submit(ledger, task, path, team="Owls", method="m", origin=found.origin)
        arrivals.finish(ledger, found, {"status": 201})
        return receipt.submission.id

    assert [hand_in(), hand_in()] == [1, 0]
    withdraw(ledger, 1)
    assert [hand_in(), hand_in()] == [2, 0]


def test_a_repeated_upload_gets_the_same_receipt(ledger: Ledger, tmp_path: Path) -> None:
    task = ledger.challenge.task("toy")
    path = write_hits(task, tmp_path / "x.csv", 300, subset="public")
    first = submit(ledger, task, path, team="Owls", method="m", origin=origin_of("k"))
    again = submit(ledger, task, path, team="Owls", method="m", origin=origin_of("k"))
    assert again.as_json() == first.as_json()
    other = write_hits(task, tmp_path / "y.csv", 310, subset="public")
    with pytest.raises(SubmissionError, match="used for another file"):
        submit(ledger, task, other, team="Owls", method="m", origin=origin_of("k"))
    assert verify(ledger).faults == ()


def test_a_file_counts_by_its_arrival_and_the_close_waits_for_it(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = ledger.challenge.task("toy")
    path = write_hits(task, tmp_path / "x.csv", 300, subset="public")
    last = "2026-01-31T23:59:59Z"
    put(ledger, "in time", arrived=last)
    monkeypatch.setenv("CHALLENGE_NOW", "2026-02-01T00:00:05Z")
    put(ledger, "late", team=2, arrived="2026-02-01T00:00:00Z")
    with pytest.raises(SubmissionError, match="1 file arrived in time"):
        close(ledger)
    with pytest.raises(SubmissionError, match="it ended at"):
        late = origin_of("late", "2026-02-01T00:00:00Z")
        submit(ledger, task, path, team="Cats", method="m", origin=late)
    receipt = submit(ledger, task, path, team="Owls", method="m", origin=origin_of("in time", last))
    found = arrivals.claim(ledger, "w")
    assert found is not None
    arrivals.finish(ledger, found, {"status": 201})
    assert receipt.submission.id == 1
    assert close(ledger).n_finals == 1
