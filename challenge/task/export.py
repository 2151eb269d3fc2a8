"""The archive for participants: a zip of `public/`, equal bytes for equal files; unpacked again."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from challenge.errors import counted
from challenge.task.files import new_file, sha256_of_file, share_with_group, write_atomically
from challenge.task.task import Task

__all__ = ["KeptExport", "export_task", "kept_export", "pack_files", "unpack_export"]

_FIRST_DATE = (1980, 1, 1, 0, 0, 0)
_PACKED = (".png", ".jpg", ".parquet")


def export_task(task: Task, path: Path, *, progress: Callable[[str], None] | None = None) -> str:
    """Write the zip of a task's public folder, under the task's id; return its SHA-256.

    Only regular files are included, so no link leads out of `public/`. Raises WrongUse when
    anything but the same zip is at `path`.
    """
    files = sorted(
        (file.relative_to(task.public).as_posix(), file)
        for file in task.public.rglob("*")
        if file.is_file() and not file.is_symlink()
    )
    with new_file(path) as target:
        pack_files(target, [(f"{task.id}/{name}", file) for name, file in files], progress)
    return sha256_of_file(path)


def pack_files(
    target: BinaryIO,
    files: Sequence[tuple[str, Path]],
    progress: Callable[[str], None] | None = None,
) -> None:
    """Write files, each under its name, as a zip: equal bytes for equal files."""
    with zipfile.ZipFile(target, "w") as archive:
        for count, (name, file) in enumerate(files, 1):
            entry = zipfile.ZipInfo(name, _FIRST_DATE)
            # A zip stores the operating system that made it; use the same value everywhere.
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            packed = file.suffix in _PACKED
            entry.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
            entry.file_size = file.stat().st_size
            with file.open("rb") as source, archive.open(entry, "w") as member:
                while block := source.read(1 << 20):
                    member.write(block)
            if progress is not None and count % 1000 == 0:
                progress(f"{count:,} of {counted(len(files), 'file')} packed")


@dataclass(frozen=True)
class KeptExport:
    """A zip of a task, its digest and its size."""

    path: Path
    sha256: str
    n_bytes: int


def kept_export(task: Task, folder: Path) -> KeptExport:
    """Return the zip of a task in `folder`; it is made once for each state of the task."""
    path = folder / f"{task.id}-{task.data_digest[:16]}-{task.card_digest[:16]}.zip"
    mark = path.with_suffix(".sha256")
    if not (mark.is_file() and path.is_file()):
        # Two processes may make it at once: both write the same bytes.
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            share_with_group(folder)
        write_atomically(mark, export_task(task, path))
    return KeptExport(path, mark.read_text(), path.stat().st_size)


def unpack_export(archive: Path, task: str, public: Path) -> None:
    """Unpack the files below the folder of the task into `public`; no name leads out of it.

    Raises zipfile.BadZipFile for a name outside of that folder, and whatever a damaged archive
    raises (see `is_archive_damage`).
    """
    with zipfile.ZipFile(archive) as packed:
        for entry in packed.infolist():
            parts = PurePosixPath(entry.filename).parts
            if entry.is_dir():
                continue
            if len(parts) < 2 or parts[0] != task or ".." in parts or "\\" in entry.filename:
                raise zipfile.BadZipFile(f"a file outside of the task: {entry.filename[:100]!r}")
            path = public.joinpath(*parts[1:])
            path.parent.mkdir(parents=True, exist_ok=True)
            with packed.open(entry) as source, path.open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
