"""Every file of the inbox is answered, where it is; files of operating systems are none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from challenge.ledger import Ledger, collect, open_ledger
from challenge.ledger.inbox.collector import CollectReport, Seen
from tests.ledger.toy import CONTEST, make_challenge, make_task, write_hits


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(make_challenge(tmp_path / "c"))


def put(ledger: Ledger, path: str) -> Path:
    file = ledger.challenge.inbox / path
    file.parent.mkdir(parents=True, exist_ok=True)
    return write_hits(ledger.challenge.task("toy"), file, 40)


def run(ledger: Ledger, seen: Seen | None = None) -> CollectReport:
    return collect(ledger, settle_s=0, seen=seen)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("loose.csv", "<team>/toy/loose.csv"),
        ("Late/p.csv", "Late/toy/p.csv"),
        ("Late/toy/deeper/p.csv", "Late/toy/p.csv"),
        ("Late/x/toy/p.csv", "Late/toy/p.csv"),
        ("Late/Toy/p.csv", "Late/toy/p.csv"),
        ("Late/to/p.csv", "Late/toy/p.csv"),
        ("toy/Late/p.csv", "Late/toy/p.csv"),
        ("toy/p.csv", "<team>/toy/p.csv"),
        ("a/b/c/d/e/p.csv", "a/toy/p.csv"),
    ],
)
def test_following_the_receipt_of_a_misplaced_file_leads_to_a_score(
    ledger: Ledger, wrong: str, right: str
) -> None:
    file = put(ledger, wrong)
    report = run(ledger)
    assert [(path, one.status) for path, one in report.collected] == [(file, "refused")]
    text = Path(f"{file}.receipt.txt").read_text()
    assert f"fix: move it to inbox/{right}" in text
    document = json.loads(Path(f"{file}.receipt.json").read_text())
    assert [fault["code"] for fault in document["faults"]] == ["wrong-place"]
    assert run(ledger).collected == (), "answered once"
    target = ledger.challenge.inbox / right.replace("<team>", "Late")
    target.parent.mkdir(parents=True, exist_ok=True)
    file.rename(target)
    assert [one.status for _, one in run(ledger).collected] == ["accepted"]


def test_with_several_tasks_the_receipt_does_not_guess(tmp_path: Path) -> None:
    challenge = make_challenge(tmp_path / "c")
    make_task(challenge, "other", n=60)
    ledger = open_ledger(challenge)
    file = put(ledger, "Late/p.csv")
    run(ledger)
    assert "move it to inbox/Late/<task>/p.csv" in Path(f"{file}.receipt.txt").read_text()


def test_a_task_that_comes_later_finds_its_files(ledger: Ledger) -> None:
    file = put(ledger, "Ada/coming/p.csv")
    seen = Seen()
    assert [one.status for _, one in run(ledger, seen).collected] == ["refused"]
    make_task(ledger.challenge, "coming", n=60)
    write_hits(ledger.challenge.task("coming"), file, 40)
    assert [one.status for _, one in run(ledger, seen).collected] == ["accepted"]


def test_files_of_operating_systems_are_neither_answered_nor_counted(ledger: Ledger) -> None:
    names = (
        *("Thumbs.db", "desktop.ini", ".DS_Store", "._p.csv", "~$p.xlsx", ".gitkeep", "THUMBS.DB"),
        *(".Trash-1000/files/p.csv", "__MACOSX/p.csv", "@eaDir/p.csv", "$RECYCLE.BIN/x/p.csv"),
        "System Volume Information/p.csv",
    )
    for folder in ("", "Ada", "Ada/toy"):
        for name in names:
            file = ledger.challenge.inbox / folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("x")
    (ledger.challenge.inbox / "README.md").write_text("where files go")
    before = sorted(ledger.challenge.inbox.rglob("*"))
    assert run(ledger).collected == ()
    assert sorted(ledger.challenge.inbox.rglob("*")) == before, "no receipts"


def test_stray_files_without_end_do_not_keep_others_waiting(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("challenge.ledger.inbox.inbox_files._MOST_MISPLACED", 3)
    for n in range(5):
        put(ledger, f"Aaron/{n}.csv")
    put(ledger, "Zoe/toy/p.csv")
    report = run(ledger)
    assert [one.status for _, one in report.collected].count("accepted") == 1
    assert len(report.collected) == 4
    assert "5 misplaced files, not all of them answered" in report.notes[0]


def test_a_quota_on_the_last_day_names_the_close_and_no_later_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-31T12:00:00Z")
    ledger = open_ledger(make_challenge(tmp_path / "c", CONTEST.format(per_day=1), n=800))
    put(ledger, "Ada/toy/a.csv")
    run(ledger)
    other = ledger.challenge.inbox / "Ada/toy/b.csv"
    write_hits(ledger.challenge.task("toy"), other, 60)
    ((_, outcome),) = run(ledger).collected
    text = Path(f"{other}.receipt.txt").read_text()
    assert outcome.status == "refused", "waiting is of no use"
    assert "none is left: the challenge ends at 2026-02-01T00:00:00Z" in text
    assert "after 2026" not in text
