"""What a task page says under "How to enter": data to download, and commands that run as shown."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from html import unescape
from pathlib import Path

import pytest

from challenge.board.site import SiteReport, build_site
from challenge.errors import MissingRequirement, TaskError
from challenge.ledger import open_ledger, refresh
from challenge.task import Challenge, sha256_of_file
from challenge.task.settings import read_settings
from tests.ledger.toy import BENCHMARK, make_challenge, make_task
from tests.server.live import end, free_port, make_teams, start, wait_until_ready

TOML = """format = 1
title = "Parcels"
reveal = "{reveal}"
{more}
[[track]]
id = "parcels"
title = "Parcels"
kind = "classification"
metric = "macro_f1"
tasks = ["parcels"]
"""


def run(folder: Path, code: str, *, shell: bool = True, **more: str) -> str:
    """Run code of a page in a folder, as its reader does; return what it prints."""
    bash = shutil.which("bash")
    assert bash is not None
    command = [bash, "-c", f"set -euo pipefail\n{code}"] if shell else [sys.executable, "-c", code]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, "CHALLENGE_CACHE": str(folder / ".cache"), **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("converted")
    run(root, "challenge init c")
    (root / "c" / "challenge.toml").write_text(TOML.format(reveal="all", more=""))
    run(root / "c", "challenge convert parcels")
    return root / "c"


def parcels(converted: Path, root: Path, reveal: str, more: str = "") -> Challenge:
    shutil.copytree(converted, root / "c")
    (root / "c" / "challenge.toml").write_text(TOML.format(reveal=reveal, more=more))
    return Challenge(root / "c")


def built(challenge: Challenge) -> SiteReport:
    """Build the site of the challenge as it is now."""
    ledger = open_ledger(challenge)
    refresh(ledger)
    return build_site(ledger, challenge.leaderboard)


def codes(challenge: Challenge) -> list[str]:
    """Return the code of the page of the task: for the shell, and for Python."""
    page = (challenge.leaderboard / "task/parcels/index.html").read_text()
    found = re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", page, re.S)
    return [unescape(re.sub(r"<[^>]+>", "", one)) for one in found]


@pytest.mark.slow
def test_the_commands_of_an_open_benchmark_run_as_shown(converted: Path, tmp_path: Path) -> None:
    challenge = parcels(converted, tmp_path, "all")
    run(challenge.root, "challenge leaderboard")
    in_shell, in_python = codes(challenge)
    run(challenge.root, in_shell)
    run(challenge.root, in_python, shell=False)
    run(challenge.root, "challenge leaderboard")
    board = (challenge.leaderboard / "task/parcels/board.csv").read_text()
    assert "Your-Team" in board


@pytest.mark.slow
def test_the_commands_of_a_contest_fill_its_inbox(converted: Path, tmp_path: Path) -> None:
    challenge = parcels(
        converted, tmp_path, "contest", "closes = 2199-01-01T00:00:00Z\ndownloads = true"
    )
    run(challenge.root, "challenge leaderboard")
    in_shell, in_python = codes(challenge)
    mine = tmp_path / "mine"
    mine.mkdir()
    shutil.copy(challenge.leaderboard / "task/parcels/parcels.zip", mine)
    run(mine, in_shell)
    assert "out/parcels/predictions" in run(mine, in_python, shell=False)
    shutil.copytree(mine / "inbox", challenge.inbox, dirs_exist_ok=True)
    run(challenge.root, "challenge collect")
    (receipt,) = challenge.inbox.rglob("*.receipt.txt")
    assert "Your-Team" in receipt.read_text()


@pytest.mark.slow
def test_the_commands_of_a_server_run_as_shown(converted: Path, tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    more = f'closes = 2199-01-01T00:00:00Z\nserver = "{url}"'
    challenge = parcels(converted, tmp_path, "contest", more)
    token = make_teams(challenge, ("Owls",))["Owls"]
    server = start(challenge, tmp_path / "log", port)
    try:
        wait_until_ready(url, server, tmp_path / "log")
        page = (challenge.leaderboard / "task/parcels/index.html").read_text()
        assert f'href="{url}/api/v1/tasks/parcels/download"' in page
        in_shell, in_python = codes(challenge)
        mine = tmp_path / "mine"
        mine.mkdir()
        said = run(mine, in_shell, CHALLENGE_TOKEN=token)
        assert "quota left" in said
        assert "quota left" in run(mine, in_python, shell=False, CHALLENGE_TOKEN=token)
    finally:
        end(server)


def test_the_site_holds_the_zip_only_when_the_organiser_says_so(tmp_path: Path) -> None:
    challenge = make_challenge(tmp_path)
    folder = challenge.leaderboard / "task/toy"
    built(challenge)
    page = (folder / "index.html").read_text()
    assert not (folder / "toy.zip").exists()
    assert "Download" not in page and "challenge convert" in page
    (tmp_path / "challenge.toml").write_text(
        BENCHMARK.replace('reveal = "all"', 'reveal = "all"\ndownloads = true')
    )
    built(challenge)
    page = (folder / "index.html").read_text()
    assert '<a class="button" href="toy.zip" download>' in page
    assert sha256_of_file(folder / "toy.zip") in page
    with zipfile.ZipFile(folder / "toy.zip") as archive:
        names = archive.namelist()
    assert names and all(name.startswith("toy/") for name in names)
    assert not [name for name in names if "solution" in name or "secret" in name]
    again = built(challenge)
    assert again.written == 0
    (folder / "toy.zip").unlink()
    assert built(challenge).written == 1


def test_a_zip_that_cannot_be_written_is_said_in_words(tmp_path: Path) -> None:
    toml = BENCHMARK.replace('reveal = "all"', 'reveal = "all"\ndownloads = true')
    challenge = make_challenge(tmp_path, toml)
    challenge.submissions.mkdir(exist_ok=True)
    challenge.exports.write_text("in the way")
    with pytest.raises(MissingRequirement) as caught:
        built(challenge)
    assert str(challenge.exports) in str(caught.value)


def test_a_board_of_other_data_does_not_hand_out_what_is_built_now(tmp_path: Path) -> None:
    toml = BENCHMARK.replace('reveal = "all"', 'reveal = "all"\ndownloads = true')
    challenge = make_challenge(tmp_path, toml)
    ledger = open_ledger(challenge)
    refresh(ledger)
    make_task(challenge, "toy", n=90)
    build_site(ledger, challenge.leaderboard)
    folder = challenge.leaderboard / "task/toy"
    assert (folder / "index.html").is_file()
    assert not (folder / "toy.zip").exists()


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('url = "challenge.example.org"', "key url"),
        ('url = "https://u:p@challenge.example.org"', "key url"),
        ('server = "https://challenge.example.org/\\"><script>"', "key server"),
        ('server = "https://a.example"\ndownloads = true', "`server` or `downloads`"),
    ],
)
def test_addresses_that_cannot_be_shown_are_refused(tmp_path: Path, line: str, found: str) -> None:
    toml = BENCHMARK.replace('reveal = "all"', f'reveal = "all"\n{line}')
    (tmp_path / "challenge.toml").write_text(toml)
    with pytest.raises(TaskError) as refused:
        read_settings(tmp_path)
    assert found in str(refused.value)
