"""A lock of a folder between processes, which ends with the process that holds it."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["folder_lock"]

_LOOK_S = 0.002


@contextmanager
def folder_lock(folder: Path, *, wait_s: float = math.inf) -> Iterator[None]:
    """Hold the lock of a folder, after waiting at most `wait_s` seconds for another process.

    Nothing is held where there are no such locks: on Windows, and on some file systems.

    Raises BlockingIOError when another process still holds it, and OSError when the folder cannot
    be opened.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    until = time.monotonic() + wait_s
    handle = os.open(folder, os.O_RDONLY)
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise
                time.sleep(_LOOK_S)
            except OSError:
                break
        yield
    finally:
        os.close(handle)
