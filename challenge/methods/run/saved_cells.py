"""Finished cells, kept beside the task so that the same cell is not computed twice.

A cell is one file, written atomically, so that two drivers on one task cannot mix their parts. A
file that is damaged, or not a plain file, is ignored and written again.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from challenge.errors import ChallengeError
from challenge.methods.run.cell_answer import Answer, pack_answer, unpack_answer
from challenge.methods.run.handover import open_plain
from challenge.task import Task, write_atomically

__all__ = ["forget_cell", "keep_cell", "kept_cell", "would_replace"]

_MOST_CELLS = 200
_MOST_BYTES = 1 << 30
_MOST_CELL_BYTES = 4 << 30
_LEFT_S = 3600


def keep_cell(task: Task, key: str, answer: Answer) -> None:
    """Store a finished cell under its key; remove the least recently used when there are too many.

    At most 200 cells and a gigabyte per task are kept; none in a folder that is not writable.
    """
    try:
        write_atomically(_file(task, key), pack_answer(answer))
        _prune(_folder(task))
    except OSError as error:
        # Without it a cell is computed again, but a full disk must be reported.
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise


def kept_cell(task: Task, key: str) -> Answer | None:
    """Return a kept cell, None when it is missing or damaged."""
    file = _file(task, key)
    try:
        with open_plain(file) as opened:
            answer = unpack_answer(opened.read(_MOST_CELL_BYTES), "a kept cell")
    except (OSError, ChallengeError):
        return None
    with suppress(OSError):
        # The file time is that of the last use: the least recently used are removed first.
        os.utime(file, follow_symlinks=False)
    return answer if answer.record is not None else None


def would_replace(target: Path, kept: Answer | None) -> bool:
    """Whether something else than the predictions of a kept cell is at `target`."""
    if not os.path.lexists(target):
        return False
    return kept is None or not target.is_file() or target.read_bytes() != kept.predictions


def forget_cell(task: Task, key: str) -> None:
    """Remove a kept cell, if there is one."""
    _file(task, key).unlink(missing_ok=True)


def _folder(task: Task) -> Path:
    return task.cache / "runs"


def _file(task: Task, key: str) -> Path:
    return _folder(task) / f"{key}.run"


def _prune(folder: Path) -> None:
    ages = []
    for file in folder.iterdir():
        # Another driver may prune at the same time.
        with suppress(FileNotFoundError):
            status = file.lstat()
            if file.suffix == ".run":
                ages.append((status.st_mtime_ns, status.st_size, file))
            elif time.time() - status.st_mtime > _LEFT_S:
                # A partial file of a driver that was killed.
                _remove(file)
    room = _MOST_BYTES
    for index, (_, size, file) in enumerate(sorted(ages, reverse=True)):
        room -= size
        if index >= _MOST_CELLS or (index and room < 0):
            file.unlink(missing_ok=True)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink()
