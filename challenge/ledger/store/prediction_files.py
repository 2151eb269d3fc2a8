"""Accepted predictions: one canonical file per content, named by its SHA-256.

A file is written under a temporary name, synced and renamed before its row is committed, so every
row has its file. A file without a row comes from a killed process or a refused submission, and is
harmless.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from challenge.errors import Fault, LedgerError
from challenge.task import Task, sha256_of_file
from challenge.task.files import share_with_group

if TYPE_CHECKING:
    from challenge.scoring import Predictions

__all__ = ["PredictionFiles", "StagedFile", "missing_file_fault"]

_LEFT_OVER_S = 86_400


class StagedFile:
    """A canonical file under its temporary name."""

    def __init__(self, path: Path, sha256: str, content: str) -> None:
        self.path = path
        self.sha256 = sha256
        self.content = content


class PredictionFiles:
    """The folder `submissions/predictions/`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str) -> Path:
        """Return the path of the content with this hash."""
        return self.folder / sha256[:2] / f"{sha256}.parquet"

    def open_path(self, sha256: str) -> Path:
        """Return the path of a stored file; raise LedgerError when it is missing."""
        path = self.path(sha256)
        if not path.is_file():
            raise LedgerError(missing_file_fault(path))
        return path

    @contextmanager
    def staged(self, predictions: Predictions, task: Task) -> Iterator[StagedFile]:
        """Write the canonical file under a temporary name; unless kept, it is removed again."""
        from challenge.scoring import content_digest, write_predictions

        self.folder.mkdir(parents=True, exist_ok=True)
        self._remove_left_overs()
        handle, name = tempfile.mkstemp(dir=self.folder, prefix=".staged-", suffix=".tmp")
        os.close(handle)
        path = Path(name)
        try:
            sha256 = write_predictions(predictions, task, path)
            yield StagedFile(path, sha256, content_digest(predictions, task))
        finally:
            path.unlink(missing_ok=True)

    def keep(self, staged: StagedFile) -> Path:
        """Sync the staged file and move it to its final path."""
        target = self.path(staged.sha256)
        if target.is_file() and sha256_of_file(target) == staged.sha256:
            return target
        target.parent.mkdir(exist_ok=True)
        _sync(staged.path)
        staged.path.replace(target)
        share_with_group(target)
        _sync(target.parent)
        _sync(self.folder)
        return target

    def _remove_left_overs(self) -> None:
        """Remove files of killed processes after a day."""
        for path in self.folder.glob(".staged-*.tmp"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _LEFT_OVER_S:
                    path.unlink()

    def hashes(self) -> set[str]:
        """Return the hashes of all stored files."""
        return {path.stem for path in self.folder.glob("??/*.parquet")}


def missing_file_fault(path: Path) -> Fault:
    """Return the fault of missing predictions."""
    return Fault(
        str(path),
        "the predictions of a submission are missing",
        "every accepted file",
        "run `challenge verify` to list all damage, then copy the file from a backup",
        code="predictions-missing",
    )


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
