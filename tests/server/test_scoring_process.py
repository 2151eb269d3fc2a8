"""What the line does once for the processes of all files."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from challenge.ledger import open_ledger, submit
from challenge.ledger.store import schema
from challenge.server.scoring_process import warm_up
from tests.ledger.toy import make_challenge, write_hits


def test_warming_up_runs_the_statements_and_stores_nothing(tmp_path: Path) -> None:
    challenge = make_challenge(tmp_path / "c")
    ledger, task = open_ledger(challenge), challenge.task("toy")
    assert not warm_up(ledger)
    submit(ledger, task, write_hits(task, tmp_path / "one.csv", 40), team="Owls", method="m")
    counts = [
        sa.select(sa.func.count()).select_from(table) for table in schema.metadata.tables.values()
    ]
    with ledger.store.reading() as connection:
        before = [connection.execute(count).scalar() for count in counts]
    compiled: list[str] = []
    listen = sa.event.listens_for(ledger.store.engine, "before_cursor_execute")
    listen(lambda connection, cursor, statement, *rest: compiled.append(statement))
    assert warm_up(ledger)
    assert any("FROM scores" in statement for statement in compiled)
    with ledger.store.reading() as connection:
        assert [connection.execute(count).scalar() for count in counts] == before


def test_a_connection_that_is_kept_open_keeps_the_log_of_sqlite(tmp_path: Path) -> None:
    challenge = make_challenge(tmp_path / "c")
    ledger, task = open_ledger(challenge), challenge.task("toy")
    submit(ledger, task, write_hits(task, tmp_path / "one.csv", 40), team="Owls", method="m")
    log = challenge.submissions / "ledger.db-wal"
    assert not log.exists()
    held = open_ledger(challenge)
    held.store.keep_open()
    submit(ledger, task, write_hits(task, tmp_path / "two.csv", 30), team="Owls", method="m")
    assert log.stat().st_size > 0
