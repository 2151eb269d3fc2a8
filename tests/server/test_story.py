"""A contest over the network as three users play it: an organiser, and two teams with the wheel.

The teams are a user of their own, who cannot open the organiser's folder.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

import httpx
import pytest

from challenge.ledger import open_ledger
from challenge.ledger.store.integrity import verify
from challenge.task import Challenge
from tests.server.live import end, free_port, start, wait_until_ready
from tests.users import USERS, as_user

ROOT = Path(__file__).parents[2]
TEAM_USER = USERS[-1]


class User:
    """Somebody at a shell of an own folder, with the unpacked wheel."""

    def __init__(self, folder: Path, wheel: Path, user: int) -> None:
        folder.mkdir()
        folder.chmod(0o777)
        self.folder = folder
        self._prefix = as_user(user)
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(wheel),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(folder),
        }

    def run(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [*self._prefix, sys.executable, "-m", "challenge", *words]
        return self.shell(command, stdin)

    def shell(self, command: list[str], stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment,
            input=stdin,
            capture_output=True,
            text=True,
        )

    def done(self, *words: str, stdin: str = "") -> str:
        done = self.run(*words, stdin=stdin)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout


@pytest.mark.slow
def test_a_contest_over_the_network() -> None:
    home = Path(tempfile.mkdtemp())
    home.chmod(0o755)
    try:
        play(home)
    finally:
        shutil.rmtree(home)


def unpacked_wheel(home: Path) -> Path:
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(home), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = home.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(home / "wheel")
    return home / "wheel"


def settings(closes: datetime) -> str:
    now = datetime.now(timezone.utc)
    return f"""
