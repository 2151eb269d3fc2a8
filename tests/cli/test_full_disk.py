"""A full disk is reported as one; the cure is room, and nothing is lost or left half written."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from challenge.errors import machine_fault
from tests.cli.full_disk import COMMANDS
from tests.users import USERS, as_user

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("user", "free"),
    [(USERS[0], 40 << 10), (USERS[-1], 0)],
)
def test_every_command_reports_a_full_disk(user: int, free: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, user, user)
        disk = ["bwrap", "--dev-bind", "/", "/", "--size", str(48 << 20), "--tmpfs", folder]
        command = [sys.executable, "-m", "tests.cli.full_disk", folder, str(free)]
        done = subprocess.run(
            [*as_user(user), *disk, *command],
            cwd=REPOSITORY,
            env={**os.environ, "HOME": folder},
            capture_output=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    assert found.keys() == COMMANDS.keys()
    refused = set()
    for name, answers in found.items():
        for answer in answers:
            assert answer["code"] in (0, 3), (name, answer)
            assert answer["left"] == [], (name, answer)
            assert answer["again"].get("code", 0) == 0, (name, answer)
            assert answer["verify"]["code"] == 0, (name, answer)
            if answer["code"]:
                refused.add(name)
                assert "no room" in answer["text"] and "fix: free some space" in answer["text"]
                assert "damaged" not in answer["text"] and "restore" not in answer["text"], name
    nothing_to_write = {"audit", "check"}
    little = {"init", "add", "export", "select", "rescore", "verify", "submissions"}
    little |= {"init-method", "run", "tune"}
    assert refused >= COMMANDS.keys() - nothing_to_write - (little if free else set())


def test_no_folder_for_temporary_files_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/proc/none"])
    with pytest.raises(FileNotFoundError) as caught:
        tempfile.gettempdir()
    fault = machine_fault(caught.value, "here")
    assert fault is not None
    assert "no room" in fault.found and "TMPDIR" in fault.fix


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_room_is_the_fix_of_no_room(number: int) -> None:
    fault = machine_fault(OSError(number, os.strerror(number)), "here")
    assert fault is not None
    assert fault.found.startswith("no room") and "free some space" in fault.fix
