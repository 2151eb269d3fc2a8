"""The inbox: every file once, a receipt beside it, and nothing that a team can do about it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from challenge.ledger import Ledger, open_ledger, read_snapshot, rescore, withdraw
from challenge.ledger.inbox.collector import CollectReport, Seen, collect, watch
from challenge.ledger.inbox.inbox_files import sha256_of
from challenge.ledger.inbox.inbox_receipts import Collected, earlier_outcome
from tests.ledger.toy import CONTEST, make_challenge, make_task, truth_of, write_hits, write_labels


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(make_challenge(tmp_path / "c"))


def folder(ledger: Ledger, team: str = "Ada", task: str = "toy") -> Path:
    path = ledger.challenge.inbox / team / task
    path.mkdir(parents=True, exist_ok=True)
    return path


def put(ledger: Ledger, name: str, hits: int, team: str = "Ada") -> Path:
    return write_hits(ledger.challenge.task("toy"), folder(ledger, team) / name, hits)


def run(ledger: Ledger, seen: Seen | None = None) -> CollectReport:
    return collect(ledger, settle_s=0, seen=seen)


def receipt(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(Path(f"{path}.receipt.json").read_text())
    return document


def test_a_file_gets_its_score_and_two_receipts(ledger: Ledger) -> None:
    path = put(ledger, "xgb-v2.csv", 45)
    report = run(ledger)
    assert [(file, outcome.status) for file, outcome in report.collected] == [(path, "accepted")]
    document = receipt(path)
    assert document["submission"]["score"]["value"] == 0.75
    assert document["submission"]["submission"]["method"] == "xgb-v2"
    assert document["submission"]["quota_left"] == 4
    text = Path(f"{path}.receipt.txt").read_text()
    assert text.startswith("xgb-v2.csv: accepted\n")
    assert "accuracy" in text and "quota left today: 4" in text
    before = sorted((file.name, file.stat().st_mtime_ns) for file in path.parent.iterdir())
    assert run(ledger).collected == ()
    after = sorted((file.name, file.stat().st_mtime_ns) for file in path.parent.iterdir())
    assert before == after
    assert len(read_snapshot(ledger).primary) == 1


def test_the_text_beside_a_file_is_its_note(ledger: Ledger) -> None:
    path = put(ledger, "xgb-v2.csv", 45)
    Path(f"{path}.note.txt").write_text("five folds,\n\u202eseed 3\n")
    long = put(ledger, "long.csv", 40)
    Path(f"{long}.note.txt").write_bytes(b"\xff" + b"a" * 3000)
    alone = put(ledger, "alone.csv", 30)
    Path(f"{alone}.note.txt").symlink_to(Path(f"{path}.note.txt"))
    run(ledger)
    notes = {
        file: receipt(file)["submission"]["submission"]["note"] for file in (path, long, alone)
    }
    assert notes[path] == "five folds, seed 3"
    assert len(notes[long]) == 1000
    assert notes[alone] == ""
    assert len(read_snapshot(ledger).primary) == 3


def test_a_faulty_file_gets_every_fault_and_is_read_once(ledger: Ledger) -> None:
    path = folder(ledger) / "bad.csv"
    path.write_text("id,label\nnobody,fish\n")
    run(ledger)
    document = receipt(path)
    assert document["status"] == "refused" and len(document["faults"]) >= 3
    assert "bad.csv" in Path(f"{path}.receipt.txt").read_text()
    Path(f"{path}.receipt.json").unlink()
    run(ledger)
    assert receipt(path) == document
    with ledger.store.reading() as connection:
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM failures").scalar() == 1


def test_a_renamed_file_is_not_scored_again(ledger: Ledger) -> None:
    path = put(ledger, "a.csv", 45)
    run(ledger)
    path.rename(path.with_name("b.csv"))
    run(ledger)
    assert receipt(path.with_name("b.csv"))["submission"]["submission"]["id"] == 1
    assert len(read_snapshot(ledger).primary) == 1


def test_the_rest_of_a_half_copied_file_is_a_new_file(ledger: Ledger) -> None:
    path = put(ledger, "a.csv", 45)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    run(ledger)
    assert receipt(path)["status"] == "refused"
    path.write_bytes(whole)
    run(ledger)
    assert receipt(path)["status"] == "accepted"


def test_a_file_that_changes_while_it_settles_is_left_for_later(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(ledger, "a.csv", 45)
    monkeypatch.setattr("time.sleep", lambda _: path.write_bytes(path.read_bytes() + b"\n"))
    report = collect(ledger, settle_s=1)
    assert report.collected == () and "still being written" in report.notes[0]
    assert not Path(f"{path}.receipt.json").exists()


def test_unfinished_names_links_and_pipes_are_left_alone(ledger: Ledger, tmp_path: Path) -> None:
    secret = write_labels(
        ledger.challenge.task("toy"), tmp_path / "truth.csv", truth_of(ledger.challenge.task("toy"))
    )
    place = folder(ledger)
    for name in ("a.csv.part", ".b.csv", "c.csv~", "d.csv.crdownload"):
        (place / name).write_text("x")
    (place / "link.csv").symlink_to(secret)
    os.mkfifo(place / "pipe.csv")
    (place / "folder.csv").mkdir()
    other = ledger.challenge.inbox / "Eve"
    other.symlink_to(place.parent)
    report = run(ledger)
    assert report.collected == ()
    words = "\n".join(report.notes)
    for name in ("link.csv", "pipe.csv", "Eve"):
        assert name in words
    assert len(read_snapshot(ledger).primary) == 0


def test_a_receipt_that_is_a_link_does_not_lead_out(ledger: Ledger, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    path = put(ledger, "a.csv", 45)
    Path(f"{path}.receipt.json").symlink_to(victim)
    Path(f"{path}.receipt.txt").symlink_to(victim)
    run(ledger)
    assert victim.read_text() == "untouched"
    assert receipt(path)["status"] == "accepted"


def test_a_quota_lets_a_file_wait_for_the_next_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:00Z")
    ledger = open_ledger(make_challenge(tmp_path / "c", CONTEST.format(per_day=1), n=800))
    put(ledger, "a.csv", 500)
    late = put(ledger, "b.csv", 600)
    run(ledger)
    assert receipt(late)["status"] == "waiting"
    assert "2026-01-06" in Path(f"{late}.receipt.txt").read_text()
    run(ledger)
    assert receipt(late)["status"] == "waiting"
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-06T00:00:01Z")
    run(ledger)
    assert receipt(late)["status"] == "accepted"


def test_a_rebuilt_task_keeps_files_waiting_without_a_fault(ledger: Ledger) -> None:
    put(ledger, "a.csv", 45)
    run(ledger)
    make_task(ledger.challenge, "toy", solution="t")
    path = put(ledger, "b.csv", 40)
    report = run(ledger)
    assert "challenge rescore toy" in report.notes[0]
    assert not Path(f"{path}.receipt.json").exists()
    rescore(ledger)
    run(ledger)
    assert receipt(path)["status"] == "accepted"


def test_a_withdrawn_file_is_not_collected_again(ledger: Ledger) -> None:
    path = put(ledger, "a.csv", 45)
    run(ledger)
    withdraw(ledger, 1)
    Path(f"{path}.receipt.json").unlink()
    run(ledger)
    assert len(read_snapshot(ledger).primary) == 0
    assert receipt(path)["submission"]["submission"]["withdrawn"]


def test_a_withdrawn_file_counts_again_under_another_name(ledger: Ledger) -> None:
    path = put(ledger, "a.csv", 45)
    run(ledger)
    withdraw(ledger, 1)
    other = path.with_name("again.csv")
    other.write_bytes(path.read_bytes())
    run(ledger)
    assert receipt(other)["submission"]["submission"]["id"] == 2
    assert list(read_snapshot(ledger).primary.submission) == [2]
    withdraw(ledger, 2)
    for name in (path, other):
        Path(f"{name}.receipt.json").unlink()
    run(ledger)
    for name, number in ((path, 1), (other, 2)):
        found = receipt(name)
        assert found["submission"]["submission"]["id"] == number
        assert "withdrawn, it does not count; to submit the file again" in found["message"]
    assert len(read_snapshot(ledger).primary) == 0


def test_a_watching_collector_looks_at_a_file_once(ledger: Ledger) -> None:
    seen = Seen()
    path = put(ledger, "a.csv", 45)
    run(ledger, seen)
    Path(f"{path}.receipt.json").unlink()
    run(ledger, seen)
    assert not Path(f"{path}.receipt.json").exists()


COLLECT = """
import sys
from pathlib import Path
from challenge.ledger import open_ledger
from challenge.ledger.inbox.collector import collect
from challenge.task import Challenge
print("ready", flush=True)
sys.stdin.readline()
collect(open_ledger(Challenge(Path(sys.argv[1]))), settle_s=0)
"""


def test_two_collectors_at_once_score_each_file_once(ledger: Ledger) -> None:
    paths = [put(ledger, f"{team}.csv", 30 + i, team) for i, team in enumerate("ABCD")]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", COLLECT, str(ledger.challenge.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.communicate("go\n")
        assert process.returncode == 0
    snapshot = read_snapshot(ledger)
    assert len(snapshot.primary) == 4
    for path in paths:
        document = receipt(path)
        assert document["status"] == "accepted"
        assert document["submission"]["submission"]["team"] in snapshot.teams


def test_names_that_are_not_utf8_stop_nobody(ledger: Ledger) -> None:
    odd = folder(ledger) / os.fsdecode(b"\xffa.csv")
    stranger = folder(ledger, team=os.fsdecode(b"Ada\xff")) / "a.csv"
    for path in (odd, stranger):
        path.write_bytes(b"id,label\n")
    path = put(ledger, "good.csv", 45)
    report = run(ledger)
    assert [file for file, _ in report.collected] == [path]
    assert sum("not UTF-8" in line for line in report.notes) == 2


def test_a_forged_receipt_nested_without_end_stops_nobody(ledger: Ledger) -> None:
    path = put(ledger, "a.csv", 45)
    Path(f"{path}.receipt.json").write_text("[" * 500_000)
    Path(f"{path}.receipt.txt").write_text("forged")
    assert [outcome.status for _, outcome in run(ledger).collected] == ["accepted"]
    assert receipt(path)["status"] == "accepted"


def test_a_receipt_that_cannot_be_written_leaves_nothing_beside_the_file(ledger: Ledger) -> None:
    path = put(ledger, "a.csv", 45)
    Path(f"{path}.receipt.json").mkdir()
    assert any("skipped for now" in line for line in run(ledger).notes)
    assert {one.name for one in path.parent.iterdir()} == {"a.csv", "a.csv.receipt.json"}


@pytest.mark.parametrize(
    ("name", "why"),
    [("x" * 220 + ".csv", "longer than 200 bytes"), ("a\x1b[2J.csv", "unprintable characters")],
    ids=["long", "escape"],
)
def test_a_name_that_no_receipt_could_bear_is_left_alone(
    ledger: Ledger, name: str, why: str
) -> None:
    (folder(ledger) / name).write_bytes(b"id,label\n")
    report = run(ledger)
    assert report.collected == ()
    assert [why in note for note in report.notes] == [True]
    assert [path.name for path in folder(ledger).iterdir()] == [name]


def test_a_name_forges_no_line_and_a_long_one_has_receipts_without_a_note(
    ledger: Ledger,
) -> None:
    put(ledger, "x" * 196 + ".csv", 45)
    (ledger.challenge.inbox / "Bob\nnote: all is well").mkdir()
    for _ in range(2):
        notes = run(ledger).notes
        assert len(notes) == 1 and "\n" not in notes[0]


def test_a_team_that_the_organiser_adds_later_need_not_hand_in_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:00Z")
    toml = CONTEST.format(per_day=1) + '[[team]]\nname = "Alpha"\n'
    challenge = make_challenge(tmp_path / "c", toml, n=800)
    path = put(open_ledger(challenge), "a.csv", 500)
    run(open_ledger(challenge))
    assert receipt(path)["status"] == "waiting"
    assert "the organiser adds a [[team]] of this name" in Path(f"{path}.receipt.txt").read_text()
    (challenge.root / "challenge.toml").write_text(toml + '[[team]]\nname = "Ada"\n')
    run(open_ledger(challenge))
    assert receipt(path)["status"] == "accepted"


def test_a_half_saved_challenge_toml_does_not_end_the_watch(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(ledger, "a.csv", 45)
    (ledger.challenge.root / "challenge.toml").write_text('title = "To')
    reports: list[CollectReport] = []

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        watch(ledger, settle_s=0, report=reports.append)
    assert "could not be read again" in reports[0].notes[0]
    assert receipt(path)["status"] == "accepted"


def test_a_receipt_tells_no_folder_of_the_organiser(ledger: Ledger) -> None:
    path = put(ledger, "no-suffix", 45)
    run(ledger)
    for ending in (".json", ".txt"):
        text = Path(f"{path}.receipt{ending}").read_text()
        assert "no suffix" in text and str(ledger.challenge.root) not in text


def test_a_collector_that_comes_second_writes_the_receipt_of_the_first(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(ledger, "a.csv", 45)
    run(ledger)
    first = receipt(path)
    Path(f"{path}.receipt.json").unlink()
    answers = [None]  # the second one looked before the first had stored it

    def look(*arguments: Any) -> Collected | None:
        return answers.pop() if answers else earlier_outcome(*arguments)

    monkeypatch.setattr("challenge.ledger.inbox.collector.earlier_outcome", look)
    run(ledger)
    assert receipt(path) == first and answers == []
    other = path.with_name("other.csv")
    other.write_bytes(path.read_bytes() + b"\n")
    run(ledger)
    assert "identical to submission 1" in receipt(other)["message"]


def _reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets an item for each file whose content the collector reads."""
    reads: list[int] = []

    def counted(*arguments: Any) -> str:
        reads.append(1)
        return sha256_of(*arguments)

    monkeypatch.setattr("challenge.ledger.inbox.inbox_files.sha256_of", counted)
    monkeypatch.setattr("challenge.ledger.inbox.collector.sha256_of", counted)
    return reads


