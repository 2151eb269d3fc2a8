"""Hosts that share a PostgreSQL ledger, and a folder or a bucket."""

from __future__ import annotations

import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from challenge.ledger import open_ledger
from challenge.ledger.store.integrity import verify
from challenge.task import Challenge
from tests.bucket import bucket_server
from tests.ledger.test_crowd import empty_server
from tests.ledger.toy import make_challenge
from tests.server.live import (
    Live,
    contest_toml,
    end,
    free_port,
    make_teams,
    start,
    wait_until_ready,
)


@pytest.mark.slow
def test_hosts_share_the_work_and_lose_nothing_when_one_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHALLENGE_LEDGER", empty_server())
    challenge = make_challenge(tmp_path / "c", contest_toml(per_day=1000), n=800)
    tokens = make_teams(challenge)
    hosts = []
    for number in range(2):
        port, log = free_port(), tmp_path / f"web-{number}"
        process = start(challenge, log, port, "--workers", "0")
        hosts.append(Live(f"http://127.0.0.1:{port}", challenge, tokens, process, log))
    lines = [
        start(challenge, tmp_path / f"line-{number}", 0, "--scoring-only", "--workers", "1")
        for number in range(2)
    ]
    try:
        for host in hosts:
            wait_until_ready(host.url, host.process, host.log)
        bodies = [hosts[0].file(300 + number, number).read_bytes() for number in range(16)]

        def send(number: int) -> int:
            answer = hosts[number % 2].put(
                bodies[number],
                team="Owls" if number % 3 else "Cats",
                Idempotency_Key=f"file-{number}",
            )
            while answer.status_code in (202, 503):
                time.sleep(1.0)
                answer = hosts[(number + 1) % 2].put(
                    bodies[number],
                    team="Owls" if number % 3 else "Cats",
                    Idempotency_Key=f"file-{number}",
                )
            assert answer.status_code == 201, answer.text
            found: int = answer.json()["submission"]["id"]
            return found

        with ThreadPoolExecutor(6) as pool:
            sending = [pool.submit(send, number) for number in range(len(bodies))]
            time.sleep(4)
            # One host is lost with what it was scoring.
            os.killpg(lines[0].pid, signal.SIGKILL)
            lines[0].wait()
            numbers = [one.result(timeout=200) for one in sending]
        assert len(set(numbers)) == len(bodies)
        ledger = open_ledger(challenge)
        with ledger.store.reading() as connection:
            stored = connection.exec_driver_sql("SELECT count(*) FROM submissions").scalar()
        assert stored == len(bodies)
        assert verify(ledger).faults == ()
    finally:
        for process in (*(host.process for host in hosts), *lines):
            if process.poll() is None:
                end(process)


@pytest.mark.slow
def test_hosts_with_a_bucket_share_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHALLENGE_LEDGER", empty_server())
    web = make_challenge(tmp_path / "web", contest_toml(), n=800)
    line = Challenge(tmp_path / "line")
    shutil.copytree(web.root, line.root)
    with bucket_server(tmp_path) as bucket:
        tokens = make_teams(web)
        port, log = free_port(), tmp_path / "log"
        receiving = start(web, log, port, "--workers", "0")
        scoring = start(line, tmp_path / "log-line", 0, "--scoring-only", "--workers", "1")
        try:
            host = Live(f"http://127.0.0.1:{port}", web, tokens, receiving, log)
            wait_until_ready(host.url, receiving, log)
            body = host.file(300).read_bytes()
            answer = host.put(body)
            assert answer.status_code == 201, answer.text + log.read_text()
            number = answer.json()["submission"]["id"]
            assert host.put(body).json()["submission"]["id"] == number, "the same receipt"
            assert host.put(b"id,label\n").status_code == 422
            # The host that received the files has none of them, and still hands them out.
            assert not (web.submissions / "predictions").exists()
            with host.client() as client:
                own = client.get(f"/api/v1/submissions/{number}/file")
            assert own.status_code == 200
            sha256 = answer.json()["submission"]["sha256"]
            name = f"predictions/{sha256[:2]}/{sha256}.parquet"
            assert own.content == bucket.client().cat_file(f"contest/{name}")
        finally:
            end(receiving)
            end(scoring)
        assert bucket.names() == {name}, "nothing waits any longer"
        for challenge in (web, line):
            assert list((challenge.submissions / "spool").glob("*")) == []
            assert verify(open_ledger(challenge)).faults == ()
