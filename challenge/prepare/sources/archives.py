"""Unpacking untrusted archives: every file inside the folder, no link followed, sizes capped.

The kind of an archive is judged by its first bytes, never by its name. Members are written into
a temporary folder that gets the final name at the end, so a refused archive leaves nothing.
"""

from __future__ import annotations

import bz2
import fnmatch
import gzip
import lzma
import re
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from challenge.errors import Fault, MissingRequirement, TaskError
from challenge.task.files import is_archive_damage

__all__ = ["Caps", "is_archive", "unpack"]

_SUFFIXES = (".zip", ".whl", ".deb", ".tgz", ".tar", ".tbz2", ".txz")
_BLOCK = 1 << 20
_READ = 1 << 14
"""Bytes of a step; the reader of a zip takes as many packed ones at once, whatever they hold."""
_XZ_BYTES = 256 << 20
_STEP_BYTES = 64 << 20
_LONGEST_HEADER = 1 << 16
_SPARSE = "a sparse member"
_EXTENSIONS = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)
"""Types of headers whose content is read whole."""


@dataclass(frozen=True)
class Caps:
    """How much an archive may unpack to."""

    members: int = 1_000_000
    member_bytes: int = 16 << 30
    total_bytes: int = 64 << 30
    ratio: int = 500
    """Beyond a gigabyte, it may unpack to at most this multiple of its size."""

    def of(self, archive: Path) -> int:
        """Return the most bytes that this archive may unpack to."""
        return min(self.total_bytes, max(1 << 30, self.ratio * archive.stat().st_size))


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
            if not is_archive_damage(error):
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


def _write_members(archive: Path, folder: Path, patterns: tuple[str, ...], caps: Caps) -> None:
    n_members = total = 0
    most = caps.of(archive)
    for member in _members(archive, most):
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
            while block := member.data.read(_READ):
                size += len(block)
                total += len(block)
                if size > caps.member_bytes or total > most:
                    raise _fault(
                        archive,
                        f"member {name!r} unpacks to more than the cap "
                        f"({min(caps.member_bytes, most):,} bytes)",
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


class _Bounded:
    """A stream of unpacked bytes that ends the reading of an archive at a cap.

    What is skipped takes time too: members that are not selected, headers and padding.
    """

    def __init__(self, stream: IO[bytes], archive: Path, most: int) -> None:
        self._stream, self._archive = stream, archive
        self._left = self._most = most

    def read(self, size: int) -> bytes:
        """Return the next bytes; raise TaskError beyond the cap."""
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise _fault(
                self._archive, f"unpacks to more than {self._most:,} bytes", "archive-too-large"
            )
        return data


class _PlainInfo(tarfile.TarInfo):
    """A header of a tar whose extensions are small, without maps of sparse files."""

    def _proc_member(self, archive: tarfile.TarFile) -> Any:
        if self.type == tarfile.GNUTYPE_SPARSE:
            raise tarfile.ReadError(_SPARSE)
        if self.type in _EXTENSIONS:
            if self.size > _LONGEST_HEADER:
                raise tarfile.ReadError(f"a header of more than {_LONGEST_HEADER:,} bytes")
            stream = archive.fileobj
            data = stream.read(-(-self.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE)
            # Older versions of Python search such a header in time quadratic in the digits.
            if re.search(rb"\d{30}", data):
                raise tarfile.ReadError("a header with a number of 30 digits or more")
            archive.fileobj = _Again(archive, stream, data)  # type: ignore[assignment]
        return super()._proc_member(archive)  # type: ignore[misc]

    def _proc_gnusparse_10(self, *_: object) -> None:
        raise tarfile.ReadError(_SPARSE)


class _Again:
    """Gives the reader of a header the bytes that were checked, then its stream again."""

    def __init__(self, archive: tarfile.TarFile, stream: Any, data: bytes) -> None:
        self._archive, self._stream, self._data = archive, stream, data

    def read(self, size: int) -> bytes:
        """Return the bytes of the header."""
        self._archive.fileobj = self._stream
        return self._data

    def tell(self) -> int:
        """Return the position of the stream."""
        return int(self._stream.tell())


def _members(archive: Path, most: int) -> Iterator[_Member]:
    with archive.open("rb") as file:
        start = file.read(8)
        file.seek(0)
        if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            yield from _zip_members(file)
        elif start == b"!<arch>\n":
            yield from _deb_members(archive, most)
        else:
            with _decompressed(file) as plain:
                yield from _tar_members(_Bounded(plain, archive, 2 * most))


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
                    if info.compress_type == zipfile.ZIP_BZIP2:
                        data._decompressor = _Bz2Steps()  # type: ignore[attr-defined]
                    yield _Member(info.filename, kind, data)
            else:
                yield _Member(info.filename, kind, None)


class _Bz2Steps:
    """Unpacks bzip2 of a zip in small steps; the bytes of one may hold gigabytes."""

    def __init__(self) -> None:
        self._decoder = bz2.BZ2Decompressor()

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was reached."""
        return self._decoder.eof

    def decompress(self, packed: bytes) -> bytes:
        """Return what a step unpacks to; raise ValueError when that is too much."""
        data = self._decoder.decompress(packed, _STEP_BYTES)
        if not (self._decoder.eof or self._decoder.needs_input):
            raise ValueError(f"{len(packed):,} bytes unpack to more than {_STEP_BYTES:,}")
        return data


def _deb_members(archive: Path, most: int) -> Iterator[_Member]:
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
            plain = _Bounded(process.stdout, archive, 2 * most)
            yield from _tar_members(plain)
            # The padding of a tar: only a client that reached its end has seen every checksum.
            while plain.read(_BLOCK):
                pass
            if process.wait() != 0:
                raise tarfile.ReadError("dpkg-deb could not read it")
        finally:
            process.kill()


def _tar_members(plain: _Bounded) -> Iterator[_Member]:
    with tarfile.open(fileobj=cast(IO[bytes], plain), mode="r|", tarinfo=_PlainInfo) as content:
        for info in content:
            # Otherwise it keeps the headers of all members.
            content.members = []  # type: ignore[attr-defined]
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


class _Xz:
    """Unpacks xz; unlike `lzma.LZMAFile` with a limit for its dictionary, which may be 4 GB."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._decoder = lzma.LZMADecompressor(memlimit=_XZ_BYTES)

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, none at the end; raise LZMAError or EOFError on damage."""
        packed = b""
        while True:
            if self._decoder.eof:
                packed = self._decoder.unused_data or self._file.read(_BLOCK)
                if not packed.strip(b"\0"):
                    return b""
                # Padding of zeros may stand between two streams.
                packed = packed.lstrip(b"\0")
                self._decoder = lzma.LZMADecompressor(memlimit=_XZ_BYTES)
            elif self._decoder.needs_input and not packed:
                packed = self._file.read(_BLOCK)
                if not packed:
                    raise EOFError("an xz stream that is cut off")
            data = self._decoder.decompress(packed, size)
            packed = b""
            if data:
                return data


@contextmanager
def _decompressed(file: IO[bytes]) -> Iterator[IO[bytes]]:
    start = file.read(6)
    file.seek(-len(start), 1)
    if start.startswith(b"\x1f\x8b"):
        with gzip.GzipFile(fileobj=file) as plain:
            yield cast(IO[bytes], plain)
    elif start.startswith(b"\xfd7zXZ\x00"):
        yield cast(IO[bytes], _Xz(file))
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