def test_what_has_its_receipt_is_not_read_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hits in (30, 40, 50):
        put(ledger, f"{hits}.csv", hits)
    (folder(ledger) / "bad.csv").write_text("id,label\nnobody,fish\n")
    run(ledger)
    reads = _reads(monkeypatch)
    assert run(ledger).collected == ()
    assert reads == []
    put(ledger, "30.csv", 31)
    run(ledger)
    assert len(reads) >= 1


def _counted(monkeypatch: pytest.MonkeyPatch, ledger: Ledger) -> Counter[str]:
    """Return counts of what a round costs beyond listing: syncs and transactions of the ledger."""
    counts: Counter[str] = Counter()
    sync = os.fsync

    def counted_sync(handle: int) -> None:
        counts["syncs"] += 1
        sync(handle)

    monkeypatch.setattr("os.fsync", counted_sync)

    @sa.event.listens_for(ledger.store.engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        counts["transactions"] += 1

    return counts


@pytest.mark.parametrize("same", [True, False])
def test_many_faulty_files_of_a_team_cost_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, same: bool
) -> None:
    """Beyond the limit of faulty files, and for copies of one file, the ledger is not asked."""
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:00Z")
    ledger = open_ledger(make_challenge(tmp_path / "c", CONTEST.format(per_day=5)))
    for n in range(200):
        (folder(ledger) / f"{n}.csv").write_text(f"id,label\n{0 if same else n},fish\n")
    counts = _counted(monkeypatch, ledger)
    statuses = Counter(outcome.status for _, outcome in run(ledger).collected)
    assert statuses == ({"refused": 200} if same else {"refused": 3, "waiting": 197})
    assert counts["transactions"] <= 30
    assert counts["syncs"] <= 10


