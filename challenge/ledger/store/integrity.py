"""Checks for damage: pages of the ledger, predictions files, vectors, public files of tasks."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateTable

from challenge.errors import Fault, LedgerError, counted
from challenge.ledger.ledger import Ledger
from challenge.ledger.store import schema
from challenge.ledger.store.chain import chain_damage, head_of
from challenge.ledger.store.database import has_foreign_header
from challenge.ledger.store.public_files import card_faults, public_faults
from challenge.ledger.store.versions import read_cards

__all__ = ["VerifyReport", "verify"]

_STORED: dict[type[sa.types.TypeEngine[Any]], tuple[str, str]] = {
    sa.Boolean: ("integer", "null"),
    sa.Integer: ("integer", "null"),
    sa.Float: ("real", "null"),
    sa.Text: ("text", "null"),
    sa.LargeBinary: ("blob", "null"),
}
"""How SQLite stores values of each type of column."""
_RULES = re.compile(
    r"\b(?:CHECK|COLLATE|CONFLICT|DEFAULT|GENERATED|STRICT|WITHOUT)\b", re.IGNORECASE
)


@dataclass(frozen=True)
class VerifyReport:
    """What was checked and every damage found; `n_spare` files belong to no submission.

    `head` is that of the hash chain over all rows: `<number of the link>:<hash>`.
    """

    n_submissions: int
    n_files: int
    n_spare: int
    faults: tuple[Fault, ...]
    head: str

    def as_json(self) -> dict[str, object]:
        """Return the report as plain values."""
        return {
            "n_submissions": self.n_submissions,
            "n_files": self.n_files,
            "n_spare": self.n_spare,
            "head": self.head,
            "faults": [fault.as_json() for fault in self.faults],
        }


def verify(
    ledger: Ledger,
    progress: Callable[[str], None] | None = None,
    *,
    expected_head: str | None = None,
) -> VerifyReport:
    """Check the database, and hash predictions and the public files of tasks; return all damage.

    Every value of every row is covered, and the structure of all pages. Bytes of a SQLite file
    that hold neither, such as free space within pages, may change without any effect.
    `expected_head` is a head that was published earlier: the chain must still contain it.
    Raises LedgerError when the database is too damaged to be read at all.
    """
    rows = schema.submissions
    with ledger.store.reading() as connection:
        faults = _database_faults(connection, ledger)
        if faults:
            # Rows of damaged pages may have any value.
            raise LedgerError(faults)
        faults.extend(_chain_faults(connection, ledger.store.where, expected_head))
        head = head_of(connection)
        listed = connection.execute(sa.select(rows.c.id, rows.c.sha256).order_by(rows.c.id)).all()
        cards = {} if faults else read_cards(connection)
        faults.extend(_vector_faults(connection, ledger.store.where))
        faults.extend(_unscored_faults(connection, ledger))
    by_content: dict[str, list[int]] = {}
    for submission_id, sha256 in listed:
        by_content.setdefault(sha256, []).append(submission_id)
    for done, (sha256, ids) in enumerate(by_content.items(), 1):
        fault = ledger.files.damage(sha256)
        if fault is not None:
            first = tuple(f"submission {key}" for key in ids[:5])
            fix = "copy the file from a backup"
            faults.append(replace(fault, fix=fix, n=len(ids), first=first))
        if progress and done % 100 == 0:
            progress(f"hashed {done:,} of {counted(len(by_content), 'file')}")
    for task_id in ledger.challenge.built_ids():
        if progress:
            progress(f"{task_id}: hashing the public files")
        task = ledger.challenge.task(task_id)
        faults.extend(public_faults(task))
        faults.extend(card_faults(task, cards.get(task_id)))
    spare = ledger.files.hashes() - by_content.keys()
    return VerifyReport(len(listed), len(by_content), len(spare), tuple(faults), head)


def _database_faults(connection: sa.Connection, ledger: Ledger) -> list[Fault]:
    if not ledger.store.is_sqlite:
        return []
    lines = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check")]
    orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    faults = []
    if has_foreign_header(Path(ledger.store.where)):
        faults.append(_damage(ledger.store.where, "damaged pages", ["first page: its format"]))
    elif lines != ["ok"]:
        faults.append(_damage(ledger.store.where, "damaged pages", lines))
    elif foreign := _foreign_schema(connection):
        found = "tables, columns, views or triggers that are not those of the ledger"
        faults.append(_damage(ledger.store.where, found, foreign))
    elif foreign := _foreign_values(connection):
        faults.append(_damage(ledger.store.where, "values of another type", foreign))
    if orphans:
        lines = [f"{table} row {row} without its {parent}" for table, row, parent, _ in orphans]
        faults.append(_damage(ledger.store.where, "rows without their parent row", lines))
    return faults


def _foreign_schema(connection: sa.Connection) -> list[str]:
    """Return what was added to the schema or is missing.

    An index holds no values of its own, so one that is missing or new is no damage, unless it can
    refuse rows. A rule of a table, such as a collation, changes what is found.
    """
    query = (
        "SELECT type, name FROM sqlite_master WHERE type != 'index' AND name NOT LIKE 'sqlite_%'"
    )
    dialect = connection.dialect
    found = {f"{kind} {name}" for kind, name in connection.exec_driver_sql(query)}
    expected = {f"table {name}" for name in schema.metadata.tables}
    for name, table in schema.metadata.tables.items():
        columns = connection.exec_driver_sql(f'PRAGMA table_xinfo("{name}")')
        found |= {f"column {name}.{column[1]} {column[2]} {column[3]}" for column in columns}
        expected |= {
            f"column {name}.{column.name} {column.type.compile(dialect)} {int(not column.nullable)}"
            for column in table.columns
        }
        created = str(CreateTable(table).compile(dialect=dialect))
        query = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?"
        stored = connection.exec_driver_sql(query, (name,)).scalar() or ""
        for text, rules in ((created, expected), (stored, found)):
            rules |= {f"rule {rule.upper()} of {name}" for rule in _RULES.findall(text)}
        found |= {f"index {index}" for index in _acting_indexes(connection, name)}
    return sorted(found ^ expected)


def _acting_indexes(connection: sa.Connection, table: str) -> list[str]:
    """Return indexes that can refuse a row: unique ones, and those with a condition or a formula.

    The ledger has none but those that SQLite makes for keys.
    """
    found = []
    for _, name, unique, origin, partial in connection.exec_driver_sql(
        f'PRAGMA index_list("{table}")'
    ):
        quoted = name.replace('"', '""')
        columns = connection.exec_driver_sql(f'PRAGMA index_info("{quoted}")')
        formula = any(column[2] is None for column in columns)
        if origin == "c" and (unique or partial or formula):
            found.append(str(name))
    return found


def _foreign_values(connection: sa.Connection) -> list[str]:
    """Return columns with values that read like others: an empty text as False, 2 as True.

    The hash chain covers what is read, so it cannot show them.
    """
    faults = []
    for name, table in schema.metadata.tables.items():
        for column in table.columns:
            types = next(kinds for base, kinds in _STORED.items() if isinstance(column.type, base))
            wrong = f'typeof("{column.name}") NOT IN {types}'
            if isinstance(column.type, sa.Boolean):
                wrong += f' OR "{column.name}" NOT IN (0, 1)'
            query = f'SELECT count(*) FROM "{name}" WHERE {wrong}'  # noqa: S608 (our own names)
            if connection.exec_driver_sql(query).scalar():
                faults.append(f"{name}.{column.name}")
    return faults


def _chain_faults(connection: sa.Connection, where: str, expected_head: str | None) -> list[Fault]:
    try:
        changed, outside = chain_damage(connection)
    except (ValueError, TypeError, LookupError, ArithmeticError) as error:
        return [_damage(where, "rows that cannot be read", [str(error)])]
    if not (changed or outside) and connection.dialect.name == "sqlite":
        # The id of a link is not hashed; links count from 1.
        links = schema.links
        n_links, newest = connection.execute(
            sa.select(sa.func.count(), sa.func.coalesce(sa.func.max(links.c.id), 0)).select_from(
                links
            )
        ).one()
        changed = ["links.id"] if n_links != newest else []
    faults = []
    if changed:
        faults.append(_damage(where, "rows changed after they were stored", changed))
    if outside:
        faults.append(_damage(where, "rows that `challenge` did not store", outside))
    if expected_head is not None:
        links = schema.links
        number = expected_head.partition(":")[0]
        query = sa.select(links.c.hash).where(sa.cast(links.c.id, sa.Text) == number)
        digest = connection.execute(query).scalar()
        if expected_head != "0:" and expected_head != f"{number}:{digest}":
            text = f"no link {number} with the published hash"
            faults.append(_damage(where, text, [f"published head {expected_head}"]))
    return faults


def _vector_faults(connection: sa.Connection, where: str) -> list[Fault]:
    from challenge.kinds.statistics.vector import Vector

    wrong = []
    for key, content in connection.execute(sa.select(schema.vectors)):
        try:
            Vector.from_bytes(content)
        except ValueError:
            wrong.append(f"score {key}")
    return [_damage(where, "vectors that cannot be read", wrong)] if wrong else []


def _unscored_faults(connection: sa.Connection, ledger: Ledger) -> list[Fault]:
    """Find submissions without any score, where the rules require one for each."""
    if ledger.settings.is_contest():
        return []
    rows, scores = schema.submissions, schema.scores
    query = (
        sa.select(rows.c.id)
        .select_from(rows.outerjoin(scores, scores.c.submission == rows.c.id))
        .where(scores.c.id.is_(None))
    )
    missing = [f"submission {key}" for key in connection.execute(query).scalars()]
    return [_damage(ledger.store.where, "submissions without a score", missing)] if missing else []


def _damage(where: str, found: str, lines: list[str]) -> Fault:
    return Fault(
        where,
        found,
        "an undamaged ledger",
        "`challenge restore` the last backup",
        "ledger-damaged",
        len(lines),
        tuple(lines[:5]),
    )
