"""The inbox: files that teams put into `inbox/<team>/<task>/`, each scored once.

Whoever can write there may write anything, at any moment: links, pipes, half a file. So nothing
is followed, a file is taken when it has stood still, and it is a private copy that is checked and
scored. What was collected before is known from the ledger by the SHA-256 of the bytes, so a kill,
a second collector or a renamed file leads to the same receipt and never to a second score.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from challenge.errors import ChallengeError, LedgerError, SubmissionError
from challenge.ledger import clock
from challenge.ledger.collected import Collected, accepted, earlier_outcome, refused
from challenge.ledger.store import ledger_faults

if TYPE_CHECKING:
    from challenge.ledger.ledger import Ledger

__all__ = ["RECEIPTS", "SETTLE_S", "CollectReport", "Seen", "collect", "watch"]

SETTLE_S = 2.0
"""How long size and time of a file must stand still before it is taken for whole."""

RECEIPTS = (".receipt.json", ".receipt.txt")
_UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".swp", "~")
_WAITING = frozenset({"quota-day", "not-open", "quota-failed"})
_PATIENCE = timedelta(minutes=10)
_LEFT_OVER_S = 86_400
_LONGEST_NAME = 200
"""Bytes; a receipt's name is longer, and file systems end at 255."""
_Mark = tuple[int, int, int]


