"""Names of files made to forge messages, or that a terminal cannot show."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from challenge.scoring.reading import intake
from tests.cli.shell import shell
from tests.scoring.made import ids_of, make_task

CALL = "import sys; from challenge.cli import main; sys.argv[0] = 'challenge'; main()"


def check(
    folder: Path, path: bytes, *words: str, **more: str
) -> subprocess.CompletedProcess[bytes]:
    task = make_task(folder / "animals")
    command = [sys.executable, "-c", CALL, "check", str(task.folder), os.fsdecode(path), *words]
    return subprocess.run(command, capture_output=True, env=os.environ | more)


@pytest.mark.parametrize("name", [b"a\xffb.csv", "\u732b.csv".encode()])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_json_is_valid_whatever_the_name_and_the_terminal(
    tmp_path: Path, name: bytes, encoding: str
) -> None:
    path = os.fsencode(tmp_path) + b"/" + name
    Path(os.fsdecode(path)).write_bytes(b"id,label\nx,\xe7\x8c\xab\n")
    done = check(tmp_path, path, "--json", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (1, b"")
    faults = json.loads(done.stdout)["faults"]
    assert faults[0]["where"].startswith(os.fsdecode(name))
    assert done.stdout.decode(encoding)


def test_a_good_answer_reaches_a_terminal_that_cannot_show_the_name(tmp_path: Path) -> None:
    path = tmp_path / "\u732b\n.csv"
    task = make_task(tmp_path / "animals")
    path.write_text("id,label\n" + "".join(f"{one},cat\n" for one in ids_of(task)))
    done = check(tmp_path, os.fsencode(path), PYTHONIOENCODING="latin-1")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"\n") == 1
    assert b"\\u732b\\n.csv: no faults" in done.stdout


def test_a_name_cannot_forge_a_line_of_the_report(tmp_path: Path) -> None:
    name = "p.csv: no faults\n\x1b[2Jp.csv"
    done = check(tmp_path, os.fsencode(tmp_path / name))
    assert done.returncode == 1
    lines = done.stderr.decode().splitlines()
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["expected", "fix"]
    assert "no faults\\n\\x1b[2Jp.csv: no such file" in lines[0]


def test_a_file_that_may_not_be_read_is_a_fault_in_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = make_task(tmp_path / "animals")
    path = tmp_path / "p.csv"
    path.write_text("id,label\n")

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "access", lambda name, *_, **__: os.fsdecode(name) != str(path))
    monkeypatch.setattr(intake, "os", SimpleNamespace(open=refuse, O_RDONLY=os.O_RDONLY))
    answer = shell(tmp_path, "check", str(task.folder), str(path), "--json")
    assert (answer.code, answer.fault()) == (1, "file-unreadable")
