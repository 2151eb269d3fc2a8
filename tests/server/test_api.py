"""The API of a real server: receipts, refusals, pages, and what never leaves it."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import socket
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from challenge.errors import SubmissionError
from challenge.ledger.network.tokens import list_tokens, new_token, revoke_token
from challenge.ledger.store.integrity import verify
from challenge.scoring import read_predictions
from tests.server.live import Live, contest_toml, live_server

SUBMIT = "/api/v1/tasks/toy/submissions"


# Its tests share a running server, so one worker runs them, in this order.
pytestmark = pytest.mark.xdist_group("api")


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_server(tmp_path_factory.mktemp("api"), contest_toml(per_day=30)) as server:
        yield server


def codes_of(answer: httpx.Response) -> list[str]:
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == answer.status_code
    assert document["request"] == answer.headers["x-request-id"]
    for fault in document["faults"]:
        assert all(fault[part] for part in ("where", "found", "expected", "fix"))
    return [fault["code"] for fault in document["faults"]]


def quota_left(live: Live, team: str = "Owls") -> int:
    """Return what a receipt of an identical file says, which costs nothing."""
    with live.client(team) as client:
        rows = client.get("/api/v1/submissions", params={"team": team}).json()["submissions"]
    return 30 - len(rows)


def test_a_submission_is_answered_with_its_receipt(live: Live) -> None:
    answer = live.put(live.file(300).read_bytes(), X_Note="a%20note%20%C3%A9")
    assert answer.status_code == 201
    receipt = answer.json()
    number = receipt["submission"]["id"]
    assert answer.headers["location"] == f"/api/v1/submissions/{number}"
    assert (receipt["team"], receipt["submission"]["note"]) == ("Owls", "a note é")
    assert receipt["quota_left"] == int(re.findall(r"r=(\d+)", answer.headers["ratelimit"])[0])
    assert receipt["closes"] == answer.headers["x-closes"]
    assert receipt["lines"][0] == receipt["message"]
    with live.client() as client:
        row = client.get(f"/api/v1/submissions/{number}").json()
        file = client.get(f"/api/v1/submissions/{number}/file")
        assert client.get("/api/v1/submissions/999").status_code == 404
    # Another test may have submitted a better file before.
    assert row["task"] == "toy" and row["state"] in ("on the board", "not released")
    assert hashlib.sha256(file.content).hexdigest() == receipt["submission"]["sha256"]
    with live.client("Cats") as client:
        assert codes_of(client.get(f"/api/v1/submissions/{number}/file")) == ["not-own"]
        assert client.get(f"/api/v1/submissions/{number}").status_code == 200


def test_a_repeated_upload_gets_the_same_receipt_and_costs_nothing(live: Live) -> None:
    body = live.file(310).read_bytes()
    first = live.put(body)
    left = quota_left(live)
    again = live.put(body)
    assert first.status_code == again.status_code == 201
    assert {**again.json(), "arrived": 0} == {**first.json(), "arrived": 0}
    # The same predictions in another file, and the same file under a key of its own.
    rows = body.splitlines(keepends=True)
    for answer in (
        live.put(b"".join([rows[0], *reversed(rows[1:])])),
        live.put(body, Idempotency_Key="one"),
    ):
        assert answer.status_code == 200
        assert answer.json()["identical_to"] == first.json()["submission"]["id"]
    other = live.put(live.file(311).read_bytes(), Idempotency_Key="one")
    assert codes_of(other) == ["idempotency-key-reused"]
    assert quota_left(live) == left


def test_a_repeated_faulty_upload_gets_the_same_faults_and_counts_once(live: Live) -> None:
    def n_faulty() -> int:
        with live.ledger.store.reading() as connection:
            n = connection.exec_driver_sql("SELECT count(*) FROM failures").scalar_one()
        return int(n)

    before = n_faulty()
    first, again = live.put(b"id,label\nfaulty,cow\n"), live.put(b"id,label\nfaulty,cow\n")
    assert first.status_code == again.status_code == 422
    assert first.json()["faults"] == again.json()["faults"]
    assert n_faulty() == before + 1


def test_two_uploads_of_one_file_at_once_are_one(live: Live) -> None:
    body, answers = live.file(312).read_bytes(), []

    def put() -> None:
        answers.append(live.put(body))

    threads = [threading.Thread(target=put) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["submission"]["id"] for answer in answers}) == 1


def test_every_fault_comes_at_once_as_check_reports_it(live: Live, tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    path.write_text("id,label\nr1,cow\nr1,cat\n")
    with pytest.raises(SubmissionError) as expected:
        read_predictions(live.task, path)
    answer = live.put(path.read_bytes())
    assert answer.status_code == 422
    assert answer.json()["faults"] == [fault.as_json() for fault in expected.value.faults]
    assert len(codes_of(answer)) > 2


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Content_Type": "image/png"}, 415, "content-type"),
        ({"X_Method": "%20"}, 422, "name-empty"),
        ({"X_Method": "m" * 201}, 422, "name-too-long"),
        ({"X_Note": "%00"}, 422, "name-not-printable"),
        ({"X_Method": "%ED%A0%80m"}, 201, ""),
        ({"Content_Digest": "sha-256=:AAAA:"}, 422, "content-digest"),
        ({"Idempotency_Key": "a b"}, 422, "request"),
        ({"X_Method": ""}, 422, "request"),
        ({"Authorization": "Bearer chl_wrong"}, 401, "token"),
        ({"Authorization": "Basic eDp5"}, 401, "token"),
    ],
)
def test_headers_are_checked(live: Live, headers: dict[str, str], status: int, code: str) -> None:
    answer = live.put(live.file(320).read_bytes(), **headers)
    if status < 300:
        assert answer.status_code in (200, 201)
    else:
        assert (answer.status_code, codes_of(answer)) == (status, [code])


def test_a_digest_that_fits_is_accepted(live: Live) -> None:
    body = live.file(321).read_bytes()
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    assert live.put(body, Content_Digest=f"sha-256=:{digest}:").status_code == 201


def test_a_file_that_is_too_large_is_not_received(live: Live) -> None:
    host, port = live.address()
    head = (
        f"PUT {SUBMIT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {live.tokens['Owls']}\r\n"
        "X-Method: m\r\nContent-Type: text/csv\r\nContent-Length: 99999999999\r\n\r\n"
    )
    with socket.create_connection((host, port)) as connection:
        connection.sendall(head.encode())
        answer = ""
        while "faults" not in answer and (block := connection.recv(65536)):
            answer += block.decode()
    assert answer.startswith("HTTP/1.1 413") and "file-too-large" in answer
    blocks = (b"x" * (1 << 20) for _ in range(40))
    with live.client() as client:
        headers = {"X-Method": "m", "Content-Type": "text/csv"}
        answer_of_chunks = client.put(SUBMIT, content=blocks, headers=headers)
    assert codes_of(answer_of_chunks) == ["file-too-large"]


def test_a_cut_upload_leaves_nothing(live: Live) -> None:
    before = quota_left(live)
    body = live.file(322).read_bytes()
    host, port = live.address()
    head = (
        f"PUT {SUBMIT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {live.tokens['Owls']}\r\n"
        f"X-Method: m\r\nContent-Type: text/csv\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    for part in (0, 1, len(body) // 2, len(body) - 1):
        with socket.create_connection((host, port)) as connection:
            connection.sendall(head.encode() + body[:part])
    until = time.monotonic() + 10
    spool = live.challenge.submissions / "spool"
    while any(spool.iterdir()) and time.monotonic() < until:
        time.sleep(0.1)
    assert list(spool.iterdir()) == []
    assert quota_left(live) == before


def test_a_call_that_does_not_wait_gets_a_place_to_ask(live: Live) -> None:
    answer = live.put(live.file(323).read_bytes(), Prefer="respond-async")
    assert answer.status_code == 202
    with live.client("Cats") as client:
        assert client.get(answer.headers["location"]).status_code == 404
    with live.client() as client:
        until = time.monotonic() + 30
        while (found := client.get(answer.headers["location"])).status_code == 202:
            assert time.monotonic() < until
            time.sleep(0.1)
    assert found.status_code == 201 and found.json()["team"] == "Owls"


def test_history_has_pages_that_link_on(live: Live) -> None:
    for hits in range(350, 355):
        assert live.put(live.file(hits).read_bytes()).status_code == 201
    with live.client() as client:
        everything = client.get("/api/v1/submissions").json()["submissions"]
        url: str | None = "/api/v1/submissions?limit=2"
        found: list[Any] = []
        while url is not None:
            page = client.get(url)
            found += page.json()["submissions"]
            url = re.findall("<(.*)>", page.headers["link"])[0] if "link" in page.headers else None
    assert len(found) > 4
    assert found == everything


def test_selection_and_withdrawal_are_for_the_own_team(live: Live) -> None:
    own = live.put(live.file(330).read_bytes()).json()["submission"]["id"]
    url = f"/api/v1/submissions/{own}"
    with live.client("Cats") as client:
        assert codes_of(client.post(f"{url}/select")) == ["not-own"]
        assert codes_of(client.post(f"{url}/withdraw")) == ["not-own"]
    with live.client() as client:
        assert client.post(f"{url}/select").json() == {"selected": [own]}
        assert client.post(f"{url}/select", params={"undo": True}).json() == {"selected": []}
        assert client.post(f"{url}/withdraw").json()["submission"]["withdrawn"] is True
        again = client.post(f"{url}/withdraw")
    assert (again.status_code, codes_of(again)) == (409, ["withdrawn"])
    with live.ledger.store.reading() as connection:
        rows = connection.exec_driver_sql(
            f"SELECT what, address, token FROM actions WHERE submission = {own} ORDER BY id"
        ).all()
    assert [tuple(row) for row in rows] == [
        (what, "127.0.0.1", 1) for what in ("submit", "select", "undo-select", "withdraw")
    ]


def test_a_download_is_resumed_verified_and_not_repeated(live: Live) -> None:
    url = "/api/v1/tasks/toy/download"
    with live.client() as client:
        whole = client.get(url)
        etag = whole.headers["etag"]
        rest = client.get(url, headers={"Range": "bytes=100-", "If-Range": etag})
        other = client.get(url, headers={"Range": "bytes=100-", "If-Range": '"old"'})
        same = client.get(url, headers={"If-None-Match": etag})
    assert (whole.status_code, rest.status_code, other.status_code) == (200, 206, 200)
    assert whole.content[:100] + rest.content == other.content == whole.content
    assert same.status_code == 304 and same.content == b""
    digest = base64.b64encode(hashlib.sha256(whole.content).digest()).decode()
    assert rest.headers["repr-digest"] == f"sha-256=:{digest}:"
    names = zipfile.ZipFile(io.BytesIO(whole.content)).namelist()
    assert "toy/test.csv" in names
    assert not any("private" in name or "solution" in name for name in names)


def test_boards_are_the_exports_of_the_site(live: Live) -> None:
    live.put(live.file(320).read_bytes())
    until = time.monotonic() + 30
    with live.client() as client:
        while '"Owls"' not in (track := client.get("/api/v1/leaderboard/tracks/classes")).text:
            assert time.monotonic() < until, track.text
            time.sleep(0.1)
        task = client.get("/api/v1/leaderboard/tasks/toy")
        etag = track.headers["etag"]
        same = client.get("/api/v1/leaderboard/tracks/classes", headers={"If-None-Match": etag})
        wrong = client.get("/api/v1/leaderboard/tracks/klasses")
    assert same.status_code == 304
    assert "Owls" in [row["team"] for row in track.json()["rows"]]
    assert task.json()["task"] == "toy"
    assert (wrong.status_code, codes_of(wrong)) == (404, ["unknown-track"])
    assert "did you mean 'classes'?" in wrong.text


def test_an_unknown_task_names_the_nearest(live: Live) -> None:
    with live.client() as client:
        for url in ("/api/v1/tasks/toyy", "/api/v1/tasks/toyy/download"):
            answer = client.get(url)
            assert (answer.status_code, codes_of(answer)) == (404, ["unknown-task"])
            assert "did you mean 'toy'?" in answer.text


def test_tokens_open_what_their_scopes_say(live: Live) -> None:
    ledger = live.ledger
    token, text = new_token(ledger, team="Cats", scopes=("read",))
    headers = {"Authorization": f"Bearer {text}"}
    with live.client(None) as client:
        assert client.get("/api/v1/info").json()["you"] is None
        assert codes_of(client.get("/api/v1/tasks")) == ["token"]
        info = client.get("/api/v1/info", headers=headers).json()
        assert info["you"] == {
            "team": "Cats",
            "token": token.id,
            "scopes": ["read"],
            "expires": None,
        }
        refused = client.put(SUBMIT, content=b"", headers={**headers, "X-Method": "m"})
        assert (refused.status_code, codes_of(refused)) == (403, ["scope"])
        revoke_token(ledger, token.id)
        again = client.get("/api/v1/tasks", headers=headers)
    assert (again.status_code, again.headers["www-authenticate"]) == (401, "Bearer")
    used = {one.id: one.used for one in list_tokens(ledger)}
    assert used[1] is not None and used[token.id] is not None


@pytest.mark.parametrize(
    "path",
    [
        *("/../challenge.toml", "/%2e%2e/challenge.toml", "/..%2fchallenge.toml"),
        *("/%2e%2e%2fsubmissions%2fledger.db", "/.building/file", "/datasets/toy/private/secret"),
        *("/api/v1/tasks/..%2f..", "/api/v1/tasks/%00/download", "/api/v2/info", "/\u00e9"),
        *("/api/v1/submissions/0", "/api/v1/submissions/99999999999999999999", "//etc/passwd"),
        *("/me/arrivals/99999999999999999999", "/me/arrivals/x"),
    ],
)
def test_odd_paths_are_refused(live: Live, path: str) -> None:
    host, port = live.address()
    with socket.create_connection((host, port)) as connection:
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {live.tokens['Owls']}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        answer = b""
        while block := connection.recv(65536):
            answer += block
    status = int(answer.split()[1])
    assert 400 <= status < 500, answer
    assert b"Traceback" not in answer and str(live.challenge.root).encode() not in answer


def test_metrics_and_health_name_no_path_and_no_team(live: Live) -> None:
    number = live.put(live.file(356).read_bytes()).json()["submission"]["id"]
    with live.client("Cats") as client:
        assert codes_of(client.get(f"/api/v1/submissions/{number}/file")) == ["not-own"]
    with live.client(None) as client:
        assert client.get("/healthz").text == "ok\n"
        assert client.get("/readyz").json()["ready"] is True
        metrics = client.get("/metrics").text
    assert 'route="/api/v1/tasks/{task_id}/submissions",status="201"' in metrics
    assert re.search(r"challenge_scoring_seconds_count [1-9]", metrics)
    assert 'challenge_refusals_total{code="not-own"}' in metrics
    assert "Owls" not in metrics and str(live.challenge.root) not in metrics


def test_the_site_follows_within_seconds_and_is_whole(live: Live) -> None:
    # More hits than any other file, so that it is the one on the board.
    number = live.put(live.file(700).read_bytes(), team="Cats").json()["submission"]["id"]
    until = time.monotonic() + 30
    with live.client(None) as client:
        while f'"submission": {number}' not in client.get("/task/toy/board.json").text:
            assert time.monotonic() < until, client.get("/manifest.json").text[:300]
            time.sleep(0.1)
        assert client.get("/").status_code == 200


def test_nothing_of_the_machine_is_in_an_answer_of_a_broken_server(live: Live) -> None:
    solution = live.challenge.datasets / "toy" / "private" / "solution.parquet"
    content, body = solution.read_bytes(), live.file(345).read_bytes()
    solution.write_bytes(b"broken")
    try:
        answer = live.put(body, team="Cats")
    finally:
        solution.write_bytes(content)
    assert (answer.status_code, codes_of(answer)) == (503, ["server"])
    assert int(answer.headers["retry-after"]) > 0
    assert str(live.challenge.root) not in answer.text and "solution" not in answer.text
    request = answer.headers["x-request-id"]
    log = live.log.read_text()
    assert request in log and "solution" in log
    assert live.put(body, team="Cats").status_code == 201


def test_a_disk_that_refuses_costs_nothing_and_is_not_named(live: Live) -> None:
    spool, body = live.challenge.submissions / "spool", live.file(346).read_bytes()
    before = quota_left(live)
    kept = spool.rename(spool.with_name("kept"))
    spool.write_text("no folder")
    try:
        answer = live.put(body)
    finally:
        spool.unlink()
        kept.rename(spool)
    assert (answer.status_code, codes_of(answer)) == (503, ["server"])
    assert str(live.challenge.root) not in answer.text
    assert quota_left(live) == before
    assert live.put(body).status_code == 201


def test_the_ledger_is_whole_at_the_end(live: Live) -> None:
    assert verify(live.ledger).faults == ()
    assert json.loads(json.dumps(verify(live.ledger).as_json()))["faults"] == []
