"""The connection: SQLite in WAL mode beside the predictions, or any SQLAlchemy URL.

Writers take the write lock when they begin (BEGIN IMMEDIATE), so that no other write comes between
a check and its insert. Errors of the database or the disk become a LedgerError with a fix. Every
write is one transaction.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from challenge.errors import Fault, LedgerError, machine_fault
from challenge.ledger.store import schema
from challenge.ledger.store.chain import add_links, newest_keys
from challenge.task.files import share_with_group
from challenge.task.folder_lock import folder_lock

__all__ = ["BUSY_S", "Store", "has_foreign_header", "ledger_faults", "open_store"]

BUSY_S = 120.0
"""How long a writer waits for another one before it gives up."""

_LOCK_ALL, _LOCK_STILL, _LOCK_CHAIN = 4_961_002, 4_961_003, 4_961_004
_FORMATS_BEFORE = ("5", "6", "7")
_ROOM_BYTES = 1 << 20
_JOURNAL_FORMATS = (b"\1\1", b"\2\2")
"""Bytes 18 and 19 of a SQLite file with a rollback journal, and with a write-ahead log."""


class Store:
    """An open ledger; each transaction has a connection of its own, so that forks are safe."""

    def __init__(self, engine: sa.Engine, where: str, busy_s: float = BUSY_S) -> None:
        self.engine = engine
        self.where = where
        self._busy_s = busy_s
        self._held: sa.Connection | None = None

    @property
    def is_sqlite(self) -> bool:
        """Whether the ledger is one file."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Open a transaction that reads one state of the ledger."""
        with ledger_faults(self.where), self.engine.connect() as plain:
            level = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
            connection = plain.execution_options(**level)
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self, *, chained: bool = True) -> Iterator[sa.Connection]:
        """Open a transaction that is committed at the end, or rolled back on any error.

        Its new rows get links of the hash chain, unless `chained` is False (rows with links).
        """
        turn = _one_at_a_time(Path(self.where).parent, self._busy_s) if self.is_sqlite else None
        with ledger_faults(self.where), turn or nullcontext(), self.engine.connect() as plain:
            connection = plain.execution_options(writes=True)
            with connection.begin():
                if not chained:
                    yield connection
                    return
                if not self.is_sqlite:
                    # The chain needs one order of all transactions, as SQLite has it.
                    lock = sa.func.pg_advisory_xact_lock(_LOCK_CHAIN)
                    connection.execute(sa.select(lock))
                before = newest_keys(connection)
                yield connection
                add_links(connection, before)

    def keep_open(self) -> None:
        """Keep a connection to SQLite open, in a process that never forks.

        The last one to close writes the log back into the file, and the next makes it anew: while
        one is open, no transaction pays for that.
        """
        if self.is_sqlite:
            self._held = self.engine.connect()
            with ledger_faults(self.where), self._held.begin():
                self._held.exec_driver_sql("SELECT 1 FROM sqlite_master")

    def lock_team(self, connection: sa.Connection, team: int) -> None:
        """Keep other submissions of the team waiting until this transaction ends."""
        if not self.is_sqlite:
            rows = schema.teams
            connection.execute(sa.select(rows.c.id).where(rows.c.id == team).with_for_update())

    def lock_all(self, connection: sa.Connection) -> None:
        """Block every other writer that takes this lock until this transaction ends."""
        if self.engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK_ALL)))

    def lock_still(self, connection: sa.Connection, *, shared: bool = False) -> None:
        """Wait until no submission is being stored, and let none begin until the end.

        Submissions themselves take the lock `shared`, so that only a close blocks them.
        """
        if self.engine.dialect.name == "postgresql":
            lock = sa.func.pg_advisory_xact_lock
            if shared:
                lock = sa.func.pg_advisory_xact_lock_shared
            connection.execute(sa.select(lock(_LOCK_STILL)))


@contextmanager
def _one_at_a_time(folder: Path, wait_s: float) -> Iterator[None]:
    """Hold the folder's lock, so that writers take turns.

    SQLite's own waiting is unfair: among fifty writers one may wait forever. It applies after
    `wait_s`, or where the file system has no locks.
    """
    with ExitStack() as held:
        with suppress(BlockingIOError):
            held.enter_context(folder_lock(folder, wait_s=wait_s))
        yield


