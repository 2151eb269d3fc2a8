"""Callers who want what is not theirs, or to hold what others need."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from tests.server.live import Live, contest_toml, live_server

TWICE = ", ".join([f"sha-256=:{'A' * 43}=:"] * 2)
SUBMIT = "PUT /api/v1/tasks/toy/submissions HTTP/1.1"


# Its tests share a running server, so one worker runs them, in this order.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("hostile callers")]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    toml = contest_toml(per_day=30).replace("failed_per_day = 3", "failed_per_day = 100")
    with live_server(tmp_path_factory.mktemp("hostile"), toml) as server:
        yield server
        log = server.log.read_text()
        assert "Traceback" not in log
        assert not any(token in log for token in server.tokens.values())


def call(live: Live, line: str, *headers: str, body: bytes = b"", team: str | None = "Owls") -> str:
    """Return the answer to a call as it is written here."""
    given = ["Host: x", "X-Method: m"] if line.startswith("PUT") else []
    given += [f"Authorization: Bearer {live.tokens[team]}"] if team else []
    head = "\r\n".join([line, *given, *headers, "Connection: close", "", ""])
    answer = b""
    with socket.create_connection(live.address()) as connection:
        connection.settimeout(30)
        connection.sendall(head.encode("latin-1") + body)
        while block := connection.recv(65536):
            answer += block
    return answer.decode("latin-1")


def statuses(answer: str) -> list[int]:
    return [int(status) for status in re.findall(r"^HTTP/1.1 (\d+)", answer, re.MULTILINE)]


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: -5",),
        ("Content-Length: +5",),
        (f"Content-Length: {'9' * 400}",),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding : chunked",),
        ("Content-Length: 5", "X-Note: a\x00b"),
    ],
)
def test_a_body_whose_end_is_in_doubt_is_refused(live: Live, headers: tuple[str, ...]) -> None:
    assert statuses(call(live, SUBMIT, *headers, body=b"hello")) == [400]


def test_no_call_is_hidden_in_the_body_of_another(live: Live) -> None:
    body = b"0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    both = ("Content-Length: 5", "Transfer-Encoding: chunked")
    answer = call(live, SUBMIT, *both, body=body)
    assert statuses(answer) == [422] and "challenge_requests_total" not in answer


def test_made_up_methods_are_counted_as_one(live: Live) -> None:
    for number in range(5):
        assert statuses(call(live, f"MADE{number} /api/v1/info HTTP/1.1", "Host: x")) == [405]
    with live.client(None) as client:
        metrics = client.get("/metrics").text
    assert "MADE" not in metrics and 'method="other"' in metrics


@pytest.mark.parametrize("host", ["a b", "<script>", '"x', "\xff\xfe", "x:99999999", "[::1", ""])
def test_a_host_that_is_none_harms_nothing(live: Live, host: str) -> None:
    answer = call(live, "GET /api/v1/docs HTTP/1.1", f"Host: {host}")
    assert statuses(answer) == [200] and "<script>" not in answer


@pytest.mark.parametrize(
    "digest",
    ["sha-256=:!!:", "sha-256=::", "sha-512=:AAAA:", "md5=x", "\xff", "", "x", TWICE],
)
def test_a_digest_that_cannot_be_verified_is_refused(live: Live, digest: str) -> None:
    body = live.file(300).read_bytes()
    length = f"Content-Length: {len(body)}"
    answer = call(live, SUBMIT, f"Content-Digest: {digest}", length, body=body)
    assert statuses(answer) == [422] and '"content-digest"' in answer


@pytest.mark.parametrize(
    "cookie",
    ["", "a" * 5000, '"\xff"', "OWLS; challenge_token=x", "../../x", "OWLS\t", "' OR 1=1"],
)
def test_a_cookie_is_a_token_or_nothing(live: Live, cookie: str) -> None:
    value = cookie.replace("OWLS", live.tokens["Owls"])
    answer = call(live, "GET /me HTTP/1.1", "Host: x", f"Cookie: challenge_token={value}")
    own = cookie == "OWLS\t"
    assert statuses(answer) == [200 if own else 401] and ("<h1>Sign in" in answer) != own


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ([("file", "../../../../etc/passwd", "BODY")], 303),
        ([("file", "a\x00.csv", "BODY")], 303),
        ([("file", None, "BODY")], 400),
        ([("file", "a", "BODY"), ("more", "b", "BODY")], 400),
        ([("csrf", "a", "0" * 64)], 403),
        ([("note", None, "n" * 5000)], 400),
        ([(f"f{number}", None, "1") for number in range(9)], 400),
        ([("task", None, "../../x"), ("file", "a", "BODY")], 404),
    ],
)
def test_forms_with_tricks(
    live: Live, fields: list[tuple[str, str | None, str]], status: int
) -> None:
    with httpx.Client(base_url=live.url, timeout=60, trust_env=False) as client:
        client.post("/me/sign-in", data={"token": live.tokens["Owls"]})
        csrf = re.findall(r'name="csrf" value="(\w+)"', client.get("/me").text)[0]
        given = {"csrf": csrf, "task": "toy", "method": "m"}
        given = {name: one for name, one in given.items() if name not in {f[0] for f in fields}}
        body = live.file(310).read_text()
        files = [(name, (file, text.replace("BODY", body))) for name, file, text in fields]
        answer = client.post("/me/submit", data=given, files=files)
    assert answer.status_code == status
    assert str(live.challenge.root) not in answer.text


def test_a_team_cannot_send_more_bodies_at_once_than_it_may_have_in_the_line(live: Live) -> None:
    head = (
        f"{SUBMIT}\r\nHost: x\r\nX-Method: m\r\nAuthorization: Bearer {live.tokens['Owls']}\r\n"
        "Content-Length: 1000\r\n\r\nid,label\n"
    )
    body = live.file(320).read_bytes()
    with ExitStack() as held:
        for _ in range(10):
            connection = held.enter_context(socket.create_connection(live.address()))
            connection.sendall(head.encode())
        time.sleep(1)
        full = live.put(body)
        assert full.status_code == 503 and int(full.headers["retry-after"]) > 0
        assert full.json()["faults"][0]["code"] == "team-line-full"
        assert live.put(live.file(321).read_bytes(), team="Cats").status_code == 201
    until = time.monotonic() + 30
    while (answer := live.put(body)).status_code == 503:
        assert time.monotonic() < until
        time.sleep(0.2)
    assert answer.status_code == 201
    with live.client(None) as client:
        assert 'status="499"} 10' in client.get("/metrics").text, "cut, and no fault of the server"


def test_a_caller_that_does_not_read_or_never_ends_its_body_is_cut(live: Live) -> None:
    reader, sender = socket.socket(), socket.create_connection(live.address())
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    reader.connect(live.address())
    with reader, sender:
        reader.sendall(b"GET /task/toy/index.html HTTP/1.1\r\nHost: x\r\n\r\n" * 300)
        sender.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n")
        started = time.monotonic()
        with pytest.raises(OSError, match=r"reset|pipe"):
            while time.monotonic() - started < 60:
                sender.sendall(b"x")
                time.sleep(1)
        time.sleep(max(0.0, started + 75 - time.monotonic()))
        with pytest.raises(OSError, match=r"reset|pipe"):
            for _ in range(10):
                reader.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                time.sleep(0.2)
