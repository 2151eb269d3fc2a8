"""Hostile methods as cells in the sandbox, on a copy of a task; never without a sandbox."""

from __future__ import annotations

import shutil
import socket
import tempfile
import time
from pathlib import Path

from challenge.attack import hostile_methods
from challenge.attack.file_worker import CANARY
from challenge.errors import ChallengeError, MissingRequirement
from challenge.methods import Caps, resolve_method
from challenge.methods.run.runner import Options, run_here
from challenge.methods.run.sandbox import sandbox_fault
from challenge.scoring.attacks import Attack
from challenge.task import Task, read_task, sha256_of_file

__all__ = ["method_attacks"]

_TARGET = "sandbox"
_CAPS = Caps(seconds=40, memory_mb=900, file_mb=256, files=2000, processes=200)
_SLACK_S = 30.0
_HARMLESS = hostile_methods.LooksAround.__name__
"""The method that hands in valid predictions, after it looked around."""


def method_attacks(task: Task) -> list[Attack]:
    """Run the hostile methods; the gain is how many got out, or were not refused."""
    name = "hostile methods"
    if fault := sandbox_fault():
        fix = "install bubblewrap, and allow user namespaces"
        return [Attack(_TARGET, name, 0.0, 0.0, fault, fix, "methods", 0, True)]
    names = hostile_methods.__all__
    with (
        tempfile.TemporaryDirectory(prefix="challenge-attack-") as folder,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):
        copy = _copy_of(task, Path(folder).resolve(), server.getsockname()[1])
        before = _content(copy)
        faults = {one: _fault_of(copy, one) for one in names}
        if _content(copy) != before:
            faults["files"] = "a file outside the sandbox was changed"
    fell = {one: fault for one, fault in faults.items() if fault}
    how = "methods with links, forged answers, floods, and ways to disk, kernel and network"
    if fell:
        how += "; " + "; ".join(f"{one}: {fault}" for one, fault in fell.items())
    fix = "do not run the methods of others here; report it with the name of the method"
    return [Attack(_TARGET, name, len(fell), 0.0, how, fix, "methods", len(names), counted=True)]


def _copy_of(task: Task, root: Path, port: int) -> Task:
    """Copy the tables of a task, without its images, and put a file beside them as the solution."""
    folder = root / "datasets" / task.id
    shutil.copytree(
        task.public, folder / "public", ignore=shutil.ignore_patterns("images"), symlinks=True
    )
    (folder / "public" / "port.txt").write_text(str(port))
    (folder / "private").mkdir()
    (folder / "private" / "solution.parquet").write_text(CANARY)
    return read_task(folder / "public")


def _content(task: Task) -> dict[str, str]:
    return {
        str(path): sha256_of_file(path)
        for part in (task.public, task.private)
        for path in sorted(part.rglob("*"))
        if path.is_file()
    }


def _fault_of(task: Task, name: str) -> str:
    """Run one method; return what it reached, empty when nothing."""
    started = time.monotonic()
    try:
        source = resolve_method(f"{hostile_methods.__file__}:{name}")
        options = Options(threads=1, isolation="bwrap")
        answer = run_here(source, task, options, _CAPS)
    except MissingRequirement:
        raise
    except ChallengeError as error:
        if CANARY in str(error):
            return "a message quotes a file outside"
        late = time.monotonic() - started > _CAPS.seconds + _SLACK_S
        return "not stopped in time" if late else _unless_expected(name, str(error))
    if name != _HARMLESS:
        return "its answer was accepted"
    assert answer.record is not None
    escaped = answer.record.details.get("escaped")
    return ", ".join(map(str, escaped)) if isinstance(escaped, list) else "no answer"


def _unless_expected(name: str, text: str) -> str:
    return f"did not run: {text}" if name == _HARMLESS else ""