def open_store(
    url: str | None, path: Path, *, busy_s: float = BUSY_S, bring_over: bool = False
) -> Store:
    """Open the ledger at `url`, or at `path` when there is no URL; create it when missing.

    With `bring_over` a ledger of a format before gets the tables of this one; its rows stay.

    Raises LedgerError when it cannot be opened, is damaged, or is of another format.
    """
    if url is None or url.startswith("sqlite:"):
        if url is not None:
            database = sa.engine.make_url(url).database
            if not database or database == ":memory:":
                raise LedgerError(
                    Fault(
                        "CHALLENGE_LEDGER",
                        repr(url),
                        "a URL that names a file or a server",
                        "write sqlite:////full/path/ledger.db, or unset CHALLENGE_LEDGER",
                        code="ledger-url",
                    )
                )
            path = Path(database)
        store = _open_sqlite(path, busy_s)
    else:
        store = _open_server(url)
    with store.reading() as connection:
        found = _format_of(connection)
    if bring_over and found in _FORMATS_BEFORE:
        _bring_over(store)
    elif found != str(schema.LEDGER_FORMAT):
        fix = (
            "run `challenge rescore`: it adds the tables of this format and scores all submissions"
            if found in _FORMATS_BEFORE
            else "use the version of challenge that wrote it, or move the ledger aside and submit "
            "the files again"
        )
        raise LedgerError(
            Fault(
                store.where,
                f"a ledger of format {found}",
                f"format {schema.LEDGER_FORMAT}",
                fix,
                code="ledger-format",
            )
        )
    return store


def _format_of(connection: sa.Connection) -> str | None:
    facts = schema.facts
    query = sa.select(facts.c.value).where(facts.c.name == "format")
    found: str | None = connection.execute(query).scalar()
    return found


def _bring_over(store: Store) -> None:
    """Add what this format has beyond those before. No row changes, so the chain stays whole."""
    with store.writing(chained=False) as connection:
        store.lock_all(connection)
        found = _format_of(connection)
        if found not in _FORMATS_BEFORE:
            return
        if found == "5":
            connection.execute(
                sa.text("ALTER TABLE scores RENAME COLUMN weights_hash TO grouping_hash")
            )
            schema.vectors.create(connection)
        network = (
            *(schema.tokens, schema.token_revocations, schema.token_uses),
            *(schema.actions, schema.arrivals),
        )
        for table in (*(() if found == "7" else network), schema.right_rows, schema.groupings):
            table.create(connection)
        facts = schema.facts
        newest = facts.update().where(facts.c.name == "format")
        connection.execute(newest.values(value=str(schema.LEDGER_FORMAT)))


def _open_sqlite(path: Path, busy_s: float) -> Store:
    where = str(path)
    if not path.exists():
        with ledger_faults(where):
            path.parent.mkdir(parents=True, exist_ok=True)
            _create_sqlite(path)
    return Store(_sqlite_engine(path, busy_s), where, busy_s)


def _sqlite_engine(path: Path, busy_s: float) -> sa.Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        poolclass=NullPool,
        connect_args={"timeout": busy_s},
    )

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, record: Any) -> None:
        # Python's own transaction handling would begin late and deferred.
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA synchronous=FULL")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _create_sqlite(path: Path) -> None:
    # Created under a temporary name and linked when complete: two first submissions may run at
    # once, and a process may be killed between two tables.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".ledger-", suffix=".tmp")
    os.close(handle)
    try:
        connection = sqlite3.connect(name)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.close()
        engine = _sqlite_engine(Path(name), BUSY_S)
        with engine.connect().execution_options(writes=True) as writer, writer.begin():
            _create_tables(writer)
        engine.dispose()
        share_with_group(Path(name))
        try:
            os.link(name, path)
        except FileExistsError:
            return
        except OSError:
            # A file system without links: the last of two creators wins, before any row exists.
            Path(name).rename(path)
            return
    finally:
        for suffix in ("", "-wal", "-shm"):
            Path(name + suffix).unlink(missing_ok=True)


def _open_server(url: str) -> Store:
    try:
        engine = sa.create_engine(url, poolclass=NullPool)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise LedgerError(
            Fault(
                "CHALLENGE_LEDGER",
                f"no driver for this URL: {error}",
                "a SQLAlchemy URL such as postgresql+psycopg://user@host/database",
                "correct it; for PostgreSQL: pip install 'multimodal-challenge[postgresql]'",
                code="ledger-url",
            )
        ) from None
    store = Store(engine, engine.url.render_as_string(hide_password=True))
    with store.reading() as connection:
        ready = sa.inspect(connection).has_table("facts")
    if not ready:
        with store.writing(chained=False) as connection:
            store.lock_all(connection)
            _create_tables(connection)
    return store