def test_a_round_without_anything_new_neither_waits_nor_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:00Z")
    ledger = open_ledger(make_challenge(tmp_path / "c", CONTEST.format(per_day=1), n=800))
    for n in range(20):
        (folder(ledger) / f"{n}.csv").write_text(f"id,label\n{n},fish\n")
    put(ledger, "good.csv", 500, team="Zoe")
    run(ledger)
    reads = _reads(monkeypatch)
    counts = _counted(monkeypatch, ledger)
    monkeypatch.setattr("time.sleep", lambda _: pytest.fail("the round waits for no file"))
    report = collect(ledger, settle_s=1)
    assert report.collected == () and reads == []
    assert "17 files still waiting" in "".join(report.notes)
    assert counts["syncs"] == 0 and counts["transactions"] <= 2
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-06T12:00:00Z")
    assert Counter(one.status for _, one in run(ledger).collected)["refused"] == 3


def test_faulty_files_under_invented_names_do_not_keep_teams_waiting(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("challenge.ledger.inbox.collector._MOST_FAULTY", 5)
    put(ledger, "first.csv", 40, team="Zoe")
    run(ledger)
    for n in range(12):
        (folder(ledger, team=f"Ada {n}") / "bad.csv").write_text("id,label\nx,fish\n")
    path = put(ledger, "second.csv", 45, team="Zoe")
    report = run(ledger)
    assert report.collected[0][0] == path
    assert Counter(one.status for _, one in report.collected) == {"accepted": 1, "refused": 5}
    assert "7 files left for the next round" in report.notes[-1]
    assert len(run(ledger).collected) == 5
    newcomer = put(ledger, "new.csv", 45, team="Aaron")
    assert newcomer in [file for file, _ in run(ledger).collected]
    assert run(ledger).collected == ()


def test_a_sparse_file_beyond_the_cap_is_refused_unread(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder(ledger) / "sparse.csv"
    with path.open("wb") as file:
        file.truncate(3 << 30)
    reads = _reads(monkeypatch)
    run(ledger)
    assert receipt(path)["status"] == "refused"
    assert [fault["code"] for fault in receipt(path)["faults"]] == ["file-too-large"]
    assert run(ledger).collected == () and reads == []


def test_nothing_is_read_of_a_team_without_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:00Z")
    ledger = open_ledger(make_challenge(tmp_path / "c", CONTEST.format(per_day=1)))
    put(ledger, "0.csv", 30)
    run(ledger)
    for hits in range(31, 40):
        put(ledger, f"{hits}.csv", hits)
    reads = _reads(monkeypatch)
    report = run(ledger)
    assert {outcome.status for _, outcome in report.collected} == {"waiting"}
    assert reads == []
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-06T12:00:00Z")
    statuses = [outcome.status for _, outcome in run(ledger).collected]
    assert statuses.count("accepted") == 1


def test_teams_take_turns(ledger: Ledger) -> None:
    for hits in range(30, 34):
        put(ledger, f"{hits}.csv", hits, team="Aaron")
    put(ledger, "a.csv", 40, team="Zoe")
    order = [path.parent.parent.name for path, _ in run(ledger).collected]
    assert order == ["Aaron", "Zoe", "Aaron", "Aaron", "Aaron"]


@pytest.mark.parametrize("roster", ["", '[[team]]\nname = "Ada"\n'])
@pytest.mark.parametrize("other", ["ADA", "ada", "Ａda"])
def test_a_folder_of_another_spelling_cannot_use_a_teams_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, roster: str, other: str
) -> None:
    """A share where anybody can make folders: names that are equal when folded are one team."""
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:00Z")
    ledger = open_ledger(make_challenge(tmp_path / "c", CONTEST.format(per_day=1) + roster, n=800))
    if not roster:
        put(ledger, "first.csv", 50)
        run(ledger)
        monkeypatch.setenv("CHALLENGE_NOW", "2026-01-06T12:00:00Z")
    stolen = put(ledger, "stolen.csv", 60, team=other)
    run(ledger)
    assert [fault["code"] for fault in receipt(stolen)["faults"]] == ["team-spelling"]
    path = put(ledger, "own.csv", 70)
    run(ledger)
    assert receipt(path)["status"] == "accepted"


def test_a_folder_of_decomposed_characters_is_the_team(ledger: Ledger) -> None:
    """Some file systems store é as two characters."""
    for name, hits, team in (("one.csv", 40, "Ren\u00e9"), ("two.csv", 50, "Rene\u0301")):
        path = put(ledger, name, hits, team=team)
        run(ledger)
        assert receipt(path)["status"] == "accepted"
