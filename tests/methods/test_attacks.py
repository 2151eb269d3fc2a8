"""Hostile methods get nothing out and change nothing outside, as root and as another user."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from challenge.methods.run.sandbox import sandbox_fault
from tests.toy import build_toy
from tests.users import USERS, as_user

REPOSITORY = Path(__file__).parents[2]
SECRET = "the secret of another team"
FILES = {
    "LogIsALink": "",
    "NameIsNoText": "",
    "PredictionsAreALink": "answer-invalid",
    "PredictionsHaveTwoNames": "answer-invalid",
    "ResultIsALink": "answer-invalid",
    "FaultIsALink": "answer-invalid",
    "FaultIsAPipe": "answer-invalid",
    "PredictionsAreAPipe": "answer-invalid",
    "PredictionsAreASocket": "answer-invalid",
    "ResultIsHuge": "answer-invalid",
    "ResultIsForged": "answer-invalid",
    "FaultIsForged": "answer-invalid",
    "ResultIsAFolder": "answer-invalid",
    "FaultIsAFolder": "answer-invalid",
    "PredictionsAreSparse": "answer-invalid",
    "ResultIsDeep": "answer-invalid",
    "ResultIsTruncated": "answer-invalid",
    "NamesAreLines": "method-raised",
}
USE = {
    "ProgressWithoutEnd": "method-output",
    "FilesInMemory": "method-memory",
    "ManyFiles": "method-files",
    "ManyThreads": "method-processes",
    "ManyProcesses": "method-processes",
    "ManyBytes": "method-files",
    "ManyBytesWithoutName": "method-files",
    "ManySockets": "method-memory",
    "ManyPipes": "method-memory",
    "FirstThreadEnds": "method-memory",
}
# What the filter of calls refuses inside the sandbox, and what its own disks hold.
USE_INSIDE = {
    "FilesInMemory": "method-raised",
    "SharedMemory": "method-raised",
    "SystemVMemory": "method-raised",
    "DisksInMemory": "method-memory",
    "DisksInMemoryHidden": "method-memory",
    "FullTcp": "method-memory",
    "SocketsInFlight": "method-memory",
    "PredictionsArePublic": "method-raised",
    "PredictionsAreADevice": "method-raised",
}


@dataclass(frozen=True)
class Ground:
    """A task, a file that no method may touch, and where temporary files go."""

    public: Path
    victim: Path
    temporary: Path
    user: int
    port: int

    def run(self, isolation: str, *names: str) -> dict[str, Any]:
        """Run the attacks in a process of the ground's user."""
        command = [
            *as_user(self.user),
            *(sys.executable, "-m", "tests.methods.attacks"),
            *(str(self.public), str(self.victim), isolation, str(self.port), *names),
        ]
        environment = {**os.environ, "TMPDIR": str(self.temporary), "HOME": str(self.temporary)}
        done = subprocess.run(
            command, cwd=REPOSITORY, env=environment, capture_output=True, timeout=500, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        assert SECRET.encode() not in done.stdout + done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        assert answer["cells"]["Good"]["code"] == "", answer["cells"]["Good"]["text"]
        return answer


@pytest.fixture(scope="module", params=USERS, ids=lambda user: f"user-{user}")
def ground(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ground]:
    user: int = request.param
    # Another user cannot walk through the folders that pytest makes for this one.
    base = Path(f"/tmp/challenge-attacks-{os.getpid()}-{user}")
    task = build_toy(base / "c", n=60, images=False)
    victim = base / "other" / "victim.txt"
    victim.parent.mkdir()
    victim.write_text(SECRET)
    victim.chmod(0o600)
    (base / "tmp").mkdir()
    for path in (base, *base.rglob("*")):
        os.chown(path, user, user)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as unix:
        port = server.getsockname()[1]
        unix.bind(f"\0challenge-{port}")
        unix.listen()
        yield Ground(task.public, victim, base / "tmp", user, port)
    shutil.rmtree(base)


@pytest.mark.slow
@pytest.mark.parametrize("isolation", ["bwrap", "none"])
def test_nothing_gets_out_by_links_pipes_and_forged_answers(ground: Ground, isolation: str) -> None:
    if isolation == "bwrap" and sandbox_fault():
        pytest.skip("bubblewrap may not make its sandbox here")
    answer = ground.run(isolation, *FILES, "FoldersAreClosedAndDeep")
    cells = answer["cells"]
    assert {name: cells[name]["code"] for name in FILES} == FILES
    # It ends by itself, or is found at the next count of its files.
    assert cells["FoldersAreClosedAndDeep"]["code"] in ("method-crashed", "method-files")
    assert ground.victim.read_text() == SECRET
    assert ground.victim.stat().st_mode & 0o777 == 0o600
    assert list(ground.temporary.iterdir()) == [], "what a method left is gone"
    assert answer["grown_mb"] < 200


@pytest.mark.slow
def test_a_folder_that_a_method_replaced_is_not_followed(ground: Ground) -> None:
    answer = ground.run("none", "FolderIsReplaced")
    assert answer["cells"]["FolderIsReplaced"]["code"] == "method-crashed"
    assert ground.victim.read_text() == SECRET
    for left in ground.temporary.iterdir():
        assert left.name.endswith("-moved")
        shutil.rmtree(left)


@pytest.mark.slow
@pytest.mark.parametrize("isolation", ["bwrap", "none"])
def test_what_a_method_uses_is_bounded(ground: Ground, isolation: str) -> None:
    if isolation == "bwrap" and sandbox_fault():
        pytest.skip("bubblewrap may not make its sandbox here")
    expected = USE | (USE_INSIDE if isolation == "bwrap" else {})
    answer = ground.run(isolation, *expected)
    assert {name: answer["cells"][name]["code"] for name in expected} == expected
    assert answer["grown_mb"] < 100, "the organiser's own process"


@pytest.mark.skipif(sandbox_fault() != "", reason="bubblewrap may not make its sandbox here")
def test_nobody_leaves_the_sandbox(ground: Ground) -> None:
    train = (ground.public / "train.csv").read_bytes()
    found = ground.run("bwrap", "LooksAround")["cells"]["LooksAround"]
    assert found["code"] == "", found["text"]
    assert found["details"]["escaped"] == []
    assert (ground.public / "train.csv").read_bytes() == train
    assert not (ground.public.parent / "new").exists()


@pytest.mark.parametrize("isolation", ["bwrap", "none"])
def test_no_process_outlives_its_cell(ground: Ground, isolation: str) -> None:
    assert ground.run(isolation, "Daemon")["cells"]["Daemon"]["code"] == ""
    assert f"walls-{ground.port}".encode() not in _process_names()


def _process_names() -> set[bytes]:
    """Names of all processes: any bytes, as other tests run hostile ones at the same time."""
    names = set()
    for path in Path("/proc").glob("[0-9]*/comm"):
        with suppress(OSError):  # It has ended.
            names.add(path.read_bytes().strip())
    return names


@pytest.mark.slow
def test_what_cannot_be_counted_is_stopped(ground: Ground) -> None:
    code = ground.run("bwrap", "Hidden")["cells"]["Hidden"]["code"]
    assert code == ("method-files" if ground.user else "method-time")
