"""Accepted predictions: one canonical file per content, named by its SHA-256.

A file is written under a temporary name, synced and renamed before its row is committed, so every
row has its file. A file without a row comes from a killed process or a refused submission, and is
harmless. Where there is a bucket, it has every file, and the folder has copies of some.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from challenge.errors import Fault, LedgerError
from challenge.ledger.store.bucket import Bucket
from challenge.task import Task, sha256_of_file
from challenge.task.files import share_with_group

if TYPE_CHECKING:
    from challenge.scoring import Predictions

__all__ = ["PredictionFiles", "StagedFile"]

_LEFT_OVER_S = 86_400
_FOLDER = "predictions"


class StagedFile:
    """A canonical file under its temporary name."""

    def __init__(self, path: Path, sha256: str, content: str) -> None:
        self.path = path
        self.sha256 = sha256
        self.content = content


class PredictionFiles:
    """The folder `submissions/predictions/`, and that of the bucket where there is one."""

    def __init__(self, folder: Path, bucket: Bucket | None = None) -> None:
        self.folder = folder
        self.bucket = bucket

    def path(self, sha256: str) -> Path:
        """Return the path of the content with this hash."""
        return self.folder / sha256[:2] / f"{sha256}.parquet"

    def where(self, sha256: str) -> str:
        """Return where the content is stored, for messages."""
        return str(self.path(sha256)) if self.bucket is None else self.bucket.where(_name(sha256))

    def open_path(self, sha256: str) -> Path:
        """Return the path of a stored file; raise LedgerError when it is missing.

        From a bucket a whole copy is made first, unless there is one.
        """
        path = self.path(sha256)
        if self.bucket is None:
            found: str | None = sha256 if path.is_file() else None
        elif path.is_file() and sha256_of_file(path) == sha256:
            return path
        else:
            with self._temporary() as copy:
                found = sha256_of_file(copy) if self.bucket.get(_name(sha256), copy) else None
                if found == sha256:
                    self._move(copy, path)
        if found is None:
            raise LedgerError(self._missing(sha256))
        if found != sha256:
            raise LedgerError(self.damaged(sha256, found))
        return path

    def missing(self, hashes: Collection[str]) -> list[Fault]:
        """Return the faults of all files that are not there."""
        if self.bucket is None:
            gone = [one for one in hashes if not self.path(one).is_file()]
        else:
            gone = list(set(hashes) - self.hashes()) if hashes else []
        return [self._missing(one) for one in sorted(set(gone))]

    def damage(self, sha256: str) -> Fault | None:
        """Return what is wrong with a stored file: that it is missing, or has other content.

        In a bucket it is the object that is read, not its copy.
        """
        if self.bucket is None:
            found = _digest(self.path(sha256))
        else:
            with self._temporary() as copy:
                found = _digest(copy) if self.bucket.get(_name(sha256), copy) else None
        if found is None:
            return self._missing(sha256)
        return None if found == sha256 else self.damaged(sha256, found)

    @contextmanager
    def staged(self, predictions: Predictions, task: Task) -> Iterator[StagedFile]:
        """Write the canonical file under a temporary name; unless kept, it is removed again."""
        from challenge.scoring import content_digest, write_predictions

        with self._temporary() as path:
            sha256 = write_predictions(predictions, task, path)
            yield StagedFile(path, sha256, content_digest(predictions, task))

    def keep(self, staged: StagedFile) -> Path:
        """Put the staged file into the bucket, then sync it and move it to its final path."""
        return self.add(staged.path, staged.sha256)

    def add(self, path: Path, sha256: str) -> Path:
        """Store a file with this content; it is moved, unless the content is there already."""
        if self.bucket is not None:
            self.bucket.put(path, _name(sha256))
        target = self.path(sha256)
        if target.is_file() and sha256_of_file(target) == sha256:
            return target
        self._move(path, target)
        return target

    def _move(self, path: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sync(path)
        path.replace(target)
        share_with_group(target)
        _sync(target.parent)
        _sync(self.folder)

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        """Give a temporary file in the folder; unless moved, it is removed again."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._remove_left_overs()
        handle, name = tempfile.mkstemp(dir=self.folder, prefix=".staged-", suffix=".tmp")
        os.close(handle)
        path = Path(name)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _remove_left_overs(self) -> None:
        """Remove files of killed processes after a day."""
        for path in self.folder.glob(".staged-*.tmp"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _LEFT_OVER_S:
                    path.unlink()

    def hashes(self) -> set[str]:
        """Return the hashes of all stored files."""
        if self.bucket is None:
            return {path.stem for path in self.folder.glob("??/*.parquet")}
        return {Path(name).stem for name in self.bucket.names(_FOLDER)}

    def _missing(self, sha256: str) -> Fault:
        return Fault(
            self.where(sha256),
            "the predictions of a submission are missing",
            "every accepted file",
            "run `challenge verify` to list all damage, then copy the file from a backup",
            code="predictions-missing",
        )

    def damaged(self, sha256: str, found: str) -> Fault:
        """Return the fault of a stored file with other content."""
        return Fault(
            self.where(sha256),
            f"content of SHA-256 {found}",
            "content of the SHA-256 in its name",
            "run `challenge verify` to list all damage, then copy the file from a backup",
            code="predictions-damaged",
        )


def _name(sha256: str) -> str:
    return f"{_FOLDER}/{sha256[:2]}/{sha256}.parquet"


def _digest(path: Path) -> str | None:
    """Return the SHA-256 of a file, or why it is unreadable; None when it is missing."""
    if not path.is_file():
        return None
    try:
        return sha256_of_file(path)
    except OSError as error:
        return f"unreadable: {error.strerror}"


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
