"""A ledger of a format before: refused with a fix, and brought over by a rescore."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from challenge.errors import LedgerError
from challenge.ledger import open_ledger, read_snapshot, rescore, submit
from challenge.ledger.network.tokens import new_token
from challenge.ledger.store import schema
from challenge.ledger.store.chain import add_links, head_of
from challenge.ledger.store.integrity import verify
from challenge.task import Challenge
from tests.ledger.toy import make_challenge, write_hits

NETWORK = ("actions", "arrivals", "token_revocations", "token_uses", "tokens")
ROWS = ("groupings", "right_rows")


def drop_rows(connection: sa.Connection) -> str:
    """Drop the tables of format 8 and chain what is left; return the head."""
    for name in (*ROWS, "links"):
        connection.execute(sa.text(f"DELETE FROM {name}"))
    add_links(connection, {})
    for name in ROWS:
        connection.execute(sa.text(f"DROP TABLE {name}"))
    return head_of(connection)


@pytest.fixture
def old(tmp_path: Path) -> Challenge:
    """A challenge with three submissions, whose ledger has the tables of format 5."""
    challenge = make_challenge(tmp_path / "c", n=100)
    ledger, task = open_ledger(challenge), challenge.task("toy")
    for team, hits in (("Ada", 60), ("Bob", 80), ("Eve", 81)):
        submit(ledger, task, write_hits(task, tmp_path / "x.csv", hits), team=team, method="m")
    with ledger.store.writing(chained=False) as connection:
        for statement in (
            "UPDATE scoring_versions SET scorer_version = 3",
            "INSERT INTO replicates SELECT score, zeroblob(4000) FROM vectors",
            "DELETE FROM vectors",
        ):
            connection.execute(sa.text(statement))
        drop_rows(connection)
        for statement in (
            *(f"DROP TABLE {name}" for name in NETWORK),
            "DROP TABLE vectors",
            "ALTER TABLE scores RENAME COLUMN grouping_hash TO weights_hash",
            "UPDATE facts SET value = '5' WHERE name = 'format'",
        ):
            connection.execute(sa.text(statement))
    return challenge


def test_it_is_refused_with_the_command_that_brings_it_over(old: Challenge) -> None:
    with pytest.raises(LedgerError, match="a ledger of format 5") as refused:
        open_ledger(old)
    assert "run `challenge rescore`" in refused.value.faults[0].fix


def test_a_rescore_brings_it_over_and_keeps_its_rows(old: Challenge, tmp_path: Path) -> None:
    ledger = open_ledger(old, bring_over=True)
    before = verify(ledger)
    assert before.faults == ()
    snapshot = read_snapshot(ledger)
    assert snapshot.vectors([1, 2, 3]) == [None, None, None]
    task = old.task("toy")
    with pytest.raises(LedgerError, match="scores of version 3, now it is 4"):
        submit(ledger, task, write_hits(task, tmp_path / "y.csv", 90), team="Zoe", method="m")
    (report,) = rescore(ledger)
    assert report.stored
    assert [(row.old_value, row.new_value) for row in report.rows] == [
        (0.81, 0.81),
        (0.8, 0.8),
        (0.6, 0.6),
    ]
    assert None not in read_snapshot(open_ledger(old)).vectors([1, 2, 3])
    after = verify(ledger, expected_head=before.head)
    assert after.faults == ()
    with ledger.store.reading() as connection:
        kept = connection.execute(sa.select(sa.func.count()).select_from(schema.replicates))
        assert kept.scalar() == 3


def test_two_that_bring_it_over_at_once_do_it_once(old: Challenge) -> None:
    first, second = open_ledger(old, bring_over=True), open_ledger(old, bring_over=True)
    assert verify(first).faults == verify(second).faults == ()


@pytest.mark.parametrize(("found", "dropped"), [("6", NETWORK), ("7", ())])
def test_a_rescore_adds_the_tables_of_the_server_and_the_right_rows(
    tmp_path: Path, found: str, dropped: tuple[str, ...]
) -> None:
    challenge = make_challenge(tmp_path / "c", n=100)
    ledger, task = open_ledger(challenge), challenge.task("toy")
    submit(ledger, task, write_hits(task, tmp_path / "x.csv", 60), team="Ada", method="m")
    with ledger.store.writing(chained=False) as connection:
        head = drop_rows(connection)
        for name in dropped:
            connection.execute(sa.text(f"DROP TABLE {name}"))
        connection.execute(sa.text(f"UPDATE facts SET value = '{found}' WHERE name = 'format'"))
    with pytest.raises(LedgerError, match=f"a ledger of format {found}"):
        open_ledger(challenge)
    brought = open_ledger(challenge, bring_over=True)
    assert verify(brought, expected_head=head).faults == ()
    new_token(brought, team="Ada")
    assert list(read_snapshot(brought).right_rows([1])) == []
    (report,) = rescore(brought)
    assert report.stored
    assert [key for key, _ in read_snapshot(brought).right_rows([1])] == [1]
    (report,) = rescore(brought)
    assert report.unchanged
