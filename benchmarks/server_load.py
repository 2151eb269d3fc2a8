"""Submissions over HTTP at a fixed rate, by many teams: latency, what is refused, memory.

    python -m benchmarks.server_load                             # 2 a second for 20 seconds
    python -m benchmarks.server_load --rate 10 --seconds 300     # the target
    python -m benchmarks.server_load --rate 60 --seconds 60      # beyond the limit

The files have 10,000 rows and differ, so that each is scored. Sending does not wait for answers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx
import numpy as np

from challenge.ledger import open_ledger
from tests.ledger.toy import make_challenge, truth_of, write_labels
from tests.server.live import contest_toml, end, free_port, make_teams, start, wait_until_ready

N_ROWS = 10_000


def main() -> None:
    """Run the load against a server of its own and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=2.0, help="submissions a second")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--teams", type=int, default=50)
    parser.add_argument("--workers", type=int, default=4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(run(Path(folder).resolve(), options), indent=2))


def run(folder: Path, options: argparse.Namespace) -> dict[str, object]:
    """Return figures of one run."""
    challenge = make_challenge(folder / "c", contest_toml(per_day=100_000), n=N_ROWS)
    tokens = make_teams(challenge, tuple(f"Team {number}" for number in range(options.teams)))
    teams = [token for name, token in tokens.items() if name != "organiser"]
    task = challenge.task("toy")
    truth = truth_of(task)
    random = np.random.default_rng(0)
    bodies = []
    for number in range(int(options.rate * options.seconds)):
        labels = list(truth)
        for row in random.integers(0, N_ROWS, 2_000):
            labels[row] = task.classes[number % len(task.classes)]
        bodies.append(write_labels(task, folder / "file.csv", labels).read_bytes())
    port, log = free_port(), folder / "log"
    url = f"http://127.0.0.1:{port}"
    server = start(challenge, log, port, "--workers", str(options.workers))
    try:
        wait_until_ready(url, server, log)
        before = memory_mb(server.pid)
        answers = asyncio.run(send_all(url, teams, bodies, options.rate))
        after = memory_mb(server.pid)
        waited = wait_for_line(url)
    finally:
        end(server)
    accepted = sorted(seconds for status, seconds, _ in answers if status == 201)
    acknowledged = {number for status, _, number in answers if status == 201}
    with open_ledger(challenge).store.reading() as connection:
        stored = {row[0] for row in connection.exec_driver_sql("SELECT id FROM submissions")}
    return {
        "sent": len(answers),
        "statuses": dict(Counter(str(status) for status, _, _ in answers)),
        "p50_s": quantile(accepted, 0.5),
        "p95_s": quantile(accepted, 0.95),
        "acknowledged_and_missing": len(acknowledged - stored),
        "stored": len(stored),
        "seconds_until_the_line_was_empty": round(waited, 1),
        "web_memory_mb": [before, after],
    }


async def send_all(
    url: str, teams: list[str], bodies: list[bytes], rate: float
) -> list[tuple[int, float, int | None]]:
    """Send each file at its time; return status, seconds and submission of each."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=url, timeout=120, limits=limits, trust_env=False
    ) as client:

        async def send(number: int) -> tuple[int, float, int | None]:
            await asyncio.sleep(number / rate)
            headers = {
                "Authorization": f"Bearer {teams[number % len(teams)]}",
                "X-Method": "load",
                "Content-Type": "text/csv",
            }
            started = time.perf_counter()
            try:
                answer = await client.put(
                    "/api/v1/tasks/toy/submissions", content=bodies[number], headers=headers
                )
            except httpx.TransportError:
                return 0, time.perf_counter() - started, None
            seconds = time.perf_counter() - started
            if answer.status_code != 201:
                return answer.status_code, seconds, None
            return 201, seconds, int(answer.json()["submission"]["id"])

        return await asyncio.gather(*(send(number) for number in range(len(bodies))))


def wait_for_line(url: str) -> float:
    """Wait until nothing waits; return the seconds."""
    started = time.perf_counter()
    while True:
        state = httpx.get(f"{url}/readyz", trust_env=False, timeout=60).json()
        if not state["waiting"] and not state["running"]:
            return time.perf_counter() - started
        time.sleep(0.5)


def memory_mb(pid: int) -> int:
    """Return the resident memory of a process."""
    done = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True)
    return int(done.stdout) >> 10


def quantile(values: list[float], share: float) -> float | None:
    """Return a quantile of sorted values, None of none."""
    return round(values[min(len(values) - 1, int(share * len(values)))], 3) if values else None


if __name__ == "__main__":
    main()
