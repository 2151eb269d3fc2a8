"""Systems without the parts of Unix: files are judged, and what needs more says so.

Windows is imitated: its Python has none of these modules and names. It was not run there.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from challenge.task.frames import read_test
from tests.toy import build_parcels

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
_HIDE = """
import os, signal, socket, subprocess, sys
MODULES = {"fcntl", "resource", "pwd", "grp", "termios"}
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name in MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
for name in MODULES:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Hidden())
for module, names in {
    os: "fork geteuid getuid getgid killpg O_NOFOLLOW O_DIRECTORY O_NONBLOCK O_CLOEXEC O_NOCTTY",
    signal: "SIGKILL SIGALRM SIGPROF SIGXCPU setitimer ITIMER_PROF ITIMER_REAL",
    socket: "AF_UNIX",
}.items():
    for name in names.split():
        delattr(module, name)
"""
_IMPORT_ALL = """
import importlib, pkgutil
import challenge
for found in pkgutil.walk_packages(challenge.__path__, "challenge."):
    if found.name == "challenge.__main__":
        continue
    try:
        importlib.import_module(found.name)
    except ModuleNotFoundError as error:
        if error.name in MODULES:  # others are of an extra that is not installed
            raise
"""
_COMMAND = """
from challenge.cli import main
main()
"""


def elsewhere(code: str, *arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _HIDE + code, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_module_is_imported() -> None:
    done = elsewhere(_IMPORT_ALL)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def contest(tmp_path: Path) -> Path:
    task = build_parcels(tmp_path)
    rows = read_test(task)[["id"]].assign(label=task.classes[0])
    rows.to_csv(tmp_path / "mine.csv", index=False)
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [
        ["show", "parcels"],
        ["check", "parcels", "mine.csv"],
        ["submit", "parcels", "mine.csv", "--method", "constant", "--team", "Owls"],
        ["leaderboard"],
        ["verify"],
        ["export", "parcels"],
    ],
    ids=lambda command: command[0],
)
def test_files_are_judged_and_shown(contest: Path, command: list[str]) -> None:
    done = elsewhere(_COMMAND, *command, folder=contest)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "command", [["run", "linear", "--task", "parcels", "--to", "out"], ["serve"]]
)
def test_what_needs_more_says_so(contest: Path, command: list[str]) -> None:
    done = elsewhere(_COMMAND, *command, folder=contest)
    assert done.returncode == 3, done.stderr
    assert "limits no process" in done.stderr and "WSL 2" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_build_names_the_system_and_not_the_image(contest: Path) -> None:
    ask = (
        "from challenge.task.image_process import *; ask_image_process(b'', b'', ImageLimits(1, 1))"
    )
    done = elsewhere(ask, folder=contest)
    assert "images: this system limits no process" in done.stderr
