"""Signing in at a real OpenID Connect provider that runs beside the server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from challenge.errors import WrongUse
from challenge.ledger.network.tokens import list_tokens
from challenge.server.openid import OpenIdProvider
from tests.server.live import Live, contest_toml, live_server
from tests.server.test_single_sign_on import TEAMS, is_of, settings, settings_without_ada

PEOPLE = {
    "ada@example.org": True,
    "bob@example.org": True,
    "eve@example.org": True,
    "Zoë": True,
    "unverified": False,
}


@contextmanager
def provider() -> Iterator[str]:
    """Run a provider; yield its issuer."""
    from oidc_provider_mock import User, run_server_in_thread

    users = [
        User(sub=person, claims={"email": person, "email_verified": verified})
        for person, verified in PEOPLE.items()
    ]
    users.append(User(sub="claims to be ada", claims={"email": "ada@example.org"}))
    with run_server_in_thread(require_nonce=True, user_claims=users) as server:
        yield f"http://localhost:{server.server_port}"


def options_of(issuer: str) -> tuple[str, ...]:
    return ("--openid", issuer, "--openid-client", "challenge")


def browser(live: Live) -> httpx.Client:
    return httpx.Client(base_url=live.url, timeout=60, trust_env=False)


def to_provider(client: httpx.Client) -> str:
    """Begin a sign-in; return the address at the provider."""
    answer = client.get("/me/openid")
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


def agree(address: str, person: str) -> str:
    """Sign in at the provider as a person does; return where it leads the browser."""
    answer = httpx.post(address, data={"sub": person}, trust_env=False)
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


def sign_in(client: httpx.Client, person: str) -> httpx.Response:
    return client.get(agree(to_provider(client), person))


@pytest.mark.slow
def test_members_sign_in_at_a_provider_and_nobody_else(tmp_path: Path) -> None:
    with (
        provider() as issuer,
        live_server(
            tmp_path,
            contest_toml() + TEAMS,
            *options_of(issuer),
            CHALLENGE_OPENID_SECRET="secret of this server",
        ) as live,
    ):
        a_member_gets_the_own_team(live)
        nobody_else_gets_in(live)
        an_answer_is_for_one_browser_and_one_sign_in(live)
        the_session_ends_with_the_membership(live)
        assert "Traceback" not in live.log.read_text()
        assert "secret of this server" not in live.log.read_text()


def a_member_gets_the_own_team(live: Live) -> None:
    with browser(live) as client:
        assert "/me/openid" in client.get("/me").text
        address = to_provider(client)
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert asked["code_challenge_method"] == "S256" and asked["nonce"] and asked["state"]
        assert asked["redirect_uri"] == f"{live.url}/me/openid/back"
        done = client.get(agree(address, "ada@example.org"))
        assert done.status_code == 200 and "<h1>Signed in</h1>" in done.text
        kept = [one.lower() for one in done.headers.get_list("set-cookie")]
        token = next(one for one in kept if one.startswith("challenge_token="))
        assert "httponly" in token and "samesite=strict" in token
        page = client.get("/me")
        assert is_of(page, "Owls")
        csrf = re.findall(r'name="csrf" value="([0-9a-f]{64})"', page.text)[0]
        data = {"csrf": csrf, "task": "toy", "method": "m"}
        files = {"file": ("p.csv", live.file(300).read_bytes())}
        sent = client.post("/me/submit", data=data, files=files, follow_redirects=True)
        assert "<h1>Accepted</h1>" in sent.text
    made = list_tokens(live.ledger)[-1]
    assert (made.name, made.team_name) == ("OpenID Connect: ada@example.org", "Owls")
    assert made.expires is not None
    assert round((made.expires - made.made).total_seconds()) == 43_200
    with browser(live) as client:
        assert sign_in(client, "Zoë").status_code == 200
        assert is_of(client.get("/me"), "Owls")


def nobody_else_gets_in(live: Live) -> None:
    before = len(list_tokens(live.ledger))
    found = {
        "eve@example.org": "ask the organiser to add you to your team",
        "unverified": "not verified",
        "claims to be ada": "not verified",
    }
    for person, text in found.items():
        with browser(live) as client:
            answer = sign_in(client, person)
            assert answer.status_code == 403 and text in answer.text, person
            assert client.get("/me").text.count("<h1>Sign in</h1>") == 1
    assert len(list_tokens(live.ledger)) == before


def an_answer_is_for_one_browser_and_one_sign_in(live: Live) -> None:
    before = len(list_tokens(live.ledger))
    with browser(live) as client, browser(live) as other:
        back = agree(to_provider(client), "bob@example.org")
        assert other.get(back).status_code == 403, "login with the answer of somebody else"
        assert client.get(back).status_code == 200
        assert client.get(back).status_code == 403, "the same answer twice"
        for query in ("", "?code=x", "?state=x&code=y", "?error=access_denied", "?state="):
            assert client.get(f"/me/openid/back{query}").status_code == 403, query
        newer = to_provider(client)
        state = parse_qs(urlsplit(newer).query)["state"][0]
        for code in ("x", "x" * 5000, "../..", "%00"):
            answer = client.get("/me/openid/back", params={"state": state, "code": code})
            assert answer.status_code == 403, code
            state = parse_qs(urlsplit(to_provider(client)).query)["state"][0]
        # An answer to an earlier sign-in of the same browser.
        earlier = agree(to_provider(client), "bob@example.org")
        to_provider(client)
        assert client.get(earlier).status_code == 403
    assert len(list_tokens(live.ledger)) == before + 1


def the_session_ends_with_the_membership(live: Live) -> None:
    with browser(live) as client:
        for changed in settings_without_ada(live):
            assert sign_in(client, "ada@example.org").status_code == 200
            assert is_of(client.get("/me"), "Owls")
            with settings(live, changed):
                page = client.get("/me")
            assert page.status_code == 401, "a member of this team no more"


@pytest.mark.slow
def test_a_provider_that_is_away_is_said_and_tokens_go_on_working(tmp_path: Path) -> None:
    with provider() as issuer:
        pass
    with (
        live_server(
            tmp_path, contest_toml() + TEAMS, *options_of(issuer), CHALLENGE_OPENID_SECRET="s"
        ) as live,
        browser(live) as client,
    ):
        answer = client.get("/me/openid")
        assert answer.status_code == 503 and int(answer.headers["retry-after"]) > 0
        assert "the provider does not answer" in answer.text
        signed = client.post("/me/sign-in", data={"token": live.tokens["Owls"]})
        assert signed.status_code == 303 and is_of(client.get("/me"), "Owls")


@pytest.mark.parametrize(
    "given",
    [
        ("http://login.example.org", "c", "s"),
        ("login.example.org", "c", "s"),
        ("https://", "c", "s"),
        ("ftp://localhost", "c", "s"),
        ("https://login.example.org", "", "s"),
        ("https://login.example.org", "c", ""),
    ],
)
def test_a_provider_without_https_client_or_secret_is_wrong_use(given: tuple[Any, ...]) -> None:
    with pytest.raises(WrongUse):
        OpenIdProvider(*given)
    assert OpenIdProvider("https://login.example.org", "c", "s").claim == "email"
