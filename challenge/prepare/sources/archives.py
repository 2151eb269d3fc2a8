"""Unpacking untrusted archives: every file inside the folder, no link followed, sizes capped.

The kind of an archive is judged by its first bytes, never by its name. Members are written into
a temporary folder that gets the final name at the end, so a refused archive leaves nothing.
"""

from __future__ import annotations

import bz2
import errno
import fnmatch
import gzip
import lzma
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

from challenge.errors import Fault, MissingRequirement, TaskError

__all__ = ["Caps", "is_archive", "unpack"]

_SUFFIXES = (".zip", ".whl", ".deb", ".tgz", ".tar", ".tbz2", ".txz")
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Caps:
    """How much an archive may unpack to."""

    members: int = 1_000_000
    member_bytes: int = 16 << 30
    total_bytes: int = 64 << 30


@dataclass(frozen=True)
class _Member:
    """One entry of an archive, read as a stream when it is a plain file."""

    name: str
    kind: str
    data: IO[bytes] | None


def is_archive(path: Path) -> bool:
    """Whether the name says that the file is an archive to unpack (an Excel file is none)."""
    name = path.name.lower()
    return name.endswith(_SUFFIXES) or ".tar." in name


def unpack(
    archive: Path, into: Path, patterns: tuple[str, ...] = (), *, caps: Caps | None = None
) -> Path:
    """Unpack the members that match a glob pattern (all without one) and return `into`.

    `*` in a pattern also matches `/`. Any member that leaves the folder, any selected link or
    device, a name that occurs twice and a broken cap raise TaskError, and `into` is not made.
    Raises MissingRequirement for a .deb file on a machine without `dpkg-deb`.
    """
    caps = caps or Caps()
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into.parent, prefix=f".{into.name}.") as made:
        folder = Path(made) / "content"
        folder.mkdir()
        try:
            _write_members(archive, folder, patterns, caps)
        except Exception as error:
            if not _is_damage(error):
                raise
            raise TaskError(
                Fault(archive.name, f"damaged: {str(error)[:200]}",
                      "a complete zip, tar or deb archive", "fetch it again and compare its sha256",
                      "archive-damaged")
            ) from None  # fmt: skip
        if into.exists():
            shutil.rmtree(into)
        folder.rename(into)
    return into


def _is_damage(error: Exception) -> bool:
    """Whether a reader failed on the bytes of the archive; each raises its own errors."""
    if isinstance(error, OSError):
        # bz2, gzip and zstd give no number; a seek before the start is "invalid argument".
        return error.errno in (None, errno.EINVAL)
    return isinstance(
        error,
        tarfile.TarError
        | zipfile.BadZipFile
        | zlib.error
        | lzma.LZMAError
        | EOFError
        | NotImplementedError
        | ValueError,
    )


def _write_members(archive: Path, folder: Path, patterns: tuple[str, ...], caps: Caps) -> None:
    n_members = total = 0
    for member in _members(archive):
        n_members += 1
        if n_members > caps.members:
            raise _fault(archive, f"more than {caps.members:,} members", "archive-too-large")
        parts = _safe_parts(archive, member.name)
        name = "/".join(parts)
        if not parts or not _selected(name, patterns) or member.kind == "folder":
            continue
        if member.kind != "file" or member.data is None:
            raise _fault(archive, f"member {name!r} is a {member.kind}", f"archive-{member.kind}")
        target = folder.joinpath(*parts)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            file = target.open("xb")
        except (FileExistsError, NotADirectoryError):
            raise _fault(archive, f"member {name!r} occurs twice", "archive-duplicate") from None
        size = 0
        with file:
            while block := member.data.read(_BLOCK):
                size += len(block)
                total += len(block)
                if size > caps.member_bytes or total > caps.total_bytes:
                    raise _fault(
                        archive,
                        f"member {name!r} unpacks to more than the cap "
                        f"({min(caps.member_bytes, caps.total_bytes):,} bytes)",
                        "archive-too-large",
                    )
                file.write(block)


