"""Finished cells, kept beside the task so that the same question is not computed twice.

A cell is one file (a line of JSON, then the predictions), written in one step: two drivers on one
task cannot mix their halves. A file that is damaged answers nothing and is written anew.
"""

from __future__ import annotations

import errno
import json
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from challenge.task import Task, write_atomically

__all__ = ["forget_cell", "keep_cell", "kept_cell"]

_FORMAT = 2
_MOST_CELLS = 200
_MOST_BYTES = 1 << 30
_LEFT_S = 3600


def keep_cell(task: Task, key: str, record: Mapping[str, object], predictions: bytes) -> None:
    """Store a finished cell under its key; the least used ones go when there are too many.

    At most 200 cells and a gigabyte a task stay. Where nothing may be written, nothing is kept.
    """
    head = {**record, "format": _FORMAT, "sha256": sha256(predictions).hexdigest()}
    line = json.dumps(head, sort_keys=True, allow_nan=False).encode()
    try:
        write_atomically(_file(task, key), line + b"\n" + predictions)
        _prune(_folder(task))
    except OSError as error:
        # Not keeping costs time, no truth; a full disk must be told all the same.
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise


def kept_cell(task: Task, key: str) -> tuple[dict[str, Any], bytes] | None:
    """Return record and predictions of a kept cell, None when there is none that is whole."""
    file = _file(task, key)
    try:
        line, _, predictions = file.read_bytes().partition(b"\n")
        record: dict[str, Any] = json.loads(line)
        whole = (record.pop("format"), record["sha256"]) == (
            _FORMAT,
            sha256(predictions).hexdigest(),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if not whole:
        return None
    with suppress(OSError):
        # Its time is that of its last use: what nobody asks for any more goes first.
        file.touch()
    return record, predictions


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
            status = file.stat()
            if file.suffix == ".run":
                ages.append((status.st_mtime_ns, status.st_size, file))
            elif time.time() - status.st_mtime > _LEFT_S:
                # Half a file of a driver that was killed, or the folder of an older version.
                _remove(file)
    room = _MOST_BYTES
    for place, (_, size, file) in enumerate(sorted(ages, reverse=True)):
        room -= size
        if place >= _MOST_CELLS or (place and room < 0):
            file.unlink(missing_ok=True)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink()
