"""The web process as a user of its own, who cannot read the solutions."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.ledger.toy import make_challenge
from tests.server.live import Live, contest_toml, end, free_port, make_teams, start
from tests.users import USERS, as_user

WEB = USERS[-1]


@pytest.mark.slow
def test_a_web_process_of_another_user_serves_and_cannot_read_a_solution() -> None:
    # Below /tmp itself, since folders of pytest are closed to other users.
    root = Path(tempfile.mkdtemp())
    root.chmod(0o755)
    before = os.umask(0o007)
    try:
        serve_as_two_users(root)
    finally:
        os.umask(before)
        shutil.rmtree(root)


def serve_as_two_users(root: Path) -> None:
    challenge = make_challenge(root / "c", contest_toml(), n=800)
    challenge.submissions.mkdir(exist_ok=True)
    if os.geteuid() != WEB:
        os.chown(challenge.submissions, -1, WEB)
        challenge.submissions.chmod(0o2770)
    challenge.leaderboard.mkdir(exist_ok=True)
    tokens = make_teams(challenge)
    for path in (challenge.root, challenge.datasets, challenge.datasets / "toy"):
        path.chmod(0o755)
    for path in [challenge.datasets / "toy" / "public", challenge.leaderboard]:
        path.chmod(0o755)
        for file in path.iterdir():
            file.chmod(0o644)
    (challenge.root / "challenge.toml").chmod(0o644)
    port, log = free_port(), root / "web.log"
    command = [
        *as_user(WEB),
        *(sys.executable, "-m", "challenge", "-C", str(challenge.root)),
        *("serve", "--workers", "0", "--port", str(port)),
    ]
    with log.open("wb") as out:
        web = subprocess.Popen(command, stdout=out, stderr=out, cwd="/", start_new_session=True)
    scoring = start(challenge, root / "scoring.log", 0, "--scoring-only")
    url = f"http://127.0.0.1:{port}"
    live = Live(url, challenge, tokens, web, log)
    try:
        until = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"{url}/healthz", trust_env=False)
                break
            except httpx.TransportError:
                assert time.monotonic() < until and web.poll() is None, log.read_text()
                time.sleep(0.2)
        answer = live.put(live.file(300).read_bytes())
        assert answer.status_code == 201, (answer.text, log.read_text())
        number = answer.json()["submission"]["id"]
        with live.client() as client:
            assert client.get(f"/api/v1/submissions/{number}/file").status_code == 200
            assert client.get("/api/v1/tasks/toy/download").status_code == 200
            assert client.post(f"/api/v1/submissions/{number}/select").status_code == 200
        private = challenge.datasets / "toy" / "private"
        assert owners_of(web.pid) == {WEB}
        if os.geteuid() != WEB:
            for path in (private, *private.iterdir()):
                peek = [*as_user(WEB), "cat" if path.is_file() else "ls", str(path)]
                done = subprocess.run(peek, capture_output=True, text=True)
                assert done.returncode != 0 and "Permission denied" in done.stderr, path
    finally:
        # The program that changes the user does not pass signals on.
        with suppress(ProcessLookupError):
            os.killpg(web.pid, signal.SIGTERM)
        web.wait()
        end(scoring)


def owners_of(group: int) -> set[int]:
    """Return the users of the Python processes in a group of processes."""
    listed = [
        "ps",
        "-o",
        "uid=,comm=",
        "--ppid",
        str(group),
        "--pid",
        str(group),
        "--sid",
        str(group),
    ]
    rows = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.splitlines()
    pairs = [line.split(None, 1) for line in rows]
    return {int(user) for user, name in pairs if name.startswith("python")}
