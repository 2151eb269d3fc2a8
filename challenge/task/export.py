"""The archive for participants: a zip of `public/`, equal bytes for equal files."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

from challenge.errors import counted
from challenge.task.files import new_file, sha256_of_file
from challenge.task.task import Task

__all__ = ["export_task"]

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
    with new_file(path) as target, zipfile.ZipFile(target, "w") as archive:
        for count, (name, file) in enumerate(files, 1):
            entry = zipfile.ZipInfo(f"{task.id}/{name}", _FIRST_DATE)
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
    return sha256_of_file(path)
