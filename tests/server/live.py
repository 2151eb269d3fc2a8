"""A real server of a toy challenge: `challenge serve` in a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import httpx

from challenge.ledger import enter_team, open_ledger
from challenge.ledger.ledger import Ledger
from challenge.ledger.network.tokens import new_token
from challenge.task import Challenge, Task
from tests.ledger.toy import CONTEST, make_challenge, write_hits

TEAMS = ("Owls", "Cats")


def contest_toml(*, per_day: int = 5, closes_in: float = 86_400 * 30) -> str:
    """Return a contest that is open now and closes in so many seconds."""
    now = datetime.now(timezone.utc)
    opens = (now - timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    closes = (now + timedelta(seconds=closes_in)).strftime("%Y-%m-%dT%H:%M:%SZ")
    toml = CONTEST.format(per_day=per_day)
    return toml.replace("2026-01-01T00:00:00Z", opens).replace("2026-02-01T00:00:00Z", closes)


@dataclass
class Live:
    """A running server, its challenge, and the tokens of two teams."""

    url: str
    challenge: Challenge
    tokens: dict[str, str]
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def ledger(self) -> Ledger:
        return open_ledger(self.challenge)

    @property
    def task(self) -> Task:
        return self.challenge.task("toy")

    def client(self, team: str | None = "Owls") -> httpx.Client:
        headers = {} if team is None else {"Authorization": f"Bearer {self.tokens[team]}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False)

    def file(self, hits: int, salt: int = 0) -> Path:
        path = self.challenge.root.parent / f"{hits}-{salt}.csv"
        return write_hits(self.task, path, hits, subset="public", salt=salt)

    def put(self, body: bytes, team: str = "Owls", **headers: str) -> httpx.Response:
        given = {"X-Method": "m", "Content-Type": "text/csv"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        with self.client(team) as client:
            answer = client.put("/api/v1/tasks/toy/submissions", content=body, headers=given)
        return answer if "Prefer" in given else self.settled(answer, team)

    def settled(self, answer: httpx.Response, team: str = "Owls") -> httpx.Response:
        """Return what comes of a file; a slow machine answers 202 first."""
        until = time.monotonic() + 120
        with self.client(team) as client:
            while answer.status_code == 202 and time.monotonic() < until:
                time.sleep(0.2)
                answer = client.get(answer.headers["location"])
        return answer

    def address(self) -> tuple[str, int]:
        host, port = self.url.removeprefix("http://").split(":")
        return host, int(port)


def free_port() -> int:
    """Return a port that nothing listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def make_teams(challenge: Challenge, teams: tuple[str, ...] = TEAMS) -> dict[str, str]:
    """Enter the teams; return a token of each, and the organiser's as `organiser`."""
    ledger = open_ledger(challenge)
    tokens = {}
    for team in teams:
        enter_team(ledger, team)
        tokens[team] = new_token(ledger, team=team)[1]
    tokens["organiser"] = new_token(ledger, team=None, scopes=("read", "organise"))[1]
    return tokens


def start(
    challenge: Challenge, log: Path, port: int, *options: str, **environment: str
) -> subprocess.Popen[bytes]:
    """Start `challenge serve`; it is ready when the site is built."""
    command = [sys.executable, "-m", "challenge", "-C", str(challenge.root), "serve"]
    with log.open("ab") as out:
        return subprocess.Popen(
            [*command, "--port", str(port), *options],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**os.environ, **environment},
            start_new_session=True,
        )


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(f"{url}/readyz", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError(log.read_text())


def end(process: subprocess.Popen[bytes]) -> None:
    """End a server in the polite way."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=60)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@contextmanager
def live_server(
    root: Path, toml: str | None = None, *options: str, n: int = 800, **environment: str
) -> Iterator[Live]:
    """Run a server of a toy contest with two teams."""
    challenge = make_challenge(root / "c", toml or contest_toml(), n=n)
    tokens = make_teams(challenge)
    port, log = free_port(), root / "log"
    url = f"http://127.0.0.1:{port}"
    live = Live(url, challenge, tokens, start(challenge, log, port, *options, **environment), log)
    try:
        wait_until_ready(url, live.process, log)
        yield live
    finally:
        # A test may have started it again.
        end(live.process)
