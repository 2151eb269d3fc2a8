"""A process that hands bad files in: `python -m challenge.attack.file_worker GROUND TASK NAME...`.

It writes one line of JSON for each file: its name and what went wrong, empty when it was refused
as it must be. A file that kills the process, or takes too long, is found by the parent process.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from challenge.attack.bad_files import BadFile, bad_files
from challenge.errors import ChallengeError, Fault, SubmissionError
from challenge.ledger import Ledger, collect, open_ledger, submit
from challenge.scoring import read_predictions
from challenge.task import Challenge, Task

__all__ = ["CANARY", "TEAM"]

CANARY = "never-in-a-message"
"""The content of the private folder and of the file that links lead to."""
TEAM = "attack"
_MOST_SECONDS = 30.0
_MOST_MB = 700


def main(root: str, task_id: str, names: list[str]) -> None:
    """Hand in the files of these names, or all where none is named, through every door."""
    challenge = Challenge(Path(root))
    task = challenge.task(task_id)
    good = (task.public / "sample_submission.csv").read_text(encoding="utf-8")
    ledger = open_ledger(challenge)
    for file in bad_files(good, task.private / "solution.parquet"):
        if not names or file.name in names:
            _answer({"name": file.name, "fault": "started"})
            _answer({"name": file.name, "fault": _handed_in(ledger, task, file)})


def _answer(line: dict[str, str]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _handed_in(ledger: Ledger, task: Task, file: BadFile) -> str:
    """Return what went wrong; empty when check, submit and the inbox refused the file."""
    folder = ledger.challenge.root / "handed-in"
    folder.mkdir(exist_ok=True)
    path = folder / file.name
    inbox = ledger.challenge.inbox / TEAM / task.id
    inbox.mkdir(parents=True, exist_ok=True)
    try:
        file.write(path)
        doors: dict[str, Callable[[], Iterator[str]]] = {
            "check": lambda: _refused(lambda: read_predictions(task, path)),
            "submit": lambda: _refused(lambda: submit(ledger, task, path, team=TEAM, method="m")),
            "inbox": lambda: _collected(ledger, file, path, inbox),
        }
        for door, action in doors.items():
            if door != "inbox" and not file.by_path:
                continue
            if fault := _measured(action):
                return f"{door}: {fault}"
        return ""
    finally:
        for left in (folder, inbox):
            shutil.rmtree(left)


def _measured(action: Callable[[], Iterator[str]]) -> str:
    started, before = time.monotonic(), _peak_mb()
    try:
        faults = list(action())
    except Exception as error:
        # Any other error is what the attack looks for.
        faults = [f"ended with {type(error).__name__}"]
    if (seconds := time.monotonic() - started) > _MOST_SECONDS:
        faults.append(f"took {seconds:.0f} seconds")
    if (grown := _peak_mb() - before) > _MOST_MB:
        faults.append(f"took {grown} MB of memory")
    return ", ".join(faults)


def _peak_mb() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def _refused(action: Callable[[], object]) -> Iterator[str]:
    try:
        action()
    except SubmissionError as error:
        yield from _incomplete(error.faults)
    except ChallengeError as error:
        yield f"answered with {type(error).__name__}, not with the faults of the file"
    else:
        yield "accepted"


def _incomplete(faults: tuple[Fault, ...]) -> Iterator[str]:
    for fault in faults:
        if not all(part.strip() for part in (fault.where, fault.found, fault.expected, fault.fix)):
            yield f"the message {fault.code} lacks one of its four parts"
        if CANARY in str(fault):
            yield f"the message {fault.code} quotes a private file"


def _collected(ledger: Ledger, file: BadFile, path: Path, inbox: Path) -> Iterator[str]:
    """Hand the file in through the inbox, in which it must be refused, or skipped with a note."""
    path.rename(inbox / file.name)
    report = collect(ledger, settle_s=0.0)
    for _, outcome in report.collected:
        if outcome.status != "refused":
            yield f"{outcome.status}: {outcome.message}"
        elif not file.is_plain:
            yield "read, and is no regular file"
    if not report.collected and not report.notes:
        yield "neither a receipt nor a note"
    said = [*report.notes, *(one.text() for _, one in report.collected)]
    if any(CANARY in text for text in said):
        yield "quotes a private file"


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
