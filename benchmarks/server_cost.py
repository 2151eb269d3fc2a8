"""Processor seconds of a submission over HTTP, beside those of the local command.

    python -m benchmarks.server_cost

Each file is handed in both ways. The start of Python is in neither figure. The server's is that of
its web process, its scoring process and the process of each file; the build of the site is left
out, as it is locally.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import httpx

from challenge.board.rules.task_board import rank_of
from challenge.ledger import enter_team, open_ledger, submit
from challenge.server.scoring_line import LOADED
from challenge.task import Challenge
from tests.ledger.toy import make_challenge, write_hits
from tests.server.live import contest_toml, end, free_port, make_teams, start, wait_until_ready

N_ROWS, N_FILES = 10_000, 20


def main() -> None:
    """Hand in files both ways in turn, so that both meet the same machine; print the cost of one.

    A local process is a fork of this one: Python and its libraries are loaded, nothing else.
    """
    for name in LOADED:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        local, remote = (
            make_challenge(root / name, contest_toml(per_day=1000), n=N_ROWS)
            for name in ("local", "remote")
        )
        enter_team(open_ledger(local), "Owls")
        tokens = make_teams(remote)
        paths = [
            write_hits(local.task("toy"), root / f"{number}.csv", 5_000, salt=1 + number)
            for number in range(N_FILES + 1)
        ]
        port, log = free_port(), root / "log"
        url = f"http://127.0.0.1:{port}"
        headers = {"Authorization": f"Bearer {tokens['Owls']}", "X-Method": "m"}
        server = start(remote, log, port, "--workers", "1")
        try:
            wait_until_ready(url, server, log)
            with httpx.Client(
                base_url=url, headers=headers, timeout=120, trust_env=False
            ) as client:
                spent, before = [], 0.0
                for number, path in enumerate(paths):
                    spent.append(locally(local, path))
                    body = path.read_bytes()
                    answer = client.put("/api/v1/tasks/toy/submissions", content=body)
                    assert answer.status_code == 201, answer.text
                    if not number:
                        time.sleep(2)
                        before = cost_of(server.pid)
                # The last process must have been waited for.
                time.sleep(2)
                over_http = (cost_of(server.pid) - before) / N_FILES
        finally:
            end(server)
    local_s = sum(spent[1:]) / N_FILES
    figures = {"local_s": local_s, "http_s": over_http, "ratio": over_http / local_s}
    print(json.dumps({name: round(one, 3) for name, one in figures.items()}, indent=2))


def locally(challenge: Challenge, path: Path) -> float:
    """Return the processor seconds of one `challenge submit` in a process of its own."""
    child = os.fork()
    if not child:
        ledger = open_ledger(Challenge(challenge.root))
        found = ledger.challenge.task("toy")
        rank_of(ledger, submit(ledger, found, path, team="Owls", method="m"))
        os._exit(0)
    _, status, usage = os.wait4(child, 0)
    assert status == 0
    return usage.ru_utime + usage.ru_stime


def cost_of(web: int) -> float:
    """Return the processor seconds of a web process and its line, with ended processes of files."""
    found = subprocess.run(["pgrep", "-P", str(web)], capture_output=True, text=True)
    total = 0.0
    for pid in (web, *map(int, found.stdout.split())):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += sum(int(one) for one in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    return total


if __name__ == "__main__":
    main()
