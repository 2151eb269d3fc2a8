"""Edits of the ledger beside the program: every changed, added or deleted row is reported."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa

from challenge.errors import LedgerError
from challenge.ledger import Ledger, open_ledger, rename_team, submit, withdraw
from challenge.ledger.store import schema
from challenge.ledger.store.backup import backup, restore
from challenge.ledger.store.chain import add_links
from challenge.ledger.store.integrity import verify
from challenge.ledger.submissions.history import history
from challenge.task import Challenge
from tests.ledger.toy import make_challenge, write_hits

pytestmark = pytest.mark.slow


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = open_ledger(make_challenge(tmp_path / "c"))
    task = ledger.challenge.task("toy")
    for salt, hits in enumerate((30, 40, 50)):
        path = write_hits(task, tmp_path / "x.csv", hits, salt=salt)
        submit(ledger, task, path, team="Ada", method="m", note="n" * 500)
    withdraw(ledger, 2)
    rename_team(ledger, "Ada", "Grace")
    return ledger


def database(ledger: Ledger) -> Path:
    return ledger.challenge.submissions / "ledger.db"


def edit(ledger: Ledger, statement: str) -> None:
    connection = sqlite3.connect(database(ledger))
    connection.executescript(statement)
    connection.close()


def _rewritten(old: str, new: str) -> str:
    """Return the statement that edits the text of all tables."""
    return (
        "PRAGMA writable_schema = ON; "
        f"UPDATE sqlite_master SET sql = replace(sql, '{old}', '{new}') WHERE type = 'table'"
    )


def found(ledger: Ledger, expected_head: str | None = None) -> str:
    return "; ".join(map(str, verify(ledger, expected_head=expected_head).faults))


def test_what_the_program_stores_is_chained(ledger: Ledger) -> None:
    report = verify(ledger)
    assert report.faults == ()
    assert int(report.head.partition(":")[0]) > 3


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE scores SET value = 1.0 WHERE id = 1", "rows changed after they were stored"),
        ("UPDATE submissions SET at = at - 1 WHERE id = 3", "submissions rows 3 to 3"),
        ("UPDATE vectors SET vector = zeroblob(4000)", "rows changed"),
        ("UPDATE team_names SET name = 'Eve' WHERE id = 2", "team_names rows 2 to 2"),
        ("DELETE FROM withdrawals", "withdrawals rows 1 to 1"),
        ("DELETE FROM links WHERE id = 4", "rows changed"),
        ("UPDATE links SET id = 99 WHERE id = (SELECT max(id) FROM links)", "links.id"),
        (
            "INSERT INTO withdrawals (at, submission) VALUES (1, 1)",
            "rows that `challenge` did not store",
        ),
    ],
)
def test_an_edit_in_sql_is_reported(ledger: Ledger, statement: str, words: str) -> None:
    edit(ledger, statement)
    assert words in found(ledger)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE scores ADD COLUMN extra",
        "ALTER TABLE facts ADD COLUMN extra INTEGER GENERATED ALWAYS AS (1)",
        "CREATE TABLE extra (x)",
        "CREATE VIEW extra AS SELECT 1",
        "CREATE TRIGGER extra AFTER INSERT ON submissions BEGIN DELETE FROM scores; END",
        "DROP TABLE finals",
        "CREATE INDEX extra ON submissions (length(note) / 2)",
        "CREATE UNIQUE INDEX extra ON submissions (team) WHERE id > 3",
        _rewritten("folded TEXT NOT NULL", "folded TEXT NOT NULL COLLATE NOCASE"),
        _rewritten("FOREIGN KEY", "CHECK (1 < 2), FOREIGN KEY"),
    ],
)
def test_an_edit_of_the_schema_is_reported(ledger: Ledger, statement: str) -> None:
    assert verify(ledger).faults == ()
    edit(ledger, statement)
    with pytest.raises(LedgerError) as caught:
        verify(ledger)
    assert "not those of the ledger" in caught.value.faults[0].found
    assert caught.value.faults[0].fix


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE teams SET baseline = ''",
        "UPDATE submissions SET note = CAST(note AS BLOB)",
    ],
)
def test_a_value_that_reads_like_the_old_one_is_reported(ledger: Ledger, statement: str) -> None:
    edit(ledger, statement)
    with pytest.raises(LedgerError, match="values of another type"):
        verify(ledger)


@pytest.mark.parametrize("old", [b"NOT NULL", b"BIGINT", b"INTEGER", b"TEXT", b"CREATE"])
@pytest.mark.parametrize("change", [0xFF, 0x80, 0x02])
def test_a_changed_byte_of_the_schema_is_reported(ledger: Ledger, old: bytes, change: int) -> None:
    path = database(ledger)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    data = bytearray(path.read_bytes())
    data[data.index(old, data.index(b"CREATE TABLE submissions"))] ^= change
    path.write_bytes(data)
    try:
        faults = verify(open_ledger(ledger.challenge)).faults
    except LedgerError as error:
        faults = error.faults
    assert faults and faults[0].code.startswith("ledger-") and faults[0].fix


def test_rows_added_by_hand_are_not_chained_by_the_next_command(ledger: Ledger) -> None:
    edit(ledger, "INSERT INTO withdrawals (at, submission) VALUES (1, 1)")
    rename_team(ledger, "Grace", "Ada")
    assert "withdrawals row 2" in found(ledger)


def test_a_published_head_shows_a_chain_that_was_cut_or_made_again(ledger: Ledger) -> None:
    head = verify(ledger).head
    assert found(ledger, head) == ""
    rename_team(ledger, "Grace", "Ada")
    assert found(ledger, head) == ""
    edit(ledger, "UPDATE scores SET value = 1.0 WHERE id = 1")
    edit(ledger, "DELETE FROM links")
    with ledger.store.writing(chained=False) as connection:
        add_links(connection, {})
    assert found(ledger) == ""
    assert "no link" in found(ledger, head)
    assert "no link" in found(ledger, "nonsense")


def test_a_ledger_never_gets_a_new_chain_by_itself(ledger: Ledger) -> None:
    edit(ledger, "DELETE FROM links")
    assert "rows that `challenge` did not store" in found(open_ledger(ledger.challenge))
    edit(ledger, "DROP TABLE links")
    again = open_ledger(ledger.challenge)
    with pytest.raises(LedgerError) as caught:
        rename_team(again, "Grace", "Ada")
    assert "links" in caught.value.faults[0].found
    with pytest.raises(LedgerError):
        verify(again)


def test_a_restored_backup_has_the_same_head(ledger: Ledger, tmp_path: Path) -> None:
    backup(ledger, tmp_path / "b.zip")
    home = Challenge(tmp_path / "again")
    home.root.mkdir()
    restore(tmp_path / "b.zip", home)
    assert verify(open_ledger(home), expected_head=verify(ledger).head).faults == ()


def _whole_file(ledger: Ledger) -> bytes:
    connection = sqlite3.connect(database(ledger))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return database(ledger).read_bytes()


def _rows_of(ledger: Ledger) -> list[str]:
    """Return all rows as the package reads them, and what is found through the indexes."""
    again = open_ledger(ledger.challenge)
    with again.store.reading() as connection:
        rows = [
            f"{table.name} {tuple(row)!r}"
            for table in schema.metadata.sorted_tables
            for row in connection.execute(sa.select(table).order_by(*table.primary_key.columns))
        ]
    shown = [f"{row.submission} {row.team} {row.score} {row.state}" for row in history(again)]
    return [*rows, *shown, str(len(history(again, team="Ada")))]


def _damaged_unseen(ledger: Ledger, content: bytes, whole: list[str]) -> bool:
    """Whether verify passes on this file although a row is another, or none can be added."""
    path = database(ledger)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.write_bytes(content)
    try:
        faults = verify(open_ledger(ledger.challenge)).faults
    except LedgerError as error:
        assert error.faults[0].fix
        return False
    if faults:
        return False
    if _rows_of(ledger) != whole:
        return True
    rename_team(open_ledger(ledger.challenge), "Grace", "Hopper")
    return verify(open_ledger(ledger.challenge)).faults != ()


def test_flipped_bits_and_zeroed_pages_are_reported_unless_nothing_depends_on_them(
    ledger: Ledger,
) -> None:
    content, whole = _whole_file(ledger), _rows_of(ledger)
    random = Random(7)
    unseen = []
    for case in range(120):
        data = bytearray(content)
        if case % 4 == 0:
            start = random.randrange(len(data) // 4096) * 4096
            data[start : start + 4096] = bytes(4096)
        else:
            at = random.randrange(len(data))
            data[at] ^= 1 << random.randrange(8)
        if _damaged_unseen(ledger, bytes(data), whole):
            unseen.append(case)
    assert unseen == []


@pytest.mark.parametrize("at", [18, 19])
def test_a_flipped_bit_of_the_format_is_reported(ledger: Ledger, at: int) -> None:
    """SQLite opens a file of a later format for reading only."""
    content, whole = _whole_file(ledger), _rows_of(ledger)
    for bit in range(8):
        data = bytearray(content)
        data[at] ^= 1 << bit
        assert not _damaged_unseen(ledger, bytes(data), whole), bit
    data = bytearray(content)
    data[18] = 66
    database(ledger).write_bytes(data)
    with pytest.raises(LedgerError, match="damaged"):
        rename_team(open_ledger(ledger.challenge), "Grace", "Hopper")
