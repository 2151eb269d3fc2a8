"""Tokens of the server: stored as a hash, with an end, revoked at once, last used."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from challenge.errors import SubmissionError, WrongUse
from challenge.ledger import Ledger, enter_team, open_ledger
from challenge.ledger.network.tokens import (
    list_tokens,
    new_token,
    note_use,
    revoke_token,
    token_of,
)
from challenge.ledger.store.clock import read_time
from challenge.ledger.store.integrity import verify
from tests.ledger.toy import BENCHMARK, make_challenge


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:00Z")
    ledger = open_ledger(make_challenge(tmp_path / "c"))
    enter_team(ledger, "Owls")
    return ledger


def test_a_token_opens_until_it_is_revoked(ledger: Ledger) -> None:
    token, text = new_token(ledger, team="owls", name="laptop")
    found = token_of(ledger, text)
    assert found is not None
    assert (found.id, found.team_name, found.scopes) == (token.id, "Owls", ("submit", "read"))
    assert token_of(ledger, text + "x") is None
    assert token_of(ledger, "\ud800") is None
    assert revoke_token(ledger, token.id).revoked is not None
    assert token_of(ledger, text) is None
    assert revoke_token(ledger, token.id) == list_tokens(ledger)[0]
    assert verify(ledger).faults == ()


def test_a_token_ends(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = read_time("2026-01-06T00:00:00Z", "--expires")
    _, text = new_token(ledger, team="Owls", expires=ends)
    assert token_of(ledger, text) is not None
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-06T00:00:00Z")
    assert token_of(ledger, text) is None
    assert list_tokens(ledger)[0].as_json()["state"] == "expired"


def test_the_ledger_does_not_hold_the_text(ledger: Ledger) -> None:
    _, text = new_token(ledger, team="Owls")
    with ledger.store.reading() as connection:
        dump = str(connection.execute(sa.text("SELECT * FROM tokens")).all())
    assert text not in dump
    assert text.encode() not in Path(ledger.store.where).read_bytes()


def test_the_last_use_is_stored_to_the_minute(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, text = new_token(ledger, team="Owls")
    assert token.used is None
    for at, shown in (("12:00:00", "12:00:00"), ("12:00:30", "12:00:00"), ("12:01:00", "12:01:00")):
        monkeypatch.setenv("CHALLENGE_NOW", f"2026-01-05T{at}Z")
        found = token_of(ledger, text)
        assert found is not None
        note_use(ledger, found)
        used = list_tokens(ledger)[0].as_json()["used"]
        assert used == f"2026-01-05T{shown}Z"
    assert verify(ledger).faults == ()


def test_wrong_tokens_are_refused_with_every_fault(ledger: Ledger) -> None:
    past = read_time("2026-01-01", "--expires")
    with pytest.raises(WrongUse) as refused:
        new_token(ledger, team=None, scopes=("submit", "reed"), expires=past)
    codes = {fault.code for fault in refused.value.faults}
    assert codes == {"unknown-scope", "team-missing", "token-expiry"}
    with pytest.raises(WrongUse, match="did you mean 'Owls'"):
        new_token(ledger, team="Owl")
    with pytest.raises(WrongUse, match="token list"):
        revoke_token(ledger, 7)
    assert list_tokens(ledger) == []


def test_a_team_is_entered_once_and_by_the_rules(tmp_path: Path, ledger: Ledger) -> None:
    assert enter_team(ledger, "OWLS").name == "Owls"
    with pytest.raises(SubmissionError, match="does not look like"):
        enter_team(ledger, "0wls")
    with pytest.raises(SubmissionError, match="confused with a baseline"):
        enter_team(ledger, "AutoGluon")
    toml = BENCHMARK + '\n[[team]]\nname = "Cats"\nmembers = ["Ada"]\n'
    strict = open_ledger(make_challenge(tmp_path / "d", toml))
    assert enter_team(strict, "Cats").members == ("Ada",)
    with pytest.raises(SubmissionError, match="roster"):
        enter_team(strict, "Dogs")
