"""Bad files through check, submit and the inbox, in a challenge of its own in a temporary folder.

The private folder of that challenge holds no solution: whatever is accepted, nothing is scored.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from challenge.attack.bad_files import bad_files
from challenge.attack.file_worker import CANARY
from challenge.errors import SubmissionError
from challenge.scoring import read_predictions
from challenge.scoring.attacks import Attack
from challenge.task import Task

__all__ = ["file_attacks"]

_SILENCE_S = 120.0
_SETTINGS = """\
format = 1
title = "Attack"
reveal = "all"
[limits]
failed_per_day = 100000
"""
_FIX = "report it with the name of the file: a file of this kind must be refused"


def file_attacks(task: Task) -> list[Attack]:
    """Hand in all bad files; the gain is how many were not refused as they must be."""
    name = "bad files"
    with tempfile.TemporaryDirectory(prefix="challenge-attack-") as folder:
        root = Path(folder).resolve()
        good = (task.public / "sample_submission.csv").read_text(encoding="utf-8")
        try:
            read_predictions(task, task.public / "sample_submission.csv")
        except SubmissionError as error:
            how = f"the sample submission itself is refused: {error.faults[0].found}"
            return [Attack(task.id, name, 1.0, 0.0, how, "build the task again", "files", 1, True)]
        names = [file.name for file in bad_files(good, root)]
        _make_ground(root, task)
        faults = _hand_in(root, task.id, names)
    fell = {file: fault for file, fault in faults.items() if fault}
    how = "files through check, submit and the inbox"
    if fell:
        how += "; " + "; ".join(f"{file!r}: {fault}" for file, fault in sorted(fell.items()))
    return [Attack(task.id, name, len(fell), 0.0, how, _FIX, "files", len(names), counted=True)]


def _make_ground(root: Path, task: Task) -> None:
    """Write a challenge: the public folder of the task, and a private one without a solution."""
    folder = root / "datasets" / task.id
    (folder / "private").mkdir(parents=True)
    (root / "challenge.toml").write_text(_SETTINGS)
    (folder / "task.toml").write_text("")
    (folder / "public").symlink_to(task.public.resolve())
    (folder / "private" / "solution.parquet").write_text(CANARY)


def _hand_in(root: Path, task_id: str, names: list[str]) -> dict[str, str]:
    """Return the fault of each file; a process that a file ends is started again without it."""
    faults: dict[str, str] = {}
    while left := [name for name in names if name not in faults]:
        last = _run_worker(root, task_id, left, faults)
        if last is not None:
            faults[last] = "ended the process, or was silent for too long"
        elif any(name not in faults for name in names):
            faults[left[0]] = "the process did not start"
    return faults


def _run_worker(root: Path, task_id: str, names: list[str], faults: dict[str, str]) -> str | None:
    """Run the process, add to `faults` what it answers; return the file at which it ended."""
    command = [sys.executable, "-m", "challenge.attack.file_worker", str(root), task_id, *names]
    # Files must not reach the ledger of the contest.
    own = ("CHALLENGE_LEDGER", "CHALLENGE_BUCKET")
    environment = {key: one for key, one in os.environ.items() if key not in own}
    started: str | None = None
    with subprocess.Popen(  # noqa: S603
        command,
        cwd=root,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    ) as process:
        lines: queue.Queue[str] = queue.Queue()
        assert process.stdout is not None
        reader = threading.Thread(target=_pass_on, args=(process.stdout, lines), daemon=True)
        reader.start()
        try:
            while line := lines.get(timeout=_SILENCE_S):
                answer = json.loads(line)
                if answer["fault"] == "started":
                    started = answer["name"]
                else:
                    faults[answer["name"]], started = answer["fault"], None
        except queue.Empty:
            pass
        finally:
            process.kill()
    return started


def _pass_on(source: object, lines: queue.Queue[str]) -> None:
    """Pass each line on, and an empty one at the end."""
    for line in source:  # type: ignore[attr-defined]
        lines.put(line)
    lines.put("")
