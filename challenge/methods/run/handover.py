"""The only way to take files from a folder that a method's process can change.

A file is opened relative to a descriptor of the folder that was opened before the process began,
never by path or through a link. It must be a plain file of this user and of bounded size. Its
bytes are copied before anything parses them.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from challenge.errors import ChallengeError, Fault

__all__ = [
    "FAULT",
    "MOST_CHARACTERS",
    "MOST_FAULTS",
    "PREDICTIONS",
    "REQUEST",
    "RESULT",
    "Scratch",
    "open_plain",
    "scratch_folder",
]

REQUEST, RESULT, FAULT = "request.json", "result.json", "fault.json"
PREDICTIONS = "predictions.parquet"
"""The files in the folder: the request, and the answers."""
MOST_CHARACTERS, MOST_FAULTS = 2000, 20
"""Limits of an answer: characters of one text, and faults."""


def _flags(*names: str) -> int:
    """Return the flags to open with; a system without one of them runs no methods."""
    return sum(getattr(os, name, 0) for name in names) | os.O_RDONLY


_DEEPEST = 64
_ENDLESS = 1 << 60
_BLOCK = 1 << 20
_FOLDER = _flags("O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC")
_FILE = _flags("O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC")
_TYPES = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(frozen=True)
class Scratch:
    """The folder of a method's process: its path for that process, a descriptor for this one."""

    path: Path
    descriptor: int

    @property
    def device(self) -> int:
        """The disk of the folder."""
        return os.fstat(self.descriptor).st_dev

    @property
    def free_bytes(self) -> int:
        """The room that is left on the disk of the folder."""
        found = os.fstatvfs(self.descriptor)
        return found.f_bavail * found.f_frsize

    def take(self, where: str, name: str, most_bytes: int) -> bytes | None:
        """Return the bytes of a file in the folder, None when there is none.

        Raises ChallengeError (`answer-invalid`) for anything but a plain file with one name, of
        this process's user and of at most `most_bytes`. Nothing of its content is quoted.
        """
        try:
            found = os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
            _require_plain(where, name, found, os.fstat(self.descriptor), most_bytes)
            opened = os.open(name, _FILE, dir_fd=self.descriptor)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _refused(where, name, f"it does not open: {error.strerror}", most_bytes) from None
        try:
            _require_plain(where, name, os.fstat(opened), os.fstat(self.descriptor), most_bytes)
            parts, size = [], 0
            while size <= most_bytes and (part := os.read(opened, _BLOCK)):
                parts.append(part)
                size += len(part)
        finally:
            os.close(opened)
        if size > most_bytes:
            raise _refused(where, name, "a file that grows", most_bytes)
        return b"".join(parts)

    def usage(self) -> tuple[int, int]:
        """Return the bytes on disk and the number of all files and folders below.

        A folder that does not open, or is nested deeper than 64 levels, counts as endless files.
        """
        return _usage(self.descriptor, 0)


def open_plain(path: Path) -> BinaryIO:
    """Open a plain file with one name of this process's user; raise OSError for anything else."""
    file = os.fdopen(os.open(path, _FILE), "rb")
    found = os.fstat(file.fileno())
    # Another driver may replace it at this moment; then it has no name.
    if stat.S_ISREG(found.st_mode) and found.st_nlink <= 1 and found.st_uid == os.geteuid():
        return file
    file.close()
    raise OSError(errno.EINVAL, "not a plain file", str(path))


@contextmanager
def scratch_folder() -> Iterator[Scratch]:
    """Make a folder for a method's process, and remove it with all its content."""
    path = Path(tempfile.mkdtemp(prefix="challenge-scratch-")).resolve()
    descriptor = os.open(path, _FOLDER)
    try:
        yield Scratch(path, descriptor)
    finally:
        os.close(descriptor)
        _remove(path)


def _require_plain(
    where: str, name: str, found: os.stat_result, folder: os.stat_result, most_bytes: int
) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise _refused(where, name, _TYPES.get(stat.S_IFMT(found.st_mode), "no file"), most_bytes)
    if found.st_nlink != 1:
        raise _refused(where, name, f"a file with {found.st_nlink} names", most_bytes)
    if (found.st_uid, found.st_dev) != (folder.st_uid, folder.st_dev):
        raise _refused(where, name, "a file of another user or disk", most_bytes)
    if found.st_size > most_bytes:
        raise _refused(where, name, f"{found.st_size:,} bytes", most_bytes)


def _refused(where: str, name: str, found: str, most_bytes: int) -> ChallengeError:
    return ChallengeError(
        Fault(
            f"{where}, its {name}",
            found,
            f"a plain file with one name and at most {most_bytes:,} bytes",
            "let the method return a table, and write nothing there itself",
            code="answer-invalid",
        )
    )


def _usage(folder: int, depth: int) -> tuple[int, int]:
    if depth > _DEEPEST:
        return 0, _ENDLESS
    n_bytes = n_files = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            n_files += 1
            try:
                found = entry.stat(follow_symlinks=False)
                n_bytes += found.st_blocks * 512
                if not stat.S_ISDIR(found.st_mode):
                    continue
                below = os.open(entry.name, _FOLDER, dir_fd=folder)
            except PermissionError:
                return n_bytes, _ENDLESS
            except OSError:
                # It was removed or replaced meanwhile.
                continue
            try:
                more_bytes, more_files = _usage(below, depth + 1)
            finally:
                os.close(below)
            n_bytes, n_files = n_bytes + more_bytes, n_files + more_files
    return n_bytes, n_files


def _remove(path: Path) -> None:
    # rmtree follows no link, but fails on unreadable and on very deep folders.
    try:
        shutil.rmtree(path)
    except (OSError, RecursionError):
        open_folders = ["find", str(path), "-type", "d", "-exec", "chmod", "u+rwx", "{}", "+"]
        for command in (open_folders, ["rm", "-rf", str(path)]):
            subprocess.run(command, capture_output=True, check=False)  # noqa: S603
