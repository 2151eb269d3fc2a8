"""Atomic writes: a reader sees the old bytes or the new ones, never a part."""

from __future__ import annotations

import errno
import filecmp
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from challenge.errors import Fault, WrongUse

__all__ = [
    "atomic_file",
    "dump_json",
    "hashes_of_files",
    "is_archive_damage",
    "new_file",
    "output_exists",
    "read_json",
    "sha256_of_file",
    "share_with_group",
    "write_atomically",
]


@contextmanager
def atomic_file(path: Path, *, mode: int = 0o644) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path`; on success sync it and rename it to `path`.

    On any error the temporary file is removed and `path` is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException as error:
        Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            # A write does not know the name of its file, and the reader of the message needs it.
            error.filename = str(path)
        raise
    _sync_folder(path.parent)


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that the user named for output; it never replaces another.

    A file with the same bytes is left as it is. Raises WrongUse (`output-exists`) for any other,
    before anything is written when it is no file.
    """
    if os.path.lexists(path) and not path.is_file():
        raise output_exists(path)
    with tempfile.TemporaryDirectory(prefix="challenge-output-") as folder:
        made = Path(folder) / "file"
        with made.open("wb") as file:
            yield file
        if path.is_file():
            if not filecmp.cmp(made, path, shallow=False):
                raise output_exists(path)
            return
        with atomic_file(path) as target, made.open("rb") as source:
            shutil.copyfileobj(source, target, 1 << 20)


def output_exists(path: Path) -> WrongUse:
    """Return the error for an output path where something else is."""
    return WrongUse(
        Fault(
            str(path),
            "already there",
            "a path where nothing is, since nothing is replaced",
            "name another one, or move what is there away",
            code="output-exists",
        )
    )


def write_atomically(path: Path, data: bytes | str, *, mode: int = 0o644) -> None:
    """Write `data` (text as UTF-8) to `path` in one step."""
    with atomic_file(path, mode=mode) as file:
        file.write(data.encode() if isinstance(data, str) else data)


def share_with_group(path: Path) -> None:
    """Let the group use a new file or folder where its folder has the set-group-ID bit.

    So the two users of a server can share folders; elsewhere the file stays with its owner.
    """
    if path.parent.stat().st_mode & stat.S_ISGID:
        path.chmod(0o2770 if path.is_dir() else 0o660)


def dump_json(value: object) -> str:
    """Return JSON with sorted keys, two spaces of indent and a final newline; NaN is refused."""
    return json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def read_json(path: Path) -> object:
    """Return the parsed JSON of a file that this package wrote."""
    return json.loads(path.read_bytes())


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of the file's bytes, 64 hex digits."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def hashes_of_files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below a folder, by its path relative to the folder.

    A link, a pipe or another special file has the text `not a regular file` as its hash.
    """
    return {
        path.relative_to(folder).as_posix(): sha256_of_file(path)
        if path.is_file() and not path.is_symlink()
        else "not a regular file"
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or not path.is_dir()
    }


def is_archive_damage(error: Exception) -> bool:
    """Whether a reader of an archive failed on its bytes, not on the disk; each raises its own.

    An encrypted member is a RuntimeError, an unknown compression a NotImplementedError, a name of
    NUL a LookupError, and a dictionary that is too large a MemoryError.
    """
    import lzma
    import struct
    import tarfile
    import zipfile
    import zlib

    if isinstance(error, OSError):
        # bz2, gzip and zstd give no number; a seek before the start is "invalid argument".
        return error.errno in (None, errno.EINVAL)
    return isinstance(
        error,
        tarfile.TarError
        | zipfile.BadZipFile
        | zlib.error
        | lzma.LZMAError
        | struct.error
        | EOFError
        | RuntimeError
        | ValueError
        | LookupError
        | ArithmeticError
        | MemoryError,
    )


def _sync_folder(folder: Path) -> None:
    # Without this a system crash can lose the rename although the file was synced.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
