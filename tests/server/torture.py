"""Killing a server at random moments: no acknowledged submission lost, none doubled.

`python -m tests.server.torture 500` is the full number; a test does a few. The web process, the
scoring process, the process that builds the site and those that score are killed in turn.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import sqlalchemy as sa

from challenge.ledger.store import schema
from challenge.ledger.store.integrity import verify
from tests.server.live import Live, contest_toml, live_server, start, wait_until_ready

_SENDERS = 4
_WEB_SHARE = 0.2


@dataclass(frozen=True)
class Tally:
    """How it ended: kills by victim, submissions that were acknowledged and that are stored."""

    kills: dict[str, int]
    acknowledged: int
    stored: int


def torture(root: Path, kills: int, seed: int = 0) -> Tally:
    """Kill processes of a server while teams submit; raise AssertionError when anything is lost."""
    with live_server(root, contest_toml(per_day=100_000), n=800) as live:
        stop = threading.Event()
        answered: dict[str, int] = {}
        senders = [
            threading.Thread(target=_send_files, args=(live, number, answered, stop))
            for number in range(_SENDERS)
        ]
        for sender in senders:
            sender.start()
        try:
            victims = _kill(live, kills, random.Random(seed))
        finally:
            stop.set()
            for sender in senders:
                sender.join()
        rows, actions = schema.submissions, schema.actions
        with live.ledger.store.reading() as connection:
            stored = list(connection.execute(sa.select(rows.c.id)).scalars())
            methods = list(connection.execute(sa.select(rows.c.method)).scalars())
            recorded = list(connection.execute(sa.select(actions.c.submission)).scalars())
        assert len(methods) == len(set(methods)), "a file was scored twice"
        assert sorted(recorded) == sorted(stored), "each submission has its row of the audit log"
        assert set(answered.values()) <= set(stored), "an acknowledged submission is lost"
        assert len(set(answered.values())) == len(answered)
        assert set(answered) == set(methods), "all files were acknowledged in the end"
        assert verify(live.ledger).faults == ()
        return Tally(victims, len(answered), len(stored))


def _send_files(live: Live, sender: int, answered: dict[str, int], stop: threading.Event) -> None:
    number = 0
    while not stop.is_set():
        number += 1
        name = f"{sender}-{number}"
        body = live.file(200 + number % 400, salt=1 + sender + 10 * number).read_bytes()
        while name not in answered:
            try:
                answer = live.put(
                    body,
                    team="Owls" if sender % 2 else "Cats",
                    X_Method=name,
                    Idempotency_Key=name,
                )
            except httpx.TransportError:
                time.sleep(0.2)
                continue
            if answer.status_code == 201:
                answered[name] = answer.json()["submission"]["id"]
            else:
                assert answer.status_code in (202, 429, 503), answer.text
                time.sleep(0.5)


def _kill(live: Live, kills: int, chance: random.Random) -> dict[str, int]:
    victims = {"web": 0, "other": 0}
    while sum(victims.values()) < kills:
        time.sleep(chance.uniform(0.2, 4.0))
        if chance.random() < _WEB_SHARE:
            live.process.kill()
            live.process.wait()
            live.process = start(live.challenge, live.log, live.address()[1])
            wait_until_ready(live.url, live.process, live.log)
            victims["web"] += 1
        elif pids := below(live.process.pid):
            try:
                os.kill(chance.choice(pids), signal.SIGKILL)
            except ProcessLookupError:
                # It ended by itself just now.
                continue
            victims["other"] += 1
    return victims


def below(parent: int) -> list[int]:
    """Return the processes that a process started, and those that they started."""
    found, waiting = [], [parent]
    while waiting:
        done = subprocess.run(["pgrep", "-P", str(waiting.pop())], capture_output=True, text=True)
        children = [int(line) for line in done.stdout.split()]
        found += children
        waiting += children
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        sys.stdout.write(f"{torture(Path(folder).resolve(), int(sys.argv[1]))}\n")
