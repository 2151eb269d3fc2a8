"""Results written in one form that others read: a folder, or one archive."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from challenge.board.pages.site_context import File, SiteContext
from challenge.board.publish.deposit import SITE, deposit_files
from challenge.board.publish.eval_records import record_files
from challenge.board.publish.results_package import package_files
from challenge.board.publish.task_records import task_files
from challenge.board.site import read_context, write_site
from challenge.ledger.store.snapshot import Snapshot
from challenge.task.export import pack_files
from challenge.task.files import hashes_of_files, new_file, output_exists, sha256_of_file

__all__ = ["ARCHIVE", "FORMATS", "Published", "publish_results"]

ARCHIVE = "archive"
_FOLDERS: Mapping[str, Callable[[SiteContext], Iterator[File]]] = {
    "frictionless": package_files,
    "every-eval-ever": record_files,
    "croissant-tasks": task_files,
}
FORMATS = (*_FOLDERS, ARCHIVE)
"""The forms, by the names that the command takes."""


@dataclass(frozen=True)
class Published:
    """What was written: where, how many files, and of an archive its SHA-256."""

    path: Path
    n_files: int
    sha256: str | None = None

    def as_json(self) -> dict[str, object]:
        """Return the report as plain values."""
        return {"path": str(self.path), "n_files": self.n_files, "sha256": self.sha256}


def publish_results(
    snapshot: Snapshot,
    form: str,
    to: Path,
    root: Path,
    *,
    progress: Callable[[str], None] | None = None,
) -> Published:
    """Write the results of a snapshot in the form `form`, one of FORMATS, to `to`.

    `root` is the challenge directory. Only figures that the site shows are written. Raises
    WrongUse (`output-exists`) when anything but the same result is at `to`.
    """
    with tempfile.TemporaryDirectory(prefix="challenge-publish-") as folder:
        made = Path(folder) / "results"
        context = read_context(snapshot)
        if form == ARCHIVE:
            write_site(snapshot, made / SITE, progress=progress)
        files = deposit_files(context, root) if form == ARCHIVE else _FOLDERS[form](context)
        for name, content in files:
            path = made / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        names = sorted(hashes_of_files(made)) if made.is_dir() else []
        if form != ARCHIVE:
            _place(made, to)
            return Published(to, len(names))
        with new_file(to) as target:
            top = to.name.removesuffix(".zip")
            pack_files(target, [(f"{top}/{name}", made / name) for name in names], progress)
        return Published(to, len(names), sha256_of_file(to))


def _place(made: Path, to: Path) -> None:
    """Copy the folder to where nothing is; the same folder is left as it is."""
    made.mkdir(exist_ok=True)
    if to.is_dir() and hashes_of_files(to) == hashes_of_files(made):
        return
    if to.exists() or to.is_symlink():
        raise output_exists(to)
    # Copied beside its place and renamed, so that a part of it is never there.
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=to.parent, prefix=f".{to.name}.") as beside:
        shutil.copytree(made, Path(beside) / "whole")
        (Path(beside) / "whole").replace(to)
