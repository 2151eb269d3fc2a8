"""Headers that are given twice, cannot be read or say something else than the body."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterator
from io import BytesIO

import httpx
import pytest

from tests.server.live import Live, contest_toml, live_server

SUBMIT = "/api/v1/tasks/toy/submissions"
DOWNLOAD = "/api/v1/tasks/toy/download"
BOARD = "/api/v1/leaderboard/tasks/toy"
Pairs = list[tuple[str, str | bytes]]


# Its tests share a running server, so one worker runs them, in this order.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("headers")]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    toml = contest_toml(per_day=30).replace("failed_per_day = 3", "failed_per_day = 100")
    with live_server(tmp_path_factory.mktemp("headers"), toml, n=800) as server:
        yield server
        assert "Traceback" not in server.log.read_text()


def put(live: Live, body: bytes, *more: tuple[str, str | bytes], name: str = "m") -> httpx.Response:
    given: Pairs = [("X-Method", name)] if name else []
    pairs = [
        (one.encode(), text if isinstance(text, bytes) else text.encode())
        for one, text in (*given, *more)
    ]
    with live.client() as client:
        answer = client.put(SUBMIT, content=body, headers=pairs)
    return answer if "Prefer" in dict(more) else live.settled(answer)


def is_problem(answer: httpx.Response, status: int) -> bool:
    kind = answer.headers["content-type"]
    return (answer.status_code, kind) == (status, "application/problem+json")


@pytest.mark.parametrize(
    "name",
    [
        *("Authorization", "X-Method", "X-Note", "Content-Type", "Idempotency-Key"),
        *("Content-Encoding", "Content-Range"),
    ],
)
def test_a_header_that_is_given_twice_is_refused(live: Live, name: str) -> None:
    twice = [(name, "Bearer x"), (name, "other")]
    answer = put(live, live.file(300).read_bytes(), *twice, name="")
    assert is_problem(answer, 422)
    assert f"header {name.lower()}" in [fault["where"] for fault in answer.json()["faults"]]


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, br", "rot13", "\x7f"])
def test_an_encoding_that_no_file_has_is_refused(live: Live, encoding: str) -> None:
    answer = put(live, live.file(300).read_bytes(), ("Content-Encoding", encoding))
    assert is_problem(answer, 415)


def test_an_encoding_that_a_file_may_have_is_found_from_its_content(live: Live) -> None:
    body = live.file(301).read_bytes()
    for one, encoding in ((gzip.compress(body), "gzip"), (body, "identity")):
        assert put(live, one, ("Content-Encoding", encoding)).status_code in (200, 201)


def test_a_part_of_a_file_is_refused(live: Live) -> None:
    part = ("Content-Range", "bytes 0-99/1000")
    assert is_problem(put(live, live.file(300).read_bytes()[:100], part), 422)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("Zoë", "Zoë"),
        ("Zo%C3%AB", "Zoë"),
        ("100%", "100%"),
        ("%zz", "%zz"),
        ("a%0D%0ASet-Cookie: b", "a Set-Cookie: b"),
        ("%E2%80%AEa", None),
        (b"Zo\xeb", None),
        (b"\xff\xfe", None),
    ],
)
def test_a_method_is_utf_8_as_it_is_or_percent_encoded(
    live: Live, given: str | bytes, stored: str | None
) -> None:
    raw = given.encode() if isinstance(given, str) else given
    body = live.file(310, salt=sum(raw)).read_bytes()
    answer = put(live, body, ("X-Method", raw), name="")
    if stored is None:
        assert is_problem(answer, 422)
    else:
        assert answer.json()["submission"]["method"] == stored, answer.text


@pytest.mark.parametrize(
    ("range_", "status"),
    [
        *(("bytes=0-0", 206), ("bytes=5-", 206), ("bytes=-5", 206), ("bytes=5-99999999999", 206)),
        *(("bytes=5-2", 200), ("bytes=a-b", 200), ("items=0-1", 200), ("bytes=--1", 200)),
        *(("bytes=0-0,2-3", 200), ("bytes=0-,0-,0-", 200), (f"bytes=0-{'9' * 5000}", 200)),
        *(("", 200), ("bytes=-", 200), ("bytes=٣-٤", 200)),
        *(("bytes=99999999999-", 416), ("bytes=-0", 416)),
    ],
)
def test_a_range_is_served_ignored_or_beyond_the_end(live: Live, range_: str, status: int) -> None:
    with live.client() as client:
        whole = client.get(DOWNLOAD)
        answer = client.get(DOWNLOAD, headers=[(b"Range", range_.encode())])
        assert answer.status_code == status
        if status == 416:
            assert is_problem(answer, 416)
            assert answer.headers["content-range"] == f"bytes */{len(whole.content)}"
            # A download that went on with an older archive gets the whole new one.
            old = client.get(DOWNLOAD, headers={"Range": range_, "If-Range": '"old"'})
            assert old.content == whole.content
        elif status == 200:
            assert answer.content == whole.content
        else:
            assert answer.content in whole.content


def test_every_call_that_answers_get_answers_head_without_a_body(live: Live) -> None:
    number = live.put(live.file(320).read_bytes()).json()["submission"]["id"]
    paths = [
        *("/healthz", "/readyz", "/metrics", "/", "/me", "/api/v1/info", "/api/v1/docs"),
        *("/api/v1/tasks", "/api/v1/tasks/toy", DOWNLOAD, BOARD, "/api/v1/submissions"),
        *(f"/api/v1/submissions/{number}", f"/api/v1/submissions/{number}/file", "/nowhere"),
    ]
    with live.client() as client:
        for path in paths:
            get, head = client.get(path), client.head(path)
            assert (head.status_code, head.content) == (get.status_code, b""), path
            assert head.headers["content-type"] == get.headers["content-type"], path
        refused = client.delete("/api/v1/tasks")
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
        assert 'method="HEAD"' in client.get("/metrics").text


def test_an_etag_is_compared_as_a_list_of_tags_or_a_star(live: Live) -> None:
    with live.client() as client:
        for path in (DOWNLOAD, BOARD):
            etag = client.get(path).headers["etag"]
            for given in (etag, f'"x", {etag}', f"W/{etag}", "*"):
                same = client.get(path, headers={"If-None-Match": given})
                assert (same.status_code, same.content) == (304, b""), given
            for given in ("", '"x"', etag.strip('"')[:-1], "**"):
                assert client.get(path, headers={"If-None-Match": given}).status_code == 200


def test_a_preference_is_read_in_any_case(live: Live) -> None:
    answer = put(live, live.file(330).read_bytes(), ("Prefer", "wait=0, Respond-Async"))
    assert answer.status_code == 202


def test_a_quota_that_is_used_up_states_when_to_come_again(live: Live) -> None:
    toml = live.challenge.root / "challenge.toml"
    before = toml.read_text()
    toml.write_text(before.replace("per_day = 30", "per_day = 1"))
    try:
        answers = [live.put(live.file(hits).read_bytes(), team="Cats") for hits in (340, 341)]
    finally:
        toml.write_text(before)
    assert answers[0].status_code == 201
    assert is_problem(answers[1], 429)
    wait = answers[1].headers["retry-after"]
    assert 0 < int(wait) <= 86_400
    assert answers[1].headers["ratelimit"] == f'"per-day";r=0;t={wait}'


def test_an_archive_or_an_empty_body_is_a_fault_of_the_file(live: Live) -> None:
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("p.csv", live.file(300).read_bytes())
    bomb = gzip.compress(b"id,label\n" + b"0" * (64 << 20))
    statuses = [put(live, body).status_code for body in (archive.getvalue(), b"", bomb)]
    assert statuses == [422, 422, 413]


def test_tokens_open_nothing_but_by_their_header(live: Live) -> None:
    text = live.tokens["Owls"]
    with live.client(None) as client:
        ways = [
            client.get("/api/v1/tasks", params={"token": text, "access_token": text}),
            client.get("/api/v1/tasks", headers={"Cookie": f"challenge_token={text}"}),
            client.get("/api/v1/tasks", headers={"X-Forwarded-User": "Owls"}),
            client.get("/api/v1/tasks", headers={"Authorization": text}),
            client.get("/api/v1/tasks", headers={"Authorization": f"Bearer {text} {text}"}),
            client.get("/api/v1/tasks", headers={"Authorization": f"Bearer {text.lower()}"}),
            client.get("/me", headers={"Authorization": f"Bearer {text}"}),
        ]
        assert [one.status_code for one in ways] == [401] * 6 + [200]
        assert "<h1>Sign in</h1>" in ways[-1].text
        assert client.get(f"/{text}").status_code == 404
    assert text not in live.log.read_text()


def test_a_caller_without_a_trusted_proxy_cannot_state_address_or_scheme(live: Live) -> None:
    spoofed = {"X-Forwarded-For": "10.9.8.7", "X-Forwarded-Proto": "https", "Forwarded": "for=x"}
    with live.client(None) as client:
        assert client.get("/healthz", headers=spoofed).status_code == 200
        signed = client.post("/me/sign-in", data={"token": live.tokens["Cats"]}, headers=spoofed)
        assert "secure" not in signed.headers["set-cookie"].lower()
    assert "10.9.8.7" not in live.log.read_text()


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "multipart/form-data"])
def test_a_form_of_another_kind_changes_nothing(live: Live, kind: str) -> None:
    own = live.put(live.file(350).read_bytes(), Idempotency_Key="kind").json()["submission"]["id"]
    with live.client(None) as client:
        client.post("/me/sign-in", data={"token": live.tokens["Owls"]})
        url = f"/me/submissions/{own}/withdraw"
        body = b'{"csrf": "x"}'
        answer = client.post(url, content=body, headers={"Content-Type": kind})
        assert answer.status_code in (400, 403)
    with live.client() as client:
        state = client.get(f"/api/v1/submissions/{own}").json()["state"]
    assert "withdrawn" not in state


def test_the_same_key_of_two_teams_names_two_uploads(live: Live) -> None:
    bodies = [live.file(hits).read_bytes() for hits in (360, 361)]
    toml = live.challenge.root / "challenge.toml"
    assert "per_day = 30" in toml.read_text()
    first = live.put(bodies[0], Idempotency_Key="shared")
    second = live.put(bodies[1], team="Cats", Idempotency_Key="shared")
    assert (first.status_code, second.status_code) == (201, 201)
    assert (first.json()["team"], second.json()["team"]) == ("Owls", "Cats")