def _selected(name: str, patterns: tuple[str, ...]) -> bool:
    return not patterns or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _safe_parts(archive: Path, name: str) -> tuple[str, ...]:
    parts = PurePosixPath(name).parts
    drive = bool(parts) and len(parts[0]) == 2 and parts[0].endswith(":")
    if name.startswith("/") or ".." in parts or "\\" in name or "\0" in name or drive:
        raise _fault(archive, f"member {name!r} would leave the folder", "archive-path")
    if not name:
        raise _fault(archive, "a member without a name", "archive-path")
    return parts


def _fault(archive: Path, found: str, code: str) -> TaskError:
    return TaskError(
        Fault(archive.name, found, "plain files inside one folder, within the size caps",
              "nothing was unpacked; do not trust this archive, or name the members that are "
              "needed with `unpack`", code)
    )  # fmt: skip


def _members(archive: Path) -> Iterator[_Member]:
    with archive.open("rb") as file:
        start = file.read(8)
        file.seek(0)
        if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            yield from _zip_members(file)
        elif start == b"!<arch>\n":
            yield from _deb_members(archive)
        else:
            with _decompressed(file) as plain:
                yield from _tar_members(plain)


def _zip_members(file: IO[bytes]) -> Iterator[_Member]:
    with zipfile.ZipFile(file) as content:
        for info in content.infolist():
            mode = info.external_attr >> 16
            # `is_dir` fails on an empty name, as that of a member whose name starts with NUL.
            is_folder = info.filename.endswith("/")
            kind = "folder" if is_folder else "link" if mode & 0o170000 == 0o120000 else "file"
            if info.flag_bits & 1:
                raise zipfile.BadZipFile(f"{info.filename} is encrypted")
            if kind == "file":
                with content.open(info) as data:
                    yield _Member(info.filename, kind, data)
            else:
                yield _Member(info.filename, kind, None)


def _deb_members(archive: Path) -> Iterator[_Member]:
    client = shutil.which("dpkg-deb")
    if client is None:
        raise MissingRequirement(
            Fault(archive.name, "no `dpkg-deb` on this machine", "dpkg-deb, which opens .deb files",
                  "install dpkg, or unpack the file and name the folder with `path`",
                  "client-missing")
        )  # fmt: skip
    command = [client, "--fsys-tarfile", str(archive.resolve())]
    with subprocess.Popen(  # noqa: S603 (no shell; the path is absolute)
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        try:
            yield from _tar_members(process.stdout)
            # The padding of a tar: only a client that reached its end has seen every checksum.
            while process.stdout.read(_BLOCK):
                pass
            if process.wait() != 0:
                raise tarfile.ReadError("dpkg-deb could not read it")
        finally:
            process.kill()


def _tar_members(plain: IO[bytes]) -> Iterator[_Member]:
    with tarfile.open(fileobj=plain, mode="r|") as content:
        for info in content:
            kind = (
                "folder"
                if info.isdir()
                else "file"
                if info.isreg()
                else "link"
                if info.issym() or info.islnk()
                else "device"
            )
            data = content.extractfile(info) if kind == "file" else None
            yield _Member(info.name, kind, data)


@contextmanager
def _decompressed(file: IO[bytes]) -> Iterator[IO[bytes]]:
    start = file.read(6)
    file.seek(-len(start), 1)
    if start.startswith(b"\x1f\x8b"):
        with gzip.GzipFile(fileobj=file) as plain:
            yield cast(IO[bytes], plain)
    elif start.startswith(b"\xfd7zXZ\x00"):
        with lzma.LZMAFile(file) as plain_xz:
            yield cast(IO[bytes], plain_xz)
    elif start.startswith(b"BZh"):
        with bz2.BZ2File(file) as plain_bz2:
            yield cast(IO[bytes], plain_bz2)
    elif start.startswith(b"\x28\xb5\x2f\xfd"):
        import pyarrow as pa

        # The standard library learns zstd in Python 3.14 only; pyarrow is here anyway.
        with pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd") as plain_zstd:
            yield cast(IO[bytes], plain_zstd)
    else:
        yield file
