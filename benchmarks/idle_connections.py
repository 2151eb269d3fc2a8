"""Many connections that send nothing, or a byte a second: what others see of it, and memory.

    python -m benchmarks.idle_connections                 # 10,000 connections for 30 seconds
    python -m benchmarks.idle_connections --connections 1000 --seconds 20

A third sends nothing, a third half a request head, a third a byte of a head each second. One that
the server ends is opened again, as an attacker would. Both sides need a descriptor for each
connection: see `ulimit -Hn`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import selectors
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from tests.ledger.toy import make_challenge, write_hits
from tests.server.live import contest_toml, end, free_port, make_teams, start, wait_until_ready

N_ROWS = 10_000
_HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "
_AT_ONCE = 200


def keep_open(port: int, n: int, reports: Any) -> None:
    """Keep `n` connections open until asked to stop; then wait until the server ended them all.

    Reports how many are open, and at the end the seconds that each was.
    """
    chosen = selectors.DefaultSelector()
    opened: dict[socket.socket, float] = {}
    slow: set[socket.socket] = set()
    lives: list[float] = []
    stopped, told = False, 0.0
    while not stopped or opened:
        for _ in range(0 if stopped else min(_AT_ONCE, n - len(opened))):
            one = socket.create_connection(("127.0.0.1", port))
            one.setblocking(False)
            kind = (len(opened) + len(lives)) % 3
            if kind:
                one.send(_HEAD)
            if kind == 2:
                slow.add(one)
            opened[one] = time.monotonic()
            chosen.register(one, selectors.EVENT_READ)
        for key, _ in chosen.select(0.05):
            ended = key.fileobj
            assert isinstance(ended, socket.socket)
            chosen.unregister(ended)
            slow.discard(ended)
            lives.append(time.monotonic() - opened.pop(ended))
            ended.close()
        if time.monotonic() - told > 1.0:
            told = time.monotonic()
            for one in slow:
                with suppress(OSError):
                    one.send(b"x")
            reports.send(len(opened))
            stopped = stopped or reports.poll()
    reports.send(lives)


def measure(
    url: str, web: int, options: argparse.Namespace, bodies: list[bytes], token: str
) -> dict[str, object]:
    """Return what other callers saw before the crowd and with it."""
    ours, theirs = multiprocessing.Pipe()
    port = int(url.rpartition(":")[2])
    crowd = multiprocessing.Process(target=keep_open, args=(port, options.connections, theirs))
    headers = {"Authorization": f"Bearer {token}", "X-Method": "m"}

    def seconds(call: Callable[[httpx.Client], httpx.Response]) -> float:
        began = time.perf_counter()
        with httpx.Client(base_url=url, headers=headers, timeout=120, trust_env=False) as client:
            answer = call(client)
        assert answer.status_code in (200, 201), answer.text
        return round(time.perf_counter() - began, 3)

    def health() -> float:
        return seconds(lambda client: client.get("/healthz"))

    def submission(body: bytes) -> float:
        path = "/api/v1/tasks/toy/submissions"
        return seconds(lambda client: client.put(path, content=body))

    submission(bodies[0])
    alone = health(), submission(bodies[1])
    memory = resident_kb(web)
    crowd.start()
    most = (0, memory)
    latencies: list[float] = []
    submitted: list[float] = []
    until: float | None = None
    while until is None or time.monotonic() < until:
        n_open = ours.recv()
        most = max(most, (n_open, resident_kb(web)))
        if n_open >= 0.9 * options.connections:
            # From here on the crowd is complete.
            until = until or time.monotonic() + options.seconds
            latencies.append(health())
            if len(submitted) < len(bodies) - 2:
                submitted.append(submission(bodies[2 + len(submitted)]))
    ours.send("stop")
    began = time.monotonic()
    while isinstance(lives := ours.recv(), int):
        pass
    ended = time.monotonic() - began
    crowd.join()
    return {
        "connections_at_once": most[0],
        "kb_per_connection": round((most[1] - memory) / most[0], 1),
        "resident_before_mb": memory // 1024,
        "resident_most_mb": most[1] // 1024,
        "resident_after_mb": resident_kb(web) // 1024,
        "ended_by_server": len(lives),
        "median_life_s": round(sorted(lives)[len(lives) // 2], 1),
        "longest_life_s": round(max(lives), 1),
        "all_ended_after_s": round(ended, 1),
        "healthz_alone_s": alone[0],
        "healthz_median_s": sorted(latencies)[len(latencies) // 2],
        "healthz_longest_s": max(latencies),
        "submission_alone_s": alone[1],
        "submissions_s": submitted,
        "healthz_after_s": health(),
    }


def resident_kb(pid: int) -> int:
    """Return the resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


def main() -> None:
    """Run the crowd against a server of its own and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        challenge = make_challenge(root / "c", contest_toml(per_day=1000), n=N_ROWS)
        tokens = make_teams(challenge)
        task = challenge.task("toy")
        bodies = [
            write_hits(task, root / f"{number}.csv", 5_000, salt=number).read_bytes()
            for number in range(7)
        ]
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        server = start(challenge, root / "log", port)
        try:
            wait_until_ready(url, server, root / "log")
            found = measure(url, server.pid, options, bodies, tokens["Owls"])
        finally:
            end(server)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
