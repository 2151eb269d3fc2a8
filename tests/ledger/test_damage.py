"""Nothing is lost: damage is seen and told, backups bring everything back."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from challenge.errors import LedgerError, SubmissionError
from challenge.ledger import Ledger, open_ledger, read_snapshot, rename_team, submit
from challenge.ledger.store.backup import backup, restore
from challenge.ledger.store.database import ledger_faults
from challenge.ledger.store.integrity import verify
from challenge.task import Challenge, sha256_of_file
from challenge.task.files import hashes_of_files
from tests.ledger.toy import make_challenge, write_hits
from tests.waiting import at_most

pytestmark = pytest.mark.slow


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = open_ledger(make_challenge(tmp_path / "c"))
    for hits in (30, 40):
        hand_in(ledger, tmp_path, hits)
    return ledger


def hand_in(ledger: Ledger, tmp_path: Path, hits: int) -> int:
    task = ledger.challenge.task("toy")
    path = write_hits(task, tmp_path / "x.csv", hits)
    return submit(ledger, task, path, team="Ada", method="m").submission.id


def test_a_whole_ledger_passes(ledger: Ledger) -> None:
    report = verify(ledger)
    assert report.faults == ()
    assert (report.n_submissions, report.n_files, report.n_spare) == (2, 2, 0)


def test_missing_and_changed_files_are_told(ledger: Ledger) -> None:
    snapshot = read_snapshot(ledger)
    first, second = (ledger.files.path(snapshot.submission(key).sha256) for key in (1, 2))
    first.unlink()
    second.write_bytes(second.read_bytes() + b"x")
    (second.parent / f"{'0' * 64}.parquet").write_bytes(b"")
    report = verify(ledger)
    assert {(fault.code, fault.first) for fault in report.faults} == {
        ("predictions-missing", ("submission 1",)),
        ("predictions-damaged", ("submission 2",)),
    }
    assert report.n_spare == 1
    with pytest.raises(LedgerError, match="challenge verify"):
        backup(ledger, ledger.challenge.root / "b.zip")


def test_a_damaged_page_is_told(ledger: Ledger, tmp_path: Path) -> None:
    path = ledger.challenge.submissions / "ledger.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    data = bytearray(path.read_bytes())
    page = 4096
    for place in range(3 * page, len(data), page):
        data[place : place + 200] = os.urandom(200)
    path.write_bytes(data)
    with pytest.raises(LedgerError) as caught:
        report = verify(open_ledger(ledger.challenge))
        raise LedgerError(report.faults)
    assert caught.value.faults[0].code == "ledger-damaged"
    assert "challenge restore" in str(caught.value)
    with pytest.raises(LedgerError, match="damaged"):
        hand_in(open_ledger(ledger.challenge), tmp_path, 50)


def test_a_ledger_that_is_no_ledger_is_told(ledger: Ledger) -> None:
    (ledger.challenge.submissions / "ledger.db").write_text("not a database at all" * 100)
    with pytest.raises(LedgerError, match="challenge verify"):
        open_ledger(ledger.challenge)


def test_a_locked_ledger_is_told(ledger: Ledger, tmp_path: Path) -> None:
    other = sqlite3.connect(ledger.challenge.submissions / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    impatient = open_ledger(ledger.challenge, busy_s=0.05)
    with pytest.raises(LedgerError, match="locked by another process"):
        hand_in(impatient, tmp_path, 50)
    other.execute("ROLLBACK")
    other.close()
    assert len(read_snapshot(ledger).primary) == 2
    assert hand_in(impatient, tmp_path, 50) == 3


def _fail(code: int) -> Callable[..., Any]:
    def fail(*arguments: Any, **options: Any) -> Any:
        raise OSError(code, os.strerror(code), "somewhere")

    return fail


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "no room: the disk is full"),
        (errno.EDQUOT, "no room: the disk quota is used up"),
        (errno.EROFS, "cannot be written"),
        (errno.EACCES, "cannot be written"),
        (errno.EIO, "the disk reports"),
    ],
)
@pytest.mark.parametrize("place", ["tempfile.mkstemp", "os.fsync", "pathlib.Path.replace"])
def test_a_disk_that_refuses_leaves_nothing_half_done(
    ledger: Ledger,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    words: str,
    place: str,
) -> None:
    hand_in(ledger, tmp_path, 45)  # what scoring keeps is there from now on
    with monkeypatch.context() as patch:
        patch.setattr(place, _fail(code))
        with pytest.raises(LedgerError, match=words) as caught:
            hand_in(ledger, tmp_path, 50)
    assert caught.value.exit_code == 3 and "nothing was stored" in str(caught.value)
    assert len(read_snapshot(ledger).primary) == 3
    assert not list(ledger.files.folder.glob(".staged-*"))
    assert hand_in(ledger, tmp_path, 50) == 4


def test_a_full_database_is_told(ledger: Ledger, tmp_path: Path) -> None:
    import sqlalchemy as sa

    @sa.event.listens_for(ledger.store.engine, "connect")
    def _small(connection: Any, record: Any) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")

    with pytest.raises(LedgerError, match="the disk is full"):
        for hits in range(10, 15):
            hand_in(ledger, tmp_path, hits)
    again = open_ledger(ledger.challenge)
    assert verify(again).faults == ()


@pytest.mark.parametrize(
    ("text", "refusal", "code"),
    [
        ("disk I/O error", errno.ENOSPC, "ledger-disk-full"),
        ("disk I/O error", errno.EDQUOT, "ledger-disk-full"),
        ("database or disk is full", None, "ledger-disk-full"),
        ("unable to open database file", errno.ENOSPC, "ledger-disk-full"),
        ("unable to open database file", errno.EACCES, "ledger-read-only"),
        ("attempt to write a readonly database", None, "ledger-read-only"),
        ("attempt to write a readonly database", errno.EROFS, "ledger-read-only"),
        ("disk I/O error", None, "ledger-disk"),
        ("database disk image is malformed", None, "ledger-damaged"),
    ],
)
def test_what_the_disk_refuses_is_not_reported_as_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, refusal: int | None, code: str
) -> None:
    if refusal is not None:
        monkeypatch.setattr("tempfile.TemporaryFile", _fail(refusal))
    with pytest.raises(LedgerError) as caught, ledger_faults(str(tmp_path / "ledger.db")):
        raise sqlite3.OperationalError(text)
    fault = caught.value.faults[0]
    assert fault.code == code
    assert ("no room" in fault.found) == ("free some space" in fault.fix)
    assert ("no room" in fault.found) == (code == "ledger-disk-full")
    assert ("restore" in fault.fix) == (code == "ledger-damaged")


@pytest.mark.parametrize("name", ["train.csv", "train.parquet", "test.csv", "test.parquet"])
@pytest.mark.parametrize("card", ["kept", "rewritten"])
def test_a_changed_public_file_is_damage_with_the_way_back(
    ledger: Ledger, name: str, card: str
) -> None:
    assert verify(ledger).faults == ()
    public = ledger.challenge.task("toy").public
    path = public / name
    if path.suffix == ".csv":
        path.write_text(path.read_text().replace("\nt", "\nu").replace("\nr", "\ns"))
    else:
        table = pq.read_table(path)
        pq.write_table(table.take(list(range(len(table)))[::-1]), path)
    if card == "rewritten":
        text = json.dumps({"distribution": [{"name": name, "sha256": sha256_of_file(path)}]})
        (public / "croissant.json").write_text(text)
    (fault,) = verify(ledger).faults
    assert fault.code == "public-damaged" and str(path) in fault.where
    assert "challenge convert toy" in fault.fix


def test_a_changed_image_and_an_unreadable_card_are_damage(ledger: Ledger) -> None:
    public = ledger.challenge.task("toy").public
    image = public / "images" / f"{'0' * 64}.png"
    image.parent.mkdir()
    image.write_bytes(b"another image")
    (public / "croissant.json").write_text("[]")
    where = {fault.where for fault in verify(ledger).faults}
    assert where == {str(image), str(public / "croissant.json")}


@pytest.mark.parametrize("way", ["pipe", "link", "folder"])
def test_a_card_that_is_no_plain_file_is_damage(ledger: Ledger, way: str, tmp_path: Path) -> None:
    path = ledger.challenge.task("toy").public / "croissant.json"
    copy = path.rename(tmp_path / "copy.json")
    if way == "pipe":
        os.mkfifo(path)
    elif way == "link":
        path.symlink_to(copy)
    else:
        path.mkdir()
    with at_most(30):
        (fault,) = verify(ledger).faults
    assert (fault.where, fault.found) == (str(path), "not a regular file")


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"digests": 7}'])
def test_digests_that_do_not_read_are_damage(ledger: Ledger, content: str) -> None:
    path = ledger.challenge.task("toy").private / "build.json"
    path.write_text(content)
    (fault,) = verify(ledger).faults
    assert (fault.code, fault.where) == ("public-damaged", str(path))


def test_a_ledger_that_may_not_be_written_is_told_and_can_be_read(
    ledger: Ledger, tmp_path: Path
) -> None:
    import sqlalchemy as sa

    @sa.event.listens_for(ledger.store.engine, "connect")
    def _read_only(connection: Any, record: Any) -> None:
        connection.execute("PRAGMA query_only=ON")

    with pytest.raises(LedgerError, match="cannot be written"):
        hand_in(ledger, tmp_path, 50)
    assert len(read_snapshot(ledger).primary) == 2


def test_a_backup_brings_everything_back(ledger: Ledger, tmp_path: Path) -> None:
    archive = tmp_path / "b.zip"
    n_files, size = backup(ledger, archive)
    assert n_files >= 6 and size == archive.stat().st_size
    assert archive.stat().st_mode & 0o777 == 0o600
    root = ledger.challenge.root
    public = shutil.copytree(root / "datasets/toy/public", tmp_path / "public")
    shutil.rmtree(root)
    fresh = Challenge(tmp_path / "fresh")
    assert restore(archive, fresh) == n_files
    shutil.copytree(public, fresh.root / "datasets/toy/public")
    (fresh.root / "datasets/toy/task.toml").write_text("format = 1\n")
    again = open_ledger(fresh)
    assert read_snapshot(again).primary.value.tolist() == [0.5, 40 / 60]
    assert verify(again).faults == ()
    assert (fresh.root / "datasets/toy/private/secret").stat().st_mode & 0o077 == 0
    task = fresh.task("toy")
    path = write_hits(task, tmp_path / "x.csv", 40)
    assert submit(again, task, path, team="Ada", method="m").identical_to == 2
    assert hand_in(again, tmp_path, 50) == 3
    with pytest.raises(LedgerError, match="nothing is overwritten"):
        restore(archive, fresh)


def test_a_damaged_archive_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    archive = tmp_path / "b.zip"
    backup(ledger, archive)
    data = bytearray(archive.read_bytes())
    data[len(data) // 3] ^= 0xFF
    archive.write_bytes(data)
    fresh = Challenge(tmp_path / "fresh")
    with pytest.raises(LedgerError, match="older backup"):
        restore(archive, fresh)
    assert not (fresh.root / "submissions").exists()


def test_an_archive_that_leads_out_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "b.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("../evil", "x")
        file.writestr("manifest.json", '{"format": 1, "files": {"../evil": "0"}}')
    with pytest.raises(LedgerError, match="points outside"):
        restore(archive, Challenge(tmp_path / "fresh"))
    assert not (tmp_path / "evil").exists()


def test_a_failed_check_still_raises_the_faults_when_the_cap_is_far(
    ledger: Ledger, tmp_path: Path
) -> None:
    with pytest.raises(SubmissionError, match="no-such-file"):
        submit(
            ledger,
            ledger.challenge.task("toy"),
            tmp_path / "no-such-file.csv",
            team="Ada",
            method="m",
        )


@pytest.mark.parametrize("name", ["challenge.toml", "submissions/ledger.db", "submissions", "link"])
def test_a_backup_replaces_nothing_but_a_backup(ledger: Ledger, tmp_path: Path, name: str) -> None:
    root = ledger.challenge.root
    (root / "link").symlink_to(tmp_path / "nowhere")
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    with pytest.raises(LedgerError, match="nothing is overwritten"):
        backup(ledger, root / name)
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
    assert (root / "link").is_symlink()
    archive = tmp_path / "b.zip"
    assert backup(ledger, archive)[0] == backup(ledger, archive)[0]


def test_the_journal_of_a_lost_ledger_is_not_played_into_a_restored_one(
    ledger: Ledger, tmp_path: Path
) -> None:
    archive = tmp_path / "b.zip"
    backup(ledger, archive)
    path = ledger.challenge.submissions / "ledger.db"
    reader = sqlite3.connect(path)
    reader.execute("SELECT * FROM submissions").fetchall()  # keeps the journal where it is
    rename_team(ledger, "Ada", "Countess")
    journal = path.with_name("ledger.db-wal")
    left_over = journal.read_bytes()
    assert left_over
    reader.close()
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    journal.write_bytes(left_over)
    with pytest.raises(LedgerError, match=r"ledger\.db-wal"):
        restore(archive, ledger.challenge)
    journal.unlink()
    restore(archive, ledger.challenge)
    assert read_snapshot(open_ledger(ledger.challenge)).teams[1].name == "Ada"


@pytest.mark.parametrize("name", ["task.json", "card.json", "helper.py", "images.zip"])
def test_edits_of_cards_and_files_beside_them_are_damage(ledger: Ledger, name: str) -> None:
    assert verify(ledger).faults == ()
    path = ledger.challenge.task("toy").public / name
    document = json.loads(path.read_text()) if path.suffix == ".json" else {}
    path.write_text(json.dumps({**document, "title": "Another title"}))
    (fault,) = verify(ledger).faults
    assert (fault.code, fault.where) == ("public-damaged", str(path))


def test_digests_that_are_not_those_of_the_build_are_damage(ledger: Ledger) -> None:
    task = ledger.challenge.task("toy")
    built = {"inputs": {}, "digests": task.document["digests"]}
    (task.private / "build.json").write_text(json.dumps(built))
    assert verify(ledger).faults == ()
    digests = {**task.document["digests"], "card": "of other words"}
    edited = {**task.document, "title": "Another title", "digests": digests}
    (task.public / "task.json").write_text(json.dumps(edited))
    (fault,) = verify(ledger).faults
    assert fault.where == str(task.public / "task.json")


def _edit_text(path: Path) -> None:
    document = json.loads(path.read_text())
    key = "license" if "license" in document else "description"
    path.write_text(json.dumps({**document, key: "https://example.org/another"}))


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("croissant.json", _edit_text),
        ("task.json", _edit_text),
        ("card.json", _edit_text),
        ("sample_submission.csv", lambda path: path.write_bytes(path.read_bytes() + b"x,y\n")),
        ("folds.csv", Path.unlink),
        (f"images/{sha256(b'more').hexdigest()}.png", lambda path: path.write_bytes(b"more")),
        ("images/below/x.png", lambda path: (path.parent.mkdir(), path.write_bytes(b""))),
        ("images/pipe", os.mkfifo),
        ("images/link", lambda path: path.symlink_to("/etc/hostname")),
    ],
)
def test_every_file_and_text_under_public_is_covered_before_the_first_submission(
    tmp_path: Path, name: str, edit: Callable[[Path], object]
) -> None:
    challenge = make_challenge(tmp_path / "c")
    task = challenge.task("toy")
    for other in ("card.json", "croissant.json", "folds.csv", "sample_submission.csv"):
        if not (task.public / other).exists():
            (task.public / other).write_text("{}" if other.endswith("json") else "id\n")
    (task.public / "images").mkdir(exist_ok=True)
    record = {"digests": task.document["digests"], "files": hashes_of_files(task.public)}
    (task.private / "build.json").write_text(json.dumps(record))
    ledger = open_ledger(challenge)
    assert verify(ledger).faults == ()
    edit(task.public / name)
    with at_most(60):
        faults = verify(ledger).faults
    assert [fault.code for fault in faults] == ["public-damaged"] * len(faults)
    assert any(name.split("/below")[0] in fault.where for fault in faults)
