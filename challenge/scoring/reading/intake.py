"""Reads a predictions file once: hashes it, unpacks it and detects its format.

All later steps work on the bytes that were hashed, so a file that changes later cannot differ from
what was checked.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal

from challenge.errors import Fault, MissingRequirement, SubmissionError, machine_fault
from challenge.scoring.reading.faults import fault

__all__ = [
    "MAX_BYTES",
    "SUFFIXES",
    "Intake",
    "take_in",
    "temporary_file",
    "too_large",
    "too_much_unpacked",
]

MAX_BYTES = 2 << 30
SUFFIXES = (".csv", ".csv.gz", ".csv.zst", ".gz", ".zst", ".parquet", ".pq")

_BLOCK = 1 << 20
_FIRST_FEED = 64
_SMALL, _IN_MEMORY = 1 << 20, 64 << 20
_GZIP, _ZSTD, _PARQUET = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"
_FOREIGN = {
    b"PK\x03\x04": "a zip archive (Excel, .npz)",
    b"\xd0\xcf\x11\xe0": "an old Excel file",
    b"\x93NUMPY": "a NumPy array",
    b"\x80\x02": "a pickle",
    b"\x80\x03": "a pickle",
    b"\x80\x04": "a pickle",
    b"\x80\x05": "a pickle",
    b"\x89HDF": "an HDF5 file",
    b"ARROW1": "an Arrow (Feather) file",
    b"ORC": "an ORC file",
    b"PARE": "an encrypted Parquet file",
    b"SQLite format 3": "an SQLite database",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"%PDF": "a PDF",
    b"\x89PNG": "a PNG image",
}
_EXPECTED = "CSV (plain, .gz or .zst) or Parquet"
_SMALLER = "send the id and prediction columns only; write fewer digits, or Parquet with float32"
_WRITE = 'write it with df.to_csv("predictions.csv", index=False)'


@dataclass(frozen=True)
class Intake:
    """The unpacked bytes of a file, the SHA-256 of the packed ones, and their format.

    `most_bytes` is the cap of the unpacked size. A large Parquet file is in `copy`, a temporary
    file without a name, and `data` is empty.
    """

    name: str
    data: bytes | memoryview
    sha256: str
    form: Literal["csv", "parquet"]
    copy: BinaryIO | None = None
    most_bytes: int = MAX_BYTES

    @property
    def text(self) -> bytes:
        """The bytes of a CSV file."""
        assert isinstance(self.data, bytes)
        return self.data

    @property
    def size(self) -> int:
        """Number of unpacked bytes."""
        if self.copy is not None:
            return os.fstat(self.copy.fileno()).st_size
        return len(self.data)

    def read_at(self, offset: int, size: int) -> bytes:
        """Return some of the bytes."""
        if self.copy is not None:
            self.copy.seek(offset)
            return self.copy.read(size)
        return bytes(self.data[offset : offset + size])

    def open(self) -> Any:
        """Return the bytes as a source for Arrow."""
        import pyarrow as pa

        if self.copy is not None:
            return pa.PythonFile(self.copy, "r")
        return pa.BufferReader(self.data)


def take_in(path: Path, max_bytes: int = MAX_BYTES) -> Intake:
    """Read and unpack a file of at most `max_bytes`, also when unpacked.

    Raises SubmissionError when it cannot be CSV or Parquet.
    """
    raw = _read(path, max_bytes)
    name = path.name
    if isinstance(raw, Intake):
        return replace(raw, most_bytes=max_bytes)
    sha256 = hashlib.sha256(raw).hexdigest()
    if not raw:
        raise _refused("file-empty", name, "0 bytes", _EXPECTED, _WRITE)
    data = raw
    if raw[:2] == _GZIP:
        data = _joined(_gunzip(raw, name), name, max_bytes)
    elif raw[:4] == _ZSTD:
        data = _joined(_unzstd(raw, name), name, max_bytes)
    if data[:4] == _PARQUET:
        return Intake(name, data, sha256, "parquet", most_bytes=max_bytes)
    for magic, what in _FOREIGN.items():
        if data.startswith(magic):
            raise _refused("file-format", name, f"{what}, not opened", _EXPECTED, _WRITE)
    if not data:
        raise _refused("file-empty", name, "0 bytes when unpacked", _EXPECTED, _WRITE)
    return Intake(name, data, sha256, "csv", most_bytes=max_bytes)


def _read(path: Path, max_bytes: int) -> bytes | Intake:
    """Return the bytes, or the intake of a large Parquet file."""
    name = path.name
    if not name.lower().endswith(SUFFIXES):
        found = f"the suffix {path.suffix!r}" if path.suffix else "no suffix"
        raise _refused(
            "file-suffix",
            name or str(path),
            "a folder" if path.is_dir() else found,
            f"one of {', '.join(SUFFIXES)}",
            _WRITE,
        )
    try:
        # Without O_NONBLOCK a named pipe would wait for a writer forever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except (FileNotFoundError, ValueError):
        raise _refused(
            "file-missing", str(path), "no such file", "a predictions file", "check the path"
        ) from None
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            raise MissingRequirement(
                Fault(str(path), str(error), "an open file", "close other programs", "system")
            ) from None
        raise _unreadable(path, error) from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        what = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise _refused(
            "file-not-a-file", str(path), what, "a predictions file", "name the file itself"
        )
    with os.fdopen(descriptor, "rb") as file:
        if status.st_size > max_bytes:
            raise too_large(name, status.st_size, max_bytes)
        try:
            data: bytes | Intake
            if status.st_size > _SMALL and file.peek(4)[:4] == _PARQUET:
                large = status.st_size > _IN_MEMORY
                data = _copied(file, name, max_bytes) if large else _in_arrow_memory(file, name)
            else:
                data = file.read(min(status.st_size, max_bytes) + 1)
            after = os.fstat(descriptor)
        except OSError as error:
            raise _unreadable(path, error) from None
    if (after.st_size, after.st_mtime_ns) != (status.st_size, status.st_mtime_ns):
        raise _refused(
            "file-changed",
            str(path),
            "it changed while it was read",
            "a completely written file",
            "wait until it is, then repeat the command",
        )
    if isinstance(data, bytes) and len(data) > max_bytes:
        raise too_large(name, len(data), max_bytes)
    return data


def _in_arrow_memory(file: BinaryIO, name: str) -> Intake:
    """Read a Parquet file into memory of Arrow, which is faster to allocate, and hash it."""
    import pyarrow as pa

    room = memoryview(pa.allocate_buffer(os.fstat(file.fileno()).st_size)).cast("B")
    size = 0
    while got := file.readinto(room[size:]):  # type: ignore[attr-defined]
        size += got
    data = room[:size]
    return Intake(name, data, hashlib.sha256(data).hexdigest(), "parquet")


def _copied(file: BinaryIO, name: str, max_bytes: int) -> Intake:
    """Copy a file to a temporary one that no other process can change, and hash the copy."""
    copy = temporary_file(os.fstat(file.fileno()).st_size)
    digest = hashlib.sha256()
    size = 0
    while block := file.read(_BLOCK):
        digest.update(block)
        size += len(block)
        if size > max_bytes:
            raise too_large(name, size, max_bytes)
        copy.write(block)
    copy.flush()
    return Intake(name, b"", digest.hexdigest(), "parquet", copy)


def temporary_file(size: int) -> Any:
    """Open a temporary file with room for `size` bytes; it lives as long as its owner.

    Raises MissingRequirement when the disk has no room: that is no fault of the submission.
    """
    try:
        file = tempfile.TemporaryFile(prefix="challenge-")  # noqa: SIM115
        if size and hasattr(os, "posix_fallocate"):
            # Reserved now, so that a full disk is reported before anything is written.
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        found = machine_fault(error, tempfile.gettempdir(), code="disk-full")
        if found is None:
            raise
        expected = f"{found.expected}, {size:,} bytes of it"
        fix = "free some space, or set TMPDIR to a larger disk"
        raise MissingRequirement(
            replace(found, where=tempfile.gettempdir(), expected=expected, fix=fix)
        ) from None
    return file


def _gunzip(raw: bytes, name: str) -> Iterator[bytes]:
    """Yield the unpacked blocks of all members of a gzip file."""
    at = 0
    while at < len(raw):
        decoder = zlib.decompressobj(wbits=31)
        # zlib copies the input after the end of a member, so many tiny members get tiny pieces.
        step = _FIRST_FEED
        while not decoder.eof:
            if at >= len(raw) and not decoder.unconsumed_tail:
                raise _cut_off(name, "gzip", "the compressed data is cut off")
            try:
                if decoder.unconsumed_tail:
                    block = decoder.decompress(decoder.unconsumed_tail, _BLOCK)
                else:
                    block = decoder.decompress(raw[at : at + step], _BLOCK)
                    at, step = at + step, min(2 * step, _BLOCK)
            except zlib.error as error:
                raise _cut_off(name, "gzip", str(error)) from None
            yield block
        at = min(at, len(raw)) - len(decoder.unused_data)
        # Padding with zeros after the last member is allowed by gzip itself.
        if raw[at : at + 1] == b"\0" and not raw[at:].strip(b"\0"):
            return


def _unzstd(raw: bytes, name: str) -> Iterator[bytes]:
    import pyarrow as pa

    try:
        with pa.CompressedInputStream(pa.BufferReader(raw), "zstd") as stream:
            while block := stream.read(_BLOCK):
                yield block
    except OSError as error:
        raise _cut_off(name, "zstd", str(error)) from None


def _joined(blocks: Iterator[bytes], name: str, max_bytes: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    for block in blocks:
        parts.append(block)
        size += len(block)
        if size > max_bytes:
            raise too_much_unpacked(name, max_bytes)
    return b"".join(parts)


def too_much_unpacked(name: str, max_bytes: int) -> SubmissionError:
    """Return the refusal of a file that unpacks to more than the cap."""
    return _refused(
        "file-unpacks-too-large",
        name,
        f"more than {max_bytes:,} bytes when unpacked",
        f"at most {max_bytes:,} bytes",
        _SMALLER,
    )


def _cut_off(name: str, codec: str, message: str) -> SubmissionError:
    return _refused(
        "file-damaged",
        name,
        f"broken {codec} data: {message}",
        _EXPECTED,
        "write or copy the file again",
    )


def too_large(name: str, size: int, max_bytes: int) -> SubmissionError:
    """Return the fault of a file with more bytes than the cap."""
    return _refused(
        "file-too-large",
        name,
        f"{size:,} bytes",
        f"at most {max_bytes:,} bytes",
        _SMALLER,
    )


def _unreadable(path: Path, error: OSError) -> SubmissionError:
    return _refused(
        "file-unreadable",
        str(path),
        error.strerror or str(error),
        "a file that this user may read",
        "change its permissions",
    )


def _refused(code: str, where: str, found: str, expected: str, fix: str) -> SubmissionError:
    return SubmissionError(fault(code, where, found, expected, fix))
