"""The hash chain over all rows of the ledger, which makes later edits visible.

Each transaction adds one link per table for its new rows. A link's hash covers the hash of the
previous link and every value of the rows. So the newest hash, the head, covers the whole ledger.
Anyone who can write to the database can recompute the chain; a published head reveals that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import sqlalchemy as sa

from challenge.ledger.store import schema

__all__ = ["add_links", "chain_damage", "head_of", "newest_keys"]

_TABLES = {
    table.name: table for table in schema.metadata.sorted_tables if table not in schema.UNCHAINED
}
_CHUNK = 500


def newest_keys(connection: sa.Connection) -> dict[str, int]:
    """Return the greatest key of each table, 0 where it is empty."""
    return dict(connection.execute(_newest_query()).mappings().one())


@cache
def _newest_query() -> sa.Select[Any]:
    """Return the query of all greatest keys; building it takes longer than running it."""
    return sa.select(
        *(
            sa.select(sa.func.coalesce(sa.func.max(_key(table)), 0)).scalar_subquery().label(name)
            for name, table in _TABLES.items()
        )
    )


def add_links(connection: sa.Connection, before: Mapping[str, int]) -> None:
    """Add a link for each table with rows beyond the keys that it had `before`."""
    after = newest_keys(connection)
    grown = [name for name, newest in after.items() if newest > before.get(name, 0)]
    if not grown:
        return
    links = schema.links
    newest = sa.select(links.c.hash).order_by(links.c.id.desc()).limit(1)
    previous = connection.execute(newest).scalar() or ""
    for name in grown:
        table, first = _TABLES[name], before.get(name, 0) + 1
        digest = hashlib.sha256()
        for row in _rows(connection, table, first):
            _add_row(digest, row)
        previous = _link(previous, name, first, after[name], digest.hexdigest())
        values = {"table": name, "first": first, "last": after[name], "hash": previous}
        connection.execute(links.insert().values(values))


def head_of(connection: sa.Connection) -> str:
    """Return the head as `<number of the link>:<hash>`, `0:` for an empty ledger."""
    links = schema.links
    query = sa.select(links.c.id, links.c.hash).order_by(links.c.id.desc()).limit(1)
    row = connection.execute(query).first()
    return "0:" if row is None else f"{row.id}:{row.hash}"


def chain_damage(connection: sa.Connection) -> tuple[list[str], list[str]]:
    """Return the links whose rows or hash were changed, and the rows that no link covers.

    Raises ValueError or a subclass when a value of the database cannot be read.
    """
    links = schema.links
    found = connection.execute(sa.select(links).order_by(links.c.id)).all()
    digests: dict[int, str] = {}
    outside: list[str] = []
    for name, table in _TABLES.items():
        own = [link for link in found if link.table == name]
        rows = iter(_rows(connection, table, None))
        row = next(rows, None)
        for link in own:
            digest = hashlib.sha256()
            while row is not None and _key_of(table, row) <= link.last:
                if _key_of(table, row) < link.first:
                    outside.append(f"{name} row {_key_of(table, row)}")
                else:
                    _add_row(digest, row)
                row = next(rows, None)
            digests[link.id] = digest.hexdigest()
        while row is not None:
            outside.append(f"{name} row {_key_of(table, row)}")
            row = next(rows, None)
    changed, previous = [], ""
    for link in found:
        rows_hash = digests.get(link.id, "")
        if link.hash != _link(previous, link.table, link.first, link.last, rows_hash):
            changed.append(f"{link.table} rows {link.first} to {link.last}, link {link.id}")
        previous = link.hash
    return changed, outside


def _rows(
    connection: sa.Connection, table: sa.Table, first: int | None
) -> Iterator[sa.Row[tuple[Any, ...]]]:
    query = sa.select(table).order_by(_key(table))
    if first is not None:
        query = query.where(_key(table) >= first)
    yield from connection.execute(query, execution_options={"yield_per": _CHUNK})


def _key(table: sa.Table) -> sa.Column[int]:
    return next(iter(table.primary_key))


def _key_of(table: sa.Table, row: sa.Row[tuple[Any, ...]]) -> int:
    return int(getattr(row, _key(table).name))


def _add_row(digest: Any, row: sa.Row[tuple[Any, ...]]) -> None:
    # JSON has no bytes; vectors and counts are the only ones.
    digest.update(json.dumps(list(row), default=lambda value: bytes(value).hex()).encode())


def _link(previous: str, table: str, first: int, last: int, rows: str) -> str:
    return hashlib.sha256(json.dumps([previous, table, first, last, rows]).encode()).hexdigest()
