"""The files of the inbox, opened without following a link.

Anyone who can write there may write anything at any time: links, pipes, partial files, names that
no receipt can have. These are skipped with a note for the organiser.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from challenge.errors import nearest
from challenge.ledger.store.database import ledger_faults

__all__ = [
    "NOTE",
    "RECEIPTS",
    "Candidate",
    "candidates_in",
    "open_file",
    "open_folder",
    "private_copy",
    "read_beside",
    "sha256_of",
    "write_beside",
]

RECEIPTS = (".receipt.json", ".receipt.txt")
NOTE = ".note.txt"
"""Ending of the file beside predictions that holds the team's note."""
_UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".swp", "~")
_OF_SYSTEMS = frozenset(
    (
        *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "$recycle.bin"),
        *("system volume information", "__macosx", "@eadir", "lost+found", "icon\r"),
    )
)
_DEPTH = 2
"""A file of a team for a task is in this many folders."""
_DEEPEST = 8
_MOST_MISPLACED = 1000
_LONGEST_NAME = 200
"""Bytes; a receipt's name is longer, and file systems allow 255."""
_Mark = tuple[int, int, int]


@dataclass(frozen=True)
class Candidate:
    """A regular file of the inbox as it was seen; `folders` lead to it.

    Files of a team for a task are in two folders. Any other file is misplaced, and `belongs` says
    where such a file belongs.
    """

    folders: tuple[str, ...]
    name: str
    mark: _Mark
    belongs: str = ""

    @property
    def team(self) -> str:
        """The name of the first folder, empty above it."""
        return self.folders[0] if self.folders else ""

    @property
    def task(self) -> str:
        """The name of the second folder, empty above it."""
        return self.folders[1] if len(self.folders) > 1 else ""

    @property
    def key(self) -> tuple[str, ...]:
        """The folders and the name."""
        return *self.folders, self.name

    def path(self, inbox: Path) -> Path:
        """The path of the file."""
        return inbox.joinpath(*self.folders, self.name)


def candidates_in(inbox: Path, known: Collection[str], notes: list[str]) -> Iterator[Candidate]:
    """Yield every file that somebody handed in, misplaced ones too; add a note for the rest.

    Files of operating systems, receipts and notes of teams are no submissions. At most 1,000
    misplaced files are answered in a round.
    """
    n_misplaced = 0
    if not inbox.is_dir():
        return
    for candidate in _files(inbox, (), notes):
        if len(candidate.folders) == _DEPTH and candidate.task in known:
            yield candidate
            continue
        n_misplaced += 1
        if n_misplaced <= _MOST_MISPLACED:
            yield replace(candidate, belongs=_right_place(candidate, known))
    if n_misplaced > _MOST_MISPLACED:
        notes.append(f"{inbox}: {n_misplaced:,} misplaced files, not all of them answered")


def _files(inbox: Path, folders: tuple[str, ...], notes: list[str]) -> Iterator[Candidate]:
    """Yield the regular files below some folders of the inbox; links are not followed."""
    here = inbox.joinpath(*folders)
    for name in _names(here, notes):
        if _is_of_system(name):
            continue
        try:
            status = (here / name).lstat()
        except FileNotFoundError:
            continue
        if stat.S_ISDIR(status.st_mode):
            if len(folders) == _DEPTH:
                notes.append(f"{here / name}: a folder, where a file of predictions is expected")
            if len(folders) < _DEEPEST:
                yield from _files(inbox, (*folders, name), notes)
            else:
                notes.append(f"{here / name}: nested too deeply, skipped")
            continue
        if name.endswith((*RECEIPTS, NOTE, *_UNFINISHED)) or (not folders and _is_readme(name)):
            continue
        mark = _mark(status)
        if mark is None:
            notes.append(f"{here / name}: not a regular file, skipped")
            continue
        yield Candidate(folders, name, mark)


def _is_readme(name: str) -> bool:
    return name.lower().startswith("readme")


def _is_of_system(name: str) -> bool:
    """Whether an operating system or file manager made it: nobody handed it in.

    >>> [_is_of_system(name) for name in ("Thumbs.db", "._a.csv", "~$book.xlsx", "a.csv")]
    [True, True, True, False]
    """
    return name.startswith((".", "~$")) or name.lower() in _OF_SYSTEMS


