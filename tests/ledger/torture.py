"""Killing `submit` at random moments: what was acknowledged is there, and nothing half.

`python -m tests.ledger.torture 1000` is the full thousand; a test runs a few.
"""

from __future__ import annotations

import contextlib
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from challenge.ledger import open_ledger, read_snapshot, submit
from challenge.ledger.store import schema
from challenge.ledger.store.integrity import verify
from challenge.task import Challenge
from tests.ledger.toy import BENCHMARK, make_challenge, write_hits

# A server that has imported everything forks a child for each submission, so that kills fall into
# `submit` and not into the start of Python.
SERVER = """
import os, sys
from pathlib import Path
import challenge.ledger.submissions.submit, challenge.scoring.reading.canonical
import challenge.scoring.reading.check, challenge.scoring.score
from challenge.ledger import open_ledger, submit
from challenge.task import Challenge
place = Challenge(Path(sys.argv[1]))
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        ledger, task = open_ledger(place), place.task("toy")
        os.write(1, f"begin {os.getpid()}\\n".encode())
        receipt = submit(ledger, task, Path(line.strip()), team="Ada", method="m")
        os.write(1, f"done {receipt.submission.id}\\n".encode())
        os._exit(0)
    _, status = os.waitpid(child, 0)
    os.write(1, f"end {status}\\n".encode())
"""


@dataclass(frozen=True)
class Tally:
    """How the rounds ended."""

    rounds: int
    killed: int
    acknowledged: int
    stored: int


def torture(root: Path, rounds: int, *, seed: int = 0) -> Tally:
    """Kill `rounds` submissions at random moments; raise AssertionError when anything is lost."""
    dice = random.Random(seed)
    toml = BENCHMARK.replace("per_day = 5", f"per_day = {rounds + 1}")
    challenge = make_challenge(root, toml, n=600)
    task = challenge.task("toy")
    acknowledged: set[int] = set()
    killed = 0
    # Kills shall fall evenly into a submission: the wait follows the time that one takes here.
    longest_s = 5.0
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with server:
        assert server.stdin is not None and server.stdout is not None
        for number in range(rounds):
            path = write_hits(task, root / "x.csv", 300, salt=number + 1)
            server.stdin.write(f"{path}\n")
            server.stdin.flush()
            word, child = server.stdout.readline().split()
            assert word == "begin"
            began = time.monotonic()
            readable, _, _ = select.select([server.stdout], [], [], dice.random() * longest_s)
            longest_s = 1.2 * (time.monotonic() - began) if readable else 1.05 * longest_s
            # The server has not reaped the child yet, or it has and the number is still its own.
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
            word, value = server.stdout.readline().split()
            if word == "done":
                acknowledged.add(int(value))
                word, value = server.stdout.readline().split()
            assert word == "end"
            killed += int(value) == signal.SIGKILL
            check(challenge, acknowledged)
        server.stdin.close()
    last = write_hits(task, root / "x.csv", 10)
    ledger = open_ledger(challenge)
    receipt = submit(ledger, task, last, team="Ada", method="m")
    assert receipt.score is not None and receipt.score.value == 10 / 600
    stored = len(read_snapshot(ledger).primary)
    return Tally(rounds, killed, len(acknowledged), stored)


def check(challenge: Challenge, acknowledged: set[int]) -> None:
    """Raise AssertionError unless every submission is whole and every acknowledged one is there."""
    ledger = open_ledger(challenge)
    rows, scores, vectors = schema.submissions, schema.scores, schema.vectors
    with ledger.store.reading() as connection:
        ids = set(connection.execute(sa.select(rows.c.id)).scalars())
        scored = set(connection.execute(sa.select(scores.c.submission)).scalars())
        n_scores = connection.execute(sa.select(sa.func.count()).select_from(scores)).scalar()
        n_vectors = connection.execute(sa.select(sa.func.count()).select_from(vectors)).scalar()
    assert acknowledged <= ids, "an acknowledged submission is gone"
    assert ids == scored and n_scores == n_vectors == len(ids), "a submission is half there"
    assert verify(ledger).faults == (), "the ledger is damaged"


def main() -> int:
    """Run the rounds that the command line asks for."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        tally = torture(Path(folder) / "c", rounds, seed=os.getpid())
        print(f"{tally} in {time.monotonic() - began:.0f} s: nothing lost, nothing half done")  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