format = 1
title = "Parcels over the network"
reveal = "contest"
opens = {(now - timedelta(days=1)).isoformat(timespec="seconds")}
closes = {closes.isoformat(timespec="seconds")}
[limits]
per_day = 3
[[track]]
id = "parcels"
title = "Parcels"
kind = "classification"
metric = "macro_f1"
tasks = ["parcels"]
"""


def play(home: Path) -> None:
    wheel = unpacked_wheel(home)
    organiser = User(home / "organiser", wheel, os.geteuid())
    organiser.folder.chmod(0o700)
    owls = User(home / "owls", wheel, TEAM_USER)
    cats = User(home / "cats", wheel, TEAM_USER)

    # The organiser: a task, two teams with tokens, the server.
    organiser.done("init", ".")
    toml = organiser.folder / "challenge.toml"
    far = datetime.now(timezone.utc) + timedelta(days=30)
    toml.write_text(settings(far))
    organiser.done("convert", "parcels")
    organiser.done("run", "majority", "--all", "--submit")
    tokens = {}
    for team in ("Owls", "Cats"):
        organiser.done("team", "add", team)
        tokens[team] = organiser.done("token", "new", "--team", team, "--expires", "2199-01-01")
    challenge = Challenge(organiser.folder)
    port, log = free_port(), home / "log"
    url = f"http://127.0.0.1:{port}"
    server = start(challenge, log, port, PYTHONPATH=str(wheel))
    try:
        wait_until_ready(url, server, log)

        # The Owls, at a shell.
        assert "signed in as Owls" in owls.done("login", url, stdin=tokens["Owls"])
        if os.geteuid() != TEAM_USER:
            peek = owls.shell([*as_user(TEAM_USER), "ls", str(organiser.folder)])
            assert "Permission denied" in peek.stderr
        owls.done("download", "parcels")
        owls.done("run", "linear", "--task", "parcels", "--to", "out")
        (file,) = (owls.folder / "out").rglob("predictions.*")
        owls.done("check", "parcels", str(file))
        first = json.loads(
            owls.done("submit", "parcels", str(file), "--method", "linear", "--json")
        )
        assert first["team"] == "Owls" and first["quota_left"] == 2
        again = owls.done("submit", "parcels", str(file), "--method", "linear", "--json")
        assert {**json.loads(again), "arrived": 0} == {**first, "arrived": 0}

        # The Cats: with curl, then in a browser without scripts.
        archive = cats.folder / "parcels.zip"
        head = ["-H", f"Authorization: Bearer {tokens['Cats'].strip()}"]
        get = ["curl", "-sf", *head, "-o", str(archive), f"{url}/api/v1/tasks/parcels/download"]
        assert cats.shell(get).returncode == 0
        with zipfile.ZipFile(archive) as packed:
            sample = packed.read("parcels/sample_submission.csv")
        (cats.folder / "sample.csv").write_bytes(sample)
        headers = ["-H", "Content-Type: text/csv", "-H", "X-Method: by curl"]
        target = f"{url}/api/v1/tasks/parcels/submissions"
        put = ["curl", "-s", *head, *headers, "-T", str(cats.folder / "sample.csv"), target]
        receipt = json.loads(cats.shell(put).stdout)
        assert receipt["team"] == "Cats" and receipt["quota_left"] == 2
        with httpx.Client(base_url=url, follow_redirects=True, timeout=60, trust_env=False) as web:
            page = web.post("/me/sign-in", data={"token": tokens["Cats"].strip()}).text
            csrf = page.split('name="csrf" value="')[1].split('"')[0]
            data = {"csrf": csrf, "task": "parcels", "method": "by form"}
            body = file.read_bytes()
            shown = web.post("/me/submit", data=data, files={"file": (file.name, body)})
            assert "<h1>Accepted</h1>" in shown.text, shown.text

        # The network is lost in the middle: the server is killed while the Owls submit.
        rows = sample.decode().splitlines()
        card = owls.folder / "datasets" / "parcels" / "public" / "task.json"
        classes = json.loads(card.read_text())["classes"]

        def changed(number: int, name: str) -> Path:
            """Return the sample with another label in one row."""
            ident, _, label = rows[number].partition(",")
            row = f"{ident},{next(one for one in classes if one != label)}"
            path = owls.folder / name
            path.write_text("\n".join([*rows[:number], row, *rows[number + 1 :]]) + "\n")
            return path

        other = changed(1, "other.csv")
        command = [sys.executable, "-m", "challenge", "submit", "parcels", str(other)]
        sending = subprocess.Popen(
            [*as_user(TEAM_USER), *command, "--method", "cut"],
            cwd=owls.folder,
            env=owls._environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        time.sleep(1.0)
        server.send_signal(signal.SIGKILL)
        server.wait()
        server = start(challenge, log, port, PYTHONPATH=str(wheel))
        out, _ = sending.communicate(timeout=120)
        assert sending.returncode == 0, out
        assert "quota left today: 1" in out

        # The quota, then the end.
        reversed_rows = owls.folder / "reversed.csv"
        lines = other.read_text().splitlines()
        reversed_rows.write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
        same = owls.done("submit", "parcels", str(reversed_rows), "--method", "order")
        assert same.startswith("identical"), "the order of rows does not count"
        last = owls.done("submit", "parcels", str(changed(2, "third.csv")), "--method", "third")
        assert "quota left today: 0" in last
        fourth = changed(3, "fourth.csv")
        over = owls.run("submit", "parcels", str(fourth), "--method", "fourth")
        assert over.returncode == 1 and "submit it after" in over.stderr, over.stderr
        number = str(first["submission"]["id"])
        assert owls.done("select", number) == f"selected now: {number}\n"
        refused = owls.run("withdraw", str(receipt["submission"]["id"]), "--yes")
        assert refused.returncode == 1 and "another team" in refused.stderr
        wait_for_page(url, "Owls")
        toml.write_text(settings(datetime.now(timezone.utc) + timedelta(seconds=2)))
        time.sleep(3)
        late = owls.run("submit", "parcels", str(fourth), "--method", "late")
        assert late.returncode == 1 and "it ended at" in late.stderr, late.stderr
        assert owls.run("select", number).returncode == 1
        assert "closed: " in organiser.done("close")
        board = json.loads(owls.done("leaderboard", "--json"))["tracks"][0]
        assert board["subset"] == "private"
        assert {row["team"] for row in board["rows"]} == {"Owls", "Cats", "Majority"}
        history = json.loads(owls.done("submissions", "--team", "Owls", "--json"))["submissions"]
        assert [row["method"] for row in history] == ["linear", "cut", "third"]
    finally:
        end(server)
    assert verify(open_ledger(challenge)).faults == ()
    assert "Traceback" not in log.read_text()


def wait_for_page(url: str, text: str) -> None:
    until = time.monotonic() + 60
    while text not in httpx.get(f"{url}/task/parcels/index.html", trust_env=False).text:
        assert time.monotonic() < until
        time.sleep(0.2)
