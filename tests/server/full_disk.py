"""A server whose disk is really full: `python -m tests.server.full_disk DISK LOGS`.

DISK must be a small disk of its own. Prints as JSON what the callers saw.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from challenge.ledger.store.integrity import verify
from tests.server.live import Live, contest_toml, end, live_server, start

_PATIENCE_S = 120.0


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Leave no byte on the disk."""
    path = disk / "filling"
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    try:
        yield
    finally:
        path.unlink()


def scenario(live: Live, disk: Path, logs: Path) -> dict[str, object]:
    bodies = [live.file(300 + number, number).read_bytes() for number in range(3)]
    before = live.put(bodies[0], Prefer="respond-async")
    with live.client() as client, filled(disk):
        free = shutil.disk_usage(disk).free
        refused = live.put(bodies[1])
        alive, ready = client.get("/healthz"), client.get("/readyz")
        line = start(live.challenge, logs / "line", 0, "--scoring-only", "--workers", "1")
        until = time.monotonic() + _PATIENCE_S
        while "waits" not in (logs / "line").read_text() and time.monotonic() < until:
            time.sleep(0.2)
        waiting = outcome_of(live, before)
    try:
        first = live.settled(before)
        second = live.put(bodies[1])
    finally:
        end(line)
    return {
        "free": free,
        "before": before.status_code,
        "refused": [refused.status_code, refused.headers.get("retry-after"), refused.json()],
        "alive": alive.status_code,
        "ready": [ready.status_code, ready.json()["faults"][0]["found"]],
        "log": (logs / "line").read_text(),
        "waiting": waiting,
        "after": [
            [one.status_code, one.json()["submission"]["id"], one.json()["quota_left"]]
            for one in (first, second)
        ],
        "faults": [str(fault) for fault in verify(live.ledger).faults],
    }


def outcome_of(live: Live, answer: httpx.Response) -> int:
    """Return the status of a file that waits; a full disk may refuse to tell it."""
    with live.client() as client:
        return client.get(answer.headers["location"]).status_code


def main() -> None:
    disk, logs = Path(sys.argv[1]), Path(sys.argv[2])
    # Only a line that is started later scores.
    with live_server(disk, contest_toml(), "--workers", "0", n=800) as live:
        sys.stdout.write(json.dumps(scenario(live, disk, logs)))


if __name__ == "__main__":
    main()
