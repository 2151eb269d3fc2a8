"""The pages of a team, as a browser without scripts uses them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from challenge.ledger.network.tokens import list_tokens, revoke_token
from tests.server.live import Live, contest_toml, live_server

CSRF = re.compile(r'name="csrf" value="([0-9a-f]{64})"')


# Its tests share a running server, so one worker runs them, in this order.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("web pages")]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_server(tmp_path_factory.mktemp("web"), contest_toml(per_day=4)) as server:
        yield server


@contextmanager
def browser(live: Live, team: str | None = "Owls") -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=live.url, follow_redirects=True, timeout=60, trust_env=False
    ) as client:
        if team is not None:
            page = client.post("/me/sign-in", data={"token": live.tokens[team]})
            assert page.status_code == 200 and team in page.text
        yield client


def csrf_of(client: httpx.Client) -> str:
    found: list[str] = CSRF.findall(client.get("/me").text)
    return found[0]


def hand_in(client: httpx.Client, name: str, body: bytes, **fields: str) -> httpx.Response:
    given = {"csrf": csrf_of(client), "task": "toy", "method": "m <b>", "note": "", **fields}
    return client.post("/me/submit", data=given, files={"file": (name, body)})


def test_the_token_is_kept_where_scripts_and_other_sites_cannot_use_it(live: Live) -> None:
    with httpx.Client(base_url=live.url, trust_env=False) as client:
        answer = client.post("/me/sign-in", data={"token": live.tokens["Owls"]})
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie and "samesite=strict" in cookie and "path=/me" in cookie
        policy = client.get("/me").headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    with browser(live, None) as client:
        assert "<h1>Sign in</h1>" in client.get("/me").text
        wrong = client.post("/me/sign-in", data={"token": "chl_wrong"})
        assert wrong.status_code == 401 and "unknown, expired or revoked" in wrong.text


def test_a_file_is_handed_in_with_a_plain_form(live: Live) -> None:
    with browser(live) as client:
        body = live.file(300).read_bytes()
        done = hand_in(client, "C:\\my files\\preds.csv", body, note="hello")
        assert done.status_code == 200 and "<h1>Accepted</h1>" in done.text
        assert "quota left today: 3" in done.text
        page = client.get("/me").text
        assert "m &lt;b&gt;" in page and "<b>" not in page.split("<main")[1]
        assert "3 submissions left today" in page


def test_faults_are_shown_as_check_prints_them(live: Live) -> None:
    with browser(live) as client:
        done = hand_in(client, "preds.csv", b"id,label\nr1,<script>\n")
        assert done.status_code == 422
        assert "expected: one row for every id of test.csv" in done.text
        assert "preds.csv, column id" in done.text
        assert "<script>" not in done.text.split("<main")[1]
        assert str(live.challenge.root) not in done.text
        for fields in ({"task": "toyy"}, {"method": " "}):
            assert hand_in(client, "preds.csv", b"id,label\n", **fields).status_code in (404, 422)


def test_a_form_of_another_site_is_refused(live: Live) -> None:
    with browser(live) as client:
        for csrf in ("", "0" * 64):
            done = hand_in(client, "preds.csv", live.file(301).read_bytes(), csrf=csrf)
            assert done.status_code == 403 and "not made by this site" in done.text
        headers = {"Sec-Fetch-Site": "cross-site"}
        data = {"csrf": csrf_of(client)}
        assert client.post("/me/sign-out", data=data, headers=headers).status_code == 403
        token = {"token": live.tokens["Cats"]}
        assert client.post("/me/sign-in", data=token, headers=headers).status_code == 403
        assert client.post("/me/submissions/1/withdraw").status_code == 403
    with browser(live, "Cats") as other, browser(live) as client:
        done = client.post("/me/submissions/1/withdraw", data={"csrf": csrf_of(other)})
        assert done.status_code == 403


def test_select_undo_withdraw_and_sign_out(live: Live) -> None:
    with browser(live) as client:
        hand_in(client, "p.csv", live.file(310).read_bytes())
        number = re.findall(r"/me/submissions/(\d+)/select", client.get("/me").text)[0]
        data = {"csrf": csrf_of(client)}
        done = client.post(f"/me/submissions/{number}/select", data=data)
        assert "The selection is changed." in done.text and ", selected" in done.text
        done = client.post(f"/me/submissions/{number}/select", data={**data, "undo": "1"})
        assert ", selected" not in done.text
        done = client.post(f"/me/submissions/{number}/withdraw", data=data)
        assert "The submission is withdrawn." in done.text
        again = client.post(f"/me/submissions/{number}/withdraw", data=data)
        assert again.status_code == 409 and "already withdrawn" in again.text
        with browser(live, "Cats") as other:
            theirs = {"csrf": csrf_of(other)}
            done = other.post(f"/me/submissions/{number}/withdraw", data=theirs)
            assert done.status_code == 403 and "another team" in done.text
            arrival = other.get("/me/arrivals/1")
            assert arrival.status_code == 404
        assert "<h1>Sign in</h1>" in client.post("/me/sign-out", data=data).text
        assert "<h1>Sign in</h1>" in client.get("/me").text


def test_a_revoked_token_ends_the_session(live: Live) -> None:
    with browser(live, "Cats") as client:
        ledger = live.ledger
        for token in list_tokens(ledger):
            if token.team_name == "Cats":
                revoke_token(ledger, token.id)
        page = client.get("/me")
        assert page.status_code == 401 and "<h1>Sign in</h1>" in page.text


def test_the_page_of_the_api_lists_every_call(live: Live) -> None:
    with browser(live, None) as client:
        page = client.get("/api/v1/docs").text
        assert "PUT /api/v1/tasks/{task_id}/submissions" in page
        assert "curl -H &#34;Authorization" in page or 'curl -H "Authorization' in page
        assert "https://" not in page.replace("http://www.w3.org", "")
