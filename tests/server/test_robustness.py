"""Files that break limits, killed processes, slow connections, a full line, the deadline."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from subprocess import PIPE
from unittest.mock import Mock

import httpx
import pytest

from challenge.errors import Fault, LedgerError
from challenge.ledger import close, enter_team, open_ledger
from challenge.ledger.ledger import Ledger
from challenge.ledger.network.actions import Origin
from challenge.ledger.network.arrivals import add_arrival, claim, outcome_of, put_back
from challenge.ledger.network.tokens import new_token
from challenge.ledger.store import clock
from challenge.server import scoring_process
from challenge.server.scoring_process import JobLimits
from challenge.task import sha256_of_file
from tests.ledger.test_crowd import empty_server
from tests.ledger.toy import BENCHMARK, make_challenge, write_hits
from tests.server.live import contest_toml, end, live_server, start, wait_until_ready
from tests.server.torture import torture


def numbers_of(ledger: Ledger) -> list[int]:
    with ledger.store.reading() as connection:
        return [row[0] for row in connection.exec_driver_sql("SELECT id FROM submissions")]


def ledger_with_team(tmp_path: Path) -> Ledger:
    ledger = open_ledger(make_challenge(tmp_path / "c", BENCHMARK, n=60))
    enter_team(ledger, "Owls")
    new_token(ledger, team="Owls")
    return ledger


def arrive(ledger: Ledger, folder: str, hits: int) -> int:
    """Put a file into the line as the web process does; return its number."""
    path = ledger.challenge.submissions / "spool" / folder / "predictions.csv"
    path.parent.mkdir(parents=True)
    write_hits(ledger.challenge.task("toy"), path, hits)
    return add_arrival(
        ledger,
        team=1,
        task="toy",
        method="m",
        note="",
        file=f"{folder}/predictions.csv",
        file_sha256=sha256_of_file(path),
        data="",
        origin=Origin(1, "-", "r", clock.now()),
    )[0]


@pytest.mark.parametrize(
    ("memory_mb", "seconds", "found"),
    [(1, 60, "MB of memory|ends the process"), (2048, 0, "more than 0 s")],
)
def test_a_file_that_breaks_a_limit_takes_down_nothing_else(
    tmp_path: Path, memory_mb: int, seconds: int, found: str
) -> None:
    ledger = ledger_with_team(tmp_path)
    challenge = ledger.challenge
    arrival = arrive(ledger, "one", 30)
    folder = challenge.submissions / "spool" / "one"
    line = subprocess.Popen(
        [
            *(sys.executable, "-m", "challenge.server.scoring_host", str(challenge.root)),
            *("1", str(memory_mb), str(seconds)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with line:
        assert line.stdin is not None and line.stdout is not None
        while report := line.stdout.readline():
            if report.startswith(f"done {arrival} "):
                break
        assert report, "the line ended before the file had its outcome"
        line.stdin.close()
        assert line.wait(timeout=60) == 0, "the end of its input stops the line"
    _, outcome = outcome_of(ledger, arrival, 1)
    assert outcome is not None
    assert (outcome["status"], outcome["faults"][0]["code"]) == (422, "file-ends-process")
    assert re.search(found, outcome["faults"][0]["found"])
    assert numbers_of(ledger) == [] and not folder.exists()
    with ledger.store.reading() as connection:
        faulty = connection.exec_driver_sql("SELECT count(*) FROM failures").scalar()
    assert faulty == 1, "it counts among the team's faulty files"


def test_a_file_that_waited_for_days_is_scored(tmp_path: Path) -> None:
    ledger = ledger_with_team(tmp_path)
    arrivals = [arrive(ledger, name, hits) for name, hits in (("one", 30), ("two", 40))]
    spool = ledger.challenge.submissions / "spool"
    (spool / "cut").mkdir()
    for folder in spool.iterdir():
        os.utime(folder, (0, 0))
    line = [sys.executable, "-m", "challenge.server.scoring_host", str(ledger.challenge.root)]
    # One at once, so that the second file waits while the first is scored.
    with subprocess.Popen([*line, "1", "2048", "60"], stdin=PIPE, stdout=PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        done = 0
        while done < len(arrivals) and (report := process.stdout.readline()):
            done += report.startswith(b"done")
        process.stdin.close()
    outcomes = [outcome_of(ledger, arrival, 1)[1] for arrival in arrivals]
    assert [outcome["status"] for outcome in outcomes if outcome] == [201, 201]
    assert list(spool.iterdir()) == [], "what no row names is removed"


def test_a_file_waits_while_the_machine_lacks_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = ledger_with_team(tmp_path)
    arrive(ledger, "one", 30)
    lack = LedgerError(Fault("disk", "full", "room", "free some", code="ledger-disk-full"))
    monkeypatch.setattr(scoring_process, "_set_limits", lambda limits: None)
    with monkeypatch.context() as patch:
        patch.setattr(scoring_process, "submit", Mock(side_effect=lack))
        for _ in range(5):
            arrival = claim(ledger, "worker")
            assert arrival is not None and arrival.tries == 1, "these tries do not count"
            scoring_process.score_arrival(ledger, arrival, JobLimits())
            assert outcome_of(ledger, arrival.id, 1) == (True, None)
            put_back(ledger, arrival)
    arrival = claim(ledger, "worker")
    assert arrival is not None
    scoring_process.score_arrival(ledger, arrival, JobLimits())
    assert numbers_of(ledger) == [1]


@pytest.mark.slow
def test_a_full_disk_refuses_uploads_and_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    disk = ["bwrap", "--dev-bind", "/", "/", "--size", str(160 << 20), "--tmpfs"]
    folders = (f"{tmp_path}/disk", str(tmp_path))
    command = [sys.executable, "-m", "tests.server.full_disk", *folders]
    done = subprocess.run(
        [*disk, folders[0], *command], capture_output=True, check=False, text=True
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["free"], found["before"], found["alive"]) == (0, 202, 200)
    status, retry, document = found["refused"]
    assert status == 503 and int(retry) > 0
    assert {"where", "found", "expected", "fix"} <= document["faults"][0].keys()
    assert found["ready"] == [503, "free space on the disk"]
    assert "the disk is full" in found["log"] and found["waiting"] in (202, 503)
    # The file that was acknowledged before, then the one that was refused; each took one.
    assert found["after"] == [[201, 1, 4], [201, 2, 3]]
    assert found["faults"] == []


@pytest.mark.slow
def test_a_line_in_trouble_goes_on_and_ends_when_asked(tmp_path: Path) -> None:
    challenge = make_challenge(tmp_path / "c", BENCHMARK, n=60)
    toml = challenge.root / "challenge.toml"
    hidden = toml.rename(tmp_path / "challenge.toml")
    line = subprocess.Popen(
        [sys.executable, "-m", "challenge.server.scoring_host", str(challenge.root), "1", "9", "9"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with line:
        assert line.stdin is not None and line.stdout is not None
        time.sleep(2)
        hidden.rename(toml)
        assert line.stdout.readline() == "board\n", "the trouble is over"
        toml.unlink()
        time.sleep(2)
        line.stdin.close()
        assert line.wait(timeout=30) == 0


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_kills_in_every_phase_lose_no_acknowledged_submission_and_double_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: str
) -> None:
    monkeypatch.delenv("CHALLENGE_LEDGER", raising=False)
    if database == "postgresql":
        monkeypatch.setenv("CHALLENGE_LEDGER", empty_server())
    tally = torture(tmp_path, kills=6)
    assert sum(tally.kills.values()) == 6
    assert tally.kills["before the answer"] == 1
    assert tally.kills.get("in the database", 0) == (database == "postgresql")
    assert tally.acknowledged == tally.stored > 0


@pytest.mark.slow
def test_a_killed_server_scores_after_its_restart_what_had_arrived(tmp_path: Path) -> None:
    with live_server(tmp_path, contest_toml(), "--workers", "0", n=800) as live:
        answer = live.put(live.file(300).read_bytes(), Prefer="respond-async")
        assert answer.status_code == 202
        location, left = answer.headers["location"], live.file(301).read_bytes()
        live.process.kill()
        live.process.wait()
        assert numbers_of(live.ledger) == []
        live.process = start(live.challenge, live.log, live.address()[1])
        try:
            wait_until_ready(live.url, live.process, live.log)
            until = time.monotonic() + 60
            with live.client() as client:
                while (found := client.get(location)).status_code == 202:
                    assert time.monotonic() < until
                    time.sleep(0.1)
            assert found.status_code == 201
            assert live.put(left).json()["submission"]["id"] == 2
        finally:
            end(live.process)


@pytest.mark.slow
def test_a_full_line_is_answered_with_503_and_no_team_starves_the_rest(tmp_path: Path) -> None:
    with live_server(tmp_path, contest_toml(per_day=1000), "--workers", "0", n=800) as live:

        def put(number: int, team: str) -> httpx.Response:
            body = live.file(300 + number, number).read_bytes()
            return live.put(body, team=team, Prefer="respond-async")

        answers = [put(number, "Owls") for number in range(12)]
        assert [one.status_code for one in answers] == [202] * 10 + [503] * 2
        assert int(answers[-1].headers["retry-after"]) > 0
        assert answers[-1].json()["faults"][0]["code"] == "team-line-full"
        assert put(20, "Cats").status_code == 202
        with live.client(None) as client:
            metrics = client.get("/metrics").text
            assert "challenge_files_waiting 11" in metrics
            age = float(re.findall(r"challenge_queue_age_seconds ([\d.]+)", metrics)[0])
            assert age > 0
        # A second server of the same challenge, as on another host, scores what the first received.
        log = tmp_path / "line"
        line = start(live.challenge, log, 0, "--scoring-only", "--workers", "1")
        try:
            until = time.monotonic() + 120
            while len(numbers_of(live.ledger)) < 11:
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.2)
        finally:
            end(line)
        with live.ledger.store.reading() as connection:
            teams = connection.exec_driver_sql("SELECT team FROM submissions ORDER BY id").all()
        assert 2 in {row[0] for row in teams[:2]}, "the teams take turns"


@pytest.mark.slow
def test_a_file_that_arrived_before_the_end_counts_however_long_the_line_is(
    tmp_path: Path,
) -> None:
    toml = contest_toml(closes_in=25)
    with live_server(tmp_path, toml, "--workers", "0", n=800) as live:
        in_time = live.put(live.file(300).read_bytes(), Prefer="respond-async")
        assert in_time.status_code == 202, in_time.text
        with live.client(None) as client:
            info = client.get("/api/v1/info").json()
        assert "whole body has arrived" in info["deadline"]
        assert info["closes"] == in_time.json()["closes"] == in_time.headers["x-closes"]
        closes = live.ledger.settings.closes_utc()
        assert closes is not None
        # A body whose last byte comes after the end is late, though it began before.
        late_body = live.file(301).read_bytes()

        def slow() -> object:
            yield late_body[:100]
            time.sleep(max(0.0, (closes - clock.now()).total_seconds()) + 0.5)
            yield late_body[100:]

        headers = {"X-Method": "m", "Content-Type": "text/csv", "Prefer": "respond-async"}
        with live.client("Cats") as client:
            url = "/api/v1/tasks/toy/submissions"
            late = client.put(url, content=slow(), headers=headers)  # type: ignore[arg-type]
        assert late.status_code == 202
        line = start(live.challenge, tmp_path / "line", 0, "--scoring-only")
        try:
            outcomes = []
            for answer, team in ((in_time, "Owls"), (late, "Cats")):
                until = time.monotonic() + 60
                with live.client(team) as client:
                    url = answer.headers["location"]
                    while (found := client.get(url)).status_code == 202:
                        assert time.monotonic() < until
                        time.sleep(0.1)
                outcomes.append(found)
        finally:
            end(line)
        assert [one.status_code for one in outcomes] == [201, 409]
        assert outcomes[1].json()["faults"][0]["code"] == "closed"
        assert close(live.ledger).n_finals == 1


@pytest.mark.slow
def test_slow_and_idle_connections_are_ended(tmp_path: Path) -> None:
    with live_server(tmp_path, contest_toml(), n=60) as live:
        connections = [socket.create_connection(live.address()) for _ in range(300)]
        try:
            for connection in connections[::2]:
                connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
            started = time.monotonic()
            with live.client(None) as client:
                assert client.get("/healthz").text == "ok\n"
            assert time.monotonic() - started < 5
            for connection in connections:
                connection.settimeout(40)
                assert connection.recv(1000) in (b"",), "closed without an answer"
        finally:
            for connection in connections:
                connection.close()
        assert live.put(live.file(30).read_bytes()).status_code == 201
