"""One archive of everything that cannot be rebuilt, and its restoration.

It is a zip of a SQLite copy of the ledger (also of a server), its predictions and challenge.toml.
It also has the secret and the solution of each task, and a manifest of hashes. The ledger is
copied first, since a file is stored before the row that names it. Keep the archive as secret as
`private/`.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from challenge.errors import Fault, LedgerError, counted
from challenge.ledger.ledger import Ledger
from challenge.ledger.store import clock, schema
from challenge.ledger.store.bucket import open_bucket
from challenge.ledger.store.clock import iso
from challenge.ledger.store.database import Store, ledger_faults, open_store
from challenge.task import Challenge, dump_json, sha256_of_file
from challenge.task.files import is_archive_damage

__all__ = ["backup", "copy_ledger", "restore"]

BACKUP_FORMAT = 1
_LEDGER = "submissions/ledger.db"
_PREDICTIONS = "submissions/predictions/"
_MANIFEST = "manifest.json"
_PRIVATE = ("secret", "solution.parquet", "audit.json")
_ROWS = 1000


def backup(
    ledger: Ledger, target: Path, progress: Callable[[str], None] | None = None
) -> tuple[int, int]:
    """Write the archive, checked, while submissions go on; return its files and bytes.

    An older backup of that name is replaced. Raises LedgerError when anything else is there, or a
    predictions file is missing or damaged; then no archive is left.
    """
    if os.path.lexists(target) and not _is_backup(target):
        raise _occupied(str(target), "name a new file, or one that `challenge backup` wrote")
    root = ledger.challenge.root
    with _temporary_folder(target.parent, target) as folder, ledger_faults(str(target)):
        copy = folder / "ledger.db"
        hashes = _hashes(copy_ledger(ledger.store, copy))
        members: list[tuple[str, Path]] = [(_LEDGER, copy), ("challenge.toml", _toml(root))]
        missing = ledger.files.missing(hashes)
        if missing:
            raise LedgerError(missing)
        for sha256 in hashes:
            path = ledger.files.open_path(sha256)
            members.append((str(path.relative_to(root)), path))
        for task_id in ledger.challenge.built_ids():
            private = ledger.challenge.datasets / task_id / "private"
            for pattern in _PRIVATE:
                members.extend(
                    (str(path.relative_to(root)), path) for path in private.glob(pattern)
                )
        archive = folder / "archive.zip"
        _write_archive(archive, members, progress)
        check_archive(archive)
        archive.chmod(0o600)
        archive.replace(target)
        return len(members), target.stat().st_size


def restore(
    source: Path, challenge: Challenge, progress: Callable[[str], None] | None = None
) -> int:
    """Put everything of an archive back into a challenge directory; return the number of files.

    Nothing is overwritten: LedgerError when a ledger exists or the archive is damaged.
    Existing files with the same content stay.
    """
    url = os.environ.get("CHALLENGE_LEDGER") or None
    bucket = open_bucket(os.environ.get("CHALLENGE_BUCKET"))
    ledger_path = challenge.submissions / "ledger.db"
    # SQLite would apply the journal left by another ledger.
    for path in (ledger_path, ledger_path.with_name("ledger.db-wal")):
        if url is None and path.exists():
            raise _occupied(str(path))
    names = check_archive(source)
    with _temporary_folder(challenge.root, source) as folder, ledger_faults(str(challenge.root)):
        with zipfile.ZipFile(source) as archive:
            for done, name in enumerate(names, 1):
                archive.extract(name, folder)
                if progress and done % 100 == 0:
                    progress(f"unpacked {done:,} of {counted(len(names), 'file')}")
        for name in names:
            target = challenge.root / name
            if name == _LEDGER or (target.is_file() and _same(target, folder / name)):
                continue
            if target.exists():
                raise _occupied(str(target))
        for name in names:
            target = challenge.root / name
            if name == _LEDGER or target.is_file():
                continue
            private = target.parent.name == "private"
            target.parent.mkdir(mode=0o700 if private else 0o755, parents=True, exist_ok=True)
            (folder / name).chmod(0o600 if private else 0o644)
            (folder / name).replace(target)
        for name in names:
            if bucket is not None and name.startswith(_PREDICTIONS):
                bucket.put(challenge.root / name, name.removeprefix("submissions/"))
        # The ledger comes last: the files that its rows name exist now.
        if url is None:
            ledger_path.parent.mkdir(exist_ok=True)
            (folder / _LEDGER).replace(ledger_path)
        else:
            archived = open_store(None, folder / _LEDGER, bring_over=True)
            _copy_rows(archived, open_store(url, ledger_path))
    return len(names)


def check_archive(source: Path) -> list[str]:
    """Return the members of an archive; raise LedgerError when it is damaged or not a backup."""
    import hashlib
    import json

    try:
        with zipfile.ZipFile(source) as archive:
            manifest = json.loads(archive.read(_MANIFEST))
            if manifest["format"] != BACKUP_FORMAT:
                raise _damaged(source, f"format {manifest['format']}")
            for name, sha256 in manifest["files"].items():
                parts = Path(name).parts
                if Path(name).is_absolute() or ".." in parts:
                    raise _damaged(source, f"{name} points outside of the directory")
                digest = hashlib.sha256()
                with archive.open(name) as member:
                    while block := member.read(1 << 20):
                        digest.update(block)
                if digest.hexdigest() != sha256:
                    raise _damaged(source, f"{name} has other content")
            return sorted(manifest["files"])
    except LedgerError:
        raise
    except Exception as error:
        if not (
            isinstance(error, OSError | TypeError | AttributeError) or is_archive_damage(error)
        ):
            raise
        raise _damaged(source, str(error) or type(error).__name__) from None


def _write_archive(
    archive: Path, members: list[tuple[str, Path]], progress: Callable[[str], None] | None
) -> None:
    hashes = {}
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as file:
        for done, (name, path) in enumerate(members, 1):
            # Parquet files are hardly compressible.
            stored = path.suffix in (".parquet", ".bin")
            kind = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            hashes[name] = sha256_of_file(path)
            file.write(path, name, kind)
            if progress and done % 100 == 0:
                progress(f"packed {done:,} of {counted(len(members), 'file')}")
        manifest = {"format": BACKUP_FORMAT, "at": iso(clock.now()), "files": hashes}
        file.writestr(_MANIFEST, dump_json(manifest))
    for name, sha256 in hashes.items():
        if name.startswith(_PREDICTIONS) and Path(name).stem != sha256:
            raise LedgerError(
                Fault(
                    name,
                    f"content of SHA-256 {sha256}",
                    "content of the SHA-256 in its name",
                    "run `challenge verify`; copy the file from an older backup",
                    code="predictions-damaged",
                )
            )


def copy_ledger(store: Store, target: Path) -> Store:
    """Copy all rows into a new SQLite file, also from a server; return it open."""
    if not store.is_sqlite:
        copied = open_store(None, target)
        _copy_rows(store, copied)
        return copied
    with store.reading() as connection:
        source = connection.connection.driver_connection
        assert isinstance(source, sqlite3.Connection)
        copy = sqlite3.connect(target)
        try:
            source.backup(copy)
        finally:
            copy.close()
    return open_store(None, target)


def _copy_rows(source: Store, target: Store) -> None:
    """Copy all rows in one transaction; LedgerError when the target has rows."""
    with source.reading() as reader, target.writing(chained=False) as writer:
        target.lock_all(writer)
        if writer.execute(sa.select(schema.settings.c.id).limit(1)).first() is not None:
            raise _occupied(target.where)
        for table in schema.metadata.sorted_tables:
            if table is schema.facts:
                continue
            result = reader.execution_options(yield_per=_ROWS).execute(sa.select(table))
            for rows in result.mappings().partitions():
                writer.execute(table.insert(), [dict(row) for row in rows])
            if not target.is_sqlite and "id" in table.c and table.c.id.autoincrement:
                _move_sequence(writer, table)


def _move_sequence(connection: sa.Connection, table: sa.Table) -> None:
    # Rows were inserted with their ids; the server's sequence must continue after them.
    sequence = sa.func.pg_get_serial_sequence(table.name, "id")
    newest = sa.select(sa.func.coalesce(sa.func.max(table.c.id), 0) + 1).scalar_subquery()
    connection.execute(sa.select(sa.func.setval(sequence, newest, False)))


def _hashes(store: Store) -> list[str]:
    with store.reading() as connection:
        query = sa.select(schema.submissions.c.sha256).distinct()
        return sorted(connection.execute(query).scalars())


def _toml(root: Path) -> Path:
    return root / "challenge.toml"


def _same(one: Path, other: Path) -> bool:
    return sha256_of_file(one) == sha256_of_file(other)


@contextmanager
def _temporary_folder(parent: Path, where: Path) -> Iterator[Path]:
    """Give a folder on the same disk as the target, so that files can be moved in one step."""
    with ledger_faults(str(where)):
        parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=".backup-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_backup(path: Path) -> bool:
    try:
        if path.is_symlink() or not path.is_file():
            return False
        with zipfile.ZipFile(path) as archive:
            return _MANIFEST in archive.namelist()
    except Exception as error:
        if isinstance(error, OSError) or is_archive_damage(error):
            return False
        raise


def _occupied(
    where: str, fix: str = "restore into a new directory, or move the old one aside"
) -> LedgerError:
    return LedgerError(
        Fault(
            where,
            "something else exists there",
            "a free path: nothing is overwritten",
            fix,
            code="restore-occupied",
        )
    )


def _damaged(source: Path, found: str) -> LedgerError:
    return LedgerError(
        Fault(
            str(source),
            f"damaged, or not a backup: {found}",
            "an undamaged archive that `challenge backup` wrote",
            "use an older backup",
            code="backup-damaged",
        )
    )
