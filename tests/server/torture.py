"""Kills in every phase of a submission: none that was acknowledged is lost, none is doubled.

`python -m tests.server.torture 500` is the full number; a test does a few. With
CHALLENGE_TEST_POSTGRESQL the ledger is there, and processes of PostgreSQL are killed too, which
makes it end all connections and recover.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import sqlalchemy as sa

from challenge.errors import LedgerError
from challenge.ledger.store import clock, schema
from challenge.ledger.store.clock import micros
from challenge.ledger.store.integrity import verify
from challenge.ledger.submissions.quota import quota_left
from tests.ledger.test_crowd import empty_server
from tests.server.live import TEAMS, Live, contest_toml, live_server, start, wait_until_ready

_SENDERS = 3
_PER_DAY = 100_000
_PATIENCE_S, _STOPPED_S = 120.0, 10.0


@dataclass(frozen=True)
class Tally:
    """How it ended: kills by phase, submissions that were acknowledged and that are stored."""

    kills: dict[str, int]
    acknowledged: int
    stored: int


@dataclass
class _Torture:
    live: Live
    chance: random.Random
    answered: dict[str, int] = field(default_factory=dict)
    stopped: bool = False

    def deliver(self, name: str, salt: int) -> None:
        """Send a file until it is accepted; a method of its own names it."""
        body = self.live.file(200 + salt % 400, salt=salt).read_bytes()
        team = TEAMS[salt % len(TEAMS)]
        until = time.monotonic() + 2 * _PATIENCE_S
        while time.monotonic() < until:
            try:
                answer = self.live.put(body, team=team, X_Method=name)
            except httpx.TransportError:
                time.sleep(0.2)
                continue
            if answer.status_code == 201:
                self.answered[name] = answer.json()["submission"]["id"]
                return
            assert answer.status_code in (202, 429, 503), answer.text
            time.sleep(0.5)

    def keep_sending(self, sender: int) -> None:
        number = 0
        while not self.stopped:
            number += 1
            self.deliver(f"{sender}-{number}", 10 * number + sender)

    def kill_web(self) -> None:
        self.live.process.kill()
        self.live.process.wait()
        port = self.live.address()[1]
        self.live.process = start(self.live.challenge, self.live.log, port)
        wait_until_ready(self.live.url, self.live.process, self.live.log)

    def before_the_body_ends(self, name: str, salt: int) -> None:
        head = (
            "PUT /api/v1/tasks/toy/submissions HTTP/1.1\r\nHost: x\r\nX-Method: m\r\n"
            f"Authorization: Bearer {self.live.tokens['Owls']}\r\nContent-Length: 5000\r\n\r\n"
        )
        with socket.create_connection(self.live.address()) as connection:
            connection.sendall(head.encode() + b"id,label\n" * self.chance.randrange(500))
            self.kill_web()
        self.deliver(name, salt)

    def after_the_insert(self, name: str, salt: int) -> None:
        with _Delivery(self, name, salt):
            self.wait_for(name, lambda state, done: True)
            self.kill_web()

    def before_the_answer(self, name: str, salt: int) -> None:
        with _Delivery(self, name, salt):
            self.wait_for(name, lambda state, done: True)
            self.live.process.send_signal(signal.SIGSTOP)
            # Stopped inside a transaction it lets nobody else store anything.
            with suppress(AssertionError):
                self.wait_for(name, lambda state, done: done, _STOPPED_S)
            self.kill_web()

    def while_it_is_scored(self, name: str, salt: int) -> None:
        with _Delivery(self, name, salt):
            self.wait_for(name, lambda state, done: state != "waiting")
            line = below(self.live.process.pid)
            self.kill_one([pid for one in line for pid in below(one)])

    def while_the_line_works(self, name: str, salt: int) -> None:
        with _Delivery(self, name, salt):
            time.sleep(self.chance.uniform(0.0, 1.0))
            self.kill_one(below(self.live.process.pid))

    def in_the_database(self, name: str, salt: int) -> None:
        with _Delivery(self, name, salt):
            time.sleep(self.chance.uniform(0.0, 1.0))
            query = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
            with suppress(LedgerError), self.live.ledger.store.reading() as connection:
                pid = self.chance.choice(list(connection.exec_driver_sql(query).scalars()))
                if is_own_postgres(pid):
                    self.kill_one([pid])
                else:
                    connection.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")
        wait_until_ready(self.live.url, self.live.process, self.live.log)

    def kill_one(self, pids: list[int]) -> None:
        """Kill one of these, where one is left."""
        # It may have ended by itself just now.
        with suppress(ProcessLookupError, IndexError):
            os.kill(self.chance.choice(pids), signal.SIGKILL)

    def wait_for(
        self, name: str, fits: Callable[[str, bool], bool], patience_s: float = _PATIENCE_S
    ) -> None:
        """Wait until the file has arrived and its row fits."""
        rows = schema.arrivals
        query = sa.select(rows.c.state, rows.c.outcome).where(rows.c.method == name)
        until = time.monotonic() + patience_s
        while time.monotonic() < until:
            with suppress(LedgerError), self.live.ledger.store.reading() as connection:
                row = connection.execute(query).first()
                if row is not None and fits(row.state, row.outcome is not None):
                    return
            time.sleep(0.01)
        raise AssertionError(f"{name} did not come so far: {self.live.log.read_text()[-3000:]}")


class _Delivery:
    """Delivers a file beside the block of `with`, and waits for its receipt at the end."""

    def __init__(self, torture: _Torture, name: str, salt: int) -> None:
        self._thread = threading.Thread(target=torture.deliver, args=(name, salt))

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._thread.join()


PHASES: dict[str, Callable[[_Torture, str, int], None]] = {
    "before the body ends": _Torture.before_the_body_ends,
    "after the insert": _Torture.after_the_insert,
    "before the answer": _Torture.before_the_answer,
    "while it is scored": _Torture.while_it_is_scored,
    "while the line works": _Torture.while_the_line_works,
}
OF_DATABASES: dict[str, Callable[[_Torture, str, int], None]] = {
    "in the database": _Torture.in_the_database,
}


def torture(
    root: Path, kills: int, seed: int = 0, say: Callable[[str], object] = lambda text: None
) -> Tally:
    """Kill processes of a server while teams submit; raise AssertionError when anything is lost.

    `say` is told of each kill.
    """
    with live_server(root, contest_toml(per_day=_PER_DAY), n=800) as live:
        run = _Torture(live, random.Random(seed))
        on_server = live.ledger.store.engine.dialect.name == "postgresql"
        phases = list({**PHASES, **(OF_DATABASES if on_server else {})}.items())
        senders = [
            threading.Thread(target=run.keep_sending, args=(sender,)) for sender in range(_SENDERS)
        ]
        for sender in senders:
            sender.start()
        done: dict[str, int] = dict.fromkeys(dict(phases), 0)
        try:
            for number in range(kills):
                phase, kill = phases[number % len(phases)]
                kill(run, f"{phase} {number}", 10 * number + _SENDERS)
                done[phase] += 1
                say(f"{number + 1} of {kills}: {phase}\n")
        finally:
            run.stopped = True
            for sender in senders:
                sender.join()
        return _tally(run, done)


def _tally(run: _Torture, kills: dict[str, int]) -> Tally:
    rows, actions = schema.submissions, schema.actions
    ledger, at = run.live.ledger, clock.now()
    with ledger.store.reading() as connection:
        found = connection.execute(
            sa.select(rows.c.id, rows.c.method, rows.c.team, rows.c.at)
        ).all()
        recorded = list(connection.execute(sa.select(actions.c.submission)).scalars())
        left = {
            team: quota_left(connection, ledger.settings.limits, team, "toy", at)
            for team in {row.team for row in found}
        }
    stored = {row.method: row.id for row in found}
    assert len(stored) == len(found), "a file was scored twice"
    assert sorted(recorded) == sorted(stored.values()), "each has its row of the audit log"
    assert run.answered == stored, "each was acknowledged by its number, and no other is there"
    today = micros(clock.day_start(at))
    for team, n in left.items():
        used = sum(row.team == team and row.at >= today for row in found)
        assert n == _PER_DAY - used, "each cost its quota once"
    assert verify(ledger).faults == ()
    return Tally(kills, len(run.answered), len(stored))


def is_own_postgres(pid: int) -> bool:
    """Return whether it is a process of PostgreSQL on this machine that we may kill."""
    try:
        return os.geteuid() == 0 and Path(f"/proc/{pid}/comm").read_text().startswith("postgres")
    except FileNotFoundError:
        return False


def below(parent: int) -> list[int]:
    """Return the processes that a process started."""
    found = subprocess.run(["pgrep", "-P", str(parent)], capture_output=True)
    return [int(one) for one in found.stdout.split()]


if __name__ == "__main__":
    if "CHALLENGE_TEST_POSTGRESQL" in os.environ:
        os.environ["CHALLENGE_LEDGER"] = empty_server()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        tally = torture(Path(folder).resolve(), int(sys.argv[1]), say=sys.stderr.write)
        sys.stdout.write(f"{tally}\n")
