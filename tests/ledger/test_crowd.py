"""Many at once, and kills: all that was acknowledged is stored, and none over quota."""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from challenge.errors import LedgerError, SubmissionError
from challenge.ledger import Ledger, open_ledger, read_snapshot, submit, withdraw
from challenge.ledger.inbox.collector import collect
from challenge.ledger.store import schema
from challenge.ledger.store.backup import backup, restore
from challenge.ledger.store.integrity import verify
from challenge.task import Challenge
from tests.ledger.crowd import submit_at_once
from tests.ledger.torture import torture
from tests.ledger.toy import BENCHMARK, make_challenge, write_hits


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)],
)
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Point CHALLENGE_LEDGER to nothing, or to an empty schema of the test server."""
    if request.param == "sqlite":
        monkeypatch.delenv("CHALLENGE_LEDGER", raising=False)
        return "sqlite"
    monkeypatch.setenv("CHALLENGE_LEDGER", empty_server())
    return "postgresql"


def empty_server() -> str:
    """Empty the test server and return its URL; skip, in CI fail, where there is none."""
    url = os.environ.get("CHALLENGE_TEST_POSTGRESQL")
    if not url:
        if os.environ.get("CI") == "true":
            pytest.fail("CHALLENGE_TEST_POSTGRESQL names no server")
        pytest.skip("CHALLENGE_TEST_POSTGRESQL names no server")
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        schema.metadata.drop_all(connection)
    engine.dispose()
    return url


def stored(ledger: Ledger) -> dict[int, str]:
    teams = {key: team.name for key, team in read_snapshot(ledger).teams.items()}
    return {entry.id: teams[entry.team] for entry in read_snapshot(ledger).submissions()}


@pytest.mark.usefixtures("server")
def test_two_processes_cannot_both_take_the_last_place_of_the_day(tmp_path: Path) -> None:
    ledger = open_ledger(make_challenge(tmp_path / "c"))
    answers = submit_at_once(ledger, tmp_path, [["Ada"] * 3, ["Ada"] * 3])
    assert len(answers.stored) == 5
    assert answers.refused == {"quota-day": 1}
    assert stored(ledger) == answers.stored


@pytest.mark.slow
@pytest.mark.usefixtures("server")
def test_new_teams_that_come_at_once_are_added_once(tmp_path: Path) -> None:
    toml = BENCHMARK.replace("per_day = 5", "per_day = 50")
    ledger = open_ledger(make_challenge(tmp_path / "c", toml))
    names = ["Ada", "ADA", "ada", "Åda", "Bob"]
    answers = submit_at_once(ledger, tmp_path, [names, names[::-1], names[2:] + names[:2]])
    assert len(answers.stored) == 15 and answers.refused == {}
    teams = read_snapshot(ledger).teams.values()
    assert len(teams) == 3
    assert len({team.slug for team in teams}) == 3


def crowd(tmp_path: Path, processes: int, files: int, per_day: int) -> None:
    toml = BENCHMARK.replace("per_day = 5", f"per_day = {per_day}")
    ledger = open_ledger(make_challenge(tmp_path / "c", toml))
    teams = [f"team {number % 5}" for number in range(processes)]
    answers = submit_at_once(ledger, tmp_path, [[team] * files for team in teams])
    assert stored(ledger) == answers.stored
    wanted = {team: min(per_day, files * count) for team, count in Counter(teams).items()}
    assert Counter(answers.stored.values()) == wanted
    assert sum(answers.refused.values()) == processes * files - sum(wanted.values())
    assert set(answers.refused) <= {"quota-day"}
    assert verify(ledger).faults == ()


@pytest.mark.slow
@pytest.mark.usefixtures("server")
def test_a_crowd_is_stored_whole_and_none_over_quota(tmp_path: Path) -> None:
    crowd(tmp_path, processes=5, files=4, per_day=3)


@pytest.mark.slow
@pytest.mark.usefixtures("server")
def test_fifty_processes_submit_three_files_each(tmp_path: Path) -> None:
    crowd(tmp_path, processes=50, files=3, per_day=20)


@pytest.mark.usefixtures("server")
def test_a_backup_moves_a_ledger_from_one_database_to_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = open_ledger(make_challenge(tmp_path / "c"))
    task = ledger.challenge.task("toy")
    for hits in (30, 40):
        path = write_hits(task, tmp_path / "x.csv", hits)
        submit(ledger, task, path, team="Ada", method="m")
    archive = tmp_path / "b.zip"
    backup(ledger, archive)
    url = os.environ.get("CHALLENGE_LEDGER")
    monkeypatch.delenv("CHALLENGE_LEDGER", raising=False)
    fresh = Challenge(tmp_path / "fresh")
    restore(archive, fresh)
    copy = open_ledger(fresh)
    assert read_snapshot(copy).primary.value.tolist() == [0.5, 40 / 60]
    assert verify(copy).faults == ()
    if url is None:
        return
    monkeypatch.setenv("CHALLENGE_LEDGER", url)
    with pytest.raises(LedgerError, match="nothing is overwritten"):
        restore(archive, Challenge(tmp_path / "other"))
    empty_server()
    root = tmp_path / "moved"
    shutil.copytree(ledger.challenge.datasets, root / "datasets")
    moved = Challenge(root)
    restore(archive, moved)
    again = open_ledger(moved)
    assert read_snapshot(again).primary.value.tolist() == [0.5, 40 / 60]
    path = write_hits(task, tmp_path / "x.csv", 50)
    assert submit(again, task, path, team="Ada", method="m").submission.id == 3


@pytest.mark.usefixtures("server")
def test_of_withdrawals_at_once_one_is_done_and_the_others_are_told(tmp_path: Path) -> None:
    challenge = make_challenge(tmp_path / "c")
    ledger, task = open_ledger(challenge), challenge.task("toy")
    path = write_hits(task, tmp_path / "a.csv", 30)
    key = submit(ledger, task, path, team="Ada", method="m").submission.id

    def withdraw_again(number: int) -> str:
        try:
            withdraw(ledger, key)
        except SubmissionError as error:
            return error.faults[0].code
        return "done"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(withdraw_again, range(4))) == ["done", *["withdrawn"] * 3]


@pytest.mark.slow
def test_a_killed_submission_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    tally = torture(tmp_path / "c", 20)
    assert tally.acknowledged <= tally.stored
    assert tally.killed > 0 and tally.rounds == 20


COLLECTOR = """
import os, sys
from pathlib import Path
import challenge.ledger.submissions.submit, challenge.scoring.reading.canonical
import challenge.scoring.reading.check, challenge.scoring.score
from challenge.ledger import open_ledger
from challenge.ledger.inbox.collector import collect
from challenge.task import Challenge
place = Challenge(Path(sys.argv[1]))
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        collect(open_ledger(place), settle_s=0)
        os._exit(0)
    os.write(1, f"{child}\\n".encode())
    os.waitpid(child, 0)
    os.write(1, b"end\\n")