def _right_place(candidate: Candidate, known: Collection[str]) -> str:
    """Return the path where a misplaced file would be collected, as far as it can be known."""
    named = [folder for folder in candidate.folders if folder in known]
    near = [guess for folder in candidate.folders[1:] if (guess := nearest(folder, known))]
    only = list(known) if len(known) == 1 else []
    task = next(iter([*named, *near, *only]), "<task>")
    teams = [folder for folder in candidate.folders if folder != task]
    team = teams[0] if teams else "<team>"
    return f"inbox/{team}/{task}/{candidate.name}"


def _names(folder: Path, notes: list[str]) -> list[str]:
    """Return the names in the folder that fit both the ledger and a receipt beside them."""
    try:
        names = sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        notes.append(f"{folder}: cannot be listed: {error.strerror}")
        return []
    faults = {name: _fault_of_name(name) for name in names}
    notes.extend(f"{folder / ascii(name)}: {why}, skipped" for name, why in faults.items() if why)
    return [name for name, why in faults.items() if not why]


def _fault_of_name(name: str) -> str:
    if not _utf8(name):
        return "its name is not UTF-8"
    if len(name.encode()) > _LONGEST_NAME and not name.endswith(RECEIPTS):
        return f"its name is longer than {_LONGEST_NAME} bytes"
    return "" if name.isprintable() else "its name has unprintable characters"


def _utf8(name: str) -> bool:
    return name == name.encode(errors="replace").decode()


def _mark(status: os.stat_result) -> _Mark | None:
    if not stat.S_ISREG(status.st_mode):
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino


@contextmanager
def open_folder(inbox: Path, candidate: Candidate) -> Iterator[int | None]:
    """Open the folder of a candidate step by step, so that no link is followed."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    opened: list[int] = []
    try:
        opened.append(os.open(inbox, os.O_RDONLY | os.O_DIRECTORY))
        for name in candidate.folders:
            opened.append(os.open(name, flags, dir_fd=opened[-1]))
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR):
            raise
        yield None
        return
    else:
        yield opened[-1]
    finally:
        for descriptor in opened:
            os.close(descriptor)


@contextmanager
def open_file(folder: int, candidate: Candidate) -> Iterator[BinaryIO | None]:
    """Open a candidate without following a link; None when it is not as it was seen."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        source = os.open(candidate.name, flags, dir_fd=folder)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ELOOP, errno.ENXIO):
            raise
        yield None
        return
    with os.fdopen(source, "rb") as reader:
        yield reader if _mark(os.fstat(source)) == candidate.mark else None


@contextmanager
def private_copy(
    staging: Path, folder: int, candidate: Candidate, largest: int
) -> Iterator[tuple[Path, str] | None]:
    """Copy the file to where its team cannot reach it; None when it is not as it was seen."""
    with open_file(folder, candidate) as reader:
        if reader is None:
            yield None
            return
        with ledger_faults(str(staging)):
            staging.mkdir(mode=0o700, parents=True, exist_ok=True)
            home = Path(tempfile.mkdtemp(dir=staging))
        try:
            path = home / candidate.name
            with ledger_faults(str(path)), path.open("xb") as writer:
                sha256 = sha256_of(reader, largest, writer)
            same = _mark(os.fstat(reader.fileno())) == candidate.mark
            yield (path, sha256) if same else None
        finally:
            shutil.rmtree(home, ignore_errors=True)


def sha256_of(reader: BinaryIO, largest: int, writer: BinaryIO | None = None) -> str:
    """Return the SHA-256 of what was read, and copy it.

    It reads one block beyond the limit, so that the check can report that the file is too large.
    """
    digest, size = hashlib.sha256(), 0
    while size <= largest and (block := reader.read(1 << 20)):
        digest.update(block)
        size += len(block)
        if writer is not None:
            writer.write(block)
    return digest.hexdigest()


def write_beside(folder: int, target: str, text: str) -> None:
    """Write a small file atomically, unless it has the same content already.

    It is not synchronized to the disk: what a crash loses, the next round writes again.
    """
    if read_beside(folder, target) == text.encode():
        return
    aside = f".{target}.{os.getpid()}-{time.monotonic_ns()}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    handle = os.open(aside, flags, 0o644, dir_fd=folder)
    with os.fdopen(handle, "wb") as file:
        file.write(text.encode())
    try:
        os.replace(aside, target, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        os.unlink(aside, dir_fd=folder)
        raise


def read_beside(folder: int, name: str) -> bytes | None:
    """Return the first MB of a regular file, None when there is none."""
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        return file.read(1 << 20)
