"""Many processes that submit at once to one ledger, SQLite or a server."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from challenge.ledger import Ledger
from tests.ledger.toy import write_hits

WORKER = """
import json, sys
from pathlib import Path
from challenge.errors import SubmissionError
from challenge.ledger import open_ledger, submit
from challenge.task import Challenge
root, files, teams = Path(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3])
challenge = Challenge(root)
task = challenge.task("toy")
print("ready", flush=True)
sys.stdin.readline()
ledger = open_ledger(challenge)
answers = []
for file, team in zip(files, teams):
    try:
        receipt = submit(ledger, task, Path(file), team=team, method="m")
        answers.append(["stored", receipt.submission.id, team])
    except SubmissionError as error:
        answers.append([error.faults[0].code, 0, team])
print(json.dumps(answers))
"""


@dataclass(frozen=True)
class Answers:
    """What all processes were told: stored submissions by id, refusals by code."""

    stored: dict[int, str]
    refused: dict[str, int]


def submit_at_once(ledger: Ledger, folder: Path, plan: list[list[str]]) -> Answers:
    """Start one process per list of team names; each submits one file of its own per name.

    All begin together. Raises AssertionError when a process fails.
    """
    task = ledger.challenge.task("toy")
    processes = []
    number = 0
    for teams in plan:
        files = []
        for _ in teams:
            number += 1
            hits = 10 + number % 40
            files.append(str(write_hits(task, folder / f"{number}.csv", hits, salt=number)))
        processes.append(
            subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    WORKER,
                    str(ledger.challenge.root),
                    json.dumps(files),
                    json.dumps(teams),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    stored: dict[int, str] = {}
    refused: dict[str, int] = {}
    for process in processes:
        output, _ = process.communicate()
        assert process.returncode == 0
        for answer, submission_id, team in json.loads(output):
            if answer == "stored":
                assert submission_id not in stored, "two were told the same number"
                stored[submission_id] = team
            else:
                refused[answer] = refused.get(answer, 0) + 1
    return Answers(stored, refused)