"""


@pytest.mark.slow
def test_a_collector_killed_at_any_moment_scores_each_file_once(tmp_path: Path) -> None:
    challenge = make_challenge(tmp_path / "c")
    task, dice = challenge.task("toy"), random.Random(5)
    files: list[Path] = []
    longest_s, killed = 2.0, 0
    server = subprocess.Popen(
        [sys.executable, "-c", COLLECTOR, str(challenge.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with server:
        assert server.stdin is not None and server.stdout is not None
        for number in range(10):
            folder = challenge.inbox / f"Team {'ABCDEFGH'[number % 8]}" / "toy"
            folder.mkdir(parents=True, exist_ok=True)
            files.append(write_hits(task, folder / f"{number}.csv", 30, salt=number + 1))
            server.stdin.write("go\n")
            server.stdin.flush()
            child = int(server.stdout.readline())
            began = time.monotonic()
            ready = select.select([server.stdout], [], [], dice.random() * longest_s)[0]
            if ready:
                longest_s = 1.2 * (time.monotonic() - began)
            else:
                killed += 1
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            assert server.stdout.readline() == "end\n"
        server.stdin.close()
    ledger = open_ledger(challenge)
    collect(ledger, settle_s=0)
    assert killed
    assert Counter(one.method for one in read_snapshot(ledger).submissions()) == {
        file.stem: 1 for file in files
    }
    for file in files:
        receipt = json.loads(Path(f"{file}.receipt.json").read_text())
        assert (receipt["status"], receipt["file"]) == ("accepted", file.name)
        assert Path(f"{file}.receipt.txt").read_text().startswith(f"{file.name}: accepted\n")
    # What a kill leaves of a receipt has a hidden name, and no reader takes it for one.
    folders = {file.parent for file in files}
    beside = {p for folder in folders for p in folder.iterdir() if not p.name.startswith(".")}
    assert len(beside) == 3 * len(files), "a killed collector left something beside the files"
