"""Bringing a ledger of an older format up to date: tables and columns are added, no row changes."""

from __future__ import annotations

import sqlalchemy as sa

from challenge.errors import Fault, LedgerError
from challenge.ledger.store import schema
from challenge.ledger.store.database import Store
from challenge.ledger.submissions.names import skeleton

__all__ = ["bring_up_to_date"]


def bring_up_to_date(store: Store) -> None:
    """Make the ledger one of this version's format; raise LedgerError for a newer one."""
    with store.reading() as connection:
        found = _format_of(connection)
    if found == schema.LEDGER_FORMAT:
        return
    if found not in (1, 2):
        raise LedgerError(
            Fault(
                store.where,
                f"a ledger of format {found}",
                f"format {schema.LEDGER_FORMAT}",
                "use the version of challenge that wrote it",
                code="ledger-format",
            )
        )
    with store.writing() as connection:
        store.lock_all(connection)
        # Another process may have been first.
        found = _format_of(connection)
        if found == 1:
            connection.execute(sa.text("ALTER TABLE submissions ADD COLUMN content TEXT"))
        if found in (1, 2):
            schema.metadata.create_all(connection)
            _look_again(connection)
            facts = schema.facts
            connection.execute(
                facts.update()
                .where(facts.c.name == "format")
                .values(value=str(schema.LEDGER_FORMAT))
            )


def _look_again(connection: sa.Connection) -> None:
    """Derive anew which names look alike: the table of look-alikes has grown."""
    names = schema.team_names
    for key, name in connection.execute(sa.select(names.c.id, names.c.name)).all():
        connection.execute(names.update().where(names.c.id == key).values(skeleton=skeleton(name)))


def _format_of(connection: sa.Connection) -> int | str | None:
    facts = schema.facts
    found = connection.execute(sa.select(facts.c.value).where(facts.c.name == "format")).scalar()
    return int(found) if found is not None and found.isdecimal() else found