@dataclass(frozen=True)
class CollectReport:
    """What one round did: outcomes with the path of each file, and remarks for the organiser."""

    collected: tuple[tuple[Path, Collected], ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class _Candidate:
    """A regular file of the inbox as it was seen."""

    team: str
    task: str
    name: str
    mark: _Mark

    @property
    def key(self) -> tuple[str, str, str]:
        return self.team, self.task, self.name

    def path(self, inbox: Path) -> Path:
        return inbox / self.team / self.task / self.name


class Seen:
    """What a watching collector need not look at again, and until when."""

    def __init__(self) -> None:
        self._done: dict[tuple[str, str, str], tuple[_Mark, datetime | None]] = {}

    def has(self, candidate: _Candidate) -> bool:
        """Whether this state of the file is settled, or waits for a later round."""
        mark, until = self._done.get(candidate.key, (None, None))
        return mark == candidate.mark and (until is None or clock.now() < until)

    def add(self, candidate: _Candidate, outcome: Collected) -> None:
        """Remember the outcome."""
        until = clock.now() + _PATIENCE if outcome.status == "waiting" else None
        self._done[candidate.key] = (candidate.mark, until)


def collect(
    ledger: Ledger,
    *,
    settle_s: float = SETTLE_S,
    progress: Callable[[str], None] | None = None,
    seen: Seen | None = None,
) -> CollectReport:
    """Check and score what lies in the inbox, write a receipt beside each file.

    Files that still change are left for the next round, faults of a file go into its receipt.
    Raises LedgerError when the ledger itself cannot go on.
    """
    seen = seen or Seen()
    inbox = ledger.challenge.inbox
    remarks: list[str] = []
    _remove_left_overs(_staging(ledger))
    found = [one for one in _candidates(ledger, remarks) if not seen.has(one)]
    if found and settle_s > 0:
        time.sleep(settle_s)
    outcomes: list[tuple[Path, Collected]] = []
    for candidate in found:
        path = candidate.path(inbox)
        try:
            outcome = _collect_file(ledger, candidate)
        except ChallengeError as error:
            # What is not this file's doing is for the organiser; the file stays for later.
            if isinstance(error, LedgerError) and error.faults[0].code != "rescore-first":
                raise
            remarks.append(f"{path}: left for later. {error}")
            continue
        except OSError as error:
            remarks.append(f"{path}: left for later. The disk answers: {error.strerror}")
            continue
        if isinstance(outcome, str):
            remarks.append(f"{path}: {outcome}")
            continue
        seen.add(candidate, outcome)
        if outcome.known:
            continue
        outcomes.append((path, outcome))
        if progress:
            progress(f"{candidate.team}/{candidate.task}/{candidate.name}: {outcome.message}")
    return CollectReport(tuple(outcomes), tuple(remarks))


def watch(
    ledger: Ledger,
    *,
    every_s: float = 10.0,
    settle_s: float = SETTLE_S,
    progress: Callable[[str], None] | None = None,
    report: Callable[[CollectReport], None] | None = None,
) -> None:
    """Collect again and again until it is interrupted; challenge.toml is read anew each time."""
    from challenge.task.settings import read_settings

    seen = Seen()
    while True:
        ledger.settings = read_settings(ledger.challenge.root)
        round_report = collect(ledger, settle_s=settle_s, progress=progress, seen=seen)
        if report:
            report(round_report)
        time.sleep(every_s)


def _candidates(ledger: Ledger, remarks: list[str]) -> Iterator[_Candidate]:
    inbox = ledger.challenge.inbox
    known = set(ledger.challenge.task_ids())
    if not inbox.is_dir():
        return
    for team in _folders(inbox, remarks):
        for task in _folders(inbox / team, remarks):
            if task not in known:
                remarks.append(f"{inbox / team / task}: no task of this name")
                continue
            folder = inbox / team / task
            for name in _names(folder, remarks):
                if name.startswith(".") or name.endswith((*RECEIPTS, *_UNFINISHED)):
                    continue
                try:
                    mark = _mark((folder / name).lstat())
                except FileNotFoundError:
                    continue
                if mark is None:
                    remarks.append(f"{folder / name}: no regular file, left alone")
                    continue
                yield _Candidate(team, task, name, mark)


def _names(folder: Path, remarks: list[str]) -> list[str]:
    """Return the names in the folder that fit both the ledger and a receipt beside them."""
    try:
        names = sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        remarks.append(f"{folder}: cannot be listed: {error.strerror}")
        return []
    faults = {name: _fault_of_name(name) for name in names}
    remarks.extend(f"{folder / name}: {why}, left alone" for name, why in faults.items() if why)
    return [name for name, why in faults.items() if not why]


def _fault_of_name(name: str) -> str:
    if not _utf8(name):
        return "its name is not UTF-8"
    if len(name.encode()) > _LONGEST_NAME:
        return f"its name is longer than {_LONGEST_NAME} bytes"
    return "" if name.isprintable() else "its name has characters that cannot be shown"


def _utf8(name: str) -> bool:
    return name == name.encode(errors="replace").decode()


def _folders(parent: Path, remarks: list[str]) -> list[str]:
    names = []
    for name in _names(parent, remarks):
        if name.startswith("."):
            continue
        try:
            mode = (parent / name).lstat().st_mode
        except FileNotFoundError:
            continue
        if stat.S_ISDIR(mode):
            names.append(name)
        elif stat.S_ISLNK(mode):
            remarks.append(f"{parent / name}: a link, not followed")
    return names


def _mark(status: os.stat_result) -> _Mark | None:
    if not stat.S_ISREG(status.st_mode):
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino


def _collect_file(ledger: Ledger, candidate: _Candidate) -> Collected | str:
    """Return the outcome, after its receipt is written, or in words why there is none yet."""
    with _open_folder(ledger.challenge.inbox, candidate) as folder:
        if folder is None:
            return "moved while it was looked at"
        largest = ledger.settings.limits.file_mb << 20
        told = _told(folder, candidate, largest)
        if told is not None:
            return told
        with _private_copy(ledger, folder, candidate, largest) as copy:
            if copy is None:
                return "still being written, left for the next round"
            path, sha256 = copy
            outcome = earlier_outcome(ledger, candidate.team, candidate.task, sha256)
            if outcome is None:
                outcome = _submit(ledger, candidate, path, sha256)
            outcome = outcome.named(candidate.name)
            _write_receipts(folder, candidate.name, outcome)
            return outcome


def _submit(ledger: Ledger, candidate: _Candidate, path: Path, sha256: str) -> Collected:
    task = ledger.challenge.task(candidate.task)
    try:
        receipt = ledger.submit(task, path, team=candidate.team, method=_method_of(candidate.name))
    except SubmissionError as error:
        waits = all(fault.code in _WAITING for fault in error.faults)
        return refused(sha256, error, waits=waits)
    return accepted(receipt, sha256)


def _told(folder: int, candidate: _Candidate, largest: int) -> Collected | None:
    """Return the outcome that stands beside the file already, None when there is none."""
    texts = [_read_regular(folder, candidate.name + ending) for ending in RECEIPTS]
    if None in texts:
        return None
    try:
        document = json.loads(texts[0] or b"")
    except (ValueError, RecursionError):
        # Nobody but its team vouches for what lies there: it may be nested without end.
        return None
    if not isinstance(document, dict) or document.get("status") not in ("accepted", "refused"):
        return None
    with _open_file(folder, candidate) as reader:
        if reader is None or _hash(reader, largest) != document.get("sha256"):
            return None
    return Collected(
        document["status"],
        document["sha256"],
        "collected before",
        file=candidate.name,
        known=True,
    )


def _method_of(name: str) -> str:
    """Return the file's name without its endings: `xgb-v2.csv.gz` is the method `xgb-v2`."""
    for ending in (".gz", ".zst", ".csv", ".parquet"):
        name = name.removesuffix(ending)
    return name or "unnamed"


@contextmanager
def _open_folder(inbox: Path, candidate: _Candidate) -> Iterator[int | None]:
    """Open the folder of a candidate step by step, so that no link is followed on the way."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    opened: list[int] = []
    try:
        opened.append(os.open(inbox, os.O_RDONLY | os.O_DIRECTORY))
        for name in (candidate.team, candidate.task):
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
def _open_file(folder: int, candidate: _Candidate) -> Iterator[BinaryIO | None]:
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
def _private_copy(
    ledger: Ledger, folder: int, candidate: _Candidate, largest: int
) -> Iterator[tuple[Path, str] | None]:
    """Copy the file to where its team cannot reach it; None when it is not as it was seen."""
    staging = _staging(ledger)
    with _open_file(folder, candidate) as reader:
        if reader is None:
            yield None
            return
        with ledger_faults(str(staging)):
            staging.mkdir(mode=0o700, parents=True, exist_ok=True)
            home = Path(tempfile.mkdtemp(dir=staging))
        try:
            path = home / candidate.name
            with ledger_faults(str(path)), path.open("xb") as writer:
                sha256 = _hash(reader, largest, writer)
            same = _mark(os.fstat(reader.fileno())) == candidate.mark
            yield (path, sha256) if same else None
        finally:
            shutil.rmtree(home, ignore_errors=True)


def _hash(reader: BinaryIO, largest: int, writer: BinaryIO | None = None) -> str:
    """Return the SHA-256 of what was read, and copy it.

    It goes a block further than allowed, so that the check can say that the file is too large.
    """
    digest, size = hashlib.sha256(), 0
    while size <= largest and (block := reader.read(1 << 20)):
        digest.update(block)
        size += len(block)
        if writer is not None:
            writer.write(block)
    return digest.hexdigest()


def _staging(ledger: Ledger) -> Path:
    return ledger.challenge.submissions / "staging"


def _remove_left_overs(staging: Path) -> None:
    """Remove copies that a killed collector left behind."""
    for home in staging.glob("*") if staging.is_dir() else ():
        with contextlib.suppress(FileNotFoundError):
            if time.time() - home.stat().st_mtime > _LEFT_OVER_S:
                shutil.rmtree(home, ignore_errors=True)


def _write_receipts(folder: int, name: str, outcome: Collected) -> None:
    """Write both receipts, in one step each, unless they say the same already."""
    for ending, text in zip(RECEIPTS, (outcome.json_text(), outcome.text()), strict=True):
        target = name + ending
        if _read_regular(folder, target) == text.encode():
            continue
        aside = f".{target}.{os.getpid()}-{time.monotonic_ns()}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        handle = os.open(aside, flags, 0o644, dir_fd=folder)
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.replace(aside, target, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            os.unlink(aside, dir_fd=folder)
            raise


def _read_regular(folder: int, name: str) -> bytes | None:
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        return file.read(1 << 20)