def _create_tables(connection: sa.Connection) -> None:
    schema.metadata.create_all(connection)
    if _format_of(connection) is None:
        connection.execute(
            schema.facts.insert().values(name="format", value=str(schema.LEDGER_FORMAT))
        )


@contextmanager
def ledger_faults(where: str) -> Iterator[None]:
    """Turn errors of the disk or the database into a LedgerError with a fix."""
    try:
        yield
    except OSError as error:
        raise LedgerError(_disk_fault(where, error)) from error
    except sa.exc.DBAPIError as error:
        if isinstance(error, sa.exc.IntegrityError) and not isinstance(error.orig, sqlite3.Error):
            raise
        raise LedgerError(_database_fault(where, str(error.orig), error)) from error
    except sqlite3.Error as error:
        raise LedgerError(_database_fault(where, str(error), error)) from error
    except UnicodeDecodeError as error:
        # A damaged schema: SQLite quotes its bytes in the message.
        raise LedgerError(_database_fault(where, "malformed text", error)) from error


_CODES = {
    errno.ENOSPC: "ledger-disk-full",
    errno.EDQUOT: "ledger-disk-full",
    errno.EFBIG: "ledger-disk-full",
    errno.EROFS: "ledger-read-only",
    errno.EACCES: "ledger-read-only",
    errno.EPERM: "ledger-read-only",
}


def _disk_fault(where: str, error: OSError) -> Fault:
    code = _CODES.get(error.errno or 0, "ledger-disk")
    known = machine_fault(error, where, code=code)
    if known is None:
        known = Fault(
            str(error.filename or where),
            f"the disk reports: {error.strerror or error}",
            "a folder that can be read and written",
            "repair the disk or name another folder with -C",
            code=code,
        )
    if code == "ledger-read-only" and not known.found.startswith("cannot be written"):
        known = replace(known, found=f"cannot be written: {known.found}")
    return replace(known, fix=f"{known.fix}; nothing was stored")


def _refusal(folder: Path) -> OSError | None:
    """Return the error of writing a transaction's worth of bytes beside the ledger, if any.

    SQLite reports an I/O error both for a full disk and for a broken one.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_ROOM_BYTES))
            file.flush()
    except OSError as error:
        return OSError(error.errno, error.strerror, str(folder))
    return None


def has_foreign_header(path: Path) -> bool:
    """Whether the first page names a format that SQLite may read but refuses to write."""
    try:
        with path.open("rb") as file:
            return file.read(20)[18:] not in _JOURNAL_FORMATS
    except OSError:
        return False


def _damaged(where: str, found: str) -> Fault:
    """Return the fault of a ledger that SQLite cannot read or write as it is."""
    return Fault(
        where,
        found,
        "an undamaged ledger",
        "run `challenge verify` to see the damage, then `challenge restore` the last backup",
        code="ledger-damaged",
    )


def _database_fault(where: str, text: str, error: Exception) -> Fault:
    lower = text.lower()
    if "disk is full" in lower or "no space" in lower:
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return _disk_fault(where, _refusal(Path(where).parent) or full)
    if "disk i/o" in lower or "unable to open" in lower:
        broken = OSError(errno.EIO, os.strerror(errno.EIO))
        return _disk_fault(where, _refusal(Path(where).parent) or broken)
    if "readonly" in lower or "read-only" in lower:
        if has_foreign_header(Path(where)):
            return _damaged(where, "damaged: its first page names another format")
        closed = OSError(errno.EACCES, os.strerror(errno.EACCES))
        return _disk_fault(where, _refusal(Path(where).parent) or closed)
    if "locked" in lower or "busy" in lower or "lock timeout" in lower:
        return Fault(
            where,
            "locked by another process",
            "a ledger that is free within two minutes",
            "wait for the other command to end, or end it, and run this one again; "
            "nothing was stored",
            code="ledger-locked",
        )
    if any(word in lower for word in ("malformed", "not a database", "corrupt", "no such")):
        return _damaged(where, f"damaged: {text}")
    return Fault(
        where,
        text.strip() or type(error).__name__,
        "a database that responds",
        "check that the database is running and that CHALLENGE_LEDGER is right",
        code="ledger-database",
    )
