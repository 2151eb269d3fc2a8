"""Commands of the organiser about teams and tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from challenge.ledger import open_ledger
from challenge.ledger.network.tokens import token_of
from challenge.task import Challenge
from tests.cli.shell import refused, shell
from tests.ledger.toy import BENCHMARK, make_challenge


@pytest.fixture
def challenge(tmp_path: Path) -> Challenge:
    return make_challenge(tmp_path / "c")


def test_a_team_gets_a_token_and_loses_it(
    challenge: Challenge, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = challenge.root
    assert "token new --team 'Owls'" in shell(root, "team", "add", "Owls").out
    made = shell(root, "token", "new", "--team", "Owls", "--name", "CI", "--expires", "2026-03-28")
    text = made.out.strip()
    assert text.startswith("chl_") and made.err.startswith("note: token 1 of Owls")
    monkeypatch.setenv("CHALLENGE_NOW", "2026-03-28T23:59:59Z")
    found = token_of(open_ledger(challenge), text)
    assert found is not None and found.name == "CI"
    monkeypatch.setenv("CHALLENGE_NOW", "2026-03-29T00:00:00Z")
    assert token_of(open_ledger(challenge), text) is None
    shown = shell(root, "token", "list").out
    assert text not in shown and "Owls" in shown and "valid" in shown and "never" in shown
    row = shell(root, "token", "list", "--json").json()["tokens"][0]
    assert (row["team"], row["scopes"], row["state"]) == ("Owls", ["submit", "read"], "valid")
    assert shell(root, "token", "revoke", "1").out == "token 1 of Owls is revoked\n"
    assert shell(root, "token", "list", "--json").json()["tokens"][0]["state"] == "revoked"


def test_an_organisers_token_has_no_team(challenge: Challenge) -> None:
    scopes = ("--scope", "read", "--scope", "organise")
    made = shell(challenge.root, "token", "new", *scopes, "--json").json()
    assert (made["team"], made["scopes"]) == (None, ["read", "organise"])
    refused(shell(challenge.root, "token", "new"), 2, "add --team NAME")
    refused(shell(challenge.root, "token", "new", "--team", "Nobody"), 2, "Nobody")
    refused(shell(challenge.root, "token", "revoke", "9"), 2, "token list")
    soon = shell(challenge.root, "token", "new", "--scope", "read", "--expires", "soon")
    refused(soon, 2, "ISO 8601")


def test_teams_are_listed_renamed_and_have_members(tmp_path: Path) -> None:
    toml = BENCHMARK + '\n[[team]]\nname = "Owls"\nmembers = ["Ada", "Bo"]\n'
    root = make_challenge(tmp_path / "c", toml).root
    assert shell(root, "team", "add", "Owls", "--json").json()["members"] == ["Ada", "Bo"]
    refused(shell(root, "team", "add", "Cats"), 1, "roster")
    assert shell(root, "team", "members", "Owls").out == "Ada\nBo\n"
    assert shell(root, "team", "members", "Owls", "--json").json() == {"members": ["Ada", "Bo"]}
    assert "Ada, Bo" in shell(root, "team", "list").out
    done = shell(root, "team", "rename", "Owls", "Night Owls")
    assert done.out.startswith("Owls is now Night Owls")
    assert shell(root, "team", "list", "--json").json()["teams"][0]["name"] == "Night Owls"
    refused(shell(root, "team", "members", "Nobody"), 2, "Nobody")


def test_the_extra_is_named_when_it_is_missing(
    challenge: Challenge, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    for name in [one for one in sys.modules if one.startswith(("challenge.server", "uvicorn"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    refused(shell(challenge.root, "serve"), 3, "multimodal-challenge[server]")
    refused(shell(challenge.root, "serve", "--scoring-only", "--workers", "0"), 2, "one file")
