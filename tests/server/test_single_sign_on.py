"""Signing in through a proxy: it alone may name a person, and a person gets the own team alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from challenge.ledger.network.tokens import list_tokens
from tests.cli.shell import refused, shell
from tests.server.live import Live, contest_toml, live_server

TEAMS = """
[[team]]
name = "Owls"
members = ["ada@example.org", "Zoë"]
[[team]]
name = "Cats"
members = ["bob@example.org"]
"""
HEADER = "X-Forwarded-User"


# Its tests share a running server, so one worker runs them, in this order.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("sign-on")]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    options = ("--trusted-proxies", "127.0.0.1", "--user-header", HEADER)
    root = tmp_path_factory.mktemp("sso")
    with live_server(root, contest_toml() + TEAMS, *options) as server:
        yield server


def browser(live: Live, person: str | bytes | None, address: str = "127.0.0.1") -> httpx.Client:
    """Return a browser behind a proxy at an address of this machine."""
    person = person.encode() if isinstance(person, str) else person
    return httpx.Client(
        base_url=live.url,
        headers=[] if person is None else [(HEADER.encode(), person)],
        follow_redirects=True,
        timeout=60,
        trust_env=False,
        transport=httpx.HTTPTransport(local_address=address),
    )


def is_of(page: httpx.Response, team: str) -> bool:
    """Return whether it is the page of this team."""
    return page.status_code == 200 and re.search(f"<h1>.*{team}.*</h1>", page.text) is not None


def settings_without_ada(live: Live) -> tuple[str, str]:
    """Return challenge.toml without Ada, and with Ada in the other team."""
    before = (live.challenge.root / "challenge.toml").read_text()
    ada, bob = '"ada@example.org"', '"bob@example.org"'
    without = before.replace(f"{ada}, ", "")
    return without, without.replace(bob, f"{bob}, {ada}")


@contextmanager
def settings(live: Live, text: str) -> Iterator[None]:
    """Change challenge.toml for a moment."""
    toml = live.challenge.root / "challenge.toml"
    before = toml.read_text()
    toml.write_text(text)
    try:
        yield
    finally:
        toml.write_text(before)


def test_a_member_signs_in_and_the_audit_log_has_the_person(live: Live) -> None:
    with browser(live, "ada@example.org") as client:
        first = client.get("/me").text
        assert "Continue as" in first and "ada@example.org" in first
        page = client.post("/me/sign-in")
        assert is_of(page, "Owls")
        csrf = re.findall(r'name="csrf" value="([0-9a-f]{64})"', page.text)[0]
        data = {"csrf": csrf, "task": "toy", "method": "m"}
        body = live.file(300).read_bytes()
        done = client.post("/me/submit", data=data, files={"file": ("p.csv", body)})
        assert "<h1>Accepted</h1>" in done.text
    with live.ledger.store.reading() as connection:
        query = "SELECT tokens.name FROM actions JOIN tokens ON tokens.id = actions.token"
        assert connection.exec_driver_sql(query).scalars().all() == [
            "single sign-on: ada@example.org"
        ]
    made = list_tokens(live.ledger)[-1]
    assert made.expires is not None
    assert round((made.expires - made.made).total_seconds()) == 43_200


def test_only_the_proxy_may_name_a_person(live: Live) -> None:
    before = len(list_tokens(live.ledger))
    with browser(live, "ada@example.org", "127.0.0.2") as client:
        assert "Continue as" not in client.get("/me").text
        assert client.post("/me/sign-in").status_code == 401
        forwarded = {"X-Forwarded-For": "127.0.0.1"}
        assert client.post("/me/sign-in", headers=forwarded).status_code == 401
    with browser(live, None) as client:
        twice = [(HEADER, "ada@example.org"), (HEADER, "bob@example.org")]
        assert client.post("/me/sign-in", headers=twice).status_code == 401
        assert client.post("/me/sign-in", headers={HEADER: ""}).status_code == 401
    with browser(live, "ada@example.org") as client:
        foreign = client.post("/me/sign-in", headers={"Sec-Fetch-Site": "cross-site"})
        assert foreign.status_code == 403
        program = client.get("/api/v1/tasks")
        assert program.status_code == 401, "the header opens the page alone"
    assert len(list_tokens(live.ledger)) == before


@pytest.mark.parametrize(
    "person", ["eve@example.org", "ADA@example.org", "ada@example.org ,", "<b>" * 90, b"\xff\xfe"]
)
def test_anybody_else_is_refused(live: Live, person: str | bytes) -> None:
    with browser(live, person) as client:
        answer = client.post("/me/sign-in")
        assert answer.status_code == 403
        assert "ask the organiser to add you to your team" in answer.text
        assert "<b>" not in answer.text.split("<main")[1]


def test_a_name_beyond_ascii_is_read_as_utf_8(live: Live) -> None:
    with browser(live, "Zoë".encode()) as client:
        assert is_of(client.post("/me/sign-in"), "Owls")


def test_the_session_is_that_person_s(live: Live) -> None:
    with browser(live, "ada@example.org") as client:
        assert is_of(client.post("/me/sign-in"), "Owls")
        for other in ({HEADER: "bob@example.org"}, {HEADER: ""}):
            page = client.get("/me", headers=other)
            assert page.status_code == 401 and "<h1>Sign in</h1>" in page.text
            client.post("/me/sign-in")
    with browser(live, "ada@example.org") as client:
        for changed in settings_without_ada(live):
            assert is_of(client.post("/me/sign-in"), "Owls")
            with settings(live, changed):
                page = client.get("/me")
            assert page.status_code == 401, "a member of this team no more"


def test_a_header_without_proxies_is_wrong_use(live: Live) -> None:
    answer = shell(live.challenge.root, "serve", "--user-header", HEADER)
    refused(answer, 2, "--trusted-proxies")
